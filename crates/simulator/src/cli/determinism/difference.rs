//! Where two traces part.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

/// Events before the first one that differs that are shown.
const BEFORE: usize = 3;
/// Events from that one on that are shown of each run.
const AFTER: usize = 3;

/// Where two traces part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Difference {
    /// The number of the first event that differs, from 1.
    pub event: u64,
    /// The last events that are the same.
    pub before: Vec<String>,
    /// How the one goes on, that event first; empty if it is over.
    pub one: Vec<String>,
    /// How the other goes on.
    pub other: Vec<String>,
}

impl Difference {
    /// When the first event that differs happens, in seconds of virtual time from
    /// the beginning of the run: in the one that comes to it first.
    pub fn at(&self) -> &str {
        let seconds = |word: &str| word.parse::<f64>().unwrap_or(f64::INFINITY);
        let (one, other) = (time_of(&self.one), time_of(&self.other));
        if seconds(other) < seconds(one) {
            other
        } else {
            one
        }
    }

    /// The first event that differs, in both versions.
    pub fn versions(&self) -> [&str; 2] {
        [&self.one, &self.other].map(|lines| lines.first().map_or("(the end)", |line| line.trim()))
    }

    /// All of it for people; `names` are those of the two runs.
    pub fn lines(&self, names: [&str; 2]) -> Vec<String> {
        let mut text = vec![format!(
            "  first event that differs: {}, at {}",
            self.event,
            self.at()
        )];
        text.extend(self.before.iter().map(|line| format!("    {line}")));
        for (name, lines) in names.into_iter().zip([&self.one, &self.other]) {
            text.push(format!("  {name} goes on with"));
            text.extend(lines.iter().map(|line| format!("    {line}")));
            if lines.len() < AFTER {
                text.push("    (the end)".to_owned());
            }
        }
        text
    }
}

/// Where the traces in two files part; nowhere if they are the same.
///
/// # Errors
/// One of them cannot be read.
pub(super) fn first(one: &Path, other: &Path) -> io::Result<Option<Difference>> {
    let mut one = BufReader::with_capacity(1 << 16, File::open(one)?);
    let mut other = BufReader::with_capacity(1 << 16, File::open(other)?);
    let (mut left, mut right) = (Vec::new(), Vec::new());
    let mut before = VecDeque::with_capacity(BEFORE + 1);
    for event in 1.. {
        left.clear();
        right.clear();
        let ended = one.read_until(b'\n', &mut left)? == 0;
        let both_ended = other.read_until(b'\n', &mut right)? == 0 && ended;
        if left != right {
            return Ok(Some(Difference {
                event,
                before: before.iter().map(|line: &Vec<u8>| shown(line)).collect(),
                one: rest(&left, &mut one)?,
                other: rest(&right, &mut other)?,
            }));
        }
        if both_ended {
            break;
        }
        if before.len() == BEFORE {
            before.pop_front();
        }
        before.push_back(left.clone());
    }
    Ok(None)
}

/// When the first of `lines` happens, as it is written there.
fn time_of(lines: &[String]) -> &str {
    let word = lines
        .first()
        .and_then(|line| line.split_whitespace().next());
    word.unwrap_or("the end")
}

fn shown(line: &[u8]) -> String {
    String::from_utf8_lossy(line).trim_end().to_owned()
}

/// `line`, unless it is the end, and the next ones.
fn rest(line: &[u8], lines: &mut impl BufRead) -> io::Result<Vec<String>> {
    let mut rest = Vec::with_capacity(AFTER);
    let mut line = line.to_vec();
    while !line.is_empty() && rest.len() < AFTER {
        rest.push(shown(&line));
        line.clear();
        if rest.len() < AFTER {
            lines.read_until(b'\n', &mut line)?;
        }
    }
    Ok(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn difference(one: &str, other: &str) -> Option<Difference> {
        let folder = tempfile::tempdir().expect("a folder");
        let paths = [folder.path().join("one"), folder.path().join("other")];
        std::fs::write(&paths[0], one).expect("a file");
        std::fs::write(&paths[1], other).expect("a file");
        first(&paths[0], &paths[1]).expect("they can be read")
    }

    #[test]
    fn finds_the_first_event_that_differs_and_what_is_around_it() {
        assert_eq!(difference("", ""), None);
        assert_eq!(difference("a\nb\n", "a\nb\n"), None);
        let found = difference("a\nb\nc\nd\ne\nf\n", "a\nb\nc\nd\nx\nf\ng\nh\n");
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let expected = Difference {
            event: 5,
            before: words("b c d"),
            one: words("e f"),
            other: words("x f g"),
        };
        assert_eq!(found, Some(expected));
    }

    #[test]
    fn a_trace_that_ends_early_differs_there() {
        let found = difference("a\n", "a\nb\n").expect("they differ");
        assert_eq!((found.event, found.versions()), (2, ["(the end)", "b"]));
        assert!(difference("a\nb\n", "a\n").is_some());
    }

    #[test]
    fn says_when_and_shows_both_versions() {
        let one = "  1.000000 same\n  3.500000 late\n";
        let other = "  1.000000 same\n  2.250000 early\n";
        let found = difference(one, other).expect("they differ");
        assert_eq!(found.at(), "2.250000");
        let text = found.lines(["the first", "the second"]).join("\n");
        let expected = [
            "  first event that differs: 2, at 2.250000",
            "      1.000000 same",
            "  the first goes on with",
            "      3.500000 late",
            "    (the end)",
            "  the second goes on with",
            "      2.250000 early",
            "    (the end)",
        ];
        assert_eq!(text, expected.join("\n"));
    }
}
