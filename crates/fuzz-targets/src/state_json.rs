//! The record of an indexer, as it lies in the store.

use bytes::Bytes;
use coordinator::store::codec::{RECORD_LEN_MAX, Stored, decode, encode};
use coordinator::store::keys;
use lifecycle::{Phase, Record};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{Verdict, laws};

const KEY: &str = "a.near/f:state";

/// Fields that mean something at the top of a record.
const KNOWN: [&str; 7] = [
    "account_id",
    "function_name",
    "block_stream_synced_at",
    "enabled",
    "lifecycle_state",
    "provisioned_state",
    "coordinator",
];

/// Reads a record: the bytes before the first NUL are its key, those after it its
/// value; without NUL all are the value. What is read can be written and is read
/// as the same; what is written can be read by the original coordinator; fields
/// that nobody knows survive; and writing again changes the revision alone.
pub fn state_json(bytes: &[u8]) -> Verdict {
    let (key, value) = match bytes.iter().position(|byte| *byte == 0) {
        Some(at) => (bytes.get(..at), bytes.get(at + 1..)),
        None => (Some(KEY.as_bytes()), Some(bytes)),
    };
    let Ok(key) = std::str::from_utf8(key.unwrap_or_default()) else {
        return Verdict::Refused;
    };
    let raw = Bytes::copy_from_slice(value.unwrap_or_default());
    let stored = match decode(key, &raw) {
        Ok(stored) => stored,
        Err(corrupt) => {
            assert_eq!(corrupt.key, key, "another key is blamed");
            laws::told(&corrupt.why);
            return Verdict::Refused;
        }
    };
    assert_eq!(stored.raw, raw, "not what a compare-and-set would expect");
    assert_eq!(
        keys::state(&stored.record.id),
        key,
        "another indexer's record"
    );
    let Ok(written) = encode(&stored.record, Some(&stored)) else {
        // Names and our own part make a record longer, but not by much.
        let names = 2 * key.len();
        assert!(
            raw.len() + names + 4096 > RECORD_LEN_MAX,
            "it cannot be written"
        );
        return Verdict::Read;
    };
    assert!(written.len() <= RECORD_LEN_MAX, "a record has no bound");
    let again = read_again(key, &written);
    assert_eq!(
        again.record, stored.record,
        "another record is read than was written"
    );
    assert_eq!(
        again.revision,
        stored.revision.saturating_add(1),
        "revisions grow by one"
    );
    readable_by_the_original(&written, &stored.record);
    keeps_what_it_does_not_know(&raw, &written);
    settles(key, &again);
    Verdict::Read
}

fn read_again(key: &str, written: &Bytes) -> Stored {
    match decode(key, written) {
        Ok(again) => again,
        Err(corrupt) => panic!("what was written is unreadable: {corrupt}"),
    }
}

/// The state as the original coordinator declares it.
#[derive(Debug, PartialEq, Deserialize)]
struct Original {
    account_id: String,
    function_name: String,
    block_stream_synced_at: Option<u64>,
    enabled: bool,
    lifecycle_state: OriginalPhase,
}

#[derive(Debug, PartialEq, Deserialize)]
enum OriginalPhase {
    Initializing,
    Running,
    Suspending,
    Suspended,
    Repairing,
    Deleting,
    Deleted,
}

fn readable_by_the_original(written: &[u8], record: &Record) {
    let phase = match record.phase {
        Phase::Initializing => OriginalPhase::Initializing,
        Phase::Running => OriginalPhase::Running,
        Phase::Suspending => OriginalPhase::Suspending,
        Phase::Suspended => OriginalPhase::Suspended,
        Phase::Repairing => OriginalPhase::Repairing,
        Phase::Deleting => OriginalPhase::Deleting,
        Phase::Deleted => OriginalPhase::Deleted,
    };
    let expected = Original {
        account_id: record.id.account().to_owned(),
        function_name: record.id.function().to_owned(),
        block_stream_synced_at: record.synced_at,
        enabled: record.enabled,
        lifecycle_state: phase,
    };
    match serde_json::from_slice::<Original>(written) {
        Ok(original) => assert_eq!(original, expected),
        Err(error) => panic!("the original coordinator cannot read it: {error}"),
    }
}

fn keeps_what_it_does_not_know(raw: &[u8], written: &[u8]) {
    // Values out of the range of this parser are kept too, but cannot be compared.
    let (Ok(before), Ok(after)) = (fields(raw), fields(written)) else {
        return;
    };
    for (name, value) in before {
        if !KNOWN.contains(&name.as_str()) {
            assert_eq!(after.get(&name), Some(&value), "the field {name:?} is lost");
        }
    }
}

fn fields(text: &[u8]) -> serde_json::Result<Map<String, Value>> {
    serde_json::from_slice(text)
}

/// A record that is written over and over does not grow.
fn settles(key: &str, stored: &Stored) {
    let Ok(written) = encode(&stored.record, Some(stored)) else {
        panic!("what was written once cannot be written twice");
    };
    let again = read_again(key, &written);
    assert_eq!(again.record, stored.record, "writing it twice changes it");
    // The revision may gain a digit.
    assert!(
        written.len() <= stored.raw.len() + 1,
        "a record grows with every write"
    );
}
