//! Warnings that say the same again and again become one line and a number.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write;
use std::time::Duration;

use tokio::time::Instant;
use tracing::Level;

use crate::logs::line::{Line, Value};

/// How long repetitions are counted before they are summed up.
pub(crate) const WINDOW: Duration = Duration::from_secs(60);

/// The most different lines whose repetitions are counted at a time. What is
/// beyond ends the oldest count early: it costs lines, it loses none.
const KINDS_MAX: usize = 512;

/// Longest text by which a line is known again, in bytes.
const KIND_LEN_MAX: usize = 512;

/// Fields that say whom or what a line is about: a number in them is a name.
const IDENTITIES: [&str; 9] = [
    "account",
    "account_id",
    "caller",
    "function",
    "function_name",
    "indexer",
    "key",
    "name",
    "service",
];

struct Repeated {
    since: Instant,
    times: u64,
    last: Line,
}

/// Counts repetitions, for a while each.
#[derive(Default)]
pub(crate) struct Collapser {
    kinds: BTreeMap<String, Repeated>,
    /// Of each kind once, the oldest first.
    order: VecDeque<String>,
}

impl Collapser {
    /// The lines to be written now that there is `line`: those that sum up what
    /// is over, then `line` itself unless it is a repetition.
    pub(crate) fn take(&mut self, line: Line, now: Instant) -> Vec<Line> {
        let mut out = self.expired(now);
        if line.level > Level::WARN || line.is_audit() {
            out.push(line);
            return out;
        }
        let kind = kind(&line);
        if let Some(repeated) = self.kinds.get_mut(&kind) {
            repeated.times += 1;
            repeated.last = line;
            return out;
        }
        if self.kinds.len() >= KINDS_MAX {
            out.extend(self.end_oldest(now));
        }
        self.order.push_back(kind.clone());
        let first = Repeated {
            since: now,
            times: 0,
            last: line.clone(),
        };
        self.kinds.insert(kind, first);
        out.push(line);
        out
    }

    /// The sums of what has been counted long enough.
    pub(crate) fn expired(&mut self, now: Instant) -> Vec<Line> {
        let mut out = Vec::new();
        while self.oldest_since().is_some_and(|at| now >= at + WINDOW) {
            out.extend(self.end_oldest(now));
        }
        out
    }

    /// The sums of everything, at the end.
    pub(crate) fn end(&mut self, now: Instant) -> Vec<Line> {
        let mut out = Vec::new();
        while !self.order.is_empty() {
            out.extend(self.end_oldest(now));
        }
        out
    }

    fn oldest_since(&self) -> Option<Instant> {
        let oldest = self.kinds.get(self.order.front()?)?;
        Some(oldest.since)
    }

    fn end_oldest(&mut self, now: Instant) -> Option<Line> {
        let repeated = self.kinds.remove(&self.order.pop_front()?)?;
        if repeated.times == 0 {
            return None;
        }
        let over = now.saturating_duration_since(repeated.since).as_secs();
        let mut line = repeated.last;
        let times = repeated.times;
        line.message = format!(
            "repeated {times} times in the last {} s: {}",
            over.max(1),
            line.message
        );
        line.fields.set("repeated", Value::Unsigned(times));
        Some(line)
    }
}

/// What lines have in common that say the same: where they come from, and all
/// they say but for numbers.
fn kind(line: &Line) -> String {
    let (file, number) = line.place.unwrap_or((line.target, 0));
    let mut kind = format!("{file}:{number}:{}:", line.level);
    push_without_numbers(&mut kind, &line.message);
    for (name, value) in line.fields.iter() {
        if let Value::Text(text) = value {
            kind.push('\n');
            kind.push_str(name);
            kind.push('=');
            if IDENTITIES.contains(&name) {
                kind.push_str(text);
            } else {
                push_without_numbers(&mut kind, text);
            }
        }
    }
    if kind.len() > KIND_LEN_MAX {
        let digest = digest(&kind);
        kind.truncate(kind.floor_char_boundary(KIND_LEN_MAX - 17));
        // Writing to a String cannot fail.
        let _ = write!(kind, "#{digest:016x}");
    }
    kind
}

/// FNV-1a. Whoever makes two lines collide hides a repetition of his own text.
fn digest(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// Appends `text` with `#` for every word that is a number, a time or an
/// address. A number inside a name belongs to the name.
fn push_without_numbers(out: &mut String, text: &str) {
    let ends = |c: char| c.is_whitespace() || ",;()[]{}\"'=".contains(c);
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(ends).unwrap_or(rest.len());
        let (word, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
        out.push_str(if is_number(word) { "#" } else { word });
        let mut following = after.chars();
        out.extend(following.next());
        rest = following.as_str();
    }
}

fn is_number(word: &str) -> bool {
    const UNITS: [&str; 9] = ["ns", "us", "µs", "ms", "s", "m", "h", "%", "x"];
    let digits = word.trim_start_matches(['+', '-']);
    let unit = digits.trim_start_matches(|c: char| c.is_ascii_digit() || ".:_".contains(c));
    let starts = digits.starts_with(|c: char| c.is_ascii_digit());
    starts && (unit.is_empty() || UNITS.contains(&unit))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logs::line::Fields;

    fn line(message: &str, fields: &[(&'static str, &str)]) -> Line {
        let mut all = Fields::default();
        for (name, text) in fields {
            all.set(name, Value::Text((*text).to_owned()));
        }
        Line {
            level: Level::WARN,
            target: "t",
            place: Some(("a.rs", 1)),
            message: message.to_owned(),
            fields: all,
        }
    }

    fn messages(lines: Vec<Line>) -> Vec<String> {
        lines.into_iter().map(|line| line.message).collect()
    }

    #[test]
    fn repetitions_become_a_number() {
        let start = Instant::now();
        let mut collapser = Collapser::default();
        let failed = |n: u32| line("down", &[("error", &format!("no answer in {n} ms"))]);
        assert_eq!(messages(collapser.take(failed(1), start)), ["down"]);
        for n in 2..=38 {
            let at = start + Duration::from_secs(u64::from(n));
            assert_eq!(messages(collapser.take(failed(n), at)), [""; 0]);
        }
        assert_eq!(
            collapser.expired(start + WINDOW - Duration::from_millis(1)),
            []
        );
        let sums = collapser.expired(start + WINDOW);
        assert_eq!(sums.len(), 1);
        assert_eq!(sums[0].message, "repeated 37 times in the last 60 s: down");
        assert_eq!(sums[0].fields.get("repeated"), Some(&Value::Unsigned(37)));
        assert_eq!(sums[0].fields.text("error"), Some("no answer in 38 ms"));
        // After that it is news again.
        let later = collapser.take(failed(39), start + WINDOW);
        assert_eq!(messages(later), ["down"]);
        assert_eq!(collapser.end(start + WINDOW), []);
    }

    #[test]
    fn a_sum_is_written_before_the_line_that_follows_it() {
        let start = Instant::now();
        let mut collapser = Collapser::default();
        collapser.take(line("a", &[]), start);
        collapser.take(line("a", &[]), start);
        let out = collapser.take(line("a", &[]), start + WINDOW * 2);
        assert_eq!(
            messages(out),
            ["repeated 1 times in the last 120 s: a", "a"]
        );
    }

    #[test]
    fn what_differs_is_shown() {
        let now = Instant::now();
        let mut collapser = Collapser::default();
        let different = [
            line("a", &[]),
            line("b", &[]),
            line("a", &[("indexer", "alice1.near/1")]),
            line("a", &[("indexer", "alice1.near/2")]),
            line("a", &[("error", "record of alice1.near/feed")]),
            line("a", &[("error", "record of alice2.near/feed")]),
            Line {
                place: Some(("a.rs", 2)),
                ..line("a", &[])
            },
            Line {
                level: Level::ERROR,
                ..line("a", &[])
            },
        ];
        for line in different {
            assert_eq!(collapser.take(line.clone(), now), [line]);
        }
    }

    #[test]
    fn audit_and_information_are_never_collapsed() {
        let now = Instant::now();
        let mut collapser = Collapser::default();
        let audit = Line {
            target: "audit",
            level: Level::WARN,
            ..line("a", &[])
        };
        let info = Line {
            level: Level::INFO,
            ..line("a", &[])
        };
        for _ in 0..3 {
            assert_eq!(collapser.take(audit.clone(), now).len(), 1);
            assert_eq!(collapser.take(info.clone(), now).len(), 1);
        }
        assert!(collapser.kinds.is_empty());
    }

    #[test]
    fn many_kinds_cost_bounded_memory_and_lose_nothing() {
        let now = Instant::now();
        let mut collapser = Collapser::default();
        let (mut shown, mut sums) = (0, 0);
        let kinds = KINDS_MAX * 3;
        for n in 0..kinds {
            for _ in 0..2 {
                let name = format!("a{n}.near/{}", "f".repeat(5_000));
                for out in collapser.take(line("a", &[("indexer", &name)]), now) {
                    match out.fields.get("repeated") {
                        Some(_) => sums += 1,
                        None => shown += 1,
                    }
                }
            }
            assert!(collapser.kinds.len() <= KINDS_MAX);
            assert_eq!(collapser.kinds.len(), collapser.order.len());
        }
        sums += collapser.end(now).len();
        assert_eq!((shown, sums), (kinds, kinds));
        assert!(collapser.kinds.is_empty() && collapser.order.is_empty());
    }

    #[test]
    fn only_words_that_are_numbers_count_as_numbers() {
        for (text, expected) in [
            ("no answer in 12 ms", "no answer in # ms"),
            ("after 1.5s, try 3", "after #, try #"),
            ("127.0.0.1:80 refused", "# refused"),
            ("alice1.near and 5alice", "alice1.near and 5alice"),
            ("", ""),
            ("größe=3", "größe=#"),
        ] {
            let mut out = String::new();
            push_without_numbers(&mut out, text);
            assert_eq!(out, expected);
        }
    }
}
