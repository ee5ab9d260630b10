//! Where streams begin, path by path.

use bytes::Bytes;
use serde_json::{Value, json};

use super::{Peers, Stream, entry, round, state};

const CURSOR: u64 = 700;

/// The height of the stream that a round starts, and whether the queue is deleted.
fn started(start: Value, synced: Option<u64>, old: Option<u64>, cursor: bool) -> (u64, bool) {
    let peers = Peers::of(entry(start), Some(state("Running", synced, true)));
    peers.said().stream = old.map(|version| Stream {
        version,
        health: Some((2, 10)),
    });
    if cursor {
        let value = Bytes::from(CURSOR.to_string());
        let name = "a.near/f:last_published_block".to_owned();
        peers.said().store.insert(name, value);
    }
    let (_, _, asked) = round(&peers);
    let height = asked
        .iter()
        .find_map(|call| call.strip_prefix("StartStream 200 at "))
        .unwrap();
    let deleted = asked.iter().any(|call| call.starts_with("DEL"));
    (height.parse().unwrap(), deleted)
}

fn starts() -> [Value; 3] {
    [json!("LATEST"), json!({ "HEIGHT": 50 }), json!("CONTINUE")]
}

#[test]
fn a_new_stream_begins_at_the_version_or_at_the_height() {
    for cursor in [true, false] {
        let heights = starts().map(|start| started(start, None, None, cursor));
        assert_eq!(heights, [(200, false), (50, false), (200, false)]);
    }
}

#[test]
fn another_version_begins_anew_or_behind_the_cursor() {
    for old in [Some(150), None] {
        let heights = starts().map(|start| started(start, Some(150), old, true));
        assert_eq!(heights, [(200, true), (50, true), (CURSOR + 1, false)]);
        let heights = starts().map(|start| started(start, Some(150), old, false));
        assert_eq!(heights, [(200, true), (50, true), (200, false)]);
    }
}

#[test]
fn a_stream_that_went_away_goes_on_behind_the_cursor_whoever_left_it() {
    for start in starts() {
        assert_eq!(
            started(start.clone(), Some(200), None, true),
            (CURSOR + 1, false)
        );
        // Without a cursor even a height is forgotten.
        assert_eq!(started(start, Some(200), None, false), (200, false));
    }
}
