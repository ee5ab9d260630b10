//! Single values drawn at random, as TOML.

use std::time::Duration;

use sim_node::Rng;
use toml::Value;

/// How a value is drawn. Whatever has a size is drawn evenly over its orders of
/// magnitude, because what is rare or short deserves as many runs as what is
/// frequent or long.
#[derive(Clone, Copy, Debug)]
pub(super) enum Draw {
    /// A rate or a probability.
    Number(f64, f64),
    /// A duration, in milliseconds.
    Time(u64, u64),
    /// A range of durations: its lower end and its upper end, in milliseconds.
    Range((u64, u64), (u64, u64)),
    /// A whole number.
    Count(u64, u64),
    /// Always this.
    Flag(bool),
}

impl Draw {
    /// A value of it.
    pub(super) fn value(self, rng: &mut Rng) -> Value {
        match self {
            Draw::Number(low, high) => Value::Float(number(rng, low, high)),
            Draw::Time(low, high) => time(millis(rng, low, high)),
            Draw::Range(low, high) => {
                let low = millis(rng, low.0, low.1);
                let high = millis(rng, high.0, high.1);
                Value::Array(vec![time(low.min(high)), time(high.max(low))])
            }
            Draw::Count(low, high) => whole(count(rng, low, high)),
            Draw::Flag(flag) => Value::Boolean(flag),
        }
    }
}

/// A number with three digits that count.
pub(super) fn number(rng: &mut Rng, low: f64, high: f64) -> f64 {
    let drawn = scaled(rng, low, high);
    let digits = 2 - drawn.log10().floor() as i32;
    let shift = 10f64.powi(digits.clamp(0, 12));
    ((drawn * shift).round() / shift).clamp(low, high)
}

/// A time with two digits that count, which read well.
pub(super) fn millis(rng: &mut Rng, low: u64, high: u64) -> u64 {
    let drawn = scaled(rng, low.max(1) as f64, high.max(1) as f64);
    let unit = 10f64.powi((drawn.log10().floor() as i32 - 1).max(0));
    ((drawn / unit).round() * unit).clamp(low as f64, high as f64) as u64
}

/// A whole number; the lowest is as likely as the factor to the next suggests.
pub(super) fn count(rng: &mut Rng, low: u64, high: u64) -> u64 {
    let drawn = scaled(rng, low.max(1) as f64, high as f64 + 1.0);
    (drawn.floor() as u64).clamp(low, high)
}

fn scaled(rng: &mut Rng, low: f64, high: f64) -> f64 {
    low * (high / low).powf(rng.unit())
}

/// A duration as scenarios write it.
pub(super) fn time(millis: u64) -> Value {
    let time = Duration::from_millis(millis);
    Value::String(humantime::format_duration(time).to_string())
}

/// A whole number as scenarios write it.
pub(super) fn whole(number: u64) -> Value {
    Value::Integer(i64::try_from(number).unwrap_or(i64::MAX))
}

/// A text.
pub(super) fn text(text: &str) -> Value {
    Value::String(text.to_owned())
}

/// A table of these entries.
pub(super) fn table<'a>(entries: impl IntoIterator<Item = (&'a str, Value)>) -> Value {
    let entries = entries.into_iter();
    Value::Table(
        entries
            .map(|(key, value)| (key.to_owned(), value))
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stay_in_their_ranges_and_reach_all_of_them() {
        let mut rng = Rng::new(1, "draws");
        let mut small = 0;
        for _ in 0..1_000 {
            let drawn = number(&mut rng, 0.01, 10.0);
            assert!((0.01..=10.0).contains(&drawn), "{drawn}");
            small += u32::from(drawn < 0.1);
            assert!((3..=86_400_000).contains(&millis(&mut rng, 3, 86_400_000)));
            assert!((1..=40).contains(&count(&mut rng, 1, 40)));
        }
        // A third of the orders of magnitude.
        assert!((250..420).contains(&small), "{small}");
        let ones = (0..1_000).filter(|_| count(&mut rng, 1, 3) == 3).count();
        assert!((100..320).contains(&ones), "{ones}");
    }

    #[test]
    fn what_is_drawn_reads_well() {
        let mut rng = Rng::new(2, "draws");
        for _ in 0..100 {
            let drawn = millis(&mut rng, 1, 86_400_000);
            let digits = drawn.to_string();
            assert!(digits.trim_end_matches('0').len() <= 2, "{drawn}");
        }
        assert_eq!(time(90_500), Value::from("1m 30s 500ms"));
        let range = Draw::Range((1, 10_000), (10, 20)).value(&mut rng);
        let ends = range.as_array().expect("a range");
        let ends: Vec<_> = ends
            .iter()
            .map(|end| humantime::parse_duration(end.as_str().expect("a text")))
            .map(|end| end.expect("a duration"))
            .collect();
        assert!(ends[0] <= ends[1], "{ends:?}");
    }
}
