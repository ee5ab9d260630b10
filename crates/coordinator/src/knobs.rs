//! Every constant of the coordinator in one value.

use std::time::Duration;

use lifecycle::{Backoff, Policy};

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
    /// there are never more than [`Knobs::provisioning_in_flight`] times as many.
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
    /// First pause between two questions about such an indexer.
    pub confirm_pause_first: Duration,
    /// A registry that fails is polled less and less often, down to once in so many
    /// ticks.
    pub registry_pause_ticks: u32,
    /// How long an operator's switch waits for the registry, before it goes by what is
    /// known.
    pub registry_patience: Duration,
    /// Pauses after a store that fails again and again grow up to this multiple of
    /// [`Knobs::store_pause`].
    pub store_pause_growth: u32,
    /// The most keys of one read of the store.
    pub read_keys_max: usize,
    /// Tries to raise the stored registry height against others that raise it too.
    pub height_tries_max: u32,
    /// Tries to write an operator's command while others change the record.
    pub command_tries_max: u32,
    /// So many commits in a row may be overtaken before a loop takes a breath.
    pub conflicts_max: u32,
    /// The longest sleep without looking at the clock again, which may jump; and the
    /// pause after a record that cannot be read.
    pub sleep_max: Duration,
    /// For so long beyond all deadlines a look may last before it counts as one from
    /// before a freeze of the process.
    pub freeze: Duration,
    /// So far clocks may disagree before times of a record in the future are brought
    /// back.
    pub clock_tolerance: Duration,
    /// For this long a look that shows an older version than the one whose start was
    /// acknowledged is not believed. No longer: what was started may have been lost,
    /// and an older start may still have arrived after it.
    pub disbelief: Duration,
    /// The pauses before an action is repeated that was acknowledged without effect.
    pub repeat: Backoff,
    /// After this such an action counts as the first of its kind.
    pub repeat_memory: Duration,
    /// What has been as wanted for so long is no passing success: a start that fails
    /// after its acknowledgement may look well for a few seconds.
    pub repeat_lasting: Duration,
    /// How long an unused slot of the start budget is kept for its owner; at least
    /// [`Knobs::look_max`], as the owner looks before it starts something.
    pub start_slot_kept: Duration,
    /// So many times [`Knobs::provisioning_parallel`] is what may be in flight with the
    /// overdue tasks: a user with many accounts, each with a schema that hangs, brings
    /// the provisioner no more than that at a time.
    pub provisioning_in_flight: usize,
    /// First pause before a panicked loop is started again; doubled up to a minute.
    pub panic_pause: Duration,
    /// Loops at the most; what is registered beyond is reported and left alone.
    pub loops_max: usize,
    /// How long running loops may take to finish their step at shutdown.
    pub shutdown_grace: Duration,
    /// The constants of the lifecycle.
    pub policy: Policy,
}

impl Knobs {
    /// The longest that a look may take within all deadlines, and the step that follows
    /// from it: it reads the record, asks both services at once, reads the data plane,
    /// and confirms the record.
    pub fn look_max(&self) -> Duration {
        let looks = self.store_deadline * 3 + self.read_deadline * 2;
        looks + self.freeze
    }
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
            confirm_pause_first: Duration::from_secs(1),
            registry_pause_ticks: 8,
            registry_patience: Duration::from_secs(2),
            store_pause_growth: 8,
            read_keys_max: 500,
            height_tries_max: 8,
            command_tries_max: 10,
            conflicts_max: 3,
            sleep_max: Duration::from_secs(60),
            freeze: Duration::from_secs(1),
            clock_tolerance: Duration::from_secs(60),
            disbelief: Duration::from_secs(15),
            repeat: Backoff {
                first: Duration::from_secs(1),
                cap: Duration::from_secs(60),
            },
            repeat_memory: Duration::from_secs(600),
            repeat_lasting: Duration::from_secs(60),
            start_slot_kept: Duration::from_secs(5),
            provisioning_in_flight: 4,
            panic_pause: Duration::from_secs(1),
            loops_max: 200_000,
            shutdown_grace: Duration::from_secs(20),
            policy: Policy::default(),
        }
    }
}
