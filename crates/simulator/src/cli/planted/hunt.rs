//! The hunt for bugs through all scenarios.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::super::args::Planted as Arguments;
use super::super::equivalence;
use super::super::out::Out;
use super::super::outcome::{Job, Outcome};
use super::super::pool::Pool;
use super::{Ground, caught_by, given};
use crate::planted::Planted;
use crate::planted::witness::{Catch, Witness};
use crate::report::Violation;

/// What became of one bug.
pub struct Caught {
    /// Which.
    pub bug: &'static Planted,
    /// Where it was caught; empty if nowhere.
    pub witness: Witness,
    /// Runs that came to no verdict.
    pub broken: u64,
}

impl Caught {
    /// Whether it was.
    pub fn is_caught(&self) -> bool {
        !self.witness.caught.is_empty()
    }
}

/// A run that is over.
struct Tried {
    cpu_micros: u64,
    at_millis: Option<u64>,
    broken: bool,
    by: Option<String>,
}

/// One bug, and what came of its runs by their numbers from 0.
struct Quarry {
    bug: &'static Planted,
    /// The places of the scenarios in which it can show.
    grounds: Vec<usize>,
    tried: BTreeMap<u64, Tried>,
}

impl Quarry {
    fn first(&self) -> Option<u64> {
        let mut caught = self.tried.iter().filter(|(_, tried)| tried.by.is_some());
        caught.next().map(|(number, _)| *number)
    }

    /// How many runs it gets, as far as is known now.
    fn share(&self, seeds: u64, more: u64) -> u64 {
        let after = self.first().map(|first| first.saturating_add(1 + more));
        after.map_or(seeds, |after| after.min(seeds.max(more)))
    }
}

struct State {
    quarries: Vec<Quarry>,
    /// The bug that is hunted, and its next run.
    next: (usize, u64),
}

/// The runs of each bug: all scenarios with the first seed, then with the second.
pub struct Hunt {
    grounds: Vec<Ground>,
    seeds: u64,
    more: u64,
    state: Mutex<State>,
}

impl Hunt {
    /// A hunt for `bugs` that has not begun.
    pub fn new(bugs: &[&'static Planted], grounds: Vec<Ground>, arguments: &Arguments) -> Hunt {
        let of = |bug: &'static Planted| {
            let watched = bug.place != crate::planted::Place::Coordinator;
            let fits = |(_, ground): &(usize, &Ground)| ground.shadow || !watched;
            Quarry {
                bug,
                grounds: grounds
                    .iter()
                    .enumerate()
                    .filter(fits)
                    .map(|it| it.0)
                    .collect(),
                tried: BTreeMap::new(),
            }
        };
        let quarries = bugs.iter().map(|bug| of(bug)).collect();
        Hunt {
            grounds,
            seeds: arguments.seeds.get(),
            more: arguments.more,
            state: Mutex::new(State {
                quarries,
                next: (0, 0),
            }),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs them all.
    pub fn go(&self, pool: &Pool, out: &mut Out) {
        pool.each_with(
            equivalence::run,
            || self.next(),
            |outcome| {
                self.take(&outcome, out);
                ControlFlow::Continue(())
            },
        );
    }

    fn next(&self) -> Option<Job> {
        let mut state = self.lock();
        loop {
            let (place, number) = state.next;
            let quarry = state.quarries.get(place)?;
            let round = quarry.grounds.len() as u64;
            if round == 0 || number >= quarry.share(self.seeds, self.more) {
                state.next = (place + 1, 0);
                continue;
            }
            let turn = usize::try_from(number % round).unwrap_or(0);
            let ground = quarry
                .grounds
                .get(turn)
                .and_then(|it| self.grounds.get(*it))?;
            let job = Job {
                given: given(quarry.bug, &ground.name, ground.defends_equivalence),
                place,
                seed: 1 + number / round,
                trace_to: None,
                crash: None,
                sweeping: None,
            };
            state.next.1 += 1;
            return Some(job);
        }
    }

    fn take(&self, outcome: &Outcome, out: &mut Out) {
        let mut state = self.lock();
        let grounds = &self.grounds;
        let Some(quarry) = state.quarries.get_mut(outcome.job.place) else {
            return;
        };
        let is_it = |place: &usize| {
            let ground = grounds.get(*place);
            ground.is_some_and(|ground| ground.name == outcome.job.given.name)
        };
        let turn = quarry.grounds.iter().position(is_it).unwrap_or(0) as u64;
        let round = quarry.grounds.len() as u64;
        let number = (outcome.job.seed - 1) * round + turn;
        // What a crash alone shows otherwise is kept for another run: a catch is shown
        // again by its scenario and its seed.
        let shown = |by: &&str| outcome.job.crash.is_none() || *by == equivalence::ORACLE;
        let by = caught_by(outcome).filter(shown).map(str::to_owned);
        let news = by.is_some() && quarry.first().is_none_or(|first| number < first);
        if let (true, Some(by)) = (news, &by) {
            out.talk(&format!(
                "{}: {by} in {}",
                quarry.bug.name, outcome.job.given.name
            ));
        }
        let violation = outcome.report.violation.as_ref();
        let moment = violation.and_then(Violation::moment);
        let tried = Tried {
            cpu_micros: outcome.report.cpu_micros,
            at_millis: moment.and_then(|moment| u64::try_from(moment.as_millis()).ok()),
            broken: caught_by(outcome).is_none() && !outcome.passed(),
            by,
        };
        quarry.tried.insert(number, tried);
    }

    /// What became of each bug. The same for any number of workers.
    pub fn results(&self) -> Vec<Caught> {
        let state = self.lock();
        let results = state.quarries.iter().map(|quarry| self.result(quarry));
        results.collect()
    }

    fn result(&self, quarry: &Quarry) -> Caught {
        let first = quarry.first();
        let until = quarry.share(self.seeds, self.more);
        let mut witness = Witness::default();
        let mut cpu = 0;
        let mut broken = 0;
        for (number, tried) in quarry.tried.range(..until) {
            broken += u64::from(tried.broken);
            if first.is_none_or(|first| *number <= first) {
                cpu += tried.cpu_micros;
                witness.runs += 1;
            }
            let new = tried.by.as_deref().filter(|by| !witness.is_caught_by(by));
            let round = quarry.grounds.len().max(1) as u64;
            let turn = usize::try_from(number % round).unwrap_or(0);
            let ground = quarry
                .grounds
                .get(turn)
                .and_then(|it| self.grounds.get(*it));
            if let (Some(by), Some(ground)) = (new, ground) {
                witness.caught.push(Catch {
                    by: by.to_owned(),
                    scenario: ground.name.clone(),
                    seed: 1 + number / round,
                    at_millis: tried.at_millis,
                });
            }
        }
        witness.cpu_millis = cpu / 1000;
        Caught {
            bug: quarry.bug,
            witness,
            broken,
        }
    }
}
