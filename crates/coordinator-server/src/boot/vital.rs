//! Tasks without which the service is none.

use std::future::Future;

use tokio::task::JoinHandle;

/// A task that should run until it is told to stop.
pub struct Vital {
    name: &'static str,
    task: Option<JoinHandle<Result<(), String>>>,
}

impl Vital {
    /// Starts it. `name` goes on with "has ended" in a sentence.
    pub fn spawn<F>(name: &'static str, work: F) -> Vital
    where
        F: Future<Output = Result<(), String>> + Send + 'static,
    {
        Vital {
            name,
            task: Some(tokio::spawn(work)),
        }
    }

    /// Waits until it ends, and says how; for ever once that has been said.
    pub async fn ended(&mut self) -> String {
        let Some(task) = &mut self.task else {
            return std::future::pending().await;
        };
        let result = task.await;
        self.task = None;
        let name = self.name;
        match result {
            Ok(Ok(())) => format!("{name} has ended, though nobody told it to"),
            Ok(Err(why)) => format!("{name} has ended: {why}"),
            Err(error) if error.is_panic() => format!("{name} has panicked"),
            Err(_) => format!("{name} was cut off"),
        }
    }

    /// Waits for its end after it was told to stop; true if it went well.
    pub async fn stopped(&mut self) -> bool {
        let Some(task) = self.task.take() else {
            return true;
        };
        match task.await {
            Ok(Ok(())) => true,
            Ok(Err(why)) => {
                tracing::error!(why, "{} did not stop well", self.name);
                false
            }
            // The panic itself has been logged.
            Err(_) => false,
        }
    }
}

impl Drop for Vital {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn every_way_to_end_is_told_once() {
        let mut done = Vital::spawn("it", async { Ok(()) });
        assert_eq!(done.ended().await, "it has ended, though nobody told it to");
        let mut failed = Vital::spawn("it", async { Err("no air".to_owned()) });
        assert_eq!(failed.ended().await, "it has ended: no air");
        let mut panicked = Vital::spawn("it", async { panic!("on purpose") });
        assert_eq!(panicked.ended().await, "it has panicked");
        // What has been told is not told again, and counts as stopped.
        assert!(futures_util::poll!(std::pin::pin!(panicked.ended())).is_pending());
        assert!(panicked.stopped().await);
    }

    #[tokio::test]
    async fn only_a_good_end_counts_as_stopped_well() {
        assert!(Vital::spawn("it", async { Ok(()) }).stopped().await);
        assert!(
            !Vital::spawn("it", async { Err("no".to_owned()) })
                .stopped()
                .await
        );
        assert!(
            !Vital::spawn("it", async { panic!("on purpose") })
                .stopped()
                .await
        );
    }

    #[tokio::test]
    async fn whoever_drops_it_cuts_it_off() {
        let (held, gone) = oneshot::channel::<()>();
        let vital = Vital::spawn("it", async move {
            let _held = held;
            std::future::pending().await
        });
        drop(vital);
        assert!(gone.await.is_err());
    }
}
