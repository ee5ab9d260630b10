//! What a loop notes beside the record: for itself, at the gate, in the store.

use lifecycle::Gate;
use tokio::time::Instant;

use super::performing::{starts, stored};
use super::*;

/// What the gate says to another indexer of the account.
fn gate(reconciler: &Reconciler) -> Gate {
    lock(&reconciler.shared.gate).look(&id("a.near/g"))
}

fn with_task(reconciler: &Reconciler) -> Record {
    let task = Task {
        id: Some("t".to_owned()),
        since: reconciler.shared.now(),
    };
    Record {
        task: Some(task),
        ..Record::new(id(ID))
    }
}

#[tokio::test(start_paused = true)]
async fn an_acknowledged_start_is_remembered() {
    for (action, streams) in starts().iter().zip([true, false]) {
        let (_, mut reconciler, stored) = stored().await;
        reconciler.apply(&stored, action, None).await;
        let (started, now) = (&reconciler.started, Instant::now());
        assert_eq!(started.stream_is_old_news(4, now), streams);
        assert_eq!(started.executor_is_old_news(4, now), !streams);
    }
}

#[tokio::test(start_paused = true)]
async fn what_could_not_be_read_is_remembered_until_it_can() {
    let (world, mut reconciler, stored) = stored().await;
    let busy = Gate::AccountBusy(id(ID));
    assert!(!reconciler.unreadable);
    let now = reconciler.shared.now();
    for _ in 0..2 {
        lock(&reconciler.shared.gate).hold(&id(ID), now);
        world.store.put(&keys::state(&id(ID)), "nonsense");
        assert!(reconciler.load().await.is_err());
        assert!(reconciler.unreadable);
        // More than half of the time after which its account no longer waits.
        pass(1_000).await;
        assert!(reconciler.load().await.is_err());
        assert_eq!(gate(&reconciler), busy);
        world.put_record(&stored.record).await;
        assert!(reconciler.load().await.is_ok());
        assert!(!reconciler.unreadable);
    }
}

#[tokio::test(start_paused = true)]
async fn the_gate_learns_of_a_task_by_reading_and_of_its_end_by_writing() {
    let (world, mut reconciler, _) = stored().await;
    assert_eq!(gate(&reconciler), Gate::Open);
    world.put_record(&with_task(&reconciler)).await;
    world.fault("get_task_status", Some(Fault::Lies));
    round(&mut reconciler).await;
    assert_eq!(gate(&reconciler), Gate::AccountBusy(id(ID)));
    let Ok(Some(stored)) = reconciler.load().await else {
        panic!("the record cannot be read");
    };
    let next = Record::new(id(ID)).with_phase(Phase::Running);
    reconciler.commit(Some(&stored), &next).await;
    assert_eq!(gate(&reconciler), Gate::Open);
}

#[tokio::test(start_paused = true)]
async fn no_effect_begins_once_a_hold_is_acknowledged() {
    let (world, mut reconciler, stored) = stored().await;
    let look = reconciler.observe(Some(&stored), Look::Fresh).await;
    reconciler.holds_seen = reconciler.wake.holds();
    reconciler.shared.note_hold(&id(ID));
    world.take_calls();
    for action in starts() {
        let next = reconciler
            .act(&stored, &action, &look, Instant::now())
            .await;
        assert!(matches!(next, Next::Again));
    }
    assert_eq!(world.take_calls(), BTreeMap::new());
}

#[tokio::test(start_paused = true)]
async fn how_often_and_how_long_a_loop_tries_is_for_the_knobs_to_say() {
    let world = World::new();
    let knobs = Knobs {
        conflicts_max: 2,
        store_pause_growth: 2,
        ..Knobs::default()
    };
    let longest = knobs.store_pause * 2;
    let shared = Arc::new(Shared::new(knobs, world.ports(), false));
    let mut reconciler = Reconciler::new(shared, id(ID), 0, Instant::now());
    assert!(matches!(reconciler.overtaken(), Next::Again));
    assert!(matches!(reconciler.overtaken(), Next::Pause(_)));
    assert!((1..20).all(|troubles| reconciler.store_pause(troubles) <= longest));
}

#[tokio::test(start_paused = true)]
async fn a_commit_that_succeeds_ends_the_series_of_those_overtaken() {
    let (_, mut reconciler, stored) = stored().await;
    for _ in 1..Knobs::default().conflicts_max {
        assert!(matches!(reconciler.overtaken(), Next::Again));
    }
    let next = stored.record.with_phase(Phase::Suspending);
    reconciler.commit(Some(&stored), &next).await;
    for _ in 1..Knobs::default().conflicts_max {
        assert!(matches!(reconciler.overtaken(), Next::Again));
    }
    assert!(matches!(reconciler.overtaken(), Next::Pause(_)));
}

#[tokio::test(start_paused = true)]
async fn the_end_leaves_nothing_at_the_gate_and_a_height_in_the_store() {
    let (world, mut reconciler, stored) = stored().await;
    let now = reconciler.shared.now();
    lock(&reconciler.shared.gate).hold(&id(ID), now);
    let next = reconciler.finish(Some(&stored), Some(2_000)).await;
    assert!(matches!(next, Next::Done));
    assert_eq!(gate(&reconciler), Gate::Open);
    assert!(world.record(ID).is_none());
    let height = world.store.text(keys::REGISTRY_HEIGHT).unwrap();
    assert_eq!(height, "2000");
}

#[tokio::test(start_paused = true)]
async fn what_had_a_lasting_effect_is_repeated_without_a_pause() {
    let (world, _running) = settled(Knobs::default()).await;
    for _ in 0..8 {
        world.drop_stream(ID);
        pass(5).await;
        assert!(world.has_stream(ID));
        pass(70).await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_order_to_retry_ends_the_wait_for_an_action_without_effect() {
    let (world, running) = settled(Knobs::default()).await;
    world.fault("start_stream", Some(Fault::Lies));
    world.drop_stream(ID);
    pass(600).await;
    assert!(running.sentence(ID).contains("had no effect"));
    let admin = running.coordinator.admin();
    world.take_calls();
    for tries in 1..4 {
        admin.retry("tester", "a.near", "f").await.unwrap();
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert_eq!(
            world.calls("start_stream"),
            tries,
            "each order is obeyed once"
        );
    }
    world.fault("start_stream", None);
    admin.retry("tester", "a.near", "f").await.unwrap();
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(world.has_stream(ID), "{}", running.sentence(ID));
}

/// A record whose task was meant so long ago, and no call is known to have followed.
fn meant(reconciler: &Reconciler, ago: Duration) -> Record {
    let now = reconciler.shared.now();
    let task = Some(lifecycle::Task {
        id: None,
        since: Timestamp(now.0 - u64::try_from(ago.as_millis()).unwrap()),
    });
    Record {
        task,
        ..Record::new(id(ID)).with_phase(Phase::Initializing)
    }
}

#[tokio::test(start_paused = true)]
async fn the_intent_of_an_earlier_life_is_not_this_loops() {
    let (world, mut reconciler, _) = stored().await;
    let record = meant(&reconciler, Duration::from_secs(1));
    world.put_record(&record).await;
    let Ok(stored) = reconciler.load().await else {
        panic!("the record cannot be read");
    };
    let next = record.with_phase(Phase::Repairing);
    let committed = reconciler.commit(stored.as_ref(), &next).await;
    assert!(matches!(committed, Next::Again));
    assert_eq!(world.record(ID).unwrap().task, record.task);
    assert!(reconciler.armed.is_none(), "the call may have been made");
}

#[tokio::test(start_paused = true)]
async fn an_intent_is_written_anew_once_it_is_older_than_a_call_may_take() {
    let (_, mut reconciler, _) = stored().await;
    let deadline = reconciler.shared.knobs.call_deadline;
    let [_, Action::StartExecutor(spec)] = starts() else {
        panic!("these are the starts");
    };
    let action = Action::StartProvisioning(spec);
    for (ago, renews) in [
        (deadline, false),
        (deadline + Duration::from_millis(1), true),
    ] {
        let record = meant(&reconciler, ago);
        reconciler.armed = record.task.clone();
        let renewal = reconciler.renewal(&record, &action);
        assert_eq!(renewal.is_some(), renews, "{ago:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_look_may_last_as_long_as_its_deadlines_allow() {
    let (_, mut reconciler, _) = stored().await;
    let began = Instant::now();
    let allowed = reconciler.shared.knobs.look_max();
    // A clock may go on by itself between two looks at it.
    let margin = Duration::from_millis(10);
    tokio::time::sleep_until(began + allowed - margin).await;
    assert!(!reconciler.is_outdated(began));
    pass(1).await;
    assert!(reconciler.is_outdated(began));
}
