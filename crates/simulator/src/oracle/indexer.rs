//! What is known of one indexer, and of data layer tasks.

use std::collections::BTreeMap;

use lifecycle::Phase;
use sim_node::{IndexerKey, Time};

use super::desire::{Desire, Hold};
use super::queue::Queue;
use super::record::{Persisted, Record, Run};
use super::world::World;
use crate::history::Incarnation;

/// Of so many runs it is remembered that the record has ceased to tell of them; those of the
/// oldest versions are dropped first.
const FORGOTTEN_MAX: usize = 64;

/// One indexer.
pub(super) struct Indexer {
    pub key: IndexerKey,
    pub desire: Desire,
    pub world: World,
    pub queue: Queue,
    /// The record now, and before the last write.
    pub record: Persisted,
    pub record_before: Persisted,
    pub record_at: Time,
    /// The last write was no coordinator's.
    pub foreign_write: bool,
    pub tampered_at: Option<Time>,
    /// When another program left its record in its own form.
    pub translated_at: Option<Time>,
    /// When that was done for the last time, and the newest version that it told of.
    pub left_by_another: Option<(Time, Option<u64>)>,
    /// The record is another program's.
    pub taken_over: bool,
    /// Until then the persisted phase may differ from what the coordinator read.
    pub unsure_until: Time,
    /// Until then the coordinator may act on an answer that was not true.
    pub misled_until: Time,
    /// Its record or data were changed behind the coordinator's back in this life, and
    /// it has not been seen whole for long enough since.
    pub relaxed: bool,
    /// Since when it has been whole, while it is relaxed.
    pub whole_since: Option<Time>,
    /// Another hand than the store's loss changed its record while it is relaxed.
    pub touched: bool,
    /// The newest version whose run another hand may have changed.
    pub tainted: Option<u64>,
    /// When the coordinator last heard of a point read from the registry.
    pub read_heard: Option<Time>,
    /// When its record last told of a data layer task.
    pub tasked_at: Option<Time>,
    /// The versions whose runs the record has ceased to tell of, by another program or
    /// by a store that forgets, and the starts that it told of; until it is known again how
    /// far they had come, or a stream begins them anew.
    pub forgotten: BTreeMap<u64, Option<u64>>,
    /// When its record last told that it gives up for now.
    pub gave_up_at: Option<Time>,
    /// When the record of this life was begun, by a coordinator that knew of the life.
    pub begun_at: Option<Time>,
}

impl Indexer {
    /// One of whom nothing is known yet.
    pub fn new(key: IndexerKey) -> Indexer {
        Indexer {
            key,
            desire: Desire::default(),
            world: World::default(),
            queue: Queue::default(),
            record: Persisted::Unknown,
            record_before: Persisted::Unknown,
            record_at: Time(0),
            foreign_write: false,
            tampered_at: None,
            translated_at: None,
            left_by_another: None,
            taken_over: false,
            unsure_until: Time(0),
            misled_until: Time(0),
            relaxed: false,
            whole_since: None,
            touched: false,
            tainted: None,
            read_heard: None,
            tasked_at: None,
            forgotten: BTreeMap::new(),
            gave_up_at: None,
            begun_at: None,
        }
    }

    /// Its record becomes `next`; the event told of what was there `before`. The
    /// coordinator has been told `of_life`, the current one, or not.
    pub fn rewritten(&mut self, now: Time, before: Option<&[u8]>, next: &Persisted, of_life: bool) {
        self.record_before = match std::mem::take(&mut self.record) {
            Persisted::Unknown => Persisted::read(before),
            known => known,
        };
        self.record_at = now;
        let has_task = |record: &Record| record.task.is_some();
        if self.record_before.known().is_some_and(has_task) {
            self.tasked_at = Some(now);
        }
        let told = next.known().and_then(|record| record.run);
        if of_life && self.begins_with(next) {
            self.begun_at = Some(now);
        }
        if let Some(run) = told.filter(|run| self.is_told_again(run)) {
            self.forgotten.remove(&run.version());
        }
    }

    /// Whether the record tells of `run` as it did before it ceased to, or of none but what
    /// the cursor shows. Another start makes it another run, which takes up nothing.
    fn is_told_again(&self, run: &Run) -> bool {
        let before = self.forgotten.get(&run.version()).copied().flatten();
        match run.start {
            Some(start) => before == Some(start),
            None => self.has_cursor(),
        }
    }

    fn has_cursor(&self) -> bool {
        self.queue.cursor.is_some() && !self.queue.is_unclear()
    }

    /// Whether anybody can say how far `run`, of which the record tells, had come: it has
    /// a start or a cursor.
    fn shows_how_far(&self, run: &Run) -> bool {
        run.start.is_some() || self.has_cursor()
    }

    /// Whether the indexer begins, or begins anew, with `next`.
    fn begins_with(&self, next: &Persisted) -> bool {
        let ended = match &self.record_before {
            Persisted::Nothing => true,
            before => before.phase() == Some(Phase::Deleting),
        };
        ended && next.phase() == Some(Phase::Initializing)
    }

    /// Another program leaves `next` as its record: whatever that cannot say is
    /// forgotten, through no fault of the coordinator.
    pub fn translated(&mut self, now: Time, next: &Persisted) {
        let told = match next {
            // Before there were records a key told which version runs.
            Persisted::Nothing => self.record_before.known().and_then(|it| it.synced),
            _ => next.known().and_then(|record| {
                let run = record.run.map(|run| run.version());
                run.max(record.synced).max(record.registered)
            }),
        };
        self.left_by_another = Some((now, told));
        self.begun_at = None;
        self.desire.unbind();
        let Some(before) = self.record_before.known() else {
            return;
        };
        let settled = before.task.is_none()
            && before.repair.is_none()
            && before.run.is_none_or(|run| run.prepared);
        let after = next.known();
        let commands = |record: &Record| (record.enabled, record.held);
        if after.map(commands).unwrap_or((true, false)) != commands(before) {
            self.desire.doubt_commands(now);
        }
        self.forgets_its_run(next);
        if !settled {
            self.relax(true);
        }
    }

    /// Something else than the coordinator leaves `next` as its record: of a run that
    /// it does not tell of, nobody can take up anything.
    pub fn forgets_its_run(&mut self, next: &Persisted) {
        let told = next.known().and_then(|record| record.run);
        let before = self.record_before.known().and_then(|record| record.run);
        let told = told.filter(|run| self.shows_how_far(run));
        let is_told = |version| told.is_some_and(|it| it.version() == version);
        if let Some(before) = before.filter(|before| !is_told(before.version())) {
            self.forgotten.insert(before.version(), before.start);
            if self.forgotten.len() > FORGOTTEN_MAX {
                self.forgotten.pop_first();
            }
        }
    }

    /// A stream of `version` begins: true if how far its run had come was forgotten.
    pub fn begins_anew(&mut self, version: u64) -> bool {
        self.forgotten.remove(&version).is_some()
    }

    /// Its record or data changed behind the coordinator's back; by another `hand`
    /// than a store that forgets, perhaps to what never was.
    pub fn relax(&mut self, hand: bool) {
        self.relaxed = true;
        self.begun_at = None;
        self.touched |= hand;
        self.whole_since = None;
    }

    /// Whether another hand may have changed where the run of `version` began.
    pub fn is_tainted(&self, version: u64) -> bool {
        self.tainted.is_some_and(|tainted| version <= tainted)
    }

    /// Whether an operator holds it, or may: nothing can be expected then.
    pub fn is_held(&self) -> bool {
        let stored = self.record.known().is_some_and(|record| record.held);
        stored || self.desire.hold() != Hold::No
    }

    /// Whether a stream task writes what is not of the current run, through no
    /// fault of the coordinator.
    pub fn is_foreign(&self, task: u64) -> bool {
        let Some(stream) = self.world.streams.iter().find(|stream| stream.task == task) else {
            return true;
        };
        let run = self.record.known().and_then(|record| record.run);
        stream.excused && run.is_none_or(|run| run.version() != stream.version)
    }
}

/// Whether the data layers of two accounts lie in one database: the provisioner names
/// it after the account, and writes `_` for what is neither letter nor digit.
pub(crate) fn share_a_database(one: &str, other: &str) -> bool {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    one.chars().map(plain).eq(other.chars().map(plain))
}

/// A data layer task that runs.
pub(super) struct DataTask {
    pub indexer: usize,
    pub id: String,
    pub since: Time,
    /// The call that began it is known.
    pub linked: bool,
    /// Its id was persisted.
    pub known: bool,
    pub excused: bool,
    /// Which coordinator asked for it, if that is known.
    pub by: Option<Incarnation>,
}
