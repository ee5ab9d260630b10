//! What is wrong, and where.

use std::fmt;
use std::path::Path;

/// The most characters of a text from elsewhere that are repeated.
const TEXT_LEN_MAX: usize = 300;

/// The most problems of one file that are told.
pub(crate) const PROBLEMS_MAX: usize = 100;

/// A place in a file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Counted from 1.
    pub line: usize,
    /// In bytes, counted from 1.
    pub column: usize,
}

/// Something that is wrong with a file or folder. Written out it begins with
/// `path:line:column:`, which editors understand.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// The file or folder, as it was given.
    pub path: String,
    /// Where in it, if it is about a place.
    pub place: Option<Place>,
    /// What is wrong, and what was expected.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Some(Place { line, column }) => {
                write!(formatter, "{}:{line}:{column}: {}", self.path, self.message)
            }
            None => write!(formatter, "{}: {}", self.path, self.message),
        }
    }
}

impl Problem {
    /// A problem with all of `path`.
    pub(crate) fn of(path: &Path, message: impl Into<String>) -> Problem {
        Problem {
            path: path.display().to_string(),
            place: None,
            message: message.into(),
        }
    }

    /// A problem at a place in `path`.
    pub(crate) fn at(path: &Path, place: Place, message: impl Into<String>) -> Problem {
        Problem {
            place: Some(place),
            ..Problem::of(path, message)
        }
    }
}

/// The beginning of a text in one line. Whatever is no visible character is written
/// `\u{..}`: a name can neither steer what shows it nor look like another one.
pub(crate) fn brief(text: &str) -> String {
    let mut shown = String::new();
    for c in text.chars().take(TEXT_LEN_MAX) {
        match c {
            '\n' | '\r' | '\t' => shown.push(' '),
            '\'' | '"' | '\\' => shown.push(c),
            c => shown.extend(c.escape_debug()),
        }
    }
    shown
}

/// Where the lines of a text begin: places are asked for by the hundred thousand,
/// and counting from the beginning would take too long.
#[derive(Debug)]
pub(crate) struct Lines(Vec<usize>);

impl Lines {
    pub(crate) fn of(text: &[u8]) -> Lines {
        let after = |(at, byte): (usize, &u8)| (*byte == b'\n').then_some(at + 1);
        let mut starts = vec![0];
        starts.extend(text.iter().enumerate().filter_map(after));
        Lines(starts)
    }

    /// The place of what stands `offset` bytes into the text.
    pub(crate) fn place(&self, offset: usize) -> Place {
        let line = self.0.partition_point(|start| *start <= offset).max(1);
        let start = self.0.get(line - 1).copied().unwrap_or(0);
        Place {
            line,
            column: offset.saturating_sub(start) + 1,
        }
    }

    /// The offset of a line and column, both counted from 1.
    pub(crate) fn offset(&self, line: usize, column: usize) -> usize {
        let start = self.0.get(line.saturating_sub(1)).copied().unwrap_or(0);
        start + column.saturating_sub(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_seen_is_spelt_out() {
        assert_eq!(brief("a\u{1b}[2J\u{202e}b"), r"a\u{1b}[2J\u{202e}b");
        assert_eq!(brief("it's \"a\\b\"\n区块"), r#"it's "a\b" 区块"#);
        assert_eq!(brief(&"x".repeat(1000)).len(), TEXT_LEN_MAX);
    }

    #[test]
    fn places_are_counted_in_lines_and_bytes() {
        let text = "ab\nüx\n";
        let lines = Lines::of(text.as_bytes());
        let at = |offset| {
            let place = lines.place(offset);
            (place.line, place.column)
        };
        assert_eq!(at(0), (1, 1));
        assert_eq!(at(2), (1, 3));
        assert_eq!(at(3), (2, 1));
        assert_eq!(at(5), (2, 3));
        assert_eq!(at(7), (3, 1));
        for offset in 0..text.len() {
            let (line, column) = at(offset);
            assert_eq!(lines.offset(line, column), offset);
        }
        let problem = Problem::at(Path::new("r.toml"), lines.place(5), "x is wrong");
        assert_eq!(problem.to_string(), "r.toml:2:3: x is wrong");
    }
}
