//! Looking at a registry without running it.

use std::path::Path;

use crate::book::{Book, default_path};
use crate::heights::{Belief, RISE_MAX, height_at};
use crate::merge::merge;
use crate::problem::Problem;
use crate::state::read_once;

/// What [`check`] found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// The names of the indexers that would be registered, as
    /// `account/function`, ordered; as they are, so fit for no terminal.
    pub indexers: Vec<String>,
    /// Everything that is wrong, ordered by file and place. If there is anything,
    /// a running coordinator would go on with what the file in question said
    /// before.
    pub problems: Vec<Problem>,
}

/// Reads the registry file or folder at `path`, with all files that it mentions,
/// and tells everything that is wrong, as of `now` in milliseconds since 1970. Nothing
/// is written; of the file with the versions, if one stands at its usual place, only
/// what says which heights can be true is used; then an entry that would not count in a
/// running coordinator is told, though a start would believe it.
/// Reads files: call it where blocking is allowed.
pub fn check(path: &Path, now: u64) -> Checked {
    let sources = match read_once(path) {
        Ok(sources) => sources,
        Err(problem) => {
            return Checked {
                problems: vec![problem],
                ..Checked::default()
            };
        }
    };
    let book = Book::load(&default_path(path)).ok().flatten();
    let mut belief = book.as_ref().map_or(
        Belief {
            began: now,
            latest: now,
            unchained: 0,
            most: None,
        },
        |book| book.belief(now),
    );
    if let Some(book) = book.as_ref().filter(|book| !book.is_empty()) {
        let merged = merge(&sources, &belief);
        let height = height_at(merged.chain, belief.began, now);
        let height = height.max(book.highest(merged.bound));
        belief.most = Some(height.saturating_add(RISE_MAX));
    }
    let merged = merge(&sources, &belief);
    let of_files = sources.values().flat_map(|source| &source.problems);
    let mut problems: Vec<Problem> = of_files.chain(&merged.problems).cloned().collect();
    let course = book.and_then(|book| book.course(merged.chain, merged.bound));
    let gone = course.and_then(|course| course.objection(None, height_at(None, 0, now)));
    let gone = gone.filter(|_| sources.values().all(|one| one.good.is_some()));
    // Then none of them would be.
    let entries = merged.entries.values().filter(|_| gone.is_none());
    let living = entries.filter(|(entry, _)| !entry.is_deleted());
    problems.extend(gone.as_ref().map(|why| Problem::of(path, why)));
    problems.sort();
    Checked {
        indexers: living
            .map(|(entry, _)| format!("{}/{}", entry.key.0, entry.key.1))
            .collect(),
        problems,
    }
}
