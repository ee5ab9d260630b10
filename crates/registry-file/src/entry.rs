//! An indexer of a file.

use std::collections::BTreeMap;

use coordinator::registry::decode::{NAME_LEN_MAX, decode_one};
use lifecycle::IndexerId;
use serde_json::{Map, Value};
use xxhash_rust::xxh3::xxh3_128;

use crate::problem::Place;

/// Account and function.
pub(crate) type Key = (String, String);

/// What a file says about one indexer.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) key: Key,
    /// Where it stands.
    pub(crate) place: Place,
    /// The contract's fields, without the heights.
    pub(crate) body: BTreeMap<String, Value>,
    /// The version it names itself.
    pub(crate) version: Option<u64>,
    pub(crate) created: Option<u64>,
    /// A tombstone of the contract.
    pub(crate) deleted: Option<u64>,
    /// Where its highest height stands, if it names any.
    pub(crate) height_place: Option<Place>,
    /// It starts at its own version, so that has to be a height of the chain.
    pub(crate) needs_height: bool,
    /// Hash of the body.
    pub(crate) content: u128,
}

/// The heights of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Heights {
    pub(crate) created: u64,
    pub(crate) updated: Option<u64>,
    pub(crate) deleted: Option<u64>,
}

impl Heights {
    /// The height of the last registration.
    pub(crate) fn version(&self) -> u64 {
        self.updated.unwrap_or(self.created)
    }

    /// The highest of them.
    pub(crate) fn highest(&self) -> u64 {
        self.version().max(self.deleted.unwrap_or(0))
    }
}

impl Entry {
    /// An entry with this body, or why the coordinator could not use it.
    pub(crate) fn new(
        key: Key,
        place: Place,
        body: BTreeMap<String, Value>,
    ) -> Result<Entry, String> {
        let written = serde_json::to_vec(&body).map_err(|error| error.to_string())?;
        let entry = Entry {
            content: xxh3_128(&written),
            key,
            place,
            body,
            version: None,
            created: None,
            deleted: None,
            height_place: None,
            needs_height: false,
        };
        entry.check().map(|()| entry)
    }

    fn check(&self) -> Result<(), String> {
        let (account, function) = &self.key;
        if function.len() > NAME_LEN_MAX {
            return Err(format!(
                "the function's name has {} bytes, more than {NAME_LEN_MAX}",
                function.len()
            ));
        }
        let id = IndexerId::new(account, function).map_err(|error| error.to_string())?;
        let heights = Heights {
            created: 1,
            updated: None,
            deleted: None,
        };
        let json = to_json(&self.body, heights);
        decode_one(&id, json.as_bytes()).map_err(|error| error.to_string())?;
        Ok(())
    }

    /// The highest height that it names itself.
    pub(crate) fn highest(&self) -> u64 {
        let named = [self.version, self.created, self.deleted];
        named.into_iter().flatten().max().unwrap_or(0)
    }

    pub(crate) fn is_deleted(&self) -> bool {
        self.deleted.is_some()
    }
}

/// The entry in the contract's form.
pub(crate) fn to_json(body: &BTreeMap<String, Value>, heights: Heights) -> String {
    let mut fields: Map<String, Value> = body
        .iter()
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    let mut put = |name: &str, height: Option<u64>| {
        fields.insert(name.to_owned(), height.map_or(Value::Null, Value::from));
    };
    put("created_at_block_height", Some(heights.created));
    put("updated_at_block_height", heights.updated);
    put("deleted_at_block_height", heights.deleted);
    Value::Object(fields).to_string()
}

/// `account/function`, as it is shown.
pub(crate) fn shown(key: &Key) -> String {
    crate::problem::brief(&format!("{}/{}", key.0, key.1))
}
