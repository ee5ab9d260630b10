//! How fast the simulator is, measured here and now.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::args;
use super::built_in;
use super::ceiling::Ceiling;
use super::exit::Exit;
use super::given::Given;
use super::outcome::{Job, Outcome};
use super::pool::Pool;
use super::table::{self, Tone, numbers, words};
use super::{Context, failure, figures};
use crate::report::{RunReport, SCHEMA_VERSION};

/// Seeds that are run per worker to measure seeds per second.
const SEEDS_PER_JOB: u64 = 8;

/// What was measured. Rates are the best of all repetitions.
#[derive(Debug, Default, Serialize)]
struct Figures {
    schema_version: u32,
    /// Spawned, sleeping and awaited tasks of the bare runtime per CPU-second.
    ceiling_calls_per_cpu_second: f64,
    /// Simulated calls per CPU-second, with all oracles and the trace hash.
    calls_per_cpu_second: f64,
    /// The same with a coordinator that looks at everything twenty times a second.
    hurried_calls_per_cpu_second: f64,
    /// Virtual time per CPU time with five indexers under faults.
    virtual_per_cpu: f64,
    /// Seeds per second of real time, a process each.
    seeds_per_second: f64,
    /// Virtual time per real time of those seeds together.
    virtual_per_real: f64,
    /// Workers at the same time in the last two.
    jobs: usize,
}

/// Measures how fast the simulator is.
pub fn run(arguments: &args::Bench, context: &mut Context) -> Exit {
    let pool = match context.pool(&arguments.pace) {
        Ok(pool) => pool,
        Err(exit) => return exit,
    };
    match measure(arguments.repeat.max(1), &pool, context) {
        Ok(figures) => {
            show(&figures, arguments.json, context);
            Exit::Passed
        }
        Err(_) if context.stop.is_interrupted() => Exit::Interrupted,
        Err(Failed::Run(outcome)) => {
            context
                .out
                .data(&failure::describe(&outcome, &failure::commit()));
            outcome.exit
        }
        Err(Failed::Ceiling(message)) => {
            context.out.error(&message);
            Exit::Harness
        }
    }
}

/// Why nothing was measured.
enum Failed {
    Run(Box<Outcome>),
    Ceiling(String),
}

fn measure(repeat: u32, pool: &Pool, context: &mut Context) -> Result<Figures, Failed> {
    let mut figures = Figures {
        schema_version: SCHEMA_VERSION,
        jobs: pool.jobs(),
        ..Figures::default()
    };
    let per_second = |count: u64, cpu_micros: u64| count as f64 * 1e6 / cpu_micros.max(1) as f64;
    for turn in 1..=repeat {
        context.out.talk(&format!("measuring, {turn} of {repeat}"));
        let bare = ceiling(pool)?;
        let bare = per_second(bare.calls, bare.cpu_micros);
        figures.ceiling_calls_per_cpu_second = figures.ceiling_calls_per_cpu_second.max(bare);
        let calls = alone(built_in::CALLS, pool)?;
        let rate = per_second(calls.calls, calls.cpu_micros);
        figures.calls_per_cpu_second = figures.calls_per_cpu_second.max(rate);
        let hurried = alone(built_in::HURRY, pool)?;
        let rate = per_second(hurried.calls, hurried.cpu_micros);
        figures.hurried_calls_per_cpu_second = figures.hurried_calls_per_cpu_second.max(rate);
        let faults = alone(built_in::FAULTS, pool)?;
        let speed = faults.virtual_micros as f64 / faults.cpu_micros.max(1) as f64;
        figures.virtual_per_cpu = figures.virtual_per_cpu.max(speed);
        let (seeds, virtual_micros, wall) = many(pool)?;
        let wall = wall.as_secs_f64().max(1e-6);
        if seeds as f64 / wall > figures.seeds_per_second {
            figures.seeds_per_second = seeds as f64 / wall;
            figures.virtual_per_real = virtual_micros as f64 / 1e6 / wall;
        }
    }
    Ok(figures)
}

fn ceiling(pool: &Pool) -> Result<Ceiling, Failed> {
    let output = pool
        .output(&["ceiling".into()])
        .map_err(|error| Failed::Ceiling(format!("cannot start a worker: {error}")))?;
    serde_json::from_slice(&output.stdout)
        .map_err(|_| Failed::Ceiling(String::from_utf8_lossy(&output.stderr).into_owned()))
}

fn job(name: &str, seed: u64) -> Job {
    Job {
        given: Arc::new(Given::of(name)),
        place: 0,
        seed,
        trace_to: None,
        crash: None,
        sweeping: None,
    }
}

/// One run with nothing beside it.
fn alone(name: &str, pool: &Pool) -> Result<RunReport, Failed> {
    match pool.run(job(name, 1)) {
        Some(outcome) if outcome.passed() => Ok(outcome.report),
        Some(outcome) => Err(Failed::Run(Box::new(outcome))),
        None => Err(Failed::Ceiling("interrupted".to_owned())),
    }
}

/// Seeds, virtual time in microseconds and real time of many runs.
fn many(pool: &Pool) -> Result<(u64, u64, Duration), Failed> {
    let mut seeds =
        (1..=SEEDS_PER_JOB * pool.jobs() as u64).map(|seed| job(built_in::FAULTS, seed));
    let (mut count, mut virtual_micros, mut failed) = (0, 0_u64, None);
    let began = Instant::now();
    pool.each(
        || seeds.next(),
        |outcome| {
            count += 1;
            virtual_micros += outcome.report.virtual_micros;
            if !outcome.passed() {
                failed.get_or_insert(Failed::Run(Box::new(outcome)));
            }
            ControlFlow::Continue(())
        },
    );
    match failed {
        Some(failed) => Err(failed),
        None => Ok((count, virtual_micros, began.elapsed())),
    }
}

fn show(figures: &Figures, json: bool, context: &mut Context) {
    let out = &mut context.out;
    if json {
        match serde_json::to_string(figures) {
            Ok(line) => out.data(&line),
            Err(error) => out.error(&error.to_string()),
        }
        return;
    }
    let share = |rate: f64| {
        let ceiling = figures.ceiling_calls_per_cpu_second.max(1.0);
        format!("{:.0}% of the bare runtime", rate / ceiling * 100.0)
    };
    let rows = [
        (
            "bare runtime: tasks per CPU-second",
            figures.ceiling_calls_per_cpu_second,
            String::new(),
        ),
        (
            "calls per CPU-second, 50 indexers",
            figures.calls_per_cpu_second,
            share(figures.calls_per_cpu_second),
        ),
        (
            "calls per CPU-second, 50 indexers, a tick of 50ms",
            figures.hurried_calls_per_cpu_second,
            share(figures.hurried_calls_per_cpu_second),
        ),
        (
            "x real time per core, 5 indexers under faults",
            figures.virtual_per_cpu,
            String::new(),
        ),
        (
            "seeds per second, a process each",
            figures.seeds_per_second,
            format!("{} at a time, 2h of virtual time each", figures.jobs),
        ),
        (
            "virtual time per real time of those",
            figures.virtual_per_real,
            String::new(),
        ),
    ];
    let rows = rows.map(|(name, value, note)| {
        (
            Tone::Plain,
            vec![name.to_owned(), figures::ratio(value, 1.0), note],
        )
    });
    let columns = [words("measured"), numbers("value"), words("note")];
    let for_people = out.data_is_terminal;
    out.data(&table::render(&columns, &rows, for_people));
    out.data("all oracles and the trace hash are on");
}
