//! What is wrong with a scenario file, and where.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

/// One mistake in a scenario file.
#[derive(Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// The file as the user named it.
    pub file: Arc<str>,
    /// The line, from 1; 0 if the mistake has no place (a file that cannot be read).
    pub line: usize,
    /// The column in characters, from 1; 0 if the mistake has no place.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// What was expected, or how to do it right.
    pub help: Option<String>,
    source: Arc<str>,
    span: Range<usize>,
}

impl Diagnostic {
    /// A mistake that has no place within the file.
    pub fn of_file(file: &str, message: impl Into<String>) -> Diagnostic {
        Diagnostic {
            file: file.into(),
            line: 0,
            column: 0,
            message: message.into(),
            help: None,
            source: "".into(),
            span: 0..0,
        }
    }

    /// The mistake as an excerpt of the file with the place marked. With
    /// `color` it holds terminal escapes.
    pub fn render(&self, color: bool) -> String {
        if self.line == 0 {
            return self.to_string();
        }
        let snippet = Snippet::source(&*self.source)
            .path(&*self.file)
            .annotation(AnnotationKind::Primary.span(self.span.clone()));
        let mut group = Level::ERROR.primary_title(&*self.message).element(snippet);
        if let Some(help) = &self.help {
            group = group.element(Level::HELP.message(&**help));
        }
        let renderer = if color {
            Renderer::styled()
        } else {
            Renderer::plain()
        };
        renderer.render(&[group])
    }
}

impl fmt::Display for Diagnostic {
    /// `path:line:col: error: message`, the form that editors and CI understand.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line == 0 {
            write!(formatter, "{}: error: {}", self.file, self.message)?;
        } else {
            write!(
                formatter,
                "{}:{}:{}: error: {}",
                self.file, self.line, self.column, self.message
            )?;
        }
        match &self.help {
            Some(help) => write!(formatter, "; {help}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Diagnostic {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

/// The text of a scenario file and the mistakes found in it so far.
pub(super) struct Report {
    file: Arc<str>,
    source: Arc<str>,
    found: Vec<Diagnostic>,
}

impl Report {
    pub fn new(file: &str, source: &str) -> Report {
        Report {
            file: file.into(),
            source: source.into(),
            found: Vec::new(),
        }
    }

    /// Notes a mistake at a byte range of the text.
    pub fn add(&mut self, span: Range<usize>, message: impl Into<String>) {
        self.add_with(span, message, None);
    }

    /// Notes a mistake with help on how to do it right.
    pub fn add_with(
        &mut self,
        span: Range<usize>,
        message: impl Into<String>,
        help: Option<String>,
    ) {
        let span = self.fit(span);
        let (line, column) = place(&self.source, span.start);
        self.found.push(Diagnostic {
            file: Arc::clone(&self.file),
            line,
            column,
            message: message.into(),
            help,
            source: Arc::clone(&self.source),
            span,
        });
    }

    /// The line, from 1, of a byte offset.
    pub fn line(&self, offset: usize) -> usize {
        place(&self.source, offset).0
    }

    /// True if nothing is wrong so far.
    pub fn is_clean(&self) -> bool {
        self.found.is_empty()
    }

    /// All mistakes in the order of the file.
    pub fn finish(mut self) -> Vec<Diagnostic> {
        self.found
            .sort_by_key(|mistake| (mistake.line, mistake.column));
        self.found.dedup();
        self.found
    }

    /// The part of `span` that lies in the text, on character boundaries.
    fn fit(&self, span: Range<usize>) -> Range<usize> {
        let start = self.source.floor_char_boundary(span.start);
        let end = self.source.ceil_char_boundary(span.end);
        start..end.max(start)
    }
}

/// Line and column (from 1, in characters) of a byte offset.
fn place(source: &str, offset: usize) -> (usize, usize) {
    let before = source.get(..offset).unwrap_or(source);
    let line = before.matches('\n').count() + 1;
    let column = before
        .rsplit('\n')
        .next()
        .map_or(0, |tail| tail.chars().count())
        + 1;
    (line, column)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_counted_in_characters_from_one() {
        let source = "a = 1\n\u{e4}\u{f6} = 2\n";
        assert_eq!(place(source, 0), (1, 1));
        assert_eq!(place(source, 4), (1, 5));
        assert_eq!(place(source, 6), (2, 1));
        assert_eq!(place(source, source.find('2').unwrap()), (2, 6));
        assert_eq!(place(source, 9_999), (3, 1));
    }

    #[test]
    fn spans_outside_the_text_or_inside_a_letter_do_no_harm() {
        let mut report = Report::new("f", "\u{e4}");
        report.add(1..1, "inside a letter");
        report.add(5..90, "outside");
        for mistake in report.finish() {
            assert!(mistake.render(false).contains(&mistake.message));
        }
    }

    #[test]
    fn shows_place_message_and_help() {
        let mut report = Report::new("a.toml", "x = 1\nyy = 2\n");
        report.add_with(
            6..8,
            "unknown key `yy`",
            Some("did you mean `y`?".to_owned()),
        );
        let found = report.finish();
        let text = found.first().map(ToString::to_string).unwrap_or_default();
        assert_eq!(
            text,
            "a.toml:2:1: error: unknown key `yy`; did you mean `y`?"
        );
        let picture = found
            .first()
            .map(|mistake| mistake.render(false))
            .unwrap_or_default();
        for part in ["a.toml:2:1", "yy = 2", "^^", "did you mean `y`?"] {
            assert!(picture.contains(part), "{part} is missing in\n{picture}");
        }
    }
}
