//! Which height it is: a file has no blocks, only a clock.

/// What a file says about the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Chain {
    /// A height.
    pub(crate) height: u64,
    /// When the chain was there, in milliseconds since 1970; if absent, when the
    /// registry was first read.
    pub(crate) at: Option<u64>,
    /// Milliseconds from block to block; not zero.
    pub(crate) block_time: u64,
}

/// No chain is higher: the coordinator would not believe it.
pub(crate) const HEIGHT_MAX: u64 = 1_000_000_000_000;

/// The height at `now`, where the registry was first read at `began`; both in
/// milliseconds since 1970.
pub(crate) fn height_at(chain: Option<Chain>, began: u64, now: u64) -> u64 {
    let height = match chain {
        Some(chain) => {
            let passed = now.saturating_sub(chain.at.unwrap_or(began));
            let blocks = passed.checked_div(chain.block_time).unwrap_or(0);
            chain.height.saturating_add(blocks)
        }
        None => now / 1000,
    };
    // Zero would look like an answer without a height.
    height.clamp(1, HEIGHT_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heights_advance_with_the_clock_from_where_the_chain_was() {
        let chain = |at| Chain {
            height: 500,
            at,
            block_time: 2_000,
        };
        assert_eq!(height_at(Some(chain(Some(10_000))), 0, 20_000), 505);
        assert_eq!(height_at(Some(chain(None)), 16_000, 20_000), 502);
        assert_eq!(height_at(Some(chain(Some(99_000))), 0, 20_000), 500);
        assert_eq!(height_at(None, 0, 1_700_000_000_999), 1_700_000_000);
        assert_eq!(height_at(None, 0, 0), 1);
        let high = Chain {
            height: u64::MAX,
            at: None,
            block_time: 0,
        };
        assert_eq!(height_at(Some(high), 0, 7), HEIGHT_MAX);
    }
}
