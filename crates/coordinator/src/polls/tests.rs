//! What a poll holds to be news.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::time::Instant;

use super::*;
use crate::desired::Taken;
use crate::ports::Ports;
use crate::registry::{RegistryError, RegistryTransport, ViewAnswer};
use crate::store::StoreTransport;
use crate::testing::{Fault, World, id, pass};

fn seconds(ages: [Option<Duration>; 2]) -> [Option<u64>; 2] {
    ages.map(|age| age.map(|age| age.as_secs()))
}

#[test]
fn time_alone_makes_some_conditions_worth_a_look() {
    let knobs = Knobs::default();
    let stream = StreamView {
        id: "s".to_owned(),
        version: 1,
        stalled: false,
        heartbeat: Some(1),
    };
    assert_eq!(seconds(stream.ages(&knobs)), [Some(180), None]);
    let cases = [
        (ExecutorKind::Failing, [Some(60), None]),
        (ExecutorKind::Starting, [Some(120), Some(600)]),
        (ExecutorKind::Fine, [None, None]),
        (ExecutorKind::Stalled, [None, None]),
    ];
    for (state, ages) in cases {
        let view = ExecutorView {
            id: "e".to_owned(),
            version: 1,
            state,
        };
        assert_eq!(seconds(view.ages(&knobs)), ages, "{state:?}");
    }
}

/// A poll of two indexers of which only the first has a record.
fn polled(shared: &Shared) -> RecordPoll {
    let recorded = BTreeMap::from([(id("a.near/1"), Bytes::from_static(b"one"))]);
    for name in ["a.near/1", "a.near/2"] {
        shared.wake_of(&id(name));
    }
    let mut poll = RecordPoll::new(recorded);
    poll.turn(shared);
    poll
}

#[tokio::test(start_paused = true)]
async fn only_records_that_are_other_bytes_are_news() {
    let shared = World::new().shared();
    let mut poll = polled(&shared);
    let recall = Recall::default();
    let mut take = |values| poll.take(values, &recall, Instant::now());
    // The same bytes elsewhere in memory are the same.
    let one = || Some(Bytes::from(b"one".to_vec()));
    assert!(take(vec![one(), None]).is_empty());
    assert_eq!(take(vec![one(), one()]), [id("a.near/2")]);
    assert!(take(vec![one(), one()]).is_empty());
    assert_eq!(take(vec![None, one()]), [id("a.near/1")]);
    assert!(take(vec![None, one()]).is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_store_that_went_back_between_two_polls_is_news() {
    let shared = World::new().shared();
    let mut poll = polled(&shared);
    let (one, two) = (
        Some(Bytes::from_static(b"one")),
        Some(Bytes::from_static(b"two")),
    );
    let written = Instant::now();
    let later = written + Duration::from_millis(1);
    // Its loop wrote, and no poll has seen that before the store forgot it.
    shared.note_record(&id("a.near/1"), two.as_ref(), written);
    let values = || vec![one.clone(), None];
    let mut read = |at| {
        let changed = poll.take(values(), &lock(&shared.recall), at);
        shared.note_read(&mut poll, &changed, at);
        changed
    };
    // What was asked for before the write tells nothing.
    assert!(read(written - Duration::from_millis(1)).is_empty());
    assert_eq!(read(later), [id("a.near/1")]);
    let known = lock(&shared.recall).get(&id("a.near/1"), later);
    assert_eq!(known.and_then(|known| known.raw), one);
    assert!(read(later).is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_a_loop_wrote_itself_is_no_news_to_it() {
    let shared = World::new().shared();
    let mut poll = polled(&shared);
    let two = Some(Bytes::from_static(b"two"));
    let mut recall = Recall::default();
    recall.note(&id("a.near/1"), two.as_ref(), Instant::now());
    let own = poll.take(vec![two.clone(), None], &recall, Instant::now());
    assert!(own.is_empty(), "{own:?}");
    // The poll knows it from now on, whether or not somebody else does.
    let nobody = Recall::default();
    assert!(
        poll.take(vec![two.clone(), None], &nobody, Instant::now())
            .is_empty()
    );
    // Whatever somebody else wrote over it is news.
    let three = Some(Bytes::from_static(b"three"));
    let other = poll.take(vec![three, None], &recall, Instant::now());
    assert_eq!(other, [id("a.near/1")]);
}

#[tokio::test(start_paused = true)]
async fn what_is_read_follows_the_loops_there_are() {
    let shared = World::new().shared();
    let mut poll = polled(&shared);
    assert_eq!(poll.batch.keys, ["a.near/1:state", "a.near/2:state"]);
    let value = Some(Bytes::from_static(b"two"));
    let (recall, now) = (Recall::default(), Instant::now());
    poll.take(vec![None, value.clone()], &recall, now);
    shared.forget(&id("a.near/1"));
    shared.wake_of(&id("a.near/3"));
    poll.turn(&shared);
    assert_eq!(poll.batch.keys, ["a.near/2:state", "a.near/3:state"]);
    let changed = poll.take(vec![value, None], &recall, now);
    assert!(changed.is_empty(), "it is remembered");
}

#[tokio::test(start_paused = true)]
async fn a_provisioner_of_its_own_is_asked_by_itself_whether_it_is_there() {
    let world = World::new();
    world.set_apart(true, false);
    for method in ["start_provisioning_task", "get_task_status"] {
        world.fault(method, Some(Fault::Fails));
    }
    let running = world.run(Knobs::default());
    pass(5).await;
    world.register("a.near/f");
    pass(60).await;
    assert_eq!(world.calls("start_provisioning_task"), 0, "nobody is there");
    assert!(
        running
            .sentence("a.near/f")
            .contains("the provisioner does not answer"),
        "{}",
        running.sentence("a.near/f")
    );
    let down = running.coordinator.admin.overview().down;
    assert_eq!(
        down.into_keys().collect::<Vec<_>>(),
        [lifecycle::Service::Provisioner]
    );

    for method in ["start_provisioning_task", "get_task_status"] {
        world.fault(method, None);
    }
    pass(10).await;
    let record = world.record("a.near/f").unwrap();
    assert!(record.provisioned && record.repair.is_none(), "{record:?}");
    assert!(running.coordinator.admin.overview().down.is_empty());
}

#[tokio::test(start_paused = true)]
async fn only_a_provisioner_of_its_own_works_while_the_executors_are_away() {
    for apart in [true, false] {
        let world = World::new();
        if apart {
            world.set_apart(true, false);
        }
        world.fault("list_executors", Some(Fault::Fails));
        let running = world.run(Knobs::default());
        pass(5).await;
        world.register("a.near/f");
        pass(60).await;
        assert_eq!(world.calls("start_provisioning_task"), u64::from(apart));
        let sentence = running.sentence("a.near/f");
        let away = sentence.contains("the executor service does not answer");
        assert_eq!(away, apart, "{sentence}");
    }
}

#[tokio::test(start_paused = true)]
async fn whose_record_was_lost_before_any_poll_saw_it_is_told() {
    let world = World::new();
    let shared = world.shared();
    let wake = shared.wake_of(&id("a.near/f"));
    shared.publish(crate::LoopStatus {
        id: id("a.near/f"),
        phase: Some(lifecycle::Phase::Repairing),
        waiting: None,
        since: shared.now(),
        trouble: None,
        retry_at: None,
        doing: None,
        panics: 0,
    });
    let mut told = std::pin::pin!(wake.news.notified());
    let mut is_told = async || {
        shared.rescan_records().await;
        futures_util::poll!(told.as_mut()).is_ready()
    };
    let record = lifecycle::Record::new(id("a.near/f"));
    world.put_record(&record).await;
    assert!(!is_told().await, "the record is there");
    let lost = [keys::state(&record.id), keys::LISTED.to_owned()];
    world.store.delete(&lost).await.unwrap();
    assert!(is_told().await);
}

#[tokio::test(start_paused = true)]
async fn a_question_without_an_answer_keeps_nobody_else_waiting() {
    let world = World::new();
    let (slow, gone) = ("a.near/slow", "b.near/gone");
    world.register(slow);
    world.register(gone);
    let running = world.run(Knobs::default());
    pass(60).await;
    assert!(world.has_stream(slow) && world.has_stream(gone));
    world.fault("read_indexer_function", Some(Fault::Hangs));
    world.take_calls();
    world.unregister(slow);
    pass(2).await;
    assert_eq!(world.calls("read_indexer_function"), 1);
    world.fault("read_indexer_function", None);
    world.unregister(gone);
    pass(4).await;
    assert!(!world.has_stream(gone), "it was asked about at once");
    assert!(world.has_stream(slow), "nobody has answered yet");
    pass(30).await;
    assert!(!world.has_stream(slow));
    running.shut_down().await;
}

/// As where a listing takes more gas than the nodes give.
#[tokio::test(start_paused = true)]
async fn who_has_a_record_is_asked_about_one_by_one_while_nothing_can_be_listed() {
    let world = World::new();
    let (updated, gone, late) = ("a.near/updated", "a.near/gone", "a.near/late");
    let new = "b.near/new";
    for name in [updated, gone, late] {
        world.register(name);
    }
    let running = world.run(Knobs::default());
    pass(60).await;
    running.shut_down().await;
    world.fault("list_all", Some(Fault::Lies));
    world.register(new);
    world.unregister(gone);
    world.register(updated);
    let version = |name: &str| world.record(name).and_then(|record| record.synced_at);
    let before = version(updated);
    // What runs, but has no record, is new all the same.
    world.set_stream(new, 1);
    world.take_calls();
    let running = world.run(Knobs::default());
    pass(60).await;
    assert!(version(updated) > before && world.has_stream(updated));
    assert!(!world.has_stream(gone) && world.record(gone).is_none());
    assert!(world.record(new).is_none());
    let problem = running.coordinator.admin().overview().registry_problem;
    assert!(problem.is_some_and(|problem| problem.contains("out of gas")));

    // An update is heard within the longest pause, and the pauses are kept.
    world.register(late);
    let before = version(late);
    pass(70).await;
    assert!(version(late) > before);
    let asked = world.calls("read_indexer_function");
    assert!((8..40).contains(&asked), "{asked}");

    world.fault("list_all", None);
    pass(60).await;
    assert!(version(new).is_some() && world.has_stream(updated) && world.has_stream(late));
    world.take_calls();
    pass(300).await;
    assert_eq!(world.calls("read_indexer_function"), 0, "all are listed");
    running.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn nobody_is_asked_about_before_the_first_listing_has_failed() {
    let world = World::new();
    world.register("a.near/f");
    let running = world.run(Knobs::default());
    pass(60).await;
    running.shut_down().await;
    for fault in [Fault::Hangs, Fault::Fails] {
        for method in ["list_all", "read_indexer_function"] {
            world.fault(method, Some(fault));
        }
        world.take_calls();
        let running = world.run(Knobs::default());
        pass(30).await;
        assert_eq!(world.calls("read_indexer_function"), 0, "{fault:?}");
        running.shut_down().await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_entry_ahead_of_the_chain_is_set_aside_and_what_was_known_of_it_stays() {
    let world = World::new();
    let (a, b) = ("a.near/f", "b.near/g");
    for name in [a, b] {
        world.register(name);
    }
    let entry = |version: u64| {
        format!(
            concat!(
                r#"{{"code":"c","schema":"s","start_block":"LATEST","#,
                r#""created_at_block_height":{},"rule":{{"kind":"ACTION_ANY","#,
                r#""affected_account_id":"x","status":"ANY"}}}}"#
            ),
            version
        )
    };
    let running = world.run(Knobs::default());
    pass(60).await;
    let version = |name: &str| world.record(name).and_then(|record| record.synced_at);
    assert_eq!((version(a), version(b)), (Some(1_001), Some(1_002)));

    // Alone and in the listing it is told with a version that is far ahead.
    let listing = format!(
        r#"{{"a.near":{{"f":{}}},"b.near":{{"g":{}}}}}"#,
        entry(1_500),
        entry(1_003)
    );
    world.answer(a, &entry(1_500));
    world.list(Some(&listing));
    world.pass_with_blocks(100).await;
    assert_eq!((version(a), version(b)), (Some(1_001), Some(1_003)));
    assert!(world.has_stream(a), "it is kept alive");
    let overview = running.coordinator.admin().overview();
    assert_eq!(overview.quarantined_count, 1);
    assert!(overview.quarantined[0].why.contains("block 1500"));

    // The same bytes are read anew once the chain is there.
    world.pass_with_blocks(400).await;
    assert_eq!(version(a), Some(1_500));
    let overview = running.coordinator.admin().overview();
    assert_eq!(overview.quarantined_count, 0);
    running.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn what_an_old_listing_says_of_bad_entries_is_not_believed() {
    let world = World::new();
    world.register("a.near/f");
    let running = world.run(Knobs::default());
    pass(60).await;
    world.list(Some(r#"{"a.near":{"f":{"code":7}}}"#));
    world.set_height(2_000);
    pass(30).await;
    let aside = || running.coordinator.admin().overview().quarantined_count;
    assert_eq!(aside(), 1);
    world.list(None);
    world.set_height(1_900);
    pass(30).await;
    assert_eq!(aside(), 1, "a replica that lags tells of what has been");
    world.set_height(2_100);
    pass(30).await;
    assert_eq!(aside(), 0);
    running.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn an_answer_from_what_was_read_before_is_no_new_one() {
    let world = World::new();
    world.register("a.near/f");
    // The first answer counts, else nobody were looked after.
    world.set_unheard(Some("registry.toml:4:1: what is\nthis"));
    let running = world.run(Knobs::default());
    pass(60).await;
    let admin = running.coordinator.admin();
    let told = || {
        let overview = admin.overview();
        (overview.registry_answered, overview.registry_problem)
    };
    let (first, problem) = told();
    assert!(first.is_some() && world.has_stream("a.near/f"));
    let problem = problem.unwrap();
    assert_eq!(problem, "registry.toml:4:1: what is this");
    pass(60).await;
    assert_eq!(told().0, first);
    // What is known stays in force.
    world.drop_stream("a.near/f");
    pass(60).await;
    assert!(world.has_stream("a.near/f"));

    world.set_unheard(None);
    pass(60).await;
    let (answered, problem) = told();
    assert!(answered > first && problem.is_none());
    world.set_unheard(Some("it is gone"));
    pass(20).await;
    let (answered, problem) = told();
    assert_eq!(problem.as_deref(), Some("it is gone"));
    pass(60).await;
    assert_eq!(told().0, answered);
    running.shut_down().await;
}

/// A registry that answers with nothing, as of heights one after the other, and hears
/// which of them were of no use.
#[derive(Default)]
struct Replicas {
    heights: Mutex<Vec<u64>>,
    unusable: Mutex<Vec<(u64, u64)>>,
}

#[async_trait]
impl RegistryTransport for Replicas {
    async fn view(&self, _method: &str, _arguments: &[u8]) -> Result<ViewAnswer, RegistryError> {
        Ok(ViewAnswer {
            result: Bytes::from_static(b"{}"),
            block_height: lock(&self.heights).remove(0),
        })
    }

    fn unusable(&self, height: u64, known: u64) {
        lock(&self.unusable).push((height, known));
    }
}

#[tokio::test(start_paused = true)]
async fn the_registry_hears_which_listings_were_of_no_use() {
    let replicas = Arc::new(Replicas::default());
    lock(&replicas.heights).extend([1000, 900, 1001, 9_000_000, 1001, 1002]);
    let ports = Ports {
        registry: replicas.clone(),
        ..World::new().ports()
    };
    let shared = Shared::new(Knobs::default(), ports, false);
    let mut last = RegistryPoll::default();
    for _ in 0..6 {
        shared.poll_registry(&mut last).await;
    }
    let unusable = lock(&replicas.unusable).clone();
    assert_eq!(unusable, [(900, 1000), (9_000_000, 1001)]);
}

#[tokio::test(start_paused = true)]
async fn the_registry_hears_which_height_was_given_up() {
    let replicas = Arc::new(Replicas::default());
    let told = 800_000_000;
    lock(&replicas.heights).push(told);
    lock(&replicas.heights).extend(130_000_000..130_000_602);
    let ports = Ports {
        registry: replicas.clone(),
        ..World::new().ports()
    };
    let shared = Shared::new(Knobs::default(), ports, false);
    let mut last = RegistryPoll::default();
    while !lock(&replicas.heights).is_empty() {
        shared.poll_registry(&mut last).await;
        pass(1).await;
    }
    let unusable = lock(&replicas.unusable).clone();
    let known = unusable.last().map(|(_, known)| *known);
    assert!(known.is_some_and(|known| known < 130_000_602), "{known:?}");
    assert!(
        unusable
            .iter()
            .rev()
            .skip(1)
            .all(|(_, known)| *known == told)
    );
    assert!(lock(&shared.health).registry_late.is_none());
}

#[tokio::test(start_paused = true)]
async fn who_is_called_deleted_and_is_listed_still_is_begun_again() {
    let world = World::new();
    let name = "a.near/f";
    world.register(name);
    let shared = world.shared();
    let mut last = RegistryPoll::default();
    shared.poll_registry(&mut last).await;
    lock(&shared.desired).watch(&id(name), Instant::now());
    // The answer is from before it was registered, and as of the same block.
    let (at, now) = (lock(&shared.desired).height(), Instant::now());
    let deleted = lifecycle::Desired::Deleted { version: 1, at: 2 };
    let taken = lock(&shared.desired).take_answer(&id(name), at, deleted, now, &shared.knobs);
    assert_eq!(taken, Taken::News(vec![id(name)]));
    assert!(!lock(&shared.desired).lists(&id(name)));
    world.set_height(at + 1);
    shared.poll_registry(&mut last).await;
    assert!(lock(&shared.desired).lists(&id(name)));
}
