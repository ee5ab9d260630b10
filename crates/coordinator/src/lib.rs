//! The coordinator: keeps block streams, executors and data layers in line with
//! what the registry wants, one control loop per indexer.
//!
//! Everything it reaches the world through is a port ([`Ports`]); the same code
//! runs against real services and in the deterministic simulator.

pub mod admin;
pub mod registry;
pub mod store;
pub mod transport;

mod budget;
mod desired;
mod gate;
mod health;
mod knobs;
mod planner;
mod polls;
mod ports;
mod recall;
mod reconciler;
mod sentence;
mod services;
pub mod shadow;
mod shared;
mod status;
mod status_log;
mod steady;
mod supervisor;
mod tables;
#[cfg(test)]
mod testing;
mod watch;

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

pub use desired::HEIGHT_MAX;
pub use knobs::Knobs;
pub use planner::{Lifecycle, Planner};
pub use ports::{Clock, Ports};
pub use shared::Shared;
pub use status::LoopStatus;
pub use steady::SteadyClock;

use crate::admin::AdminService;
use crate::supervisor::Supervisor;

/// One coordinator. It holds no state that is not also persisted or observable,
/// so it can be dropped at any point and started again.
pub struct Coordinator {
    shared: Arc<Shared>,
    admin: Arc<AdminService>,
}

impl Coordinator {
    /// A coordinator that reaches the world through `ports`. Nothing happens
    /// before [`Coordinator::run`].
    pub fn new(knobs: Knobs, ports: Ports) -> Coordinator {
        Coordinator::with_planner(knobs, ports, Arc::new(Lifecycle))
    }

    /// A coordinator that observes and plans beside an active one, changes nothing
    /// (whatever would is refused by its ports), and reports where the two disagree.
    pub fn shadow(knobs: Knobs, ports: Ports) -> Coordinator {
        Coordinator::shadow_with_planner(knobs, ports, Arc::new(Lifecycle))
    }

    /// As [`Coordinator::new`], with other decisions than the product's.
    pub fn with_planner(knobs: Knobs, ports: Ports, planner: Arc<dyn Planner>) -> Coordinator {
        Coordinator::with(Shared::new(knobs, ports, false).planned_by(planner))
    }

    /// As [`Coordinator::shadow`], with other decisions than the product's.
    pub fn shadow_with_planner(
        knobs: Knobs,
        ports: Ports,
        planner: Arc<dyn Planner>,
    ) -> Coordinator {
        Coordinator::with(Shared::new(knobs, ports, true).planned_by(planner))
    }

    fn with(shared: Shared) -> Coordinator {
        let shared = Arc::new(shared);
        let admin = Arc::new(AdminService::new(Arc::clone(&shared)));
        Coordinator { shared, admin }
    }

    /// The operators' commands. They work whether or not the loops run.
    pub fn admin(&self) -> Arc<AdminService> {
        Arc::clone(&self.admin)
    }

    /// What every loop is doing.
    pub fn statuses(&self) -> Vec<LoopStatus> {
        self.shared.statuses()
    }

    /// Reconciles until `shutdown` is cancelled, then finishes the steps begun.
    pub async fn run(&self, shutdown: CancellationToken) {
        Supervisor::new(Arc::clone(&self.shared), shutdown)
            .run()
            .await;
    }
}

/// Runs a coordinator until `shutdown` is cancelled.
pub async fn run(knobs: Knobs, ports: Ports, shutdown: CancellationToken) {
    Coordinator::new(knobs, ports).run(shutdown).await;
}
