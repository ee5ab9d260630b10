//! Opening: the lock, the integrity, the format, and the size of the file.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use redb::{Builder, Database, ReadableDatabase, ReadableTable, TableDefinition, TableHandle};

use crate::disk::{Disk, length};
use crate::staged::Staged;
use crate::{OpenError, tables};

/// The newest format of the file that this version reads, and the one it writes.
pub const FORMAT: u64 = 1;

const META: TableDefinition<'_, &str, u64> = TableDefinition::new("coordinator_meta");
const FORMAT_KEY: &str = "format";
/// Counts openings: writing it shows that the disk takes writes.
const OPENINGS_KEY: &str = "openings";

const CACHE_BYTES: usize = 64 << 20;

/// Files below this size are not worth compacting.
const COMPACT_BYTES_MIN: u64 = 16 << 20;

/// Opens the database on `disk`, examined and ready for use.
///
/// # Errors
/// See [`OpenError`].
pub(crate) fn open(disk: &dyn Disk) -> Result<Database, OpenError> {
    let database = open_checked(disk)?;
    let waste = length(disk.path()) >= COMPACT_BYTES_MIN && half_empty(disk.path(), &database)?;
    if !waste {
        return Ok(database);
    }
    compacted(disk, database)
}

/// Opens the database on `disk` once more, after a fault. Nothing is written that
/// the file does not need to be read: a full disk shall not keep readers out.
///
/// # Errors
/// See [`OpenError`].
pub(crate) fn reopen(disk: &dyn Disk) -> Result<Database, OpenError> {
    let path = disk.path();
    let found = checked(disk)?;
    match examine(path, &found.database)? {
        Contents::Ours => found.accepted(path),
        // To go on with an empty one would be to forget everything in silence.
        Contents::Nothing => Err(OpenError::damaged(
            path,
            "it is empty, so somebody removed or replaced it while it was in use",
        )),
    }
}

fn open_checked(disk: &dyn Disk) -> Result<Database, OpenError> {
    let path = disk.path();
    let found = checked(disk)?;
    examine(path, &found.database)?;
    let database = found.accepted(path)?;
    stamp(&database).map_err(|error| OpenError::from_redb(path, error))?;
    Ok(database)
}

/// A database that can be read. Nothing was written to its disk yet.
struct Found {
    database: Database,
    staged: Staged,
}

impl Found {
    /// Writes what opening it has changed: it is ours, and whole.
    fn accepted(self, path: &Path) -> Result<Database, OpenError> {
        match self.staged.let_through() {
            Ok(()) => Ok(self.database),
            Err(error) => Err(OpenError::from_redb(path, redb::Error::Io(error))),
        }
    }
}

fn checked(disk: &dyn Disk) -> Result<Found, OpenError> {
    let path = disk.path();
    let staged = Staged::new(disk.open()?);
    let staged = staged.map_err(|error| OpenError::from_redb(path, redb::Error::Io(error)))?;
    let mut builder = Builder::new();
    builder
        .set_cache_size(CACHE_BYTES)
        .set_check_integrity_on_open(true);
    // What a damaged file says is not always foreseen by who reads it.
    let opened = catch_unwind(AssertUnwindSafe(|| {
        builder.create_with_backend(staged.clone())
    }));
    match opened {
        Ok(Ok(database)) => Ok(Found { database, staged }),
        Ok(Err(error)) => Err(OpenError::from_redb(path, error)),
        Err(_) => Err(OpenError::damaged(
            path,
            "its contents contradict each other",
        )),
    }
}

/// What a file holds that is ours to write to.
enum Contents {
    Nothing,
    Ours,
}

/// Refuses what is not ours to write to.
fn examine(path: &Path, database: &Database) -> Result<Contents, OpenError> {
    match found_format(database).map_err(|error| OpenError::from_redb(path, error))? {
        Format::Fresh => Ok(Contents::Nothing),
        Format::Foreign => Err(OpenError::Foreign {
            path: path.to_owned(),
        }),
        Format::Version(found) if found > FORMAT => Err(OpenError::Newer {
            path: path.to_owned(),
            found,
            known: FORMAT,
        }),
        Format::Version(_) => Ok(Contents::Ours),
    }
}

enum Format {
    Fresh,
    Foreign,
    Version(u64),
}

fn found_format(database: &Database) -> Result<Format, redb::Error> {
    let transaction = database.begin_read()?;
    let names: Vec<String> = transaction
        .list_tables()?
        .map(|table| table.name().to_owned())
        .collect();
    if !names.iter().any(|name| name == META.name()) {
        let used = !names.is_empty() || transaction.list_multimap_tables()?.next().is_some();
        return Ok(if used { Format::Foreign } else { Format::Fresh });
    }
    let meta = match transaction.open_table(META) {
        Ok(meta) => meta,
        Err(redb::TableError::Storage(error)) => return Err(error.into()),
        Err(_) => return Ok(Format::Foreign),
    };
    Ok(match meta.get(FORMAT_KEY)? {
        Some(version) => Format::Version(version.value()),
        None => Format::Foreign,
    })
}

fn stamp(database: &Database) -> Result<(), redb::Error> {
    let transaction = database.begin_write()?;
    {
        let mut meta = transaction.open_table(META)?;
        meta.insert(FORMAT_KEY, FORMAT)?;
        let openings = meta.get(OPENINGS_KEY)?.map_or(0, |count| count.value());
        meta.insert(OPENINGS_KEY, openings.saturating_add(1))?;
    }
    tables::Tables::open(&transaction)?;
    transaction.commit()?;
    Ok(())
}

fn half_empty(path: &Path, database: &Database) -> Result<bool, OpenError> {
    let measure = || -> Result<bool, redb::Error> {
        let transaction = database.begin_write()?;
        let stats = transaction.stats()?;
        let used = stats.stored_bytes().saturating_add(stats.metadata_bytes());
        transaction.abort()?;
        Ok(used < length(path) / 2)
    };
    measure().map_err(|error| OpenError::from_redb(path, error))
}

fn compacted(disk: &dyn Disk, mut database: Database) -> Result<Database, OpenError> {
    let before = length(disk.path());
    match database.compact() {
        Ok(_) => {
            let after = length(disk.path());
            let path = disk.path().display();
            tracing::info!(%path, before, after, "the store's file was compacted");
            Ok(database)
        }
        Err(error) => {
            tracing::warn!(
                path = %disk.path().display(), %error,
                "the store's file could not be compacted; it is used as it is"
            );
            drop(database);
            open_checked(disk)
        }
    }
}
