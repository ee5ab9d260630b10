//! Where a value comes from.

use std::fmt;
use std::path::PathBuf;

/// Where a value was set. The first kind that sets a thing wins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// By a flag, named with its dashes.
    Flag(String),
    /// By an environment variable.
    Env(String),
    /// In the configuration file. Line and column count from 1.
    File {
        /// The file as it was named.
        path: PathBuf,
        /// The line.
        line: usize,
        /// The column, in characters.
        column: usize,
    },
    /// Nowhere: it is the default.
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Flag(flag) => write!(f, "{flag}"),
            Origin::Env(name) => write!(f, "{name} in the environment"),
            Origin::File { path, line, column } => {
                write!(f, "{}:{line}:{column}", path.display())
            }
            Origin::Default => write!(f, "default"),
        }
    }
}

/// A value as it was written, before anybody has looked at it.
#[derive(Clone, PartialEq, Eq)]
pub struct Given {
    /// The text; it may be a secret.
    pub text: String,
    /// Where it was written.
    pub origin: Origin,
}

impl fmt::Debug for Given {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Given")
            .field("origin", &self.origin)
            .finish_non_exhaustive()
    }
}
