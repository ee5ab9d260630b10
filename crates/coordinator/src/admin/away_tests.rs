//! What operators can see while the store is away.

use std::sync::Arc;
use std::time::Duration;

use lifecycle::Phase;
use tokio::time::Instant;

use super::*;
use crate::Knobs;
use crate::testing::{Fault, Running, World, id, pass};

const A: &str = "a.near/f";
const B: &str = "b.near/g";

fn away(world: &World, fault: Option<Fault>) {
    for method in ["get_many", "set_members", "compare_and_set", "queue_head"] {
        world.fault(method, fault);
    }
}

async fn running(world: &Arc<World>) -> Running {
    world.register(A);
    let running = world.run(Knobs::default());
    pass(60).await;
    assert!(world.has_stream(A) && world.has_executor(A));
    running
}

fn age(report: &IndexerReport) -> Option<u64> {
    let recalled = report.recalled.as_ref()?;
    recalled.age.map(|age| age.as_secs())
}

async fn all(it: &Running, phases: &[Option<Phase>]) -> Result<Vec<IndexerReport>, AdminError> {
    let filter = Filter {
        phases: phases.to_vec(),
        ..Filter::default()
    };
    let page = it.coordinator.admin().page(None, 10, &filter).await?;
    Ok(page.reports)
}

#[tokio::test(start_paused = true)]
async fn what_the_loops_knew_is_told_and_said_to_be_that() {
    for fault in [Fault::Fails, Fault::Hangs] {
        let world = World::new();
        let it = running(&world).await;
        let admin = it.coordinator.admin();
        let before = admin.get("a.near", "f").await.unwrap();
        assert_eq!(before.recalled, None);

        away(&world, Some(fault));
        let asked = Instant::now();
        let at_once = admin.get("a.near", "f").await.unwrap();
        assert!(age(&at_once).is_some_and(|age| age <= 3), "{at_once:?}");
        assert!(asked.elapsed() < Duration::from_secs(3));
        pass(30).await;
        let asked = Instant::now();
        let report = admin.get("a.near", "f").await.unwrap();
        let listed = all(&it, &[Some(Phase::Running)]).await.unwrap();
        assert!(
            asked.elapsed() < Duration::from_millis(1_500),
            "it is known"
        );
        for report in [&report, &listed[0]] {
            assert_eq!(report.record, before.record);
            assert!(age(report).is_some_and(|age| (30..36).contains(&age)));
        }
        let said = report.explain();
        assert!(said.contains("is running version"), "{said}");
        let age = age(&report).unwrap();
        let known = format!("of its record this is what was known {age} s ago.");
        assert!(said.contains("The store cannot be reached ("), "{said}");
        assert!(said.ends_with(&known), "{said}");
        assert!(
            all(&it, &[Some(Phase::Suspended)])
                .await
                .unwrap()
                .is_empty()
        );
        let refused = admin.disable("olga", "a.near", "f").await;
        assert!(matches!(refused, Err(AdminError::NotNow(_))), "{refused:?}");

        away(&world, None);
        pass(5).await;
        let after = admin.get("a.near", "f").await.unwrap();
        assert_eq!(after.recalled, None);
        assert_eq!(all(&it, &[]).await.unwrap()[0].recalled, None);
        it.shut_down().await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_command_wrote_is_known() {
    let world = World::new();
    let it = running(&world).await;
    let admin = it.coordinator.admin();
    admin.disable("olga", "a.near", "f").await.unwrap();
    away(&world, Some(Fault::Fails));
    let report = admin.get("a.near", "f").await.unwrap();
    assert_eq!(age(&report), Some(0));
    let record = report.record.unwrap();
    assert!(
        !record.enabled,
        "the command is known as soon as it is done"
    );
    it.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn a_page_without_anybody_says_that_it_goes_by_memory() {
    let world = World::new();
    let it = running(&world).await;
    let admin = it.coordinator.admin();
    let troubled = Filter {
        troubled: true,
        account: Some("a.near".to_owned()),
        ..Filter::default()
    };
    let unrecorded = Filter {
        phases: vec![None],
        ..Filter::default()
    };
    let stranger = Filter {
        account: Some("b.near".to_owned()),
        ..Filter::default()
    };
    let suspended = Filter {
        phases: vec![Some(Phase::Suspended)],
        ..Filter::default()
    };
    let looks = [&unrecorded, &suspended, &stranger, &troubled];
    for filter in looks {
        let page = admin.page(None, 10, filter).await.unwrap();
        assert!(page.reports.is_empty() && page.recalled.is_none());
    }
    away(&world, Some(Fault::Fails));
    pass(3).await;
    for filter in looks {
        let page = admin.page(None, 10, filter).await.unwrap();
        let recalled = page.recalled.unwrap();
        assert!(!recalled.why.is_empty());
        // Nobody was looked at whose record could be old.
        let looked = recalled.age.map(|age| age.as_secs() < 60);
        let expected = (filter != &stranger).then_some(true);
        assert_eq!(looked, expected, "{filter:?}");
    }
    away(&world, None);
    pass(5).await;
    for filter in looks {
        let page = admin.page(None, 10, filter).await.unwrap();
        assert_eq!(page.recalled, None);
    }
    it.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_back_is_believed_at_once() {
    let world = World::new();
    let it = running(&world).await;
    let admin = it.coordinator.admin();
    away(&world, Some(Fault::Hangs));
    pass(10).await;
    assert!(admin.get("a.near", "f").await.unwrap().recalled.is_some());
    // The poll that found it away has not asked again.
    away(&world, None);
    assert_eq!(admin.get("a.near", "f").await.unwrap().recalled, None);
    assert_eq!(all(&it, &[]).await.unwrap()[0].recalled, None);
    it.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn what_was_never_read_is_said_and_not_guessed() {
    let world = World::new();
    let it = running(&world).await;
    let admin = it.coordinator.admin();
    away(&world, Some(Fault::Fails));
    pass(5).await;
    world.register(B);
    pass(30).await;
    for phases in [&[][..], &[Some(Phase::Running)], &[None]] {
        let listed = all(&it, phases).await.unwrap();
        let unread = listed.iter().find(|report| report.id == id(B)).unwrap();
        assert!(unread.is_unread() && unread.record.is_none(), "{unread:?}");
        let said = unread.explain();
        assert!(said.contains("not known whether b.near/g has"), "{said}");
        assert!(said.ends_with("not read since the start."), "{said}");
        let known = listed.iter().any(|report| report.id == id(A));
        assert_eq!(known, phases != [None]);
    }
    let error = admin.get("b.near", "g").await.unwrap_err();
    assert!(matches!(error, AdminError::Unavailable(_)), "{error}");
    it.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn where_nothing_is_known_the_store_is_waited_for() {
    let world = World::new();
    let it = world.run(Knobs::default());
    pass(5).await;
    away(&world, Some(Fault::Fails));
    world.register(A);
    pass(30).await;
    let error = all(&it, &[]).await.unwrap_err();
    assert!(matches!(error, AdminError::Unavailable(_)), "{error}");
    it.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn a_record_that_cannot_be_read_is_told_as_such_from_memory_too() {
    let world = World::new();
    let it = running(&world).await;
    let admin = it.coordinator.admin();
    world.store.put("a.near/f:state", "no record");
    pass(5).await;
    away(&world, Some(Fault::Fails));
    pass(5).await;
    let report = admin.get("a.near", "f").await.unwrap();
    assert!(report.unreadable.is_some() && report.record.is_none());
    assert!(age(&report).is_some());
    it.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn watchers_are_told_from_memory_and_again_when_the_store_is_back() {
    let world = World::new();
    let it = running(&world).await;
    let mut changes = it.coordinator.admin().changes();
    away(&world, Some(Fault::Hangs));
    world.drop_stream(A);
    let told = async |changes: &mut Changes, recalled: bool| {
        loop {
            let batch = changes.next().await.unwrap();
            let is_it = |change: &Change| match change {
                Change::Indexer(report) => report.recalled.is_some() == recalled,
                Change::Removed(_) | Change::Lost => false,
            };
            if batch.iter().any(is_it) {
                return;
            }
        }
    };
    let minute = Duration::from_secs(60);
    assert!(timeout(minute, told(&mut changes, true)).await.is_ok());
    away(&world, None);
    assert!(timeout(minute, told(&mut changes, false)).await.is_ok());
    it.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn a_list_seen_without_the_store_is_told_to_watchers_as_soon_as_it_is_back() {
    let world = World::new();
    let it = running(&world).await;
    let mut changes = it.coordinator.admin().changes();
    away(&world, Some(Fault::Fails));
    pass(3).await;
    assert!(all(&it, &[]).await.unwrap()[0].recalled.is_some());
    away(&world, None);
    let minute = Duration::from_secs(60);
    // It is steady all the time, and its loop has nothing new to say.
    let batch = timeout(minute, changes.next()).await.unwrap().unwrap();
    let Some(Change::Indexer(report)) = batch.first() else {
        panic!("{batch:?}");
    };
    assert_eq!((report.state(), &report.recalled), ("Steady", &None));
    it.shut_down().await;
}
