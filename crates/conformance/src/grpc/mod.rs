//! How calls of the services behave: the same cases, with the same expected
//! endings, for the transports over real sockets and for the simulated network.
//!
//! What a caller can know of a call is its [`Ending`]; everything the coordinator
//! concludes follows from that. What really happened is what the services have
//! [`Applied`]. A [`Case`] is data: steps, and what each must lead to. A
//! [`World`] plays it.
//!
//! The simulated network carries messages and statuses: it has their limits on
//! sizes, and what a service answers by hand is decoded as elsewhere. It has no HTTP.
//! Cases of what exists only there, metadata for instance, say so in
//! [`Case::only_on_a_wire`], and why.

mod ask;
mod case;
mod cases;
mod play;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use coordinator::transport::{BlockStreamerTransport, ExecutorTransport, ProvisionerTransport};
use tonic::Code;

pub use ask::{ACCOUNTS, Ask, Said, crowd_account, long_function};
pub use case::{Applied, Case, Ending, Ends, Kind, Step};
pub use cases::all;
pub use play::play;

/// A process that serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Node {
    /// Serves the streams.
    Streamer,
    /// Serves executors and provisioning.
    Runner,
}

/// Something that is done to the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// The process dies at once; it forgets what it had, and nobody listens.
    Kill(Node),
    /// A process that was killed starts again.
    Restart(Node),
    /// The process stands still: it takes requests and works on none.
    Freeze(Node),
    /// It works again, also on what has come meanwhile.
    Thaw(Node),
    /// Nothing crosses the link to the process, in either direction; nobody is
    /// told.
    Cut(Node),
    /// The link is whole again.
    Mend(Node),
    /// The process gets so many streams or executors, named by
    /// [`crowd_account`].
    Populate(Node, usize),
    /// The same, with functions of the name [`long_function`].
    PopulateLong(Node, usize),
}

/// What befalls the next call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nobody listens while it is made.
    Refused,
    /// The service answers INTERNAL and does nothing.
    ErrorBefore,
    /// The service does it and answers INTERNAL.
    ErrorAfter,
    /// The service does it; the connection breaks before the answer.
    AnswerLost,
    /// The service does it; the answer comes long after any deadline.
    SlowAnswer,
    /// The request takes long to come.
    SlowRequest,
    /// The request comes long after any deadline, whoever kept it so long.
    Late,
    /// The request arrives twice.
    Duplicate,
    /// Nothing becomes of the request; other calls are not concerned.
    Stuck,
    /// The request arrives, nothing comes back.
    HalfOpen,
    /// Nothing arrives, nothing comes back.
    BlackHole,
    /// The service answers this and does nothing.
    ByHand(ByHand),
    /// The answer is made by hand. Only on a wire.
    Wire(Wire),
}

/// Answers that no service of this release gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ByHand {
    /// A gRPC status.
    Status(Code),
    /// An enum value that this version does not know: [`UNKNOWN_VALUE`].
    UnknownEnum,
    /// The message [`UNKNOWN_FIELD`].
    UnknownField,
    /// The bytes [`NO_MESSAGE`].
    Malformed,
    /// The service does not know the method.
    UnknownMethod,
}

/// A value that no version of the contract has for any enum.
pub const UNKNOWN_VALUE: i32 = 99;

/// A stream of version 7, then a field that was retired and one that never was.
pub const UNKNOWN_FIELD: &[u8] = &[0x28, 7, 0x12, 1, b'x', 0x78, 1];

/// Bytes that are no message.
pub const NO_MESSAGE: &[u8] = &[0xff, 0xff, 0xff];

/// Answers that only a wire can carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
    /// A status whose message is no ASCII text.
    NonAsciiStatus,
    /// A status whose message has this many bytes.
    LongStatus(usize),
    /// Success without a message.
    NoMessage,
    /// The body ends without a gRPC status.
    NoStatus,
    /// An HTTP status other than 200, as proxies answer.
    Http(u16),
    /// A web page, with HTTP status 200.
    WebPage,
    /// Answers in HTTP/1.1.
    Http1,
    /// Answers with bytes of no protocol.
    Garbage,
}

/// The coordinator's transports.
#[derive(Clone)]
pub struct Transports {
    /// To the node [`Node::Streamer`].
    pub block_streamer: Arc<dyn BlockStreamerTransport>,
    /// To the node [`Node::Runner`].
    pub executors: Arc<dyn ExecutorTransport>,
    /// To the node [`Node::Runner`].
    pub provisioner: Arc<dyn ProvisionerTransport>,
}

/// Two services that obey, and the transports to them. A fresh one is empty and
/// healthy, and nothing has been called.
///
/// Methods may panic when the harness itself fails.
#[async_trait]
pub trait World: Send + Sync {
    /// The transports under test.
    fn transports(&self) -> Transports;

    /// A deadline for calls that are not to be answered: long enough for
    /// whatever becomes of the request to have become of it.
    fn deadline(&self) -> Duration;

    /// A deadline for calls that are to be answered: it never passes.
    fn patience(&self) -> Duration;

    /// Lets `fault` befall the next call.
    async fn befall(&self, fault: Fault);

    /// Ends what [`World::befall`] began.
    async fn relent(&self);

    /// Does `act`.
    async fn act(&self, act: Act);

    /// How many requests the services have taken so far, or the network holds for
    /// them.
    fn requests(&self) -> usize;

    /// Waits until there are more than `before`.
    async fn more_requests(&self, before: usize);

    /// Every start and stop that the services carried out or refused, in their
    /// order, once there are `at_least` so many and none is on its way.
    async fn applied(&self, at_least: usize) -> Vec<Applied>;

    /// The metadata of the last request, by name, as its service saw it. Empty
    /// where there is no wire.
    async fn metadata(&self) -> Vec<(String, String)>;
}
