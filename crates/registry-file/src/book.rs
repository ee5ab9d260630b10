//! The heights of all indexers ever seen, kept beside the registry.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::entry::{Entry, Heights, Key};
use crate::files::{VERSIONS, read};
use crate::heights::{Belief, Chain, Course};
use crate::problem::{Lines, Problem, brief};

/// The largest book, in bytes.
const LEN_MAX: u64 = 256 << 20;

/// The format that is written and read.
const FORMAT: u64 = 1;

/// What is known of one indexer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Kept {
    created: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    updated: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    deleted: Option<u64>,
    /// Hash of its content, in hexadecimal.
    content: String,
    /// The name of the file that it stood in last.
    pub(crate) file: String,
}

/// All of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Book {
    format: u64,
    /// When it was begun, in milliseconds since 1970.
    pub(crate) began: u64,
    /// When it was written last; zero if that was not noted.
    #[serde(default)]
    pub(crate) written: u64,
    /// The highest height that was given out for lack of `[chain]`, as of then.
    #[serde(default)]
    pub(crate) unchained: u64,
    /// Whether `[chain]` said which height it was when it was written last.
    #[serde(default)]
    pub(crate) chained: bool,
    /// By account and function.
    entries: BTreeMap<String, BTreeMap<String, Kept>>,
}

impl Kept {
    pub(crate) fn heights(&self) -> Heights {
        Heights {
            created: self.created,
            updated: self.updated,
            deleted: self.deleted,
        }
    }
}

impl Book {
    pub(crate) fn new(began: u64) -> Book {
        Book {
            format: FORMAT,
            began,
            written: 0,
            unchained: 0,
            chained: false,
            entries: BTreeMap::new(),
        }
    }

    /// The book at `path`; `None` if there is none.
    ///
    /// # Errors
    /// It cannot be read, is no book, or one of a later format.
    pub(crate) fn load(path: &Path) -> Result<Option<Book>, Problem> {
        let bytes = match read(path, LEN_MAX) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Problem::of(path, format!("it cannot be read: {error}"))),
        };
        let lines = Lines::of(&bytes);
        let wrong = |line: usize, column: usize, what: &str| {
            let message = format!(
                "the versions of the registry cannot be read: {what}. It was left as it is; \
                 restore it from a copy, or move it away to begin anew"
            );
            let place = lines.place(lines.offset(line, column));
            Problem::at(path, place, message)
        };
        let book: Book = serde_json::from_slice(&bytes)
            .map_err(|error| wrong(error.line(), error.column(), &brief(&error.to_string())))?;
        if book.format != FORMAT {
            let what = format!("its format is {}, and {FORMAT} is understood", book.format);
            return Err(wrong(1, 1, &what));
        }
        Ok(Some(book))
    }

    /// Writes it to `path`: whole, or not at all.
    pub(crate) fn save(&self, path: &Path) -> io::Result<()> {
        let text = serde_json::to_vec_pretty(self)?;
        let beside = with_suffix(path, ".new");
        let mut file = File::create(&beside)?;
        file.write_all(&text)?;
        file.sync_all()?;
        fs::rename(&beside, path)?;
        if let Some(folder) = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty())
        {
            File::open(folder)?.sync_all()?;
        }
        Ok(())
    }

    pub(crate) fn get(&self, (account, function): &Key) -> Option<&Kept> {
        self.entries.get(account)?.get(function)
    }

    /// All indexers with what is known of them, ordered by name.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Key, &Kept)> {
        self.entries.iter().flat_map(|(account, functions)| {
            functions
                .iter()
                .map(move |(function, kept)| ((account.clone(), function.clone()), kept))
        })
    }

    /// Which are registered, ordered by name.
    pub(crate) fn living(&self) -> impl Iterator<Item = (Key, &Kept)> {
        self.iter().filter(|(_, kept)| kept.deleted.is_none())
    }

    /// What is to be believed at `now`, in milliseconds since 1970. A clock that stands
    /// before the last writing is not yet right, as on machines that have to ask for the
    /// time first: the heights of the book are true all the same.
    pub(crate) fn belief(&self, now: u64) -> Belief {
        Belief {
            began: self.began,
            latest: now.max(self.written),
            unchained: self.unchained,
            most: None,
        }
    }

    /// The heights that a start without [chain] has to go on with, if it had one before.
    pub(crate) fn course(&self, chain: Option<Chain>, bound: u64) -> Option<Course> {
        (self.chained && chain.is_none()).then(|| Course {
            chained: true,
            height: self.highest(bound),
        })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The highest height that is not above `bound`.
    pub(crate) fn highest(&self, bound: u64) -> u64 {
        let of = |kept: &Kept| [Some(kept.created), kept.updated, kept.deleted];
        let heights = self.iter().flat_map(|(_, kept)| of(kept));
        heights
            .flatten()
            .filter(|height| *height <= bound)
            .max()
            .unwrap_or(0)
    }

    /// Those of which a height is above `bound`, ordered by name.
    pub(crate) fn beyond(&self, bound: u64) -> impl Iterator<Item = (Key, u64)> {
        self.iter()
            .map(|(key, kept)| (key, kept.heights().highest()))
            .filter(move |(_, highest)| *highest > bound)
    }

    /// The highest height that is kept of an indexer, if it is above `bound`.
    pub(crate) fn unbelieved(&self, key: &Key, bound: u64) -> Option<u64> {
        let highest = self.get(key)?.heights().highest();
        (highest > bound).then_some(highest)
    }

    /// Takes over what `file` says at `height`. Who names a version where the one that
    /// is kept is above `bound`, begins anew with it.
    pub(crate) fn register(&mut self, entry: &Entry, file: &str, height: u64, bound: u64) {
        let content = format!("{:032x}", entry.content);
        let before = self.get(&entry.key).cloned().filter(|kept| {
            let believed = kept.heights().highest() <= bound;
            believed || entry.version.is_none()
        });
        let mut kept = match before {
            None => {
                let version = entry.version.unwrap_or(height);
                let created = entry.created.unwrap_or(version).min(version);
                Kept {
                    created,
                    updated: (version > created).then_some(version),
                    deleted: None,
                    content,
                    file: file.to_owned(),
                }
            }
            Some(before) => {
                let heights = before.heights();
                let stays = heights.deleted.is_none() || entry.is_deleted();
                let same = before.content == content && stays;
                let version = if same {
                    heights.version().max(entry.version.unwrap_or(0))
                } else {
                    // Never below what was seen: neither version nor tombstone.
                    let least = heights.highest().saturating_add(1);
                    entry.version.unwrap_or(height).max(least)
                };
                Kept {
                    created: heights.created,
                    updated: if version > heights.created {
                        Some(version)
                    } else {
                        heights.updated
                    },
                    deleted: None,
                    content,
                    file: file.to_owned(),
                }
            }
        };
        if let Some(deleted) = entry.deleted {
            kept.deleted = Some(deleted);
        }
        self.put(entry.key.clone(), kept);
    }

    /// Leaves a tombstone, as of `height`.
    pub(crate) fn delete(&mut self, (account, function): &Key, height: u64) {
        let functions = self.entries.get_mut(account);
        if let Some(kept) = functions.and_then(|functions| functions.get_mut(function)) {
            kept.deleted = Some(height.max(kept.heights().version()));
        }
    }

    fn put(&mut self, (account, function): Key, kept: Kept) {
        let functions = self.entries.entry(account).or_default();
        functions.insert(function, kept);
    }
}

/// Where the book of the registry at `root` is kept unless told otherwise.
pub(crate) fn default_path(root: &Path) -> PathBuf {
    match root.file_name() {
        Some(_) => with_suffix(root, VERSIONS),
        // A folder such as `..`, which has no name of its own.
        None => root.join(VERSIONS),
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(suffix);
    path.with_file_name(name)
}
