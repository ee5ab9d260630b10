//! The registry that the coordinator asks.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use coordinator::Clock;
use coordinator::registry::{RegistryError, RegistryTransport, ViewAnswer};
use near_account_id::AccountIdRef;
use serde::Deserialize;

use crate::book::{Book, default_path};
use crate::files::expect_file_or_folder;
use crate::heights::{Belief, height_at};
use crate::problem::{Problem, brief};
use crate::state::{Answers, Point, State};

/// The most problems that are written to the log at a time.
const LOGGED_MAX: usize = 20;

/// The most problems that are told to whoever asks.
const TOLD_MAX: usize = 3;

/// Settings of a [`FileRegistry`].
#[derive(Clone, Debug)]
pub struct Options {
    /// The file that keeps the versions; if absent, `NAME.versions.json` beside
    /// the registry. Its folder must be writable.
    pub versions: Option<PathBuf>,
    /// The least time between two looks at the files. They are looked at when
    /// the registry is asked, not in between.
    pub poll: Duration,
    /// For how long a changed file must have been left alone before it counts.
    pub settle: Duration,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            versions: None,
            poll: Duration::from_millis(500),
            settle: Duration::from_secs(1),
        }
    }
}

/// The registry cannot be opened: it is neither a file nor a folder; or the file with
/// its versions cannot be read, and guessing them would start every indexer anew.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct OpenError(
    /// What is wrong with it.
    pub Problem,
);

/// A registry in a file or folder, which is looked at again and again.
///
/// It answers as the contract does, from what was last read and right. While
/// nothing could be read yet, listings are unavailable rather than empty.
/// Answers never go back in height as long as the value lives, unless the height before
/// is one that the chain cannot have reached.
pub struct FileRegistry {
    root: PathBuf,
    poll: u64,
    clock: Arc<dyn Clock>,
    state: Arc<Mutex<State>>,
    /// When the files were last looked at, in milliseconds since 1970.
    looked: AtomicU64,
    /// The highest height that was answered.
    highest: AtomicU64,
    logged: Mutex<Vec<Problem>>,
}

impl fmt::Debug for FileRegistry {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("FileRegistry")
            .field("root", &self.root)
            .finish_non_exhaustive()
    }
}

impl FileRegistry {
    /// The registry at `path`, a file or a folder, which need not be there yet.
    /// Reads the file with the versions: call it where blocking is allowed.
    ///
    /// # Errors
    /// Something else than a file or a folder is there, such as a pipe, which would be
    /// read once and be empty then; or the versions are there and cannot be read. Nothing
    /// is overwritten.
    pub fn open(
        path: &Path,
        options: Options,
        clock: Arc<dyn Clock>,
    ) -> Result<FileRegistry, OpenError> {
        expect_file_or_folder(path).map_err(OpenError)?;
        let book_path = options.versions.unwrap_or_else(|| default_path(path));
        let book = match Book::load(&book_path).map_err(OpenError)? {
            Some(book) => book,
            None => {
                tracing::info!(
                    path = %book_path.display(),
                    "there are no versions of the registry yet: all indexers are new"
                );
                Book::new(clock.now().0)
            }
        };
        let settle = millis(options.settle);
        let state = State::new(path.to_owned(), book_path, book, settle);
        Ok(FileRegistry {
            root: path.to_owned(),
            poll: millis(options.poll),
            clock,
            state: Arc::new(Mutex::new(state)),
            looked: AtomicU64::new(0),
            highest: AtomicU64::new(0),
            logged: Mutex::default(),
        })
    }

    /// Everything that was wrong at the last look. Empty before the first.
    pub fn problems(&self) -> Vec<Problem> {
        lock(&self.logged).clone()
    }

    /// Looks at the files if it is time, and returns the answers.
    async fn look(&self) -> Result<Arc<Answers>, RegistryError> {
        let now = self.clock.now().0;
        let last = self.looked.load(Ordering::Relaxed);
        let due = last == 0 || now < last || now - last >= self.poll;
        let state = self.state.clone();
        let looked = tokio::task::spawn_blocking(move || {
            let mut state = lock(&state);
            if due {
                state.refresh(now);
            }
            (state.answers(), due.then(|| state.problems()))
        });
        let (answers, problems) = looked.await.map_err(|_| {
            RegistryError::Unavailable("looking at the registry's files failed".to_owned())
        })?;
        if let Some(problems) = problems {
            self.looked.store(now, Ordering::Relaxed);
            self.report(problems);
        }
        Ok(answers)
    }

    /// Writes to the log what is newly wrong, or that nothing is any more.
    fn report(&self, problems: Vec<Problem>) {
        let mut logged = lock(&self.logged);
        if *logged == problems {
            return;
        }
        let fresh = problems.iter().filter(|problem| !logged.contains(problem));
        for problem in fresh.take(LOGGED_MAX) {
            tracing::error!(
                %problem,
                "the registry file has a problem; what was read of it before, if anything, stays \
                 in force"
            );
        }
        if problems.is_empty() {
            tracing::info!("the registry's files are right again");
        }
        *logged = problems;
    }

    fn answer(&self, answers: &Answers, result: Bytes) -> ViewAnswer {
        let now = self.clock.now().0;
        let belief = Belief {
            latest: answers.belief.latest.max(now),
            // That is as of then, and the height has gone on by itself.
            most: None,
            ..answers.belief
        };
        let height = height_at(answers.chain, belief.began, now).max(answers.floor);
        let bound = belief.bound(answers.chain);
        // What was never true, such as by a clock that went ahead for a while, must not
        // shut out what is.
        let next = |before: u64| match before > bound {
            true => height,
            false => height.max(before),
        };
        let before = self
            .highest
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |before| {
                Some(next(before))
            });
        ViewAnswer {
            result,
            block_height: next(before.unwrap_or(0)),
        }
    }

    fn list(&self, answers: &Answers) -> Result<Bytes, RegistryError> {
        answers.listing.clone().ok_or_else(|| {
            let problems = lock(&self.logged);
            RegistryError::Unavailable(match problems.is_empty() {
                true => format!("{} was not read yet", self.root.display()),
                false => told(&problems),
            })
        })
    }
}

/// The first of `problems`, in one line.
fn told(problems: &[Problem]) -> String {
    let first = problems.iter().take(TOLD_MAX);
    let texts: Vec<String> = first.map(ToString::to_string).collect();
    texts.join("; ")
}

/// The arguments of a point read.
#[derive(Deserialize)]
struct Arguments {
    account_id: String,
    function_name: String,
}

fn read(answers: &Answers, arguments: &[u8]) -> Result<Bytes, RegistryError> {
    let arguments: Arguments = serde_json::from_slice(arguments).map_err(|error| {
        RegistryError::Contract(format!("the arguments cannot be read: {error}"))
    })?;
    if let Err(error) = AccountIdRef::new(&arguments.account_id) {
        let account = brief(&arguments.account_id);
        let text = format!("`{account}` is no account id: {error}");
        return Err(RegistryError::Contract(text));
    }
    let key = (arguments.account_id, arguments.function_name);
    // Before anything was read nobody knows which height it is, so that not even a
    // tombstone can be answered.
    let known = answers.listing.is_some();
    match answers.points.get(&key) {
        Some(Point::Entry(json)) if known => Ok(json.clone()),
        Some(Point::Withheld(why)) => Err(RegistryError::Unavailable(format!(
            "what became of {} is not known: {why}",
            crate::entry::shown(&key)
        ))),
        None if known => Ok(Bytes::from_static(b"null")),
        _ => Err(RegistryError::Unavailable(
            "the registry's files could not be read yet".to_owned(),
        )),
    }
}

#[async_trait]
impl RegistryTransport for FileRegistry {
    async fn view(&self, method: &str, arguments: &[u8]) -> Result<ViewAnswer, RegistryError> {
        let answers = self.look().await?;
        let result = match method {
            "list_all" => self.list(&answers)?,
            "read_indexer_function" => read(&answers, arguments)?,
            other => {
                let text = format!("there is no method `{}`", brief(other));
                return Err(RegistryError::Contract(text));
            }
        };
        Ok(self.answer(&answers, result))
    }

    fn unheard(&self) -> Option<String> {
        let problems = lock(&self.logged);
        (!problems.is_empty()).then(|| told(&problems))
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
