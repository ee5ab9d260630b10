//! Queues that the store does not show.

use lifecycle::{Cause, Desired, Progress, Rule, Service, StartBlock, Target};

use super::*;
use crate::store::{MemoryStore, StoreTransport};

/// What the store says of a queue that is none.
const WORDS: &str = "another kind of value";

fn spoil(store: &MemoryStore) {
    store.put(&keys::queue(&id(ID)), "hello");
}

fn spec(start_block: StartBlock) -> Arc<Spec> {
    let rule = Rule::ActionAny {
        affected_account_id: "x".to_owned(),
        status: lifecycle::ActionStatus::Any,
    };
    Arc::new(Spec::new(5, rule, start_block, "".into(), "".into()))
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_cannot_go_on_is_told_with_the_words_of_the_store() {
    let (world, running) = settled(Knobs::default()).await;
    spoil(&world.store);
    world.drop_stream(ID);
    pass(60).await;
    assert_eq!(world.calls("start_stream"), 0, "blocks may be passed over");
    let admin = running.coordinator.admin();
    let report = admin.get("a.near", "f").await.unwrap();
    assert_eq!(report.state(), "Trouble");
    assert!(report.troubled());
    let told = report.explain();
    assert!(
        told.contains(WORDS) && told.contains(":block_stream"),
        "{told}"
    );
    let problem = admin.overview().store_problem.unwrap();
    assert!(problem.contains(WORDS) && problem.contains(ID), "{problem}");

    world.store.delete(&[keys::queue(&id(ID))]).await.unwrap();
    pass(60).await;
    assert_eq!(world.calls("start_stream"), 1);
    assert_eq!(admin.overview().store_problem, None);
    assert_eq!(admin.get("a.near", "f").await.unwrap().state(), "Steady");
    running.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn a_run_that_goes_by_no_queue_begins_without_having_seen_it() {
    let (world, running) = settled(Knobs::default()).await;
    spoil(&world.store);
    world.register(ID);
    pass(60).await;
    assert_eq!(
        running.sentence(ID),
        "a.near/f: Running: everything is as wanted"
    );
    assert!(!world.store.exists(&keys::queue(&id(ID))));
    spoil(&world.store);
    world.unregister(ID);
    pass(120).await;
    assert!(world.record(ID).is_none(), "{}", running.sentence(ID));
    assert!(!world.store.exists(&keys::queue(&id(ID))));
    assert_eq!(running.coordinator.admin().overview().store_problem, None);
    running.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn only_what_the_queue_does_not_decide_goes_on_without_it() {
    let (_, mut reconciler, stored) = performing::stored().await;
    let seen = |start_block, progress| {
        let spec = spec(start_block);
        Observed {
            id: id(ID),
            record: Some(stored.record.clone()),
            desired: Desired::Present(Arc::clone(&spec)),
            desired_as_of: 10,
            stream: lifecycle::Seen::Absent,
            executor: lifecycle::Seen::Absent,
            progress,
            task: lifecycle::TaskSeen::Unknown,
            armed: false,
            gate: lifecycle::Gate::Open,
            start_slot: Timestamp(0),
            services: lifecycle::Services::default(),
            running_since: Timestamp(0),
        }
    };
    let refused = || Err(StoreError::Rejected("no".to_owned()));
    let away = || Err(StoreError::Unavailable("no".to_owned()));
    for start_block in [
        StartBlock::Latest,
        StartBlock::Height(3),
        StartBlock::Continue,
    ] {
        let goes_on = start_block != StartBlock::Continue;
        let progress = reconciler.note_refusal(refused());
        let mut seen_so = seen(start_block, progress);
        match reconciler.plan(&mut seen_so) {
            Step::Commit(next) if goes_on => {
                assert_eq!(next.run.unwrap().target, Target::of(&spec(start_block)));
            }
            Step::Wait(wait) if !goes_on => {
                let told = reconciler.why_refused(&wait, &seen_so);
                assert!(told.is_some_and(|told| told.ends_with(": no")));
            }
            step => panic!("{start_block:?}: {step}"),
        }
        // A store that is away may show it in a moment.
        let progress = reconciler.note_refusal(away());
        let mut seen_so = seen(start_block, progress);
        let Step::Wait(wait) = reconciler.plan(&mut seen_so) else {
            panic!("{start_block:?}");
        };
        assert_eq!(reconciler.why_refused(&wait, &seen_so), None);
    }
}

#[tokio::test(start_paused = true)]
async fn only_waits_for_queue_and_cursor_are_told_with_what_the_store_said() {
    let (_, mut reconciler, stored) = performing::stored().await;
    let mut seen = reconciler.observe(Some(&stored), Look::Fresh).await;
    seen.progress = reconciler.note_refusal(Err(StoreError::Rejected("no".to_owned())));
    let tried = |cause| Reason::Retry {
        cause,
        attempts: 1,
        detail: String::new(),
    };
    let gave_up = |cause| Reason::GaveUp {
        cause,
        attempts: 8,
        detail: String::new(),
    };
    for (reason, told) in [
        (tried(Cause::DataNotCleared), true),
        (gave_up(Cause::DataNotCleared), true),
        (tried(Cause::StreamNotStarted), false),
        (gave_up(Cause::StreamNotStarted), false),
        (Reason::Unseen(Service::Store), true),
        (Reason::Unseen(Service::Executors), false),
        (Reason::Steady, false),
    ] {
        let wait = Wait {
            reason,
            until: None,
        };
        let is_told = reconciler.why_refused(&wait, &seen).is_some();
        assert_eq!(is_told, told, "{wait:?}");
        let mut shown = seen.clone();
        shown.progress = Progress::Unknown;
        assert_eq!(reconciler.why_refused(&wait, &shown), None);
    }
}
