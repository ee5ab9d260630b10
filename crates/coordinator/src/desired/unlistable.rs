//! A registry that answers, but does not list: those that are known are asked about one
//! by one meanwhile.
//!
//! A failure of the contract is an answer. Where nothing is answered to the attempts to
//! list, nobody knows whether the registry is away, or only that one question takes too
//! long: one indexer is asked about now and then, and if that is answered and the next
//! attempt to list fails all the same, the registry is as one that cannot list.

use std::time::Duration;

use lifecycle::IndexerId;
use tokio::time::Instant;

use super::{DesiredView, Question};
use crate::knobs::Knobs;

/// For so many of the longest pauses between two polls there is no listing, before those
/// that the last one has are asked about: most failures pass.
const PAUSES: u32 = 4;

/// The longest pause between two questions to a registry that may be away.
const PROBE_PAUSE_MAX: Duration = Duration::from_secs(600);

/// After so many of the longest pauses between two questions about one indexer in which
/// none was answered, the registry is away.
const UNANSWERED_PAUSES: u32 = 3;

/// Whether, and since when, the registry does not list.
#[derive(Debug, Default)]
pub(super) enum Unlistable {
    /// It lists, as far as is known.
    #[default]
    No,
    /// It does not; that may pass.
    Fails(Failing),
    /// Until it does, those that are known are asked about one by one.
    Lasts {
        /// When it was last heard, be it to say that it cannot list.
        heard: Instant,
    },
}

/// A registry that has not listed for a while.
#[derive(Debug)]
pub(super) struct Failing {
    since: Instant,
    /// Since when it has answered that it cannot.
    refuses: Option<Instant>,
    /// When it answered about one indexer, since it was last tried to list.
    heard: Option<Instant>,
    probe_at: Instant,
    pause: Duration,
    /// Who was asked about last, to see whether it answers.
    probed: Option<IndexerId>,
}

impl Failing {
    fn new(now: Instant, knobs: &Knobs) -> Failing {
        let patience = patience(knobs);
        Failing {
            since: now,
            refuses: None,
            heard: None,
            probe_at: now + patience,
            pause: patience,
            probed: None,
        }
    }
}

fn patience(knobs: &Knobs) -> Duration {
    let pause = knobs.tick.saturating_mul(knobs.registry_pause_ticks.max(1));
    pause.saturating_mul(PAUSES)
}

impl DesiredView {
    /// Takes note that the registry answers at the time `now`, but not with a listing.
    /// Returns of how many it is asked one by one from now on; `None` if that is no news,
    /// or if the last listing stays in force without it for a while.
    pub fn cannot_list(&mut self, now: Instant, knobs: &Knobs) -> Option<usize> {
        if let Unlistable::Lasts { heard } = &mut self.unlistable {
            *heard = now;
            return None;
        }
        let refuses = *self.failing(now, knobs)?.refuses.get_or_insert(now);
        let lasts = now.saturating_duration_since(refuses) >= patience(knobs);
        (lasts || !self.listed_once).then(|| self.begin_one_by_one(now, knobs))
    }

    /// Takes note that an attempt to list, begun at the time `asked_at`, was not answered
    /// at all. Returns of how many the registry is asked one by one from now on, if what
    /// it answered since shows that it is there, and this has lasted.
    pub fn silent_list(&mut self, asked_at: Instant, now: Instant, knobs: &Knobs) -> Option<usize> {
        if let Unlistable::Lasts { heard } = self.unlistable {
            let silent = now.saturating_duration_since(heard);
            if silent > knobs.confirm_pause_max.saturating_mul(UNANSWERED_PAUSES) {
                self.end_one_by_one();
                self.unlistable = Unlistable::Fails(Failing::new(now, knobs));
            }
            return None;
        }
        let failing = self.failing(now, knobs)?;
        // Whoever was heard during the attempt may just have come back.
        let heard = failing.heard.take_if(|heard| *heard <= asked_at).is_some();
        let lasts = now.saturating_duration_since(failing.since) >= patience(knobs);
        (heard && lasts).then(|| self.begin_one_by_one(now, knobs))
    }

    /// Takes note that the registry answered about one indexer.
    pub fn one_was_heard(&mut self, now: Instant) {
        match &mut self.unlistable {
            Unlistable::No => {}
            Unlistable::Fails(failing) => failing.heard = Some(now),
            Unlistable::Lasts { heard } => *heard = now,
        }
    }

    /// Whom to ask about to see whether a registry that does not list answers at all: at
    /// most one at a time, less and less often, and not always the same.
    pub(super) fn probe(&mut self, now: Instant) -> Option<IndexerId> {
        let Unlistable::Fails(failing) = &mut self.unlistable else {
            return None;
        };
        if now < failing.probe_at {
            return None;
        }
        failing.pause = failing.pause.saturating_mul(2).min(PROBE_PAUSE_MAX);
        failing.probe_at = now + failing.pause;
        let is_known = |id: &&IndexerId| match self.listed_once {
            true => self.listed.contains_key(*id) || self.questions.contains_key(*id),
            false => self.recorded.contains(*id),
        };
        let known = || self.watched.iter().filter(is_known);
        let next = known().find(|id| failing.probed.as_ref().is_none_or(|last| *id > last));
        failing.probed = next.or_else(|| known().next()).cloned();
        failing.probed.clone()
    }

    /// `None` if those that are known are asked about one by one already.
    fn failing(&mut self, now: Instant, knobs: &Knobs) -> Option<&mut Failing> {
        if let Unlistable::No = self.unlistable {
            self.unlistable = Unlistable::Fails(Failing::new(now, knobs));
        }
        match &mut self.unlistable {
            Unlistable::Fails(failing) => Some(failing),
            Unlistable::No | Unlistable::Lasts { .. } => None,
        }
    }

    fn begin_one_by_one(&mut self, now: Instant, knobs: &Knobs) -> usize {
        self.unlistable = Unlistable::Lasts { heard: now };
        self.ask_again(now);
        if !self.listed_once {
            return self.recorded.len();
        }
        let listed = self.listed.keys().filter(|id| self.watched.contains(*id));
        let listed: Vec<_> = listed.cloned().collect();
        let count = listed.len();
        for id in listed {
            // Most of them have not changed: none is asked about more often than it has
            // to be.
            self.questions.entry(id).or_insert(Question {
                next_at: now,
                pause: Some(knobs.confirm_pause_max),
                unheard: false,
                doubted: false,
            });
        }
        count
    }

    /// Whether those that are known are asked about one by one.
    pub(crate) fn asks_one_by_one(&self) -> bool {
        matches!(self.unlistable, Unlistable::Lasts { .. })
    }

    /// Takes note that there is a listing again: whoever the last one had need not be
    /// asked about.
    pub(super) fn can_list(&mut self) {
        self.end_one_by_one();
        self.unlistable = Unlistable::No;
    }

    fn end_one_by_one(&mut self) {
        if self.asks_one_by_one() {
            let listed = &self.listed;
            self.questions.retain(|id, _| !listed.contains_key(id));
        }
    }
}
