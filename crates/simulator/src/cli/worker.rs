//! One run in a process of its own.

use std::io::{Read, Write};
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;
use std::process;
use std::thread;
use std::time::Duration;

use super::args;
use super::built_in;
use super::exit::Exit;
use super::given::Given;
use super::out::Out;
use crate::leaks::{Leak, PlantedLeak};
use crate::planted::{self, Planted};
use crate::report::RunReport;
use crate::run::{self, Options, RunError, Sweeping};
use crate::scenario::Scenario;
use crate::world::CrashAt;

/// The run's stack, in bytes: as large as that of a main thread.
const STACK: usize = 8 << 20;
/// How long the coordinator stays down after a crash that was asked for.
const DOWN: Duration = Duration::from_secs(2);
/// Sources whose panics are the product's fault.
const PRODUCT: [&str; 2] = ["crates/coordinator/", "crates/lifecycle/"];

/// What a run comes to, or why it came to nothing.
pub type Judged = Result<(RunReport, Vec<String>), RunError>;

/// Runs, prints the report as one line of JSON, and says how that went.
pub fn work(arguments: args::Worker, out: &mut Out) -> Exit {
    let given = Given {
        name: arguments.scenario,
        blocks: arguments.blocks,
        registry: arguments.registry,
        sets: arguments.set,
        coordinator: arguments.coordinator,
        ..Given::default()
    };
    let scenario = match given.load_for(arguments.seed) {
        Ok(scenario) => scenario,
        Err(found) => {
            out.diagnostics(&found);
            return Exit::Usage;
        }
    };
    let planted = match arguments.planted.as_deref().map(find_bug).transpose() {
        Ok(planted) => planted,
        Err(message) => {
            out.error(&message);
            return Exit::Usage;
        }
    };
    let leak = match prepare(&scenario, arguments.move_to.as_deref(), arguments.leak) {
        Ok(leak) => leak,
        Err(message) => {
            out.talk(&message);
            return Exit::Harness;
        }
    };
    let panics = run::Panics::watch();
    let options = Options {
        planted,
        logic: arguments.coordinator,
        panics: panics.clone(),
        trace: arguments.trace_to.is_some(),
        crash_at: arguments.crash_at.map(|effect| CrashAt {
            effect,
            before: arguments.crash_before,
            down: DOWN,
        }),
        sweeping: (arguments.record_sites || arguments.plan.is_some()).then_some(Sweeping {
            plan: arguments.plan,
            record: arguments.record_sites,
        }),
        leak,
    };
    if let Err(error) = watch(arguments.limit, arguments.lifeline) {
        out.talk(&format!("cannot start a thread: {error}"));
        return Exit::Harness;
    }
    let before = arguments
        .afterwards
        .then(|| run_another(arguments.seed, &options));
    let judged = before
        .unwrap_or(Ok(()))
        .and_then(|()| run_alone(scenario, arguments.seed, options));
    match judged {
        Ok(judged) => hand_in(judged, arguments.trace_to.as_deref(), out),
        Err(message) => {
            out.talk(&message);
            let is_product = PRODUCT.iter().any(|source| message.contains(source));
            if is_product {
                Exit::Panic
            } else {
                Exit::Harness
            }
        }
    }
}

/// What is to be done before the run besides reading its scenario.
///
/// # Errors
/// A leak cannot be opened, or there is no way to the folder; says so.
fn prepare(
    scenario: &Scenario,
    move_to: Option<&Path>,
    leak: Option<&PlantedLeak>,
) -> Result<Option<Leak>, String> {
    // The paths of a scenario's data may begin where the process is.
    let has_paths = scenario.data.blocks.is_some() || scenario.data.registry.is_some();
    if let Some(folder) = move_to.filter(|_| !has_paths) {
        std::env::set_current_dir(folder)
            .map_err(|error| format!("cannot move to {}: {error}", folder.display()))?;
    }
    let leak = leak.map(Leak::open).transpose();
    leak.map_err(|error| format!("the leak cannot be opened: {error}"))
}

/// Runs something else in this process, whatever comes of it.
///
/// # Errors
/// It panicked; says so.
fn run_another(seed: u64, options: &Options) -> Result<(), String> {
    let seed = seed.wrapping_add(1);
    let scenario = Given::of(built_in::SMALL).load_for(seed);
    let scenario = scenario.map_err(|_| "the run before this one cannot be read".to_owned())?;
    let options = Options {
        panics: options.panics.clone(),
        leak: options.leak.clone(),
        ..Options::default()
    };
    let panics = options.panics.clone();
    let judged = run_alone(scenario, seed, options)?;
    // What it left behind is no news of the next one.
    panics.take();
    judged.map(|_| ()).map_err(|error| error.to_string())
}

/// Runs on a thread of its own, whose hash keys nothing has drawn yet.
///
/// # Errors
/// The run panicked, or there is no thread; says so.
pub fn run_alone(scenario: Scenario, seed: u64, options: Options) -> Result<Judged, String> {
    let panics = options.panics.clone();
    let job = thread::Builder::new()
        .name("run".to_owned())
        .stack_size(STACK);
    let running = job.spawn(move || {
        panic::catch_unwind(AssertUnwindSafe(|| run::run(&scenario, seed, &options)))
            .map_err(|payload| panics.take().pop().unwrap_or_else(|| words(&*payload)))
    });
    match running.map(thread::JoinHandle::join) {
        Ok(Ok(judged)) => judged,
        Ok(Err(payload)) => Err(words(&*payload)),
        Err(error) => Err(format!("cannot start a thread: {error}")),
    }
}

fn find_bug(name: &str) -> Result<&'static Planted, String> {
    planted::find(name).ok_or_else(|| format!("there is no planted bug `{name}`"))
}

fn hand_in(judged: Judged, trace_to: Option<&Path>, out: &mut Out) -> Exit {
    let (report, lines) = match judged {
        Ok(judged) => judged,
        Err(error) => {
            out.error(&error.to_string());
            return Exit::Usage;
        }
    };
    if let Some(path) = trace_to
        && let Err(error) = write_lines(path, &lines)
    {
        out.talk(&format!(
            "cannot write the trace to {}: {error}",
            path.display()
        ));
        return Exit::Harness;
    }
    match serde_json::to_string(&report) {
        Ok(json) => {
            out.data(&json);
            Exit::Passed
        }
        Err(error) => {
            out.talk(&format!("cannot write the report: {error}"));
            Exit::Harness
        }
    }
}

fn write_lines(path: &Path, lines: &[String]) -> std::io::Result<()> {
    let mut file = std::io::BufWriter::new(std::fs::File::create(path)?);
    for line in lines {
        file.write_all(line.as_bytes())?;
        file.write_all(b"\n")?;
    }
    file.flush()
}

/// Ends the process when its time is up, or when the one who wants the result is
/// gone, which then no longer holds the other end of stdin.
fn watch(limit: Duration, lifeline: bool) -> std::io::Result<()> {
    thread::Builder::new().spawn(move || {
        thread::sleep(limit);
        process::exit(Exit::OutOfTime.code().into());
    })?;
    if lifeline {
        thread::Builder::new().spawn(|| {
            let mut byte = [0];
            while std::io::stdin().read(&mut byte).is_ok_and(|read| read > 0) {}
            process::exit(Exit::Interrupted.code().into());
        })?;
    }
    Ok(())
}

/// The message of a panic.
fn words(payload: &(dyn std::any::Any + Send)) -> String {
    let text = payload.downcast_ref::<String>().cloned();
    let text = text.or_else(|| {
        payload
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
    });
    format!(
        "panicked: {}",
        text.unwrap_or_else(|| "no message".to_owned())
    )
}
