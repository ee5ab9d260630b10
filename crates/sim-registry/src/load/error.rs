//! Errors of registry files, with their place.

use std::fmt;

use serde::Deserialize;

/// A place in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file's name as it was given.
    pub file: String,
    /// Counted from 1.
    pub line: usize,
    /// In bytes, counted from 1.
    pub column: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// Why a registry file could not be read.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file system refused.
    #[error("{file}: cannot be read: {source}")]
    Unreadable {
        /// The file's name.
        file: String,
        /// What the file system said.
        source: std::io::Error,
    },
    /// The file is larger than is sensible for a registry.
    #[error("{file}: is larger than {limit} bytes")]
    TooLarge {
        /// The file's name.
        file: String,
        /// The largest size that is read, in bytes.
        limit: u64,
    },
    /// The content is not a registry.
    #[error("{place}: error: {}{message}", prefix(.subject))]
    Invalid {
        /// Where it is wrong.
        place: Place,
        /// The account or `account/function` it is wrong in, if any.
        subject: Option<String>,
        /// What is wrong, and what was expected.
        message: String,
    },
}

impl LoadError {
    /// Where the file is wrong, for errors of its content.
    pub fn place(&self) -> Option<&Place> {
        match self {
            LoadError::Invalid { place, .. } => Some(place),
            LoadError::Unreadable { .. } | LoadError::TooLarge { .. } => None,
        }
    }

    /// Names what the error is about, unless it is named already.
    pub(super) fn about(mut self, name: &str) -> LoadError {
        if let LoadError::Invalid { subject, .. } = &mut self {
            subject.get_or_insert_with(|| name.to_owned());
        }
        self
    }
}

fn prefix(subject: &Option<String>) -> String {
    subject
        .as_ref()
        .map(|subject| format!("{subject}: "))
        .unwrap_or_default()
}

/// The text of a file, to which errors in parts of it refer.
pub(super) struct Source<'a> {
    file: &'a str,
    text: &'a str,
}

impl<'a> Source<'a> {
    pub(super) fn new(file: &'a str, text: &'a [u8]) -> Result<Source<'a>, LoadError> {
        match std::str::from_utf8(text) {
            Ok(text) => Ok(Source { file, text }),
            Err(error) => {
                let valid = text.get(..error.valid_up_to()).unwrap_or_default();
                let (line, column) = position(valid);
                let place = Place {
                    file: file.to_owned(),
                    line,
                    column,
                };
                let message = "the text is not UTF-8, which JSON must be".to_owned();
                Err(LoadError::Invalid {
                    place,
                    subject: None,
                    message,
                })
            }
        }
    }

    pub(super) fn text(&self) -> &'a str {
        self.text
    }

    /// Decodes `part`, a slice of the text; errors say that `expected` was.
    pub(super) fn decode<'p, T: Deserialize<'p>>(
        &self,
        part: &'p str,
        expected: &str,
    ) -> Result<T, LoadError> {
        serde_json::from_str(part).map_err(|error| {
            let (first_line, first_column) = self.position_of(part);
            let (line, column) = match error.line() {
                0 | 1 => (first_line, first_column + error.column().saturating_sub(1)),
                more => (first_line + more - 1, error.column().max(1)),
            };
            let text = error.to_string();
            let what = text
                .rfind(" at line ")
                .and_then(|end| text.get(..end))
                .unwrap_or(&text);
            LoadError::Invalid {
                place: Place {
                    file: self.file.to_owned(),
                    line,
                    column,
                },
                subject: None,
                message: format!("{what} (expected {expected})"),
            }
        })
    }

    /// An error at the beginning of `part`, a slice of the text.
    pub(super) fn error_at(&self, part: &str, message: String) -> LoadError {
        let (line, column) = self.position_of(part);
        let place = Place {
            file: self.file.to_owned(),
            line,
            column,
        };
        LoadError::Invalid {
            place,
            subject: None,
            message,
        }
    }

    fn position_of(&self, part: &str) -> (usize, usize) {
        // Raw JSON values borrow from the text, so the distance is their offset.
        let offset = (part.as_ptr() as usize).saturating_sub(self.text.as_ptr() as usize);
        position(self.text.as_bytes().get(..offset).unwrap_or_default())
    }
}

/// Line and column, from 1, of what follows `before`.
fn position(before: &[u8]) -> (usize, usize) {
    let line = before.iter().filter(|&&byte| byte == b'\n').count() + 1;
    let column = before
        .iter()
        .rev()
        .take_while(|&&byte| byte != b'\n')
        .count()
        + 1;
    (line, column)
}
