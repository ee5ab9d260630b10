//! P1, P2 and P4: which blocks are executed, and how often.

use std::collections::BTreeMap;

use lifecycle::Phase;
use sim_node::chain::{Block, Chain, CompiledRule, Rule};
use sim_node::{EntryId, IndexerKey, Time};

use super::broken;
use super::desire::{Registered, Switch};
use super::finding::Finding;
use super::heights::Heights;
use super::indexer::Indexer;
use super::silence;
use super::truth::Truth;
use super::versions::{self, Execution};
use crate::history::RunPhase;
use crate::report::BlockTally;

/// How many heights a tally lists.
const LISTED: usize = 20;

/// An execution as the runner's ledger tells it.
#[derive(Clone, Copy)]
pub(super) struct Executed {
    pub worker: u64,
    pub version: u64,
    pub height: u64,
    pub entry: EntryId,
}

/// What became of the blocks of one indexer.
#[derive(Default)]
struct Ledger {
    executed: Vec<(u64, Heights)>,
    /// Lowest height a stream of each version of this life was started at.
    starts: BTreeMap<u64, u64>,
    tally: BlockTally,
}

impl Ledger {
    fn of(&self, version: u64) -> Option<&Heights> {
        self.executed
            .iter()
            .rev()
            .find(|(known, _)| *known == version)
            .map(|(_, heights)| heights)
    }

    fn add(&mut self, version: u64, height: u64) -> u8 {
        if let Some((_, heights)) = self.executed.iter_mut().rev().find(|(v, _)| *v == version) {
            return heights.add(height);
        }
        let mut heights = Heights::default();
        let count = heights.add(height);
        self.executed.push((version, heights));
        count
    }

    fn has(&self, height: u64) -> bool {
        self.executed
            .iter()
            .any(|(_, heights)| heights.contains(height))
    }
}

/// P2 and P4 at every execution, P1 at the end.
///
/// P2 verifies that a block is executed at most once, once more per start of a
/// worker and loss of the store, and twice more per start of a stream (a stream
/// hands its first phase over to its second with one block repeated). A block
/// whose removal from the queue failed is executed again by the same worker;
/// that counts once. P4 verifies that nothing is executed while the record says
/// Suspended. P1 is described at [`Blocks::finish`].
#[derive(Default)]
pub(super) struct Blocks {
    ledgers: Vec<Ledger>,
    /// Executions of blocks that had been executed before.
    pub duplicates: u64,
}

impl Blocks {
    fn ledger(&mut self, number: usize) -> &mut Ledger {
        if self.ledgers.len() <= number {
            self.ledgers.resize_with(number + 1, Ledger::default);
        }
        &mut self.ledgers[number]
    }

    /// A stream was started. If how far its run had come was `forgotten`, through no fault
    /// of the coordinator, the run begins anew there, and goes on from nothing.
    pub fn stream_started(&mut self, number: usize, version: u64, height: u64, forgotten: bool) {
        let starts = &mut self.ledger(number).starts;
        if forgotten {
            starts.retain(|known, _| *known > version);
        }
        let start = starts.entry(version).or_insert(height);
        *start = height.min(*start);
    }

    /// A registration life begins.
    pub fn new_life(&mut self, number: usize) {
        self.ledger(number).starts.clear();
    }

    /// A block was executed.
    pub fn executed(
        &mut self,
        truth: &mut Truth,
        now: Time,
        number: usize,
        executed: Executed,
    ) -> Option<Finding> {
        let Executed {
            worker,
            version,
            height,
            entry,
        } = executed;
        let indexer = truth.at_mut(number);
        let published = indexer.queue.execute(now, entry);
        let living = indexer
            .world
            .workers
            .iter_mut()
            .find(|living| living.worker == worker);
        let earlier = living.and_then(|living| {
            let task = published.map_or(u64::MAX, |published| published.task);
            living.last.replace((entry, task, height))
        });
        // What a worker of the network's making eats is out of anybody's reach: an orphan's,
        // or one that is listed but not of the version that the record tells of.
        let told = indexer.record.known().and_then(|record| record.run);
        let eaten = indexer.world.workers.iter().any(|living| {
            let foreign = told.is_none_or(|run| run.version() != living.version);
            living.worker == worker && living.excused && (living.orphan || foreign)
        });
        if eaten {
            indexer.queue.lost.insert(height);
        }
        let repeated = earlier.is_some_and(|(last, ..)| last == entry);
        let count = match repeated {
            true => 0,
            false => self.ledger(number).add(version, height),
        };
        self.duplicates += u64::from(count > 1);
        let truth = &*truth;
        let indexer = truth.at(number);
        let duplicate = too_often(indexer, number, version, height, u64::from(count))
            .or_else(|| repeated_in_silence(truth, now, number, height, u64::from(count)));
        let living = indexer
            .world
            .workers
            .iter()
            .find(|living| living.worker == worker);
        let Some(worker) = living else {
            return duplicate;
        };
        let suspended = (!worker.excused)
            .then(|| suspended(truth, now, number, height))
            .flatten();
        let order = published.filter(|_| !repeated).and_then(|published| {
            let earlier = earlier.map(|(_, task, height)| (task, height));
            let published = &published;
            let execution = Execution {
                number,
                indexer,
                worker,
                earlier,
                published,
            };
            versions::same_version(&execution).or_else(|| versions::ascending(&execution))
        });
        suspended.or(order).or(duplicate)
    }

    /// P1. Verifies, for every indexer that shall run at the end, that each block
    /// from the start of its version that matches the rule was executed by that
    /// version's code, unless the stream has not come so far and is still at work, or
    /// the worker went away unnoticed; and that a version which goes on from its
    /// predecessor left none of the predecessor's blocks out. A block that only an
    /// index by receiver would miss, what the store lost, and what user code refuses
    /// are excused.
    pub fn finish(
        &mut self,
        truth: &Truth,
        now: Time,
        chain: &mut Chain,
        rules: &BTreeMap<IndexerKey, Vec<(u64, Rule)>>,
        tip: u64,
    ) -> Option<Finding> {
        let mut found = None;
        for (number, indexer) in truth.all() {
            let ledger = self.ledger(number);
            ledger.summarise();
            let Some(rules) = rules.get(&indexer.key) else {
                continue;
            };
            let current = indexer.desire.version();
            let rule = rules
                .iter()
                .rev()
                .find(|(v, _)| current.is_none_or(|c| c == *v));
            let Some((version, rule)) = rule else {
                continue;
            };
            let start = indexer.desire.starts(*version).last().flatten();
            // There is no block 0 (see `starts`).
            let from = start.or_else(|| ledger.starts.get(version).copied());
            let from = from.map(|height| height.max(1));
            let judged = found.is_none()
                && !truth.core.lacks_a_service()
                && !broken::is_excused(truth, number)
                && is_judged(truth, indexer, ledger, *version);
            let mut missing = None;
            if let Some(from) = from {
                let scan = Scan {
                    truth,
                    now,
                    indexer,
                    ledger,
                    version: *version,
                    rule,
                };
                let (tally, first_missing) = scan.run(chain, from, tip, judged);
                missing = first_missing;
                ledger.tally = tally;
                ledger.summarise();
            }
            if judged && missing.is_none() {
                missing = handover(indexer, ledger, *version, rules, chain);
            }
            if let Some(sentence) = missing {
                found = Finding::about("P1", number, format!("{}: {sentence}", indexer.key));
            }
        }
        found
    }

    /// The tallies by number.
    pub fn tallies(&self) -> impl Iterator<Item = (usize, &BlockTally)> {
        self.ledgers
            .iter()
            .enumerate()
            .map(|(number, ledger)| (number, &ledger.tally))
    }
}

fn too_often(
    indexer: &Indexer,
    number: usize,
    version: u64,
    height: u64,
    count: u64,
) -> Option<Finding> {
    let world = &indexer.world;
    let bound = 1 + 2 * world.stream_starts + world.worker_starts + world.store_losses;
    if count <= bound {
        return None;
    }
    let sentence = format!(
        "{}: block {height} was executed {count} times by version {version}, after {} starts of \
         streams and {} of workers",
        indexer.key, world.stream_starts, world.worker_starts
    );
    Finding::about("P2", number, sentence)
}

/// P2 in the silent part of a run: what is new there is executed once.
fn repeated_in_silence(
    truth: &Truth,
    now: Time,
    number: usize,
    height: u64,
    count: u64,
) -> Option<Finding> {
    let indexer = truth.at(number);
    let is_new = truth.phase == RunPhase::Silence && height > indexer.queue.top;
    let times = 1 + u64::from(indexer.queue.handover == Some(height));
    // Whoever the network left behind may write and execute as well.
    let left = indexer.world.workers.iter().any(|one| one.excused)
        || indexer.world.streams.iter().any(|one| one.excused);
    let excused = left || indexer.relaxed || silence::may_go_on(truth, now, number);
    if !is_new || count <= times || excused {
        return None;
    }
    let sentence = format!(
        "{}: block {height} was executed {count} times, although nothing was started since it \
         was made",
        indexer.key
    );
    Finding::about("P2", number, sentence)
}

fn suspended(truth: &Truth, now: Time, number: usize, height: u64) -> Option<Finding> {
    let indexer = truth.at(number);
    let sure = now >= indexer.unsure_until && !indexer.relaxed && !truth.is_misled(number, now);
    if !sure || indexer.record.phase() != Some(Phase::Suspended) {
        return None;
    }
    let sentence = format!(
        "{}: block {height} was executed while suspended",
        indexer.key
    );
    Finding::about("P4", number, sentence)
}

fn is_judged(truth: &Truth, indexer: &Indexer, ledger: &Ledger, version: u64) -> bool {
    let wanted = matches!(indexer.desire.current().registered,
        Registered::Present { supported: true, version: current, .. } if current == version);
    let record = indexer.record.known();
    let on = indexer.desire.current().switch != Switch::Off
        && record.is_some_and(|record| record.enabled);
    let gave_up = record
        .and_then(|record| record.repair.as_ref())
        .is_some_and(|repair| repair.gave_up(truth.limits.attempts_max));
    wanted
        && on
        && !gave_up
        && !indexer.relaxed
        && !indexer.is_tainted(version)
        && !indexer.desire.is_ambiguous(version)
        && ledger.starts.contains_key(&version)
}

/// Whether the streamer is sure to publish a block that lies at or after its
/// start: what only the sender betrays is missed by the index of the past.
fn is_published(rule: &CompiledRule, indexed: bool, block: &Block) -> bool {
    rule.matches(block) && (!indexed || rule.touches_receiver(block))
}

/// A look through the chain for one indexer.
struct Scan<'a> {
    truth: &'a Truth,
    now: Time,
    indexer: &'a Indexer,
    ledger: &'a Ledger,
    version: u64,
    rule: &'a Rule,
}

impl Scan<'_> {
    fn run(
        &self,
        chain: &mut Chain,
        from: u64,
        tip: u64,
        judged: bool,
    ) -> (BlockTally, Option<String>) {
        let (rule, indexed) = (self.rule.compile(), self.rule.is_indexed());
        let mut tally = BlockTally::default();
        let mut missing = None;
        let mut next = from;
        while let Some(block) = chain
            .first_at_or_after(next)
            .filter(|block| block.height <= tip)
        {
            let height = block.height;
            next = height.saturating_add(1);
            if rule.matches(block) {
                tally.matched += 1;
                if tally.first_matched.len() < LISTED {
                    tally.first_matched.push(height);
                }
            }
            if judged && missing.is_none() && is_published(&rule, indexed, block) {
                missing = self.judge(height, tip);
            }
        }
        (tally, missing)
    }

    fn judge(&self, height: u64, tip: u64) -> Option<String> {
        let Scan {
            truth,
            now,
            indexer,
            ledger,
            version,
            ..
        } = self;
        let queue = &indexer.queue;
        let done = ledger
            .of(*version)
            .is_some_and(|heights| heights.contains(height));
        if done || queue.lost.contains(&height) || queue.failing_at == Some(height) {
            return None;
        }
        let reached = match (queue.cursor, queue.lowest_waiting()) {
            (Some(cursor), Some(waiting)) => cursor.min(waiting),
            (Some(cursor), None) => cursor,
            (None, _) => 0,
        };
        if height < reached && !queue.is_unclear() && !queue.is_waiting(height) {
            let what = format!(
                "block {height} matches and was never executed by version {version}, although \
                 everything before {reached} is said to be done"
            );
            return Some(what);
        }
        let idle = truth.limits.idle_at_end;
        let queued = queue.cursor.is_some_and(|cursor| height <= cursor);
        let idle_since = queue
            .executed_at
            .max(indexer.world.owned_stream().map(|s| s.since))
            .max(queue.moved_at.filter(|_| !queued));
        let stuck = idle_since.is_some_and(|since| now.since(since) > idle)
            && queue.failing_at.is_none()
            && !indexer.world.vanished
            && height.saturating_add(truth.limits.tip_margin) <= tip;
        stuck.then(|| {
            format!("block {height} matches and is not executed, and nothing has been for {idle:?}")
        })
    }
}

/// What a predecessor left and its continuation did not take up.
fn handover(
    indexer: &Indexer,
    ledger: &Ledger,
    version: u64,
    rules: &[(u64, Rule)],
    chain: &mut Chain,
) -> Option<String> {
    let asked = |version: u64| indexer.desire.starts(version).last().flatten();
    let mut newer = version;
    while asked(newer).is_none() && indexer.desire.starts(newer).next().is_some() {
        let (older, older_start) = ledger.starts.range(..newer).next_back()?;
        // A version in between that never ran may have asked for another start, and so may
        // another content of the same version. Of a run that the record did not tell of,
        // nothing could be taken up.
        let forgotten = indexer.forgotten.contains_key(older) || indexer.is_tainted(*older);
        let unclear =
            indexer.desire.versions_between(*older, newer) || indexer.desire.is_ambiguous(*older);
        // An old answer may have let a version of the life before run in this one.
        let foreign = indexer.desire.starts(*older).next().is_none();
        if forgotten || unclear || foreign {
            return None;
        }
        let rule = rules
            .iter()
            .rev()
            .find(|(v, _)| v == older)
            .map(|(_, rule)| rule)?;
        let (compiled, indexed) = (rule.compile(), rule.is_indexed());
        let until = ledger.starts.get(&newer).copied()?;
        let mut next = asked(*older).unwrap_or(*older_start).max(1);
        while let Some(block) = chain.first_at_or_after(next).filter(|b| b.height < until) {
            let height = block.height;
            next = height.saturating_add(1);
            let published = is_published(&compiled, indexed, block);
            if published && !ledger.has(height) && !indexer.queue.lost.contains(&height) {
                return Some(format!(
                    "block {height} was executed neither by version {older} nor by version \
                     {newer}, which goes on at {until}"
                ));
            }
        }
        newer = *older;
    }
    None
}

impl Ledger {
    fn summarise(&mut self) {
        self.tally.executions = self.executed.iter().map(|(_, heights)| heights.total).sum();
        if let [(_, only)] = self.executed.as_slice() {
            self.tally.executed = only.distinct;
            self.tally.first_executed = only.iter().take(LISTED).collect();
            return;
        }
        let all: std::collections::BTreeSet<u64> = self
            .executed
            .iter()
            .flat_map(|(_, heights)| heights.iter())
            .collect();
        self.tally.executed = all.len() as u64;
        self.tally.first_executed = all.into_iter().take(LISTED).collect();
    }
}
