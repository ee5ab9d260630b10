//! The coordinator's knobs: one table of their names, their kinds, and the ranges
//! in which a swarm turns them.

use std::time::Duration;

use coordinator::Knobs;

/// A knob that a scenario may set under `[coordinator]`.
pub struct Knob {
    /// Its name.
    pub name: &'static str,
    /// What it counts, and where it is.
    pub field: Field,
    /// What somebody who knows the system might set: milliseconds, thousandths of
    /// a share, or a number.
    pub sane: (u64, u64),
    /// What can be set without making the system useless.
    pub extreme: (u64, u64),
}

/// What a knob counts, and where it is.
#[derive(Clone, Copy)]
pub enum Field {
    /// A time of at least a millisecond.
    Time(fn(&mut Knobs) -> &mut Duration),
    /// A number of at least one.
    Number(fn(&mut Knobs) -> &mut u32),
    /// A number of at least one, of things in memory.
    Size(fn(&mut Knobs) -> &mut usize),
    /// A share between 0 and 1.
    Share(fn(&mut Knobs) -> &mut f64),
}

const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;

const fn time(
    name: &'static str,
    field: fn(&mut Knobs) -> &mut Duration,
    sane: (u64, u64),
    extreme: (u64, u64),
) -> Knob {
    Knob {
        name,
        field: Field::Time(field),
        sane,
        extreme,
    }
}

const fn knob(name: &'static str, field: Field, sane: (u64, u64), extreme: (u64, u64)) -> Knob {
    Knob {
        name,
        field,
        sane,
        extreme,
    }
}

/// Every knob that a scenario may set.
pub const KNOBS: &[Knob] = &[
    time(
        "tick",
        |k| &mut k.tick,
        (250, 5 * SECOND),
        (50, 30 * SECOND),
    ),
    time(
        "call_deadline",
        |k| &mut k.call_deadline,
        (SECOND, 20 * SECOND),
        (200, 2 * MINUTE),
    ),
    time(
        "read_deadline",
        |k| &mut k.read_deadline,
        (500, 10 * SECOND),
        (100, MINUTE),
    ),
    time(
        "list_deadline",
        |k| &mut k.list_deadline,
        (SECOND, 20 * SECOND),
        (200, MINUTE),
    ),
    time(
        "store_deadline",
        |k| &mut k.store_deadline,
        (200, 10 * SECOND),
        (50, MINUTE),
    ),
    time(
        "rescan",
        |k| &mut k.rescan,
        (5 * SECOND, 5 * MINUTE),
        (SECOND, 30 * MINUTE),
    ),
    time(
        "store_pause",
        |k| &mut k.store_pause,
        (100, 10 * SECOND),
        (20, MINUTE),
    ),
    knob(
        "starts_per_second",
        Field::Number(|k| &mut k.starts_per_second),
        (5, 200),
        (1, 2_000),
    ),
    knob(
        "provisioning_parallel",
        Field::Size(|k| &mut k.provisioning_parallel),
        (2, 64),
        (1, 256),
    ),
    time(
        "heartbeat_limit",
        |k| &mut k.heartbeat_limit,
        (150 * SECOND, 10 * MINUTE),
        (130 * SECOND, HOUR),
    ),
    knob(
        "listing_drop_share",
        Field::Share(|k| &mut k.listing_drop_share),
        (100, 600),
        (10, 1_000),
    ),
    knob(
        "listing_drop_least",
        Field::Size(|k| &mut k.listing_drop_least),
        (2, 20),
        (1, 200),
    ),
    time(
        "listing_hold",
        |k| &mut k.listing_hold,
        (2 * SECOND, MINUTE),
        (200, 10 * MINUTE),
    ),
    time(
        "confirm_pause_max",
        |k| &mut k.confirm_pause_max,
        (10 * SECOND, 5 * MINUTE),
        (SECOND, 30 * MINUTE),
    ),
    knob(
        "confirm_parallel",
        Field::Size(|k| &mut k.confirm_parallel),
        (2, 64),
        (1, 256),
    ),
    time(
        "confirm_pause_first",
        |k| &mut k.confirm_pause_first,
        (250, 5 * SECOND),
        (50, 30 * SECOND),
    ),
    knob(
        "registry_pause_ticks",
        Field::Number(|k| &mut k.registry_pause_ticks),
        (2, 16),
        (1, 32),
    ),
    time(
        "registry_patience",
        |k| &mut k.registry_patience,
        (500, 5 * SECOND),
        (50, 30 * SECOND),
    ),
    knob(
        "store_pause_growth",
        Field::Number(|k| &mut k.store_pause_growth),
        (2, 16),
        (1, 32),
    ),
    knob(
        "read_keys_max",
        Field::Size(|k| &mut k.read_keys_max),
        (50, 1_000),
        (1, 10_000),
    ),
    knob(
        "height_tries_max",
        Field::Number(|k| &mut k.height_tries_max),
        (3, 16),
        (1, 100),
    ),
    knob(
        "command_tries_max",
        Field::Number(|k| &mut k.command_tries_max),
        (3, 20),
        (1, 100),
    ),
    knob(
        "conflicts_max",
        Field::Number(|k| &mut k.conflicts_max),
        (2, 8),
        (1, 100),
    ),
    time(
        "sleep_max",
        |k| &mut k.sleep_max,
        (10 * SECOND, 5 * MINUTE),
        (SECOND, 30 * MINUTE),
    ),
    time(
        "freeze",
        |k| &mut k.freeze,
        (250, 5 * SECOND),
        (10, 30 * SECOND),
    ),
    time(
        "clock_tolerance",
        |k| &mut k.clock_tolerance,
        (10 * SECOND, 5 * MINUTE),
        (SECOND, 30 * MINUTE),
    ),
    time(
        "disbelief",
        |k| &mut k.disbelief,
        (5 * SECOND, 30 * SECOND),
        (SECOND, 5 * MINUTE),
    ),
    time(
        "repeat_first",
        |k| &mut k.repeat.first,
        (500, 5 * SECOND),
        (250, 30 * SECOND),
    ),
    time(
        "repeat_cap",
        |k| &mut k.repeat.cap,
        (15 * SECOND, 5 * MINUTE),
        (10 * SECOND, 30 * MINUTE),
    ),
    time(
        "repeat_memory",
        |k| &mut k.repeat_memory,
        (2 * MINUTE, 30 * MINUTE),
        (30 * SECOND, 2 * HOUR),
    ),
    time(
        "repeat_lasting",
        |k| &mut k.repeat_lasting,
        (15 * SECOND, 5 * MINUTE),
        (5 * SECOND, 30 * MINUTE),
    ),
    time(
        "start_slot_kept",
        |k| &mut k.start_slot_kept,
        (2 * SECOND, 20 * SECOND),
        (SECOND, 2 * MINUTE),
    ),
    knob(
        "provisioning_in_flight",
        Field::Size(|k| &mut k.provisioning_in_flight),
        (2, 8),
        (1, 32),
    ),
    time(
        "panic_pause",
        |k| &mut k.panic_pause,
        (200, 10 * SECOND),
        (20, MINUTE),
    ),
    time(
        "recheck",
        |k| &mut k.policy.recheck,
        (250, 5 * SECOND),
        (50, MINUTE),
    ),
    time(
        "provisioning_poll",
        |k| &mut k.policy.provisioning_poll,
        (250, 10 * SECOND),
        (50, MINUTE),
    ),
    time(
        "provisioning_timeout",
        |k| &mut k.policy.provisioning_timeout,
        (MINUTE, 20 * MINUTE),
        (10 * SECOND, HOUR),
    ),
    time(
        "provisioning_abandon",
        |k| &mut k.policy.provisioning_abandon,
        (10 * MINUTE, HOUR),
        (5 * MINUTE, 6 * HOUR),
    ),
    time(
        "provisioning_settle",
        |k| &mut k.policy.provisioning_settle,
        (30 * SECOND, 10 * MINUTE),
        (15 * SECOND, 30 * MINUTE),
    ),
    time(
        "executor_start_grace",
        |k| &mut k.policy.executor_start_grace,
        (30 * SECOND, 5 * MINUTE),
        (5 * SECOND, 30 * MINUTE),
    ),
    time(
        "executor_start_timeout",
        |k| &mut k.policy.executor_start_timeout,
        (2 * MINUTE, 20 * MINUTE),
        (20 * SECOND, HOUR),
    ),
    time(
        "failing_grace",
        |k| &mut k.policy.failing_grace,
        (15 * SECOND, 5 * MINUTE),
        (SECOND, 30 * MINUTE),
    ),
    time(
        "retry_first",
        |k| &mut k.policy.retry.first,
        (200, 5 * SECOND),
        (50, MINUTE),
    ),
    time(
        "retry_cap",
        |k| &mut k.policy.retry.cap,
        (10 * SECOND, 10 * MINUTE),
        (SECOND, HOUR),
    ),
    time(
        "restart_first",
        |k| &mut k.policy.restart.first,
        (130 * SECOND, 5 * MINUTE),
        (130 * SECOND, 30 * MINUTE),
    ),
    time(
        "restart_cap",
        |k| &mut k.policy.restart.cap,
        (150 * SECOND, 15 * MINUTE),
        (130 * SECOND, HOUR),
    ),
    knob(
        "attempts_max",
        Field::Number(|k| &mut k.policy.attempts_max),
        (3, 16),
        (1, 100),
    ),
    time(
        "attempts_window",
        |k| &mut k.policy.attempts_window,
        (30 * MINUTE, 12 * HOUR),
        (10 * MINUTE, 48 * HOUR),
    ),
];

/// The names a scenario may use under `[coordinator]`, in the order of the table.
pub fn names() -> Vec<&'static str> {
    KNOBS.iter().map(|knob| knob.name).collect()
}

/// Sets the knob `name`.
///
/// # Errors
/// There is no such knob, or the value is not of its kind; says what was expected.
pub fn set(knobs: &mut Knobs, name: &str, value: &toml::Value) -> Result<(), String> {
    let knob = KNOBS.iter().find(|knob| knob.name == name);
    let field = knob.map(|knob| knob.field);
    match field.ok_or_else(|| format!("there is no knob `{name}`"))? {
        Field::Time(of) => *of(knobs) = duration(value)?,
        Field::Number(of) => *of(knobs) = number(value)?,
        Field::Size(of) => *of(knobs) = number(value)? as usize,
        Field::Share(of) => *of(knobs) = share(value)?,
    }
    Ok(())
}

fn duration(value: &toml::Value) -> Result<Duration, String> {
    let text = value.as_str().ok_or("expected a duration such as \"5s\"")?;
    let parsed = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    if parsed < Duration::from_millis(1) {
        return Err("must be at least 1ms".to_owned());
    }
    Ok(parsed)
}

fn number(value: &toml::Value) -> Result<u32, String> {
    let number = value
        .as_integer()
        .filter(|number| *number >= 1)
        .ok_or("expected a whole number of at least 1")?;
    u32::try_from(number).map_err(|_| "is too large".to_owned())
}

fn share(value: &toml::Value) -> Result<f64, String> {
    value
        .as_float()
        .filter(|share| (0.0..=1.0).contains(share))
        .ok_or_else(|| "expected a share between 0.0 and 1.0".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A value in the table's units as a scenario writes it.
    fn written(field: Field, value: u64) -> toml::Value {
        match field {
            Field::Time(_) => {
                let time = Duration::from_millis(value);
                toml::Value::String(humantime::format_duration(time).to_string())
            }
            Field::Number(_) | Field::Size(_) => toml::Value::Integer(value as i64),
            Field::Share(_) => toml::Value::Float(value as f64 / 1_000.0),
        }
    }

    fn read(field: Field, knobs: &mut Knobs) -> u64 {
        match field {
            Field::Time(of) => of(knobs).as_millis() as u64,
            Field::Number(of) => u64::from(*of(knobs)),
            Field::Size(of) => *of(knobs) as u64,
            Field::Share(of) => (*of(knobs) * 1_000.0).round() as u64,
        }
    }

    #[test]
    fn every_knob_is_its_own_and_takes_what_its_ranges_hold() {
        for knob in KNOBS {
            for value in [knob.sane.0, knob.sane.1, knob.extreme.0, knob.extreme.1] {
                let mut knobs = Knobs::default();
                let text = written(knob.field, value);
                set(&mut knobs, knob.name, &text).expect(knob.name);
                assert_eq!(read(knob.field, &mut knobs), value, "{}", knob.name);
                let moved = |other: &&Knob| {
                    read(other.field, &mut knobs.clone())
                        != read(other.field, &mut Knobs::default())
                };
                let moved: Vec<_> = KNOBS.iter().filter(moved).map(|one| one.name).collect();
                assert!(moved.iter().all(|name| *name == knob.name), "{moved:?}");
            }
        }
    }

    #[test]
    fn the_ranges_hold_one_another_and_the_default() {
        for knob in KNOBS {
            let (sane, extreme) = (knob.sane, knob.extreme);
            let default = read(knob.field, &mut Knobs::default());
            let nested = extreme.0 <= sane.0 && sane.0 < sane.1 && sane.1 <= extreme.1;
            assert!(nested, "{}", knob.name);
            assert!((sane.0..=sane.1).contains(&default), "{}", knob.name);
        }
    }

    #[test]
    fn what_is_no_value_of_a_knob_says_what_is() {
        let refused = |name: &str, value: toml::Value| {
            set(&mut Knobs::default(), name, &value).expect_err("it is refused")
        };
        assert!(refused("tick", 5.into()).contains("duration"));
        assert!(refused("tick", "0s".into()).contains("1ms"));
        assert!(refused("attempts_max", 0.into()).contains("at least 1"));
        assert!(refused("listing_drop_share", 1.5.into()).contains("between"));
        assert!(refused("tock", "1s".into()).contains("no knob"));
    }
}
