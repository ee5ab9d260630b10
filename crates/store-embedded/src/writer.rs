//! The one writer: drains the queue of changes, makes them durable together,
//! then answers each.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::thread::{self, JoinHandle};

use coordinator::store::StoreError;
use redb::{Database, ReadableDatabase};
use tokio::sync::{mpsc, oneshot};

use crate::disk::Disk;
use crate::tables::{Change, Effect, Tables, View};
use crate::trouble::{Pauses, Trouble, described, why_closed};
use crate::{OpenError, file};

/// The most changes of one transaction: bounds how long the first one waits.
const BATCH_MAX: usize = 1024;

/// Changes waiting for the writer; callers beyond wait for room.
const QUEUE_MAX: usize = 4096;

/// What the writer is asked.
pub(crate) enum Command {
    /// Make this durable.
    Change {
        change: Change,
        answer: oneshot::Sender<Result<Effect, StoreError>>,
    },
    /// Open the file anew, unless somebody did since it had this generation.
    Reopen {
        generation: u64,
        answer: oneshot::Sender<Result<(), StoreError>>,
    },
}

/// What readers and the writer share.
pub(crate) struct Shared {
    disk: Box<dyn Disk>,
    /// `None` while the file is closed after a fault.
    database: RwLock<Option<Database>>,
    /// How often the file was opened.
    generation: AtomicU64,
    commits: AtomicU64,
    /// Why writes fail, if they do.
    pub(crate) trouble: Trouble,
}

/// A look at the file that did not succeed.
pub(crate) enum ReadFault {
    /// The file had this generation and is closed, or must be opened anew.
    Broken { generation: u64, why: String },
}

impl Shared {
    /// Opens the file on `disk`.
    pub(crate) fn open(disk: Box<dyn Disk>, pauses: Pauses) -> Result<Arc<Shared>, OpenError> {
        let database = file::open(&*disk)?;
        let trouble = Trouble::none(disk.path(), pauses);
        Ok(Arc::new(Shared {
            trouble,
            disk,
            database: RwLock::new(Some(database)),
            generation: AtomicU64::new(1),
            commits: AtomicU64::new(0),
        }))
    }

    /// Where the file is.
    pub(crate) fn path(&self) -> &Path {
        self.disk.path()
    }

    /// How many transactions were made durable since the store was opened.
    pub(crate) fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }

    /// Looks at the last durable state.
    pub(crate) fn read<T>(
        &self,
        look: impl FnOnce(&View) -> Result<T, redb::StorageError>,
    ) -> Result<T, ReadFault> {
        let guard = self.lock();
        let generation = self.generation.load(Ordering::Acquire);
        let Some(database) = guard.as_ref() else {
            let why = "its file is closed after a fault".to_owned();
            return Err(ReadFault::Broken { generation, why });
        };
        let attempt = || -> Result<T, redb::Error> {
            let transaction = database.begin_read()?;
            Ok(look(&View::open(&transaction)?)?)
        };
        attempt().map_err(|error| ReadFault::Broken {
            generation,
            why: described(&error),
        })
    }

    /// Lets go of the file, and so of its lock.
    pub(crate) fn close(&self) {
        self.replace(None);
    }

    fn replace(&self, database: Option<Database>) {
        *self
            .database
            .write()
            .unwrap_or_else(PoisonError::into_inner) = database;
    }

    fn lock(&self) -> RwLockReadGuard<'_, Option<Database>> {
        // Whoever panicked held a look, or replaced one whole value by another.
        self.database.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens the file anew, whatever state it is in. Nobody waits for that: who
    /// reads meanwhile finds it closed.
    fn reopen(&self) -> Result<(), StoreError> {
        self.close();
        self.disk.distrust();
        match file::reopen(&*self.disk) {
            Ok(database) => {
                self.replace(Some(database));
                self.generation.fetch_add(1, Ordering::AcqRel);
                let path = self.disk.path().display();
                tracing::debug!(%path, "the store's file is open again");
                Ok(())
            }
            Err(error) => {
                let why = why_closed(&error);
                self.trouble.failed(&why);
                Err(StoreError::Unavailable(self.trouble.cause().unwrap_or(why)))
            }
        }
    }

    fn reopen_from(&self, generation: u64) -> Result<(), StoreError> {
        if self.generation.load(Ordering::Acquire) == generation {
            return self.reopen();
        }
        self.reopen_if_closed()
    }

    fn reopen_if_closed(&self) -> Result<(), StoreError> {
        if self.lock().is_some() {
            return Ok(());
        }
        match self.trouble.pausing() {
            Some(cause) => Err(StoreError::Unavailable(cause)),
            None => self.reopen(),
        }
    }
}

/// The writer's thread, which ends when the last sender is gone.
pub(crate) fn spawn(
    shared: Arc<Shared>,
) -> std::io::Result<(mpsc::Sender<Command>, JoinHandle<()>)> {
    let (sender, receiver) = mpsc::channel(QUEUE_MAX);
    let thread = thread::Builder::new()
        .name("store-writer".to_owned())
        .spawn(move || run(&shared, receiver))?;
    Ok((sender, thread))
}

fn run(shared: &Shared, mut commands: mpsc::Receiver<Command>) {
    let mut batch = Vec::with_capacity(BATCH_MAX);
    while commands.blocking_recv_many(&mut batch, BATCH_MAX) > 0 {
        let mut changes = Vec::with_capacity(batch.len());
        for command in batch.drain(..) {
            match command {
                Command::Change { change, answer } => changes.push((change, answer)),
                Command::Reopen { generation, answer } => {
                    // Nobody may be waiting any more.
                    let _unheard = answer.send(shared.reopen_from(generation));
                }
            }
        }
        if !changes.is_empty() {
            write(shared, changes);
        }
    }
}

type Asked = (Change, oneshot::Sender<Result<Effect, StoreError>>);

/// Why a batch is not durable.
enum Fault {
    /// Nothing of it can be in the file.
    Before(String),
    /// It may be in the file, whole, or not.
    Within(String),
}

fn write(shared: &Shared, asked: Vec<Asked>) {
    if let Err(error) = ready(shared) {
        for (_, answer) in asked {
            let _unheard = answer.send(Err(error.clone()));
        }
        return;
    }
    let mut effects = Vec::with_capacity(asked.len());
    let committed = catch_unwind(AssertUnwindSafe(|| commit(shared, &asked, &mut effects)));
    let fault = committed
        .unwrap_or_else(|_| Err(Fault::Within("its file contradicts itself".to_owned())))
        .err();
    // The file is looked at anew before anybody hears of the fault: a caller who
    // reads next then reads what is really there.
    if let Some(Fault::Before(why) | Fault::Within(why)) = &fault {
        shared.trouble.failed(why);
        // It has noted by itself why it failed.
        let _noted = shared.reopen();
    }
    let cause = || shared.trouble.cause().unwrap_or_default();
    let mut effects = effects.into_iter();
    for (_, answer) in asked {
        let effect = effects.next();
        let outcome = match &fault {
            None => effect.ok_or_else(|| StoreError::Unavailable("it was not tried".to_owned())),
            Some(Fault::Within(_)) if effect == Some(Effect::Changed) => {
                Err(StoreError::Indefinite(cause()))
            }
            Some(_) => Err(StoreError::Unavailable(cause())),
        };
        let _unheard = answer.send(outcome);
    }
}

/// Whether a write may be tried: the file is open, and no failure is so fresh
/// that another attempt would only keep the disk busy.
fn ready(shared: &Shared) -> Result<(), StoreError> {
    if let Some(cause) = shared.trouble.pausing() {
        return Err(StoreError::Unavailable(cause));
    }
    shared.reopen_if_closed()
}

fn commit(shared: &Shared, asked: &[Asked], effects: &mut Vec<Effect>) -> Result<(), Fault> {
    let guard = shared.lock();
    let Some(database) = guard.as_ref() else {
        return Err(Fault::Before("it is closed after a fault".to_owned()));
    };
    let before = |error: redb::Error| Fault::Before(described(&error));
    let transaction = database
        .begin_write()
        .map_err(|error| before(error.into()))?;
    {
        let mut tables = Tables::open(&transaction).map_err(|error| before(error.into()))?;
        for (change, _) in asked {
            effects.push(tables.apply(change).map_err(|error| before(error.into()))?);
        }
    }
    if !effects.contains(&Effect::Changed) {
        // What was seen is durable already, and there is nothing to add.
        return transaction.abort().map_err(|error| before(error.into()));
    }
    transaction
        .commit()
        .map_err(|error| Fault::Within(described(&error.into())))?;
    shared.commits.fetch_add(1, Ordering::Relaxed);
    shared.trouble.overcome();
    Ok(())
}
