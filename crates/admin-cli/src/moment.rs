//! Times as people say them.

use std::fmt::Write as _;
use std::time::{Duration, UNIX_EPOCH};

const SECOND: u64 = 1000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// A length of time in milliseconds, in at most two units.
pub(crate) fn length(ms: u64) -> String {
    match ms {
        _ if ms < 2 * MINUTE => format!("{} s", ms / SECOND),
        _ if ms < HOUR => format!("{} min", ms / MINUTE),
        _ if ms < DAY => two(ms / HOUR, "h", ms % HOUR / MINUTE, "min"),
        _ if ms < 10 * DAY => two(ms / DAY, "d", ms % DAY / HOUR, "h"),
        _ => format!("{} d", ms / DAY),
    }
}

fn two(large: u64, large_unit: &str, small: u64, small_unit: &str) -> String {
    match small {
        0 => format!("{large} {large_unit}"),
        _ => format!("{large} {large_unit} {small} {small_unit}"),
    }
}

/// `in 40 s`, `3 min ago`; both in milliseconds since the Unix epoch, `never` for 0.
pub(crate) fn relative(now: u64, then: u64) -> String {
    match then {
        0 => "never".to_owned(),
        _ if then.abs_diff(now) < SECOND => "now".to_owned(),
        _ if then > now => format!("in {}", length(then - now)),
        _ => format!("{} ago", length(now - then)),
    }
}

/// `for 3 min (since 2026-11-22T07:00:00Z)`.
pub(crate) fn lasting(now: u64, since: u64) -> String {
    let length = length(now.saturating_sub(since));
    match date(since) {
        Some(date) => format!("for {length} (since {date})"),
        None => format!("for {length}"),
    }
}

/// How long ago something was, for a column; `-` if it never was.
pub(crate) fn age(now: u64, then: u64) -> String {
    match then {
        0 => "-".to_owned(),
        _ => length(now.saturating_sub(then)),
    }
}

/// A date and time by RFC 3339, in whole seconds; `None` for 0 and for times that
/// have no date of four digits.
pub(crate) fn date(ms: u64) -> Option<String> {
    stamp(ms, |time| {
        let mut text = String::new();
        write!(text, "{}", humantime::format_rfc3339_seconds(time)).ok()?;
        Some(text)
    })
}

/// The same with milliseconds, for programs.
pub(crate) fn exact_date(ms: u64) -> Option<String> {
    stamp(ms, |time| {
        let mut text = String::new();
        write!(text, "{}", humantime::format_rfc3339_millis(time)).ok()?;
        Some(text)
    })
}

fn stamp(ms: u64, format: fn(std::time::SystemTime) -> Option<String>) -> Option<String> {
    match ms {
        0 => None,
        _ => UNIX_EPOCH
            .checked_add(Duration::from_millis(ms))
            .and_then(format),
    }
}

/// `in 40 s (2026-11-22T07:00:00Z)`.
pub(crate) fn both(now: u64, then: u64) -> String {
    match date(then) {
        Some(date) => format!("{} ({date})", relative(now, then)),
        None => relative(now, then),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_as_people_say_them() {
        for (ms, said) in [
            (0, "0 s"),
            (999, "0 s"),
            (40 * SECOND, "40 s"),
            (119 * SECOND, "119 s"),
            (2 * MINUTE, "2 min"),
            (59 * MINUTE, "59 min"),
            (HOUR, "1 h"),
            (HOUR + 5 * MINUTE, "1 h 5 min"),
            (DAY, "1 d"),
            (DAY + 3 * HOUR, "1 d 3 h"),
            (10 * DAY + HOUR, "10 d"),
            (u64::MAX, "213503982334 d"),
        ] {
            assert_eq!(length(ms), said, "{ms}");
        }
    }

    #[test]
    fn the_past_and_the_future_are_told_apart() {
        let now = 1_000_000_000;
        assert_eq!(relative(now, 0), "never");
        assert_eq!(relative(now, now + 999), "now");
        assert_eq!(relative(now, now - 999), "now");
        assert_eq!(relative(now, now + 40_000), "in 40 s");
        assert_eq!(relative(now, now - 180_000), "3 min ago");
        assert_eq!(age(now, 0), "-");
        assert_eq!(age(now, now + 5), "0 s");
    }

    #[test]
    fn times_beyond_all_dates_do_no_harm() {
        assert_eq!(date(0), None);
        assert_eq!(date(u64::MAX), None);
        assert_eq!(exact_date(u64::MAX), None);
        assert_eq!(
            date(1_000_000_000_000).as_deref(),
            Some("2001-09-09T01:46:40Z")
        );
        assert_eq!(
            exact_date(1_000_000_000_001).as_deref(),
            Some("2001-09-09T01:46:40.001Z")
        );
        assert_eq!(both(0, u64::MAX), "in 213503982334 d");
    }
}
