//! Heights that the chain cannot have reached.
//!
//! The first answer of a life sets the height below which answers are old. One of a
//! height that is years ahead would have every true answer after it dropped.

use lifecycle::Timestamp;

/// Milliseconds before the first block of NEAR's main network, 21 July 2020.
const FIRST_BLOCK_MS: u64 = 1_595_280_000_000;

/// What other networks had behind them by then, and some room.
const HEAD_START: u64 = 50_000_000;

/// Blocks a second, on the average of all years. NEAR has made between one and two.
const BLOCKS_PER_SECOND: u64 = 4;

/// The highest height that is believed at `now`; `None` if the clock is of no use.
pub(crate) fn highest(now: Timestamp) -> Option<u64> {
    let passed_ms = now.0.checked_sub(FIRST_BLOCK_MS)?;
    let blocks = (passed_ms / 1000).saturating_mul(BLOCKS_PER_SECOND);
    Some(HEAD_START.saturating_add(blocks))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn true_heights_are_believed_for_years_and_absurd_ones_never() {
        // Main network, at the end of 2023 and of 2025.
        for (now_ms, height) in [
            (1_704_000_000_000, 109_000_000),
            (1_767_000_000_000, 180_000_000),
        ] {
            let highest = highest(Timestamp(now_ms)).unwrap();
            assert!(highest > 2 * height, "{highest}");
            assert!(highest < 1_000_000_000, "{highest}");
        }
        let in_2100 = highest(Timestamp(4_102_444_800_000)).unwrap();
        assert!(in_2100 < 900_000_000_000);
        assert!(highest(Timestamp(u64::MAX)).is_some());
    }

    #[test]
    fn a_clock_before_the_first_block_judges_nothing() {
        assert_eq!(highest(Timestamp(0)), None);
        assert_eq!(highest(Timestamp(FIRST_BLOCK_MS)), Some(HEAD_START));
    }
}
