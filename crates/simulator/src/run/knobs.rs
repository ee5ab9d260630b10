//! The coordinator's knobs, by name, as scenarios set them.

use std::time::Duration;

use coordinator::Knobs;

/// The names a scenario may use under `[coordinator]`.
pub const NAMES: &[&str] = &[
    "tick",
    "call_deadline",
    "read_deadline",
    "list_deadline",
    "store_deadline",
    "store_pause",
    "starts_per_second",
    "provisioning_parallel",
    "heartbeat_limit",
    "listing_hold",
    "confirm_pause_max",
    "provisioning_poll",
    "provisioning_timeout",
    "provisioning_abandon",
    "provisioning_settle",
    "executor_start_grace",
    "executor_start_timeout",
    "failing_grace",
    "retry_first",
    "retry_cap",
    "restart_first",
    "restart_cap",
    "attempts_max",
    "attempts_window",
];

/// Sets the knob `name`.
///
/// # Errors
/// There is no such knob, or the value is not of its kind; says what was expected.
pub fn set(knobs: &mut Knobs, name: &str, value: &toml::Value) -> Result<(), String> {
    let duration = duration_knob(knobs, name);
    if let Some(field) = duration {
        let text = value.as_str().ok_or("expected a duration such as \"5s\"")?;
        let parsed = humantime::parse_duration(text).map_err(|error| error.to_string())?;
        if parsed < Duration::from_millis(1) {
            return Err("must be at least 1ms".to_owned());
        }
        *field = parsed;
        return Ok(());
    }
    let number = value
        .as_integer()
        .filter(|number| *number >= 1)
        .ok_or("expected a whole number of at least 1")?;
    let small = u32::try_from(number).map_err(|_| "is too large")?;
    match name {
        "starts_per_second" => knobs.starts_per_second = small,
        "provisioning_parallel" => knobs.provisioning_parallel = small as usize,
        "attempts_max" => knobs.policy.attempts_max = small,
        _ => return Err(format!("there is no knob `{name}`")),
    }
    Ok(())
}

fn duration_knob<'a>(knobs: &'a mut Knobs, name: &str) -> Option<&'a mut Duration> {
    Some(match name {
        "tick" => &mut knobs.tick,
        "call_deadline" => &mut knobs.call_deadline,
        "read_deadline" => &mut knobs.read_deadline,
        "list_deadline" => &mut knobs.list_deadline,
        "store_deadline" => &mut knobs.store_deadline,
        "store_pause" => &mut knobs.store_pause,
        "heartbeat_limit" => &mut knobs.heartbeat_limit,
        "listing_hold" => &mut knobs.listing_hold,
        "confirm_pause_max" => &mut knobs.confirm_pause_max,
        "provisioning_poll" => &mut knobs.policy.provisioning_poll,
        "provisioning_timeout" => &mut knobs.policy.provisioning_timeout,
        "provisioning_abandon" => &mut knobs.policy.provisioning_abandon,
        "executor_start_timeout" => &mut knobs.policy.executor_start_timeout,
        "provisioning_settle" => &mut knobs.policy.provisioning_settle,
        "executor_start_grace" => &mut knobs.policy.executor_start_grace,
        "failing_grace" => &mut knobs.policy.failing_grace,
        "retry_first" => &mut knobs.policy.retry.first,
        "retry_cap" => &mut knobs.policy.retry.cap,
        "restart_first" => &mut knobs.policy.restart.first,
        "restart_cap" => &mut knobs.policy.restart.cap,
        "attempts_window" => &mut knobs.policy.attempts_window,
        _ => return None,
    })
}
