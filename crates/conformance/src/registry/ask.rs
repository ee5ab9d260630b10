//! Asking, and comparing what comes.

use std::collections::BTreeMap;

use coordinator::registry::RegistryError;
use serde_json::{Value, json};

use super::{Outcome, Subject};

/// The most characters of an answer in a report.
const SHOWN_MAX: usize = 300;

pub(super) const LIST: &str = "list_all";
pub(super) const READ: &str = "read_indexer_function";

/// A JSON answer and its height.
pub(super) type Answer = (Value, u64);

pub(super) async fn view(
    subject: &dyn Subject,
    method: &str,
    arguments: &[u8],
) -> Result<Answer, String> {
    let answer = subject
        .registry()
        .view(method, arguments)
        .await
        .map_err(|error| format!("{method}: {error}"))?;
    let value = serde_json::from_slice(&answer.result)
        .map_err(|error| format!("{method} answers what is no JSON: {error}"))?;
    Ok((value, answer.block_height))
}

/// The entries of `account` in the listing, by name.
pub(super) async fn listed(
    subject: &dyn Subject,
    account: &str,
) -> Result<(BTreeMap<String, Value>, u64), String> {
    let (mut value, height) = view(subject, LIST, b"{}").await?;
    let entries = match value.get_mut(account).map(Value::take) {
        Some(Value::Object(entries)) => entries.into_iter().collect(),
        None => BTreeMap::new(),
        Some(other) => return Err(format!("{account} is listed as {}", shown(&other))),
    };
    Ok((entries, height))
}

/// What a point read says.
pub(super) async fn read(
    subject: &dyn Subject,
    account: &str,
    function: &str,
) -> Result<Answer, String> {
    view(subject, READ, arguments(account, function).as_bytes()).await
}

pub(super) fn arguments(account: &str, function: &str) -> String {
    json!({ "account_id": account, "function_name": function }).to_string()
}

/// The height in a field of an entry, if there is one.
pub(super) fn height_in(entry: &Value, field: &str) -> Option<u64> {
    entry.get(field).and_then(Value::as_u64)
}

/// The version of an entry.
pub(super) fn version(entry: &Value) -> Result<u64, String> {
    height_in(entry, "updated_at_block_height")
        .or_else(|| height_in(entry, "created_at_block_height"))
        .ok_or_else(|| format!("it has no version: {}", shown(entry)))
}

/// The height of its deletion.
pub(super) fn deleted_at(entry: &Value) -> Option<u64> {
    height_in(entry, "deleted_at_block_height")
}

pub(super) fn shown(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(SHOWN_MAX) {
        Some((end, _)) => format!("{}...", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

/// What must hold, else what is said.
pub(super) fn holds(condition: bool, what: impl FnOnce() -> String) -> Outcome {
    if condition { Ok(()) } else { Err(what()) }
}

/// The call must fail as the contract's own failure, which no retry mends.
pub(super) async fn contract_fails(
    subject: &dyn Subject,
    method: &str,
    arguments: &[u8],
) -> Outcome {
    match subject.registry().view(method, arguments).await {
        Err(RegistryError::Contract(why)) => {
            holds(!why.is_empty(), || format!("{method} fails without a word"))
        }
        Ok(answer) => Err(format!(
            "{method} answers {} bytes, expected a failure of the contract",
            answer.result.len()
        )),
        Err(other) => Err(format!(
            "{method}: expected a failure of the contract, got: {other}"
        )),
    }
}
