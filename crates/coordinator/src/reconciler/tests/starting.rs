//! Who is given a slot of the start budget, and whom that delays.

use lifecycle::{Cause, Hold, Repair};

use super::*;

const EVENT: &str = concat!(
    r#"{"code":"c","schema":"s","start_block":"LATEST","created_at_block_height":900,"#,
    r#""rule":{"kind":"EVENT","contract_account_id":"x"}}"#
);

fn knobs() -> Knobs {
    Knobs {
        starts_per_second: 5,
        ..Knobs::default()
    }
}

/// The record of an indexer whose data layer is there.
fn provisioned(name: &str) -> Record {
    Record {
        provisioned: true,
        ..Record::new(id(name)).with_phase(Phase::Running)
    }
}

fn names(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("z{n}.near/f")).collect()
}

/// A world with so many indexers that may be started.
async fn startable(count: usize) -> Arc<World> {
    let world = World::new();
    for name in names(count) {
        world.register(&name);
        world.put_record(&provisioned(&name)).await;
    }
    world
}

fn streams(world: &World, count: usize) -> usize {
    let names = names(count);
    names.iter().filter(|name| world.has_stream(name)).count()
}

#[tokio::test(start_paused = true)]
async fn those_who_never_start_anything_delay_nobody() {
    let world = startable(10).await;
    for n in 0..400 {
        let name = format!("a{n}.near/f");
        world.answer(&name, EVENT);
        world.put_record(&provisioned(&name)).await;
    }
    let running = world.run(knobs());
    // Twenty starts, and the looks before them.
    pass(8).await;
    assert_eq!(streams(&world, 10), 10, "at the start");
    assert!(running.sentence("a0.near/f").contains("EVENT"));
    world.forget_streams();
    pass(6).await;
    assert_eq!(streams(&world, 10), 10, "after the streamer's restart");
    running.shut_down().await;

    world.forget_streams();
    let running = world.run(knobs());
    pass(6).await;
    assert_eq!(streams(&world, 10), 10, "after one's own");
    running.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn a_crowd_that_starts_is_spread_over_time() {
    let world = startable(20).await;
    let running = world.run(knobs());
    let mut before = 0;
    for second in 0..10 {
        pass(1).await;
        let starts = world.calls("start_stream") + world.calls("start_executor");
        // Late ones may come beside those whose time it is.
        assert!(starts - before <= 10, "{second}: {}", starts - before);
        assert!(starts <= 5 * (second + 2), "{second}: {starts}");
        before = starts;
    }
    assert_eq!(before, 40, "and all are started in the end");
    running.shut_down().await;
}

/// The indexer's stream is gone, and its record says this.
async fn streamless(record: impl FnOnce(Record, Timestamp) -> Record) -> Fed {
    let fed = Fed::new().await;
    fed.world.drop_stream(ID);
    let now = fed.shared.now();
    let record = record(fed.world.record(ID).unwrap(), now);
    fed.world.put_record(&record).await;
    fed
}

/// For how long somebody else would have to wait for a slot after a round.
async fn delays(fed: &Fed, reconciler: &mut Reconciler) -> Duration {
    assert!(matches!(round(reconciler).await, Next::Sleep { .. }));
    let now = fed.shared.now();
    let slot = lock(&fed.shared.budget).reserve(&id("a.near/other"), now);
    slot.since(now)
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_for_its_repair_takes_no_slot() {
    for (attempts, pause) in [(2, 60), (8, 21_600)] {
        let fed = streamless(|record, now| Record {
            phase: Phase::Repairing,
            repair: Some(Repair {
                from: Phase::Running,
                cause: Cause::StreamNotStarted,
                detail: "refused".to_owned(),
                limited: true,
                attempts,
                first_at: now,
                last_at: now,
                next_at: now + Duration::from_secs(pause),
                target: record.run.map(|run| run.target),
                other_at: None,
            }),
            ..record
        });
        let fed = fed.await;
        let waited = delays(&fed, &mut fed.reconciler()).await;
        assert_eq!(waited, Duration::ZERO, "{attempts} attempts");
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_was_started_in_vain_takes_no_slot_before_it_is_tried_again() {
    let fed = streamless(|record, _| record).await;
    fed.world.fault("start_stream", Some(Fault::Lies));
    let mut reconciler = fed.reconciler();
    assert!(matches!(round(&mut reconciler).await, Next::Again));
    assert_eq!(fed.world.calls("start_stream"), 1);
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(delays(&fed, &mut reconciler).await, Duration::ZERO);
    assert_eq!(fed.world.calls("start_stream"), 1);
}

#[tokio::test(start_paused = true)]
async fn whoever_would_start_something_gets_a_slot_and_nobody_else() {
    for (phase, streams, executes, starts) in [
        (Phase::Running, false, false, true),
        (Phase::Running, true, false, true),
        (Phase::Running, false, true, true),
        (Phase::Running, true, true, false),
        (Phase::Initializing, false, false, false),
        (Phase::Suspending, false, true, false),
        (Phase::Suspended, false, false, false),
        (Phase::Deleting, true, false, false),
    ] {
        let fed = Fed::new().await;
        let record = fed.world.record(ID).unwrap();
        let enabled = !matches!(phase, Phase::Suspending | Phase::Suspended);
        let record = Record {
            enabled,
            ..record.with_phase(phase)
        };
        fed.world.put_record(&record).await;
        if !streams {
            fed.world.drop_stream(ID);
        }
        if !executes {
            fed.world.drop_executor(ID);
        }
        let mut reconciler = fed.reconciler();
        let Ok(stored) = reconciler.load().await else {
            panic!("the record cannot be read");
        };
        let mut look = reconciler.observe(stored.as_ref(), Look::Fresh).await;
        let step = reconciler.plan(&mut look);
        assert_eq!(
            matches!(&step, Step::Apply(it) if it.name().starts_with("Start")),
            starts
        );
        let expected = if starts {
            fed.shared.now()
        } else {
            Timestamp(0)
        };
        assert_eq!(look.start_slot, expected, "{phase} {streams} {executes}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_slot_that_is_needed_no_more_is_somebody_elses() {
    let fed = streamless(|record, _| record).await;
    let now = fed.shared.now();
    let mut others = Vec::new();
    for n in 0..100 {
        others.push(lock(&fed.shared.budget).reserve(&id(&format!("z{n}.near/f")), now));
    }
    let mut reconciler = fed.reconciler();
    let Next::Sleep { wait, .. } = round(&mut reconciler).await else {
        panic!("it waits for its slot");
    };
    assert_eq!(wait.reason, Reason::StartBudget);
    let slot = wait.until.unwrap();
    assert!(others.iter().all(|other| *other < slot));
    // It was held in the meantime.
    let record = fed.world.record(ID).unwrap();
    let hold = Some(Hold {
        by: "olga".to_owned(),
        reason: "why".to_owned(),
        since: now,
    });
    fed.world.put_record(&Record { hold, ..record }).await;
    round(&mut reconciler).await;
    let next = lock(&fed.shared.budget).reserve(&id("a.near/other"), fed.shared.now());
    assert_eq!(next, slot);
}

#[tokio::test(start_paused = true)]
async fn a_look_that_fails_does_not_cost_the_place_in_line() {
    let fed = streamless(|record, _| record).await;
    let now = fed.shared.now();
    for n in 0..100 {
        lock(&fed.shared.budget).reserve(&id(&format!("z{n}.near/f")), now);
    }
    let mut reconciler = fed.reconciler();
    let mut slots = Vec::new();
    for fault in [None, Some(Fault::Fails), None] {
        fed.world.fault("get_stream", fault);
        match reconciler.round(Look::Fresh, &mut None).await {
            Next::Sleep { wait, .. } if fault.is_none() => slots.push(wait.until),
            Next::Sleep { .. } => {}
            _ => panic!("it waits"),
        }
        // Somebody else comes, who would take a slot that was given up.
        let other = id(&format!("b{}.near/f", slots.len()));
        lock(&fed.shared.budget).reserve(&other, fed.shared.now());
        lock(&fed.shared.budget).consume(&other, fed.shared.now());
    }
    assert_eq!(slots[0], slots[1]);
}

#[tokio::test(start_paused = true)]
async fn a_slot_lasts_for_a_look_whatever_the_deadlines_are() {
    let knobs = Knobs {
        store_deadline: Duration::from_secs(60),
        read_deadline: Duration::from_secs(60),
        ..Knobs::default()
    };
    let look = knobs.look_max();
    assert_eq!(look, Duration::from_secs(301));
    let ports = World::new().ports();
    let shared = Shared::new(knobs, ports, false);
    let slot = || lock(&shared.budget).reserve(&id(ID), shared.now());
    let reserved = slot();
    tokio::time::sleep(look - Duration::from_secs(1)).await;
    assert_eq!(slot(), reserved);
}
