//! Whoever watches knows in the end what whoever asks is told.

use std::collections::BTreeMap;
use std::time::Duration;

use lifecycle::{Desired, Executor, Seen, Stream, Timestamp};
use tokio::time::{Instant, timeout};

use super::*;
use crate::Knobs;
use crate::services::{Listing, StreamView};
use crate::status_log::Since;
use crate::testing::{Running, World, id, pass};

const A: &str = "a.near/f";
const B: &str = "b.near/f";
const C: &str = "c.near/f";

/// What is compared.
#[derive(Debug, PartialEq)]
struct Told {
    state: &'static str,
    desired: Desired,
    executor: &'static str,
    stream: Seen<Stream>,
    next_look: Option<Timestamp>,
}

impl Told {
    fn of(report: &IndexerReport) -> Told {
        let executor = match &report.executor {
            Seen::Present(Executor { state, .. }) => match state {
                lifecycle::ExecutorState::Starting(_) => "Starting",
                lifecycle::ExecutorState::Fine => "Fine",
                lifecycle::ExecutorState::Failing(_) => "Failing",
                lifecycle::ExecutorState::Stalled => "Stalled",
            },
            Seen::Absent => "Absent",
            Seen::Unknown => "Unknown",
        };
        let waiting = report.status.as_ref().and_then(|it| it.waiting.as_ref());
        Told {
            state: report.state(),
            desired: report.desired.clone(),
            executor,
            stream: report.stream.clone(),
            next_look: waiting.and_then(|wait| wait.until),
        }
    }
}

/// A reader of changes that is always up to date.
struct Watcher {
    changes: Changes,
    told: BTreeMap<IndexerId, Told>,
}

impl Watcher {
    fn new(it: &Running) -> Watcher {
        Watcher {
            changes: it.coordinator.admin().changes(),
            told: BTreeMap::new(),
        }
    }

    /// Reads for a while; returns how many changes there were.
    async fn read(&mut self) -> usize {
        let mut number = 0;
        while let Ok(changes) = timeout(Duration::from_secs(10), self.changes.next()).await {
            for change in changes.unwrap() {
                number += 1;
                match change {
                    Change::Indexer(report) => {
                        self.told.insert(report.id.clone(), Told::of(&report));
                    }
                    Change::Removed(id) => _ = self.told.remove(&id),
                    Change::Lost => panic!("it reads all the time"),
                }
            }
        }
        number
    }

    /// Reads for a while, and compares.
    async fn agree(&mut self, it: &Running, about: &str) {
        self.read().await;
        let (account, function) = about.split_once('/').unwrap();
        let report = it.coordinator.admin().get(account, function).await.unwrap();
        assert_eq!(self.told.get(&id(about)), Some(&Told::of(&report)));
    }
}

#[tokio::test(start_paused = true)]
async fn news_of_the_registry_about_what_is_held_or_disabled_is_told() {
    let world = World::new();
    for name in [A, B, C] {
        world.register(name);
    }
    let it = world.run(Knobs::default());
    pass(60).await;
    let admin = it.coordinator.admin();
    admin.hold("olga", "a.near", "f", "why").await.unwrap();
    admin.disable("olga", "b.near", "f").await.unwrap();
    pass(60).await;
    let mut watcher = Watcher::new(&it);
    assert_eq!(watcher.read().await, 0);
    for name in [A, B, C] {
        world.register(name);
        watcher.agree(&it, name).await;
    }
    // Until no stream grows older than a heartbeat may be.
    pass(300).await;
    watcher.read().await;
    world.unregister(A);
    watcher.agree(&it, A).await;
    assert!(matches!(
        watcher.told[&id(A)].desired,
        Desired::Deleted { .. }
    ));
    assert_eq!(watcher.told[&id(A)].state, "Held");
    assert_eq!(watcher.read().await, 0, "and is told once");
    it.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn how_an_executor_is_is_told_though_nothing_is_to_be_done() {
    use proto::runner::ExecutionState;
    let world = World::new();
    world.register(A);
    let it = world.run(Knobs::default());
    pass(60).await;
    let run = world.record(A).unwrap().run.unwrap();
    let mut watcher = Watcher::new(&it);
    for (state, name) in [
        (ExecutionState::Idle, "Starting"),
        (ExecutionState::Running, "Fine"),
        (ExecutionState::Failing, "Failing"),
        (ExecutionState::Running, "Fine"),
    ] {
        world.set_executor(A, run.target.version, state.into());
        watcher.agree(&it, A).await;
        let told = &watcher.told[&id(A)];
        assert_eq!((told.state, told.executor), ("Steady", name));
    }
    it.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn a_heartbeat_is_no_news_for_whoever_watches() {
    let world = World::new();
    world.register(A);
    let it = world.run(Knobs::default());
    pass(60).await;
    world.set_heartbeat(A, 1_700_000_060);
    let mut watcher = Watcher::new(&it);
    watcher.read().await;
    for seconds in 0..5 {
        world.set_heartbeat(A, 1_700_000_100 + seconds);
        assert_eq!(watcher.read().await, 0);
    }
    // None any more, and the stream counts as frozen.
    let limit = Knobs::default().heartbeat_limit;
    pass(limit.as_secs()).await;
    assert!(watcher.read().await > 0);
    // It moves again, while nothing is done for it.
    let admin = it.coordinator.admin();
    admin.hold("olga", "a.near", "f", "why").await.unwrap();
    pass(5).await;
    world.set_heartbeat(A, 1_700_001_000);
    watcher.agree(&it, A).await;
    pass(limit.as_secs()).await;
    watcher.agree(&it, A).await;
    world.set_heartbeat(A, 1_700_002_000);
    watcher.agree(&it, A).await;
    it.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn what_a_loop_saw_itself_is_told_with_what_it_says() {
    let world = World::new();
    let shared = world.shared();
    let says = |doing: &str| crate::LoopStatus {
        id: id(A),
        phase: None,
        waiting: None,
        since: Timestamp(1),
        trouble: None,
        retry_at: None,
        doing: Some(doing.to_owned()),
        panics: 0,
    };
    let revision = || *lock(&shared.log).subscribe().borrow();
    let sees = |version| {
        world.set_stream(A, version);
        let view = StreamView {
            id: format!("s{version}"),
            version,
            stalled: false,
            heartbeat: None,
        };
        let now = Instant::now();
        lock(&shared.stream_table).point(&id(A), Some(view), now, now);
    };
    let mut listing = Listing::default();
    sees(1);
    shared.publish(says("one"));
    let told = revision();
    pass(1).await;
    shared.poll_streams(&mut listing).await;
    assert_eq!(revision(), told);
    sees(2);
    shared.publish(says("one"));
    pass(1).await;
    shared.poll_streams(&mut listing).await;
    assert_eq!(revision(), told + 1, "it said nothing new");
}

#[tokio::test(start_paused = true)]
async fn whose_turn_it_is_is_told_to_whoever_waits_for_theirs() {
    let world = World::new();
    let shared = world.shared();
    let revision = || *lock(&shared.log).subscribe().borrow();
    let now = Timestamp(1);
    let (waits, beside) = (id(A), id("x.near/f"));
    for name in [&waits, &beside] {
        shared.publish(crate::LoopStatus {
            id: name.clone(),
            phase: None,
            waiting: None,
            since: now,
            trouble: None,
            retry_at: None,
            doing: None,
            panics: 0,
        });
    }
    shared.hold_gate(&id("a.near/b"), now);
    shared.hold_gate(&id("x.near/b"), now);
    for name in [&waits, &beside] {
        lock(&shared.gate).look(name);
    }
    let before = revision();
    let steps: [(&dyn Fn(), bool); 8] = [
        // What holds it goes on to do so.
        (&|| shared.hold_gate(&id("a.near/b"), now), false),
        (&|| _ = shared.enter_gate(&id("a.near/b"), now), false),
        (&|| shared.release_gate(&id("a.near/b")), true),
        (&|| shared.release_gate(&id("a.near/b")), false),
        (&|| _ = shared.enter_gate(&id("a.near/c"), now), true),
        (&|| _ = shared.enter_gate(&id("a.near/d"), now), false),
        (&|| shared.release_gate(&id("a.near/c")), true),
        (&|| shared.hold_gate(&id("a.near/e"), now), true),
    ];
    let mut told = before;
    for (number, (step, news)) in steps.into_iter().enumerate() {
        step();
        told += u64::from(news);
        assert_eq!(revision(), told, "step {number}");
    }
    let since = lock(&shared.log).since(before, 9);
    let Since::Changed(_, changed) = since else {
        panic!("too long ago");
    };
    assert!(changed.iter().all(|(_, id)| *id == waits), "{changed:?}");
}
