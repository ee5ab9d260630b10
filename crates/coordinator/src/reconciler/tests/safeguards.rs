//! Single safeguards of a loop, each where it decides.

use lifecycle::{Desired, Gate, Rule, Seen, StartBlock};

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

/// What a look at an indexer that runs shows, where nothing of it is there.
async fn seen(world: &World, reconciler: &mut Reconciler) -> Observed {
    let record = Record::new(id(ID)).with_phase(Phase::Running);
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
    assert_eq!(before.elapsed(), Duration::from_secs(150));

    let (before, until) = (Instant::now(), in_seconds(&reconciler, 150));
    world.jump_clock(30);
    reconciler.reaches(until).await;
    assert_eq!(before.elapsed(), Duration::from_secs(120));

    let (before, until) = (Instant::now(), in_seconds(&reconciler, 150));
    let set_back = async {
        pass(10).await;
        world.jump_clock(-3_600);
    };
    futures_util::join!(reconciler.reaches(until), set_back);
    assert_eq!(before.elapsed(), SLEEP_MAX);
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
async fn a_loop_is_settled_only_where_both_halves_were_seen() {
    let (world, mut reconciler) = alone();
    let seen = seen(&world, &mut reconciler).await;
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
        assert_eq!(shared.records.relist(&[]).await.unwrap(), [id(ID)]);
        let mut reconciler = Reconciler::new(shared, id(ID), 0, Instant::now());
        assert!(matches!(reconciler.finish(None, None).await, Next::Done));
        let listed = world.store.set_members(keys::LISTED).await.unwrap();
        assert_eq!(listed.contains(&key), shadow);
    }
}
