//! The record store over a store that can fail in every way.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use coordinator::store::{
    CasOutcome, Commit, LoadError, MemoryStore, RecordStore, StoreError, StoreTransport, Stored,
    keys,
};
use lifecycle::{IndexerId, Phase, Progress, Record};

mod height;

/// What befalls a command.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    Refused,
    AnswerLost,
    Hang,
    HangAfterEffect,
    ShortAnswer,
}

/// A store in memory whose commands fail on demand.
#[derive(Default)]
struct FaultyStore {
    memory: MemoryStore,
    faults: Mutex<Vec<(&'static str, Fault)>>,
    reads: AtomicUsize,
    largest_read: AtomicUsize,
    interloper: Mutex<Option<(String, u32)>>,
}

impl FaultyStore {
    /// The next command of this name fails so.
    fn fail(&self, command: &'static str, fault: Fault) {
        self.faults.lock().unwrap().push((command, fault));
    }

    async fn strike<T: Send>(
        &self,
        command: &'static str,
        effect: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        let fault = {
            let mut faults = self.faults.lock().unwrap();
            let at = faults.iter().position(|(name, _)| *name == command);
            at.map(|at| faults.remove(at).1)
        };
        match fault {
            None | Some(Fault::ShortAnswer) => effect.await,
            Some(Fault::Refused) => Err(StoreError::Unavailable("refused".into())),
            Some(Fault::AnswerLost) => {
                effect.await?;
                Err(StoreError::Indefinite("lost".into()))
            }
            Some(Fault::Hang) => std::future::pending().await,
            Some(Fault::HangAfterEffect) => {
                effect.await?;
                std::future::pending().await
            }
        }
    }
}

#[async_trait]
impl StoreTransport for FaultyStore {
    async fn get_many(&self, keys: &[String]) -> Result<Vec<Option<Bytes>>, StoreError> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        self.largest_read.fetch_max(keys.len(), Ordering::Relaxed);
        let short = self
            .faults
            .lock()
            .unwrap()
            .contains(&("get_many", Fault::ShortAnswer));
        let mut values = self.strike("get_many", self.memory.get_many(keys)).await?;
        if short {
            values.pop();
        }
        Ok(values)
    }

    async fn compare_and_set(
        &self,
        key: &str,
        expected: Option<&[u8]>,
        new: Option<&[u8]>,
        list: Option<&str>,
    ) -> Result<CasOutcome, StoreError> {
        if let Some((value, times)) = self.interloper.lock().unwrap().as_mut()
            && *times > 0
        {
            *times -= 1;
            self.memory.put(key, format!("{value}{times}"));
        }
        self.strike(
            "compare_and_set",
            self.memory.compare_and_set(key, expected, new, list),
        )
        .await
    }

    async fn delete(&self, keys: &[String]) -> Result<(), StoreError> {
        self.strike("delete", self.memory.delete(keys)).await
    }

    async fn delete_if(
        &self,
        guard: &str,
        expected: &[u8],
        keys: &[String],
    ) -> Result<CasOutcome, StoreError> {
        self.strike("delete", self.memory.delete_if(guard, expected, keys))
            .await
    }

    async fn set_members(&self, key: &str) -> Result<Vec<String>, StoreError> {
        self.strike("set_members", self.memory.set_members(key))
            .await
    }

    async fn set_add(&self, key: &str, member: &str) -> Result<(), StoreError> {
        self.strike("set_add", self.memory.set_add(key, member))
            .await
    }

    async fn set_remove(&self, key: &str, member: &str) -> Result<(), StoreError> {
        self.strike("set_remove", self.memory.set_remove(key, member))
            .await
    }

    async fn queue_head(&self, key: &str) -> Result<Option<u64>, StoreError> {
        self.strike("queue_head", self.memory.queue_head(key)).await
    }
}

fn fixture() -> (Arc<FaultyStore>, RecordStore, IndexerId) {
    let store = Arc::new(FaultyStore::default());
    let records = RecordStore::new(store.clone(), Duration::from_millis(20));
    (store, records, IndexerId::new("a.near", "f").unwrap())
}

async fn create(records: &RecordStore, id: &IndexerId) -> Stored {
    match records.commit(id, None, &Record::new(id.clone())).await {
        Ok(Commit::Written(stored)) => stored,
        other => panic!("{other:?}"),
    }
}

async fn listed(store: &FaultyStore) -> Vec<String> {
    store.memory.set_members(keys::LISTED).await.unwrap()
}

#[tokio::test]
async fn a_record_is_created_changed_and_removed() {
    let (store, records, id) = fixture();
    assert_eq!(records.load(&id).await, Ok(None));
    let first = create(&records, &id).await;
    assert_eq!(first.revision, 1);
    assert_eq!(records.load(&id).await, Ok(Some(first.clone())));
    assert_eq!(listed(&store).await, ["a.near/f:state"]);

    let running = first.record.with_phase(Phase::Running);
    let Ok(Commit::Written(second)) = records.commit(&id, Some(&first), &running).await else {
        panic!("not written");
    };
    assert_eq!(second.revision, 2);
    assert_eq!(records.load(&id).await, Ok(Some(second.clone())));

    assert_eq!(records.remove(&id, &second).await, Ok(Commit::Written(())));
    assert_eq!(records.load(&id).await, Ok(None));
    assert!(listed(&store).await.is_empty());
    assert_eq!(records.remove(&id, &second).await, Ok(Commit::Written(())));
}

#[tokio::test]
async fn nothing_is_written_over_somebody_elses_change() {
    let (store, records, id) = fixture();
    let stored = create(&records, &id).await;
    store.memory.put(&keys::state(&id), r#"{"enabled":false}"#);
    let changed = stored.record.with_phase(Phase::Running);
    assert_eq!(
        records.commit(&id, Some(&stored), &changed).await,
        Ok(Commit::Conflict)
    );
    assert_eq!(
        records.commit(&id, None, &changed).await,
        Ok(Commit::Conflict)
    );
    assert_eq!(records.remove(&id, &stored).await, Ok(Commit::Conflict));
    assert_eq!(
        store.memory.text(&keys::state(&id)).unwrap(),
        r#"{"enabled":false}"#
    );
    assert_eq!(listed(&store).await, ["a.near/f:state"]);
}

#[tokio::test]
async fn a_record_of_another_indexer_is_refused() {
    let (_, records, id) = fixture();
    let other = Record::new(IndexerId::new("b.near", "f").unwrap());
    let refused = records.commit(&id, None, &other).await;
    assert!(
        matches!(refused, Err(StoreError::Rejected(_))),
        "{refused:?}"
    );
}

#[tokio::test]
async fn whatever_becomes_of_a_write_a_record_is_listed_exactly_while_it_is_there() {
    use Fault::{AnswerLost, Hang, HangAfterEffect, Refused};
    for fault in [Refused, AnswerLost, Hang, HangAfterEffect] {
        let (store, records, id) = fixture();
        let consistent = async || {
            let there = store.memory.exists(&keys::state(&id));
            assert_eq!(listed(&store).await.len(), usize::from(there), "{fault:?}");
            there
        };
        store.fail("compare_and_set", fault);
        let written = records.commit(&id, None, &Record::new(id.clone())).await;
        assert!(written.is_err(), "{written:?}");
        let done = matches!(fault, AnswerLost | HangAfterEffect);
        assert_eq!(consistent().await, done, "{fault:?}");

        let stored = match records.load(&id).await.unwrap() {
            Some(stored) => stored,
            None => create(&records, &id).await,
        };
        store.fail("compare_and_set", fault);
        assert!(records.remove(&id, &stored).await.is_err());
        assert_eq!(consistent().await, !done, "{fault:?}");
        assert_eq!(records.remove(&id, &stored).await, Ok(Commit::Written(())));
        assert!(!consistent().await, "{fault:?}");
    }
}

#[tokio::test]
async fn a_lost_set_is_written_again() {
    let (store, records, id) = fixture();
    let stored = create(&records, &id).await;
    store
        .memory
        .delete(&[keys::LISTED.to_owned()])
        .await
        .unwrap();
    assert_eq!(records.load_all().await, Ok(vec![]));
    let next = stored.record.with_phase(Phase::Running);
    assert!(records.commit(&id, Some(&stored), &next).await.is_ok());
    assert_eq!(listed(&store).await, ["a.near/f:state"]);
}

#[tokio::test]
async fn a_record_that_was_taken_off_the_list_is_listed_again() {
    let (store, records, id) = fixture();
    create(&records, &id).await;
    let gone = IndexerId::new("gone.near", "f").unwrap();
    let recorded = [id.clone(), gone];
    let list = [keys::LISTED.to_owned()];
    store.memory.delete(&list).await.unwrap();
    let found = records.relist(&recorded).await.unwrap();
    assert_eq!(found.listed, std::slice::from_ref(&id));
    assert_eq!(found.gone, recorded[1..], "what has none");
    assert_eq!(
        listed(&store).await,
        [keys::state(&id)],
        "what has no record is not listed"
    );
    store.memory.delete(&list).await.unwrap();
    store.fail("compare_and_set", Fault::Refused);
    assert!(records.relist(&recorded).await.is_err());
    assert!(listed(&store).await.is_empty());
}

#[tokio::test]
async fn a_write_without_an_answer_is_indefinite_and_a_read_is_not() {
    let (store, records, id) = fixture();
    for fault in [Fault::Hang, Fault::HangAfterEffect, Fault::AnswerLost] {
        store.fail("compare_and_set", fault);
        let written = records.commit(&id, None, &Record::new(id.clone())).await;
        assert!(
            matches!(written, Err(StoreError::Indefinite(_))),
            "{fault:?}"
        );
        store.memory.delete(&[keys::state(&id)]).await.unwrap();
    }
    store.fail("compare_and_set", Fault::Refused);
    let written = records.commit(&id, None, &Record::new(id.clone())).await;
    assert!(matches!(written, Err(StoreError::Unavailable(_))));

    let stored = create(&records, &id).await;
    store.fail("delete", Fault::Hang);
    assert!(matches!(
        records.clear_data(&id, &stored).await,
        Err(StoreError::Indefinite(_))
    ));
    store.fail("get_many", Fault::Hang);
    let read = records.load(&id).await;
    assert!(
        matches!(read, Err(LoadError::Store(StoreError::Unavailable(_)))),
        "{read:?}"
    );
    store.fail("queue_head", Fault::Hang);
    assert!(matches!(
        records.progress(&id, None).await,
        Err(StoreError::Unavailable(_))
    ));
    store.fail("set_members", Fault::Hang);
    assert!(matches!(
        records.load_all().await,
        Err(StoreError::Unavailable(_))
    ));
}

#[tokio::test]
async fn what_is_listed_without_a_record_is_unlisted_once_it_is_known() {
    let (store, records, id) = fixture();
    let key = keys::state(&id);
    store.memory.set_add(keys::LISTED, &key).await.unwrap();
    assert_eq!(records.unlist(&id).await, Ok(()));
    assert_eq!(
        listed(&store).await,
        std::slice::from_ref(&key),
        "nobody has looked"
    );
    assert_eq!(
        records.relist(&[]).await.unwrap().listed,
        std::slice::from_ref(&id)
    );
    store.fail("compare_and_set", Fault::AnswerLost);
    assert!(records.unlist(&id).await.is_err());
    assert_eq!(records.unlist(&id).await, Ok(()));
    assert!(listed(&store).await.is_empty());

    // One that comes to be between the look and the unlisting stays listed.
    store.memory.set_add(keys::LISTED, &key).await.unwrap();
    assert_eq!(
        records.relist(&[]).await.unwrap().listed,
        std::slice::from_ref(&id)
    );
    create(&records, &id).await;
    assert_eq!(records.unlist(&id).await, Ok(()));
    assert_eq!(listed(&store).await, [key]);
}

#[tokio::test]
async fn all_records_are_loaded_in_bounded_reads_and_bad_ones_do_not_hide_others() {
    let (store, records, _) = fixture();
    for n in 0..1100 {
        let id = IndexerId::new("a.near", &format!("f{n:04}")).unwrap();
        create(&records, &id).await;
    }
    store.memory.put("a.near/f0003:state", "garbage");
    store
        .memory
        .delete(&["a.near/f0004:state".to_owned()])
        .await
        .unwrap();
    store
        .memory
        .set_add(keys::LISTED, "no key of a record")
        .await
        .unwrap();
    store.memory.put("no key of a record", "x");
    store.reads.store(0, Ordering::Relaxed);

    let all = records.load_all().await.unwrap();
    assert_eq!(store.reads.load(Ordering::Relaxed), 3);
    assert_eq!(store.largest_read.load(Ordering::Relaxed), 500);
    assert_eq!(all.len(), 1100);
    assert!(all.is_sorted_by(|a, b| a.0 < b.0));
    let bad: Vec<&str> = all
        .iter()
        .filter(|(_, loaded)| loaded.is_err())
        .map(|(key, _)| key.as_str())
        .collect();
    assert_eq!(bad, ["a.near/f0003:state", "no key of a record"]);
}

#[tokio::test]
async fn a_corrupt_record_is_named() {
    let (store, records, id) = fixture();
    store.memory.put(&keys::state(&id), "{");
    let Err(LoadError::Corrupt(corrupt)) = records.load(&id).await else {
        panic!("not corrupt");
    };
    assert_eq!(corrupt.key, "a.near/f:state");
    let raw = records.raw_many(std::slice::from_ref(&id)).await.unwrap();
    assert_eq!(raw, [Some(Bytes::from_static(b"{"))]);
}

#[tokio::test]
async fn what_is_no_text_is_told_from_nothing() {
    let (store, records, _) = fixture();
    let [queue, set, nothing] =
        ["queue", "set", "nothing"].map(|name| IndexerId::new("a.near", name).unwrap());
    store.memory.push(&keys::state(&queue), 7).unwrap();
    store.memory.set_add(&keys::state(&set), "x").await.unwrap();
    for indexer in [&queue, &set, &nothing] {
        let key = keys::state(indexer);
        store.memory.set_add(keys::LISTED, &key).await.unwrap();
        assert_eq!(records.load(indexer).await, Ok(None), "as Redis shows it");
    }
    for indexer in [&queue, &set] {
        let LoadError::Corrupt(corrupt) = records.look(indexer).await.unwrap_err() else {
            panic!("it was not told");
        };
        assert_eq!(corrupt.key, keys::state(indexer));
        assert!(corrupt.why.contains("text"), "{corrupt}");
    }
    assert_eq!(records.look(&nothing).await, Ok(None));
    store.fail("set_members", Fault::Refused);
    let unknown = records.look(&nothing).await.unwrap_err();
    assert!(matches!(unknown, LoadError::Store(_)), "{unknown}");

    let loaded = records.load_and_tidy().await.unwrap();
    let keys_of = |indexers: [&IndexerId; 2]| indexers.map(keys::state);
    let found = loaded
        .into_iter()
        .map(|(key, stored)| (key, stored.is_err()));
    let expected = keys_of([&queue, &set]).map(|key| (key, true));
    assert_eq!(found.collect::<Vec<_>>(), expected);
    assert_eq!(
        listed(&store).await,
        keys_of([&queue, &set]),
        "they stay listed"
    );
}

#[tokio::test]
async fn an_answer_of_the_wrong_length_is_no_answer() {
    let (store, records, id) = fixture();
    store.fail("get_many", Fault::ShortAnswer);
    let read = records.load(&id).await;
    assert!(
        matches!(read, Err(LoadError::Store(StoreError::Unavailable(_)))),
        "{read:?}"
    );
}

#[tokio::test]
async fn progress_is_the_cursor_and_the_oldest_queued_block() {
    let (store, records, id) = fixture();
    let known = |cursor, queue_head| Ok(Progress::Known { cursor, queue_head });
    assert_eq!(records.progress(&id, None).await, known(None, None));
    store.memory.put(&keys::cursor(&id), "130");
    store.memory.push(&keys::queue(&id), 120).unwrap();
    store.memory.push(&keys::queue(&id), 125).unwrap();
    assert_eq!(
        records.progress(&id, None).await,
        known(Some(130), Some(120))
    );
    for garbage in ["", "x", "-1", "1 ", "99999999999999999999"] {
        store.memory.put(&keys::cursor(&id), garbage);
        assert_eq!(
            records.progress(&id, None).await,
            known(None, Some(120)),
            "{garbage}"
        );
    }
}

#[tokio::test]
async fn clearing_deletes_queue_and_cursor_and_nothing_else() {
    let (store, records, id) = fixture();
    let stored = create(&records, &id).await;
    store.memory.put(&keys::cursor(&id), "130");
    store.memory.push(&keys::queue(&id), 120).unwrap();
    store.memory.put("a.near/f:storage", "kept");
    // Left by a time in which the records lay elsewhere.
    store.memory.put(&keys::data_of(&id), "version 1");
    let cleared = Ok(Commit::Written(()));
    assert_eq!(records.clear_data(&id, &stored).await, cleared);
    assert_eq!(records.clear_data(&id, &stored).await, cleared);
    assert!(!store.memory.exists("a.near/f:last_published_block"));
    assert!(!store.memory.exists("a.near/f:block_stream"));
    assert!(!store.memory.exists(&keys::data_of(&id)));
    assert!(store.memory.exists("a.near/f:storage"));
    assert!(store.memory.exists("a.near/f:state"));
}

#[tokio::test]
async fn who_goes_by_an_old_record_clears_nothing() {
    let (store, records, id) = fixture();
    let first = create(&records, &id).await;
    let next = first.record.with_phase(Phase::Running);
    assert!(records.commit(&id, Some(&first), &next).await.is_ok());
    store.memory.put(&keys::cursor(&id), "130");
    store.memory.push(&keys::queue(&id), 130).unwrap();
    assert_eq!(records.clear_data(&id, &first).await, Ok(Commit::Conflict));
    assert!(store.memory.exists(&keys::cursor(&id)));
    assert!(store.memory.exists(&keys::queue(&id)));
}

#[tokio::test]
async fn a_read_asks_for_no_more_keys_than_it_may() {
    let (store, read_keys_max) = (Arc::new(FaultyStore::default()), 3);
    let knobs = coordinator::Knobs {
        read_keys_max,
        ..Default::default()
    };
    let records = RecordStore::within(store.clone(), &knobs);
    for name in ["a", "b", "c", "d", "e"] {
        create(&records, &IndexerId::new("a.near", name).unwrap()).await;
    }
    assert_eq!(records.load_all().await.unwrap().len(), 5);
    assert_eq!(store.largest_read.load(Ordering::Relaxed), 3);
}

#[tokio::test]
async fn what_is_listed_and_gone_is_unlisted_at_the_start() {
    let (store, records, id) = fixture();
    create(&records, &id).await;
    for key in ["gone.near/f:state", "no key of a record"] {
        store.memory.set_add(keys::LISTED, key).await.unwrap();
    }
    assert_eq!(records.load_all().await.unwrap().len(), 1);
    assert_eq!(listed(&store).await.len(), 3);
    store.fail("compare_and_set", Fault::Refused);
    assert_eq!(records.load_and_tidy().await.unwrap().len(), 1);
    assert_eq!(records.load_and_tidy().await.unwrap().len(), 1);
    let mut left = listed(&store).await;
    left.sort();
    assert_eq!(left, ["a.near/f:state", "no key of a record"]);
}

#[tokio::test]
async fn the_first_format_is_taken_over_once() {
    let (store, records, id) = fixture();
    let first = records.first_record(&id, None).await.unwrap();
    assert_eq!(first.record, Record::new(id.clone()));
    assert_eq!(first.acted_upon, None);
    store.memory.put("a.near/f:block_stream:version", "107");
    store.memory.put("coordinator:registry_height", "1200");
    let first = records.first_record(&id, None).await.unwrap();
    assert_eq!(first.acted_upon, Some(1_200));
    let taken = first.record;
    assert_eq!((taken.phase, taken.synced_at), (Phase::Running, Some(107)));
    assert!(taken.provisioned && taken.enabled);
    let Ok(Commit::Written(stored)) = records.commit(&id, None, &taken).await else {
        panic!("not written");
    };
    assert_eq!(taken.run.unwrap().target.version, 107);
    // Of a later life it says nothing.
    let cleared = records.clear_data(&id, &stored).await;
    assert_eq!(cleared, Ok(Commit::Written(())));
    let first = records.first_record(&id, None).await.unwrap();
    assert_eq!(first.record, Record::new(id.clone()));
    store.memory.put("coordinator:registry_height", "a lot");
    let first = records.first_record(&id, None).await.unwrap();
    assert_eq!(first.acted_upon, None);
    store.fail("get_many", Fault::Hang);
    assert!(records.first_record(&id, None).await.is_err());
}
