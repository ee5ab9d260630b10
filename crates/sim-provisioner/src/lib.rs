//! The fake data layer service (provisioner).
//!
//! It comes in two parts that die differently: [`DataLayer`] is what the database
//! holds, which survives everything but a drop; [`ProvisionerCore`] is the
//! process with its tasks, all of which are forgotten when it dies. A task walks
//! through stages, each of which leaves something in the database, so that dying
//! or failing between two of them leaves half a data layer behind.

mod config;
mod core;
mod faults;
mod hooks;
mod layer;
mod names;
#[cfg(feature = "server")]
pub mod server;
mod stage;
mod task;

pub use config::{Config, Quirks};
pub use core::{MAX_TASKS, ProvisionerCore};
pub use faults::MAX_PLANTED;
pub use hooks::TaskView;
pub use layer::{Completeness, DataLayer};
pub use stage::Stage;
