//! Numbers as people read them.

use std::time::Duration;

/// `1234567` as `1,234,567`.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A duration in its two largest units: `2h 5m`, `3m 7s`, `12.3s`.
pub fn time(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..60 => format!("{:.1}s", (duration.as_millis() / 100) as f64 / 10.0),
        60..3_600 => format!("{}m {}s", seconds / 60, seconds % 60),
        _ => format!("{}h {}m", count(seconds / 3_600), seconds % 3_600 / 60),
    }
}

/// As [`time`], of microseconds.
pub fn micros(micros: u64) -> String {
    time(Duration::from_micros(micros))
}

/// As [`time`], of milliseconds.
pub fn millis(millis: u64) -> String {
    time(Duration::from_millis(millis))
}

/// As [`micros`], with whole years set apart: `3 years and 4h 5m`.
pub fn years(micros: u64) -> String {
    const YEAR: u64 = 365 * 24 * 3_600 * 1_000_000;
    let rest = self::micros(micros % YEAR);
    match micros / YEAR {
        0 => rest,
        1 => format!("1 year and {rest}"),
        years => format!("{} years and {rest}", count(years)),
    }
}

/// How many per second: one decimal below ten, none above. Nothing is known of
/// what took no time.
pub fn rate(number: u64, during: Duration) -> String {
    ratio(number as f64, during.as_secs_f64())
}

/// How many times `part` goes into `whole`, written as [`rate`] writes it.
pub fn ratio(whole: f64, part: f64) -> String {
    let value = whole / part;
    match value {
        _ if part <= 0.0 => "?".to_owned(),
        ..10.0 => format!("{value:.1}"),
        _ => count(value.round() as u64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_set_apart() {
        let shown = [0, 999, 1_000, 12_345, 1_234_567].map(count);
        assert_eq!(shown, ["0", "999", "1,000", "12,345", "1,234,567"]);
    }

    #[test]
    fn durations_show_their_two_largest_units() {
        let shown = [
            0,
            990_000,
            59_990_000,
            60_000_000,
            3_599_000_000,
            4_210_000_000,
        ]
        .map(micros);
        assert_eq!(
            shown,
            ["0.0s", "0.9s", "59.9s", "1m 0s", "59m 59s", "1h 10m"]
        );
        assert_eq!(time(Duration::from_secs(3_600 * 1_500)), "1,500h 0m");
    }

    #[test]
    fn years_are_set_apart() {
        let hour = 3_600_000_000;
        assert_eq!(years(5 * hour), "5h 0m");
        assert_eq!(years(365 * 24 * hour), "1 year and 0.0s");
        assert_eq!(years((3 * 365 * 24 + 5) * hour), "3 years and 5h 0m");
    }

    #[test]
    fn rates_are_short_and_never_a_division_by_nothing() {
        assert_eq!(rate(5, Duration::from_secs(2)), "2.5");
        assert_eq!(rate(50_000, Duration::from_secs(2)), "25,000");
        assert_eq!(rate(5, Duration::ZERO), "?");
    }
}
