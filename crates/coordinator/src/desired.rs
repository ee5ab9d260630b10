//! What the registry wants, gathered from listings and point reads that may be
//! late, incomplete or contradictory.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use lifecycle::{Desired, IndexerId, Spec};
use tokio::time::Instant;

use crate::knobs::Knobs;

mod behind;
mod course;
mod doubted;
mod outlier;
mod questions;
mod shallow;
#[cfg(test)]
mod tests;
mod unlistable;

pub use behind::Behind;
use outlier::Outlier;
use questions::Question;
use shallow::Shallow;
use unlistable::Unlistable;

/// A height so far above the last one that it cannot be true (three weeks of blocks,
/// when a second has passed): believing it would shut out every later answer.
pub(crate) const HEIGHT_JUMP_MAX: u64 = 2_000_000;

/// Blocks that a chain may make in each second since the last answer; NEAR makes one or
/// two.
const BLOCKS_PER_SECOND_MAX: u64 = 4;

/// A height that no chain has reached: not even a first answer is believed.
pub const HEIGHT_MAX: u64 = 1_000_000_000_000;

/// So many deletions of those that are forgotten are known one by one; if there are more,
/// everybody counts as known by then.
const FORGOTTEN_MAX: usize = 1_000;

/// What became of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It is as new as what was known, or newer; these indexers' desired state changed.
    News(Vec<IndexerId>),
    /// It is older than what is known of those it tells of, and was dropped.
    Older {
        /// Its height.
        height: u64,
        /// As of which height they are known.
        mark: u64,
    },
    /// A height in it is beyond belief, and it was dropped.
    Absurd(u64),
}

/// A height was given up, which one answer had told and all later ones denied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GivenUp {
    /// That height.
    pub told: u64,
    /// As of which height everybody is known now.
    pub known: u64,
}

/// The last good picture of the registry. What is known of an indexer only ever gets
/// newer.
///
/// Answers overtake each other: many questions are under way at once, and a listing
/// takes longer than an answer about one indexer. So each answer is measured by what
/// is known of those it tells of, and not by what was said of somebody else.
///
/// What is not listed is only kept of indexers that are watched, and of those that were
/// forgotten after they had been told to be deleted, until a listing is as new; so its
/// size is bounded by the last listing and the number of loops.
#[derive(Debug, Default)]
pub struct DesiredView {
    /// The persisted height that this view began with: an earlier life may have
    /// known as much of everybody.
    floor: u64,
    mark: u64,
    /// When an answer was taken in last; before, `mark` is the persisted one, which may
    /// be years old.
    answered: Option<Instant>,
    /// The highest height that is known to be stored as one that was acted upon.
    acted: u64,
    /// The highest height that this coordinator acted upon itself, or began with.
    acted_here: u64,
    /// The last attempt to list brought nothing.
    silent: bool,
    /// Since when no listing was new enough, and the highest height of the answers since.
    late: Option<(Instant, u64)>,
    /// Since when listings are beyond belief, and the height of the last of them.
    ahead: Option<(Instant, u64)>,
    outlier: Outlier,
    shallow: Shallow,
    /// As of which height the last listing is.
    listed_at: u64,
    /// Who was told of since, and as of which height.
    told: BTreeMap<IndexerId, u64>,
    listed_once: bool,
    unlistable: Unlistable,
    /// Who has a record, before the first listing.
    recorded: BTreeSet<IndexerId>,
    listed: BTreeMap<IndexerId, Arc<Spec>>,
    /// `listed` is not what the last listing said: something newer was told since.
    amended: bool,
    watched: BTreeSet<IndexerId>,
    tombstones: BTreeMap<IndexerId, (u64, u64)>,
    unlisted: BTreeMap<IndexerId, Arc<Spec>>,
    /// Who came to be unlisted since somebody asked.
    missed: Vec<IndexerId>,
    /// Those of `unlisted` that a point read says are registered all the same.
    confirmed: BTreeSet<IndexerId>,
    /// One for every watched indexer that is neither listed nor known to be
    /// deleted; for the listed ones, too, while nothing can be listed any more.
    questions: BTreeMap<IndexerId, Question>,
    /// Answers dropped because they were older than what was known.
    pub dropped_older: u64,
    /// Listings that lacked suspiciously much.
    pub suspicious: u64,
}

impl DesiredView {
    /// A view that drops answers older than `mark`, the persisted high-water mark.
    pub fn new(mark: u64) -> DesiredView {
        DesiredView {
            floor: mark,
            acted: mark,
            acted_here: mark,
            mark,
            ..DesiredView::default()
        }
    }

    /// What is wanted of `id`, as far as is known.
    pub fn desired(&self, id: &IndexerId) -> Desired {
        if let Some(spec) = self.listed.get(id) {
            return Desired::Present(Arc::clone(spec));
        }
        if let Some((version, at)) = self.tombstones.get(id) {
            return Desired::Deleted {
                version: *version,
                at: *at,
            };
        }
        match self.unlisted.get(id) {
            Some(spec) if self.confirmed.contains(id) => Desired::Present(Arc::clone(spec)),
            // It was wanted before and nobody said that it was deleted.
            Some(spec) => Desired::Unlisted(Arc::clone(spec)),
            None if self.listed_once => Desired::Missing,
            None => Desired::Unknown,
        }
    }

    /// Who is kept without being listed (see [`Desired::Unlisted`]).
    pub(crate) fn kept(&self) -> impl Iterator<Item = &IndexerId> {
        let nobody_knows = |id: &&IndexerId| {
            !self.confirmed.contains(*id)
                && !self.listed.contains_key(*id)
                && !self.tombstones.contains_key(*id)
        };
        self.unlisted.keys().filter(nobody_knows)
    }

    /// Who came to be unlisted since the last call.
    pub(crate) fn take_missed(&mut self) -> Vec<IndexerId> {
        std::mem::take(&mut self.missed)
    }

    /// Whether the last listing has `id`.
    pub fn lists(&self, id: &IndexerId) -> bool {
        self.listed.contains_key(id)
    }

    /// The highest height seen, the persisted one included.
    pub fn height(&self) -> u64 {
        self.mark
    }

    /// All indexers of the last listing.
    pub fn listed(&self) -> impl Iterator<Item = &IndexerId> {
        self.listed.keys()
    }

    /// Takes note that this coordinator has acted upon a deletion as of `height`.
    pub(crate) fn acted_here(&mut self, height: u64) {
        self.acted_here = self.acted_here.max(height);
    }

    /// Takes note that the registry's height is stored as `height`: answers below were
    /// acted upon.
    pub fn acted_upon(&mut self, height: u64) {
        self.acted = self.acted.max(height);
    }

    /// The height that [`DesiredView::give_up`] would give up, if nothing above the
    /// other answers was acted upon.
    pub fn outlier(&self, now: Instant) -> Option<u64> {
        let (told, reached) = self.outlier.proven(now)?;
        // What is known to have been registered since would show that they are old.
        (self.highest_version() <= reached).then_some(told)
    }

    /// Gives up the height that one answer told, where that is beyond doubt and nothing
    /// above the other answers was acted upon, `stored` included. What is known stays,
    /// until the next answer.
    pub fn give_up(&mut self, stored: u64, now: Instant) -> Option<GivenUp> {
        self.acted_upon(stored);
        let told = self.outlier(now)?;
        let (_, known) = self.outlier.proven(now)?;
        if self.acted > known {
            return None;
        }
        self.outlier.clear();
        (self.late, self.shallow) = (None, Shallow::default());
        self.tells_all(u64::MAX);
        (self.mark, self.listed_at) = (known, known);
        self.answered = Some(now);
        Some(GivenUp { told, known })
    }

    /// The highest height of which something that is known tells.
    fn highest_version(&self) -> u64 {
        let specs = self.listed.values().chain(self.unlisted.values());
        let versions = specs.map(|spec| spec.version);
        let deleted = self.tombstones.values();
        let deleted = deleted.map(|(version, at)| *version.max(at));
        versions.chain(deleted).max().unwrap_or(0)
    }

    /// As of which height everybody is known at least.
    fn everybody_at(&self) -> u64 {
        self.listed_at.max(self.floor)
    }

    /// As of which height `id` is known; 0 if nobody was heard of yet.
    pub(crate) fn known_at(&self, id: &IndexerId) -> u64 {
        let told = self.told.get(id).copied().unwrap_or(0);
        told.max(self.everybody_at())
    }

    /// Refuses an answer about somebody who is `known` as of a greater height.
    fn admit(&mut self, height: u64, known: u64, now: Instant) -> Option<Taken> {
        if height < known {
            self.dropped_older += 1;
            self.outlier.heard(height, now);
            self.shallow.heard_low(height, now);
            if let Some((_, heard)) = &mut self.late {
                *heard = height.max(*heard);
            }
            return Some(Taken::Older {
                height,
                mark: known,
            });
        }
        let jumps = self.answered.is_some_and(|at| {
            let passed = now.saturating_duration_since(at).as_secs();
            let made = BLOCKS_PER_SECOND_MAX.saturating_mul(passed);
            height.saturating_sub(self.mark) > HEIGHT_JUMP_MAX.saturating_add(made)
        });
        if height > HEIGHT_MAX {
            return Some(Taken::Absurd(height));
        }
        if jumps {
            self.shallow.heard_high(height, now);
            return Some(Taken::Absurd(height));
        }
        match self.answered.replace(now) {
            None => {
                self.outlier.begins(height);
                self.shallow.begins(height, now);
            }
            Some(_) => {
                self.outlier.heard(height, now);
                self.shallow.heard_low(height, now);
            }
        }
        self.mark = height.max(self.mark);
        None
    }

    /// Refuses a listing that is older than what everybody is known by.
    fn admit_listing(&mut self, height: u64, now: Instant) -> Option<Taken> {
        let rises = height > self.listed_at;
        let refused = self.admit(height, self.everybody_at(), now);
        match &refused {
            None => {
                self.late = None;
                // A node that hangs takes nothing back of what another one says.
                if rises {
                    self.ahead = None;
                }
                if std::mem::take(&mut self.silent) {
                    self.ask_again(now);
                }
            }
            Some(Taken::Older { .. }) if self.late.is_none() => self.late = Some((now, height)),
            Some(Taken::Absurd(_)) if height <= HEIGHT_MAX => self.note_ahead(height, now),
            Some(_) => {}
        }
        refused
    }

    /// Whether a listing that is the same as the last one says no more than what is
    /// known. If not, it has to be read anew: two answers as of one block may differ, be it
    /// by a node's fault, and who was called deleted by one of them would stay so for good.
    pub fn is_as_listed(&self) -> bool {
        !self.amended
    }

    /// Takes in a listing that is the same as the last one (see
    /// [`DesiredView::is_as_listed`]).
    pub fn take_same(&mut self, height: u64, now: Instant) -> Taken {
        if let Some(refused) = self.admit_listing(height, now) {
            return refused;
        }
        self.can_list();
        self.listed_as_of(height);
        Taken::News(Vec::new())
    }

    fn listed_as_of(&mut self, height: u64) {
        self.listed_at = height;
        self.tells_all(height);
    }

    /// What was told of somebody up to `height` is no more than what is known of everybody.
    fn tells_all(&mut self, height: u64) {
        let mut forgotten = Vec::new();
        self.told.retain(|id, told| {
            let is_newer = *told > height;
            if !is_newer && !self.watched.contains(id) {
                forgotten.push(id.clone());
            }
            is_newer
        });
        for id in forgotten {
            self.drop_unlisted(&id);
        }
    }

    fn drop_unlisted(&mut self, id: &IndexerId) {
        self.tombstones.remove(id);
        self.confirmed.remove(id);
        self.unlisted.remove(id);
    }

    /// Takes in a listing. Indexers in `unreadable` are listed, but could not be
    /// decoded: what was known of them stays.
    pub fn take_listing(
        &mut self,
        height: u64,
        listing: BTreeMap<IndexerId, Arc<Spec>>,
        unreadable: &BTreeSet<IndexerId>,
        now: Instant,
        knobs: &Knobs,
    ) -> Taken {
        if let Some(refused) = self.admit_listing(height, now) {
            return refused;
        }
        self.can_list();
        self.listed_as_of(height);
        let first = !std::mem::replace(&mut self.listed_once, true);
        self.recorded.clear();
        self.amended = false;
        let mut earlier = std::mem::take(&mut self.listed);
        let before = earlier.len();
        let mut changed = Vec::new();
        for (id, spec) in listing {
            // Of whom something newer was told, that is what is known.
            let newer = self.told.contains_key(&id);
            self.amended |= newer;
            if newer && self.tombstones.contains_key(&id) {
                continue;
            }
            let told = earlier.get(&id).or_else(|| self.unlisted.get(&id));
            let spec = told.filter(|_| newer).cloned().unwrap_or(spec);
            self.questions.remove(&id);
            let deleted = self.tombstones.remove(&id).is_some();
            let unlisted = self.unlisted.remove(&id);
            let was_unlisted = unlisted.is_some() && !self.confirmed.remove(&id);
            let known = earlier.remove(&id).or(unlisted);
            if deleted || was_unlisted || known.as_ref() != Some(&spec) {
                changed.push(id.clone());
            }
            self.listed.insert(id, spec);
        }
        let is_dropped = |id: &IndexerId| !unreadable.contains(id);
        let dropped = earlier.keys().filter(|id| is_dropped(id)).count();
        let suspicious = dropped >= knobs.listing_drop_least
            && dropped as f64 > before as f64 * knobs.listing_drop_share;
        // Once for each who is missing: who was so before, or stays so, is not held back
        // by others who come and go.
        let held = match suspicious {
            true => now + knobs.listing_hold,
            false => now,
        };
        for (id, spec) in earlier {
            if self.watched.contains(&id) {
                self.ask(&id, if is_dropped(&id) { held } else { now });
                if self.told.contains_key(&id) {
                    self.confirmed.insert(id.clone());
                }
                // Nobody said that it was deleted, so it is still wanted.
                self.missed.push(id.clone());
                self.unlisted.insert(id, spec);
            }
        }
        if suspicious {
            self.suspicious += 1;
            tracing::error!(
                dropped,
                before,
                "a registry listing lacks many indexers at once; nothing is stopped, and the \
                 registry is asked about each of them after a pause"
            );
        }
        if first {
            // For the others "unknown" has become "missing".
            changed.extend(self.questions.keys().cloned());
        }
        Taken::News(changed)
    }

    /// Takes in the answer to a point read of `id`.
    pub fn take_answer(
        &mut self,
        id: &IndexerId,
        height: u64,
        answer: Desired,
        now: Instant,
        knobs: &Knobs,
    ) -> Taken {
        if let Some(refused) = self.admit(height, self.known_at(id), now) {
            match refused {
                Taken::Older { .. } => self.put_off_for_a_moment(id, now, knobs),
                _ => self.put_off(id, now, knobs),
            }
            return refused;
        }
        if !self.watched.contains(id) && !self.told.contains_key(id) {
            return Taken::News(Vec::new());
        }
        if let Desired::Deleted { at, .. } = answer
            && at > height
        {
            self.put_off(id, now, knobs);
            return Taken::Absurd(at);
        }
        let tells = matches!(answer, Desired::Deleted { .. } | Desired::Present(_));
        if tells && height > self.everybody_at() {
            self.told.insert(id.clone(), height);
        }
        let before = self.desired(id);
        match answer {
            Desired::Deleted { version, at } => {
                self.amended |= self.listed.remove(id).is_some();
                self.unlisted.remove(id);
                self.confirmed.remove(id);
                self.settle(id, now, knobs);
                self.tombstones.insert(id.clone(), (version, at));
            }
            Desired::Present(spec) => {
                self.tombstones.remove(id);
                match self.listed.get_mut(id) {
                    Some(listed) => {
                        self.amended |= *listed != spec;
                        *listed = spec;
                    }
                    None => {
                        let known = self.unlisted.insert(id.clone(), Arc::clone(&spec));
                        let confirmed = !self.confirmed.insert(id.clone());
                        if !confirmed || known != Some(spec) {
                            // What is news may change again: the pauses begin anew.
                            self.questions.remove(id);
                        }
                        if self.watched.contains(id) {
                            // It may be deleted again before any listing has it.
                            self.ask(id, now);
                        }
                    }
                }
                self.put_off(id, now, knobs);
            }
            Desired::Missing | Desired::Unknown | Desired::Unlisted(_) => {
                self.put_off(id, now, knobs)
            }
        }
        let changed = self.desired(id) != before;
        Taken::News(if changed {
            vec![id.clone()]
        } else {
            Vec::new()
        })
    }

    /// Takes note that an attempt to list brought nothing.
    pub fn no_listing(&mut self) {
        self.silent = true;
    }

    /// Begins to keep what becomes known of `id` even if it is not listed.
    pub fn watch(&mut self, id: &IndexerId, now: Instant) {
        self.watched.insert(id.clone());
        let known = self.listed.contains_key(id) && !self.asks_one_by_one();
        if !known && !self.tombstones.contains_key(id) {
            self.ask(id, now);
        }
    }

    /// Takes note that `id` has a record; of no use once there was a listing.
    pub fn recorded(&mut self, id: &IndexerId) {
        if !self.listed_once && !self.recorded.contains(id) {
            self.recorded.insert(id.clone());
        }
    }

    /// Whose absence from the listing should be asked about now, at most `limit`,
    /// those who wait longest first. Whoever a suspicious listing lacked waits for a while.
    /// Before the first listing those with a record, if there is none to be had.
    pub fn questions_due(&mut self, limit: usize, now: Instant) -> Vec<IndexerId> {
        let probe = self.probe(now);
        if !self.listed_once && !self.asks_one_by_one() {
            return Vec::from_iter(probe);
        }
        // Of whoever else there is only the listing tells that it should be asked about.
        let known = |id: &IndexerId| self.listed_once || self.recorded.contains(id);
        let mut due: Vec<(Instant, &IndexerId)> = self
            .questions
            .iter()
            .filter(|(id, question)| question.next_at <= now && known(id))
            .map(|(id, question)| (question.next_at, id))
            .collect();
        due.sort_unstable();
        let due = due.into_iter().map(|(_, id)| id.clone());
        let others = due.filter(|id| Some(id) != probe.as_ref());
        probe.iter().cloned().chain(others).take(limit).collect()
    }

    /// Forgets an indexer that exists nowhere any more. That it was deleted stays known
    /// until a listing is as new: an older one may be under way, which still has it.
    pub fn forget(&mut self, id: &IndexerId) {
        self.watched.remove(id);
        self.recorded.remove(id);
        self.questions.remove(id);
        if self.tombstones.contains_key(id) && self.told.contains_key(id) {
            return self.bound_forgotten();
        }
        self.told.remove(id);
        self.drop_unlisted(id);
    }

    fn bound_forgotten(&mut self) {
        if self.told.len() <= FORGOTTEN_MAX.saturating_add(self.watched.len()) {
            return;
        }
        let told = self.told.iter();
        let forgotten = told.filter(|(id, _)| !self.watched.contains(*id));
        if let Some(height) = forgotten.map(|(_, told)| *told).max() {
            self.listed_as_of(height);
        }
    }
}
