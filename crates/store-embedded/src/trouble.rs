//! What is wrong with the disk: kept from the first failure until a write
//! succeeds, so that everybody can be told the cause and not only its effects.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::OpenError;

/// How often a trouble that goes on is told in the log.
const TOLD_EVERY: Duration = Duration::from_secs(60);

/// The pauses between attempts on a disk that fails. During a pause every write
/// is refused at once, and every read too if the file is closed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pauses {
    /// After the first failure; it doubles with each further one.
    pub(crate) first: Duration,
    /// The longest, and so the longest time for which a disk that works again
    /// goes unnoticed.
    pub(crate) longest: Duration,
}

impl Default for Pauses {
    fn default() -> Pauses {
        Pauses {
            first: Duration::from_millis(50),
            longest: Duration::from_secs(2),
        }
    }
}

impl Pauses {
    fn after(self, failures: u32) -> Duration {
        let doublings = failures.saturating_sub(1).min(20);
        self.first.saturating_mul(1 << doublings).min(self.longest)
    }
}

/// The trouble of one file, if there is any.
pub(crate) struct Trouble {
    path: PathBuf,
    pauses: Pauses,
    current: Mutex<Option<Current>>,
}

struct Current {
    why: String,
    failures: u32,
    /// No attempt before.
    until: Instant,
    told: Instant,
}

impl Trouble {
    /// No trouble yet with the file at `path`.
    pub(crate) fn none(path: &Path, pauses: Pauses) -> Trouble {
        Trouble {
            path: path.to_owned(),
            pauses,
            current: Mutex::new(None),
        }
    }

    /// An attempt failed. The log is told at the beginning, then once a minute.
    pub(crate) fn failed(&self, why: &str) {
        let now = Instant::now();
        let mut current = self.lock();
        let before = current.as_ref();
        let failures = before.map_or(0, |before| before.failures).saturating_add(1);
        let silent = before
            .map(|before| before.told)
            .filter(|told| now.saturating_duration_since(*told) < TOLD_EVERY);
        *current = Some(Current {
            why: why.to_owned(),
            failures,
            until: now + self.pauses.after(failures),
            told: silent.unwrap_or(now),
        });
        drop(current);
        if silent.is_none() {
            let path = self.path.display();
            tracing::error!(%path, failures, "the store's file fails: {why}");
        }
    }

    /// A write was made durable.
    pub(crate) fn overcome(&self) {
        if let Some(ended) = self.lock().take() {
            let path = self.path.display();
            tracing::info!(%path, failures = ended.failures, "the store's file takes writes again");
        }
    }

    /// What is wrong, for people; `None` if nothing is known to be.
    pub(crate) fn cause(&self) -> Option<String> {
        let current = self.lock();
        let why = &current.as_ref()?.why;
        Some(format!("its file {} fails: {why}", self.path.display()))
    }

    /// The cause, while it is too early for another attempt.
    pub(crate) fn pausing(&self) -> Option<String> {
        let until = self.lock().as_ref()?.until;
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return None;
        }
        let cause = self.cause()?;
        Some(format!("{cause} (tried again in {} ms)", left.as_millis()))
    }

    fn lock(&self) -> MutexGuard<'_, Option<Current>> {
        // One whole value is replaced by another.
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An error of the file with what to do about it, for people.
pub(crate) fn described(error: &redb::Error) -> String {
    match error {
        redb::Error::Io(error) => with_cure(error),
        other => other.to_string(),
    }
}

/// Why the file could not be opened again, for people.
pub(crate) fn why_closed(error: &OpenError) -> String {
    match error {
        OpenError::Io { source, .. } => {
            format!("it is closed and cannot be opened: {}", with_cure(source))
        }
        other => format!("it is closed and cannot be opened: {other}"),
    }
}

fn with_cure(error: &std::io::Error) -> String {
    let cure = match error.kind() {
        ErrorKind::StorageFull => "its disk is full, free space on it",
        ErrorKind::QuotaExceeded => "its user may store no more, raise the quota or free space",
        ErrorKind::ReadOnlyFilesystem => {
            "its file system is read-only, see the kernel's log for the reason"
        }
        ErrorKind::PermissionDenied => "give the user of the coordinator the right to write it",
        _ => "see the kernel's log for the disk's errors",
    };
    format!("{error}; {cure}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trouble() -> Trouble {
        Trouble::none(Path::new("/data/store.redb"), Pauses::default())
    }

    #[test]
    fn pauses_double_up_to_the_longest() {
        let pauses = Pauses::default();
        let millis = [1, 2, 3, 6, 7, u32::MAX].map(|failures| pauses.after(failures).as_millis());
        assert_eq!(millis, [50, 100, 200, 1600, 2000, 2000]);
    }

    #[tokio::test(start_paused = true)]
    async fn the_cause_stays_and_the_pause_ends() {
        let trouble = trouble();
        assert_eq!((trouble.cause(), trouble.pausing()), (None, None));
        trouble.failed("no space");
        let pausing = trouble.pausing().unwrap();
        assert!(
            pausing.contains("no space (tried again in 50 ms)"),
            "{pausing}"
        );
        assert!(pausing.contains("/data/store.redb"), "{pausing}");
        tokio::time::advance(Duration::from_millis(51)).await;
        assert_eq!(trouble.pausing(), None);
        assert!(trouble.cause().unwrap().ends_with("fails: no space"));
        trouble.failed("still none");
        assert!(trouble.pausing().unwrap().contains("100 ms"));
        trouble.overcome();
        assert_eq!((trouble.cause(), trouble.pausing()), (None, None));
        trouble.failed("again");
        assert!(trouble.pausing().unwrap().contains("50 ms"));
    }

    #[test]
    fn a_full_disk_is_called_full() {
        let full = redb::Error::Io(ErrorKind::StorageFull.into());
        assert!(
            described(&full).contains("its disk is full"),
            "{}",
            described(&full)
        );
        let other = redb::Error::Io(std::io::Error::other("bad sector"));
        assert!(
            described(&other).contains("bad sector; see"),
            "{}",
            described(&other)
        );
    }
}
