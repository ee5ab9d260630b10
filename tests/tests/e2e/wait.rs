//! Waiting for something to become true, with an end.

use std::time::Duration;

use real_tokio::time::{sleep, timeout};

/// The pause between two looks at something small.
const PAUSE: Duration = Duration::from_millis(20);

/// Looks again and again until there is something to see; `None` if that takes
/// longer than `limit`.
pub async fn until<T>(limit: Duration, look: impl AsyncFnMut() -> Option<T>) -> Option<T> {
    until_at(PAUSE, limit, look).await
}

/// As [`until`], with a `pause` between two looks.
pub async fn until_at<T>(
    pause: Duration,
    limit: Duration,
    mut look: impl AsyncFnMut() -> Option<T>,
) -> Option<T> {
    let looking = async {
        loop {
            if let Some(seen) = look().await {
                return seen;
            }
            sleep(pause).await;
        }
    };
    timeout(limit, looking).await.ok()
}
