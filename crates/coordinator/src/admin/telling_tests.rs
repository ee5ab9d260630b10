//! What is told of an indexer, and since when it is so.

use std::collections::BTreeSet;

use bytes::Bytes;
use lifecycle::{Phase, Reason, Record, Run, Target, Timestamp, Wait};

use super::*;
use crate::services::Listing;
use crate::store::Stored;
use crate::testing::{Fault, Running, World, id, pass};
use crate::{Knobs, LoopStatus};

const A: &str = "a.near/f";

async fn look(it: &Running) -> IndexerReport {
    it.coordinator.admin().get("a.near", "f").await.unwrap()
}

fn since(report: &IndexerReport) -> Timestamp {
    report.status.as_ref().unwrap().since
}

#[tokio::test(start_paused = true)]
async fn a_trouble_of_the_store_says_when_it_is_tried_again() {
    let world = World::new();
    world.fault("compare_and_set", Some(Fault::Fails));
    world.register(A);
    let it = world.run(Knobs::default());
    pass(60).await;
    let mut times = BTreeSet::new();
    for _ in 0..60 {
        let status = look(&it).await.status.unwrap();
        let now = crate::Clock::now(&*world);
        if status.trouble.is_some() {
            let at = status.retry_at.unwrap();
            // A moment passes within each look.
            assert!(
                at.0 + 100 > now.0 && at.0 < now.0 + 20_000,
                "{at:?} {now:?}"
            );
            times.insert(at);
        } else {
            assert_eq!(status.retry_at, None);
        }
        pass(1).await;
    }
    assert!(times.len() > 3, "{times:?}");
    world.fault("compare_and_set", None);
    pass(60).await;
    let status = look(&it).await.status.unwrap();
    assert_eq!((status.trouble, status.retry_at), (None, None));
    it.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn a_deletion_says_what_it_does_from_the_first_moment_on() {
    // The stop itself hangs, or the looks before it.
    for broken in [&["stop_stream"][..], &["get_stream", "get_executor"]] {
        let world = World::new();
        world.register(A);
        let it = world.run(Knobs::default());
        pass(60).await;
        assert_eq!(look(&it).await.state(), "Steady");
        for method in broken {
            world.fault(method, Some(Fault::Hangs));
        }
        world.unregister(A);
        let mut doing = BTreeSet::new();
        for _ in 0..200 {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            let Ok(report) = it.coordinator.admin().get("a.near", "f").await else {
                break;
            };
            let is_deleted = matches!(report.desired, lifecycle::Desired::Deleted { .. });
            assert!(!is_deleted || report.state() != "Steady", "{broken:?}");
            doing.insert(report.explain());
        }
        let is_said = doing
            .iter()
            .any(|said| said.contains("right now: stop stream s"));
        assert_eq!(is_said, broken == ["stop_stream"], "{doing:?}");
        it.shut_down().await;
    }
}

/// A newer life than the one that was deleted stays switched off, and there is nothing
/// to be done.
#[tokio::test(start_paused = true)]
async fn who_is_suspended_is_not_at_work_for_an_old_tombstone() {
    let world = World::new();
    world.register(A);
    let it = world.run(Knobs::default());
    pass(60).await;
    it.coordinator
        .admin()
        .disable("olga", "a.near", "f")
        .await
        .unwrap();
    pass(60).await;
    let record = world.record(A).unwrap();
    let status = look(&it).await.status.unwrap();
    let tombstone = |version| lifecycle::Desired::Deleted { version, at: 5_000 };
    let version = record.run.unwrap().target.version;
    assert!(status.is_overtaken_by(&record, &tombstone(version)));
    assert!(!status.is_overtaken_by(&record, &tombstone(version - 1)));
    it.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn since_when_outlasts_the_process() {
    // A hold, a task that goes on, one of unknown fate, and failures.
    for case in ["Held", "Provisioning", "ProvisioningUncertain", "Retry"] {
        let world = World::new();
        let broken = match case {
            "Provisioning" => Some(("get_task_status", Fault::Lies)),
            "ProvisioningUncertain" => Some(("start_provisioning_task", Fault::Hangs)),
            "Retry" => Some(("start_stream", Fault::Fails)),
            _ => None,
        };
        if let Some((method, fault)) = broken {
            world.fault(method, Some(fault));
        }
        world.register(A);
        let it = world.run(Knobs::default());
        pass(60).await;
        if case == "Held" {
            let admin = it.coordinator.admin();
            admin.hold("olga", "a.near", "f", "examined").await.unwrap();
            pass(5).await;
        }
        let told = |record: &Record| match case {
            "Held" => record.hold.as_ref().unwrap().since,
            "Retry" => record.repair.as_ref().unwrap().first_at,
            _ => record.task.as_ref().unwrap().since,
        };
        let before = told(&world.record(A).unwrap());
        it.shut_down().await;
        pass(100).await;
        let it = world.run(Knobs::default());
        pass(20).await;
        let mut seen = false;
        for _ in 0..100 {
            let report = look(&it).await;
            if report.state() == case && report.record.as_ref().map(told) == Some(before) {
                seen = true;
                assert_eq!(since(&report), before, "{case}");
            }
            pass(1).await;
        }
        assert!(seen, "{case}");
        it.shut_down().await;
    }
}

#[tokio::test(start_paused = true)]
async fn who_is_no_longer_listed_and_was_not_deleted_is_not_as_wanted() {
    let world = World::new();
    world.register(A);
    let it = world.run(Knobs::default());
    pass(60).await;
    let admin = it.coordinator.admin();
    let mut changes = admin.changes();
    let steady_since = since(&look(&it).await);
    pass(60).await;
    // Nor does it answer when it is asked about it.
    world.list(Some("{}"));
    world.fault("read_indexer_function", Some(Fault::Fails));
    pass(60).await;
    let troubled = Filter {
        troubled: true,
        ..Filter::default()
    };
    let page = admin.page(None, 9, &troubled).await.unwrap();
    assert_eq!(page.reports.len(), 1);
    assert_eq!(page.reports[0].state(), "NotInRegistry");
    let later = since(&page.reports[0]).since(steady_since).as_secs();
    assert!(
        (60..130).contains(&later),
        "not so for as long as steady: {later}"
    );
    let told = look(&it).await.explain();
    assert!(told.contains("no longer lists it"), "{told}");
    assert!(told.contains("after a restart"), "{told}");
    assert_eq!(admin.overview().states.get("Steady"), None);
    assert_eq!(admin.overview().states["NotInRegistry"], 1);
    assert!(world.has_stream(A), "it is kept");
    let told = tokio::time::timeout(std::time::Duration::from_secs(1), changes.next()).await;
    assert!(told.is_ok(), "whoever watches is told");
    world.list(None);
    world.fault("read_indexer_function", None);
    pass(60).await;
    assert_eq!(look(&it).await.state(), "Steady");
    assert_eq!(admin.overview().states["Steady"], 1);
    it.shut_down().await;
}

/// What is told of A, whose entry in the registry makes no sense.
async fn told_of_nonsense(it: &Running, world: &World) -> String {
    pass(60).await;
    let report = look(it).await;
    assert_eq!(report.state(), "NotInRegistry");
    assert!(report.set_aside.is_some() && report.troubled());
    assert!(world.has_executor(A), "it is left alone");
    let told = report.explain();
    let why = &it.coordinator.admin().overview().quarantined[0].why;
    let said = format!("Its entry in the registry cannot be read and is set aside: {why}.");
    assert!(told.contains(&said), "{told}");
    assert!(!told.contains("neither lists"), "{told}");
    told
}

#[tokio::test(start_paused = true)]
async fn an_entry_that_is_set_aside_is_told_of_before_and_after_a_restart() {
    for account in [false, true] {
        let world = World::new();
        world.register(A);
        let it = world.run(Knobs::default());
        pass(60).await;
        assert_eq!(look(&it).await.set_aside, None);
        world.register_nonsense(A);
        if account {
            world.list(Some(r#"{"a.near":7}"#));
        }
        let told = told_of_nonsense(&it, &world).await;
        assert!(told.contains("also if it fails"), "{told}");
        world.drop_stream(A);
        pass(60).await;
        assert!(world.has_stream(A), "it is kept");
        it.shut_down().await;

        let it = world.run(Knobs::default());
        let told = told_of_nonsense(&it, &world).await;
        assert!(told.contains("neither repaired nor started"), "{told}");
        world.drop_stream(A);
        let told = told_of_nonsense(&it, &world).await;
        assert!(told.contains("until the entry can be read"), "{told}");
        assert!(!world.has_stream(A), "it is left alone");
        world.list(None);
        world.register(A);
        pass(60).await;
        let report = look(&it).await;
        assert_eq!((report.state(), report.set_aside), ("Steady", None));
        it.shut_down().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_record_that_cannot_be_read_is_in_no_phase() {
    let world = World::new();
    world.register(A);
    let it = world.run(Knobs::default());
    pass(60).await;
    let admin = it.coordinator.admin();
    assert_eq!(admin.overview().phases[&Some("Running")], 1);
    world.store.put("a.near/f:state", "nonsense");
    pass(60).await;
    let phases = admin.overview().phases;
    assert_eq!(phases.into_iter().collect::<Vec<_>>(), [(None, 1)]);
    it.shut_down().await;
}

/// What a loop said at rest, of a record in such a phase.
fn said(phase: Phase, reason: Reason) -> LoopStatus {
    LoopStatus {
        id: id(A),
        phase: Some(phase),
        waiting: Some(Wait {
            reason,
            until: None,
        }),
        since: Timestamp(1),
        trouble: None,
        retry_at: None,
        doing: None,
        panics: 0,
    }
}

/// The record, what its loop said last and what was last seen to run are read one after
/// the other, while an operator switches and the loop follows.
#[tokio::test(start_paused = true)]
async fn nothing_that_is_told_denies_another_part_of_it_while_it_is_switched() {
    let told = async |phase, enabled, status: LoopStatus, runs| {
        let world = World::new();
        if runs {
            world.set_stream(A, 1);
        }
        let shared = world.shared();
        shared.poll_streams(&mut Listing::default()).await;
        shared.publish(status);
        let run = Run {
            target: Target {
                version: 1,
                hash: None,
            },
            start: None,
            prepared: true,
        };
        let record = Record {
            phase,
            enabled,
            provisioned: true,
            run: Some(run),
            ..Record::new(id(A))
        };
        let stored = Stored {
            record,
            revision: 1,
            raw: Bytes::new(),
        };
        shared.report(id(A), Ok(Some(stored)))
    };
    let steady = || said(Phase::Running, Reason::Steady);
    let suspended = || said(Phase::Suspended, Reason::Suspended);
    let at_rest = [
        (Phase::Running, true, steady(), true, "Steady"),
        (Phase::Suspended, false, suspended(), false, "Suspended"),
    ];
    for (phase, enabled, status, runs, state) in at_rest {
        let report = told(phase, enabled, status, runs).await;
        assert_eq!(report.state(), state);
    }
    let starting = || {
        said(
            Phase::Initializing,
            Reason::Provisioning {
                since: Timestamp(1),
            },
        )
    };
    for (phase, enabled, status, runs) in [
        // It was disabled and enabled again, and the loop has yet to hear of the second.
        (Phase::Suspending, true, steady(), true),
        // The loop is quicker than the look at the record.
        (Phase::Suspended, true, steady(), true),
        (Phase::Suspended, false, steady(), true),
        (Phase::Running, true, suspended(), false),
        // What it has stopped itself, or what has gone since.
        (Phase::Running, true, steady(), false),
        (Phase::Running, true, starting(), true),
        // It was disabled while it was provisioned.
        (Phase::Initializing, false, starting(), false),
    ] {
        let case = format!("{phase} {enabled} {status:?} {runs}");
        let report = told(phase, enabled, status, runs).await;
        assert_eq!(report.state(), "Working", "{case}");
        let said = report.explain();
        assert!(
            said.ends_with("is working on it right now."),
            "{case}: {said}"
        );
    }
    // Nor is it at work because of a tombstone of an earlier life.
    let record = Record {
        registered: Some(1_003),
        enabled: false,
        phase: Phase::Suspended,
        ..Record::new(id(A))
    };
    for (version, ends) in [(1_001, false), (1_003, true)] {
        let at = version + 1;
        let desired = lifecycle::Desired::Deleted { version, at };
        assert_eq!(suspended().is_overtaken_by(&record, &desired), ends);
    }
    // What fails is told, whatever the record says.
    let mut failed = steady();
    failed.trouble = Some("its loop panicked".to_owned());
    let report = told(Phase::Suspended, true, failed, true).await;
    assert_eq!(report.state(), "Trouble");
}

#[tokio::test(start_paused = true)]
async fn who_is_at_work_after_a_command_is_so_since_the_command() {
    let world = World::new();
    world.register(A);
    let it = world.run(Knobs::default());
    pass(300).await;
    assert_eq!(look(&it).await.state(), "Steady");
    // Its loop hears of the command, and comes to no end.
    world.fault("get_stream", Some(Fault::Hangs));
    let admin = it.coordinator.admin();
    admin.disable("olga", "a.near", "f").await.unwrap();
    let report = look(&it).await;
    assert_eq!(report.state(), "Working");
    let lasts = crate::Clock::now(&*world).since(since(&report));
    assert!(lasts.as_secs() < 5, "{lasts:?}");
    it.shut_down().await;
}
