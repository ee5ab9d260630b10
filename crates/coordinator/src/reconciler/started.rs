//! What this loop has started lately, to tell old news from new.

use std::time::Duration;

use lifecycle::Action;
use tokio::time::Instant;

/// For this long a look that shows an older version than the one whose start was
/// acknowledged is not believed. No longer: what was started may have been lost,
/// and an older start may still have arrived after it.
const DISBELIEF: Duration = Duration::from_secs(15);

/// The last acknowledged starts.
#[derive(Debug, Default)]
pub(super) struct Started {
    stream: Option<(u64, Instant)>,
    executor: Option<(u64, Instant)>,
}

impl Started {
    /// Takes note that the service acknowledged `action`.
    pub(super) fn acknowledged(&mut self, action: &Action, now: Instant) {
        match action {
            Action::StartStream { spec, .. } => self.stream = Some((spec.version, now)),
            Action::StartExecutor(spec) => self.executor = Some((spec.version, now)),
            _ => {}
        }
    }

    /// Whether a look that shows a stream of `version` must be older than the
    /// last acknowledged start: the service would have refused to start beside it.
    pub(super) fn stream_is_old_news(&self, version: u64, now: Instant) -> bool {
        is_old_news(self.stream, version, now)
    }

    /// The same for an executor.
    pub(super) fn executor_is_old_news(&self, version: u64, now: Instant) -> bool {
        is_old_news(self.executor, version, now)
    }
}

fn is_old_news(started: Option<(u64, Instant)>, version: u64, now: Instant) -> bool {
    started
        .is_some_and(|(newer, at)| version < newer && now.saturating_duration_since(at) < DISBELIEF)
}
