//! The coordinator's constants as operators set them.

use std::time::Duration;

use coordinator::Knobs;

use crate::config::value::Value;
use crate::config::values::Values;
use crate::settings as set;

/// Time kept for the last steps after the loops have stopped.
const LAST_STEPS: Duration = Duration::from_secs(2);

/// The coordinator's constants, of which the settings cover what operators may
/// have to change.
pub(super) fn knobs(values: &mut Values, time_to_stop: Duration) -> Knobs {
    let mut knobs = Knobs::default();
    let policy = &mut knobs.policy;
    let durations = [
        (&set::TICK, &mut knobs.tick),
        (&set::CALL_DEADLINE, &mut knobs.call_deadline),
        (&set::READ_DEADLINE, &mut knobs.read_deadline),
        (&set::LIST_DEADLINE, &mut knobs.list_deadline),
        (&set::STORE_DEADLINE, &mut knobs.store_deadline),
        (&set::RESCAN, &mut knobs.rescan),
        (&set::HEARTBEAT_LIMIT, &mut knobs.heartbeat_limit),
        (&set::LISTING_HOLD, &mut knobs.listing_hold),
        (&set::PROVISIONING_TIMEOUT, &mut policy.provisioning_timeout),
        (&set::PROVISIONING_ABANDON, &mut policy.provisioning_abandon),
        (&set::RETRY_DELAY_MAX, &mut policy.retry.cap),
        (&set::RESTART_WINDOW, &mut policy.attempts_window),
    ];
    for (setting, knob) in durations {
        if let Some(duration) = values.duration(setting) {
            *knob = duration;
        }
    }
    let counts = [
        (
            &set::PROVISIONING_PARALLEL,
            &mut knobs.provisioning_parallel,
        ),
        (&set::LISTING_DROP_LEAST, &mut knobs.listing_drop_least),
        (&set::INDEXERS_MAX, &mut knobs.loops_max),
    ];
    for (setting, knob) in counts {
        if let Some(number) = values.count(setting).and_then(|n| usize::try_from(n).ok()) {
            *knob = number;
        }
    }
    let small_counts = [
        (&set::STARTS_PER_SECOND, &mut knobs.starts_per_second),
        (&set::RESTART_ATTEMPTS, &mut policy.attempts_max),
    ];
    for (setting, knob) in small_counts {
        if let Some(number) = values.count(setting).and_then(|n| u32::try_from(n).ok()) {
            *knob = number;
        }
    }
    if let Some(Value::Share(share)) = values.get(&set::LISTING_DROP_SHARE) {
        knobs.listing_drop_share = *share;
    }
    if knobs.policy.provisioning_abandon <= knobs.policy.provisioning_timeout {
        values.reject(
            &set::PROVISIONING_ABANDON,
            "it must be longer than `provisioning_timeout`",
        );
    }
    let grace = time_to_stop
        .saturating_sub(LAST_STEPS)
        .max(time_to_stop / 2);
    knobs.shutdown_grace = knobs.shutdown_grace.min(grace);
    knobs
}
