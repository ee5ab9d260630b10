//! The store as the coordinator sees it.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use coordinator::store::{CasOutcome, StoreError, StoreTransport};
use redb::StorageError;
use tokio::sync::{mpsc, oneshot};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::OpenError;
use crate::disk::{Disk, FileDisk};
use crate::tables::{Change, Effect, PROBE, View, wrong_kind};
use crate::trouble::Pauses;
use crate::writer::{self, Command, ReadFault, Shared};

/// The longest key or member of a set, in bytes.
const NAME_BYTES_MAX: usize = 1 << 20;

/// The longest value, in bytes.
const VALUE_BYTES_MAX: usize = 64 << 20;

/// How long a command may take unless [`EmbeddedStore::with_patience`] says so.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long a read waits for a file that is being opened anew.
const REOPEN_PATIENCE: Duration = Duration::from_millis(500);

/// A store in one local file. See the crate's description.
///
/// Must be used within a tokio runtime. Dropping it waits until everything that
/// the writer has accepted is durable, and then lets go of the file.
pub struct EmbeddedStore {
    shared: Arc<Shared>,
    /// `None` once the store is being dropped.
    commands: Option<mpsc::Sender<Command>>,
    writer: Option<JoinHandle<()>>,
    patience: Duration,
}

impl fmt::Debug for EmbeddedStore {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("EmbeddedStore")
            .field("commits", &self.commits())
            .finish_non_exhaustive()
    }
}

impl EmbeddedStore {
    /// Opens the store in the file `path`, which is made if there is none, with
    /// its directory. Both are for the owner's eyes only. An existing file is
    /// read through and checked, and compacted if more than half of it is waste:
    /// call it where blocking for a second does no harm.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open(path: &Path) -> Result<EmbeddedStore, OpenError> {
        EmbeddedStore::open_on(Box::new(FileDisk::new(path)), Pauses::default())
    }

    pub(crate) fn open_on(disk: Box<dyn Disk>, pauses: Pauses) -> Result<EmbeddedStore, OpenError> {
        let path = disk.path().to_owned();
        let shared = Shared::open(disk, pauses)?;
        let (commands, writer) = writer::spawn(Arc::clone(&shared))
            .map_err(|error| OpenError::io(&path, "starting the writer's thread", error))?;
        Ok(EmbeddedStore {
            shared,
            commands: Some(commands),
            writer: Some(writer),
            patience: PATIENCE,
        })
    }

    /// The same store, whose commands give up after `patience` and then say which
    /// file did not answer, and why if that is known. It should be shorter than
    /// the caller's own deadline, which knows neither.
    #[must_use]
    pub fn with_patience(mut self, patience: Duration) -> EmbeddedStore {
        self.patience = patience;
        self
    }

    /// Whether the file can be read, and takes writes as far as is known. After a
    /// write that failed this tries another; else it writes nothing.
    ///
    /// # Errors
    /// It cannot, or does not; with the disk's own words.
    pub async fn probe(&self) -> Result<(), StoreError> {
        self.get_many(&[PROBE.to_owned()]).await?;
        match self.shared.trouble.cause() {
            None => Ok(()),
            Some(_) => self.change(Change::Touch).await?.into_done(),
        }
    }

    /// How many transactions were made durable since the store was opened; each
    /// holds one change or many.
    pub fn commits(&self) -> u64 {
        self.shared.commits()
    }

    /// Appends a height to a queue, as a block stream does. For tests and tools:
    /// in production queues belong to the services.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn queue_push(&self, key: &str, height: u64) -> Result<(), StoreError> {
        check_name(key)?;
        let key = key.to_owned();
        let change = Change::QueuePush { key, height };
        self.change(change).await?.into_done()
    }

    /// Hands `change` to the writer, which carries it out even if this future is
    /// dropped from then on.
    async fn change(&self, change: Change) -> Result<Effect, StoreError> {
        let (answer, answered) = oneshot::channel();
        let mut handed_over = false;
        let outcome = timeout(self.patience, async {
            self.send(Command::Change { change, answer }).await?;
            handed_over = true;
            answered.await.unwrap_or_else(|_| {
                Err(StoreError::Indefinite(
                    "its writer ended before it answered".to_owned(),
                ))
            })
        });
        match outcome.await {
            Ok(outcome) => outcome,
            Err(_) if handed_over => Err(StoreError::Indefinite(self.too_slow("a write"))),
            Err(_) => Err(StoreError::Unavailable(self.too_slow("a write"))),
        }
    }

    async fn reopen(&self, generation: u64) -> Result<(), StoreError> {
        let (answer, answered) = oneshot::channel();
        self.send(Command::Reopen { generation, answer }).await?;
        answered.await.unwrap_or_else(|_| Err(ended()))
    }

    async fn send(&self, command: Command) -> Result<(), StoreError> {
        let commands = self.commands.as_ref().ok_or_else(ended)?;
        commands.send(command).await.map_err(|_| ended())
    }

    fn too_slow(&self, what: &str) -> String {
        let late = format!("{what} took longer than {:?}", self.patience);
        match self.shared.trouble.cause() {
            Some(cause) => format!("{late}; {cause}"),
            None => format!(
                "{late}; the disk of its file {} is busy or hangs",
                self.shared.path().display()
            ),
        }
    }

    /// Looks at the file off the runtime's threads; once more if it had to be
    /// opened anew. A file that cannot be opened for the moment is not waited for.
    async fn look<T, L>(&self, look: L) -> Result<T, StoreError>
    where
        T: Send + 'static,
        L: Fn(&View) -> Result<T, StorageError> + Clone + Send + 'static,
    {
        let (generation, why) = match self.look_once(look.clone()).await? {
            Ok(found) => return Ok(found),
            Err(ReadFault::Broken { generation, why }) => (generation, why),
        };
        if let Some(cause) = self.shared.trouble.pausing() {
            return Err(StoreError::Unavailable(cause));
        }
        let cause = || self.shared.trouble.cause().unwrap_or(why);
        match timeout(REOPEN_PATIENCE, self.reopen(generation)).await {
            Ok(reopened) => reopened?,
            Err(_) => {
                let why = format!("{}; it is being opened anew", cause());
                return Err(StoreError::Unavailable(why));
            }
        }
        self.look_once(look).await?.map_err(|fault| {
            let ReadFault::Broken { why, .. } = fault;
            let path = self.shared.path().display();
            StoreError::Unavailable(format!("its file {path} failed: {why}"))
        })
    }

    async fn look_once<T, L>(&self, look: L) -> Result<Result<T, ReadFault>, StoreError>
    where
        T: Send + 'static,
        L: Fn(&View) -> Result<T, StorageError> + Send + 'static,
    {
        let shared = Arc::clone(&self.shared);
        match timeout(self.patience, spawn_blocking(move || shared.read(look))).await {
            Ok(looked) => looked.map_err(|error| {
                StoreError::Unavailable(format!("a read came to no end: {error}"))
            }),
            Err(_) => Err(StoreError::Unavailable(self.too_slow("a read"))),
        }
    }
}

impl Drop for EmbeddedStore {
    fn drop(&mut self) {
        self.commands.take();
        if let Some(writer) = self.writer.take()
            && writer.join().is_err()
        {
            tracing::error!("the store's writer had panicked");
        }
        self.shared.close();
    }
}

fn ended() -> StoreError {
    StoreError::Unavailable("its writer has ended".to_owned())
}

fn check_name(name: &str) -> Result<(), StoreError> {
    if name.len() > NAME_BYTES_MAX {
        return Err(StoreError::Rejected(format!(
            "a key or member has {} bytes; at most {NAME_BYTES_MAX} are allowed",
            name.len()
        )));
    }
    Ok(())
}

fn check_value(value: Option<&[u8]>) -> Result<(), StoreError> {
    match value {
        Some(value) if value.len() > VALUE_BYTES_MAX => Err(StoreError::Rejected(format!(
            "a value has {} bytes; at most {VALUE_BYTES_MAX} are allowed",
            value.len()
        ))),
        _ => Ok(()),
    }
}

#[async_trait]
impl StoreTransport for EmbeddedStore {
    async fn get_many(&self, keys: &[String]) -> Result<Vec<Option<Bytes>>, StoreError> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let keys = keys.to_vec();
        self.look(move |view| view.texts(&keys)).await
    }

    async fn compare_and_set(
        &self,
        key: &str,
        expected: Option<&[u8]>,
        new: Option<&[u8]>,
        list: Option<&str>,
    ) -> Result<CasOutcome, StoreError> {
        check_name(key)?;
        list.map_or(Ok(()), check_name)?;
        check_value(new)?;
        let change = Change::CompareAndSet {
            key: key.to_owned(),
            expected: expected.map(Bytes::copy_from_slice),
            new: new.map(Bytes::copy_from_slice),
            list: list.map(str::to_owned),
        };
        self.change(change).await?.into_cas()
    }

    async fn delete(&self, keys: &[String]) -> Result<(), StoreError> {
        if keys.is_empty() {
            return Ok(());
        }
        self.change(Change::Delete(keys.to_vec()))
            .await?
            .into_done()
    }

    async fn delete_if(
        &self,
        guard: &str,
        expected: &[u8],
        keys: &[String],
    ) -> Result<CasOutcome, StoreError> {
        let change = Change::DeleteIf {
            guard: guard.to_owned(),
            expected: Bytes::copy_from_slice(expected),
            keys: keys.to_vec(),
        };
        self.change(change).await?.into_cas()
    }

    async fn set_members(&self, key: &str) -> Result<Vec<String>, StoreError> {
        let name = key.to_owned();
        let members = self.look(move |view| view.members(&name)).await?;
        members.ok_or_else(|| wrong_kind(key))
    }

    async fn set_add(&self, key: &str, member: &str) -> Result<(), StoreError> {
        check_name(key)?;
        check_name(member)?;
        let (key, member) = (key.to_owned(), member.to_owned());
        let change = Change::SetAdd { key, member };
        self.change(change).await?.into_done()
    }

    async fn set_remove(&self, key: &str, member: &str) -> Result<(), StoreError> {
        let (key, member) = (key.to_owned(), member.to_owned());
        let change = Change::SetRemove { key, member };
        self.change(change).await?.into_done()
    }

    async fn queue_head(&self, key: &str) -> Result<Option<u64>, StoreError> {
        let name = key.to_owned();
        let head = self.look(move |view| view.queue_head(&name)).await?;
        head.ok_or_else(|| wrong_kind(key))
    }
}
