//! A disk in memory that loses what was not synced, and fails when told to.

use std::collections::BTreeSet;
use std::io::{Error, ErrorKind};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

use redb::StorageBackend;

use crate::disk::Disk;
use crate::trouble::Pauses;
use crate::{EmbeddedStore, OpenError};

/// Disks write a sector as a whole, or not at all.
const SECTOR: usize = 512;

#[derive(Clone, Debug)]
enum Op {
    Write(u64, Vec<u8>),
    Resize(u64),
}

/// What the disk does from some point on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// It does what it should.
    None,
    /// The power is out: nothing works any more.
    Dead,
    /// It takes no more bytes, but goes on syncing.
    Full,
    /// It has no room for more; what has a place may be written over, as on most
    /// file systems.
    NoRoom,
    /// Syncing fails, and what was to be synced may or may not be there.
    SyncFails,
}

#[derive(Debug)]
struct State {
    durable: Vec<u8>,
    current: Vec<u8>,
    pending: Vec<Op>,
    fault: Fault,
    /// Operations until `Fault::Dead`.
    fuse: Option<u64>,
    syncs: u64,
    operations: u64,
    held: bool,
    reads_held: bool,
    /// Sectors that have a place on the disk.
    placed: BTreeSet<u64>,
    chance: u64,
}

/// A handle on a disk; clones are the same disk.
#[derive(Clone, Debug)]
pub(super) struct Faulty(Arc<(Mutex<State>, Condvar)>);

impl Faulty {
    /// An empty disk; `seed` decides what survives a power cut.
    pub(super) fn new(seed: u64) -> Faulty {
        let state = State {
            durable: Vec::new(),
            current: Vec::new(),
            pending: Vec::new(),
            fault: Fault::None,
            fuse: None,
            syncs: 0,
            operations: 0,
            held: false,
            reads_held: false,
            placed: BTreeSet::new(),
            chance: seed,
        };
        Faulty(Arc::new((Mutex::new(state), Condvar::new())))
    }

    /// A store on it, without pauses after failures.
    pub(super) fn store(&self) -> Result<EmbeddedStore, OpenError> {
        let pauses = Pauses {
            first: Duration::ZERO,
            longest: Duration::ZERO,
        };
        EmbeddedStore::open_on(Box::new(self.clone()), pauses)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.0.lock().unwrap()
    }

    pub(super) fn set_fault(&self, fault: Fault) {
        self.state().fault = fault;
    }

    /// The power goes out after that many more operations.
    pub(super) fn light_fuse(&self, operations: u64) {
        self.state().fuse = Some(operations);
    }

    pub(super) fn syncs(&self) -> u64 {
        self.state().syncs
    }

    pub(super) fn operations(&self) -> u64 {
        self.state().operations
    }

    /// While held, syncs do not come to an end.
    pub(super) fn hold_syncs(&self, held: bool) {
        self.state().held = held;
        self.0.1.notify_all();
    }

    /// While held, reads do not come to an end.
    pub(super) fn hold_reads(&self, held: bool) {
        self.state().reads_held = held;
        self.0.1.notify_all();
    }

    /// What is on the disk after the power cut: everything synced, and of the
    /// rest any part, sector by sector, in any order.
    pub(super) fn power_on(&self) {
        let mut state = self.state();
        let pending = std::mem::take(&mut state.pending);
        let mut image = std::mem::take(&mut state.durable);
        for op in pending {
            match op {
                Op::Resize(length) if state.toss() => {
                    image.resize(usize::try_from(length).unwrap(), 0);
                }
                Op::Resize(_) => {}
                Op::Write(offset, data) => {
                    let mut at = usize::try_from(offset).unwrap();
                    for sector in data.chunks(SECTOR) {
                        if state.toss() {
                            put(&mut image, at, sector);
                        }
                        at += sector.len();
                    }
                }
            }
        }
        state.current.clone_from(&image);
        state.durable = image;
        state.fault = Fault::None;
        state.fuse = None;
    }
}

fn put(image: &mut Vec<u8>, at: usize, data: &[u8]) {
    if image.len() < at + data.len() {
        image.resize(at + data.len(), 0);
    }
    image[at..at + data.len()].copy_from_slice(data);
}

impl State {
    fn toss(&mut self) -> bool {
        // SplitMix64.
        self.chance = self.chance.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.chance;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (bits ^ (bits >> 31)) & 1 == 1
    }

    fn begin(&mut self) -> Result<(), Error> {
        self.operations += 1;
        match &mut self.fuse {
            Some(0) => self.fault = Fault::Dead,
            Some(left) => *left -= 1,
            None => {}
        }
        if self.fault == Fault::Dead {
            return Err(Error::other("the power is out"));
        }
        Ok(())
    }

    fn place(&mut self, offset: u64, length: u64) -> Result<(), Error> {
        let sector = SECTOR as u64;
        let touched = offset / sector..(offset + length).div_ceil(sector);
        let is_new = |at: &u64| !self.placed.contains(at);
        if self.fault == Fault::NoRoom && touched.clone().any(|at| is_new(&at)) {
            return Err(Error::from(ErrorKind::StorageFull));
        }
        self.placed.extend(touched);
        Ok(())
    }

    fn grow(&mut self) -> Result<(), Error> {
        self.begin()?;
        if self.fault == Fault::Full {
            return Err(Error::from(ErrorKind::StorageFull));
        }
        Ok(())
    }
}

impl StorageBackend for Faulty {
    fn len(&self) -> Result<u64, Error> {
        Ok(self.state().current.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), Error> {
        let mut state = self.state();
        while state.reads_held {
            state = self.0.1.wait(state).unwrap();
        }
        if state.fault == Fault::Dead {
            return Err(Error::other("the power is out"));
        }
        let at = usize::try_from(offset).unwrap();
        let found = state
            .current
            .get(at..at + out.len())
            .ok_or(ErrorKind::UnexpectedEof)?;
        out.copy_from_slice(found);
        Ok(())
    }

    fn set_len(&self, length: u64) -> Result<(), Error> {
        let mut state = self.state();
        state.grow()?;
        state.pending.push(Op::Resize(length));
        state.current.resize(usize::try_from(length).unwrap(), 0);
        Ok(())
    }

    fn sync_data(&self) -> Result<(), Error> {
        let mut state = self.state();
        while state.held {
            state = self.0.1.wait(state).unwrap();
        }
        state.begin()?;
        if state.fault == Fault::SyncFails {
            return Err(Error::other("input/output error"));
        }
        state.syncs += 1;
        state.durable = state.current.clone();
        state.pending.clear();
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), Error> {
        let mut state = self.state();
        state.grow()?;
        state.place(offset, data.len() as u64)?;
        state.pending.push(Op::Write(offset, data.to_vec()));
        put(&mut state.current, usize::try_from(offset).unwrap(), data);
        Ok(())
    }
}

impl Disk for Faulty {
    fn path(&self) -> &Path {
        Path::new("/a/disk/that/fails")
    }

    fn open(&self) -> Result<Box<dyn StorageBackend>, OpenError> {
        Ok(Box::new(self.clone()))
    }

    /// What was not synced is read from the disk, not from memory.
    fn distrust(&self) {
        if self.state().fault != Fault::Dead {
            let fault = self.state().fault;
            self.power_on();
            self.set_fault(fault);
        }
    }
}
