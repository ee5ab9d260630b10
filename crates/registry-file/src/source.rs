//! One registry file, read.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::xxh3_128;

use crate::entry::{Entry, shown};
use crate::files::{FILE_LEN_MAX, Stamp, is_json, read, stamp};
use crate::heights::Chain;
use crate::problem::{Lines, PROBLEMS_MAX, Problem};
use crate::{contract_form, toml_form};

/// A file and the files it mentions, with how each looked before it was read.
pub(crate) type Stamps = Vec<(PathBuf, Option<Stamp>)>;

/// What a file says.
#[derive(Clone, Debug)]
pub(crate) struct Loaded {
    pub(crate) chain: Option<Chain>,
    pub(crate) entries: Vec<Entry>,
    /// Hash of all that it says.
    pub(crate) digest: u128,
    pub(crate) stamps: Stamps,
}

/// Reads the registry file `path` and the files it mentions.
///
/// # Errors
/// Everything that is wrong with it.
pub(crate) fn load(path: &Path) -> Result<Loaded, Vec<Problem>> {
    let before = stamp(path);
    let bytes = read(path, FILE_LEN_MAX)
        .map_err(|error| vec![Problem::of(path, format!("it cannot be read: {error}"))])?;
    let text = std::str::from_utf8(&bytes).map_err(|error| {
        let place = Lines::of(&bytes).place(error.valid_up_to());
        vec![Problem::at(path, place, "it is not UTF-8")]
    })?;
    let (chain, entries, mentioned) = if is_json(path) {
        (None, contract_form::parse(path, text)?, Vec::new())
    } else {
        let document = toml_form::parse(path, text)?;
        (document.chain, document.entries, document.mentioned)
    };
    unique(path, &entries)?;
    let mut stamps = vec![(path.to_owned(), before)];
    // Read before their stamps were taken; a change in between is seen as one
    // that is too young to be trusted.
    stamps.extend(mentioned.into_iter().map(|path| {
        let stamp = stamp(&path);
        (path, stamp)
    }));
    Ok(Loaded {
        digest: digest(chain, &entries),
        chain,
        entries,
        stamps,
    })
}

fn unique(path: &Path, entries: &[Entry]) -> Result<(), Vec<Problem>> {
    let mut places = BTreeMap::new();
    let mut problems = Vec::new();
    for entry in entries {
        if problems.len() >= PROBLEMS_MAX {
            break;
        }
        if let Some(first) = places.insert(&entry.key, &entry.place) {
            let name = shown(&entry.key);
            let message = format!("{name} stands in line {} already", first.line);
            problems.push(Problem::at(path, entry.place.clone(), message));
        }
    }
    if problems.is_empty() {
        Ok(())
    } else {
        Err(problems)
    }
}

fn digest(chain: Option<Chain>, entries: &[Entry]) -> u128 {
    let mut text = format!("{chain:?}");
    for entry in entries {
        text.push_str(&format!(
            "{:?}{:x}{:?}{:?}{:?}",
            entry.key, entry.content, entry.version, entry.created, entry.deleted
        ));
    }
    xxh3_128(text.as_bytes())
}
