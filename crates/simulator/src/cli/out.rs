//! Where words go: data to stdout, talk to stderr.

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::path::Path;

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};
use clap::ValueEnum;
use indicatif::ProgressBar;

use crate::scenario::Diagnostic;

/// When to color.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, unless NO_COLOR is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// The two streams. What cannot be written is not: a reader that went away is no
/// reason to fail.
pub struct Out {
    data: Box<dyn Write>,
    talk: Box<dyn Write>,
    /// Whether people read the data, not programs.
    pub data_is_terminal: bool,
    /// Whether people watch the talk as it happens.
    pub talk_is_terminal: bool,
    bar: Option<ProgressBar>,
}

impl Out {
    /// The streams of this process.
    pub fn new(color: Color) -> Out {
        let choice = match color {
            Color::Auto => ColorChoice::Auto,
            Color::Always => ColorChoice::Always,
            Color::Never => ColorChoice::Never,
        };
        Out {
            data: Box::new(AutoStream::new(io::stdout(), choice)),
            talk: Box::new(AutoStream::new(io::stderr(), choice)),
            data_is_terminal: io::stdout().is_terminal(),
            talk_is_terminal: io::stderr().is_terminal(),
            bar: None,
        }
    }

    /// Writes a line, or several, of data.
    pub fn data(&mut self, text: &str) {
        let data = &mut self.data;
        let mut write = || {
            let _ = writeln!(data, "{text}").and_then(|()| data.flush());
        };
        match &self.bar {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }

    /// Writes a line of JSON.
    pub fn json(&mut self, line: serde_json::Result<String>) {
        match line {
            Ok(line) => self.data(&line),
            Err(error) => self.error(&error.to_string()),
        }
    }

    /// Writes a line, or several, to whom it may concern.
    pub fn talk(&mut self, text: &str) {
        let talk = &mut self.talk;
        let mut write = || {
            let _ = writeln!(talk, "{text}");
        };
        match &self.bar {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }

    /// Complains.
    pub fn error(&mut self, text: &str) {
        self.talk(&format!("{}: {text}", red("error")));
    }

    /// Shows what is wrong with scenarios.
    pub fn diagnostics(&mut self, found: &[Diagnostic]) {
        for one in found {
            self.talk(&one.render(true));
        }
    }

    /// Copies a file to the data. A reader that went away ends it early.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn file(&mut self, path: &Path) -> io::Result<()> {
        let mut file = File::open(path)?;
        let mut stdout = io::BufWriter::with_capacity(1 << 16, io::stdout().lock());
        match io::copy(&mut file, &mut stdout).and_then(|_| stdout.flush()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
            _ => Ok(()),
        }
    }

    /// From now on, words make way for a progress bar.
    pub fn share_with(&mut self, bar: Option<ProgressBar>) {
        self.bar = bar;
    }
}

/// In red, where colors are wanted.
pub fn red(text: &str) -> String {
    styled(AnsiColor::Red, text)
}

/// In green, where colors are wanted.
pub fn green(text: &str) -> String {
    styled(AnsiColor::Green, text)
}

fn styled(color: AnsiColor, text: &str) -> String {
    let style = Style::new().bold().fg_color(Some(color.into()));
    format!("{style}{text}{style:#}")
}
