//! How many connections there are, in all and per peer, and who gives way.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use crate::throttle::site;

/// Counts connections and bounds their number.
#[derive(Debug)]
pub(super) struct Slots {
    counts: Arc<Mutex<Counts>>,
    most: usize,
    most_per_peer: usize,
}

#[derive(Debug, Default)]
struct Counts {
    all: usize,
    peers: BTreeMap<IpAddr, usize>,
    /// Those that have asked for nothing yet, the oldest first.
    idle: BTreeMap<u64, Idle>,
    /// The number of the next one.
    next: u64,
}

/// A connection that keeps a place and makes no use of it.
#[derive(Debug)]
struct Idle {
    peer: IpAddr,
    has_spoken: bool,
    gives_way: CancellationToken,
}

/// A counted connection, until it is dropped or gives way.
#[derive(Debug)]
pub(super) struct Slot {
    counts: Arc<Mutex<Counts>>,
    peer: IpAddr,
    number: u64,
    gives_way: CancellationToken,
}

/// Room for a connection.
#[derive(Debug)]
pub(super) struct Room {
    /// Its slot.
    pub slot: Slot,
    /// Another one had to give way for it.
    pub was_made: bool,
}

/// Why there is no slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Full {
    /// There are too many connections.
    All,
    /// The peer has too many connections.
    Peer,
}

impl Slots {
    /// At most `most` connections, and `most_per_peer` of each peer.
    pub(super) fn new(most: usize, most_per_peer: usize) -> Slots {
        Slots {
            counts: Arc::default(),
            most: most.max(1),
            most_per_peer: most_per_peer.max(1),
        }
    }

    /// Counts a connection of `peer`. If there is no room for it, the oldest one that
    /// has said nothing gives way, or else the oldest that has asked for nothing; of the
    /// same peer if it is the peer who has too many.
    pub(super) fn take(&self, peer: IpAddr) -> Result<Room, Full> {
        let peer = site(peer);
        let mut counts = lock(&self.counts);
        let of_peer = counts.peers.get(&peer).copied().unwrap_or(0);
        let mut was_made = false;
        if of_peer >= self.most_per_peer {
            was_made = counts.make_room(Some(peer));
            if !was_made {
                return Err(Full::Peer);
            }
        } else if counts.all >= self.most {
            was_made = counts.make_room(None);
            if !was_made {
                return Err(Full::All);
            }
        }
        let gives_way = CancellationToken::new();
        let number = counts.add(peer, gives_way.clone());
        Ok(Room {
            slot: Slot {
                counts: Arc::clone(&self.counts),
                peer,
                number,
                gives_way,
            },
            was_made,
        })
    }
}

impl Counts {
    fn add(&mut self, peer: IpAddr, gives_way: CancellationToken) -> u64 {
        *self.peers.entry(peer).or_insert(0) += 1;
        self.all += 1;
        let number = self.next;
        self.next += 1;
        let idle = Idle {
            peer,
            has_spoken: false,
            gives_way,
        };
        self.idle.insert(number, idle);
        number
    }

    fn remove(&mut self, number: u64, peer: IpAddr) {
        self.idle.remove(&number);
        self.all = self.all.saturating_sub(1);
        if let Some(of_peer) = self.peers.get_mut(&peer) {
            *of_peer = of_peer.saturating_sub(1);
            if *of_peer == 0 {
                self.peers.remove(&peer);
            }
        }
    }

    /// Ends one that is idle, of `peer` or of anybody; false if there is none.
    fn make_room(&mut self, peer: Option<IpAddr>) -> bool {
        let oldest = |has_spoken: bool| {
            let mut idle = self.idle.iter();
            idle.find(|(_, idle)| {
                idle.has_spoken == has_spoken && peer.is_none_or(|peer| peer == idle.peer)
            })
        };
        let found = oldest(false).or_else(|| oldest(true));
        let Some((number, idle)) = found else {
            return false;
        };
        let (number, peer) = (*number, idle.peer);
        // It is counted no more, even before it has noticed.
        idle.gives_way.cancel();
        self.remove(number, peer);
        true
    }
}

impl Slot {
    /// Done when the connection has to end to make room for another.
    pub(super) fn gives_way(&self) -> WaitForCancellationFutureOwned {
        self.gives_way.clone().cancelled_owned()
    }

    /// It has begun to speak.
    pub(super) fn has_spoken(&self) {
        if let Some(idle) = lock(&self.counts).idle.get_mut(&self.number) {
            idle.has_spoken = true;
        }
    }

    /// It has asked for something, and keeps its place from now on; false if that has
    /// been given away meanwhile.
    pub(super) fn has_asked(&self) -> bool {
        let mut counts = lock(&self.counts);
        counts.idle.remove(&self.number);
        !self.gives_way.is_cancelled()
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut counts = lock(&self.counts);
        if !self.gives_way.is_cancelled() {
            counts.remove(self.number, self.peer);
        }
    }
}

fn lock(counts: &Mutex<Counts>) -> MutexGuard<'_, Counts> {
    counts.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(n: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, n])
    }

    /// One that keeps its place.
    fn busy(slots: &Slots, n: u8) -> Slot {
        let room = slots.take(peer(n)).unwrap();
        assert!(!room.was_made);
        room.slot.has_spoken();
        assert!(room.slot.has_asked());
        room.slot
    }

    #[test]
    fn both_bounds_hold_and_slots_come_back() {
        let slots = Slots::new(3, 2);
        let first = busy(&slots, 1);
        let second = busy(&slots, 1);
        assert_eq!(slots.take(peer(1)).unwrap_err(), Full::Peer);
        let third = busy(&slots, 2);
        assert_eq!(slots.take(peer(3)).unwrap_err(), Full::All);
        drop(first);
        let fourth = busy(&slots, 1);
        drop((second, third, fourth));
        let counts = lock(&slots.counts);
        assert_eq!((counts.all, counts.peers.len()), (0, 0));
    }

    #[test]
    fn who_makes_the_least_use_of_a_place_gives_way_first() {
        let slots = Slots::new(4, 3);
        let spoken = slots.take(peer(1)).unwrap().slot;
        spoken.has_spoken();
        let other = slots.take(peer(2)).unwrap().slot;
        let silent = slots.take(peer(1)).unwrap().slot;
        let asked = busy(&slots, 1);

        // A peer with too many takes no place of another peer's.
        let one = slots.take(peer(1)).unwrap();
        assert!(one.was_made && silent.gives_way.is_cancelled());
        assert!(!silent.has_asked(), "too late: its place is another's");
        one.slot.has_asked();
        let two = slots.take(peer(1)).unwrap();
        assert!(two.was_made && spoken.gives_way.is_cancelled());
        two.slot.has_asked();
        assert_eq!(slots.take(peer(1)).unwrap_err(), Full::Peer);
        assert!(!other.gives_way.is_cancelled());

        let three = slots.take(peer(3)).unwrap();
        assert!(three.was_made && other.gives_way.is_cancelled());
        three.slot.has_asked();
        assert_eq!(slots.take(peer(4)).unwrap_err(), Full::All);
        // Who gave way is not counted twice.
        drop((spoken, silent, other));
        assert_eq!(lock(&slots.counts).all, 4);
        drop((asked, one, two, three));
        let counts = lock(&slots.counts);
        assert_eq!(
            (counts.all, counts.peers.len(), counts.idle.len()),
            (0, 0, 0)
        );
    }
}
