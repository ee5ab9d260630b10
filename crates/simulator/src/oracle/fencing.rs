//! S3: what a coordinator may still do that was replaced without knowing.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Map, Value};
use sim_node::{IndexerKey, Time};

use super::finding::Finding;
use super::timely::Applied;
use crate::history::{AnswerKind, CallId, Event, FormerState, Incarnation, Method};

/// The most calls that are remembered; the oldest are forgotten first.
const CALLS_MAX: usize = 4096;

/// What a coordinator may still do about an indexer after another one has written
/// its record: the one effect that it had decided upon.
const EFFECTS_MAX: u32 = 1;

/// Whoever was frozen for so long knows it by its own clock, and looks again.
const LONG: Duration = Duration::from_secs(300);

/// The fields of a record that coordinators know; all others are somebody else's.
const KNOWN: [&str; 7] = [
    "account_id",
    "function_name",
    "block_stream_synced_at",
    "enabled",
    "lifecycle_state",
    "provisioned_state",
    OWN,
];

/// The field of this coordinator.
const OWN: &str = "coordinator";

/// What one coordinator knows of one record.
#[derive(Clone, Copy, Debug, Default)]
struct Knowledge {
    /// Another coordinator wrote since it was read.
    outdated: bool,
    /// Effects since then.
    effects: u32,
    /// When it was read after it had been outdated. A shared poll reads, too, and whoever
    /// had begun before goes by what was read then.
    read_at: Option<Time>,
}

/// A compare-and-set, as it arrives.
#[derive(Clone, Copy, Debug)]
pub(super) struct Writer {
    at: Time,
    number: usize,
    by: Incarnation,
    pub call: CallId,
    pub sent_at: Time,
}

/// S3. There is no lease: nodes carry out what any coordinator sends, and the
/// record's compare-and-set is the only fence. What can be promised is a bounded
/// overlap, per indexer. Verifies that after another coordinator has written the
/// record, a coordinator sends at most one call that changes the indexer's world
/// before it has read the record again; and that no write ever replaces a record
/// other than the one it was made from: its revision is the next one, and fields
/// of others are kept. The first effect after a thaw may rest on what was read before
/// the freeze, if that was short: whoever was frozen for minutes reads the record again
/// before it changes anything. Whoever was outdated when it sent a call is excused by the other
/// judges: its decision was right for what it knew.
#[derive(Clone, Debug)]
pub(super) struct Fencing {
    /// How long a look may last in which an effect was decided.
    look: Duration,
    alive: BTreeSet<Incarnation>,
    /// When the last time ended in which several lived.
    contested_until: Option<Time>,
    /// From when the registry's last listing is that each of them heard.
    heard: BTreeMap<Incarnation, Time>,
    knowledge: BTreeMap<(usize, Incarnation), Knowledge>,
    /// Calls that were sent by somebody outdated.
    outdated: BTreeSet<CallId>,
    /// Who thawed, and has done nothing about whom since, nor read the record; and
    /// whether the freeze was a long one.
    waking: BTreeMap<(usize, Incarnation), bool>,
    /// Whose compare-and-set has just arrived. It may have lost.
    writer: Option<Writer>,
    /// Which one made the last write of a record, if one did.
    wrote: Option<Writer>,
}

impl Fencing {
    /// One of coordinators whose looks last for up to `look`.
    pub fn new(look: Duration) -> Fencing {
        Fencing {
            look,
            alive: BTreeSet::new(),
            contested_until: None,
            heard: BTreeMap::new(),
            knowledge: BTreeMap::new(),
            outdated: BTreeSet::new(),
            waking: BTreeMap::new(),
            writer: None,
            wrote: None,
        }
    }

    /// Whether `life` lives, as the coordinator or as a former one.
    pub fn lives(&self, life: Incarnation) -> bool {
        self.alive.contains(&life)
    }

    /// Whether several coordinators live at once.
    pub fn is_contested(&self) -> bool {
        self.alive.len() > 1
    }

    /// Whether several coordinators lived at once at `time`, as far as the last such time
    /// tells.
    pub fn was_contested_at(&self, time: Time) -> bool {
        self.is_contested() || self.contested_until >= Some(time)
    }

    /// Takes note that `life` heard a listing of the registry from `at`.
    pub fn listed(&mut self, life: Incarnation, at: Time) {
        self.heard.insert(life, at);
    }

    /// From when the listing is that all heard who live; the beginning of time if one
    /// of several has heard none.
    pub fn heard_by_all(&self) -> Option<Time> {
        let heard = |life| self.heard.get(life).copied().unwrap_or(Time(0));
        self.alive.iter().map(heard).min()
    }

    /// Whether `call` was sent by somebody who went by an outdated record.
    pub fn was_outdated(&self, call: CallId) -> bool {
        self.outdated.contains(&call)
    }

    /// Takes note of lives.
    pub fn life(&mut self, now: Time, event: &Event) {
        match event {
            Event::CoordinatorStarted { incarnation } => {
                self.alive.insert(*incarnation);
            }
            Event::CoordinatorEnded { incarnation, .. }
            | Event::Former {
                incarnation,
                state: FormerState::Ended,
            } => {
                let contested = self.is_contested();
                self.alive.remove(incarnation);
                if contested && !self.is_contested() {
                    self.contested_until = Some(now);
                }
                self.heard.remove(incarnation);
                self.knowledge.retain(|(_, life), _| life != incarnation);
                self.waking.retain(|(_, life), _| life != incarnation);
            }
            Event::Former {
                incarnation,
                state: FormerState::Thawed { since },
            } => {
                let long = now.since(*since) >= LONG;
                let whose = self.knowledge.keys().copied();
                let whose = whose.filter(|(_, life)| life == incarnation);
                self.waking.extend(whose.map(|who| (who, long)));
            }
            _ => {}
        }
    }

    /// A call about `number` is sent. An effect too many is returned.
    pub fn sent(
        &mut self,
        now: Time,
        key: &IndexerKey,
        number: usize,
        (call, method, by): (CallId, Method, Incarnation),
    ) -> Option<Finding> {
        if !method.touches_world() {
            return None;
        }
        // It may have read the record before it was frozen.
        let wakes = self.waking.remove(&(number, by));
        // Before a task is started its intent is written, which may be all that
        // happened before the freeze.
        if wakes == Some(true) && method != Method::StartProvisioningTask {
            let sentence = format!(
                "{key}: {method:?} is sent by life {by}, which was frozen for {LONG:?} or \
                 longer and has not read the record since"
            );
            return Finding::about("S3", number, sentence);
        }
        let look = self.look;
        let known = self.knowledge.get_mut(&(number, by))?;
        let begun = known.read_at.take().filter(|at| now.since(*at) <= look);
        if !known.outdated && wakes.is_none() && begun.is_none() {
            return None;
        }
        known.effects += 1;
        let effects = known.effects;
        if self.outdated.len() >= CALLS_MAX {
            self.outdated.pop_first();
        }
        self.outdated.insert(call);
        if effects <= EFFECTS_MAX {
            return None;
        }
        let sentence = format!(
            "{key}: {method:?} is sent by life {by}, which has not read the record since another \
             coordinator wrote it: effect number {effects}"
        );
        Finding::about("S3", number, sentence)
    }

    /// Which compare-and-set made the write of a record that was just seen, if one did.
    pub fn wrote(&self) -> Option<Writer> {
        self.wrote
    }

    /// A call about `number` takes effect.
    pub fn applied(
        &mut self,
        now: Time,
        number: usize,
        method: Method,
        applied: &Applied,
        answer: &AnswerKind,
    ) {
        let by = applied.by;
        match method {
            Method::StoreGet if *answer == AnswerKind::Ok => {
                let known = self.knowledge.entry((number, by)).or_default();
                let read_at = known.outdated.then_some(now).or(known.read_at);
                *known = Knowledge {
                    read_at,
                    ..Knowledge::default()
                };
                self.waking.remove(&(number, by));
            }
            Method::StoreCompareAndSet => {
                self.writer = Some(Writer {
                    at: now,
                    number,
                    by,
                    call: applied.call,
                    sent_at: applied.sent_at,
                });
            }
            _ => {}
        }
    }

    /// The record of `number` was written. What is wrong with the write is returned,
    /// if it was a coordinator's.
    pub fn written(
        &mut self,
        now: Time,
        key: &IndexerKey,
        number: usize,
        (before, after): (Option<&[u8]>, Option<&[u8]>),
    ) -> Option<Finding> {
        let writer = self.writer.take();
        let writer = writer.filter(|writer| writer.at == now && writer.number == number);
        // A compare-and-set that lost writes nothing, and a second writer may come next.
        self.wrote = writer.filter(|_| !is_of_others(before, after));
        let by = self.wrote?.by;
        // Only listed again.
        if before == after {
            return None;
        }
        for ((whose, life), known) in &mut self.knowledge {
            if *whose == number {
                known.outdated |= *life != by;
            }
        }
        self.knowledge.insert((number, by), Knowledge::default());
        let why = builds_on(before?, after?)?;
        let sentence = format!("{key}: life {by} wrote the record over one it had not read: {why}");
        Finding::about("S3", number, sentence)
    }
}

fn object(bytes: &[u8]) -> Option<Map<String, Value>> {
    serde_json::from_slice(bytes).ok()
}

/// The fields of `record` that no coordinator knows.
fn foreign(record: &Map<String, Value>) -> Map<String, Value> {
    let mut rest = record.clone();
    rest.retain(|field, _| !KNOWN.contains(&field.as_str()));
    rest
}

/// Whether a write changes nothing but fields of others. No coordinator's does: each
/// has the next revision.
fn is_of_others(before: Option<&[u8]>, after: Option<&[u8]>) -> bool {
    let (Some(before), Some(after)) = (before.and_then(object), after.and_then(object)) else {
        return false;
    };
    let same = |field: &&str| before.get(*field) == after.get(*field);
    KNOWN.iter().all(same) && foreign(&before) != foreign(&after)
}

/// Why `after` was not made from `before`, if it was not.
fn builds_on(before: &[u8], after: &[u8]) -> Option<String> {
    // What is no record has no successor.
    let (before, after) = (object(before)?, object(after)?);
    let revision = |record: &Map<String, Value>| {
        let own = record.get(OWN)?;
        own.get("revision")?.as_u64()
    };
    let (old, new) = (revision(&before).unwrap_or(0), revision(&after)?);
    if new != old + 1 {
        return Some(format!("revision {new} follows {old}"));
    }
    let (kept, left) = (foreign(&before), foreign(&after));
    (kept != left).then(|| {
        let (kept, left) = (Value::Object(kept), Value::Object(left));
        format!("fields of others were {kept} and are {left}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOOK: Duration = Duration::from_secs(15);

    fn key() -> IndexerKey {
        IndexerKey::new("a.near", "f")
    }

    fn applied(fencing: &mut Fencing, at: u64, method: Method, by: Incarnation) {
        let applied = Applied {
            call: at,
            by,
            sent_at: Time(at),
            version: None,
        };
        fencing.applied(Time(at), 0, method, &applied, &AnswerKind::Ok);
    }

    fn write(
        fencing: &mut Fencing,
        at: u64,
        by: Incarnation,
        texts: (&str, &str),
    ) -> Option<Finding> {
        let method = Method::StoreCompareAndSet;
        applied(fencing, at, method, by);
        let (before, after) = (texts.0.as_bytes(), texts.1.as_bytes());
        fencing.written(Time(at), &key(), 0, (Some(before), Some(after)))
    }

    #[test]
    fn one_effect_of_a_replaced_coordinator_is_too_late_to_stop_and_the_second_is_not() {
        let mut fencing = Fencing::new(LOOK);
        let records = (
            r#"{"coordinator":{"revision":1}}"#,
            r#"{"coordinator":{"revision":2}}"#,
        );
        applied(&mut fencing, 1, Method::StoreGet, 1);
        assert!(write(&mut fencing, 2, 2, records).is_none());
        let stop = |call| (call, Method::StopStream, 1);
        assert!(fencing.sent(Time(99), &key(), 0, stop(7)).is_none());
        assert!(fencing.was_outdated(7));
        let found = fencing.sent(Time(99), &key(), 0, stop(8));
        assert_eq!(found.map(|found| found.oracle), Some("S3"));
        applied(&mut fencing, 3, Method::StoreGet, 1);
        // A poll may have read it, while a round that began before is still looking.
        assert!(fencing.sent(Time(99), &key(), 0, stop(9)).is_none());
        assert!(fencing.was_outdated(9));
        assert!(fencing.sent(Time(99), &key(), 0, stop(10)).is_none());
        assert!(!fencing.was_outdated(10));
    }

    #[test]
    fn no_round_looks_for_longer_than_its_calls_may_last() {
        let looks = [
            (LOOK, LOOK, true),
            (LOOK, LOOK * 2, false),
            (LOOK * 2, LOOK * 2, true),
        ];
        for (look, pause, excused) in looks {
            let mut fencing = Fencing::new(look);
            let records = (
                r#"{"coordinator":{"revision":1}}"#,
                r#"{"coordinator":{"revision":2}}"#,
            );
            applied(&mut fencing, 1, Method::StoreGet, 1);
            assert!(write(&mut fencing, 2, 2, records).is_none());
            applied(&mut fencing, 3, Method::StoreGet, 1);
            let stop = (9, Method::StopStream, 1);
            let now = Time(3) + pause;
            assert!(fencing.sent(now, &key(), 0, stop).is_none());
            assert_eq!(fencing.was_outdated(9), excused);
        }
    }

    #[test]
    fn the_first_effect_after_a_thaw_is_excused_and_counted() {
        let mut fencing = Fencing::new(LOOK);
        applied(&mut fencing, 1, Method::StoreGet, 1);
        fencing.life(
            Time(5),
            &Event::Former {
                incarnation: 1,
                state: FormerState::Thawed { since: Time(1) },
            },
        );
        let start = |call| (call, Method::StartStream, 1);
        assert!(fencing.sent(Time(99), &key(), 0, start(7)).is_none());
        assert!(fencing.was_outdated(7));
        assert!(fencing.sent(Time(99), &key(), 0, start(8)).is_none());
        assert!(!fencing.was_outdated(8));
        fencing.life(
            Time(5),
            &Event::Former {
                incarnation: 1,
                state: FormerState::Thawed { since: Time(2) },
            },
        );
        let records = (
            r#"{"coordinator":{"revision":1}}"#,
            r#"{"coordinator":{"revision":2}}"#,
        );
        assert!(write(&mut fencing, 3, 2, records).is_none());
        let found = fencing.sent(Time(99), &key(), 0, start(9));
        assert_eq!(found.map(|found| found.oracle), Some("S3"));
    }

    #[test]
    fn whoever_was_frozen_for_long_reads_the_record_before_it_changes_anything() {
        let thawed = |minutes: u64| {
            let mut fencing = Fencing::new(LOOK);
            applied(&mut fencing, 1, Method::StoreGet, 1);
            let since = Time(1);
            fencing.life(
                since + Duration::from_secs(minutes * 60),
                &Event::Former {
                    incarnation: 1,
                    state: FormerState::Thawed { since },
                },
            );
            fencing
        };
        let effect =
            |fencing: &mut Fencing, method| fencing.sent(Time(99), &key(), 0, (7, method, 1));
        assert!(effect(&mut thawed(4), Method::StartStream).is_none());
        let found = effect(&mut thawed(6), Method::StartStream);
        assert_eq!(found.map(|found| found.oracle), Some("S3"));
        assert!(effect(&mut thawed(6), Method::StartProvisioningTask).is_none());
        let mut reads = thawed(6);
        applied(&mut reads, 9, Method::StoreGet, 1);
        assert!(effect(&mut reads, Method::StartStream).is_none());
    }

    #[test]
    fn the_writer_itself_is_not_outdated() {
        let mut fencing = Fencing::new(LOOK);
        let records = (
            r#"{"coordinator":{"revision":1}}"#,
            r#"{"coordinator":{"revision":2}}"#,
        );
        assert!(write(&mut fencing, 2, 1, records).is_none());
        for call in 0..5 {
            let stop = (call, Method::StopExecutor, 1);
            assert!(fencing.sent(Time(99), &key(), 0, stop).is_none());
        }
    }

    #[test]
    fn a_write_over_an_unread_record_is_found() {
        let mut fencing = Fencing::new(LOOK);
        let skipped = (
            r#"{"enabled":true,"coordinator":{"revision":4}}"#,
            r#"{"enabled":false,"coordinator":{"revision":4}}"#,
        );
        assert!(write(&mut fencing, 2, 1, skipped).is_some());
        let listed_again = (skipped.0, skipped.0);
        assert!(write(&mut fencing, 2, 1, listed_again).is_none());
        let dropped = (
            r#"{"rival":1,"coordinator":{"revision":4}}"#,
            r#"{"coordinator":{"revision":5}}"#,
        );
        assert!(write(&mut fencing, 3, 1, dropped).is_some());
        let kept = (
            r#"{"rival":1}"#,
            r#"{"rival":1,"coordinator":{"revision":1}}"#,
        );
        assert!(write(&mut fencing, 4, 1, kept).is_none());
    }

    #[test]
    fn what_a_second_writer_leaves_is_nobody_elses_write() {
        let mut fencing = Fencing::new(LOOK);
        let records = (
            r#"{"rival":1,"coordinator":{"revision":52}}"#,
            r#"{"coordinator":{"revision":52},"rival":2}"#,
        );
        // The compare-and-set before has lost: nothing was written for it.
        assert!(write(&mut fencing, 2, 1, records).is_none());
        // Nor is anybody's knowledge outdated by what no coordinator reads.
        let stop = |call| (call, Method::StopStream, 2);
        applied(&mut fencing, 1, Method::StoreGet, 2);
        assert!(write(&mut fencing, 2, 1, records).is_none());
        assert!(fencing.sent(Time(99), &key(), 0, stop(7)).is_none());
        assert!(!fencing.was_outdated(7));
        // It does not excuse whoever writes over it.
        let unread = (records.1, r#"{"coordinator":{"revision":53},"rival":1}"#);
        assert!(write(&mut fencing, 2, 1, unread).is_some());
    }
}
