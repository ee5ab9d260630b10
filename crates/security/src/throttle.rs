//! Slows down peers whose attempts to get in fail.
//!
//! A peer that failed often is not shut out, for a whole office may share its
//! address: each further failure is told later, and only a few may wait for that.
//! So logs cannot be filled, and whoever guesses learns little at a time. Those who
//! have the right token are never slowed.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Failures that are free, after a long time without any.
const BURST: u32 = 10;
/// How long it takes until one failure is forgotten.
const FORGET: Duration = Duration::from_secs(6);
/// How long an attempt of a slowed peer waits.
const DELAY: Duration = Duration::from_secs(1);
/// The most attempts of one peer that wait.
const WAITING_MAX: u32 = 8;
/// The most peers that are remembered.
const PEERS_MAX: usize = 4096;
/// How often failures of one peer are logged.
const LOG_PERIOD: Duration = Duration::from_secs(60);

#[derive(Debug)]
struct Peer {
    /// When the last failure is forgotten.
    clean_at: Instant,
    waiting: u32,
    quiet_until: Instant,
    unlogged: u64,
}

type Peers = BTreeMap<IpAddr, Peer>;

/// What is remembered of peers that failed.
#[derive(Debug, Default)]
pub(crate) struct Throttle {
    peers: Arc<Mutex<Peers>>,
}

/// Whether an attempt may be looked at.
#[derive(Debug)]
pub(crate) enum Turn {
    /// At once.
    Now,
    /// After [`Wait::wait`].
    Later(Wait),
    /// Not at all: too many wait already.
    Never,
}

/// A place among those that wait, given up when dropped.
#[derive(Debug)]
pub(crate) struct Wait {
    peers: Arc<Mutex<Peers>>,
    address: IpAddr,
}

impl Wait {
    /// Waits for the peer's turn.
    pub(crate) async fn wait(&self) {
        tokio::time::sleep(DELAY).await;
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        if let Some(peer) = lock(&self.peers).get_mut(&self.address) {
            peer.waiting = peer.waiting.saturating_sub(1);
        }
    }
}

impl Throttle {
    /// What becomes of an attempt from `address`.
    pub(crate) fn turn(&self, address: IpAddr) -> Turn {
        let address = site(address);
        let mut peers = lock(&self.peers);
        let Some(peer) = peers.get_mut(&address) else {
            return Turn::Now;
        };
        if peer.clean_at.saturating_duration_since(Instant::now()) < FORGET * BURST {
            return Turn::Now;
        }
        if peer.waiting >= WAITING_MAX {
            return Turn::Never;
        }
        peer.waiting += 1;
        Turn::Later(Wait {
            peers: Arc::clone(&self.peers),
            address,
        })
    }

    /// Remembers a failed attempt from `address`. If it should be logged, how many
    /// were not since the last one.
    pub(crate) fn failed(&self, address: IpAddr) -> Option<u64> {
        let address = site(address);
        let now = Instant::now();
        let mut peers = lock(&self.peers);
        if !peers.contains_key(&address) {
            make_room(&mut peers, now);
        }
        let peer = peers.entry(address).or_insert(Peer {
            clean_at: now,
            waiting: 0,
            quiet_until: now,
            unlogged: 0,
        });
        // Never further ahead than one step beyond the burst: a peer recovers.
        let most = now + FORGET * (BURST + 1);
        peer.clean_at = (peer.clean_at.max(now) + FORGET).min(most);
        if now < peer.quiet_until {
            peer.unlogged = peer.unlogged.saturating_add(1);
            return None;
        }
        peer.quiet_until = now + LOG_PERIOD;
        Some(std::mem::take(&mut peer.unlogged))
    }
}

/// Forgets what is stale and, if that is not enough, who has failed least.
fn make_room(peers: &mut Peers, now: Instant) {
    if peers.len() < PEERS_MAX {
        return;
    }
    peers.retain(|_, peer| peer.clean_at > now || peer.waiting > 0);
    if peers.len() >= PEERS_MAX {
        let least = peers.iter().min_by_key(|(_, peer)| peer.clean_at);
        if let Some(address) = least.map(|(address, _)| *address) {
            peers.remove(&address);
        }
    }
}

/// Those who are treated as one: a machine usually has a whole /64 of IPv6.
pub(crate) fn site(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into()
        }
        v4 => v4,
    }
}

fn lock(peers: &Mutex<Peers>) -> MutexGuard<'_, Peers> {
    peers.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

    fn is_now(throttle: &Throttle, address: IpAddr) -> bool {
        matches!(throttle.turn(address), Turn::Now)
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_is_slowed_after_its_burst_and_recovers() {
        let throttle = Throttle::default();
        for _ in 0..BURST {
            assert!(is_now(&throttle, PEER));
            throttle.failed(PEER);
        }
        assert!(!is_now(&throttle, PEER));
        assert!(is_now(&throttle, "192.0.2.2".parse().unwrap()));
        for _ in 0..1000 {
            throttle.failed(PEER);
        }
        tokio::time::advance(FORGET * 2).await;
        assert!(is_now(&throttle, PEER));
    }

    #[tokio::test(start_paused = true)]
    async fn only_a_few_wait_and_a_place_is_given_back() {
        let throttle = Throttle::default();
        for _ in 0..=BURST {
            throttle.failed(PEER);
        }
        let mut waiting = Vec::new();
        for _ in 0..WAITING_MAX {
            match throttle.turn(PEER) {
                Turn::Later(wait) => waiting.push(wait),
                turn => panic!("{turn:?}"),
            }
        }
        assert!(matches!(throttle.turn(PEER), Turn::Never));
        let start = Instant::now();
        let wait = waiting.pop().unwrap();
        wait.wait().await;
        assert!(start.elapsed() >= DELAY);
        drop(wait);
        assert!(matches!(throttle.turn(PEER), Turn::Later(_)));
    }

    #[tokio::test(start_paused = true)]
    async fn failures_are_logged_once_a_minute_with_their_number() {
        let throttle = Throttle::default();
        assert_eq!(throttle.failed(PEER), Some(0));
        assert_eq!(throttle.failed(PEER), None);
        assert_eq!(throttle.failed(PEER), None);
        tokio::time::advance(LOG_PERIOD).await;
        assert_eq!(throttle.failed(PEER), Some(2));
    }

    #[tokio::test(start_paused = true)]
    async fn memory_is_bounded_and_keeps_the_worst() {
        let throttle = Throttle::default();
        for _ in 0..=BURST {
            throttle.failed(PEER);
        }
        for n in 0..10_000_u32 {
            throttle.failed(IpAddr::V4((0x0a00_0000 + n).into()));
        }
        assert!(lock(&throttle.peers).len() <= PEERS_MAX);
        assert!(!is_now(&throttle, PEER));
        tokio::time::advance(FORGET * 20).await;
        throttle.failed("192.0.2.9".parse().unwrap());
        assert_eq!(lock(&throttle.peers).len(), 1);
    }

    #[test]
    fn one_site_has_many_addresses() {
        let of = |address: &str| site(address.parse().unwrap());
        assert_eq!(of("2001:db8:1:2:3:4:5:6"), of("2001:db8:1:2::1"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(of("::ffff:192.0.2.1"), PEER);
    }
}
