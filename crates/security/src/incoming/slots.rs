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
    /// Those that have not been let through to anything yet, the oldest first.
    unproven: BTreeMap<u64, Unproven>,
    /// The number of the next one.
    next: u64,
}

/// A connection whose place may be given to another.
#[derive(Debug)]
struct Unproven {
    peer: IpAddr,
    gives_way: CancellationToken,
}

/// The place of a connection among those that are allowed. Its copies belong to the
/// same connection.
#[derive(Clone, Debug, Default)]
pub struct Place(Option<Claim>);

#[derive(Clone, Debug)]
struct Claim {
    counts: Arc<Mutex<Counts>>,
    number: u64,
}

impl Place {
    /// The connection has shown that it may call: it gives way to no other from now on,
    /// unless it was told to before. Calling it again changes nothing.
    pub fn keep(&self) {
        if let Some(claim) = &self.0 {
            lock(&claim.counts).unproven.remove(&claim.number);
        }
    }
}

/// Who is at the other end does not depend on how long it may stay.
impl PartialEq for Place {
    fn eq(&self, _: &Place) -> bool {
        true
    }
}

impl Eq for Place {}

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
    /// was not let through to anything yet gives way; of the same peer if it is the peer
    /// who has too many. What it does meanwhile does not matter, nor whether it does
    /// anything: whoever has credentials shows them soon, and is among the youngest.
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
        self.unproven.insert(number, Unproven { peer, gives_way });
        number
    }

    fn remove(&mut self, number: u64, peer: IpAddr) {
        self.unproven.remove(&number);
        self.all = self.all.saturating_sub(1);
        if let Some(of_peer) = self.peers.get_mut(&peer) {
            *of_peer = of_peer.saturating_sub(1);
            if *of_peer == 0 {
                self.peers.remove(&peer);
            }
        }
    }

    /// Ends the oldest that is unproven, of `peer` or of anybody; false if there is none.
    fn make_room(&mut self, peer: Option<IpAddr>) -> bool {
        let mut unproven = self.unproven.iter();
        let found = unproven.find(|(_, one)| peer.is_none_or(|peer| peer == one.peer));
        let Some((number, oldest)) = found else {
            return false;
        };
        let (number, peer) = (*number, oldest.peer);
        // It is counted no more, even before it has noticed.
        oldest.gives_way.cancel();
        self.remove(number, peer);
        true
    }
}

impl Slot {
    /// Done when the connection has to end to make room for another.
    pub(super) fn gives_way(&self) -> WaitForCancellationFutureOwned {
        self.gives_way.clone().cancelled_owned()
    }

    /// What keeps its place for good.
    pub(super) fn place(&self) -> Place {
        Place(Some(Claim {
            counts: Arc::clone(&self.counts),
            number: self.number,
        }))
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
        room.slot.place().keep();
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
    fn the_oldest_that_was_let_through_to_nothing_gives_way_first() {
        let slots = Slots::new(4, 3);
        let first = slots.take(peer(1)).unwrap().slot;
        let other = slots.take(peer(2)).unwrap().slot;
        let second = slots.take(peer(1)).unwrap().slot;
        let kept = busy(&slots, 1);

        // A peer with too many takes no place of another peer's.
        let one = slots.take(peer(1)).unwrap();
        assert!(one.was_made && first.gives_way.is_cancelled());
        assert!(!second.gives_way.is_cancelled());
        first.place().keep();
        one.slot.place().keep();
        let two = slots.take(peer(1)).unwrap();
        assert!(two.was_made && second.gives_way.is_cancelled());
        two.slot.place().keep();
        assert_eq!(slots.take(peer(1)).unwrap_err(), Full::Peer);
        assert!(!other.gives_way.is_cancelled());

        let three = slots.take(peer(3)).unwrap();
        assert!(three.was_made && other.gives_way.is_cancelled());
        three.slot.place().keep();
        assert_eq!(slots.take(peer(4)).unwrap_err(), Full::All);
        // Who gave way is not counted twice.
        drop((first, second, other));
        assert_eq!(lock(&slots.counts).all, 4);
        drop((kept, one, two, three));
        let counts = lock(&slots.counts);
        assert_eq!(
            (counts.all, counts.peers.len(), counts.unproven.len()),
            (0, 0, 0)
        );
    }
}
