//! One way after the other to make a scenario smaller.

use std::collections::BTreeSet;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use toml::Table;

use super::super::figures;
use super::super::out::Out;
use super::super::outcome::Outcome;
use super::finding::named;
use super::list::{Candidates, minimal};
use super::tree::{self, Key, Path, Size};
use super::trial::{Case, Trial};
use crate::report::Violation;

/// Further seeds that are tried where a large piece is left out: whatever is left
/// meets its faults at other moments then.
const DARING: u64 = 5;
/// A large piece is at least this part of the whole.
const LARGE: usize = 4;
/// Down to single ones.
const EVERY: usize = usize::MAX;
/// Milliseconds that a run goes on after what went wrong.
const MARGIN: u64 = 1_000;

/// The smallest scenario so far, and how it gets smaller.
pub struct Shrinker<'a> {
    trial: Trial<'a>,
    /// The smallest one so far.
    pub case: Case,
    /// What came of it; of one that is nearly so small if it was not run itself.
    pub outcome: Outcome,
    /// How many seeds are tried, from its own on.
    seeds: u64,
    bar: Option<ProgressBar>,
    size: Size,
}

impl<'a> Shrinker<'a> {
    /// Begins with a run that failed.
    pub fn new(trial: Trial<'a>, case: Case, outcome: Outcome, out: &mut Out) -> Shrinker<'a> {
        let bar = out.talk_is_terminal.then(bar);
        out.share_with(bar.clone());
        Shrinker {
            trial,
            seeds: 1,
            size: Size::of(&case.root),
            case,
            outcome,
            bar,
        }
    }

    /// Makes it as small as it gets; `more_seeds` other seeds are tried where its
    /// own does not fail any more.
    pub fn run(&mut self, more_seeds: u64, out: &mut Out) {
        self.seeds = more_seeds.min(DARING) + 1;
        self.leap();
        self.seeds = 1;
        self.tell(out);
        while !self.trial.is_over() {
            let before = self.case.clone();
            self.round(out);
            if self.case != before {
                self.seeds = 1;
            } else if self.seeds == 1 && more_seeds > 0 {
                self.seeds = more_seeds.saturating_add(1);
            } else {
                break;
            }
        }
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        out.share_with(None);
    }

    /// Runs so far.
    pub fn runs(&self) -> u64 {
        self.trial.runs
    }

    /// How long it took so far.
    pub fn elapsed(&self) -> Duration {
        self.trial.elapsed()
    }

    /// What takes few runs and leads far. How long the run is stays: in a shorter one
    /// fewer faults would have less time to meet.
    fn leap(&mut self) {
        self.end_sooner();
        self.lower(&["run", "silence"].map(tree::name));
        self.one_indexer();
        self.fewer(LARGE, tree::settings, tree::without);
        self.fewer(LARGE, steps, tree::without);
        self.fewer(LARGE, indexers, tree::without_indexers);
    }

    /// Every way once.
    fn round(&mut self, out: &mut Out) {
        let passes: [fn(&mut Self); 8] = [
            Self::end_sooner,
            Self::one_indexer,
            |this| this.fewer(EVERY, steps, tree::without),
            |this| this.fewer(EVERY, indexers, tree::without_indexers),
            |this| this.fewer(EVERY, tree::settings, tree::without),
            |this| this.fewer(EVERY, tree::details, tree::without),
            Self::smaller,
            Self::hurry,
        ];
        for pass in passes {
            pass(self);
            self.tell(out);
        }
    }

    /// Says how small it is, if it became smaller.
    fn tell(&mut self, out: &mut Out) {
        let size = Size::of(&self.case.root);
        if size == self.size {
            return;
        }
        self.size = size;
        let time = figures::time(self.elapsed());
        out.talk(&format!(
            "{time:>8}  {} after {} runs",
            self.size,
            self.runs()
        ));
    }

    /// The first candidate that still fails takes the place of the present one.
    fn take(&mut self, candidates: Candidates<'_, Table>) -> Option<usize> {
        let (own, seeds) = (self.case.seed, self.seeds);
        let mut cases = (0_usize..).zip(candidates).flat_map(|(number, root)| {
            (0..seeds).map(move |more| {
                let root = root.clone();
                let seed = own.wrapping_add(more);
                (number, Case { root, seed })
            })
        });
        let bar = &self.bar;
        let size = self.size;
        let tick = || {
            if let Some(bar) = bar {
                bar.inc(1);
                bar.set_message(size.to_string());
            }
        };
        let found = self.trial.first_failing(&mut cases, tick)?;
        self.case = found.case;
        if let Some(outcome) = found.outcome {
            self.outcome = outcome;
        }
        Some(found.number)
    }

    /// Leaves out what can go of a list of places, in pieces that are at least one of
    /// `parts` parts of it.
    fn fewer(
        &mut self,
        parts: usize,
        list: fn(&Table) -> Vec<Path>,
        without: fn(&Table, &BTreeSet<Path>) -> Table,
    ) {
        let root = self.case.root.clone();
        let all: BTreeSet<Path> = list(&root).into_iter().collect();
        let smallest = all.len() / parts;
        minimal(all.iter().cloned().collect(), smallest, |candidates| {
            let mut roots = candidates.map(|kept| {
                let kept: BTreeSet<Path> = kept.into_iter().collect();
                without(&root, &all.difference(&kept).cloned().collect())
            });
            self.take(&mut roots)
        });
    }

    /// Ends the run right after what went wrong, and the silence with it.
    fn end_sooner(&mut self) {
        let violation = self.outcome.report.violation.as_ref();
        let moment = violation.and_then(Violation::moment);
        let length = tree::duration(&self.case.root, &["run", "duration"]);
        let (Some(moment), Some(length)) = (moment, length) else {
            return;
        };
        let end = u64::try_from(moment.as_millis()).unwrap_or(u64::MAX);
        let end = (end.saturating_add(MARGIN) / MARGIN).saturating_mul(MARGIN);
        if Duration::from_millis(end) < length {
            let root = tree::ending(&self.case.root, end);
            self.take(&mut std::iter::once(root));
        }
    }

    /// Leaves the indexer that the sentence names as the only one.
    fn one_indexer(&mut self) {
        let name = self.outcome.report.violation.as_ref().and_then(named);
        let Some(name) = name else { return };
        let gone = tree::others(&self.case.root, &name);
        if !gone.is_empty() && gone.len() < tree::items(&self.case.root, &["indexer"]).len() {
            let root = tree::without_indexers(&self.case.root, &gone);
            self.take(&mut std::iter::once(root));
        }
    }

    /// Makes times and numbers smaller, one after the other.
    fn smaller(&mut self) {
        for path in tree::sizes(&self.case.root) {
            self.lower(&path);
        }
    }

    /// Makes one time or number smaller, as far as it goes.
    fn lower(&mut self, path: &[Key]) {
        let is_length = path == tree::LENGTH.map(tree::name);
        loop {
            let root = self.case.root.clone();
            let Some(value) = tree::at(&root, path) else {
                break;
            };
            let lowered = tree::lowered(value).into_iter();
            let mut candidates = lowered.filter_map(|value| match is_length {
                true => tree::ending_at(&root, &value),
                false => tree::with(&root, path, value),
            });
            if self.take(&mut candidates).is_none() {
                break;
            }
        }
    }

    /// Makes the pauses between steps shorter.
    fn hurry(&mut self) {
        loop {
            let candidates = tree::hurried(&self.case.root);
            if self.take(&mut candidates.into_iter()).is_none() {
                break;
            }
        }
    }
}

fn steps(root: &Table) -> Vec<Path> {
    tree::items(root, &["step"])
}

fn indexers(root: &Table) -> Vec<Path> {
    tree::items(root, &["indexer"])
}

fn bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{elapsed:>4} {spinner} {pos} runs  {msg}");
    let bar = ProgressBar::new_spinner();
    let bar = bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
    bar.enable_steady_tick(Duration::from_millis(250));
    bar
}
