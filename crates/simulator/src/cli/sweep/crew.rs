//! The other end of the workers of a sweep.

use std::io::{self, BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::sync::{Mutex, PoisonError};

use super::super::exit::Exit;
use super::super::outcome::{Job, Outcome};
use super::super::pool::Pool;
use super::serve::{Answer, Request};
use crate::sweep::Plan;

/// Runs after which a worker is replaced, so that nothing piles up in it.
const RUNS: u32 = 500;

/// One worker.
struct Hand {
    child: Child,
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
    runs: u32,
}

impl Hand {
    fn hire(pool: &Pool) -> io::Result<Hand> {
        let limit = pool.limit_text();
        let mut command = pool.program(&["serve".into(), "--limit".into(), limit.into()]);
        let mut child = command.stderr(Stdio::null()).spawn()?;
        let pipes = child.stdin.take().zip(child.stdout.take());
        let (requests, answers) = pipes.ok_or_else(|| io::Error::other("no pipes"))?;
        Ok(Hand {
            child,
            requests,
            answers: BufReader::new(answers),
            runs: 0,
        })
    }

    /// Has one run done. Whatever goes wrong, this worker is of no more use.
    fn ask(&mut self, request: &Request) -> io::Result<Answer> {
        let mut line = serde_json::to_string(request)?;
        line.push('\n');
        self.requests.write_all(line.as_bytes())?;
        line.clear();
        if self.answers.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.runs += 1;
        Ok(serde_json::from_str(&line)?)
    }

    /// Lets it go, and waits until it is gone.
    fn dismiss(mut self) {
        drop(self.requests);
        // Its requests have ended, and so does it; one that hangs is ended by its
        // own limit.
        let _ = self.child.wait();
    }
}

/// Workers that do many runs each.
#[derive(Default)]
pub struct Crew {
    idle: Mutex<Vec<Hand>>,
}

impl Crew {
    /// Runs a job that has a plan, and judges it. What does not pass is repeated
    /// in a process of its own, whose outcome counts; where the two differ, that
    /// is what comes out. Nothing does if all is to end.
    pub fn run(
        &self,
        pool: &Pool,
        job: Job,
        judge: impl Fn(Outcome) -> Outcome,
    ) -> Option<Outcome> {
        let Some(plan) = job.plan().map(Plan::to_string) else {
            return pool.run(job).map(judge);
        };
        let request = Request {
            scenario: job.given.name.clone(),
            seed: job.seed,
            plan,
        };
        let hand = self
            .idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop();
        let hand = hand.map_or_else(|| Hand::hire(pool), Ok);
        let answer = hand.and_then(|mut hand| {
            let answer = hand.ask(&request);
            match answer.is_ok() && hand.runs < RUNS {
                true => self
                    .idle
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(hand),
                false => hand.dismiss(),
            }
            answer
        });
        if pool.stop.is_interrupted() {
            return None;
        }
        let Ok(Answer::Report(report)) = answer else {
            return pool.run(job).map(judge);
        };
        let exit = Exit::of(report.verdict);
        let shared = Outcome {
            job,
            report: *report,
            exit,
        };
        let judged = judge(shared);
        if judged.passed() {
            return Some(judged);
        }
        self.confirm(pool, judged).map(judge)
    }

    /// Repeats a run in a process of its own; it must be the same.
    fn confirm(&self, pool: &Pool, shared: Outcome) -> Option<Outcome> {
        let mut alone = pool.run(shared.job.clone())?;
        if alone.report.trace_hash != shared.report.trace_hash {
            alone.differs_from(&shared);
        }
        Some(alone)
    }

    /// Lets all workers go.
    pub fn dismiss(self) {
        let idle = self.idle.into_inner();
        for hand in idle.unwrap_or_else(PoisonError::into_inner) {
            hand.dismiss();
        }
    }
}
