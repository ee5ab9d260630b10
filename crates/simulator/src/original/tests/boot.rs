//! The start of a process, and discovery.

use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};

use super::{Peers, entry, play, state, stored};

const KEY: &str = "a.near/f:state";

/// What a process ends with within ten seconds, if it does.
fn boots(peers: &Peers) -> Option<String> {
    let original = peers.original();
    play(async move {
        let running = tokio::time::timeout(Duration::from_secs(10), original.run());
        running.await.ok()
    })
}

fn listed(value: Option<Value>) -> Peers {
    let peers = Peers::of(entry(json!("LATEST")), value);
    peers.said().listed.push(KEY.to_owned());
    peers
}

#[test]
fn a_store_that_cannot_be_reached_ends_it() {
    let peers = listed(Some(state("Running", None, true)));
    let code = tonic::Code::Unavailable;
    peers.said().failing.insert("SMEMBERS", code);
    assert!(boots(&peers).unwrap().contains("cannot connect"));
}

#[test]
fn one_state_that_is_missing_or_cannot_be_read_ends_it() {
    let older = json!({ "account_id": "a.near", "function_name": "f",
        "block_stream_synced_at": 1, "enabled": true, "provisioned_state": "Provisioned" });
    for value in [None, Some(json!("garbage")), Some(older)] {
        assert!(boots(&listed(value)).unwrap().contains(KEY));
    }
}

#[test]
fn two_names_of_the_format_before_are_translated() {
    for (old, new) in [("Stopping", "Suspending"), ("Stopped", "Suspended")] {
        let peers = listed(Some(state(old, Some(7), false)));
        play({
            let original = peers.original();
            async move { original.migrate().await.unwrap() }
        });
        assert_eq!(stored(&peers), state(new, Some(7), false));
    }
}

#[test]
fn what_it_does_not_know_is_lost_when_it_writes() {
    let mut value = state("Repairing", Some(7), true);
    value["coordinator"] = json!({ "format": 1 });
    let peers = listed(Some(value));
    assert_eq!(boots(&peers), None);
    assert_eq!(stored(&peers), state("Repairing", Some(7), true));
}

#[test]
fn a_loop_begins_for_each_that_is_listed_and_again_after_its_end() {
    // Deleting is the end of a loop, and what the next one begins with.
    let peers = listed(Some(state("Deleting", None, true)));
    assert_eq!(boots(&peers), None);
    let rounds = peers
        .asked()
        .iter()
        .filter(|call| *call == "GetStream")
        .count();
    assert!(rounds >= 3, "{rounds} rounds");
}

#[test]
fn one_entry_that_cannot_be_read_hides_all() {
    let peers = listed(Some(state("Running", None, true)));
    let all = json!({ "a.near": { "f": entry(json!("LATEST")), "g": { "code": 7 } } });
    peers.said().views.insert("list_all", all);
    assert_eq!(boots(&peers), None);
    assert!(peers.asked().is_empty());
    // After 1, 2 and 4 seconds.
    assert_eq!(peers.said().remarks.len(), 4);
}

#[test]
fn a_cursor_that_is_no_number_ends_the_round() {
    let peers = listed(Some(state("Running", Some(super::VERSION), true)));
    let name = "a.near/f:last_published_block".to_owned();
    peers.said().store.insert(name, Bytes::from_static(b"x"));
    let (phase, _, asked) = super::round(&peers);
    assert_eq!(phase.as_deref(), Some("Running"));
    assert_eq!(asked, ["GetStream", "SET", "SADD"]);
}
