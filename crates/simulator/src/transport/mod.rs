//! The simulated network: the coordinator's transports, with every outcome a
//! call can have.

mod block_streamer;
mod call;
mod messages;
mod registry;
mod runner;
mod stale;
mod store;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use coordinator::{Clock, Ports, SteadyClock};
use lifecycle::Timestamp;
use sim_node::IndexerKey;

pub use messages::HandMade;
pub use stale::OldAnswers;

use crate::history::{Incarnation, NodeName};
use crate::leaks;
use crate::original::Beyond;
use crate::scenario::Listing;
use crate::world::{Distortion, SharedWorld};

/// The world as one life of the coordinator reaches it.
#[derive(Clone)]
pub struct SimTransport {
    world: SharedWorld,
    by: Incarnation,
    /// The keys of the last read of many: most reads are for the same ones.
    asked_keys: Arc<Mutex<Arc<[String]>>>,
    /// Whether what a cut link swallows is sent again until it is whole, as TCP does.
    /// It makes no difference to whoever gives up after seconds.
    retransmits: bool,
    /// The last remark about each indexer.
    said: Arc<Mutex<BTreeMap<Option<IndexerKey>, String>>>,
}

impl SimTransport {
    fn new(world: &SharedWorld, by: Incarnation, retransmits: bool) -> Arc<SimTransport> {
        Arc::new(SimTransport {
            world: world.clone(),
            by,
            asked_keys: Arc::default(),
            retransmits,
            said: Arc::default(),
        })
    }

    fn ports(self: Arc<SimTransport>) -> Ports {
        let clock = Arc::new(WorldClock(self.world.clone()));
        Ports {
            block_streamer: self.clone(),
            executors: self.clone(),
            provisioner: self.clone(),
            registry: self.clone(),
            store: self,
            clock,
        }
    }
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
    let mut ports = SimTransport::new(world, by, false).ports();
    ports.clock = Arc::new(SteadyClock::new(ports.clock));
    let leak = world.peek().leak.clone();
    leaks::before(ports, leak)
}

/// What the `by`-th life of a coordinator with the original's logic needs.
pub fn originals(world: &SharedWorld, by: Incarnation) -> (Ports, Arc<dyn Beyond>) {
    let transport = SimTransport::new(world, by, true);
    (transport.clone().ports(), transport)
}
