//! A coordinator that only observes: it plans against the live world beside an
//! active one, performs nothing, and says where the two disagree.
//!
//! It cannot change anything even by mistake: its ports refuse whatever would.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use lifecycle::{Desired, IndexerId, Observed, Phase, Reason, Record, Seen, Step, Timestamp};

use crate::health::{Aside, set_aside};
use crate::shared::{Shared, lock};

mod ports;
mod round;

#[cfg(test)]
mod tests;

pub(crate) use ports::read_only;
pub(crate) use round::ShadowMemory;

/// How long the active coordinator may take to do what this one would have done.
pub const GRACE: Duration = Duration::from_secs(120);

/// The most unexpected things that are kept of one indexer, the newest.
const UNEXPECTED_MAX: usize = 10;

/// Where the two coordinators stand on one indexer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// Nothing would be done, and the world is as it should be.
    Agrees,
    /// Something would be done; the active one may still do it.
    Pending,
    /// Nothing can be said: what must be seen for that does not answer or cannot be read.
    Unknown,
    /// What would have been done was not done within [`GRACE`], or something was
    /// done that this one would not have done.
    Disagrees,
}

impl Verdict {
    /// A word for programs.
    pub fn name(self) -> &'static str {
        match self {
            Verdict::Agrees => "Agrees",
            Verdict::Pending => "Pending",
            Verdict::Unknown => "Unknown",
            Verdict::Disagrees => "Disagrees",
        }
    }
}

/// One indexer in the shadow's eyes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShadowEntry {
    /// Which.
    pub id: IndexerId,
    /// The phase in the record of the active coordinator.
    pub phase: Option<Phase>,
    /// The phase that this one would have brought it to.
    pub shadow_phase: Option<Phase>,
    /// What it would do now, or why nothing.
    pub would: String,
    /// Where the two stand.
    pub verdict: Verdict,
    /// Since when it would do that.
    pub since: Timestamp,
    /// What was done that it would not have done, the newest last.
    pub unexpected: VecDeque<String>,
}

/// What was found since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ShadowReport {
    /// Some of the indexers, by name.
    pub entries: Vec<ShadowEntry>,
    /// Where the next page begins: after this one. `None` if this is the last.
    pub next: Option<IndexerId>,
    /// Indexers looked at.
    pub observed: usize,
    /// Those on which the two disagree.
    pub disagreements: usize,
    /// Those of which nothing can be said.
    pub unknown: usize,
    /// Actions that would have been carried out since the start.
    pub planned_actions: u64,
}

/// What the shadow knows of all indexers.
#[derive(Debug, Default)]
pub(crate) struct ShadowLog {
    entries: BTreeMap<IndexerId, ShadowEntry>,
    planned_actions: u64,
}

impl ShadowLog {
    /// Takes in what would be done for an indexer; `acts` if it is an action.
    /// Returns the entry if it says something else than before.
    pub(crate) fn put(&mut self, mut entry: ShadowEntry, acts: bool) -> Option<ShadowEntry> {
        let before = self.entries.get(&entry.id);
        let same = before.is_some_and(|before| before.would == entry.would);
        if let Some(before) = before
            && same
        {
            entry.since = before.since;
        } else if acts {
            self.planned_actions += 1;
        }
        let told = before.map(|before| (before.verdict, &before.would, &before.unexpected));
        let news = told != Some((entry.verdict, &entry.would, &entry.unexpected));
        let answer = news.then(|| entry.clone());
        self.entries.insert(entry.id.clone(), entry);
        answer
    }

    /// Since when `would` has been what is to be done for `id`.
    pub(crate) fn since(&self, id: &IndexerId, would: &str) -> Option<Timestamp> {
        let entry = self.entries.get(id)?;
        (entry.would == would).then_some(entry.since)
    }

    /// Forgets an indexer that is gone.
    pub(crate) fn remove(&mut self, id: &IndexerId) {
        self.entries.remove(id);
    }

    /// Up to `limit` entries after `after`, by name. Where `doubts` say what is not seen
    /// nobody is agreed with.
    pub(crate) fn report(
        &self,
        after: Option<&IndexerId>,
        limit: usize,
        disagreements_only: bool,
        doubts: &Doubts,
    ) -> ShadowReport {
        let disagrees = |entry: &&ShadowEntry| entry.verdict == Verdict::Disagrees;
        let wanted = |entry: &&ShadowEntry| !disagreements_only || disagrees(entry);
        let behind = |entry: &&ShadowEntry| after.is_none_or(|after| entry.id > *after);
        let mut entries: Vec<ShadowEntry> = (self.entries.values())
            .filter(behind)
            .filter(wanted)
            .take(limit.saturating_add(1))
            .cloned()
            .collect();
        let more = entries.len() > limit;
        entries.truncate(limit);
        for entry in &mut entries {
            doubts.apply(entry);
        }
        let unknown = |entry: &&ShadowEntry| match entry.verdict {
            Verdict::Unknown => true,
            Verdict::Agrees => doubts.concern(&entry.id),
            Verdict::Pending | Verdict::Disagrees => false,
        };
        ShadowReport {
            unknown: self.entries.values().filter(unknown).count(),
            next: entries.last().filter(|_| more).map(|last| last.id.clone()),
            entries,
            observed: self.entries.len(),
            disagreements: self.entries.values().filter(disagrees).count(),
            planned_actions: self.planned_actions,
        }
    }
}

/// What is not known by now, whatever was found at the last look at an indexer: what is
/// settled is not looked at again because of it.
#[derive(Debug, Default)]
pub(crate) struct Doubts {
    /// What keeps it from seeing the world, if anything does.
    blind: Option<String>,
    /// Whose entries in the registry cannot be read.
    aside: Aside,
    /// Who is neither listed nor deleted.
    kept: BTreeSet<IndexerId>,
}

impl Doubts {
    fn concern(&self, id: &IndexerId) -> bool {
        self.blind.is_some() || self.aside.why(id).is_some() || self.kept.contains(id)
    }

    fn apply(&self, entry: &mut ShadowEntry) {
        let absent = format!("wait: {}", Reason::NotInRegistry);
        let agrees = entry.verdict == Verdict::Agrees;
        if !agrees && (entry.verdict != Verdict::Unknown || entry.would != absent) {
            return;
        }
        if let Some(why) = self.aside.why(&entry.id) {
            entry.would = format!("wait: {}", set_aside(why));
        } else if self.kept.contains(&entry.id) {
            entry.would = absent;
        } else if agrees && let Some(why) = &self.blind {
            entry.would = format!("{why}; before: {}", entry.would);
        } else {
            return;
        }
        entry.verdict = Verdict::Unknown;
    }
}

impl Shared {
    /// What a shadow does not know now.
    pub(crate) fn doubts(&self) -> Doubts {
        let aside = lock(&self.health).aside.clone();
        let kept = lock(&self.desired).kept().cloned().collect();
        Doubts {
            blind: self.blind(),
            aside,
            kept,
        }
    }

    /// What keeps a shadow from seeing the world as it is now, if anything does.
    /// What is settled is not looked at again just because a service is away, so
    /// no loop says so.
    fn blind(&self) -> Option<String> {
        let down = self.services_down();
        if let Some((service, _)) = down.first_key_value() {
            return Some(format!("the {service} does not answer"));
        }
        let answered = lock(&self.health).registry_answered;
        match answered {
            None => Some(Reason::RegistryUnknown.to_string()),
            Some(at) if self.now().since(at) > GRACE => {
                Some("the registry does not answer any more".to_owned())
            }
            Some(_) => None,
        }
    }
}

/// What one round would have led to.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Foreseen {
    /// The record after all that would only have been written down.
    pub(crate) record: Option<Record>,
    /// Then the step: an effect, a wait, or the end.
    pub(crate) step: Step,
}

/// The longest chain of commits that is followed.
const COMMITS_MAX: usize = 16;

/// Follows what would be written down, in memory, up to the first step that is
/// more than that.
pub(crate) fn foresee(mut seen: Observed, plan: impl Fn(&Observed) -> Step) -> Foreseen {
    // Nothing is started, so there is nothing to spread over time.
    seen.start_slot = Timestamp(0);
    for _ in 0..COMMITS_MAX {
        match plan(&seen) {
            Step::Commit(next) => {
                let intends =
                    |record: &Record| record.task.as_ref().is_some_and(|task| task.id.is_none());
                let intended = seen.record.as_ref().is_some_and(intends);
                // Whoever has just written an intent goes on to the call.
                seen.armed = intends(&next) && !intended;
                seen.record = Some(*next);
            }
            step => {
                return Foreseen {
                    record: seen.record,
                    step,
                };
            }
        }
    }
    let step = plan(&seen);
    Foreseen {
        record: seen.record,
        step,
    }
}

/// What stands at the services, as far as it was seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Standing {
    /// Version of the stream; `None` outside: not seen; inside: there is none.
    stream: Option<Option<u64>>,
    executor: Option<Option<u64>>,
}

impl Standing {
    pub(crate) fn of(seen: &Observed) -> Standing {
        fn version<T>(seen: &Seen<T>, of: impl Fn(&T) -> u64) -> Option<Option<u64>> {
            match seen {
                Seen::Unknown => None,
                Seen::Absent => Some(None),
                Seen::Present(it) => Some(Some(of(it))),
            }
        }
        Standing {
            stream: version(&seen.stream, |stream| stream.version),
            executor: version(&seen.executor, |executor| executor.version),
        }
    }

    /// What was started since `before` that is not wanted, in words. What is gone
    /// may have died of its own; that nobody starts it again shows in the plan.
    pub(crate) fn surprises(&self, before: &Standing, wanted: Wanted) -> Vec<String> {
        let resources = [
            ("block stream", before.stream, self.stream),
            ("executor", before.executor, self.executor),
        ];
        let mut told = Vec::new();
        for (what, before, now) in resources {
            let (Some(before), Some(now)) = (before, now) else {
                continue;
            };
            if before == now {
                continue;
            }
            match (wanted, now) {
                (Wanted::Version(wanted), Some(version)) if version != wanted => told.push(
                    format!("a {what} of version {version} was started, wanted is {wanted}"),
                ),
                (Wanted::Nothing, Some(version)) => told.push(format!(
                    "a {what} of version {version} was started though nothing shall run"
                )),
                _ => {}
            }
        }
        told
    }
}

/// What shall run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// It is not known.
    Unknown,
    /// Disabled or deleted.
    Nothing,
    /// This version.
    Version(u64),
}

impl Wanted {
    pub(crate) fn of(seen: &Observed) -> Wanted {
        let enabled = seen.record.as_ref().is_none_or(|record| record.enabled);
        match &seen.desired {
            Desired::Deleted { .. } => Wanted::Nothing,
            _ if !enabled => Wanted::Nothing,
            Desired::Present(spec) => Wanted::Version(spec.version),
            _ => Wanted::Unknown,
        }
    }
}
