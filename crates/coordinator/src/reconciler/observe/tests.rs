//! What the looks are made into, and what they are enough for.

use std::sync::Arc;

use lifecycle::{IndexerId, Rule, Spec, StartBlock, Timestamp};

use super::*;

fn record(phase: Phase) -> Record {
    let id = IndexerId::parse("a.near/f").unwrap();
    Record::new(id).with_phase(phase)
}

fn wanted() -> Desired {
    let rule = Rule::Unsupported(String::new());
    let spec = Spec::new(5, rule, StartBlock::Latest, "".into(), "".into());
    Desired::Present(Arc::new(spec))
}

/// An indexer that runs, where every service answers and no look failed.
fn seen() -> Observed {
    Observed {
        id: IndexerId::parse("a.near/f").unwrap(),
        record: Some(record(Phase::Running)),
        desired: wanted(),
        desired_as_of: 1_000,
        stream: Seen::Absent,
        executor: Seen::Absent,
        progress: Progress::Unknown,
        task: TaskSeen::Unknown,
        armed: false,
        gate: Gate::Open,
        start_slot: Timestamp(0),
        services: Services::default(),
        running_since: Timestamp(0),
    }
}

fn stream() -> Seen<Stream> {
    stream_seen(stream_view(false, None), Duration::ZERO, Duration::ZERO)
}

fn executor() -> Seen<Executor> {
    executor_seen(executor_view(ExecutorKind::Fine), Duration::ZERO)
}

fn stream_view(stalled: bool, heartbeat: Option<u64>) -> StreamView {
    StreamView {
        id: "S".to_owned(),
        version: 7,
        stalled,
        heartbeat,
    }
}

fn executor_view(state: ExecutorKind) -> ExecutorView {
    ExecutorView {
        id: "E".to_owned(),
        version: 7,
        state,
    }
}

#[test]
fn a_stream_is_frozen_once_its_heartbeat_stood_still_for_the_limit() {
    let limit = Duration::from_secs(180);
    let short = limit - Duration::from_millis(1);
    for (stalled, heartbeat, age, health) in [
        (false, Some(3), short, StreamHealth::Fine),
        (false, Some(3), limit, StreamHealth::Frozen),
        // A streamer that tells no heartbeat cannot be held to it.
        (false, None, limit * 9, StreamHealth::Fine),
        (true, None, Duration::ZERO, StreamHealth::Stalled),
        (true, Some(3), limit, StreamHealth::Stalled),
    ] {
        let expected = Stream {
            id: "S".to_owned(),
            version: 7,
            health,
        };
        let view = stream_view(stalled, heartbeat);
        assert_eq!(stream_seen(view, age, limit), Seen::Present(expected));
    }
}

#[test]
fn the_age_of_an_executor_counts_where_it_matters() {
    let age = Duration::from_secs(9);
    for (kind, state) in [
        (ExecutorKind::Starting, ExecutorState::Starting(age)),
        (ExecutorKind::Fine, ExecutorState::Fine),
        (ExecutorKind::Failing, ExecutorState::Failing(age)),
        (ExecutorKind::Stalled, ExecutorState::Stalled),
    ] {
        let expected = Executor {
            id: "E".to_owned(),
            version: 7,
            state,
        };
        let seen = executor_seen(executor_view(kind), age);
        assert_eq!(seen, Seen::Present(expected));
    }
}

#[test]
fn stream_and_executor_are_looked_at_where_something_is_decided_about_them() {
    for phase in Phase::ALL {
        let looks = looks_at_runtime(Some(&record(phase)), &wanted());
        assert_eq!(looks, phase != Phase::Initializing, "{phase}");
    }
    assert!(!looks_at_runtime(None, &wanted()));
    let deleted = Desired::Deleted { version: 5, at: 9 };
    for desired in [Desired::Unknown, Desired::Missing, deleted] {
        assert!(looks_at_runtime(None, &desired), "{desired:?}");
    }
}

#[test]
fn a_look_is_missed_where_it_failed_though_the_service_answers() {
    assert!(!missed_a_look(&seen()));
    let down = Some(Timestamp(1));
    for (stream_fails, executor_fails) in [(true, false), (false, true), (true, true)] {
        let mut seen = seen();
        if stream_fails {
            seen.stream = Seen::Unknown;
        }
        if executor_fails {
            seen.executor = Seen::Unknown;
        }
        assert!(missed_a_look(&seen));
        let mut unwanted = seen.clone();
        unwanted.record = Some(record(Phase::Initializing));
        assert!(!missed_a_look(&unwanted), "it was not looked at");
        for (streamer, executors) in [(down, None), (None, down), (down, down)] {
            seen.services.block_streamer = streamer;
            seen.services.executors = executors;
            let missed =
                (stream_fails && streamer.is_none()) || (executor_fails && executors.is_none());
            assert_eq!(missed_a_look(&seen), missed, "{:?}", seen.services);
        }
    }
}

#[test]
fn nothing_is_left_where_nothing_is_known_wanted_or_running() {
    let nothing = Observed {
        record: None,
        desired: Desired::Missing,
        ..seen()
    };
    assert!(is_nothing(&nothing));
    let something: [fn(&mut Observed); 7] = [
        |seen| seen.record = Some(record(Phase::Suspended)),
        |seen| seen.desired = Desired::Unknown,
        |seen| seen.desired = wanted(),
        |seen| seen.stream = Seen::Unknown,
        |seen| seen.stream = stream(),
        |seen| seen.executor = Seen::Unknown,
        |seen| seen.executor = executor(),
    ];
    for (number, change) in something.iter().enumerate() {
        let mut seen = nothing.clone();
        change(&mut seen);
        assert!(!is_nothing(&seen), "{number}");
    }
}
