//! The contract's answer to `list_all`.

use std::collections::{BTreeMap, BTreeSet};

use coordinator::registry::decode::{
    DecodeError, ENTRIES_MAX, Listing, NAME_LEN_MAX, decode_list, decode_one,
};
use lifecycle::{Desired, IndexerId};
use near_account_id::AccountIdRef;
use serde_json::value::RawValue;

use crate::{Verdict, laws};

/// The account that the target itself adds.
const OWN_ACCOUNT: &str = "fuzz.near";

/// An entry that is right.
const GOOD: &str = concat!(
    r#"{"code":"c","schema":"s","start_block":"LATEST","created_at_block_height":5,"#,
    r#""rule":{"kind":"ACTION_ANY","affected_account_id":"x.near","status":"ANY"}}"#
);

type Object<'a> = BTreeMap<String, &'a RawValue>;

/// Reads a listing. Every entry gets the verdict that it gets alone, whatever
/// stands beside it; an entry that is right counts in any company.
pub fn registry_listing(bytes: &[u8]) -> Verdict {
    match decode_list(bytes) {
        Ok(listing) => {
            bounded(&listing);
            as_one_by_one(bytes, &listing);
            hides_nothing(bytes, &listing);
            Verdict::Read
        }
        Err(error) => {
            laws::told(&error.to_string());
            Verdict::Refused
        }
    }
}

fn bounded(listing: &Listing) {
    let count = listing.indexers.len() + listing.quarantined.len();
    // A whole account may be set aside as one.
    assert!(count <= 2 * ENTRIES_MAX, "a listing has {count} entries");
    for id in listing.indexers.keys() {
        assert!(id.function().len() <= NAME_LEN_MAX, "a name has no bound");
        assert!(AccountIdRef::new(id.account()).is_ok(), "{id} is nobody's");
        assert_eq!(
            IndexerId::parse(id.as_str()).as_ref(),
            Ok(id),
            "a name does not survive being written"
        );
    }
    for entry in &listing.quarantined {
        assert!(entry.name.len() <= NAME_LEN_MAX, "a name has no bound");
        laws::told(&entry.why);
    }
}

/// Takes the listing apart by other means and asks about each entry alone.
fn as_one_by_one(bytes: &[u8], listing: &Listing) {
    let Ok(mut accounts) = serde_json::from_slice::<Object<'_>>(bytes) else {
        panic!("what is no object was read as a listing");
    };
    if accounts.len() == 1
        && let Some(inner) = accounts.get("All")
    {
        let Ok(inner) = serde_json::from_str::<Object<'_>>(inner.get()) else {
            panic!("what is no object was read as a wrapped listing");
        };
        accounts = inner;
    }
    let (mut present, mut aside) = (0, BTreeSet::new());
    for (account, functions) in &accounts {
        let functions = serde_json::from_str::<Object<'_>>(functions.get());
        let (Ok(functions), Ok(_)) = (functions, AccountIdRef::new(account)) else {
            aside.insert(account.clone());
            continue;
        };
        for (function, entry) in functions {
            let alone = verdict(account, &function, entry);
            let Some(alone) = alone else {
                aside.insert(format!("{account}/{function}"));
                continue;
            };
            let id = IndexerId::new(account, &function);
            let listed = id.ok().and_then(|id| listing.indexers.get(&id));
            match alone {
                Desired::Present(spec) => {
                    assert_eq!(listed, Some(&spec), "{account}/{function} is hidden");
                    present += 1;
                }
                Desired::Deleted { .. } => assert_eq!(listed, None, "a deleted one is listed"),
                other => assert_eq!(listed, None, "{other:?}"),
            }
        }
    }
    assert_eq!(
        listing.indexers.len(),
        present,
        "something is listed that is not there"
    );
    assert_eq!(
        listing.quarantined.len(),
        aside.len(),
        "something was dropped without a word: {aside:?}"
    );
}

/// What an entry says by itself; `None` if it makes no sense.
fn verdict(account: &str, function: &str, entry: &RawValue) -> Option<Desired> {
    if function.len() > NAME_LEN_MAX {
        return None;
    }
    let id = IndexerId::new(account, function).ok()?;
    // A null here is an entry that is no object, and not an answer of none.
    if entry.get() == "null" {
        return None;
    }
    decode_one(&id, entry.get().as_bytes()).ok()
}

/// Adds an indexer that is right: it counts, and changes nothing for others.
fn hides_nothing(bytes: &[u8], listing: &Listing) {
    let Ok(accounts) = serde_json::from_slice::<Object<'_>>(bytes) else {
        return;
    };
    let Some(inside) = bytes.trim_ascii_start().strip_prefix(b"{") else {
        return;
    };
    // Of two accounts with one name the last counts, and `All` alone is a wrapper.
    if accounts.contains_key(OWN_ACCOUNT) || accounts.contains_key("All") {
        return;
    }
    let comma = if accounts.is_empty() { "" } else { "," };
    let mut with = format!(r#"{{"{OWN_ACCOUNT}":{{"good":{GOOD}}}{comma}"#).into_bytes();
    with.extend_from_slice(inside);
    let with = match decode_list(&with) {
        Ok(with) => with,
        Err(DecodeError::TooMany | DecodeError::TooLarge(_)) => return,
        Err(error) => panic!("an entry that is right makes a listing unreadable: {error}"),
    };
    let mut indexers = with.indexers;
    let good = IndexerId::new(OWN_ACCOUNT, "good").ok();
    let added = good.and_then(|id| indexers.remove(&id));
    assert!(added.is_some(), "an entry that is right is hidden");
    assert!(
        indexers == listing.indexers && with.quarantined == listing.quarantined,
        "an entry that is right changes what is read of others"
    );
}
