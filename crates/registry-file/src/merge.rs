//! What all files together say.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::book::{Book, Kept};
use crate::entry::{Entry, Key, shown};
use crate::files::Stamp;
use crate::heights::{Belief, Chain};
use crate::problem::{PROBLEMS_MAX, Place, Problem};
use crate::source::Loaded;

/// A registry file, over time.
#[derive(Debug, Default)]
pub(crate) struct Source {
    /// What it said when it was last right.
    pub(crate) good: Option<Loaded>,
    /// What it says now, not yet taken over: its digest, and since when.
    pub(crate) pending: Option<(u128, u64)>,
    /// What is wrong with it now.
    pub(crate) problems: Vec<Problem>,
    /// How the file itself looked last.
    pub(crate) seen: Option<Stamp>,
    /// Whether it is there.
    pub(crate) present: bool,
}

impl Source {
    /// Whether what it does not mention is not wanted.
    fn speaks(&self) -> bool {
        self.present && self.problems.is_empty() && self.good.is_some()
    }
}

/// The files by path.
pub(crate) type Sources = BTreeMap<PathBuf, Source>;

/// What they say.
#[derive(Default)]
pub(crate) struct Merged<'a> {
    pub(crate) chain: Option<Chain>,
    /// The file that says it.
    pub(crate) chain_in: Option<&'a Path>,
    /// No height above it is believed.
    pub(crate) bound: u64,
    /// Whether that is so for now only, lest the answers leap.
    pub(crate) is_held_down: bool,
    /// The entries that count, each with its file's name.
    pub(crate) entries: BTreeMap<&'a Key, (&'a Entry, String)>,
    /// Entries that are there and do not count.
    pub(crate) refused: BTreeSet<&'a Key>,
    /// The lowest height for which one of them does not.
    pub(crate) beyond: Option<u64>,
    /// What is wrong although each file by itself is right.
    pub(crate) problems: Vec<Problem>,
}

/// The name of a file, by which it is known after a restart.
pub(crate) fn name_of(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

/// Puts the files together. If two name the same indexer, one that is right now
/// goes before one that is only remembered, and then the first by name. An entry with a
/// height beyond `belief` does not count.
pub(crate) fn merge<'a>(sources: &'a Sources, belief: &Belief) -> Merged<'a> {
    let mut merged = Merged::default();
    let mut ordered: Vec<(&PathBuf, &Source, &Loaded)> = sources
        .iter()
        .filter_map(|(path, source)| Some((path, source, source.good.as_ref()?)))
        .collect();
    ordered.sort_by_key(|(path, source, _)| (!source.speaks(), *path));
    for (path, source, loaded) in &ordered {
        match (loaded.chain, merged.chain_in) {
            (Some(chain), None) => {
                merged.chain = Some(chain);
                merged.chain_in = Some(path);
            }
            (Some(_), Some(first)) if source.speaks() => {
                let message = format!("[chain] stands in {} already", first.display());
                merged.problems.push(Problem::of(path, message));
            }
            _ => {}
        }
    }
    merged.bound = belief.bound(merged.chain);
    merged.is_held_down = belief.is_held_down(merged.chain);
    for (path, source, loaded) in ordered {
        for entry in &loaded.entries {
            if let Some((_, first)) = merged.entries.get(&entry.key) {
                if source.speaks() {
                    let message = format!("{} stands in {first} already", shown(&entry.key));
                    merged.problem(path, &entry.place, message);
                }
            } else if let Err((place, message)) = merged.usable(entry) {
                merged.problem(path, place, message);
                merged.refused.insert(&entry.key);
                let beyond = Some(entry.highest()).filter(|height| *height > merged.bound);
                merged.beyond = merged.beyond.into_iter().chain(beyond).min();
            } else {
                let of = (entry, name_of(path));
                merged.entries.insert(&entry.key, of);
            }
        }
    }
    merged
}

/// What is to become of an indexer that no entry speaks for.
pub(crate) enum Absence {
    /// Its file is right, and does not have it any more.
    Deleted,
    /// It stays as it was known, if it was, for this reason.
    Stays(String),
    /// There is an entry that cannot be used, for this reason.
    Withheld(String),
}

impl Merged<'_> {
    /// Takes note of a problem, if there are not too many.
    fn problem(&mut self, path: &Path, place: &Place, message: String) {
        if self.problems.len() < PROBLEMS_MAX {
            self.problems
                .push(Problem::at(path, place.clone(), message));
        }
    }

    /// Whether an entry that is right by itself can be used beside what else is said;
    /// else where and why not.
    fn usable<'e>(&self, entry: &'e Entry) -> Result<(), (&'e Place, String)> {
        let name = shown(&entry.key);
        if entry.highest() > self.bound {
            let how = match self.chain {
                Some(_) => "what [chain] says, at four times the pace and with a day to spare",
                None => "the clock, since there is no [chain]; it may go four days ahead",
            };
            let (height, bound) = (entry.highest(), self.bound);
            let message = match self.is_held_down {
                true => format!(
                    "{name}: height {height} is so far above that of the registry that no \
                     answer would be believed if it rose to it; the highest that counts for \
                     now is {bound}. The entry does not count. If the height is wrong, put it \
                     right before the coordinator is started again, for a start may believe it; \
                     if it is true, put the clock or [chain] right"
                ),
                false => format!(
                    "{name}: the chain cannot have reached height {height} yet; the highest \
                     that is believed is {bound}, by {how}. The entry does not count"
                ),
            };
            return Err((entry.height_place.as_ref().unwrap_or(&entry.place), message));
        }
        if entry.needs_height && self.chain.is_none() {
            let message = format!(
                "{name} starts at the height of its registration, which is not known: give \
                 [chain] with a `height`, or a height as `start`"
            );
            return Err((&entry.place, message));
        }
        Ok(())
    }

    /// Why an indexer of version `height` that is nowhere any more is not deleted. The
    /// coordinator believes no tombstone of a height that is not believed here, and none
    /// below the version that it knows.
    pub(crate) fn undeletable(&self, height: u64) -> String {
        let bound = self.bound;
        let why = match self.is_held_down {
            true => {
                "is so far above the registry's that no answer would be believed if it rose to it"
            }
            false => "the chain cannot have reached yet",
        };
        format!(
            "it was taken out and is not deleted all the same, for its version is block \
             {height}, which {why}; the highest that is believed is {bound}. Disable it; when \
             it is suspended write it back with a `version` that the chain has reached, delete \
             its record, and take it out once it is set up anew"
        )
    }

    /// What becomes of the living indexers of `book` that are not among the
    /// entries. If there is only one file ever, `single`, its name is of no matter, and
    /// no entry can have gone to another one; else `is_over` says what counts by now.
    pub(crate) fn absences(
        &self,
        book: &Book,
        sources: &Sources,
        single: Option<&Path>,
        mut is_over: impl FnMut(&Key) -> bool,
    ) -> Vec<(Key, Absence)> {
        let by_name: BTreeMap<String, &Source> = sources
            .iter()
            .map(|(path, source)| (name_of(path), source))
            .collect();
        let of = |kept: &Kept| match single {
            Some(path) => sources.get(path),
            None => by_name.get(&kept.file).copied(),
        };
        book.living()
            .filter(|(key, _)| !self.entries.contains_key(key))
            .map(|(key, kept)| {
                let file = &kept.file;
                let absence = match of(kept) {
                    _ if self.refused.contains(&key) => {
                        Absence::Withheld(format!("its entry in {file} is wrong"))
                    }
                    Some(source) if source.speaks() => {
                        if single.is_some() || is_over(&key) {
                            Absence::Deleted
                        } else {
                            Absence::Stays(format!(
                                "{file}, where it stood, does not have it any more, which counts \
                                 once the whole folder is right and left alone"
                            ))
                        }
                    }
                    Some(source) if source.present => {
                        Absence::Stays(format!("{file}, where it stood, cannot be read"))
                    }
                    _ => Absence::Stays(format!("{file}, where it stood, is missing")),
                };
                (key, absence)
            })
            .collect()
    }
}
