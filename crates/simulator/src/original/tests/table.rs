//! The decision table: state, entry, switch and statuses, row by row.

use serde_json::{Value, json};

use super::{Executor, Peers, Stream, VERSION, entry, round, state, stored, with};

const IDLE: i32 = 1;
const RUNNING: i32 = 2;
const STALLED: i32 = 4;

/// The executors' numbers.
const FAILING: i32 = 2;
const EXECUTOR_STALLED: i32 = 5;
const EXECUTOR_IDLE: i32 = 6;

/// The writes at the end of every round that comes to its end.
const WRITES: [&str; 2] = ["SET", "SADD"];

fn latest() -> Value {
    entry(json!("LATEST"))
}

fn deleted() -> Value {
    with(latest(), "deleted_at_block_height", json!(300))
}

fn healthy(version: u64) -> Option<Stream> {
    Some(Stream {
        version,
        health: Some((RUNNING, 10)),
    })
}

fn sick(state: i32, age: u64) -> Option<Stream> {
    Some(Stream {
        version: VERSION,
        health: Some((state, age)),
    })
}

fn executor(version: u64, state: i32) -> Option<Executor> {
    Some(Executor {
        version,
        health: Some(state),
    })
}

/// Peers of an indexer that is in a phase and wanted.
fn in_phase(phase: &str) -> Peers {
    Peers::of(latest(), Some(state(phase, Some(VERSION), true)))
}

/// Peers of one that runs, with these tasks.
fn running(synced: Option<u64>, stream: Option<Stream>, executor: Option<Executor>) -> Peers {
    let peers = Peers::of(latest(), Some(state("Running", synced, true)));
    peers.said().stream = stream;
    peers.said().executor = executor;
    peers
}

/// A round asks this, takes so long, leads there, and writes that.
fn expect(peers: &Peers, asks: &[&str], seconds: u64, phase: &str) {
    let (next, took, asked) = round(peers);
    let asks: Vec<&str> = asks.iter().chain(&WRITES).copied().collect();
    assert_eq!(asked, asks);
    assert_eq!((next.as_deref(), took), (Some(phase), seconds));
    assert_eq!(stored(peers)["lifecycle_state"], phase);
}

#[test]
fn without_an_entry_or_a_state_nothing_is_done_and_nothing_written() {
    let no_answer = in_phase("Running");
    no_answer.said().views.clear();
    let null = in_phase("Running");
    let _ = null
        .said()
        .views
        .insert("read_indexer_function", Value::Null);
    let no_state = in_phase("Running");
    no_state
        .said()
        .failing
        .insert("GET", tonic::Code::Unavailable);
    let garbage = Peers::of(latest(), Some(json!({ "lifecycle_state": "What" })));
    for peers in [no_answer, null, no_state, garbage] {
        assert_eq!(round(&peers), (None, 0, Vec::new()));
    }
}

#[test]
fn a_deleted_entry_leads_to_deleting_from_every_other_phase() {
    for phase in [
        "Initializing",
        "Running",
        "Suspending",
        "Suspended",
        "Repairing",
    ] {
        for enabled in [true, false] {
            let peers = Peers::of(deleted(), Some(state(phase, Some(VERSION), enabled)));
            expect(&peers, &[], 0, "Deleting");
        }
    }
}

#[test]
fn one_that_is_new_is_provisioned_whether_it_is_switched_on_or_not() {
    for stored_state in [None, Some(state("Initializing", None, false))] {
        let peers = Peers::of(latest(), stored_state);
        peers.said().tasks.push_back(2);
        expect(
            &peers,
            &["StartProvisioningTask", "GetTaskStatus"],
            5,
            "Running",
        );
    }
}

#[test]
fn running_and_switched_off_leads_to_suspending_without_a_look() {
    let peers = Peers::of(latest(), Some(state("Running", Some(VERSION), false)));
    peers.said().stream = healthy(VERSION);
    expect(&peers, &[], 0, "Suspending");
}

#[test]
fn a_stream_that_cannot_be_looked_at_keeps_the_executor_from_being_looked_at() {
    let peers = running(Some(VERSION), healthy(VERSION), None);
    let code = tonic::Code::Unavailable;
    peers.said().failing.insert("GetStream", code);
    expect(&peers, &["GetStream"], 0, "Running");
}

#[test]
fn what_is_well_is_left_alone() {
    for state in [IDLE, RUNNING, 3, 0, 77] {
        for executor_state in [EXECUTOR_IDLE, 1, 3, FAILING, 4, 0, 77] {
            let stream = Some(Stream {
                version: VERSION,
                health: Some((state, 180)),
            });
            let peers = running(Some(VERSION), stream, executor(VERSION, executor_state));
            expect(&peers, &["GetStream", "GetExecutor"], 0, "Running");
        }
    }
}

#[test]
fn what_is_missing_is_started_in_one_round() {
    let peers = running(None, None, None);
    let asks = [
        "GetStream",
        "StartStream 200 at 200",
        "GetExecutor",
        "StartExecutor 200",
    ];
    expect(&peers, &asks, 0, "Running");
    assert_eq!(stored(&peers)["block_stream_synced_at"], VERSION);
}

#[test]
fn a_stream_that_cannot_be_started_is_not_marked_and_keeps_the_executor_waiting() {
    let peers = running(None, None, None);
    let code = tonic::Code::AlreadyExists;
    peers.said().failing.insert("StartStream", code);
    expect(
        &peers,
        &["GetStream", "StartStream 200 at 200"],
        0,
        "Running",
    );
    assert_eq!(stored(&peers)["block_stream_synced_at"], Value::Null);
}

#[test]
fn a_rule_that_no_streamer_knows_is_marked_as_running() {
    let rule = json!({ "kind": "EVENT", "contract_account_id": "c", "standard": "s",
        "version": "v", "event": "e" });
    let peers = Peers::of(
        with(latest(), "rule", rule),
        Some(state("Running", None, true)),
    );
    let asks = ["GetStream", "GetExecutor", "StartExecutor 200"];
    expect(&peers, &asks, 0, "Running");
    assert_eq!(stored(&peers)["block_stream_synced_at"], VERSION);
}

#[test]
fn another_version_is_replaced_stream_first_executor_last() {
    let peers = running(Some(150), healthy(150), executor(150, 1));
    let asks = [
        "GetStream",
        "GetStream",
        "StopStream",
        "DEL a.near/f:block_stream",
        "StartStream 200 at 200",
        "GetExecutor",
        "GetExecutor",
        "StopExecutor",
        "StartExecutor 200",
    ];
    expect(&peers, &asks, 0, "Running");
    // An older answer of the registry is another version, too.
    let newer = running(Some(250), healthy(250), executor(250, 1));
    expect(&newer, &asks, 0, "Running");
}

#[test]
fn a_stop_that_fails_ends_the_round() {
    for code in [tonic::Code::NotFound, tonic::Code::Internal] {
        let peers = running(Some(150), healthy(150), executor(150, 1));
        peers.said().failing.insert("StopStream", code);
        expect(
            &peers,
            &["GetStream", "GetStream", "StopStream"],
            0,
            "Running",
        );
    }
}

#[test]
fn a_sick_stream_is_restarted_after_ten_minutes_of_doing_nothing() {
    let nothing_said = Some(Stream {
        version: VERSION,
        health: None,
    });
    for stream in [sick(STALLED, 10), sick(RUNNING, 181), nothing_said] {
        let peers = running(Some(VERSION), stream, executor(VERSION, 1));
        let cursor = bytes::Bytes::from_static(b"700");
        let name = "a.near/f:last_published_block".to_owned();
        peers.said().store.insert(name, cursor);
        let asks = [
            "GetStream",
            "GetStream",
            "StopStream",
            "StartStream 200 at 701",
            "GetExecutor",
        ];
        expect(&peers, &asks, 600, "Running");
    }
}

#[test]
fn a_sick_executor_is_restarted_after_ten_minutes_of_doing_nothing() {
    let nothing_said = Some(Executor {
        version: VERSION,
        health: None,
    });
    for executor in [executor(VERSION, EXECUTOR_STALLED), nothing_said] {
        let peers = running(Some(VERSION), healthy(VERSION), executor);
        let asks = [
            "GetStream",
            "GetExecutor",
            "GetExecutor",
            "StopExecutor",
            "StartExecutor 200",
        ];
        expect(&peers, &asks, 600, "Running");
    }
}

#[test]
fn suspending_stops_both_and_stays_on_any_error() {
    let stops = ["GetStream", "StopStream", "GetExecutor", "StopExecutor"];
    let both = || {
        let peers = in_phase("Suspending");
        peers.said().stream = healthy(VERSION);
        peers.said().executor = executor(VERSION, 1);
        peers
    };
    expect(&both(), &stops, 0, "Suspended");
    let nothing = in_phase("Suspending");
    expect(&nothing, &["GetStream", "GetExecutor"], 0, "Suspended");
    let failing = both();
    let code = tonic::Code::NotFound;
    failing.said().failing.insert("StopStream", code);
    expect(&failing, &stops[..2], 0, "Suspending");
}

#[test]
fn suspended_waits_for_the_switch_and_looks_at_nothing() {
    let off = Peers::of(latest(), Some(state("Suspended", Some(150), false)));
    off.said().stream = healthy(150);
    expect(&off, &[], 0, "Suspended");
    let on = Peers::of(latest(), Some(state("Suspended", Some(150), true)));
    expect(&on, &[], 0, "Running");
}

#[test]
fn repairing_stays() {
    let newer = Peers::of(latest(), Some(state("Repairing", Some(150), true)));
    expect(&newer, &[], 0, "Repairing");
}

#[test]
fn deleting_stops_both_whatever_the_entry_and_the_answers_and_writes_nothing() {
    let asks = ["GetStream", "StopStream", "GetExecutor", "StopExecutor"];
    for entry in [latest(), deleted()] {
        for code in [None, Some(tonic::Code::Unavailable)] {
            let peers = Peers::of(entry.clone(), Some(state("Deleting", Some(VERSION), true)));
            peers.said().stream = healthy(VERSION);
            peers.said().executor = executor(VERSION, 1);
            if let Some(code) = code {
                peers.said().failing.insert("StopStream", code);
                peers.said().failing.insert("StopExecutor", code);
            }
            let (next, took, asked) = round(&peers);
            assert_eq!((next.as_deref(), took), (Some("Deleted"), 0));
            assert_eq!(asked, asks);
            assert_eq!(stored(&peers)["lifecycle_state"], "Deleting");
        }
    }
}

#[test]
fn a_write_is_tried_again_every_second_with_what_was_read_before() {
    let peers = in_phase("Repairing");
    peers.said().writes_fail = 3;
    let (next, took, asked) = round(&peers);
    assert_eq!((next.as_deref(), took), (Some("Repairing"), 3));
    assert_eq!(
        asked,
        ["SET fails", "SET fails", "SET fails", "SET", "SADD"]
    );
}
