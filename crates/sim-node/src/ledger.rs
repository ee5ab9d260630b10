//! The ledger as a file: one line of JSON per event.
//!
//! ```text
//! {"at":1763794599000000,"started":{"node":"sim-block-streamer","process":4711}}
//! {"at":1763794600000000,"happened":{"event":"cursor_set","key":"a.near/f","task":1,"height":7}}
//! ```
//!
//! `at` is in microseconds since the Unix epoch. A node writes a `started` line
//! when it begins: whatever the lines before it say runs, has ended with the
//! process, though no line says so. A line is written whole and at once, without
//! a buffer, right after what it tells of: a node that is killed in between has
//! done something that its ledger does not know.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::{Event, Ledger, Time};

/// The longest line, in bytes. What a node is told comes in a message of at most
/// 4 MiB; a line may hold its names twice, and JSON makes six bytes of one that has
/// to be escaped.
const LINE_BYTES_MAX: u64 = 64 << 20;

/// A line of the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// When.
    pub at: Time,
    /// What.
    #[serde(flatten)]
    pub what: What,
}

/// What a line tells of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// A process began; everything its node held before is gone.
    Started {
        /// Which node.
        node: String,
        /// The number of the process.
        process: u32,
    },
    /// Something happened at the node.
    Happened(Event),
}

/// A ledger that cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The operating system refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// A line that ends with a line break is no line of a ledger.
    #[error("{}:{line}: {why}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The number of the line, from 1.
        line: u64,
        /// What is wrong with it.
        why: String,
    },
}

/// A ledger that goes to a file.
#[derive(Debug)]
pub struct FileLedger {
    file: File,
    failed: bool,
}

impl FileLedger {
    /// Goes on with the file `path`, which is made if there is none, and notes
    /// that `node` begins at `now`. A last line that a killed process left
    /// unfinished is cut off.
    ///
    /// # Errors
    /// The file cannot be opened or written.
    pub fn open(path: &Path, node: &str, now: Time) -> Result<FileLedger, LedgerError> {
        let io = |source| LedgerError::Io {
            path: path.to_owned(),
            source,
        };
        let mut file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .open(path)
            .map_err(io)?;
        cut_torn_line(&mut file).map_err(io)?;
        let started = Line {
            at: now,
            what: What::Started {
                node: node.to_owned(),
                process: std::process::id(),
            },
        };
        write_line(&mut file, &started).map_err(io)?;
        Ok(FileLedger {
            file,
            failed: false,
        })
    }
}

impl Ledger for FileLedger {
    /// A line that cannot be written is lost; the first one is complained about
    /// on standard error.
    fn record(&mut self, now: Time, event: Event) {
        let line = Line {
            at: now,
            what: What::Happened(event),
        };
        if let Err(error) = write_line(&mut self.file, &line)
            && !std::mem::replace(&mut self.failed, true)
        {
            let _unheard = writeln!(io::stderr(), "the ledger is incomplete: {error}");
        }
    }
}

fn write_line(file: &mut File, line: &Line) -> io::Result<()> {
    let mut bytes = serde_json::to_vec(line)?;
    bytes.push(b'\n');
    file.write_all(&bytes)
}

fn cut_torn_line(file: &mut File) -> io::Result<()> {
    let length = file.metadata()?.len();
    let from = length.saturating_sub(LINE_BYTES_MAX);
    file.seek(SeekFrom::Start(from))?;
    let mut tail = Vec::new();
    Read::take(&mut *file, LINE_BYTES_MAX).read_to_end(&mut tail)?;
    let whole = tail.iter().rposition(|byte| *byte == b'\n');
    let kept = whole.map_or(0, |at| at as u64 + 1);
    // Without any line break in so many bytes this is no ledger: leave it alone.
    if kept < tail.len() as u64 && (kept > 0 || from == 0) {
        file.set_len(from + kept)?;
    }
    Ok(())
}

/// All lines of the ledger `path`; none if there is no such file. A last line
/// without its line break is still being written, or never will be, and is left
/// out.
///
/// # Errors
/// The file cannot be read, or a whole line of it makes no sense.
pub fn read(path: &Path) -> Result<Vec<Line>, LedgerError> {
    Tail::new(path).read_new()
}

/// Reads a ledger while it grows.
#[derive(Clone, Debug)]
pub struct Tail {
    path: PathBuf,
    offset: u64,
    line: u64,
}

impl Tail {
    /// Begins at the beginning of `path`, which need not exist yet.
    pub fn new(path: &Path) -> Tail {
        Tail {
            path: path.to_owned(),
            offset: 0,
            line: 0,
        }
    }

    /// The lines that were completed since the last call.
    ///
    /// # Errors
    /// As [`read`]. Lines before the bad one are lost to this call, and the next
    /// one begins with the bad one again.
    pub fn read_new(&mut self) -> Result<Vec<Line>, LedgerError> {
        let mut lines = Vec::new();
        let mut file = match File::open(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(lines),
            file => file.map_err(|error| self.io(error))?,
        };
        file.seek(SeekFrom::Start(self.offset))
            .map_err(|error| self.io(error))?;
        let mut reader = BufReader::new(file);
        let mut bytes = Vec::new();
        loop {
            bytes.clear();
            reader
                .by_ref()
                .take(LINE_BYTES_MAX)
                .read_until(b'\n', &mut bytes)
                .map_err(|error| self.io(error))?;
            if bytes.last() != Some(&b'\n') {
                let long = bytes.len() as u64 == LINE_BYTES_MAX;
                return if long {
                    Err(self.bad("it is too long"))
                } else {
                    Ok(lines)
                };
            }
            let line = serde_json::from_slice(&bytes).map_err(|error| self.bad(error))?;
            lines.push(line);
            self.offset += bytes.len() as u64;
            self.line += 1;
        }
    }

    fn io(&self, source: io::Error) -> LedgerError {
        LedgerError::Io {
            path: self.path.clone(),
            source,
        }
    }

    fn bad(&self, why: impl ToString) -> LedgerError {
        LedgerError::Line {
            path: self.path.clone(),
            line: self.line + 1,
            why: why.to_string(),
        }
    }
}
