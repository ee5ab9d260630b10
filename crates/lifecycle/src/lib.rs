//! The pure core of the coordinator.
//!
//! One indexer has one [`Record`] (what cannot be re-derived) and, at any moment,
//! one [`Observed`] (everything known about the world). [`plan`] turns what is
//! observed into exactly one [`Step`]; after an action, [`absorb`] turns its
//! [`Outcome`] into the next record. Both are total functions: no clock, no
//! randomness, no I/O, no errors. A crash between two steps equals a restart.
//!
//! What holds for every input is listed in [`INVARIANTS`], and tested over the
//! whole abstract state space (`tests/lifecycle/exhaustive.rs`). Above all: nothing unknown
//! (a failed read, an unknown enum value, an absent registry entry) leads to a
//! destructive action.

mod absorb;
mod backoff;
mod desired;
mod id;
mod invariants;
mod observed;
mod plan;
mod policy;
mod record;
mod step;
mod time;

pub use absorb::absorb;
pub use backoff::{Backoff, jitter};
pub use desired::{ActionStatus, ContentHash, Desired, Rule, Spec, StartBlock};
pub use id::{IndexerId, InvalidId};
pub use invariants::{INVARIANTS, Invariant, allows};
pub use observed::{
    Executor, ExecutorState, Gate, Observed, Progress, Seen, Services, Stream, StreamHealth,
    TaskSeen,
};
pub use plan::{plan, wants_progress};
pub use policy::Policy;
pub use record::{Cause, Hold, Phase, Record, Repair, Run, TRANSITIONS, Target, Task, may_follow};
pub use step::{Action, Outcome, Reason, Service, Step, Wait};
pub use time::Timestamp;
