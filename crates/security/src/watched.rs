//! Files whose changes take effect without a restart.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

/// Why files are not used.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A file cannot be read.
    #[error("{what} {} cannot be read: {source}", path.display())]
    Unreadable {
        /// What the file is for.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file is too large to be what it should be.
    #[error("{what} {} is larger than {limit} bytes", path.display())]
    TooLarge {
        /// What the file is for.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// The most it may hold.
        limit: u64,
    },
    /// The files make no sense.
    #[error("{what} {} cannot be used: {problem}", path.display())]
    Invalid {
        /// What the file is for.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong, without what is secret.
        problem: String,
    },
}

/// A file that is read as a whole.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    /// What it is for, for people: `the token file`.
    pub what: &'static str,
    /// Where it is.
    pub path: PathBuf,
    /// The most it may hold, in bytes.
    pub limit: u64,
    /// Others must not read it.
    pub secret: bool,
}

impl Source {
    /// The content, bounded.
    pub(crate) fn read(&self) -> Result<Vec<u8>, LoadError> {
        let what = self.what;
        let unreadable = |source| LoadError::Unreadable {
            what,
            path: self.path.clone(),
            source,
        };
        // Opening a pipe would wait for its writer.
        if !fs::metadata(&self.path).map_err(unreadable)?.is_file() {
            return Err(unreadable(io::Error::other("it is no regular file")));
        }
        let file = fs::File::open(&self.path).map_err(unreadable)?;
        let mut content = Vec::new();
        file.take(self.limit + 1)
            .read_to_end(&mut content)
            .map_err(unreadable)?;
        if content.len() as u64 > self.limit {
            return Err(LoadError::TooLarge {
                what,
                path: self.path.clone(),
                limit: self.limit,
            });
        }
        Ok(content)
    }

    /// An error that this file makes no sense.
    pub(crate) fn invalid(&self, problem: impl ToString) -> LoadError {
        LoadError::Invalid {
            what: self.what,
            path: self.path.clone(),
            problem: problem.to_string(),
        }
    }

    fn warn_if_exposed(&self) {
        if self.secret && is_readable_by_all(&self.path) {
            tracing::warn!(
                file = %self.path.display(),
                "{} can be read by every user of this machine; take that right away \
                 (chmod o-r)", self.what
            );
        }
    }
}

#[cfg(unix)]
fn is_readable_by_all(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & 0o004 != 0)
}

#[cfg(not(unix))]
fn is_readable_by_all(_path: &Path) -> bool {
    false
}

/// What came of looking at the files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// They are as they were when they were last used.
    Unchanged,
    /// They have just changed and may still be in the middle of it; the next
    /// look decides.
    Settling,
    /// The new content is in force; this is what it changed, for people.
    Replaced(String),
    /// The new content is no good; the old stays in force. Why, for people.
    Kept(String),
}

/// Something that is read from files and may be read again.
pub trait Watched: Send + Sync {
    /// What it is, for people: `the token file`.
    fn what(&self) -> &'static str;

    /// Looks whether the files have changed. New content is used only when it
    /// is the same at two looks, because writing files takes time.
    fn poll(&self) -> Outcome;

    /// Uses what the files hold now. As with [`Watched::poll`], what is new is
    /// logged: a change, or why the files cannot be used unless that was known.
    fn reload(&self) -> Outcome;

    /// Why the files' content is not in force, if it is not.
    fn failure(&self) -> Option<String>;
}

type Content = [u8; 32];

#[derive(Debug)]
struct State {
    /// What is in force.
    applied: Content,
    /// What was seen at the last look, if it is something else.
    candidate: Option<Content>,
    /// The last look could not read the files.
    unread: bool,
    failure: Option<String>,
}

type Build<T> = dyn Fn(&[Vec<u8>], Option<&T>) -> Result<T, LoadError> + Send + Sync;

/// A value made from files, replaced as a whole when they change.
pub(crate) struct Reloading<T> {
    what: &'static str,
    sources: Vec<Source>,
    build: Box<Build<T>>,
    describe: fn(&T, &T) -> String,
    current: ArcSwap<T>,
    state: Mutex<State>,
}

impl<T: Send + Sync + 'static> Reloading<T> {
    /// Reads `sources` and builds the value. `build` gets the contents in the
    /// order of `sources`, and the value in force unless it is the first;
    /// `describe` says what the second value changes in the first.
    pub(crate) fn load(
        what: &'static str,
        sources: Vec<Source>,
        build: impl Fn(&[Vec<u8>], Option<&T>) -> Result<T, LoadError> + Send + Sync + 'static,
        describe: fn(&T, &T) -> String,
    ) -> Result<Reloading<T>, LoadError> {
        let contents = read(&sources)?;
        let value = build(&contents, None)?;
        sources.iter().for_each(Source::warn_if_exposed);
        Ok(Reloading {
            what,
            build: Box::new(build),
            describe,
            current: ArcSwap::from_pointee(value),
            state: Mutex::new(State {
                applied: digest(&contents),
                candidate: None,
                unread: false,
                failure: None,
            }),
            sources,
        })
    }

    /// The value in force.
    pub(crate) fn current(&self) -> Arc<T> {
        self.current.load_full()
    }

    fn look(&self, at_once: bool) -> Outcome {
        let mut state = lock(&self.state);
        let contents = match read(&self.sources) {
            Ok(contents) => contents,
            // A file that is being replaced may be missing for a moment.
            Err(_) if !at_once && !state.unread => {
                state.unread = true;
                return Outcome::Settling;
            }
            Err(error) => return self.keep(&mut state, &error),
        };
        state.unread = false;
        let content = digest(&contents);
        if content == state.applied {
            state.candidate = None;
            if state.failure.take().is_some() {
                tracing::info!("{} holds again what is in force", self.what);
            }
            return Outcome::Unchanged;
        }
        if !at_once && state.candidate != Some(content) {
            state.candidate = Some(content);
            return Outcome::Settling;
        }
        let old = self.current();
        match (self.build)(&contents, Some(&old)) {
            Ok(new) => {
                let change = (self.describe)(&old, &new);
                self.current.store(Arc::new(new));
                state.applied = content;
                state.candidate = None;
                state.failure = None;
                tracing::info!(change, "{} has changed and is in force", self.what);
                self.sources.iter().for_each(Source::warn_if_exposed);
                Outcome::Replaced(change)
            }
            Err(error) => self.keep(&mut state, &error),
        }
    }

    fn keep(&self, state: &mut State, error: &LoadError) -> Outcome {
        let failure = error.to_string();
        if state.failure.as_ref() != Some(&failure) {
            tracing::error!(
                error = failure,
                "{} has changed and is no good; what was in force before stays in force: \
                 put it right, it is read again by itself",
                self.what
            );
            state.failure = Some(failure.clone());
        }
        Outcome::Kept(failure)
    }
}

impl<T: Send + Sync + 'static> Watched for Reloading<T> {
    fn what(&self) -> &'static str {
        self.what
    }

    fn poll(&self) -> Outcome {
        self.look(false)
    }

    fn reload(&self) -> Outcome {
        self.look(true)
    }

    fn failure(&self) -> Option<String> {
        lock(&self.state).failure.clone()
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

fn read(sources: &[Source]) -> Result<Vec<Vec<u8>>, LoadError> {
    sources.iter().map(Source::read).collect()
}

/// Tells contents apart; the lengths keep one file's end from looking like the
/// next one's beginning.
fn digest(contents: &[Vec<u8>]) -> Content {
    let mut hash = Sha256::new();
    for content in contents {
        hash.update((content.len() as u64).to_be_bytes());
        hash.update(content);
    }
    hash.finalize().into()
}

/// Looks at everything that is watched, every `period`, until `shutdown` is
/// cancelled. Contents are compared, not times: that works for mounted secrets,
/// which are replaced by moving a link.
pub async fn watch(things: Vec<Arc<dyn Watched>>, period: Duration, shutdown: CancellationToken) {
    loop {
        tokio::select! {
            biased;
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(period) => {}
        }
        let things = things.clone();
        let look = move || things.iter().for_each(|thing| drop(thing.poll()));
        // A file system that hangs must not hang the requests.
        if let Err(error) = tokio::task::spawn_blocking(look).await {
            tracing::error!(%error, "looking for changed files failed; it is tried again");
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_file_that_others_may_read_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokens");
        fs::write(&path, "").unwrap();
        for (mode, exposed) in [(0o600, false), (0o640, false), (0o604, true), (0o644, true)] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(is_readable_by_all(&path), exposed, "{mode:o}");
        }
        assert!(!is_readable_by_all(&folder.path().join("nothing")));
    }

    #[test]
    fn contents_are_told_apart_wherever_they_are_split() {
        let of = |parts: &[&str]| {
            let parts: Vec<_> = parts.iter().map(|part| part.as_bytes().to_vec()).collect();
            digest(&parts)
        };
        assert_ne!(of(&["ab", "c"]), of(&["a", "bc"]));
        assert_ne!(of(&["abc"]), of(&["abc", ""]));
        assert_eq!(of(&["ab", "c"]), of(&["ab", "c"]));
    }

    #[test]
    fn what_would_block_is_not_opened() {
        let source = Source {
            what: "the thing",
            path: "/dev/zero".into(),
            limit: 10,
            secret: false,
        };
        let error = source.read().unwrap_err().to_string();
        assert_eq!(
            error,
            "the thing /dev/zero cannot be read: it is no regular file"
        );
    }
}
