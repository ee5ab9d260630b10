//! One loop: what it looks at, what it waits for, and how often it acts.

mod bookkeeping;
mod confirming;
mod lives;
mod performing;
mod refusing;
mod safeguards;
mod starting;

use std::collections::{BTreeMap, BTreeSet};

use lifecycle::{Policy, Spec, Timestamp};

use tokio::time::Instant;

use super::*;
use crate::Knobs;
use crate::registry::decode;
use crate::services::{Listing, StreamView};
use crate::testing::{Fault, Running, World, id, pass};

const ID: &str = "a.near/f";

async fn settled(knobs: Knobs) -> (Arc<World>, Running) {
    let world = World::new();
    world.register(ID);
    let running = world.run(knobs);
    pass(30).await;
    assert_eq!(
        running.sentence(ID),
        "a.near/f: Running: everything is as wanted"
    );
    world.take_calls();
    (world, running)
}

/// The shared state of a coordinator whose polls do not run: tests feed it.
struct Fed {
    world: Arc<World>,
    shared: Arc<Shared>,
}

impl Fed {
    /// A world in which the indexer runs, and a coordinator that has just begun.
    async fn new() -> Fed {
        let (world, running) = settled(Knobs::default()).await;
        running.shut_down().await;
        let shared = world.shared();
        world.take_calls();
        let fed = Fed { world, shared };
        fed.poll_all().await;
        fed
    }

    async fn poll_all(&self) {
        let mut registry = crate::polls::RegistryPoll::default();
        lock(&self.shared.desired).watch(&id(ID), Instant::now());
        assert!(self.shared.poll_registry(&mut registry).await);
        self.poll_services().await;
    }

    async fn poll_services(&self) {
        self.shared.poll_streams(&mut Listing::default()).await;
        self.shared.poll_executors(&mut Listing::default()).await;
    }

    fn reconciler(&self) -> Reconciler {
        Reconciler::new(Arc::clone(&self.shared), id(ID), 0, Instant::now())
    }

    fn wants(&self, height: u64, version: u64) {
        let entry = format!(
            concat!(
                r#"{{"a.near":{{"f":{{"code":"c","schema":"s","start_block":"LATEST","#,
                r#""created_at_block_height":{},"rule":{{"kind":"ACTION_ANY","#,
                r#""affected_account_id":"x","status":"ANY"}}}}}}}}"#
            ),
            version
        );
        let listing: BTreeMap<IndexerId, Arc<Spec>> =
            decode::decode_list(entry.as_bytes()).unwrap().indexers;
        let none = BTreeSet::new();
        let now = Instant::now();
        let knobs = &self.shared.knobs;
        let mut desired = lock(&self.shared.desired);
        desired.take_listing(height, listing, &none, now, knobs);
    }
}

async fn round(reconciler: &mut Reconciler) -> Next {
    reconciler.round(Look::Snapshots, &mut None).await
}

#[tokio::test(start_paused = true)]
async fn shared_listings_are_enough_to_see_that_all_is_well() {
    let fed = Fed::new().await;
    let mut reconciler = fed.reconciler();
    pass(1).await;
    fed.poll_services().await;
    fed.world.take_calls();
    assert!(matches!(
        round(&mut reconciler).await,
        Next::Sleep { settled: true, .. }
    ));
    let calls = fed.world.take_calls();
    assert_eq!(calls.keys().collect::<Vec<_>>(), ["get_many"]);
}

#[tokio::test(start_paused = true)]
async fn a_listing_makes_it_look_but_only_a_point_read_makes_it_act() {
    let fed = Fed::new().await;
    let mut reconciler = fed.reconciler();
    pass(1).await;
    fed.poll_services().await;
    // A listing that lacks the stream, although it is there.
    let now = Instant::now();
    lock(&fed.shared.stream_table).list(BTreeMap::<_, StreamView>::new(), now, now);
    fed.world.take_calls();
    assert!(matches!(round(&mut reconciler).await, Next::Sleep { .. }));
    assert_eq!(fed.world.calls("get_stream"), 1);
    assert_eq!(fed.world.calls("start_stream"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_listing_from_before_the_own_last_action_is_not_looked_at() {
    let fed = Fed::new().await;
    pass(1).await;
    // The loop begins now: all listings are older.
    let mut reconciler = fed.reconciler();
    fed.world.drop_stream(ID);
    fed.world.take_calls();
    round(&mut reconciler).await;
    assert_eq!(fed.world.calls("get_stream"), 1);
    assert_eq!(fed.world.calls("start_stream"), 1);
}

#[tokio::test(start_paused = true)]
async fn what_stopped_being_wanted_during_the_looks_is_not_started() {
    let fed = Fed::new().await;
    fed.world.drop_stream(ID);
    fed.world.fault("get_stream", Some(Fault::Slow));
    fed.world.take_calls();
    let mut reconciler = fed.reconciler();
    let change = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        fed.wants(2_000, 2_000);
    };
    let (next, ()) = futures_util::join!(round(&mut reconciler), change);
    assert!(matches!(next, Next::Again));
    assert_eq!(fed.world.calls("start_stream"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_service_that_answers_again_during_a_round_is_not_missed() {
    let fed = Fed::new().await;
    let stop = CancellationToken::new();
    let task = tokio::spawn(fed.reconciler().run(stop.clone()));
    pass(5).await;
    // The stream is gone, then the streamer is down; the loop looks, and while
    // it still reads the store, the streamer answers as it last did.
    let now = Instant::now();
    fed.world.drop_stream(ID);
    lock(&fed.shared.stream_table).list(BTreeMap::<_, StreamView>::new(), now, now);
    lock(&fed.shared.stream_table).failed(fed.shared.now());
    fed.world.fault("queue_head", Some(Fault::Slow));
    fed.shared.wake(&id(ID));
    tokio::time::sleep(Duration::from_millis(500)).await;
    fed.poll_services().await;
    pass(10).await;
    assert!(fed.world.has_stream(ID));
    stop.cancel();
    task.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_start_in_flight_gives_way_to_a_newer_version() {
    let (world, _running) = settled(Knobs {
        call_deadline: Duration::from_secs(60),
        ..Knobs::default()
    })
    .await;
    world.fault("start_stream", Some(Fault::Hangs));
    world.drop_stream(ID);
    pass(4).await;
    assert_eq!(world.calls("start_stream"), 1);
    world.fault("start_stream", None);
    world.register(ID);
    pass(4).await;
    let version = world.record(ID).unwrap().run.unwrap().target.version;
    assert_eq!(version, 1_002);
    assert!(world.has_stream(ID));
}

#[tokio::test(start_paused = true)]
async fn a_start_in_flight_is_not_disturbed_by_news_of_others() {
    let (world, running) = settled(Knobs {
        call_deadline: Duration::from_secs(60),
        ..Knobs::default()
    })
    .await;
    world.fault("start_stream", Some(Fault::Hangs));
    world.drop_stream(ID);
    pass(4).await;
    world.register("b.near/f");
    pass(4).await;
    assert_eq!(running.sentence(ID), "a.near/f: Running: working");
    assert!(running.sentence("b.near/f").ends_with("working"));
    assert_eq!(world.calls("start_stream"), 2, "one for each");
}

#[tokio::test(start_paused = true)]
async fn an_operator_is_obeyed_though_a_start_hangs() {
    let (world, running) = settled(Knobs {
        call_deadline: Duration::from_secs(60),
        ..Knobs::default()
    })
    .await;
    world.fault("start_stream", Some(Fault::Hangs));
    world.drop_stream(ID);
    pass(4).await;
    let admin = running.coordinator.admin();
    admin.disable("tester", "a.near", "f").await.unwrap();
    pass(2).await;
    assert!(!world.has_executor(ID));
    assert_eq!(world.record(ID).unwrap().phase, Phase::Suspended);
}

#[tokio::test(start_paused = true)]
async fn what_is_acknowledged_without_effect_is_repeated_less_and_less_often() {
    for (method, breaks) in [
        ("start_stream", true),
        ("start_executor", true),
        ("stop_executor", false),
    ] {
        let (world, running) = settled(Knobs::default()).await;
        world.fault(method, Some(Fault::Lies));
        if breaks {
            world.drop_stream(ID);
            world.drop_executor(ID);
        } else {
            let admin = running.coordinator.admin();
            admin.disable("tester", "a.near", "f").await.unwrap();
        }
        pass(600).await;
        let made = world.calls(method);
        assert!(
            (5..30).contains(&made),
            "{method}: {made} calls in ten minutes"
        );
        assert!(
            running.sentence(ID).contains("had no effect"),
            "{}",
            running.sentence(ID)
        );
        world.fault(method, None);
        pass(70).await;
        assert_eq!(world.has_executor(ID), breaks, "{method}");
        assert_eq!(world.has_stream(ID), breaks, "{method}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_vanishes_soon_after_its_start_is_started_less_and_less_often() {
    let (world, _running) = settled(Knobs::default()).await;
    let mut vanished = 0;
    for _ in 0..300 {
        vanished += u64::from(world.has_executor(ID));
        world.drop_executor(ID);
        pass(2).await;
    }
    assert!(
        (5..30).contains(&vanished),
        "{vanished} starts in ten minutes"
    );
    // Once it has run for a while, nothing is held against it.
    pass(130).await;
    assert!(world.has_executor(ID));
    world.drop_executor(ID);
    pass(2).await;
    assert!(world.has_executor(ID));
}

#[tokio::test(start_paused = true)]
async fn what_was_seen_before_a_freeze_is_looked_at_again_once() {
    let fed = Fed::new().await;
    let mut reconciler = fed.reconciler();
    let knobs = Knobs::default();
    let slow = knobs.store_deadline * 3 + knobs.read_deadline * 2;
    let began = Instant::now();
    tokio::time::sleep(slow).await;
    assert!(
        !reconciler.is_outdated(began),
        "every call may take its time"
    );
    pass(2).await;
    assert!(reconciler.is_outdated(began));
    assert!(!reconciler.is_outdated(began), "a slow machine must go on");
    assert!(reconciler.is_outdated(began));
    assert!(!reconciler.is_outdated(Instant::now()));
    // Another freeze, long after the last one, which no round has followed.
    assert!(reconciler.is_outdated(began));
    pass(3_600).await;
    let began = Instant::now();
    pass(60).await;
    assert!(reconciler.is_outdated(began), "two that are no pair");
}

#[tokio::test(start_paused = true)]
async fn another_goal_ends_the_wait_for_an_action_without_effect() {
    let (world, running) = settled(Knobs::default()).await;
    world.fault("start_stream", Some(Fault::Lies));
    world.drop_stream(ID);
    pass(600).await;
    world.fault("start_stream", None);
    let admin = running.coordinator.admin();
    admin.disable("tester", "a.near", "f").await.unwrap();
    pass(2).await;
    assert_eq!(world.record(ID).unwrap().phase, Phase::Suspended);
    admin.enable("tester", "a.near", "f").await.unwrap();
    pass(2).await;
    assert!(world.has_stream(ID));
}

#[tokio::test(start_paused = true)]
async fn commits_that_are_always_overtaken_do_not_spin() {
    let (world, running) = settled(Knobs::default()).await;
    world.fault("compare_and_set", Some(Fault::Lies));
    world.register(ID);
    pass(100).await;
    let tries = world.calls("compare_and_set");
    assert!((10..400).contains(&tries), "{tries} tries in 100 s");
    assert!(running.sentence(ID).contains("again and again"));
    world.fault("compare_and_set", None);
    pass(10).await;
    assert!(world.has_stream(ID));
}

#[tokio::test(start_paused = true)]
async fn a_commit_that_is_overtaken_looks_again_at_once() {
    let fed = Fed::new().await;
    fed.wants(2_000, 2_000);
    fed.world.forget_streams();
    fed.world.drop_executor(ID);
    fed.world.fault("compare_and_set", Some(Fault::Lies));
    let mut reconciler = fed.reconciler();
    assert!(matches!(round(&mut reconciler).await, Next::Again));
    fed.world.fault("compare_and_set", None);
    assert!(matches!(round(&mut reconciler).await, Next::Again));
    let run = fed.world.record(ID).unwrap().run.unwrap();
    assert_eq!(run.target.version, 2_000);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_fails_is_asked_less_often_and_its_return_is_noticed() {
    let (world, running) = settled(Knobs::default()).await;
    world.fault("get_many", Some(Fault::Fails));
    world.drop_stream(ID);
    pass(200).await;
    let loads = world.calls("get_many") - 200;
    assert!(loads < 60, "{loads} loads");
    assert!(running.sentence(ID).contains("cannot be reached"));
    world.fault("get_many", None);
    pass(3).await;
    assert!(world.has_stream(ID));
}

#[tokio::test(start_paused = true)]
async fn an_intent_is_called_for_once_and_only_by_the_loop_that_wrote_it() {
    let world = World::new();
    world.register(ID);
    world.fault("start_provisioning_task", Some(Fault::Hangs));
    let running = world.run(Knobs::default());
    pass(60).await;
    assert_eq!(world.calls("start_provisioning_task"), 1);
    assert!(world.record(ID).unwrap().task.unwrap().id.is_none());
    running.shut_down().await;
    world.fault("start_provisioning_task", None);
    let running = world.run(Knobs::default());
    pass(30).await;
    assert_eq!(
        world.calls("start_provisioning_task"),
        1,
        "it may be running"
    );
    assert!(running.sentence(ID).contains("giving it time"));
    // The time given begins anew with each life: the clock may have jumped between.
    pass(120).await;
    assert!(world.has_stream(ID));
    assert_eq!(world.calls("start_provisioning_task"), 2);
}

#[tokio::test(start_paused = true)]
async fn an_intent_that_somebody_else_wrote_since_is_not_called_for() {
    let fed = Fed::new().await;
    let intent = |since| Task {
        id: None,
        since: Timestamp(since),
    };
    let now = fed.shared.now();
    let record = Record {
        task: Some(intent(now.0)),
        ..Record::new(id(ID))
    };
    fed.world.put_record(&record).await;
    let mut reconciler = fed.reconciler();
    reconciler.armed = Some(intent(now.0 - 1));
    round(&mut reconciler).await;
    assert_eq!(fed.world.calls("start_provisioning_task"), 0);
    reconciler.armed = Some(intent(now.0));
    round(&mut reconciler).await;
    assert_eq!(fed.world.calls("start_provisioning_task"), 1);
}

#[tokio::test(start_paused = true)]
async fn an_intent_that_had_to_wait_is_written_anew_before_the_call() {
    let fed = Fed::new().await;
    let intent = Task {
        id: None,
        since: fed.shared.now(),
    };
    let record = Record {
        task: Some(intent.clone()),
        ..Record::new(id(ID))
    };
    fed.world.put_record(&record).await;
    let mut reconciler = fed.reconciler();
    reconciler.armed = Some(intent.clone());
    pass(50).await;
    fed.poll_services().await;
    assert!(matches!(round(&mut reconciler).await, Next::Again));
    assert_eq!(fed.world.calls("start_provisioning_task"), 0);
    let renewed = fed.world.record(ID).unwrap().task;
    assert!(
        renewed
            .as_ref()
            .is_some_and(|task| task.since > intent.since)
    );
    round(&mut reconciler).await;
    assert_eq!(fed.world.calls("start_provisioning_task"), 1);
    let noted = fed.world.record(ID).unwrap().task;
    assert_eq!(noted.map(|task| task.since), renewed.map(|task| task.since));
}

#[tokio::test(start_paused = true)]
async fn all_get_their_turn_at_the_gate_and_nobody_asks_in_vain() {
    let world = World::new();
    const NUMBER: u64 = 60;
    for n in 0..NUMBER {
        world.register(&format!("a{}.near/{n}", n % 30));
    }
    let _running = world.run(Knobs {
        provisioning_parallel: 2,
        ..Knobs::default()
    });
    pass(120).await;
    for n in 0..NUMBER {
        let name = format!("a{}.near/{n}", n % 30);
        assert!(world.has_stream(&name), "{name}");
    }
    assert_eq!(world.calls("start_provisioning_task"), NUMBER);
    let loads = world.calls("get_many");
    assert!(loads < NUMBER * 30, "{loads} loads");
}

#[tokio::test(start_paused = true)]
async fn tasks_that_hang_make_room_for_others_but_not_for_ever_more() {
    let world = World::new();
    world.fault("get_task_status", Some(Fault::Lies));
    for n in 0..8 {
        world.register(&format!("a{n}.near/f"));
        world.register(&format!("a{n}.near/g"));
    }
    let policy = Policy {
        provisioning_timeout: Duration::from_secs(30),
        ..Policy::default()
    };
    let _running = world.run(Knobs {
        provisioning_parallel: 1,
        policy,
        ..Knobs::default()
    });
    let mut started = 0;
    for expected in [1, 2, 3, 4, 4, 4] {
        pass(15).await;
        started += world.calls("start_provisioning_task");
        assert_eq!(started, expected);
        world.take_calls();
        pass(17).await;
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_at_the_gate_and_is_deleted_keeps_nobody_out() {
    let world = World::new();
    world.fault("get_task_status", Some(Fault::Lies));
    for n in 0..4 {
        world.register(&format!("a{n}.near/f"));
    }
    let _running = world.run(Knobs {
        provisioning_parallel: 1,
        ..Knobs::default()
    });
    pass(10).await;
    world.unregister("a1.near/f");
    pass(10).await;
    world.fault("get_task_status", None);
    pass(30).await;
    for name in ["a0.near/f", "a2.near/f", "a3.near/f"] {
        assert!(world.has_stream(name), "{name}");
    }
    assert!(!world.has_stream("a1.near/f"));
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_set_back_by_hours_delays_nothing_for_hours() {
    let (world, running) = settled(Knobs::default()).await;
    world.fault("start_stream", Some(Fault::Fails));
    world.drop_stream(ID);
    pass(20).await;
    world.jump_clock(-5 * 3_600);
    world.fault("start_stream", None);
    pass(120).await;
    assert!(world.has_stream(ID), "{}", running.sentence(ID));

    let world = World::new();
    world.register(ID);
    world.fault("start_provisioning_task", Some(Fault::Hangs));
    let _running = world.run(Knobs::default());
    pass(20).await;
    world.jump_clock(-5 * 3_600);
    world.fault("start_provisioning_task", None);
    pass(300).await;
    assert!(world.has_stream(ID));
}

#[tokio::test(start_paused = true)]
async fn an_executor_that_never_ends_starting_is_noticed() {
    let (world, _running) = settled(Knobs::default()).await;
    let version = world.record(ID).unwrap().run.unwrap().target.version;
    let idle = proto::runner::ExecutionState::Idle.into();
    world.set_executor(ID, version, idle);
    pass(590).await;
    assert_eq!(world.calls("stop_executor"), 0);
    pass(400).await;
    assert_eq!(world.calls("stop_executor"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_late_start_of_something_suspended_is_stopped_though_a_look_fails() {
    let (world, running) = settled(Knobs::default()).await;
    let admin = running.coordinator.admin();
    admin.disable("tester", "a.near", "f").await.unwrap();
    pass(5).await;
    assert_eq!(world.record(ID).unwrap().phase, Phase::Suspended);
    world.fault("get_executor", Some(Fault::Fails));
    world.set_executor(ID, 1_001, 0);
    pass(5).await;
    world.fault("get_executor", None);
    pass(5).await;
    assert!(!world.has_executor(ID));
}

#[tokio::test(start_paused = true)]
async fn a_listing_of_garbage_disturbs_nobody() {
    let (world, running) = settled(Knobs::default()).await;
    world.register_nonsense("b.near/f");
    world.set_stream("c.near/f", 3);
    world.set_executor("c.near/f", u64::MAX, 77);
    pass(5).await;
    world.list(Some(r#"{"a.near":7,"":{},"c.near":[]}"#));
    pass(60).await;
    world.list(None);
    pass(5).await;
    assert_eq!(
        running.sentence(ID),
        "a.near/f: Running: everything is as wanted"
    );
    for method in [
        "start_stream",
        "start_executor",
        "stop_stream",
        "stop_executor",
    ] {
        assert_eq!(world.calls(method), 0, "{method}");
    }
}
