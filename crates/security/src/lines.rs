//! Files of lines that people write: words between spaces, `#` begins a comment.

use std::fmt;

/// What is wrong with a line. It never quotes the line, which may hold a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct LineError {
    /// The line, from 1; 0 stands for the file as a whole.
    pub line: usize,
    /// What is wrong with it, and what it should be.
    pub problem: String,
}

impl fmt::Display for LineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line > 0 {
            write!(f, "line {}: ", self.line)?;
        }
        f.write_str(&self.problem)
    }
}

/// A fault of the line `line`.
pub(crate) fn fault(line: usize, problem: impl Into<String>) -> LineError {
    let problem = problem.into();
    LineError { line, problem }
}

/// Lines that say something: their numbers, and their words without comments.
/// A word that begins with `#` begins a comment.
///
/// # Errors
/// The file is no UTF-8.
pub(crate) fn entries(bytes: &[u8]) -> Result<Vec<(usize, Vec<&str>)>, LineError> {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
            let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
            return Err(fault(line, "not UTF-8 text"));
        }
    };
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let lines = (1..).zip(text.lines().map(words));
    Ok(lines.filter(|(_, words)| !words.is_empty()).collect())
}

fn words(line: &str) -> Vec<&str> {
    let words = line.split_whitespace();
    words.take_while(|word| !word.starts_with('#')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_blank_lines_and_line_ends_do_not_count() {
        let text = b"\xef\xbb\xbf# head\r\n\r\n a  b\tc # tail\r\nd#e\n";
        let lines = entries(text).unwrap();
        assert_eq!(lines, [(3, vec!["a", "b", "c"]), (4, vec!["d#e"])]);
    }

    #[test]
    fn bytes_that_are_no_text_are_located() {
        let error = entries(b"a\nb\n\xff").unwrap_err();
        assert_eq!(error.to_string(), "line 3: not UTF-8 text");
        assert_eq!(fault(0, "empty").to_string(), "empty");
    }
}
