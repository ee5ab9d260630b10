//! Writes that reach the disk only once what is on it was found to be usable.

use std::collections::BTreeMap;
use std::io::{Error, ErrorKind};
use std::ops::{Bound, Range};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use redb::{BackendError, StorageBackend};

const PAGE: u64 = 4096;

/// A backend in front of another one that keeps all writes to itself until they are
/// [let through](Staged::let_through). A database mends what it can while it is opened, and
/// may find only then that the rest cannot be read, or is not ours to touch: such a file
/// shall stay as it was found, for whoever is to rescue it. Clones are the same backend.
///
/// What is kept is held in memory. Opening writes a header and what has to be mended, not
/// the contents.
#[derive(Clone, Debug)]
pub(crate) struct Staged(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    disk: Box<dyn StorageBackend>,
    stage: RwLock<Stage>,
}

#[derive(Debug)]
enum Stage {
    Kept(Overlay),
    Through,
    /// Not all could be written: the disk is as after a crash, and gets no more.
    Failed,
}

impl Staged {
    /// A backend that keeps what is written from `disk`.
    ///
    /// # Errors
    /// The length of the disk cannot be told.
    pub(crate) fn new(disk: Box<dyn StorageBackend>) -> Result<Staged, Error> {
        let overlay = Overlay::over(disk.len()?);
        let stage = RwLock::new(Stage::Kept(overlay));
        Ok(Staged(Arc::new(Inner { disk, stage })))
    }

    /// Does to the disk what was kept, in the same order and with syncs at the same places,
    /// so that a crash in between leaves what it would have left without keeping. From now
    /// on nothing is kept.
    ///
    /// # Errors
    /// What the disk refused. Everything after that is refused too.
    pub(crate) fn let_through(&self) -> Result<(), Error> {
        let mut stage = self.stage_mut();
        let Stage::Kept(overlay) = std::mem::replace(&mut *stage, Stage::Failed) else {
            return Err(out_of_use());
        };
        for change in &overlay.changes {
            change.apply(&*self.0.disk)?;
        }
        *stage = Stage::Through;
        Ok(())
    }

    fn stage(&self) -> RwLockReadGuard<'_, Stage> {
        self.0.stage.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn stage_mut(&self) -> RwLockWriteGuard<'_, Stage> {
        self.0.stage.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: Change) -> Result<(), Error> {
        let disk = &*self.0.disk;
        if let Stage::Through = *self.stage() {
            return change.apply(disk);
        }
        match &mut *self.stage_mut() {
            Stage::Kept(overlay) => overlay.change(disk, change),
            Stage::Through => change.apply(disk),
            Stage::Failed => Err(out_of_use()),
        }
    }
}

fn out_of_use() -> Error {
    Error::other("the file could not be written when it was opened")
}

impl StorageBackend for Staged {
    fn len(&self) -> Result<u64, Error> {
        match &*self.stage() {
            Stage::Kept(overlay) => Ok(overlay.length),
            Stage::Through => self.0.disk.len(),
            Stage::Failed => Err(out_of_use()),
        }
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), Error> {
        match &*self.stage() {
            Stage::Kept(overlay) => overlay.read(&*self.0.disk, offset, out),
            Stage::Through => self.0.disk.read(offset, out),
            Stage::Failed => Err(out_of_use()),
        }
    }

    fn set_len(&self, length: u64) -> Result<(), Error> {
        self.change(Change::Length(length))
    }

    fn sync_data(&self) -> Result<(), Error> {
        self.change(Change::Sync)
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), Error> {
        if let Stage::Through = *self.stage() {
            return self.0.disk.write(offset, data);
        }
        self.change(Change::Bytes(offset, data.to_vec()))
    }

    fn close(&self) -> Result<(), Error> {
        self.0.disk.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.0.disk.try_lock_range(start, end)
    }

    fn try_lock_shared_range(
        &self,
        start: Bound<u64>,
        end: Bound<u64>,
    ) -> Result<bool, BackendError> {
        self.0.disk.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.0.disk.lock_range(start, end)
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.0.disk.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.0.disk.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.0.disk.query_lock_range(start, end)
    }
}

/// Something that is done to a disk.
#[derive(Debug)]
enum Change {
    Bytes(u64, Vec<u8>),
    Length(u64),
    Sync,
}

impl Change {
    fn apply(&self, disk: &dyn StorageBackend) -> Result<(), Error> {
        match self {
            Change::Bytes(offset, data) => disk.write(*offset, data),
            Change::Length(length) => disk.set_len(*length),
            Change::Sync => disk.sync_data(),
        }
    }
}

/// What a disk would hold if what was kept had been done to it.
#[derive(Debug)]
struct Overlay {
    changes: Vec<Change>,
    /// The pages that differ, by their number.
    pages: BTreeMap<u64, Vec<u8>>,
    length: u64,
    /// So many bytes of the disk still show; cut off once, they are zeros.
    shown: u64,
}

impl Overlay {
    fn over(length: u64) -> Overlay {
        Overlay {
            changes: Vec::new(),
            pages: BTreeMap::new(),
            length,
            shown: length,
        }
    }

    fn change(&mut self, disk: &dyn StorageBackend, change: Change) -> Result<(), Error> {
        match &change {
            Change::Bytes(offset, data) => self.write(disk, *offset, data)?,
            Change::Length(length) => self.resize(*length),
            Change::Sync => {}
        }
        self.changes.push(change);
        Ok(())
    }

    fn write(&mut self, disk: &dyn StorageBackend, offset: u64, data: &[u8]) -> Result<(), Error> {
        let end = end_of(offset, data)?;
        for (page, within, from) in pieces(offset, end) {
            let mut bytes = self.page(disk, page)?;
            let piece = data.get(from.clone()).ok_or(ErrorKind::InvalidInput)?;
            bytes
                .get_mut(within)
                .ok_or(ErrorKind::InvalidInput)?
                .copy_from_slice(piece);
            self.pages.insert(page, bytes);
        }
        self.length = self.length.max(end);
        Ok(())
    }

    fn read(&self, disk: &dyn StorageBackend, offset: u64, out: &mut [u8]) -> Result<(), Error> {
        let end = end_of(offset, out)?;
        if end > self.length {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        // A whole database is read through once: in one piece where nothing differs.
        let differing = offset / PAGE..end.div_ceil(PAGE);
        if end <= self.shown && self.pages.range(differing).next().is_none() {
            return disk.read(offset, out);
        }
        for (page, within, from) in pieces(offset, end) {
            let bytes = self.page(disk, page)?;
            let piece = bytes.get(within).ok_or(ErrorKind::InvalidInput)?;
            out.get_mut(from)
                .ok_or(ErrorKind::InvalidInput)?
                .copy_from_slice(piece);
        }
        Ok(())
    }

    fn page(&self, disk: &dyn StorageBackend, page: u64) -> Result<Vec<u8>, Error> {
        if let Some(bytes) = self.pages.get(&page) {
            return Ok(bytes.clone());
        }
        let mut bytes = vec![0; size(PAGE)];
        let start = page.saturating_mul(PAGE);
        let shown = self.shown.saturating_sub(start).min(PAGE);
        if let Some(there) = bytes.get_mut(..size(shown)).filter(|it| !it.is_empty()) {
            disk.read(start, there)?;
        }
        Ok(bytes)
    }

    fn resize(&mut self, length: u64) {
        if length < self.length {
            self.shown = self.shown.min(length);
            self.pages.split_off(&length.div_ceil(PAGE));
            let last = self.pages.get_mut(&(length / PAGE));
            let beyond = last.and_then(|page| page.get_mut(size(length % PAGE)..));
            beyond.into_iter().for_each(|bytes| bytes.fill(0));
        }
        self.length = length;
    }
}

fn end_of(offset: u64, data: &[u8]) -> Result<u64, Error> {
    let length = u64::try_from(data.len()).unwrap_or(u64::MAX);
    offset
        .checked_add(length)
        .ok_or_else(|| ErrorKind::InvalidInput.into())
}

/// The pages from `offset` to `end`: the number of each, which part of it is meant, and
/// where that lies counted from `offset`.
fn pieces(offset: u64, end: u64) -> impl Iterator<Item = (u64, Range<usize>, Range<usize>)> {
    (offset / PAGE..end.div_ceil(PAGE)).map(move |page| {
        let start = page * PAGE;
        let (first, last) = (offset.max(start), end.min(start + PAGE));
        (
            page,
            size(first - start)..size(last - start),
            size(first - offset)..size(last - offset),
        )
    })
}

/// A number of bytes in memory; what cannot be addressed is out of every slice's bounds.
fn size(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}
