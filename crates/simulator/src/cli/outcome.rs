//! What came of a worker.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Output;
use std::sync::Arc;
use std::time::Duration;

use super::exit::Exit;
use super::given::Given;
use crate::report::{RunReport, SCHEMA_VERSION, Verdict, Violation};
use crate::run::Sweeping;
use crate::sweep::{Plan, Swept};

/// Lines of a dead worker's stderr that are kept.
const LAST_WORDS: usize = 40;

/// An effect at which the coordinator crashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CrashPoint {
    /// The number of the effect, counted over the whole run from 1.
    pub effect: u64,
    /// Right before the effect happens; right after it if not.
    pub before: bool,
}

impl std::fmt::Display for CrashPoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let place = if self.before { "before" } else { "after" };
        write!(f, "{place} effect {}", self.effect)
    }
}

/// One run to do.
#[derive(Clone, Debug)]
pub struct Job {
    /// What to run.
    pub given: Arc<Given>,
    /// The scenario's place among those that run.
    pub place: usize,
    /// The seed.
    pub seed: u64,
    /// Where the trace goes, if it is wanted.
    pub trace_to: Option<PathBuf>,
    /// Where the coordinator crashes, besides whatever the scenario does to it.
    pub crash: Option<CrashPoint>,
    /// How it takes part in a sweep, if it does.
    pub sweeping: Option<Sweeping>,
}

impl Job {
    /// A run with nothing but what the scenario does.
    pub fn plain(given: Arc<Given>, place: usize, seed: u64) -> Job {
        Job {
            given,
            place,
            seed,
            trace_to: None,
            crash: None,
            sweeping: None,
        }
    }

    /// What a sweep plans for it.
    pub fn plan(&self) -> Option<&Plan> {
        self.sweeping.as_ref()?.plan.as_ref()
    }
}

/// One run that is over.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// What ran.
    pub job: Job,
    /// The worker's report; one in its place if the worker could make none.
    pub report: RunReport,
    /// What it means for the exit code.
    pub exit: Exit,
}

impl Outcome {
    /// Reads what a worker left behind.
    pub fn read(job: Job, output: Result<Output, String>, limit: Duration) -> Outcome {
        let judged = output.and_then(|output| {
            let code = output.status.code();
            if code == Some(0) {
                return serde_json::from_slice::<RunReport>(&output.stdout)
                    .map(Ok)
                    .map_err(|error| format!("the worker's report cannot be read: {error}"));
            }
            let words = String::from_utf8_lossy(&output.stderr).into_owned();
            let exits = [Exit::Usage, Exit::OutOfTime, Exit::Panic];
            let known = exits
                .into_iter()
                .find(|exit| code == Some(exit.code().into()));
            Ok(Err((
                known.unwrap_or(Exit::Harness),
                format!("{}", output.status),
                words,
            )))
        });
        let (report, exit) = match judged {
            Ok(Ok(report)) => {
                let exit = Exit::of(report.verdict);
                (report, exit)
            }
            Ok(Err((exit, status, words))) => {
                let sentence = match exit {
                    Exit::Usage => "the run could not begin".to_owned(),
                    Exit::OutOfTime => {
                        format!("no verdict within {}", humantime::format_duration(limit))
                    }
                    Exit::Panic => "product code panicked and took the run with it".to_owned(),
                    _ => format!("the worker ended with {status}"),
                };
                (stand_in(&job, exit, sentence, &words), exit)
            }
            Err(sentence) => (stand_in(&job, Exit::Harness, sentence, ""), Exit::Harness),
        };
        Outcome { job, report, exit }
    }

    /// The run was not the same beside others as it is alone.
    pub fn differs_from(&mut self, beside: &Outcome) {
        self.report.violation = Some(Violation {
            oracle: "M1".to_owned(),
            sentence: format!(
                "in a process that had done other runs it was another run: {}, hash {}; alone it \
                 is: {}, hash {}",
                beside.verdict(),
                beside.report.trace_hash,
                self.verdict(),
                self.report.trace_hash
            ),
            at: String::new(),
            evidence: Vec::new(),
        });
        self.report.verdict = Verdict::Harness;
        self.exit = Exit::Nondeterminism;
    }

    /// Whether all went well.
    pub fn passed(&self) -> bool {
        self.exit == Exit::Passed
    }

    /// The violated property's id; empty if none was.
    pub fn oracle(&self) -> &str {
        self.report
            .violation
            .as_ref()
            .map_or("", |violation| &violation.oracle)
    }

    /// The verdict in a few words: `passed`, `safety S7`, `out of time`.
    pub fn verdict(&self) -> String {
        match self.exit {
            Exit::Passed => "passed".to_owned(),
            Exit::Safety => format!("safety {}", self.oracle()),
            Exit::Liveness => format!("liveness {}", self.oracle()),
            Exit::Panic => "panic".to_owned(),
            Exit::OutOfTime => "out of time".to_owned(),
            Exit::Usage => "could not begin".to_owned(),
            Exit::Nondeterminism => "not the same twice".to_owned(),
            _ => "harness error".to_owned(),
        }
    }
}

/// A report for a worker that made none.
fn stand_in(job: &Job, exit: Exit, sentence: String, words: &str) -> RunReport {
    let (verdict, oracle) = match exit {
        Exit::Panic => (Verdict::Panic, "S14"),
        Exit::OutOfTime => (Verdict::Harness, "limit"),
        _ => (Verdict::Harness, "harness"),
    };
    let lines: Vec<&str> = words
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    let last = lines.len().saturating_sub(LAST_WORDS);
    let evidence = lines
        .iter()
        .skip(last)
        .map(|line| (*line).to_owned())
        .collect();
    RunReport {
        schema_version: SCHEMA_VERSION,
        scenario: job.given.name.clone(),
        seed: job.seed,
        coordinator: job.given.coordinator,
        trace_hash: String::new(),
        events: 0,
        calls: 0,
        coordinator_calls: 0,
        effects: 0,
        faults: 0,
        virtual_micros: 0,
        cpu_micros: 0,
        verdict,
        violation: Some(Violation {
            oracle: oracle.to_owned(),
            sentence,
            at: String::new(),
            evidence,
        }),
        further: Vec::new(),
        pending: Vec::new(),
        excused: Vec::new(),
        last_events: Vec::new(),
        marks: BTreeMap::new(),
        blocks: BTreeMap::new(),
        end_state: BTreeMap::new(),
        swept: Swept::default(),
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// A job that nobody runs.
    pub fn job(name: &str, seed: u64) -> Job {
        Job {
            given: Arc::new(Given::of(name)),
            place: 0,
            seed,
            trace_to: None,
            crash: None,
            sweeping: None,
        }
    }

    /// An outcome that nobody ran for.
    pub fn outcome(name: &str, seed: u64, exit: Exit, oracle: &str) -> Outcome {
        let job = job(name, seed);
        let mut report = stand_in(&job, exit, "something happened twice".to_owned(), "");
        report.violation = match exit {
            Exit::Passed => None,
            _ => report.violation.map(|violation| Violation {
                oracle: oracle.to_owned(),
                at: "12.5s".to_owned(),
                evidence: vec!["first".to_owned(), "second".to_owned()],
                ..violation
            }),
        };
        report.verdict = match exit {
            Exit::Passed => Verdict::Passed,
            Exit::Safety => Verdict::Safety,
            Exit::Liveness => Verdict::Liveness,
            Exit::Panic => Verdict::Panic,
            _ => Verdict::Harness,
        };
        Outcome { job, report, exit }
    }

    #[cfg(unix)]
    fn ended(status: i32, stdout: &str, stderr: &str) -> Result<Output, String> {
        use std::os::unix::process::ExitStatusExt;
        Ok(Output {
            status: std::process::ExitStatus::from_raw(status),
            stdout: stdout.into(),
            stderr: stderr.into(),
        })
    }

    #[cfg(unix)]
    fn read(output: Result<Output, String>) -> Outcome {
        Outcome::read(job("x.toml", 3), output, Duration::from_secs(120))
    }

    #[cfg(unix)]
    #[test]
    fn a_report_is_taken_as_it_is() {
        let report = outcome("x.toml", 3, Exit::Liveness, "L1").report;
        let json = serde_json::to_string(&report).expect("it can be written");
        let outcome = read(ended(0, &json, ""));
        assert_eq!(outcome.report, report);
        assert_eq!(outcome.exit, Exit::Liveness);
        assert_eq!(outcome.verdict(), "liveness L1");
    }

    #[cfg(unix)]
    #[test]
    fn workers_that_leave_no_report_get_one() {
        let code = |code: i32| code << 8;
        for (output, exit, sentence) in [
            (ended(code(2), "", "bad"), Exit::Usage, "could not begin"),
            (
                ended(code(5), "", "bad"),
                Exit::OutOfTime,
                "no verdict within 2m",
            ),
            (
                ended(code(7), "", "bad"),
                Exit::Panic,
                "product code panicked",
            ),
            (ended(code(8), "", "bad"), Exit::Harness, "exit status: 8"),
            (ended(code(1), "", "bad"), Exit::Harness, "exit status: 1"),
            (ended(9, "", "bad"), Exit::Harness, "signal: 9"),
        ] {
            let outcome = read(output);
            assert_eq!(outcome.exit, exit);
            let violation = outcome.report.violation.expect("there is one");
            assert!(
                violation.sentence.contains(sentence),
                "{}",
                violation.sentence
            );
            assert_eq!(violation.evidence, ["bad"]);
        }
        assert_eq!(read(ended(0, "{", "")).exit, Exit::Harness);
        assert_eq!(
            read(Err("no more processes".to_owned())).exit,
            Exit::Harness
        );
    }

    #[cfg(unix)]
    #[test]
    fn only_the_last_words_of_a_worker_are_kept() {
        let words: String = (0..1_000).map(|line| format!("line {line}\n")).collect();
        let evidence = read(ended(6, "", &words))
            .report
            .violation
            .map(|it| it.evidence);
        let evidence = evidence.unwrap_or_default();
        assert_eq!(evidence.len(), LAST_WORDS);
        assert_eq!(evidence.last().map(String::as_str), Some("line 999"));
    }
}
