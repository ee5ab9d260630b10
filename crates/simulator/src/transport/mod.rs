//! The simulated network: the coordinator's transports, with every outcome a
//! call can have.

mod block_streamer;
mod call;
mod registry;
mod runner;
mod stale;
mod store;

use std::sync::{Arc, Mutex};

use coordinator::{Clock, Ports, SteadyClock};
use lifecycle::Timestamp;

pub use stale::OldAnswers;

use crate::history::{Incarnation, NodeName};
use crate::leaks;
use crate::scenario::Listing;
use crate::world::{Distortion, SharedWorld};

/// The world as one life of the coordinator reaches it.
#[derive(Clone)]
pub struct SimTransport {
    world: SharedWorld,
    by: Incarnation,
    /// The keys of the last read of many: most reads are for the same ones.
    asked_keys: Arc<Mutex<Arc<[String]>>>,
}

impl SimTransport {
    /// What becomes of the next listing.
    fn distortion(&self, list: Listing) -> Option<Distortion> {
        let mut guard = self.world.enter();
        let world = &mut *guard;
        let (now, rng) = (world.now, &mut world.rng_faults);
        world.armed.lists.next(now, list, rng)
    }
}

struct WorldClock(SharedWorld);

impl Clock for WorldClock {
    fn now(&self) -> Timestamp {
        let world = self.0.enter();
        let shown = world.clocks.read(NodeName::Coordinator, world.now);
        Timestamp(shown.as_millis())
    }
}

/// The ports of the `by`-th life of the coordinator.
pub fn ports(world: &SharedWorld, by: Incarnation) -> Ports {
    let transport = Arc::new(SimTransport {
        world: world.clone(),
        by,
        asked_keys: Arc::default(),
    });
    let ports = Ports {
        block_streamer: transport.clone(),
        executors: transport.clone(),
        provisioner: transport.clone(),
        registry: transport.clone(),
        store: transport,
        clock: Arc::new(SteadyClock::new(Arc::new(WorldClock(world.clone())))),
    };
    let leak = world.peek().leak.clone();
    leaks::before(ports, leak)
}
