//! Where words go: data to stdout, talk to stderr.

use std::io::{self, BufRead, BufReader, ErrorKind, IsTerminal, Read, Write};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anstream::{AutoStream, ColorChoice};
use clap::ValueEnum;

use crate::exit::{Exit, Failure};

/// The longest list of names that is read from the input, in bytes.
const INPUT_MAX: u64 = 16 << 20;

/// When to color.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, unless NO_COLOR says otherwise.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// The streams of a command, and its clock.
pub struct Console {
    /// What was asked for.
    pub data: Box<dyn Write + Send>,
    /// Everything else.
    pub talk: Box<dyn Write + Send>,
    /// Lists of names, and answers to questions.
    pub input: Box<dyn BufRead + Send>,
    /// Whether somebody is there to answer a question.
    pub is_interactive: bool,
    /// The time of day.
    pub now: fn() -> SystemTime,
}

impl Console {
    /// The streams of this process.
    pub fn standard(color: Color) -> Console {
        let choice = match color {
            Color::Auto => ColorChoice::Auto,
            Color::Always => ColorChoice::Always,
            Color::Never => ColorChoice::Never,
        };
        Console {
            data: stream(io::stdout(), choice),
            talk: stream(io::stderr(), choice),
            input: Box::new(BufReader::new(io::stdin())),
            is_interactive: io::stdin().is_terminal() && io::stderr().is_terminal(),
            now: SystemTime::now,
        }
    }

    /// Milliseconds since the Unix epoch.
    pub(crate) fn now_ms(&self) -> u64 {
        let since = (self.now)()
            .duration_since(UNIX_EPOCH)
            .unwrap_or(Duration::ZERO);
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }

    /// Writes lines of data; `text` brings its own line ends.
    ///
    /// # Errors
    /// They could not be written. If the reader went away, nobody is told.
    pub(crate) fn data(&mut self, text: &str) -> Result<(), Failure> {
        let data = &mut self.data;
        let written = data.write_all(text.as_bytes()).and_then(|()| data.flush());
        written.map_err(|error| match error.kind() {
            ErrorKind::BrokenPipe => Failure::new(Exit::OutputClosed, ""),
            _ => Failure::new(
                Exit::Failed,
                format!("the output could not be written: {error}"),
            ),
        })
    }

    /// Writes a line to whom it may concern. Nothing depends on it, so what
    /// cannot be written is not.
    pub(crate) fn talk(&mut self, text: &str) {
        let talk = &mut self.talk;
        let _ = writeln!(talk, "{text}").and_then(|()| talk.flush());
    }

    /// Asks a question that is answered by yes or no; no answer is a no.
    pub(crate) fn confirm(&mut self, question: &str) -> bool {
        let _ = write!(self.talk, "{question} [y/N] ").and_then(|()| self.talk.flush());
        let mut answer = String::new();
        let read = self.input.by_ref().take(1 << 10).read_line(&mut answer);
        read.is_ok() && matches!(answer.trim().to_lowercase().as_str(), "y" | "yes")
    }

    /// All of the input.
    ///
    /// # Errors
    /// It cannot be read, is no UTF-8, or is longer than [`INPUT_MAX`].
    pub(crate) fn read_input(&mut self) -> Result<String, Failure> {
        let mut text = String::new();
        let read = self
            .input
            .by_ref()
            .take(INPUT_MAX + 1)
            .read_to_string(&mut text);
        match read {
            Ok(length) if length as u64 > INPUT_MAX => Err(Failure::usage(format!(
                "the list on stdin is longer than {} MiB; split it",
                INPUT_MAX >> 20
            ))),
            Ok(_) => Ok(text),
            Err(error) => Err(Failure::usage(format!(
                "the list on stdin cannot be read: {error}"
            ))),
        }
    }
}

fn stream<S>(raw: S, choice: ColorChoice) -> Box<dyn Write + Send>
where
    S: anstream::stream::RawStream + anstream::stream::AsLockedWrite + Send + 'static,
{
    Box::new(AutoStream::new(raw, choice))
}
