//! What the records of a store are fit for.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use coordinator::store::{RecordStore, StoreError, StoreTransport};
use serde::Serialize;
use serde_json::Value;

use super::lines::shortened;

/// A listed key, and what lies there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The key.
    pub key: String,
    /// The form of the record.
    pub form: Form,
    /// What is wrong with it, for people; empty if it can be read.
    pub why: String,
}

/// The form of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// Written by this coordinator.
    Current,
    /// As the original wrote it last; taken over at the first change.
    Original,
    /// As the original wrote it in earlier times; read, and taken over likewise.
    Historical,
    /// No record.
    Unreadable,
}

impl Form {
    /// For people.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Form::Current => "current",
            Form::Original => "original",
            Form::Historical => "historical",
            Form::Unreadable => "unreadable",
        }
    }
}

/// Looks at every record of `store`, in the order of keys. Nothing is changed.
///
/// # Errors
/// A read failed.
pub async fn check(
    store: Arc<dyn StoreTransport>,
    deadline: Duration,
) -> Result<Vec<Finding>, StoreError> {
    let loaded = RecordStore::new(store, deadline).load_all().await?;
    let findings = loaded.into_iter().map(|(key, stored)| match stored {
        Ok(stored) => Finding {
            key,
            form: form(&stored.raw),
            why: String::new(),
        },
        Err(corrupt) => Finding {
            key,
            form: Form::Unreadable,
            why: shortened(&corrupt.why),
        },
    });
    Ok(findings.collect())
}

/// The form of a record that can be read.
fn form(raw: &Bytes) -> Form {
    let Ok(fields) = serde_json::from_slice::<Value>(raw) else {
        return Form::Unreadable;
    };
    let has = |name: &str| fields.get(name).is_some_and(|value| !value.is_null());
    match fields.get("lifecycle_state").and_then(Value::as_str) {
        _ if has("coordinator") => Form::Current,
        Some("Stopping" | "Stopped") | None => Form::Historical,
        Some(_) => Form::Original,
    }
}
