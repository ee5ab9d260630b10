//! Warnings that say the same again and again become one line and a number.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write;
use std::time::Duration;

use tokio::time::Instant;
use tracing::Level;

use crate::logs::line::{Line, Value};

/// How long repetitions are counted before they are summed up.
pub(crate) const WINDOW: Duration = Duration::from_secs(60);

/// The most different lines whose repetitions are counted one by one at a time.
const KINDS_MAX: usize = 512;

/// The most groups of the lines beyond that. What is beyond these is told apart by
/// its place in the program alone, of which there are not many.
const GROUPS_MAX: usize = 256;

/// How many lines of a group are written before the others are counted.
const GROUP_SHOWN: u64 = 5;

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
    /// How many were written.
    shown: u64,
    /// How many were counted instead.
    times: u64,
    last: Line,
}

/// Counts by name, for a while each.
#[derive(Default)]
struct Counts {
    all: BTreeMap<String, Repeated>,
    /// Each name once, the oldest first.
    order: VecDeque<String>,
}

impl Counts {
    /// Begins to count `name`, of which `line` is written.
    fn begin(&mut self, name: String, line: Line, now: Instant) {
        self.order.push_back(name.clone());
        let first = Repeated {
            since: now,
            shown: 1,
            times: 0,
            last: line,
        };
        self.all.insert(name, first);
    }

    /// Ends the oldest if it has been counted long enough, or anyway if `all`.
    fn end_oldest(&mut self, now: Instant, all: bool) -> Option<Repeated> {
        let oldest = self.all.get(self.order.front()?)?;
        if !all && now < oldest.since + WINDOW {
            return None;
        }
        self.all.remove(&self.order.pop_front()?)
    }
}

/// Counts repetitions, for a while each.
#[derive(Default)]
pub(crate) struct Collapser {
    /// Lines that say the same of the same.
    kinds: Counts,
    /// Lines that say the same of whatever it is, once there are too many kinds.
    groups: Counts,
}

impl Collapser {
    /// The lines to be written now that there is `line`: those that sum up what
    /// is over, then `line` itself unless it is counted instead.
    pub(crate) fn take(&mut self, line: Line, now: Instant) -> Vec<Line> {
        let mut out = self.expired(now);
        if line.level > Level::WARN || line.is_audit() {
            out.push(line);
            return out;
        }
        let kind = kind(&line);
        if let Some(repeated) = self.kinds.all.get_mut(&kind) {
            repeated.times += 1;
            repeated.last = line;
        } else if self.kinds.all.len() < KINDS_MAX {
            self.kinds.begin(kind, line.clone(), now);
            out.push(line);
        } else {
            out.extend(self.take_in_group(line, now));
        }
        out
    }

    /// `line`, unless enough of its group were written.
    fn take_in_group(&mut self, line: Line, now: Instant) -> Option<Line> {
        let mut group = group(&line);
        if !self.groups.all.contains_key(&group) && self.groups.all.len() >= GROUPS_MAX {
            group = place(&line);
        }
        match self.groups.all.get_mut(&group) {
            None => self.groups.begin(group, line.clone(), now),
            Some(repeated) if repeated.shown < GROUP_SHOWN => repeated.shown += 1,
            Some(repeated) => {
                repeated.times += 1;
                repeated.last = line;
                return None;
            }
        }
        Some(line)
    }

    /// The sums of what has been counted long enough.
    pub(crate) fn expired(&mut self, now: Instant) -> Vec<Line> {
        self.sums(now, false)
    }

    /// The sums of everything, at the end.
    pub(crate) fn end(&mut self, now: Instant) -> Vec<Line> {
        self.sums(now, true)
    }

    fn sums(&mut self, now: Instant, all: bool) -> Vec<Line> {
        let mut out = Vec::new();
        while let Some(over) = self.kinds.end_oldest(now, all) {
            out.extend(sum(over, now, |times, seconds| {
                format!("repeated {times} times in the last {seconds} s")
            }));
        }
        while let Some(over) = self.groups.end_oldest(now, all) {
            out.extend(sum(over, now, |times, seconds| {
                format!(
                    "{times} more such lines, of any indexer, in the last {seconds} s; the last"
                )
            }));
        }
        out
    }
}

/// The line that stands for those that were counted, if there were any.
fn sum(over: Repeated, now: Instant, words: impl Fn(u64, u64) -> String) -> Option<Line> {
    if over.times == 0 {
        return None;
    }
    let seconds = now.saturating_duration_since(over.since).as_secs().max(1);
    let mut line = over.last;
    line.message = format!("{}: {}", words(over.times, seconds), line.message);
    line.fields.set("repeated", Value::Unsigned(over.times));
    Some(line)
}

/// Where a line comes from.
fn place(line: &Line) -> String {
    let (file, number) = line.place.unwrap_or((line.target, 0));
    format!("{file}:{number}:{}:", line.level)
}

/// What lines have in common that say the same of whatever it is: what [`kind`] says,
/// without the names, wherever they stand.
fn group<'a>(line: &'a Line) -> String {
    let text_of = |(name, value): (&'static str, &'a Value)| match value {
        Value::Text(text) => Some((name, text.as_str())),
        _ => None,
    };
    let texts: Vec<(&str, &str)> = line.fields.iter().filter_map(text_of).collect();
    let names: Vec<&str> = texts
        .iter()
        .filter(|(name, text)| IDENTITIES.contains(name) && !text.is_empty())
        .map(|(_, text)| *text)
        .collect();
    let mut group = place(line);
    push_without_numbers(&mut group, &without(&line.message, &names));
    for (name, text) in texts {
        group.push('\n');
        group.push_str(name);
        group.push('=');
        push_without_numbers(&mut group, &without(text, &names));
    }
    bounded(group)
}

/// `text` with `*` for each of `names`.
fn without(text: &str, names: &[&str]) -> String {
    let replace = |text: String, name: &&str| text.replace(name, "*");
    names.iter().fold(text.to_owned(), replace)
}

/// What lines have in common that say the same: where they come from, and all
/// they say but for numbers.
fn kind(line: &Line) -> String {
    let mut kind = place(line);
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
    bounded(kind)
}

/// `text`, or its beginning and a digest if it is long.
fn bounded(mut text: String) -> String {
    if text.len() > KIND_LEN_MAX {
        let digest = digest(&text);
        text.truncate(text.floor_char_boundary(KIND_LEN_MAX - 17));
        // Writing to a String cannot fail.
        let _ = write!(text, "#{digest:016x}");
    }
    text
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
        assert!(collapser.kinds.all.is_empty());
    }

    fn repeated(line: &Line) -> u64 {
        match line.fields.get("repeated") {
            Some(Value::Unsigned(times)) => *times,
            _ => 0,
        }
    }

    #[test]
    fn a_warning_of_very_many_indexers_costs_a_bounded_number_of_lines() {
        let start = Instant::now();
        let mut collapser = Collapser::default();
        let (indexers, rounds) = (5_000, 4);
        let mut out = Vec::new();
        for round in 0..rounds {
            let now = start + Duration::from_secs(5 * round);
            for n in 0..indexers {
                let name = format!("a{n}.near/{}", "f".repeat(600));
                let error = format!("record of {name} was not read");
                let fields = [("indexer", &*name), ("error", &*error)];
                out.extend(collapser.take(line("a round ended early", &fields), now));
            }
            // What is new is shown in between, with the names of the first few.
            let name = format!("b{round}.near/f");
            let other = line("another message", &[("indexer", &name)]);
            assert_eq!(collapser.take(other.clone(), now), [other]);
        }
        out.extend(collapser.end(start + WINDOW));
        let shown = out.iter().filter(|line| repeated(line) == 0).count();
        assert_eq!(shown, KINDS_MAX + GROUP_SHOWN as usize);
        assert!(out.len() <= 2 * KINDS_MAX + 10, "{} lines", out.len());
        // Nothing is lost: what was not written was counted.
        let counted: u64 = out.iter().map(repeated).sum();
        assert_eq!(shown as u64 + counted, indexers * rounds);
        let last = &out.last().unwrap().message;
        assert!(
            last.contains(" more such lines, of any indexer, "),
            "{last}"
        );
    }

    #[test]
    fn many_kinds_cost_bounded_memory_and_lose_nothing() {
        let now = Instant::now();
        let mut collapser = Collapser::default();
        let (mut shown, mut counted) = (0, 0);
        let kinds = (KINDS_MAX + GROUPS_MAX) as u64 * 3;
        let mut see = |out: &[Line]| {
            for line in out {
                counted += repeated(line);
                shown += u64::from(repeated(line) == 0);
            }
        };
        for n in 0..kinds {
            for _ in 0..2 {
                // They differ in more than a name.
                let text = format!("what{n} {}", "f".repeat(5_000));
                see(&collapser.take(line("a", &[("error", &text)]), now));
            }
            assert!(collapser.kinds.all.len() <= KINDS_MAX);
            assert!(collapser.groups.all.len() <= GROUPS_MAX + 1);
            for counts in [&collapser.kinds, &collapser.groups] {
                assert_eq!(counts.all.len(), counts.order.len());
                assert!(counts.order.iter().all(|name| name.len() <= KIND_LEN_MAX));
            }
        }
        see(&collapser.end(now));
        assert_eq!(shown + counted, 2 * kinds);
        assert!(collapser.kinds.all.is_empty() && collapser.kinds.order.is_empty());
        assert!(collapser.groups.all.is_empty() && collapser.groups.order.is_empty());
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
