//! Reads registry files: the JSON that `list_all` returns, saved to disk.
//!
//! Three shapes are understood: the current one, the older one with `filter` and
//! `start_block_height`, and either of them inside an `{"All": ...}` wrapper.

mod error;
mod object;
mod shape;

use std::fs::File;
use std::io::Read;
use std::path::Path;

use near_account_id::AccountId;
use serde_json::value::RawValue;

use error::Source;
pub use error::{LoadError, Place};
use object::Object;

use crate::Record;

/// The largest registry file that is read, in bytes.
pub const MAX_FILE_BYTES: u64 = 256 * 1024 * 1024;

/// The largest number of indexers in a registry file.
pub const MAX_ENTRIES: usize = 100_000;

/// One indexer of a registry file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The account that owns it; a well-formed account id.
    pub account: String,
    /// Its name, of any form.
    pub function: String,
    /// What the registry knows of it.
    pub record: Record,
}

/// Reads the registry file at `path`. Entries come in the file's order.
///
/// # Errors
/// The file cannot be read, exceeds [`MAX_FILE_BYTES`] or [`MAX_ENTRIES`], is not
/// JSON of a known shape, or names an account or indexer twice.
pub fn load_file(path: &Path) -> Result<Vec<Entry>, LoadError> {
    let unreadable = |source| LoadError::Unreadable {
        file: path.display().to_string(),
        source,
    };
    let mut text = Vec::new();
    let file = File::open(path).map_err(unreadable)?;
    file.take(MAX_FILE_BYTES + 1)
        .read_to_end(&mut text)
        .map_err(unreadable)?;
    parse_bytes(&path.display().to_string(), &text, MAX_FILE_BYTES)
}

/// Reads the text of a registry file; `name` stands for the file in errors.
///
/// # Errors
/// As [`load_file`].
pub fn parse(name: &str, text: &str) -> Result<Vec<Entry>, LoadError> {
    parse_bytes(name, text.as_bytes(), MAX_FILE_BYTES)
}

fn parse_bytes(name: &str, text: &[u8], limit: u64) -> Result<Vec<Entry>, LoadError> {
    if text.len() as u64 > limit {
        return Err(LoadError::TooLarge {
            file: name.to_owned(),
            limit,
        });
    }
    let source = Source::new(name, text)?;
    let mut root: Object<'_> = source.decode(source.text(), "an object of accounts")?;
    // `All` cannot be an account: ids have no capitals.
    if let [(key, wrapped)] = root.members.as_slice()
        && key == "All"
    {
        root = source.decode(wrapped.get(), "an object of accounts")?;
    }
    let mut entries = Vec::new();
    for (account, functions) in root.members {
        if let Err(error) = account.parse::<AccountId>() {
            let message = format!("`{account}` is not an account id: {error}");
            return Err(source.error_at(functions.get(), message));
        }
        let functions: Object<'_> = source
            .decode(functions.get(), "an object of indexers")
            .map_err(|error| error.about(&account))?;
        for (function, value) in functions.members {
            if entries.len() >= MAX_ENTRIES {
                let message = format!("more than {MAX_ENTRIES} indexers");
                return Err(source.error_at(value.get(), message));
            }
            let record = read_record(&source, value)
                .map_err(|error| error.about(&format!("{account}/{function}")))?;
            entries.push(Entry {
                account: account.clone(),
                function,
                record,
            });
        }
    }
    Ok(entries)
}

fn read_record(source: &Source<'_>, value: &RawValue) -> Result<Record, LoadError> {
    let fields: shape::Fields = source.decode(value.get(), "an indexer in the contract's shape")?;
    fields
        .into_record()
        .map_err(|message| source.error_at(value.get(), message))
}
