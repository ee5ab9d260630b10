//! Every constant of the coordinator in one value.

use std::time::Duration;

use lifecycle::Policy;

/// Timings and limits. The defaults are for production; the simulator also runs
/// with extreme ones.
#[derive(Clone, Debug, PartialEq)]
pub struct Knobs {
    /// Period of each shared poll.
    pub tick: Duration,
    /// Deadline of a call that changes something.
    pub call_deadline: Duration,
    /// Deadline of a point read.
    pub read_deadline: Duration,
    /// Deadline of a listing.
    pub list_deadline: Duration,
    /// Deadline of a store command.
    pub store_deadline: Duration,
    /// Period at which the store is asked which records there are.
    pub rescan: Duration,
    /// Pause after the store failed a reconciler, before it tries again.
    pub store_pause: Duration,
    /// Starts of streams and executors per second, all indexers together.
    pub starts_per_second: u32,
    /// Provisioning tasks in flight, all accounts together. Those that are pending
    /// for longer than [`Policy::provisioning_timeout`] do not count, but with them
    /// there are never more than four times as many.
    pub provisioning_parallel: usize,
    /// A stream whose health was not updated for this long is frozen. Measured
    /// on our own clock from change to change, so that clocks may disagree.
    pub heartbeat_limit: Duration,
    /// A listing that lacks more than this share of the last one is held to be
    /// suspicious.
    pub listing_drop_share: f64,
    /// ... if it lacks at least this many.
    pub listing_drop_least: usize,
    /// How long absences from a suspicious listing are not followed up.
    pub listing_hold: Duration,
    /// Longest pause between two questions about an indexer that the registry
    /// neither lists nor has a tombstone for.
    pub confirm_pause_max: Duration,
    /// Point reads of the registry at a time.
    pub confirm_parallel: usize,
    /// First pause before a panicked loop is started again; doubled up to a minute.
    pub panic_pause: Duration,
    /// Loops at the most; what is registered beyond is reported and left alone.
    pub loops_max: usize,
    /// How long running loops may take to finish their step at shutdown.
    pub shutdown_grace: Duration,
    /// The constants of the lifecycle.
    pub policy: Policy,
}

impl Default for Knobs {
    fn default() -> Knobs {
        Knobs {
            tick: Duration::from_secs(1),
            call_deadline: Duration::from_secs(5),
            read_deadline: Duration::from_secs(2),
            list_deadline: Duration::from_secs(10),
            store_deadline: Duration::from_secs(2),
            rescan: Duration::from_secs(30),
            store_pause: Duration::from_secs(1),
            starts_per_second: 50,
            provisioning_parallel: 16,
            heartbeat_limit: Duration::from_secs(180),
            listing_drop_share: 0.3,
            listing_drop_least: 5,
            listing_hold: Duration::from_secs(10),
            confirm_pause_max: Duration::from_secs(60),
            confirm_parallel: 16,
            panic_pause: Duration::from_secs(1),
            loops_max: 200_000,
            shutdown_grace: Duration::from_secs(20),
            policy: Policy::default(),
        }
    }
}
