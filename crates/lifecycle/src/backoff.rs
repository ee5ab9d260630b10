//! How long to wait before trying again.

use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::IndexerId;

/// An exponential backoff: `first`, doubled for every further attempt, at most `cap`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// Delay after the first failure.
    pub first: Duration,
    /// Longest delay.
    pub cap: Duration,
}

impl Backoff {
    /// The delay after `attempts` failures (counted from 1) of `id`: between
    /// half and all of the nominal delay, always the same for the same input,
    /// so that many indexers that fail together do not retry together.
    pub fn delay(&self, id: &IndexerId, attempts: u32) -> Duration {
        let factor = 1u32
            .checked_shl(attempts.saturating_sub(1).min(31))
            .unwrap_or(u32::MAX);
        let nominal = self.first.saturating_mul(factor).min(self.cap);
        nominal / 2 + jitter(id, attempts, nominal / 2)
    }
}

/// A duration in `0..=span` that depends only on `id` and `salt`, with a
/// resolution of 1/1000 of the span.
pub fn jitter(id: &IndexerId, salt: u32, span: Duration) -> Duration {
    let mut hasher = Sha256::new();
    hasher.update(salt.to_le_bytes());
    hasher.update(id.as_str().as_bytes());
    let digest: [u8; 32] = hasher.finalize().into();
    let draw = u32::from_le_bytes([digest[0], digest[1], digest[2], digest[3]]) % 1001;
    span.saturating_mul(draw) / 1000
}
