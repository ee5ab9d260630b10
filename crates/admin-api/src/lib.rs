//! The operators' API over gRPC: the original's service, and what it lacked.
//!
//! One port serves
//!
//! - `indexer.IndexerManager`, as the original did, for its scripts;
//! - `coordinator.v1.Operations`, what operators need beyond it;
//! - `grpc.health.v1.Health`, for probes, open to everybody; its watches are bounded in
//!   number and in time, and a connection with nothing else gives way to new ones;
//! - reflection (v1 and v1alpha), so that `grpcurl` needs no files.
//!
//! # Who may do what
//! Callers are told apart by crate [`security`]. Reading takes the role `read`,
//! changing takes `operate`. Each call that would change something leaves one
//! line in the log under the target `audit`: what was asked, by whom, and what
//! became of it, also if it was refused or never got as far as being looked at.
//! The one exception are attempts beyond what a peer may fail at: they are not
//! looked at, and only counted.
//!
//! Tokens and roles are looked at with every call, and again each second of a watch;
//! a command that was begun goes on with the rights it began with.
//!
//! # Promises
//! A command that is acknowledged is durable. One that was begun is finished
//! even if its caller goes away or runs out of time. Requests, pages, watchers
//! and everything that is sent in an error are bounded; only the original's
//! `List` answers all at once, which at some 60,000 indexers exceeds the 4 MiB
//! that most clients accept: `ListIndexers` has pages. Answers that wait to be read
//! are bounded in bytes, in all and per peer; a client that reads nothing of one for
//! half a minute loses its connection.

mod answers;
mod audit;
mod calls;
mod convert;
mod gate;
mod health;
mod manager;
mod methods;
mod observe;
mod operations;
mod page_token;
mod server;
mod status;
mod text;
mod watch;

pub use health::Health;
pub use methods::observed;
pub use observe::Observer;
pub use server::{About, AdminApi, ApiLimits, ApiOptions, ServeError};
