//! What a run leaves behind: the part of it that a crash of the coordinator on
//! the way must not change (restart equivalence).

use std::collections::BTreeMap;

use serde_json::Value;
use sim_node::IndexerKey;

use crate::world::World;

/// Per indexer, what runs and what is recorded of it, in one line. Times,
/// attempts and start heights are left out: they may differ. The version that the
/// registry wants is called so: it is another number where somebody changed it
/// there and back. What no call reaches is left to L2, which tells a leak of the
/// coordinator's from what the network left behind.
pub fn end_state(world: &World) -> BTreeMap<String, String> {
    let mut parts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for task in world.streamer.live_tasks().filter(|task| task.listed) {
        let text = format!("stream of version {}", task.version);
        parts.entry(task.key.to_string()).or_default().push(text);
    }
    for worker in world.executor.workers().filter(|worker| worker.owned) {
        let text = format!("executor of version {}", worker.version);
        parts.entry(worker.key.to_string()).or_default().push(text);
    }
    for key in world.store.keys_with_prefix("") {
        let Some(name) = key.strip_suffix(":state") else {
            continue;
        };
        let value = world.store.peek(&key).unwrap_or_default();
        parts
            .entry(name.to_owned())
            .or_default()
            .push(record_text(&value));
    }
    parts
        .into_iter()
        .map(|(name, mut parts)| {
            parts.sort();
            let text = parts.join("; ");
            let text = match wanted_version(world, &name) {
                Some(version) => text.replace(&version.to_string(), "wanted"),
                None => text,
            };
            (name, text)
        })
        .collect()
}

/// The version that the registry has of the indexer of that name.
fn wanted_version(world: &World, name: &str) -> Option<u64> {
    let key = IndexerKey::parse(name)?;
    let record = world
        .registry
        .record_at(key.account(), key.function(), u64::MAX)?;
    Some(record.version())
}

fn record_text(value: &[u8]) -> String {
    let Ok(record) = serde_json::from_slice::<Value>(value) else {
        return "record that cannot be read".to_owned();
    };
    let ours = record.get("coordinator").cloned().unwrap_or_default();
    let target = ours.pointer("/run/target").cloned().unwrap_or_default();
    format!(
        "record {} enabled {} synced {} provisioned {} target {}",
        text_of(record.get("lifecycle_state")),
        text_of(record.get("enabled")),
        text_of(record.get("block_stream_synced_at")),
        text_of(ours.get("provisioned")),
        target
    )
}

fn text_of(value: Option<&Value>) -> String {
    value.map_or("nothing".to_owned(), Value::to_string)
}
