//! The shape of a fake node.

use std::time::Duration;

use crate::chain::Chain;
use crate::{Event, Ledger, Redis, Time};

/// What a node can touch while it works; borrowed for one step.
pub struct Env<'a> {
    /// The current time. Never goes back.
    pub now: Time,
    /// The data plane's Redis, as reachable from this node right now.
    pub redis: &'a mut dyn Redis,
    /// The chain whose blocks are streamed.
    pub chain: &'a mut Chain,
    /// Where the node reports what really happened.
    pub ledger: &'a mut dyn Ledger,
}

impl Env<'_> {
    /// Reports `event` as having happened now.
    pub fn record(&mut self, event: Event) {
        self.ledger.record(self.now, event);
    }
}

/// The answer to a call: known at once, but delivered after the node's own
/// processing time. If the node dies before, the caller sees a broken connection.
#[derive(Debug)]
pub struct Reply<T> {
    /// Processing time between the effect and the answer.
    pub after: Duration,
    /// The message or the gRPC status the caller gets.
    pub result: Result<T, tonic::Status>,
}

impl<T> Reply<T> {
    /// An immediate answer.
    pub fn now(result: Result<T, tonic::Status>) -> Reply<T> {
        Reply {
            after: Duration::ZERO,
            result,
        }
    }
}

/// A fake node as seen by whatever drives it.
///
/// The driver calls [`Node::advance`] no later than [`Node::next_event`], and
/// also right before every request it delivers, so that effects happen in order.
pub trait Node {
    /// Performs everything that is due at or before `env.now`.
    fn advance(&mut self, env: &mut Env<'_>);

    /// When the node next has something to do by itself; `None` if never.
    fn next_event(&self) -> Option<Time>;
}
