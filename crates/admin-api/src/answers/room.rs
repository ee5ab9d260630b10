//! Room for answers: how many bytes of them there may be at a time.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// What one permit stands for, in bytes.
const UNIT: usize = 1024;

/// Room in bytes, in all and per peer.
#[derive(Debug)]
pub(super) struct Rooms {
    all: Arc<Semaphore>,
    units_per_peer: u32,
    peers: Mutex<BTreeMap<IpAddr, Weak<Semaphore>>>,
}

/// Some of it, until it is dropped.
#[derive(Debug)]
pub(super) struct Room {
    of_peer: OwnedSemaphorePermit,
    of_all: OwnedSemaphorePermit,
    /// The share of a peer, in units.
    most: u32,
}

fn fit(permit: &mut OwnedSemaphorePermit, needed: u32) -> bool {
    let held = u32::try_from(permit.num_permits()).unwrap_or(u32::MAX);
    let Some(more) = needed.checked_sub(held) else {
        let spare = held.saturating_sub(needed);
        drop(permit.split(usize::try_from(spare).unwrap_or(0)));
        return true;
    };
    match Arc::clone(permit.semaphore()).try_acquire_many_owned(more) {
        Ok(more) => {
            permit.merge(more);
            true
        }
        Err(_) => false,
    }
}

fn units(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(UNIT))
        .unwrap_or(u32::MAX)
        .max(1)
}

impl Rooms {
    /// Room for `bytes`, of which a peer may have `bytes_per_peer`.
    pub(super) fn new(bytes: usize, bytes_per_peer: usize) -> Rooms {
        let all = (bytes / UNIT).clamp(1, Semaphore::MAX_PERMITS);
        Rooms {
            all: Arc::new(Semaphore::new(all)),
            units_per_peer: units(bytes_per_peer.min(bytes)).min(units(all * UNIT)),
            peers: Mutex::default(),
        }
    }

    /// Room for `bytes`, or for as much as a peer may have. Waits in turn behind
    /// those of the same peer, then behind all; `None` if that takes too long.
    pub(super) async fn take(
        &self,
        peer: IpAddr,
        bytes: usize,
        patience: Duration,
    ) -> Option<Room> {
        let units = units(bytes).min(self.units_per_peer);
        let own = self.of(peer);
        let both = async {
            // Who waits for its own answers to be read must not keep others waiting.
            let of_peer = own.acquire_many_owned(units).await.ok()?;
            let of_all = Arc::clone(&self.all).acquire_many_owned(units).await.ok()?;
            Some(Room {
                of_peer,
                of_all,
                most: self.units_per_peer,
            })
        };
        timeout(patience, both).await.ok().flatten()
    }

    fn of(&self, peer: IpAddr) -> Arc<Semaphore> {
        let mut peers = self.peers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = peers.get(&peer).and_then(Weak::upgrade) {
            return own;
        }
        peers.retain(|_, own| own.strong_count() > 0);
        let own = Arc::new(Semaphore::new(
            usize::try_from(self.units_per_peer).unwrap_or(1),
        ));
        peers.insert(peer, Arc::downgrade(&own));
        own
    }

    /// The bytes that are left for everybody.
    #[cfg(test)]
    pub(super) fn left(&self) -> usize {
        self.all.available_permits() * UNIT
    }
}

impl Room {
    /// Gives back what is not needed for `bytes`, or takes what is, at most the whole
    /// share of a peer; false if that is not there now.
    pub(super) fn fit(&mut self, bytes: usize) -> bool {
        let needed = units(bytes).min(self.most);
        [&mut self.of_peer, &mut self.of_all]
            .into_iter()
            .all(|permit| fit(permit, needed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_millis(10);

    fn peer(n: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, n])
    }

    #[tokio::test(start_paused = true)]
    async fn one_peer_cannot_take_all_room_and_gets_it_back() {
        let rooms = Rooms::new(10 * UNIT, 4 * UNIT);
        let first = rooms.take(peer(1), 3 * UNIT, SOON).await.unwrap();
        assert!(rooms.take(peer(1), 2 * UNIT, SOON).await.is_none());
        let second = rooms.take(peer(2), 4 * UNIT, SOON).await.unwrap();
        // Three are left of ten.
        assert!(rooms.take(peer(3), 4 * UNIT, SOON).await.is_none());
        assert!(rooms.take(peer(3), 3 * UNIT, SOON).await.is_some());
        drop((first, second));
        assert_eq!(rooms.left(), 10 * UNIT);
        assert!(rooms.take(peer(1), 4 * UNIT, SOON).await.is_some());
        assert_eq!(
            rooms.peers.lock().unwrap().len(),
            1,
            "those without any are forgotten"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_larger_than_a_share_takes_the_whole_share() {
        let rooms = Rooms::new(10 * UNIT, 4 * UNIT);
        let mut room = rooms.take(peer(1), 1 << 30, SOON).await.unwrap();
        assert_eq!(rooms.left(), 6 * UNIT);
        assert!(room.fit(1 << 20));
        assert_eq!(rooms.left(), 6 * UNIT);
        assert!(room.fit(UNIT + 1));
        assert_eq!(rooms.left(), 8 * UNIT);
        assert!(room.fit(0));
        assert_eq!(rooms.left(), 9 * UNIT);
        // More than was thought is only there if it is.
        let other = rooms.take(peer(1), 2 * UNIT, SOON).await;
        assert!(!room.fit(3 * UNIT));
        drop(other);
        assert!(room.fit(3 * UNIT));
        assert_eq!(rooms.left(), 7 * UNIT);
    }
}
