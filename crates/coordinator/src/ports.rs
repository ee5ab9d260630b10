//! Everything the coordinator reaches the world through.

use std::sync::Arc;

use lifecycle::Timestamp;

use crate::registry::RegistryTransport;
use crate::store::StoreTransport;
use crate::transport::{BlockStreamerTransport, ExecutorTransport, ProvisionerTransport};

/// The wall clock. Give the coordinator a [`SteadyClock`](crate::SteadyClock) over
/// the machine's: deadlines are kept by it, and a jump would move them all.
pub trait Clock: Send + Sync {
    /// The current time.
    fn now(&self) -> Timestamp;
}

/// The outside world of one coordinator.
#[derive(Clone)]
pub struct Ports {
    /// The block streamer service.
    pub block_streamer: Arc<dyn BlockStreamerTransport>,
    /// The executor service.
    pub executors: Arc<dyn ExecutorTransport>,
    /// The provisioner service.
    pub provisioner: Arc<dyn ProvisionerTransport>,
    /// The registry contract.
    pub registry: Arc<dyn RegistryTransport>,
    /// The store.
    pub store: Arc<dyn StoreTransport>,
    /// The wall clock.
    pub clock: Arc<dyn Clock>,
}
