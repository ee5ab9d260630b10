//! What this loop has started lately, to tell old news from new.

use std::time::Duration;

use lifecycle::Action;
use tokio::time::Instant;

/// The last acknowledged starts.
#[derive(Debug)]
pub(super) struct Started {
    /// For how long an older look is not believed.
    disbelief: Duration,
    stream: Option<(u64, Instant)>,
    executor: Option<(u64, Instant)>,
}

impl Started {
    /// Nothing was started yet.
    pub(super) fn new(disbelief: Duration) -> Started {
        Started {
            disbelief,
            stream: None,
            executor: None,
        }
    }

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
        self.is_old_news(self.stream, version, now)
    }

    /// The same for an executor.
    pub(super) fn executor_is_old_news(&self, version: u64, now: Instant) -> bool {
        self.is_old_news(self.executor, version, now)
    }

    fn is_old_news(&self, started: Option<(u64, Instant)>, version: u64, now: Instant) -> bool {
        let lately = |at| now.saturating_duration_since(at) < self.disbelief;
        started.is_some_and(|(newer, at)| version < newer && lately(at))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use lifecycle::{Rule, Spec, StartBlock};

    use super::*;

    const DISBELIEF: Duration = Duration::from_secs(15);

    fn spec(version: u64) -> Arc<Spec> {
        let rule = Rule::Unsupported(String::new());
        let start = StartBlock::Latest;
        Arc::new(Spec::new(version, rule, start, "".into(), "".into()))
    }

    /// Version 5 of both was started now.
    fn both() -> (Started, Instant) {
        let mut started = Started::new(DISBELIEF);
        let now = Instant::now();
        let stream = Action::StartStream {
            spec: spec(5),
            height: 5,
        };
        started.acknowledged(&stream, now);
        started.acknowledged(&Action::StartExecutor(spec(5)), now);
        (started, now)
    }

    #[tokio::test(start_paused = true)]
    async fn an_older_version_is_not_believed_for_a_while() {
        let (started, now) = both();
        let last = DISBELIEF - Duration::from_millis(1);
        for (version, after, old_news) in [
            (4, Duration::ZERO, true),
            (4, last, true),
            (4, DISBELIEF, false),
            (5, Duration::ZERO, false),
            (6, Duration::ZERO, false),
        ] {
            let at = now + after;
            assert_eq!(started.stream_is_old_news(version, at), old_news);
            assert_eq!(started.executor_is_old_news(version, at), old_news);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_start_everything_is_news() {
        let now = Instant::now();
        let mut started = Started::new(DISBELIEF);
        assert!(!started.stream_is_old_news(0, now));
        started.acknowledged(&Action::StartExecutor(spec(5)), now);
        started.acknowledged(&Action::StopStream("S".to_owned()), now);
        assert!(!started.stream_is_old_news(4, now));
        assert!(started.executor_is_old_news(4, now));
    }
}
