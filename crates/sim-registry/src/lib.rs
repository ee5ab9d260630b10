//! The registry contract as a state machine.
//!
//! It keeps what the contract keeps (one record per account and function, marked
//! when deleted, never dropped) together with enough history to answer a view as
//! of an older block, which is what a lagging RPC replica does. It has no clock:
//! the caller passes block heights in.

mod config;
mod faults;
mod history;
mod json_map;
mod load;
mod model;
mod record;
mod replicas;
mod rule;
#[cfg(feature = "server")]
pub mod server;
mod view;

pub use config::{Config, Quirks};
pub use load::{Entry, LoadError, MAX_ENTRIES, MAX_FILE_BYTES, Place, load_file, parse};
pub use model::{ContractError, RegistryModel};
pub use record::{ForkedFrom, Record, Registration, StartBlock};
pub use replicas::Replicas;
pub use rule::{ActionStatus, RegistryRule};
pub use view::{LIST_METHOD, READ_METHOD, ReadPoint, View, ViewError};
