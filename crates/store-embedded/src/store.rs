//! The store as the coordinator sees it.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;

use async_trait::async_trait;
use bytes::Bytes;
use coordinator::store::{CasOutcome, StoreError, StoreTransport};
use redb::StorageError;
use tokio::sync::{mpsc, oneshot};
use tokio::task::spawn_blocking;

use crate::OpenError;
use crate::disk::{Disk, FileDisk};
use crate::tables::{Change, Effect, View, wrong_kind};
use crate::writer::{self, Command, ReadFault, Shared};

/// The longest key or member of a set, in bytes.
const NAME_BYTES_MAX: usize = 1 << 20;

/// The longest value, in bytes.
const VALUE_BYTES_MAX: usize = 64 << 20;

/// A store in one local file. See the crate's description.
///
/// Must be used within a tokio runtime. Dropping it waits until everything that
/// the writer has accepted is durable, and then lets go of the file.
pub struct EmbeddedStore {
    shared: Arc<Shared>,
    /// `None` once the store is being dropped.
    commands: Option<mpsc::Sender<Command>>,
    writer: Option<JoinHandle<()>>,
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
        EmbeddedStore::open_on(Box::new(FileDisk::new(path)))
    }

    pub(crate) fn open_on(disk: Box<dyn Disk>) -> Result<EmbeddedStore, OpenError> {
        let path = disk.path().to_owned();
        let shared = Shared::open(disk)?;
        let (commands, writer) = writer::spawn(Arc::clone(&shared))
            .map_err(|error| OpenError::io(&path, "starting the writer's thread", error))?;
        Ok(EmbeddedStore {
            shared,
            commands: Some(commands),
            writer: Some(writer),
        })
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
        self.send(Command::Change { change, answer }).await?;
        answered.await.unwrap_or_else(|_| {
            Err(StoreError::Indefinite(
                "its writer ended before it answered".to_owned(),
            ))
        })
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

    /// Looks at the file off the runtime's threads; once more if it had to be
    /// opened anew.
    async fn look<T, L>(&self, look: L) -> Result<T, StoreError>
    where
        T: Send + 'static,
        L: Fn(&View) -> Result<T, StorageError> + Clone + Send + 'static,
    {
        let generation = match self.look_once(look.clone()).await? {
            Ok(found) => return Ok(found),
            Err(ReadFault::Broken { generation, .. }) => generation,
        };
        self.reopen(generation).await?;
        self.look_once(look).await?.map_err(|fault| {
            let ReadFault::Broken { why, .. } = fault;
            StoreError::Unavailable(format!("its file failed: {why}"))
        })
    }

    async fn look_once<T, L>(&self, look: L) -> Result<Result<T, ReadFault>, StoreError>
    where
        T: Send + 'static,
        L: Fn(&View) -> Result<T, StorageError> + Send + 'static,
    {
        let shared = Arc::clone(&self.shared);
        spawn_blocking(move || shared.read(look))
            .await
            .map_err(|error| StoreError::Unavailable(format!("a read came to no end: {error}")))
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
    ) -> Result<CasOutcome, StoreError> {
        check_name(key)?;
        check_value(new)?;
        let change = Change::CompareAndSet {
            key: key.to_owned(),
            expected: expected.map(Bytes::copy_from_slice),
            new: new.map(Bytes::copy_from_slice),
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
