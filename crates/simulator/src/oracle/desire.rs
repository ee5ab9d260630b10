//! What is wanted of one indexer, and what was: registry and operator's switch.

use std::collections::{BTreeMap, VecDeque};

use sim_node::Time;

use super::promise::Promise;
use crate::history::{AdminCommand, Change, Incarnation};

/// The most stretches of time that are remembered.
const SEGMENTS_MAX: usize = 4096;

/// The most contents of one version that are remembered; the oldest are forgotten first.
const CONTENTS_MAX: usize = 16;

/// The registry's side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Registered {
    /// It was never heard of.
    Never,
    /// It has a tombstone.
    Deleted,
    /// It shall run.
    Present {
        version: u64,
        /// First height that is asked for; `None` goes on from the predecessor.
        start: Option<u64>,
        supported: bool,
    },
}

/// The operator's side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Switch {
    On,
    Off,
    /// A command is under way, or its fate is unknown.
    Unsure,
}

/// Whether an operator wants it left alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hold {
    /// No.
    No,
    /// Yes.
    Yes,
    /// A command is under way, or its fate is unknown.
    Unsure,
}

/// A stretch of time in which the same was wanted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Segment {
    since: Time,
    pub registered: Registered,
    pub switch: Switch,
}

impl Segment {
    /// Whether the registry wanted this very version.
    pub fn names(&self, version: u64) -> bool {
        matches!(self.registered, Registered::Present { version: wanted, .. }
            if wanted == version)
    }
}

/// What was registered under one version.
#[derive(Clone, Debug, Default)]
struct Contents {
    /// Content and start; the newest comes last.
    known: VecDeque<(u64, Option<u64>)>,
    /// There were more.
    crowded: bool,
}

impl Contents {
    fn add(&mut self, content: u64, start: Option<u64>) {
        if self.known.contains(&(content, start)) {
            return;
        }
        if self.known.len() >= CONTENTS_MAX {
            self.known.pop_front();
            self.crowded = true;
        }
        self.known.push_back((content, start));
    }
}

/// The wishes for one indexer over time.
#[derive(Clone, Debug)]
pub(super) struct Desire {
    segments: Vec<Segment>,
    enabled: Promise,
    /// The life that all commands to switch it that are under way are about, if the
    /// coordinator knew of it.
    switched_in: Option<u32>,
    /// The same of the commands by which it was promised how the switch stands.
    promised_in: Option<u32>,
    held: Promise,
    hold: Hold,
    /// Contents by version: two updates in one block share a version.
    contents: BTreeMap<u64, Contents>,
    /// Registration lives so far.
    pub lives: u32,
    /// When the current registration life began.
    pub life_since: Time,
    /// The version with which it began.
    pub life_version: u64,
}

impl Default for Desire {
    fn default() -> Desire {
        let first = Segment {
            since: Time(0),
            registered: Registered::Never,
            switch: Switch::On,
        };
        Desire {
            segments: vec![first],
            enabled: Promise::default(),
            switched_in: None,
            promised_in: None,
            held: Promise::default(),
            hold: Hold::No,
            contents: BTreeMap::new(),
            lives: 0,
            life_since: Time(0),
            life_version: 0,
        }
    }
}

impl Desire {
    /// What is wanted now.
    pub fn current(&self) -> Segment {
        self.segments.last().copied().unwrap_or(Segment {
            since: Time(0),
            registered: Registered::Never,
            switch: Switch::On,
        })
    }

    /// Since when the registry has wanted what it wants now.
    pub fn registered_since(&self) -> Time {
        let now = self.current().registered;
        let same = self
            .segments
            .iter()
            .rev()
            .take_while(|one| one.registered == now);
        same.last().map_or(Time(0), |segment| segment.since)
    }

    /// The version wanted now, whatever the switch.
    pub fn version(&self) -> Option<u64> {
        match self.current().registered {
            Registered::Present { version, .. } => Some(version),
            _ => None,
        }
    }

    /// The stretches that touch `from..=to`, newest first.
    pub fn between(&self, from: Time, to: Time) -> impl Iterator<Item = &Segment> {
        let mut end = Time(u64::MAX);
        self.segments.iter().rev().filter(move |segment| {
            let over = std::mem::replace(&mut end, segment.since) < from;
            !over && segment.since <= to
        })
    }

    /// Whether an operator waits for an answer.
    pub fn is_command_open(&self) -> bool {
        !self.enabled.is_idle() || !self.held.is_idle()
    }

    /// How the switch stands by what the operator was promised.
    pub fn acknowledged(&self) -> Option<bool> {
        self.enabled.given()
    }

    /// Whether it is held by what the operator was promised.
    pub fn promised_hold(&self) -> Option<bool> {
        self.held.given()
    }

    /// Whether an operator holds it.
    pub fn hold(&self) -> Hold {
        self.hold
    }

    /// Whether the registry ever asked for a rule that no block streamer serves.
    pub fn was_unsupported(&self) -> bool {
        let asked = |segment: &Segment| {
            matches!(
                segment.registered,
                Registered::Present {
                    supported: false,
                    ..
                }
            )
        };
        self.segments.iter().any(asked)
    }

    /// Whether several contents were registered under `version`.
    pub fn is_ambiguous(&self, version: u64) -> bool {
        self.contents
            .get(&version)
            .is_some_and(|contents| contents.known.len() > 1)
    }

    /// Whether more contents were registered under `version` than are remembered.
    pub fn is_crowded(&self, version: u64) -> bool {
        self.contents
            .get(&version)
            .is_some_and(|contents| contents.crowded)
    }

    /// The start heights that `version` may have asked for.
    pub fn starts(&self, version: u64) -> impl Iterator<Item = Option<u64>> + '_ {
        self.contents
            .get(&version)
            .into_iter()
            .flat_map(|contents| &contents.known)
            .map(|(_, start)| *start)
    }

    /// Whether a version between the two was registered.
    pub fn versions_between(&self, older: u64, newer: u64) -> bool {
        self.contents
            .range(older.saturating_add(1)..newer.max(older.saturating_add(1)))
            .next()
            .is_some()
    }

    /// The registry changed; true if a new life begins.
    pub fn registry(&mut self, now: Time, change: &Change) -> bool {
        match *change {
            Change::Deleted { .. } => {
                self.push(now, |segment| segment.registered = Registered::Deleted);
                false
            }
            Change::Registered {
                version,
                content,
                start,
                new_life,
                supported,
            } => {
                if new_life {
                    self.lives += 1;
                    self.life_since = now;
                    self.life_version = version;
                    // A life may end and the next begin within one block.
                    self.contents.retain(|known, _| *known == version);
                }
                self.contents
                    .entry(version)
                    .or_default()
                    .add(content, start);
                let registered = Registered::Present {
                    version,
                    start,
                    supported,
                };
                self.push(now, |segment| segment.registered = registered);
                new_life
            }
        }
    }

    /// An operator's command is under way at the coordinator of the life `by`, which has
    /// been told `of_life`, the current one, or not.
    pub fn sent(&mut self, now: Time, command: AdminCommand, by: Incarnation, of_life: bool) {
        match command {
            AdminCommand::Enable | AdminCommand::Disable => {
                let on = command == AdminCommand::Enable;
                let life = of_life.then_some(self.lives);
                let is_same = self.enabled.is_idle() || self.switched_in == life;
                self.switched_in = life.filter(|_| is_same);
                self.enabled.sent(by, on);
                if self.current().switch != switch_of(on) {
                    self.push(now, |segment| segment.switch = Switch::Unsure);
                }
            }
            AdminCommand::Hold | AdminCommand::Release => {
                let on = command == AdminCommand::Hold;
                self.held.sent(by, on);
                if self.hold != hold_of(on) {
                    self.hold = Hold::Unsure;
                }
            }
            AdminCommand::Retry => {}
        }
    }

    /// An operator's command was answered by that coordinator.
    pub fn answered(
        &mut self,
        now: Time,
        command: AdminCommand,
        by: Incarnation,
        carried_out: bool,
    ) {
        match command {
            AdminCommand::Enable | AdminCommand::Disable => {
                let on = command == AdminCommand::Enable;
                if self.enabled.answered(by, on, carried_out) {
                    let life = Some(self.lives);
                    self.promised_in = self.switched_in.filter(|_| self.switched_in == life);
                    self.push(now, |segment| segment.switch = switch_of(on));
                }
            }
            AdminCommand::Hold | AdminCommand::Release => {
                let on = command == AdminCommand::Hold;
                if self.held.answered(by, on, carried_out) {
                    self.hold = hold_of(on);
                }
            }
            AdminCommand::Retry => {}
        }
    }

    /// Another program has written the record: what a later life of the coordinator can
    /// know of the indexer's own life went with it.
    pub fn unbind(&mut self) {
        (self.switched_in, self.promised_in) = (None, None);
    }

    /// The record that held the switch is gone: the next one begins enabled and
    /// free. A promised hold stays promised: it should have kept the record. So does
    /// a switch, while the life goes on in which it was promised.
    pub fn record_removed(&mut self, now: Time) {
        if !self.is_switch_bound() {
            self.enabled.forget();
            let switch = if self.enabled.is_idle() {
                Switch::On
            } else {
                Switch::Unsure
            };
            self.push(now, |segment| segment.switch = switch);
        }
        if self.held.given() != Some(true) {
            self.held.forget();
            self.hold = if self.held.is_idle() {
                Hold::No
            } else {
                Hold::Unsure
            };
        }
    }

    /// Whether the switch was promised in the very life that is registered now.
    fn is_switch_bound(&self) -> bool {
        let lives = matches!(self.current().registered, Registered::Present { .. });
        lives && self.enabled.given().is_some() && self.promised_in == Some(self.lives)
    }

    /// Whoever lived that `life` is dead, and its commands with it.
    pub fn abandon_commands(&mut self, life: Incarnation) {
        self.enabled.abandon(life);
        self.held.abandon(life);
    }

    /// Nobody can know how switch and hold stand.
    pub fn doubt_commands(&mut self, now: Time) {
        self.enabled.doubt();
        self.held.doubt();
        self.hold = Hold::Unsure;
        self.push(now, |segment| segment.switch = Switch::Unsure);
    }

    fn push(&mut self, now: Time, change: impl FnOnce(&mut Segment)) {
        let mut next = self.current();
        change(&mut next);
        next.since = now;
        if self.segments.len() >= SEGMENTS_MAX {
            self.segments.drain(..SEGMENTS_MAX / 2);
        }
        self.segments.push(next);
    }
}

fn switch_of(on: bool) -> Switch {
    if on { Switch::On } else { Switch::Off }
}

fn hold_of(on: bool) -> Hold {
    if on { Hold::Yes } else { Hold::No }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_switch_is_sure_only_once_a_command_is_acknowledged_alone() {
        let mut desire = Desire::default();
        desire.sent(Time(1), AdminCommand::Disable, 1, true);
        assert_eq!(desire.current().switch, Switch::Unsure);
        desire.answered(Time(2), AdminCommand::Disable, 1, true);
        assert_eq!(
            (desire.current().switch, desire.acknowledged()),
            (Switch::Off, Some(false))
        );
        desire.sent(Time(3), AdminCommand::Enable, 1, true);
        desire.sent(Time(3), AdminCommand::Disable, 1, true);
        desire.answered(Time(4), AdminCommand::Enable, 1, true);
        desire.answered(Time(5), AdminCommand::Disable, 1, true);
        assert_eq!(
            (desire.current().switch, desire.acknowledged()),
            (Switch::Unsure, None)
        );
    }

    #[test]
    fn hold_and_switch_do_not_meddle_with_each_other() {
        let mut desire = Desire::default();
        desire.sent(Time(1), AdminCommand::Hold, 1, true);
        desire.sent(Time(1), AdminCommand::Retry, 1, true);
        assert_eq!(
            (desire.hold(), desire.promised_hold()),
            (Hold::Unsure, None)
        );
        desire.answered(Time(2), AdminCommand::Hold, 1, true);
        desire.answered(Time(2), AdminCommand::Retry, 1, true);
        assert_eq!(
            (desire.hold(), desire.promised_hold()),
            (Hold::Yes, Some(true))
        );
        assert_eq!(
            (desire.current().switch, desire.acknowledged()),
            (Switch::On, None)
        );
        desire.sent(Time(3), AdminCommand::Disable, 1, true);
        desire.answered(Time(4), AdminCommand::Disable, 1, true);
        assert_eq!(
            (desire.hold(), desire.current().switch),
            (Hold::Yes, Switch::Off)
        );
        desire.record_removed(Time(5));
        assert_eq!(
            (desire.promised_hold(), desire.acknowledged()),
            (Some(true), None)
        );
        desire.doubt_commands(Time(6));
        assert_eq!(
            (desire.hold(), desire.promised_hold()),
            (Hold::Unsure, None)
        );
        desire.sent(Time(7), AdminCommand::Release, 1, true);
        desire.answered(Time(8), AdminCommand::Release, 1, true);
        assert_eq!(
            (desire.hold(), desire.promised_hold()),
            (Hold::No, Some(false))
        );
    }

    #[test]
    fn a_switch_is_bound_to_the_life_in_which_it_was_promised() {
        let begins = |version| Change::Registered {
            version,
            content: version,
            start: None,
            new_life: true,
            supported: true,
        };
        // Whether the coordinator knew of the life; what then became of that.
        let ends = Change::Deleted { height: 9 };
        for (of_life, then, kept) in [
            (true, None, true),
            (false, None, false),
            (true, Some(ends), false),
            (true, Some(begins(20)), false),
        ] {
            let mut desire = Desire::default();
            desire.registry(Time(1), &begins(10));
            desire.sent(Time(2), AdminCommand::Disable, 1, of_life);
            desire.answered(Time(3), AdminCommand::Disable, 1, true);
            if let Some(change) = &then {
                desire.registry(Time(4), change);
            }
            desire.record_removed(Time(5));
            let promised = kept.then_some(false);
            assert_eq!(desire.acknowledged(), promised, "{of_life} {then:?}");
        }
        // It was sent in the life before.
        let mut desire = Desire::default();
        desire.registry(Time(1), &begins(10));
        desire.sent(Time(2), AdminCommand::Disable, 1, true);
        desire.registry(Time(3), &begins(20));
        desire.answered(Time(4), AdminCommand::Disable, 1, true);
        desire.record_removed(Time(5));
        assert_eq!(desire.acknowledged(), None);
    }

    #[test]
    fn stretches_are_found_by_time() {
        let mut desire = Desire::default();
        let at = |version| Change::Registered {
            version,
            content: version,
            start: None,
            new_life: false,
            supported: true,
        };
        desire.registry(Time(10), &at(1));
        desire.registry(Time(20), &at(2));
        assert_eq!(desire.between(Time(12), Time(15)).count(), 1);
        assert!(
            desire
                .between(Time(15), Time(25))
                .any(|segment| segment.names(1))
        );
        assert!(
            !desire
                .between(Time(21), Time(25))
                .any(|segment| segment.names(1))
        );
    }
    #[test]
    fn of_a_crowded_version_the_newest_contents_are_known_and_not_all() {
        let mut desire = Desire::default();
        let newest = CONTENTS_MAX as u64 + 3;
        for content in 0..=newest {
            let crowded = content >= CONTENTS_MAX as u64;
            desire.registry(
                Time(content),
                &Change::Registered {
                    version: 10,
                    content,
                    start: Some(content),
                    new_life: false,
                    supported: true,
                },
            );
            assert_eq!(desire.starts(10).last(), Some(Some(content)));
            assert_eq!(desire.is_crowded(10), crowded, "{content}");
        }
        assert_eq!(desire.starts(10).count(), CONTENTS_MAX);
        assert!(desire.is_ambiguous(10) && !desire.is_crowded(11));
    }
}
