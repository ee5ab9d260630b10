//! What the program does besides running the service.

mod config;
mod operator;
mod probe;
mod registry;
mod state;
mod version;

use std::io::{self, Write};

pub use config::{check, print};
pub use operator::operator;
pub use probe::{Probe, Question, probe, url};
pub use registry::registry_check;
pub use state::{StateCommand, state};
pub use version::version;

use crate::cli;
use crate::exit::Exit;

/// Where a command writes: data to one, talk to the other.
pub struct Console<'a> {
    /// Standard output.
    pub out: &'a mut dyn Write,
    /// Standard error.
    pub err: &'a mut dyn Write,
}

impl Console<'_> {
    /// Writes `text` to the output; a reader that has gone away is no failure to
    /// talk about.
    pub fn data(&mut self, text: &str) -> Exit {
        match self
            .out
            .write_all(text.as_bytes())
            .and_then(|()| self.out.flush())
        {
            Ok(()) => Exit::Ok,
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Failed,
            Err(error) => {
                self.talk(&format!("error: the output cannot be written: {error}\n"));
                Exit::Failed
            }
        }
    }

    /// Writes `text` to standard error. With nobody to read it the exit code has
    /// to do.
    pub fn talk(&mut self, text: &str) {
        let _ = self.err.write_all(text.as_bytes());
    }
}

/// `completions`.
pub fn completions(shell: clap_complete::Shell, console: &mut Console<'_>) -> Exit {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut cli::command(), "coordinator", &mut script);
    console.data(&String::from_utf8_lossy(&script))
}
