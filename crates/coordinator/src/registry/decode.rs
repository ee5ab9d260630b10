//! From the contract's JSON to what is wanted.
//!
//! Anyone may register anything, so a listing is read entry by entry: one that
//! makes no sense is set aside and named, and all others count.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use lifecycle::{Desired, IndexerId, Spec};
use near_account_id::AccountIdRef;
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

pub use super::entry::MESSAGE_LEN_MAX;
use super::entry::{self, Entry};
use crate::sentence::sentence;

/// The largest answer, in bytes.
pub const ANSWER_LEN_MAX: usize = 64 << 20;

/// The most indexers of a listing.
pub const ENTRIES_MAX: usize = 200_000;

/// The longest function name, in bytes.
pub const NAME_LEN_MAX: usize = 64 << 10;

/// So many blocks above the height of its answer a version may be: whoever answers may
/// know of a block before it counts it.
pub const AHEAD_MAX: u64 = 60;

/// An answer that cannot be used at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// It exceeds [`ANSWER_LEN_MAX`].
    #[error("the answer has {0} bytes, more than {ANSWER_LEN_MAX}")]
    TooLarge(usize),
    /// It exceeds [`ENTRIES_MAX`].
    #[error("the answer has more than {ENTRIES_MAX} entries")]
    TooMany,
    /// It is not of the expected shape; why is bounded.
    #[error("the answer cannot be read: {0}")]
    Malformed(String),
}

/// A listing, decoded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// The listed indexers that are not deleted.
    pub indexers: BTreeMap<IndexerId, Arc<Spec>>,
    /// The listed entries that make no sense, ordered by name.
    pub quarantined: Vec<Quarantined>,
}

/// An entry that was set aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quarantined {
    /// `account/function`, or the account alone where all of it is unreadable;
    /// cut off after [`NAME_LEN_MAX`] bytes.
    pub name: String,
    /// What is wrong with it, for people; bounded.
    pub why: String,
}

/// Decodes the answer of `list_all`: functions by name, by account. The older
/// contract's wrapper `{"All": ...}` is accepted as well.
///
/// An entry with a deletion height counts as not listed. Of entries with equal
/// names the last counts.
///
/// # Errors
/// See [`DecodeError`]; a single unreadable entry is no error.
pub fn decode_list(answer: &[u8]) -> Result<Listing, DecodeError> {
    let mut accounts = parse::<Object<'_>>(checked(answer)?)?.into_map();
    // No account is called `All`: names are lower case.
    if accounts.len() == 1
        && let Some(inner) = accounts.get("All")
    {
        accounts = parse::<Object<'_>>(inner.get().as_bytes())?.into_map();
    }
    let mut entries = 0;
    let mut listing = Listing::default();
    for (account, functions) in accounts {
        let functions = match functions_of(&account, functions) {
            Ok(functions) => functions,
            Err(why) => {
                listing.quarantine(account, why);
                continue;
            }
        };
        entries += functions.len();
        if entries > ENTRIES_MAX {
            return Err(DecodeError::TooMany);
        }
        for (function, entry) in functions {
            if let Err(why) = listing.take(&account, &function, entry) {
                listing.quarantine(format!("{account}/{function}"), why);
            }
        }
    }
    Ok(listing)
}

/// Decodes the answer of `read_indexer_function` for `id`: `null` if it was
/// never registered, else its entry, which may be a tombstone.
///
/// # Errors
/// See [`DecodeError`].
pub fn decode_one(id: &IndexerId, answer: &[u8]) -> Result<Desired, DecodeError> {
    let Some(raw) = parse::<Option<&RawValue>>(checked(answer)?)? else {
        return Ok(Desired::Missing);
    };
    match entry::decode(id, raw) {
        Ok(Entry::Present(spec)) => Ok(Desired::Present(Arc::new(spec))),
        Ok(Entry::Deleted { version, at }) => Ok(Desired::Deleted { version, at }),
        Err(why) => Err(DecodeError::Malformed(sentence(&format!("{id}: {why}")))),
    }
}

fn functions_of<'a>(
    account: &str,
    functions: &'a RawValue,
) -> Result<BTreeMap<String, &'a RawValue>, String> {
    AccountIdRef::new(account).map_err(|error| format!("it is no account id: {error}"))?;
    let functions: Object<'a> =
        serde_json::from_str(functions.get()).map_err(|error| error.to_string())?;
    Ok(functions.into_map())
}

impl Listing {
    fn take(&mut self, account: &str, function: &str, raw: &RawValue) -> Result<(), String> {
        if function.len() > NAME_LEN_MAX {
            return Err(format!("its name has {} bytes", function.len()));
        }
        let id = IndexerId::new(account, function).map_err(|error| error.to_string())?;
        if let Entry::Present(spec) = entry::decode(&id, raw)? {
            self.indexers.insert(id, Arc::new(spec));
        }
        Ok(())
    }

    /// Sets those entries aside whose version is above `height`, as of which the registry
    /// has answered: no chain has such. Returns as of which height the first of them may
    /// be true.
    pub fn doubt_versions(&mut self, height: u64) -> Option<u64> {
        let ahead = |spec: &Arc<Spec>| is_ahead(spec.version, height);
        if !self.indexers.values().any(ahead) {
            return None;
        }
        let (doubted, kept) = std::mem::take(&mut self.indexers)
            .into_iter()
            .partition(|(_, spec)| ahead(spec));
        self.indexers = kept;
        let doubted: BTreeMap<IndexerId, Arc<Spec>> = doubted;
        for (id, spec) in &doubted {
            self.quarantine(id.to_string(), ahead_of_the_chain(spec.version));
        }
        self.quarantined
            .sort_by(|one, other| one.name.cmp(&other.name));
        let first = doubted.values().map(|spec| spec.version).min()?;
        Some(first.saturating_sub(AHEAD_MAX))
    }

    fn quarantine(&mut self, name: String, why: String) {
        self.quarantined.push(Quarantined {
            name: bounded(name, NAME_LEN_MAX),
            why: sentence(&why),
        });
    }
}

/// Why `answer`, which the registry gave as of `height`, cannot be true; bounded.
///
/// # Errors
/// Its version is far above that height.
pub fn doubt_version(answer: &Desired, height: u64) -> Result<(), String> {
    match answer {
        Desired::Present(spec) | Desired::Unlisted(spec) => doubt(spec.version, height),
        Desired::Deleted { version, .. } => doubt(*version, height),
        Desired::Unknown | Desired::Missing => Ok(()),
    }
}

fn doubt(version: u64, height: u64) -> Result<(), String> {
    match is_ahead(version, height) {
        true => Err(ahead_of_the_chain(version)),
        false => Ok(()),
    }
}

fn is_ahead(version: u64, height: u64) -> bool {
    version.saturating_sub(height) > AHEAD_MAX
}

/// The same at each answer, whatever its height: it is told once.
fn ahead_of_the_chain(version: u64) -> String {
    format!("its version is block {version}, which the chain has not reached")
}

fn checked(answer: &[u8]) -> Result<&[u8], DecodeError> {
    if answer.len() > ANSWER_LEN_MAX {
        return Err(DecodeError::TooLarge(answer.len()));
    }
    Ok(answer)
}

fn parse<'a, T: Deserialize<'a>>(text: &'a [u8]) -> Result<T, DecodeError> {
    serde_json::from_slice(text)
        .map_err(|error| DecodeError::Malformed(sentence(&error.to_string())))
}

fn bounded(mut text: String, len: usize) -> String {
    text.truncate(text.floor_char_boundary(len));
    text
}

/// The fields of a JSON object in their order, undecoded, at most [`ENTRIES_MAX`].
pub(super) struct Object<'a>(Vec<(String, &'a RawValue)>);

impl<'a> Object<'a> {
    /// The fields by name; of repeated ones the last counts.
    pub(super) fn into_map(self) -> BTreeMap<String, &'a RawValue> {
        self.0.into_iter().collect()
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Object<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Object<'a>, D::Error> {
        struct ObjectVisitor<'a>(PhantomData<&'a ()>);

        impl<'de: 'a, 'a> Visitor<'de> for ObjectVisitor<'a> {
            type Value = Object<'a>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(formatter, "an object of at most {ENTRIES_MAX} fields")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object<'a>, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    if fields.len() == ENTRIES_MAX {
                        return Err(serde::de::Error::invalid_length(ENTRIES_MAX + 1, &self));
                    }
                    fields.push(field);
                }
                Ok(Object(fields))
            }
        }

        deserializer.deserialize_map(ObjectVisitor(PhantomData))
    }
}
