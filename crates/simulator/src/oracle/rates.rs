//! S12: the coordinator makes calls at a bounded rate.

use std::collections::BTreeMap;
use std::time::Duration;

use sim_node::Time;

use super::fair::Fair;
use super::finding::Finding;
use super::truth::Truth;
use crate::history::Method;

const MINUTE: Duration = Duration::from_secs(60);

/// Calls and writes that each wish of users and operators accounts for.
const PER_WISH: u32 = 20;

/// Reads for each call that is allowed: looks are cheap, but a loop that turns
/// without a pause makes thousands.
const READS_PER_CALL: u32 = 20;

/// Shared polls of one kind for each period that passes: some of them are ahead of time.
const POLLS_PER_TICK: u128 = 3;

/// Shared polls of one kind that a coordinator may make besides, at its start above all.
const POLLS_BESIDES: u128 = 60;

/// What is polled for all together within one minute.
#[derive(Clone, Copy, Default)]
struct Polls {
    since: Time,
    count: u128,
    births: u128,
    looks: u128,
}

#[derive(Clone, Copy, Default)]
struct Window {
    since: Time,
    calls: u32,
    writes: u32,
    reads: u32,
    wishes: u32,
    wishes_before: u32,
    /// The newest version that was ever started.
    newest: u64,
}

/// S12. Verifies that calls to nodes, writes of the record and reads about it stay
/// bounded per indexer and minute, and that all starts together stay near the
/// start budget in each second, unless slow answers held them up. Polls for all
/// indexers keep to their period, as a whole.
#[derive(Default)]
pub(super) struct Rates {
    windows: Vec<Window>,
    polls: BTreeMap<Method, Polls>,
    births: u128,
    /// Reads about one indexer each.
    looks: u128,
    second: u64,
    starts: u32,
}

impl Rates {
    fn window(&mut self, now: Time, number: usize) -> &mut Window {
        if self.windows.len() <= number {
            self.windows.resize(number + 1, Window::default());
        }
        let window = &mut self.windows[number];
        if now.since(window.since) >= MINUTE {
            *window = Window {
                since: now,
                wishes_before: window.wishes,
                newest: window.newest,
                ..Window::default()
            };
        }
        window
    }

    /// A user or an operator wants something of the indexer.
    pub fn wish(&mut self, now: Time, number: usize) {
        self.window(now, number).wishes += 1;
    }

    /// Something was started in this version. Of a newer one the registry has told: what
    /// users want may be told long after it was said, and as fast.
    pub fn started_in(&mut self, now: Time, number: usize, version: u64) {
        let window = self.window(now, number);
        if version > window.newest {
            window.wishes += u32::from(window.newest > 0);
            window.newest = version;
        }
    }

    /// A life of a coordinator begins: it asks for everything at once.
    pub fn born(&mut self) {
        self.births += 1;
    }

    /// The coordinator asks for something of all indexers.
    pub fn polled(
        &mut self,
        truth: &Truth,
        now: Time,
        number: Option<usize>,
        method: Method,
    ) -> Option<Finding> {
        if number.is_some() || !method.is_shared_poll() {
            return None;
        }
        let (births, looks) = (self.births, self.looks);
        let polls = self.polls.entry(method).or_default();
        if now.since(polls.since) >= MINUTE {
            *polls = Polls {
                since: now,
                count: 0,
                births,
                looks,
            };
        }
        polls.count += 1;
        let ticks = MINUTE.as_micros() / truth.limits.tick.as_micros().max(1);
        let parts = match method {
            Method::StoreGet => 4 + truth.all().count() / truth.limits.records_per_read,
            _ => 1,
        };
        // The one that was replaced and the one that follows, and whoever was born since.
        let coordinators = 2 + births - polls.births;
        let each = POLLS_PER_TICK * ticks + POLLS_BESIDES;
        // What stands in a newcomer's place is asked for as a set each time that it is
        // looked whether it has a record by now.
        let newcomers = match method {
            Method::StoreSetMembers | Method::StoreGet => {
                2 * truth.all().count() as u128 + looks - polls.looks
            }
            _ => 0,
        };
        let limit = (each * parts as u128 + newcomers) * coordinators;
        if polls.count <= limit {
            return None;
        }
        let sentence = format!("*: {} of {method:?} within a minute", polls.count);
        Some(Finding {
            oracle: "S12",
            indexer: None,
            sentence,
        })
    }

    /// The coordinator reads something about the indexer.
    pub fn read(&mut self, truth: &Truth, now: Time, number: usize) -> Option<Finding> {
        self.looks += 1;
        let window = self.window(now, number);
        window.reads += 1;
        let wishes = window.wishes.saturating_add(window.wishes_before);
        let calls = truth.limits.effects_per_indexer_per_minute;
        let limit = calls.saturating_add(PER_WISH.saturating_mul(wishes));
        let limit = limit.saturating_mul(READS_PER_CALL);
        if window.reads <= limit.max(truth.limits.reads_per_indexer_per_minute) {
            return None;
        }
        let key = &truth.at(number).key;
        let sentence = format!("{key}: {} reads within a minute", window.reads);
        Finding::about("S12", number, sentence)
    }

    /// The coordinator sends a call that changes the world.
    pub fn sent(
        &mut self,
        (truth, fair): (&Truth, &Fair),
        now: Time,
        number: usize,
        method: Method,
    ) -> Option<Finding> {
        let limit = truth.limits.effects_per_indexer_per_minute;
        let window = self.window(now, number);
        let extra = PER_WISH.saturating_mul(window.wishes.saturating_add(window.wishes_before));
        let (count, limit, what) = match method {
            // What was cleared and could not be noted is cleared again.
            Method::StoreCompareAndSet
            | Method::StoreSetAdd
            | Method::StoreSetRemove
            | Method::StoreDelete => {
                window.writes += 1;
                let refused = truth.limits.writes_per_indexer_per_minute;
                (
                    window.writes,
                    limit.saturating_mul(4).max(refused),
                    "writes",
                )
            }
            _ => {
                window.calls += 1;
                (window.calls, limit, "calls")
            }
        };
        if count > limit.saturating_add(extra) {
            let key = &truth.at(number).key;
            let sentence = format!("{key}: {count} {what} within a minute");
            return Finding::about("S12", number, sentence);
        }
        matches!(method, Method::StartStream | Method::StartExecutor)
            .then(|| self.started(truth, now, number))
            .flatten()
            .filter(|_| !fair.was_slow(now))
    }

    fn started(&mut self, truth: &Truth, now: Time, number: usize) -> Option<Finding> {
        if self.second != now.as_secs() {
            self.second = now.as_secs();
            self.starts = 0;
        }
        self.starts += 1;
        let limit = truth
            .limits
            .start_budget_per_second
            .saturating_mul(2)
            .saturating_add(10);
        if self.starts <= limit {
            return None;
        }
        let sentence = format!(
            "{} starts of streams and executors within a second",
            self.starts
        );
        Finding::about("S12", number, sentence)
    }
}
