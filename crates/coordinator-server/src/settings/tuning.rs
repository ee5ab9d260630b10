//! Timings and limits of the coordinator that operators may need to change.

use std::time::Duration;

use super::{Group, Kind, Setting};

const MINUTE: u64 = 60;
const HOUR: u64 = 3600;
const DAY: u64 = 24 * HOUR;

const fn duration(
    name: &'static str,
    env: &'static str,
    least_millis: u64,
    most_secs: u64,
    help: &'static str,
) -> Setting {
    let kind = Kind::Duration {
        least: Duration::from_millis(least_millis),
        most: Duration::from_secs(most_secs),
    };
    Setting::new(Group::Tuning, name, env, kind, help)
}

const fn count(name: &'static str, env: &'static str, most: u64, help: &'static str) -> Setting {
    Setting::new(
        Group::Tuning,
        name,
        env,
        Kind::Count { least: 1, most },
        help,
    )
}

/// Period of the shared polls.
pub const TICK: Setting = duration(
    "tick",
    "COORDINATOR_TICK",
    100,
    MINUTE,
    "period at which the registry and the services are asked what there is",
)
.default("1s")
.example("2s");

/// Deadline of calls that change something.
pub const CALL_DEADLINE: Setting = duration(
    "call-deadline",
    "COORDINATOR_CALL_DEADLINE",
    100,
    5 * MINUTE,
    "deadline of a call that changes something",
)
.default("5s")
.example("10s");

/// Deadline of point reads.
pub const READ_DEADLINE: Setting = duration(
    "read-deadline",
    "COORDINATOR_READ_DEADLINE",
    100,
    5 * MINUTE,
    "deadline of a question to a service about one indexer",
)
.default("2s")
.example("5s");

/// Deadline of listings.
pub const LIST_DEADLINE: Setting = duration(
    "list-deadline",
    "COORDINATOR_LIST_DEADLINE",
    100,
    5 * MINUTE,
    "deadline of a listing, the registry's included",
)
.default("10s")
.example("20s");

/// Deadline of the store.
pub const STORE_DEADLINE: Setting = duration(
    "store-deadline",
    "COORDINATOR_STORE_DEADLINE",
    100,
    5 * MINUTE,
    "deadline of a store command",
)
.default("2s")
.example("5s");

/// Period of the look at all records.
pub const RESCAN: Setting = duration(
    "rescan",
    "COORDINATOR_RESCAN",
    1000,
    HOUR,
    "period at which the store is asked which records there are",
)
.default("30s")
.example("1m");

/// Starts per second.
pub const STARTS_PER_SECOND: Setting = count(
    "starts-per-second",
    "COORDINATOR_STARTS_PER_SECOND",
    10_000,
    "starts of streams and executors per second, all indexers together",
)
.default("50")
.example("20");

/// Provisioning tasks at a time.
pub const PROVISIONING_PARALLEL: Setting = count(
    "provisioning-parallel",
    "COORDINATOR_PROVISIONING_PARALLEL",
    1000,
    "provisioning tasks at a time, overdue ones not counted",
)
.default("16")
.example("4");

/// When provisioning is overdue.
pub const PROVISIONING_TIMEOUT: Setting = duration(
    "provisioning-timeout",
    "COORDINATOR_PROVISIONING_TIMEOUT",
    10_000,
    DAY,
    "after this a provisioning task is shown as overdue and looked at less often",
)
.default("10m 10s")
.example("20m");

/// When provisioning counts as dead.
pub const PROVISIONING_ABANDON: Setting = duration(
    "provisioning-abandon",
    "COORDINATOR_PROVISIONING_ABANDON",
    20_000,
    2 * DAY,
    "after this a provisioning task counts as dead and another may be started",
)
.default("30m")
.example("1h");

/// When a stream is frozen.
pub const HEARTBEAT_LIMIT: Setting = duration(
    "heartbeat-limit",
    "COORDINATOR_HEARTBEAT_LIMIT",
    121_000,
    DAY,
    "a stream whose health was not updated for this long is frozen; it is updated every 2 minutes",
)
.default("3m")
.example("5m");

/// The longest pause between retries.
pub const RETRY_DELAY_MAX: Setting = duration(
    "retry-delay-max",
    "COORDINATOR_RETRY_DELAY_MAX",
    1000,
    DAY,
    "longest pause between two tries of a call that fails",
)
.default("5m")
.example("1m");

/// Restarts before an indexer stays put.
pub const RESTART_ATTEMPTS: Setting = count(
    "restart-attempts",
    "COORDINATOR_RESTART_ATTEMPTS",
    100,
    "restarts of what is unhealthy before the indexer is left alone for `restart_window`",
)
.default("8")
.example("3");

/// How long it then stays put.
pub const RESTART_WINDOW: Setting = duration(
    "restart-window",
    "COORDINATOR_RESTART_WINDOW",
    60_000,
    7 * DAY,
    "how long an indexer is left alone after `restart_attempts`, and how long old ones count",
)
.default("6h")
.example("1h");

/// What makes a listing suspicious.
pub const LISTING_DROP_SHARE: Setting = Setting::new(
    Group::Tuning,
    "listing-drop-share",
    "COORDINATOR_LISTING_DROP_SHARE",
    Kind::Share {
        least: 0.01,
        most: 1.0,
    },
    "a listing that lacks more than this share of the last one is not acted on at first",
)
.default("0.3")
.example("0.5");

/// ... and how many at least.
pub const LISTING_DROP_LEAST: Setting = count(
    "listing-drop-least",
    "COORDINATOR_LISTING_DROP_LEAST",
    1_000_000,
    "... if it lacks at least this many",
)
.default("5")
.example("20");

/// How long it is not acted on.
pub const LISTING_HOLD: Setting = duration(
    "listing-hold",
    "COORDINATOR_LISTING_HOLD",
    1000,
    HOUR,
    "... for this long",
)
.default("10s")
.example("1m");

/// Indexers at the most.
pub const INDEXERS_MAX: Setting = count(
    "indexers-max",
    "COORDINATOR_INDEXERS_MAX",
    1_000_000,
    "indexers at the most; what is registered beyond is reported and left alone",
)
.default("200000")
.example("1000");

/// All of the above.
pub(super) const TUNING: [&Setting; 18] = [
    &TICK,
    &CALL_DEADLINE,
    &READ_DEADLINE,
    &LIST_DEADLINE,
    &STORE_DEADLINE,
    &RESCAN,
    &STARTS_PER_SECOND,
    &PROVISIONING_PARALLEL,
    &PROVISIONING_TIMEOUT,
    &PROVISIONING_ABANDON,
    &HEARTBEAT_LIMIT,
    &RETRY_DELAY_MAX,
    &RESTART_ATTEMPTS,
    &RESTART_WINDOW,
    &LISTING_DROP_SHARE,
    &LISTING_DROP_LEAST,
    &LISTING_HOLD,
    &INDEXERS_MAX,
];
