//! What performing an action does beside the call itself.

use lifecycle::{ActionStatus, Rule, StartBlock};
use tokio::time::Instant;

use super::*;

/// A loop over a world of its own, and the record of its indexer as it was read.
pub(super) async fn stored() -> (Arc<World>, Reconciler, Stored) {
    let world = World::new();
    let record = Record::new(id(ID)).with_phase(Phase::Running);
    world.put_record(&record).await;
    let mut reconciler = Reconciler::new(world.shared(), id(ID), 0, Instant::now());
    let Ok(Some(stored)) = reconciler.load().await else {
        panic!("the record cannot be read");
    };
    (world, reconciler, stored)
}

/// A start of the stream, and one of the executor.
pub(super) fn starts() -> [Action; 2] {
    let rule = Rule::ActionAny {
        affected_account_id: "x".to_owned(),
        status: ActionStatus::Any,
    };
    let spec = Spec::new(5, rule, StartBlock::Latest, "".into(), "".into());
    let spec = Arc::new(spec);
    let start = Action::StartStream {
        spec: Arc::clone(&spec),
        height: 5,
    };
    [start, Action::StartExecutor(spec)]
}

#[tokio::test(start_paused = true)]
async fn a_start_uses_up_its_slot() {
    for action in starts() {
        let (_, reconciler, stored) = stored().await;
        let shared = &reconciler.shared;
        let now = shared.now();
        let slot = || lock(&shared.budget).reserve(&id(ID), now);
        let first = slot();
        assert_eq!(slot(), first, "it is kept until it is used");
        let _ = reconciler.perform(&stored, &action).await;
        assert!(slot() > first, "{}", action.name());
    }
}

#[tokio::test(start_paused = true)]
async fn a_start_is_waited_for_no_longer_than_it_is_wanted() {
    for (action, method) in starts().iter().zip(["start_stream", "start_executor"]) {
        let (world, reconciler, stored) = stored().await;
        world.fault(method, Some(Fault::Hangs));
        let before = Instant::now();
        let change = async {
            pass(1).await;
            reconciler.shared.wake_goal(&id(ID));
        };
        let (outcome, ()) = futures_util::join!(reconciler.perform(&stored, action), change);
        assert!(matches!(outcome, Some(Outcome::Indefinite(_))), "{method}");
        assert_eq!(before.elapsed().as_secs(), 1, "{method}");
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_cleared_for_a_record_that_is_another_by_now() {
    let (world, reconciler, stored) = stored().await;
    let queue = keys::queue(&id(ID));
    world.store.push(&queue, 7).unwrap();
    let later = Record::new(id(ID)).with_phase(Phase::Suspending);
    world.put_record(&later).await;
    let outcome = reconciler.perform(&stored, &Action::ClearData).await;
    assert_eq!(outcome, None);
    assert!(world.store.exists(&queue));
    world.put_record(&stored.record).await;
    let outcome = reconciler.perform(&stored, &Action::ClearData).await;
    assert_eq!(outcome, Some(Outcome::Done(None)));
    assert!(!world.store.exists(&queue));
}
