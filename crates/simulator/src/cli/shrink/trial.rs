//! Candidates on trial: which of them still fail.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use toml::Table;
use xxhash_rust::xxh3::xxh3_64;

use super::super::equivalence;
use super::super::exit::Exit;
use super::super::given::Given;
use super::super::outcome::{CrashPoint, Job, Outcome};
use super::super::pool::Pool;
use super::finding::Finding;
use super::list::Candidates;
use crate::run::Sweeping;
use crate::swarm;
use crate::sweep::Plan;

/// A scenario and a seed.
#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    /// The scenario.
    pub root: Table,
    /// The seed.
    pub seed: u64,
}

impl Case {
    /// What stands for it where it has been run already: the scenario, and the seed.
    fn key(&self) -> (u64, u64) {
        (xxh3_64(swarm::render(&self.root).as_bytes()), self.seed)
    }
}

/// How much may be tried.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    /// Real time after which no run begins.
    pub time: Duration,
    /// Runs.
    pub runs: u64,
}

/// What happens to every run beside what its scenario says.
#[derive(Clone, Debug, Default)]
pub struct Fault {
    /// What a sweep plans.
    pub plan: Option<Plan>,
    /// Where the coordinator crashes; in a smaller run that may be an earlier effect.
    pub crash: Option<CrashPoint>,
}

/// Runs candidates and compares what they come to with the finding.
pub struct Trial<'a> {
    pool: &'a Pool,
    /// What every run has in common: data, planted bug, whose logic.
    base: Given,
    finding: Finding,
    fault: Fault,
    budget: Budget,
    began: Instant,
    folder: TempDir,
    known: Known,
    /// Whether times of the scenario must keep their relations to each other.
    related: bool,
    /// Runs so far. Those that only came about because several run at a time do
    /// not count: with one worker or with many, the result is the same.
    pub runs: u64,
}

/// What was tried already.
#[derive(Default)]
struct Known {
    /// Whether a scenario fails with a seed.
    fails: BTreeMap<(u64, u64), bool>,
    /// What is no sound scenario, whatever the seed.
    unsound: BTreeSet<u64>,
}

/// A candidate that fails.
pub struct Failing {
    /// The number that came with it.
    pub number: usize,
    /// The candidate.
    pub case: Case,
    /// What came of it, if it was run just now.
    pub outcome: Option<Outcome>,
}

/// What several threads work at.
struct Round<'r, 'c> {
    candidates: Candidates<'c, (usize, Case)>,
    known: &'r mut Known,
    running: BTreeMap<usize, (usize, Case)>,
    /// The places of the runs that were begun.
    begun: Vec<usize>,
    next: usize,
    /// The first that fails so far, and its place.
    found: Option<(usize, Failing)>,
}

impl Round<'_, '_> {
    fn fails(&mut self, place: usize, failing: Failing) {
        if self.found.as_ref().is_none_or(|(best, _)| place < *best) {
            self.found = Some((place, failing));
        }
    }
}

impl<'a> Trial<'a> {
    /// Nothing was tried yet. `first` is what is to be made smaller.
    ///
    /// # Errors
    /// There is no place for candidates.
    pub fn new(
        pool: &'a Pool,
        base: Given,
        finding: Finding,
        fault: Fault,
        budget: Budget,
        first: &Table,
    ) -> io::Result<Trial<'a>> {
        Ok(Trial {
            pool,
            base,
            finding,
            fault,
            budget,
            began: Instant::now(),
            folder: tempfile::tempdir()?,
            known: Known::default(),
            related: swarm::is_related(first),
            runs: 0,
        })
    }

    /// Whether there is nothing left to try with.
    pub fn is_over(&self) -> bool {
        self.pool.stop.is_interrupted()
            || self.began.elapsed() >= self.budget.time
            || self.runs >= self.budget.runs
    }

    /// How long it has been going on.
    pub fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// The first of these candidates, each with a number, that fails in the same way.
    /// `tick` is called after every run.
    pub fn first_failing(
        &mut self,
        candidates: Candidates<'_, (usize, Case)>,
        mut tick: impl FnMut(),
    ) -> Option<Failing> {
        let mut known = std::mem::take(&mut self.known);
        let round = Mutex::new(Round {
            candidates,
            known: &mut known,
            running: BTreeMap::new(),
            begun: Vec::new(),
            next: 0,
            found: None,
        });
        let lock = || round.lock().unwrap_or_else(PoisonError::into_inner);
        let this = &*self;
        this.pool.each_with(
            |pool, job| this.run(pool, job),
            || this.next(&mut lock()),
            |outcome| {
                let mut round = lock();
                let place = outcome.job.place;
                if let Some((number, case)) = round.running.remove(&place) {
                    let fails = this.finding.is_found_by(&outcome);
                    round.known.fails.insert(case.key(), fails);
                    if fails {
                        let outcome = Some(outcome);
                        round.fails(
                            place,
                            Failing {
                                number,
                                case,
                                outcome,
                            },
                        );
                    }
                }
                tick();
                ControlFlow::Continue(())
            },
        );
        let round = round.into_inner().unwrap_or_else(PoisonError::into_inner);
        let found = round.found;
        let last = found.as_ref().map_or(usize::MAX, |(place, _)| *place);
        let counted = round.begun.iter().filter(|place| **place <= last).count();
        self.runs += counted as u64;
        self.known = known;
        found.map(|(_, failing)| failing)
    }

    /// The next run to do, unless something that fails was found: whatever is
    /// better is then under way already.
    fn next(&self, round: &mut Round<'_, '_>) -> Option<Job> {
        loop {
            let late = self.began.elapsed() >= self.budget.time || self.pool.stop.is_interrupted();
            let many = self.runs + round.begun.len() as u64 >= self.budget.runs;
            if round.found.is_some() || late || many {
                return None;
            }
            let (number, case) = round.candidates.next()?;
            let place = round.next;
            round.next += 1;
            let key = case.key();
            if round.known.unsound.contains(&key.0) {
                continue;
            }
            match round.known.fails.get(&key) {
                Some(true) => {
                    let outcome = None;
                    round.fails(
                        place,
                        Failing {
                            number,
                            case,
                            outcome,
                        },
                    );
                }
                Some(false) => {}
                None => {
                    if let Some(job) = self.job(&case, place) {
                        round.begun.push(place);
                        round.running.insert(place, (number, case));
                        return Some(job);
                    }
                    round.known.unsound.insert(key.0);
                }
            }
        }
    }

    /// The run of a candidate; none if it is no sound scenario.
    fn job(&self, case: &Case, place: usize) -> Option<Job> {
        if self.related && !swarm::is_related(&case.root) {
            return None;
        }
        let path = self.path(place);
        fs::write(&path, swarm::render(&case.root)).ok()?;
        let given = Given {
            name: path.display().to_string(),
            ..self.base.clone()
        };
        given.load_for(case.seed).ok()?;
        let sweeping = self.fault.plan.clone().map(|plan| Sweeping {
            plan: Some(plan),
            record: false,
        });
        Some(Job {
            sweeping,
            crash: self.fault.crash,
            ..Job::plain(Arc::new(given), place, case.seed)
        })
    }

    fn path(&self, place: usize) -> PathBuf {
        self.folder.path().join(format!("{place}.toml"))
    }

    /// What comes of a job. With a plan or a crash, the run without it comes first,
    /// and must pass.
    fn run(&self, pool: &Pool, job: Job) -> Option<Outcome> {
        let file = self.path(job.place);
        let outcome = compared(pool, job, |it| self.finding.is_found_by(it));
        // What cannot be removed goes with the folder.
        let _ = fs::remove_file(file);
        outcome
    }
}

/// Effects before the one asked for at which a crash is tried, too: a smaller run has
/// fewer of them.
const NEARBY: u64 = 24;

/// What comes of a job; if it has a plan of a sweep or a crash, beside the run without
/// one. Of a crash it is the first outcome that `is_it`, or else the undisturbed one.
pub fn compared(pool: &Pool, job: Job, is_it: impl Fn(&Outcome) -> bool) -> Option<Outcome> {
    if job.plan().is_none() && job.crash.is_none() {
        return pool.run(job);
    }
    let plain = pool.run(Job {
        sweeping: None,
        crash: None,
        ..job.clone()
    })?;
    if !plain.passed() {
        // It is no matter of the plan, whatever the plan would have led to.
        let mut nothing = plain;
        nothing.exit = Exit::NothingRan;
        return Some(nothing);
    }
    let Some(crash) = job.crash else {
        let outcome = pool.run(job)?;
        return Some(super::super::sweep::judge(&plain.report, outcome));
    };
    for effect in nearby(crash.effect, plain.report.effects) {
        let crash = Some(CrashPoint { effect, ..crash });
        let crashed = pool.run(Job {
            crash,
            ..job.clone()
        })?;
        let crashed = equivalence::judge(&plain.report, crashed);
        if !crashed.passed() && is_it(&crashed) {
            return Some(crashed);
        }
    }
    Some(plain)
}

/// The effects of a run of `many` at which a crash is tried in place of `wanted`.
fn nearby(wanted: u64, many: u64) -> impl Iterator<Item = u64> {
    let last = wanted.min(many);
    (last.saturating_sub(NEARBY).max(1)..=last).rev()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crash_is_tried_at_the_effect_asked_for_and_at_those_before_it() {
        let tried = |wanted, many| nearby(wanted, many).collect::<Vec<_>>();
        assert_eq!(tried(3, 9), [3, 2, 1]);
        assert_eq!(tried(9, 2), [2, 1]);
        assert_eq!(tried(9, 0).len(), 0);
        let many = tried(100, 200);
        assert_eq!((many.len(), many[0], many[24]), (25, 100, 76));
    }
}
