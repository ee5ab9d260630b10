//! Single safeguards of a loop, each where it decides.

use lifecycle::{Desired, Gate, Rule, Seen, Services, StartBlock, StreamHealth};
use tokio::time::Instant;

use super::*;
use crate::planner::Planner;
use crate::store::StoreTransport;

/// A loop whose polls do not run, over a world of its own.
fn alone() -> (Arc<World>, Reconciler) {
    let world = World::new();
    let shared = world.shared();
    let reconciler = Reconciler::new(shared, id(ID), 0, Instant::now());
    (world, reconciler)
}

/// What a look at an indexer in `phase` shows.
async fn seen(world: &World, reconciler: &mut Reconciler, phase: Phase) -> Observed {
    let record = Record::new(id(ID)).with_phase(phase);
    world.put_record(&record).await;
    let Ok(stored) = reconciler.load().await else {
        panic!("the record cannot be read");
    };
    reconciler.observe(stored.as_ref(), Look::Fresh).await
}

fn in_seconds(reconciler: &Reconciler, seconds: u64) -> Option<Timestamp> {
    Some(reconciler.shared.now() + Duration::from_secs(seconds))
}

#[tokio::test(start_paused = true)]
async fn a_long_sleep_lasts_to_its_end_and_a_clock_set_back_ends_it() {
    let (world, reconciler) = alone();
    let before = Instant::now();
    reconciler.reaches(in_seconds(&reconciler, 150)).await;
    assert_eq!(before.elapsed().as_secs(), 150);

    let (before, until) = (Instant::now(), in_seconds(&reconciler, 150));
    world.jump_clock(30);
    reconciler.reaches(until).await;
    assert_eq!(before.elapsed().as_secs(), 120);

    let (before, until) = (Instant::now(), in_seconds(&reconciler, 150));
    let set_back = async {
        pass(10).await;
        world.jump_clock(-3_600);
    };
    futures_util::join!(reconciler.reaches(until), set_back);
    assert_eq!(
        before.elapsed().as_secs(),
        Knobs::default().sleep_max.as_secs()
    );
}

#[tokio::test(start_paused = true)]
async fn whoever_finds_the_account_taken_in_the_meantime_writes_no_intent() {
    let (world, mut reconciler) = alone();
    let record = Record::new(id(ID)).with_phase(Phase::Initializing);
    world.put_record(&record).await;
    let Ok(stored) = reconciler.load().await else {
        panic!("the record cannot be read");
    };
    let now = reconciler.shared.now();
    let intent = Record {
        task: Some(lifecycle::Task {
            id: None,
            since: now,
        }),
        ..record
    };
    let other = id("a.near/g");
    lock(&reconciler.shared.gate).hold(&other, now);
    let next = reconciler.commit(stored.as_ref(), &intent).await;
    assert!(matches!(next, Next::Again));
    assert_eq!(world.record(ID).unwrap().task, None);
    assert!(reconciler.armed.is_none());

    lock(&reconciler.shared.gate).release(&other);
    reconciler.commit(stored.as_ref(), &intent).await;
    assert_eq!(world.record(ID).unwrap().task, intent.task);
}

#[tokio::test(start_paused = true)]
async fn an_unreadable_record_keeps_its_account_waiting_no_longer_than_a_task() {
    let (world, mut reconciler) = alone();
    let shared = Arc::clone(&reconciler.shared);
    world.store.put(&keys::state(&id(ID)), "nonsense");
    lock(&shared.gate).hold(&id(ID), shared.now());
    let gate = || lock(&shared.gate).look(&id("a.near/g"));
    let abandon = shared.knobs.policy.provisioning_abandon;
    for (pause, expected) in [
        (Duration::ZERO, Gate::AccountBusy(id(ID))),
        (abandon - Duration::from_secs(1), Gate::AccountBusy(id(ID))),
        (Duration::from_secs(1), Gate::Open),
    ] {
        tokio::time::sleep(pause).await;
        assert!(matches!(
            reconciler.load().await,
            Err(Next::Pause(Trouble::Corrupt(_)))
        ));
        assert_eq!(gate(), expected, "after {pause:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_first_record_says_what_the_original_s_first_format_said() {
    let world = World::new();
    world.register(ID);
    world.store.put(&keys::first_format(&id(ID)), "900");
    let running = world.run(Knobs::default());
    pass(10).await;
    assert_eq!(
        world.calls("start_provisioning_task"),
        0,
        "it is provisioned: {}",
        running.sentence(ID)
    );
    assert!(world.has_stream(ID));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_begun_by_what_was_read_before_the_process_stood_still() {
    let (world, mut reconciler) = alone();
    let began = Instant::now();
    pass(60).await;
    assert!(matches!(
        reconciler.begin(Some(5), began).await,
        Next::Again
    ));
    assert_eq!(world.record(ID), None);
    // A slow machine must go on.
    assert!(matches!(
        reconciler.begin(Some(5), began).await,
        Next::Again
    ));
    assert_eq!(world.record(ID).unwrap().registered, Some(5));
}

#[tokio::test(start_paused = true)]
async fn a_loop_is_settled_only_where_both_halves_were_seen() {
    let (world, mut reconciler) = alone();
    let seen = seen(&world, &mut reconciler, Phase::Running).await;
    let steady = || Wait {
        reason: Reason::Steady,
        until: None,
    };
    for (stream, executor, all_seen) in [
        (Seen::Absent, Seen::Absent, true),
        (Seen::Unknown, Seen::Absent, false),
        (Seen::Absent, Seen::Unknown, false),
        (Seen::Unknown, Seen::Unknown, false),
    ] {
        let seen = Observed {
            stream,
            executor,
            ..seen.clone()
        };
        let Next::Sleep { wait, settled } = reconciler.rest(steady(), &seen) else {
            panic!("it does not sleep");
        };
        assert_eq!(settled, all_seen);
        // The look that failed is repeated soon.
        let soon = reconciler.shared.now() + reconciler.shared.knobs.policy.recheck;
        assert_eq!(wait.until, (!all_seen).then_some(soon));
    }
    let busy = Wait {
        reason: Reason::StartBudget,
        until: None,
    };
    assert!(matches!(
        reconciler.rest(busy, &seen),
        Next::Sleep { settled: false, .. }
    ));
}

/// Clears whatever is there, and remembers nothing of it.
struct Clearer;

impl Planner for Clearer {
    fn plan(&self, _: &Observed, _: &Policy, _: Timestamp) -> Step {
        Step::Apply(Action::ClearData)
    }

    fn absorb(
        &self,
        record: &Record,
        _: &Action,
        _: &Outcome,
        _: Option<Target>,
        _: &Policy,
        _: Timestamp,
    ) -> Record {
        record.clone()
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_clears_nothing_is_given_a_pause_though_the_record_stays() {
    for (fault, pauses) in [(Some(Fault::Fails), true), (None, false)] {
        let world = World::new();
        let shared = Shared::new(Knobs::default(), world.ports(), false);
        let shared = Arc::new(shared.planned_by(Arc::new(Clearer)));
        let record = Record::new(id(ID)).with_phase(Phase::Running);
        world.put_record(&record).await;
        world.fault("delete", fault);
        let mut reconciler = Reconciler::new(shared, id(ID), 0, Instant::now());
        let next = round(&mut reconciler).await;
        assert_eq!(matches!(next, Next::Pause(Trouble::Store(_))), pauses);
        assert_eq!(matches!(next, Next::Again), !pauses);
    }
}

#[test]
fn what_was_wanted_is_noted_with_a_failure_where_it_is_known() {
    let rule = Rule::Unsupported(String::new());
    let spec = Spec::new(5, rule, StartBlock::Latest, "".into(), "".into());
    let spec = Arc::new(spec);
    let target = Some(Target::of(&spec));
    assert_eq!(wanted(&Desired::Present(Arc::clone(&spec))), target);
    assert_eq!(wanted(&Desired::Unlisted(spec)), target);
    let deleted = Desired::Deleted { version: 5, at: 9 };
    for desired in [Desired::Unknown, Desired::Missing, deleted] {
        assert_eq!(wanted(&desired), None, "{desired:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_left_of_a_listing_is_tidied_up_but_by_no_shadow() {
    for shadow in [false, true] {
        let world = World::new();
        let key = keys::state(&id(ID));
        world.store.set_add(keys::LISTED, &key).await.unwrap();
        let shared = Arc::new(Shared::new(Knobs::default(), world.ports(), shadow));
        assert_eq!(shared.records.relist(&[]).await.unwrap().listed, [id(ID)]);
        let mut reconciler = Reconciler::new(shared, id(ID), 0, Instant::now());
        assert!(matches!(reconciler.finish(None, None).await, Next::Done));
        let listed = world.store.set_members(keys::LISTED).await.unwrap();
        assert_eq!(listed.contains(&key), shadow);
    }
}

#[tokio::test(start_paused = true)]
async fn listings_serve_where_both_are_new_or_cannot_be_had() {
    let fed = Fed::new().await;
    let reconciler = fed.reconciler();
    let shared = &fed.shared;
    assert!(
        !reconciler.snapshots_serve(),
        "both are older than the loop"
    );
    pass(1).await;
    shared.poll_streams(&mut Listing::default()).await;
    assert!(!reconciler.snapshots_serve(), "that of executors is older");
    lock(&shared.executor_table).failed(shared.now());
    assert!(reconciler.snapshots_serve());
    fed.poll_services().await;
    assert!(reconciler.snapshots_serve());

    let reconciler = fed.reconciler();
    pass(1).await;
    shared.poll_executors(&mut Listing::default()).await;
    assert!(!reconciler.snapshots_serve(), "that of streams is older");
    lock(&shared.stream_table).failed(shared.now());
    assert!(reconciler.snapshots_serve());
}

#[tokio::test(start_paused = true)]
async fn a_service_that_does_not_answer_is_known_to_be_down() {
    let (_, mut reconciler) = alone();
    let shared = Arc::clone(&reconciler.shared);
    let mut seen = async || reconciler.observe(None, Look::Snapshots).await.services;
    assert_eq!(seen().await, Services::default());
    let (first, second) = (Timestamp(1), Timestamp(2));
    lock(&shared.executor_table).failed(first);
    let mut down = Services {
        block_streamer: None,
        executors: Some(first),
        provisioner: Some(first),
    };
    assert_eq!(seen().await, down);
    lock(&shared.stream_table).failed(second);
    down.block_streamer = Some(second);
    assert_eq!(seen().await, down);
}

#[tokio::test(start_paused = true)]
async fn a_service_that_is_down_is_not_asked_about_each() {
    let fed = Fed::new().await;
    let mut reconciler = fed.reconciler();
    lock(&fed.shared.stream_table).failed(fed.shared.now());
    lock(&fed.shared.executor_table).failed(fed.shared.now());
    fed.world.take_calls();
    let next = round(&mut reconciler).await;
    let down = |wait: &Wait| matches!(wait.reason, Reason::ServiceDown { .. });
    assert!(matches!(next, Next::Sleep { wait, settled: false } if down(&wait)));
    assert_eq!(fed.world.calls("get_stream"), 0);
    assert_eq!(fed.world.calls("get_executor"), 0);
}

#[tokio::test(start_paused = true)]
async fn shared_listings_are_enough_to_see_that_nothing_runs() {
    let fed = Fed::new().await;
    let mut reconciler = fed.reconciler();
    fed.world.drop_stream(ID);
    fed.world.drop_executor(ID);
    let record = Record {
        enabled: false,
        ..Record::new(id(ID)).with_phase(Phase::Suspended)
    };
    fed.world.put_record(&record).await;
    pass(1).await;
    fed.poll_services().await;
    assert!(matches!(round(&mut reconciler).await, Next::Again));
    assert!(fed.world.record(ID).unwrap().registered.is_some());
    fed.world.take_calls();
    let next = round(&mut reconciler).await;
    assert!(matches!(next, Next::Sleep { settled: true, .. }));
    let calls = fed.world.take_calls();
    assert_eq!(calls.keys().collect::<Vec<_>>(), ["get_many"]);
}

#[tokio::test(start_paused = true)]
async fn a_look_that_shows_an_older_version_than_was_started_is_not_believed_at_first() {
    let (world, mut reconciler) = alone();
    world.set_stream(ID, 4);
    world.set_executor(ID, 4, 0);
    let rule = Rule::Unsupported(String::new());
    let spec = Spec::new(5, rule, StartBlock::Latest, "".into(), "".into());
    let spec = Arc::new(spec);
    let now = Instant::now();
    reconciler
        .started
        .acknowledged(&Action::StartExecutor(Arc::clone(&spec)), now);
    let look = seen(&world, &mut reconciler, Phase::Running).await;
    assert!(look.stream.is_present());
    assert_eq!(look.executor, Seen::Unknown);
    let start = Action::StartStream { spec, height: 5 };
    reconciler.started.acknowledged(&start, now);
    let look = seen(&world, &mut reconciler, Phase::Running).await;
    assert_eq!((look.stream, look.executor), (Seen::Unknown, Seen::Unknown));
    pass(15).await;
    let look = seen(&world, &mut reconciler, Phase::Running).await;
    assert!(look.stream.is_present() && look.executor.is_present());
}

#[tokio::test(start_paused = true)]
async fn only_whoever_has_yet_to_be_provisioned_asks_at_the_gate() {
    let (world, mut reconciler) = alone();
    let other = id("a.near/g");
    let now = reconciler.shared.now();
    lock(&reconciler.shared.gate).hold(&other, now);
    for phase in Phase::ALL.into_iter().filter(|it| *it != Phase::Deleted) {
        let look = seen(&world, &mut reconciler, phase).await;
        let expected = match phase {
            Phase::Initializing => Gate::AccountBusy(other.clone()),
            _ => Gate::Open,
        };
        assert_eq!(look.gate, expected, "{phase}");
    }
    let task = Task {
        id: None,
        since: now,
    };
    let record = Record {
        task: Some(task),
        ..Record::new(id(ID))
    };
    world.put_record(&record).await;
    let Ok(stored) = reconciler.load().await else {
        panic!("the record cannot be read");
    };
    let look = reconciler.observe(stored.as_ref(), Look::Fresh).await;
    assert_eq!(look.gate, Gate::Open, "its task is in flight already");
}

#[tokio::test(start_paused = true)]
async fn what_was_done_for_another_goal_holds_nothing_back() {
    let (world, mut reconciler) = alone();
    let mut look = seen(&world, &mut reconciler, Phase::Running).await;
    let Reconciler { paces, shared, .. } = &mut reconciler;
    let now = Instant::now();
    let action = Action::StopStream("S".to_owned());
    let mut hold = |look: &Observed, done| {
        let wait = paces.hold(look, &action, now, shared);
        if done {
            paces.acknowledged(&action, now);
        }
        wait.is_some()
    };
    assert!(!hold(&look, true), "nothing was done yet");
    assert!(hold(&look, false), "the same for the same");
    look.record = look.record.map(|record| Record {
        enabled: false,
        ..record
    });
    assert!(!hold(&look, true), "it was switched off since");
    assert!(hold(&look, false));
    look.desired = Desired::Missing;
    assert!(!hold(&look, false), "something else is wanted");
}

#[tokio::test(start_paused = true)]
async fn a_stream_whose_heartbeat_stands_still_is_frozen_by_point_reads_too() {
    let (world, mut reconciler) = alone();
    world.set_stream(ID, 5);
    world.set_heartbeat(ID, 3);
    for (pause, health) in [
        (0, StreamHealth::Fine),
        (170, StreamHealth::Fine),
        (20, StreamHealth::Frozen),
    ] {
        pass(pause).await;
        let look = seen(&world, &mut reconciler, Phase::Running).await;
        let Seen::Present(stream) = look.stream else {
            panic!("it is there");
        };
        assert_eq!(stream.health, health);
    }
}
