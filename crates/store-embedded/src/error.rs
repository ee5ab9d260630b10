//! Why a store could not be opened.

use std::io;
use std::path::{Path, PathBuf};

/// Why the file of a store could not be opened. Nothing was changed in it,
/// unless said otherwise.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it open.
    #[error(
        "another coordinator holds {}; only one may use the file: stop it, or give this one \
         a data directory of its own",
        path.display()
    )]
    Held {
        /// The file.
        path: PathBuf,
    },
    /// The file was written by a later version of the program.
    #[error(
        "{} has format {found}, and this version knows only up to {known}; \
         start the version that wrote it, or a later one",
        path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// The format that it has.
        found: u64,
        /// The newest format that can be read.
        known: u64,
    },
    /// The file is a database of some other program.
    #[error(
        "{} is a database, but no coordinator's; give another data directory",
        path.display()
    )]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// The file is damaged, or no database at all.
    #[error(
        "{} cannot be read as a store ({why}); it was left as it is. Put a copy of it back, or \
         move it away to begin with an empty one",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What was found.
        why: String,
    },
    /// The operating system refused.
    #[error("{}: {doing} failed: {source}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What was attempted.
        doing: &'static str,
        /// What the operating system said.
        source: io::Error,
    },
}

impl OpenError {
    pub(crate) fn io(path: &Path, doing: &'static str, source: io::Error) -> OpenError {
        OpenError::Io {
            path: path.to_owned(),
            doing,
            source,
        }
    }

    pub(crate) fn damaged(path: &Path, why: impl ToString) -> OpenError {
        OpenError::Damaged {
            path: path.to_owned(),
            why: why.to_string(),
        }
    }

    /// What redb said while the file at `path` was opened or examined.
    pub(crate) fn from_redb(path: &Path, error: impl Into<redb::Error>) -> OpenError {
        match error.into() {
            redb::Error::DatabaseAlreadyOpen | redb::Error::LockProtocolMismatch => {
                OpenError::Held {
                    path: path.to_owned(),
                }
            }
            // A file that begins with something else, or is too short.
            redb::Error::Io(source)
                if matches!(
                    source.kind(),
                    io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof
                ) =>
            {
                OpenError::damaged(path, source)
            }
            redb::Error::Io(source) => OpenError::io(path, "opening it", source),
            other => OpenError::damaged(path, other),
        }
    }
}
