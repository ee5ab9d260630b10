//! How many connections there are, in all and per peer.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

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
}

/// A counted connection, until it is dropped.
#[derive(Debug)]
pub(super) struct Slot {
    counts: Arc<Mutex<Counts>>,
    peer: IpAddr,
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

    /// Counts a connection of `peer`, if there is room for it.
    pub(super) fn take(&self, peer: IpAddr) -> Result<Slot, Full> {
        let mut counts = lock(&self.counts);
        if counts.all >= self.most {
            return Err(Full::All);
        }
        let peer = site(peer);
        let of_peer = counts.peers.entry(peer).or_insert(0);
        if *of_peer >= self.most_per_peer {
            return Err(Full::Peer);
        }
        *of_peer += 1;
        counts.all += 1;
        Ok(Slot {
            counts: Arc::clone(&self.counts),
            peer,
        })
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut counts = lock(&self.counts);
        counts.all = counts.all.saturating_sub(1);
        if let Some(of_peer) = counts.peers.get_mut(&self.peer) {
            *of_peer = of_peer.saturating_sub(1);
            if *of_peer == 0 {
                counts.peers.remove(&self.peer);
            }
        }
    }
}

fn lock(counts: &Mutex<Counts>) -> MutexGuard<'_, Counts> {
    counts.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_bounds_hold_and_slots_come_back() {
        let slots = Slots::new(3, 2);
        let peer = |n: u8| IpAddr::from([192, 0, 2, n]);
        let first = slots.take(peer(1)).unwrap();
        let second = slots.take(peer(1)).unwrap();
        assert_eq!(slots.take(peer(1)).unwrap_err(), Full::Peer);
        let third = slots.take(peer(2)).unwrap();
        assert_eq!(slots.take(peer(3)).unwrap_err(), Full::All);
        drop(first);
        let fourth = slots.take(peer(1)).unwrap();
        drop((second, third, fourth));
        let counts = lock(&slots.counts);
        assert_eq!((counts.all, counts.peers.len()), (0, 0));
    }
}
