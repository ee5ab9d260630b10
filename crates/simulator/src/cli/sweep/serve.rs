//! A worker of a sweep: one process that does many runs, one after the other.
//!
//! Each run has a thread of its own: the sources of randomness inside libraries
//! that depend on what ran before are those of a thread. What comes of a plan
//! here decides nothing if it failed: that is repeated in a process of its own.

use std::collections::BTreeMap;
use std::io::{self, BufRead, Write};
use std::process;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::super::exit::Exit;
use super::super::given::Given;
use super::super::worker;
use super::args;
use crate::report::{RunReport, Verdict};
use crate::run::{Options, Panics, Sweeping};
use crate::scenario::Scenario;

/// How often it is looked whether a run takes too long.
const LOOK: Duration = Duration::from_millis(100);

/// A run to do, as a line of JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// The scenario's file.
    pub scenario: String,
    /// The seed.
    pub seed: u64,
    /// The plan.
    pub plan: String,
}

/// What came of it, as a line of JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// A report. If the run passed, without what only people read.
    Report(Box<RunReport>),
    /// There is none, for this reason.
    Failed(String),
}

/// Does runs until there are no more requests.
pub fn serve(arguments: &args::Serve) -> Exit {
    let panics = Panics::watch();
    let deadline = match watch() {
        Ok(deadline) => deadline,
        Err(_) => return Exit::Harness,
    };
    let mut known: BTreeMap<String, Scenario> = BTreeMap::new();
    let mut stdout = io::stdout().lock();
    for line in io::stdin().lock().lines() {
        let Ok(line) = line else {
            return Exit::Harness;
        };
        let set = |end| *deadline.lock().unwrap_or_else(PoisonError::into_inner) = end;
        set(Some(Instant::now() + arguments.limit));
        let answer = answer(&line, &mut known, &panics).unwrap_or_else(Answer::Failed);
        set(None);
        let written = serde_json::to_string(&answer)
            .map_err(io::Error::from)
            .and_then(|json| writeln!(stdout, "{json}"))
            .and_then(|()| stdout.flush());
        if written.is_err() {
            return Exit::Harness;
        }
    }
    Exit::Passed
}

fn answer(
    line: &str,
    known: &mut BTreeMap<String, Scenario>,
    panics: &Panics,
) -> Result<Answer, String> {
    let request: Request = serde_json::from_str(line).map_err(|error| error.to_string())?;
    if !known.contains_key(&request.scenario) {
        let given = Given::of(&request.scenario);
        let scenario = given.load().map_err(|found| {
            let first = found.first().map(ToString::to_string);
            first.unwrap_or_else(|| "the scenario cannot be read".to_owned())
        })?;
        known.insert(request.scenario.clone(), scenario);
    }
    let scenario = known.get(&request.scenario).cloned();
    let scenario = scenario.ok_or("the scenario is not there")?;
    let sweeping = Sweeping {
        plan: Some(request.plan.parse()?),
        record: false,
    };
    // What an earlier run left behind is no news of this one.
    panics.take();
    let options = Options {
        panics: panics.clone(),
        sweeping: Some(sweeping),
        ..Options::default()
    };
    let (mut report, _) =
        worker::run_alone(scenario, request.seed, options)?.map_err(|error| error.to_string())?;
    if report.verdict == Verdict::Passed {
        report.last_events.clear();
        report.blocks.clear();
        report.marks.clear();
    }
    Ok(Answer::Report(Box::new(report)))
}

/// Ends the process once a deadline has passed.
fn watch() -> io::Result<Arc<Mutex<Option<Instant>>>> {
    let deadline = Arc::new(Mutex::new(None::<Instant>));
    let watched = Arc::clone(&deadline);
    thread::Builder::new().spawn(move || {
        loop {
            thread::sleep(LOOK);
            let deadline = *watched.lock().unwrap_or_else(PoisonError::into_inner);
            if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                process::exit(Exit::OutOfTime.code().into());
            }
        }
    })?;
    Ok(deadline)
}
