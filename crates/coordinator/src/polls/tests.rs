//! What a poll holds to be news.

use super::*;
use crate::testing::{World, id};

fn seconds(ages: [Option<Duration>; 2]) -> [Option<u64>; 2] {
    ages.map(|age| age.map(|age| age.as_secs()))
}

#[test]
fn time_alone_makes_some_conditions_worth_a_look() {
    let knobs = Knobs::default();
    let stream = StreamView {
        id: "s".to_owned(),
        version: 1,
        stalled: false,
        heartbeat: Some(1),
    };
    assert_eq!(seconds(stream.ages(&knobs)), [Some(180), None]);
    let cases = [
        (ExecutorKind::Failing, [Some(60), None]),
        (ExecutorKind::Starting, [Some(120), Some(600)]),
        (ExecutorKind::Fine, [None, None]),
        (ExecutorKind::Stalled, [None, None]),
    ];
    for (state, ages) in cases {
        let view = ExecutorView {
            id: "e".to_owned(),
            version: 1,
            state,
        };
        assert_eq!(seconds(view.ages(&knobs)), ages, "{state:?}");
    }
}

/// A poll of two indexers of which only the first has a record.
fn polled(shared: &Shared) -> RecordPoll {
    let recorded = BTreeMap::from([(id("a.near/1"), Bytes::from_static(b"one"))]);
    for name in ["a.near/1", "a.near/2"] {
        shared.wake_of(&id(name));
    }
    let mut poll = RecordPoll::new(recorded);
    poll.turn(shared);
    poll
}

#[tokio::test(start_paused = true)]
async fn only_records_that_are_other_bytes_are_news() {
    let shared = World::new().shared();
    let mut poll = polled(&shared);
    // The same bytes elsewhere in memory are the same.
    let one = || Some(Bytes::from(b"one".to_vec()));
    assert!(poll.take(vec![one(), None]).is_empty());
    assert_eq!(poll.take(vec![one(), one()]), [id("a.near/2")]);
    assert!(poll.take(vec![one(), one()]).is_empty());
    assert_eq!(poll.take(vec![None, one()]), [id("a.near/1")]);
    assert!(poll.take(vec![None, one()]).is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_is_read_follows_the_loops_there_are() {
    let shared = World::new().shared();
    let mut poll = polled(&shared);
    assert_eq!(poll.batch.keys, ["a.near/1:state", "a.near/2:state"]);
    let value = Some(Bytes::from_static(b"two"));
    poll.take(vec![None, value.clone()]);
    shared.forget(&id("a.near/1"));
    shared.wake_of(&id("a.near/3"));
    poll.turn(&shared);
    assert_eq!(poll.batch.keys, ["a.near/2:state", "a.near/3:state"]);
    assert!(poll.take(vec![value, None]).is_empty(), "it is remembered");
}
