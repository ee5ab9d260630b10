//! Other hands in the store: a second writer, and other programs that read the
//! records and leave them in their own form.

use bytes::Bytes;
use serde_json::{Map, Value, json};
use sim_node::IndexerKey;

use super::World;
use crate::history::Event;
use crate::scenario::RecordFormat;

/// The field that the second writer counts in; no coordinator knows it.
pub const RIVAL: &str = "rival";

/// The set of all record keys.
const LISTED: &str = "indexer_states";

/// The fields of the original's last release.
const FIVE: [&str; 5] = [
    "account_id",
    "function_name",
    "block_stream_synced_at",
    "enabled",
    "lifecycle_state",
];

impl World {
    /// A second writer changes a field of the record under `name` that nobody else
    /// knows, if there is a record.
    pub fn rival_writes(&mut self, name: &str) {
        let now = self.now;
        let Some(value) = self.store.peek(name) else {
            return;
        };
        let Ok(Value::Object(mut record)) = serde_json::from_slice::<Value>(&value) else {
            return;
        };
        let count = record.get(RIVAL).and_then(Value::as_u64).unwrap_or(0);
        record.insert(RIVAL.to_owned(), json!(count + 1));
        let text = Value::Object(record).to_string();
        if self.store.set(now, name, Bytes::from(text)).is_ok() {
            self.note_writes();
        }
    }

    /// Another program leaves the record of `key` in `format`; nothing happens if
    /// there is no record, or the store cannot be reached.
    pub fn translate_record(&mut self, key: &IndexerKey, format: RecordFormat) {
        let now = self.now;
        let name = format!("{key}:state");
        let Some(value) = self.store.peek(&name) else {
            return;
        };
        let Ok(Value::Object(record)) = serde_json::from_slice::<Value>(&value) else {
            return;
        };
        self.record(Event::RecordTranslated { key: key.clone() });
        let synced = record.get("block_stream_synced_at").and_then(Value::as_u64);
        let running = record.get("lifecycle_state") == Some(&json!("Running"));
        let written = match (format, synced) {
            (RecordFormat::VersionKey, Some(version)) if running => {
                let version_key = format!("{key}:block_stream:version");
                let text = Bytes::from(version.to_string());
                let _ = self.store.set(now, &version_key, text);
                let _ = self.store.set_remove(now, LISTED, &name);
                self.store.delete(now, &[name.as_str()]).map(|_| ())
            }
            _ => {
                let text = translated(record, format, running).to_string();
                self.store.set(now, &name, Bytes::from(text))
            }
        };
        if written.is_err() {
            self.fault(format!("{key}: its record stays as it is: no store"));
        }
        self.note_writes();
    }
}

/// `record` as a program that knows `format` leaves it. Formats that know only what
/// runs cannot say anything else: such records stay as the original writes them.
fn translated(mut record: Map<String, Value>, format: RecordFormat, running: bool) -> Value {
    match format {
        RecordFormat::Earlier => {
            if let Some(Value::Object(own)) = record.get_mut("coordinator") {
                own.remove("hold");
                own.remove("tombstone");
            }
            return Value::Object(record);
        }
        RecordFormat::Later => {
            record.insert("region".to_owned(), json!({ "home": "eu", "rank": 3 }));
            if let Some(Value::Object(own)) = record.get_mut("coordinator") {
                own.insert(
                    "lease".to_owned(),
                    json!({ "by": "a later one", "epoch": 7 }),
                );
            }
            return Value::Object(record);
        }
        _ => {}
    }
    let mut five: Map<String, Value> = FIVE
        .iter()
        .filter_map(|field| Some((String::from(*field), record.get(*field)?.clone())))
        .collect();
    let kept: &[&str] = match format {
        RecordFormat::Named => &FIVE[..4],
        RecordFormat::Enabled => &["block_stream_synced_at", "enabled"],
        RecordFormat::Synced => &["block_stream_synced_at"],
        _ => &FIVE,
    };
    if let (true, Some(synced)) = (running, five.get_mut("block_stream_synced_at")) {
        match (format, synced.as_u64()) {
            (RecordFormat::Unacknowledged, _) => *synced = Value::Null,
            (RecordFormat::Overtaken, Some(version)) => *synced = json!(version.saturating_sub(1)),
            _ => {}
        }
    }
    if format == RecordFormat::Stopping
        && let Some(state) = five.get_mut("lifecycle_state")
    {
        match state.as_str() {
            Some("Suspending") => *state = json!("Stopping"),
            Some("Suspended") => *state = json!("Stopped"),
            _ => {}
        }
    }
    if format == RecordFormat::ProvisionedState
        && let Some(state) = five.remove("lifecycle_state")
    {
        let named = match state.as_str() {
            Some("Initializing") => json!({ "Provisioning": { "task_id": "long-gone" } }),
            Some("Repairing") => json!("Failed"),
            Some("Deleting") => json!({ "Deprovisioning": { "task_id": "long-gone" } }),
            _ => json!("Provisioned"),
        };
        five.insert("provisioned_state".to_owned(), named);
    }
    if running {
        five.retain(|field, _| kept.contains(&field.as_str()) || field == "provisioned_state");
    }
    Value::Object(five)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ours() -> Map<String, Value> {
        let record = json!({
            "account_id": "a.near", "function_name": "f", "block_stream_synced_at": 7,
            "enabled": true, "lifecycle_state": "Running",
            "coordinator": { "format": 1, "revision": 3, "provisioned": true, "hold": {} },
        });
        record.as_object().cloned().unwrap()
    }

    #[test]
    fn each_format_has_its_own_fields() {
        let fields = |format| {
            let record = translated(ours(), format, true);
            let names: Vec<String> = record.as_object().unwrap().keys().cloned().collect();
            names.len()
        };
        assert_eq!(fields(RecordFormat::Original), 5);
        assert_eq!(fields(RecordFormat::Stopping), 5);
        assert_eq!(fields(RecordFormat::ProvisionedState), 5);
        assert_eq!(fields(RecordFormat::Named), 4);
        assert_eq!(fields(RecordFormat::Enabled), 2);
        assert_eq!(fields(RecordFormat::Synced), 1);
        assert_eq!(fields(RecordFormat::Later), 7);
        let synced = |format| translated(ours(), format, true)["block_stream_synced_at"].clone();
        assert_eq!(synced(RecordFormat::Original), json!(7));
        assert_eq!(synced(RecordFormat::Overtaken), json!(6));
        assert_eq!(synced(RecordFormat::Unacknowledged), Value::Null);
        let earlier = translated(ours(), RecordFormat::Earlier, true);
        assert_eq!(earlier.pointer("/coordinator/hold"), None);
        assert_eq!(earlier.pointer("/coordinator/revision"), Some(&json!(3)));
    }

    #[test]
    fn what_does_not_run_is_not_said_to_run() {
        let mut record = ours();
        record.insert("lifecycle_state".to_owned(), json!("Suspended"));
        let old = translated(record.clone(), RecordFormat::Synced, false);
        assert_eq!(old.get("lifecycle_state"), Some(&json!("Suspended")));
        let stopped = translated(record, RecordFormat::Stopping, false);
        assert_eq!(stopped.get("lifecycle_state"), Some(&json!("Stopped")));
    }
}
