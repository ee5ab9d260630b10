//! A chain that follows from a configuration and a seed.

use std::sync::Arc;
use std::time::Duration;

use crate::chain::{Block, ChainConfig, Halt, Outcome};
use crate::{Rng, Time};

/// One of so many heights has a block whatever the skip probability says.
const ALWAYS_EACH: u64 = 64;
/// Slots of the block cache: two hours of blocks at one a second.
const CACHE_SLOTS: usize = 8192;
/// Number of accounts that send receipts.
const USERS: u64 = 50;

/// Block content is a pure function of (seed, height): the cache only saves work.
#[derive(Clone, Debug)]
pub(super) struct SyntheticChain {
    config: ChainConfig,
    seed: u64,
    start: Time,
    /// Merged, in order, in microseconds from the start: (begin, length).
    halts: Vec<(u64, u64)>,
    accounts: Vec<Arc<str>>,
    users: Vec<Arc<str>>,
    methods: Vec<Arc<str>>,
    /// A height has one slot it can be in; whoever comes later takes it over.
    cache: Vec<Slot>,
}

#[derive(Clone, Debug, Default)]
struct Slot {
    /// 0 stands for an empty slot; height 0 is never cached.
    height: u64,
    block: Option<Box<Block>>,
}

impl SyntheticChain {
    pub(super) fn new(config: ChainConfig, seed: u64, start: Time) -> SyntheticChain {
        let config = config.clamped();
        SyntheticChain {
            seed,
            start,
            halts: merged(&config.halts),
            accounts: (0..config.accounts)
                .map(|n| format!("app{n}.near").into())
                .collect(),
            users: (0..USERS).map(|n| format!("user{n}.near").into()).collect(),
            methods: config
                .methods
                .iter()
                .map(|method| method.as_str().into())
                .collect(),
            cache: vec![Slot::default(); CACHE_SLOTS],
            config,
        }
    }

    pub(super) fn first_height(&self) -> u64 {
        self.config.first_height
    }

    pub(super) fn first_at_or_after(&mut self, height: u64) -> Option<&Block> {
        let mut height = height.max(self.config.first_height);
        loop {
            let slot = self.slot_of(height);
            if self.cache.get(slot)?.height != height || height == 0 {
                let block = self.generate(height).map(Box::new);
                *self.cache.get_mut(slot)? = Slot { height, block };
            }
            // Looked at twice, because a conditional early return of a borrow
            // would hold it for the rest of the loop.
            if self.cache.get(slot)?.block.is_some() {
                return self.cache.get(slot)?.block.as_deref();
            }
            height = height.checked_add(1)?;
        }
    }

    pub(super) fn tip_at(&self, time: Time) -> Option<u64> {
        let first = self.config.first_height;
        if self.available_at(first) > time {
            return None;
        }
        let newest_at_start = first + (self.config.history - 1);
        let interval = self.interval_micros();
        let mut height = if time >= self.start {
            let elapsed = micros(time.since(self.start));
            newest_at_start.saturating_add((elapsed - self.halted_within(elapsed)) / interval)
        } else {
            let missing = micros(self.start.since(time)).div_ceil(interval);
            newest_at_start.saturating_sub(missing)
        };
        // At the very instant a halt begins, the count above is one too high.
        while height > first && (self.available_at(height) > time || !self.exists(height)) {
            height -= 1;
        }
        Some(height.max(first))
    }

    fn interval_micros(&self) -> u64 {
        micros(self.config.interval).max(1)
    }

    /// When `height` is produced, were it not skipped.
    fn available_at(&self, height: u64) -> Time {
        let newest_at_start = self.config.first_height + (self.config.history - 1);
        let interval = self.interval_micros();
        if height <= newest_at_start {
            let behind = (newest_at_start - height).saturating_mul(interval);
            return Time(self.start.0.saturating_sub(behind));
        }
        let mut offset = (height - newest_at_start).saturating_mul(interval);
        for &(begin, length) in &self.halts {
            if offset < begin {
                break;
            }
            offset = offset.saturating_add(length);
        }
        Time(self.start.0.saturating_add(offset))
    }

    /// How much of the first `elapsed` microseconds the chain stood still.
    fn halted_within(&self, elapsed: u64) -> u64 {
        let within = |&(begin, length): &(u64, u64)| elapsed.saturating_sub(begin).min(length);
        self.halts.iter().map(within).sum()
    }

    fn slot_of(&self, height: u64) -> usize {
        usize::try_from(height % CACHE_SLOTS as u64).unwrap_or(0)
    }

    fn stream_of(&self, height: u64) -> Rng {
        Rng::new(self.seed, &format!("chain/{height}"))
    }

    fn exists(&self, height: u64) -> bool {
        self.drawn_existence(height, &mut self.stream_of(height))
    }

    fn drawn_existence(&self, height: u64, rng: &mut Rng) -> bool {
        let skipped = rng.chance(self.config.skip);
        !skipped || height == self.config.first_height || height.is_multiple_of(ALWAYS_EACH)
    }

    fn generate(&self, height: u64) -> Option<Block> {
        let mut rng = self.stream_of(height);
        if !self.drawn_existence(height, &mut rng) {
            return None;
        }
        let mut outcomes = Vec::new();
        for receiver in &self.accounts {
            if !rng.chance(self.config.touch) {
                continue;
            }
            let predecessor = rng.pick(&self.users).unwrap_or(receiver).clone();
            let success = !rng.chance(self.config.failure);
            // One receipt in so many is a plain transfer, which calls nothing.
            let choice = rng.below(self.methods.len() as u64 + 1);
            let method = usize::try_from(choice)
                .ok()
                .and_then(|at| self.methods.get(at));
            let methods = method.cloned().into_iter().collect();
            outcomes.push(Outcome {
                receiver: receiver.clone(),
                predecessor,
                success,
                methods,
            });
        }
        Some(Block {
            height,
            available_at: self.available_at(height),
            outcomes,
        })
    }
}

/// Sorted, without overlaps: what overlaps is one longer halt.
fn merged(halts: &[Halt]) -> Vec<(u64, u64)> {
    let mut spans: Vec<(u64, u64)> = halts
        .iter()
        .map(|halt| {
            (
                micros(halt.at),
                micros(halt.at).saturating_add(micros(halt.r#for)),
            )
        })
        .collect();
    spans.sort_unstable();
    let mut result: Vec<(u64, u64)> = Vec::with_capacity(spans.len());
    for (begin, end) in spans {
        match result.last_mut() {
            Some(last) if begin <= last.1 => last.1 = last.1.max(end),
            _ => result.push((begin, end)),
        }
    }
    result
        .into_iter()
        .map(|(begin, end)| (begin, end - begin))
        .collect()
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::Chain;

    const START: Time = Time::SIMULATION_START;

    fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    fn dense() -> ChainConfig {
        ChainConfig {
            skip: 0.0,
            ..ChainConfig::default()
        }
    }

    fn heights(chain: &mut Chain, from: u64, count: usize) -> Vec<u64> {
        let mut next = from;
        (0..count)
            .map(|_| {
                let height = chain.first_at_or_after(next).expect("endless").height;
                next = height + 1;
                height
            })
            .collect()
    }

    #[test]
    fn the_same_seed_gives_the_same_blocks_in_any_order_of_looking() {
        let mut forward = Chain::synthetic(ChainConfig::default(), 7);
        let mut backward = Chain::synthetic(ChainConfig::default(), 7);
        let there = heights(&mut forward, 0, 300);
        let blocks: Vec<Block> = there
            .iter()
            .map(|&height| forward.first_at_or_after(height).expect("exists").clone())
            .collect();
        for block in blocks.iter().rev() {
            assert_eq!(backward.first_at_or_after(block.height), Some(block));
        }
        let mut other = Chain::synthetic(ChainConfig::default(), 8);
        assert_ne!(there, heights(&mut other, 0, 300));
    }

    #[test]
    fn looking_far_away_and_back_changes_nothing() {
        let mut chain = Chain::synthetic(ChainConfig::default(), 3);
        let near = chain.first_at_or_after(100_000_010).cloned();
        let far = heights(&mut chain, 100_000_010 + CACHE_SLOTS as u64, 2);
        assert_eq!(far.len(), 2);
        assert_eq!(chain.first_at_or_after(100_000_010).cloned(), near);
    }

    #[test]
    fn heights_are_skipped_at_the_configured_rate() {
        let mut chain = Chain::synthetic(
            ChainConfig {
                skip: 0.5,
                ..ChainConfig::default()
            },
            11,
        );
        let span = 10_000;
        let existing = heights(&mut chain, 0, span)
            .into_iter()
            .filter(|height| *height < 100_000_000 + span as u64)
            .count();
        assert!((4_800..5_400).contains(&existing), "{existing}");
    }

    #[test]
    fn a_search_ends_even_if_every_height_is_skipped() {
        let mut chain = Chain::synthetic(
            ChainConfig {
                skip: 1.0,
                ..ChainConfig::default()
            },
            1,
        );
        let found = heights(&mut chain, 100_000_001, 2);
        assert!(
            found.iter().all(|height| height % ALWAYS_EACH == 0),
            "{found:?}"
        );
        assert_eq!(
            chain.first_at_or_after(0).map(|block| block.height),
            Some(100_000_000)
        );
    }

    #[test]
    fn history_ends_at_the_start_and_one_height_follows_each_interval() {
        let mut chain = Chain::synthetic(dense(), 1);
        assert_eq!(chain.tip_at(START), Some(100_000_199));
        assert_eq!(chain.tip_at(START + seconds(10)), Some(100_000_209));
        assert_eq!(chain.tip_at(START - seconds(1)), Some(100_000_198));
        assert_eq!(chain.tip_at(START - seconds(200)), None);
        let block = chain.first_at_or_after(100_000_209).expect("exists");
        assert_eq!(block.available_at, START + seconds(10));
    }

    #[test]
    fn a_halt_delays_all_later_blocks() {
        let halts = vec![
            Halt {
                at: seconds(10),
                r#for: seconds(5),
            },
            Halt {
                at: seconds(12),
                r#for: seconds(8),
            },
            Halt {
                at: seconds(30),
                r#for: seconds(1),
            },
        ];
        let mut chain = Chain::synthetic(ChainConfig { halts, ..dense() }, 1);
        let mut at = |offset: u64| {
            let block = chain
                .first_at_or_after(100_000_199 + offset)
                .expect("exists");
            block.available_at.since(START).as_secs()
        };
        assert_eq!(
            [at(9), at(10), at(11), at(19), at(20), at(21)],
            [9, 20, 21, 29, 31, 32]
        );
    }

    #[test]
    fn the_tip_is_the_newest_available_block_at_every_time() {
        let halts = vec![Halt {
            at: seconds(10),
            r#for: seconds(5),
        }];
        let config = ChainConfig {
            halts,
            skip: 0.3,
            ..ChainConfig::default()
        };
        let mut chain = Chain::synthetic(config, 5);
        for half in 0..120 {
            let time = START - seconds(20) + Duration::from_millis(500) * half;
            let tip = chain.tip_at(time).expect("there is history");
            let block = chain.first_at_or_after(tip).expect("exists").clone();
            assert_eq!(block.height, tip);
            assert!(block.available_at <= time);
            let next = chain.first_at_or_after(tip + 1).expect("endless");
            assert!(next.available_at > time, "{tip} at {time}");
        }
    }

    #[test]
    fn extreme_heights_and_values_do_no_harm() {
        let mut chain = Chain::synthetic(dense(), 1);
        assert_eq!(
            chain.first_at_or_after(u64::MAX).map(|block| block.height),
            Some(u64::MAX)
        );
        assert_eq!(chain.tip_at(Time(0)), None);
        assert!(chain.tip_at(Time(u64::MAX)).is_some());
        let silly = ChainConfig {
            first_height: u64::MAX,
            history: 0,
            interval: Duration::ZERO,
            skip: f64::NAN,
            accounts: u32::MAX,
            ..ChainConfig::default()
        };
        let mut chain = Chain::synthetic(silly, 1);
        assert!(chain.first_at_or_after(0).is_some());
    }

    #[test]
    fn content_follows_the_configured_shares() {
        let config = ChainConfig {
            touch: 0.5,
            failure: 0.2,
            accounts: 2,
            ..dense()
        };
        let mut chain = Chain::synthetic(config, 9);
        let (mut touched, mut failed, mut silent) = (0, 0, 0);
        for offset in 0..2_000 {
            let block = chain
                .first_at_or_after(100_000_000 + offset)
                .expect("exists");
            touched += block.outcomes.len();
            failed += block
                .outcomes
                .iter()
                .filter(|outcome| !outcome.success)
                .count();
            silent += block
                .outcomes
                .iter()
                .filter(|outcome| outcome.methods.is_empty())
                .count();
        }
        assert!((1_850..2_150).contains(&touched), "{touched}");
        assert!((300..500).contains(&failed), "{failed}");
        assert!(silent > 0);
    }
}
