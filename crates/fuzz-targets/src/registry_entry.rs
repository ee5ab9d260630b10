//! One entry of the registry, as `read_indexer_function` answers.

use coordinator::registry::decode::{MESSAGE_LEN_MAX, decode_list, decode_one};
use lifecycle::{ActionStatus, Desired, IndexerId, Rule, Spec, StartBlock};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::{Verdict, laws};

const ACCOUNT: &str = "a.near";
const FUNCTION: &str = "f";

/// Reads an entry. What is read can be written in today's form and is then read
/// as the same; within a listing it means what it means alone; and what counts
/// fits into a message to the services.
pub fn registry_entry(bytes: &[u8]) -> Verdict {
    let Ok(id) = IndexerId::new(ACCOUNT, FUNCTION) else {
        return Verdict::Refused;
    };
    let alone = decode_one(&id, bytes);
    match &alone {
        Ok(Desired::Present(spec)) => {
            let len = spec.code.len() + spec.schema.len();
            assert!(len < MESSAGE_LEN_MAX, "{len} bytes fit into no message");
            let written = written(spec).to_string();
            let again = decode_one(&id, written.as_bytes());
            assert_eq!(again, alone, "{written}");
        }
        Ok(Desired::Deleted { .. } | Desired::Missing) => {}
        Ok(other) => panic!("an answer of the registry says {other:?}"),
        Err(error) => laws::told(&error.to_string()),
    }
    within_a_listing(&id, bytes, alone.as_ref().ok());
    Verdict::of(alone.is_ok())
}

fn within_a_listing(id: &IndexerId, bytes: &[u8], alone: Option<&Desired>) {
    let Ok(entry) = serde_json::from_slice::<&RawValue>(bytes) else {
        assert_eq!(alone, None, "what is no JSON was read");
        return;
    };
    let text = format!(r#"{{"{ACCOUNT}":{{"{FUNCTION}":{}}}}}"#, entry.get());
    let listing = match decode_list(text.as_bytes()) {
        Ok(listing) => listing,
        Err(error) => panic!("one entry makes a listing unreadable: {error}"),
    };
    let listed = listing.indexers.get(id);
    match alone {
        Some(Desired::Present(spec)) => assert_eq!(listed, Some(spec), "{text}"),
        _ => assert_eq!(listed, None, "{text}"),
    }
    // A null is an answer to a question, and no entry.
    let aside = matches!(alone, None | Some(Desired::Missing));
    assert_eq!(listing.quarantined.len(), usize::from(aside), "{text}");
}

/// The entry in today's form.
fn written(spec: &Spec) -> Value {
    let status = |status: ActionStatus| match status {
        ActionStatus::Any => "ANY",
        ActionStatus::Success => "SUCCESS",
        ActionStatus::Fail => "FAIL",
    };
    let rule = match &spec.rule {
        Rule::ActionAny {
            affected_account_id,
            status: wanted,
        } => json!({
            "kind": "ACTION_ANY",
            "affected_account_id": affected_account_id,
            "status": status(*wanted),
        }),
        Rule::ActionFunctionCall {
            affected_account_id,
            status: wanted,
            function,
        } => json!({
            "kind": "ACTION_FUNCTION_CALL",
            "affected_account_id": affected_account_id,
            "status": status(*wanted),
            "function": function,
        }),
        Rule::Unsupported(kind) => json!({ "kind": kind }),
    };
    let start_block = match spec.start_block {
        StartBlock::Latest => json!("LATEST"),
        StartBlock::Continue => json!("CONTINUE"),
        StartBlock::Height(height) => json!({ "HEIGHT": height }),
    };
    json!({
        "code": &*spec.code,
        "schema": &*spec.schema,
        "rule": rule,
        "start_block": start_block,
        "created_at_block_height": spec.version,
        "updated_at_block_height": null,
        "deleted_at_block_height": null,
        "forked_from": null,
    })
}
