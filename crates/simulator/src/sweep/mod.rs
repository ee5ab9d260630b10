//! The sweep: one fault, or two, at every place of a run where something can go
//! wrong.
//!
//! A run without faults is recorded: it names its [`Site`]s, in order. A site is
//! a call of the coordinator (the how-manieth of its method about its indexer, so
//! that an earlier fault shifts as few of them as possible) or a wait of a loop
//! that runs out. A [`Plan`] puts a fault of some [`Kind`] at one site, or at
//! several; the same run follows with it, is judged as any other, and must leave
//! behind what the recorded one did.
//!
//! | at | what is tried |
//! |---|---|
//! | a call that changes something | every kind but `stale` |
//! | a read of a service or of the registry | `error-before`, `hang`, `stale` |
//! | a read of the store | `error-before`, `hang` |
//! | a wait that runs out | crashes, hidden changes, `zombie` |
//!
//! What is left out, and why, is a [`LeftOut`]; it is counted and printed.

mod kind;
mod plan;
mod record;
mod site;

pub use kind::{Kind, LeftOut};
pub use plan::{Plan, Point};
pub use record::{Recorded, Recorder, Swept};
pub use site::{Place, Site};
