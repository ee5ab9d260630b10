//! Which store a key belongs to, and what holds for a run whose data lie elsewhere.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use coordinator::store::{
    CasOutcome, Commit, MemoryStore, RecordStore, StoreError, StoreTransport, Stored, keys,
};
use lifecycle::{ContentHash, IndexerId, Phase, Progress, Record, Run, Target};

use crate::SplitStore;

fn stores() -> (Arc<MemoryStore>, Arc<MemoryStore>, SplitStore) {
    let (records, data_plane) = (Arc::new(MemoryStore::new()), Arc::new(MemoryStore::new()));
    let split = SplitStore::new(records.clone(), data_plane.clone());
    (records, data_plane, split)
}

#[tokio::test]
async fn each_key_goes_to_its_store_whatever_the_indexer_is_called() {
    for name in ["f", "f:block_stream", "x:last_published_block", ":state"] {
        let id = IndexerId::new("a.near", name).unwrap();
        let (records, data_plane, split) = stores();
        let here = [keys::state(&id), keys::REGISTRY_HEIGHT.to_owned()];
        for key in &here {
            split
                .compare_and_set(key, None, Some(b"r"), None)
                .await
                .unwrap();
            assert!(records.exists(key) && !data_plane.exists(key), "{key}");
        }
        let cursor = keys::cursor(&id);
        split
            .compare_and_set(&cursor, None, Some(b"c"), None)
            .await
            .unwrap();
        assert!(data_plane.exists(&cursor) && !records.exists(&cursor));
        let beside = keys::data_of(&id);
        split
            .compare_and_set(&beside, None, Some(b"d"), None)
            .await
            .unwrap();
        assert!(data_plane.exists(&beside) && !records.exists(&beside));
        data_plane.push(&keys::queue(&id), 7).unwrap();
        assert_eq!(split.queue_head(&keys::queue(&id)).await.unwrap(), Some(7));
        split.set_add(keys::LISTED, &here[0]).await.unwrap();
        assert!(records.exists(keys::LISTED));
        assert_eq!(
            split.set_members(keys::LISTED).await.unwrap(),
            [here[0].clone()]
        );
        split.set_remove(keys::LISTED, &here[0]).await.unwrap();
        assert!(!records.exists(keys::LISTED));
    }
}

#[tokio::test]
async fn a_mixed_read_keeps_the_order_of_the_keys() {
    let (records, data_plane, split) = stores();
    let asked = [
        "a/f:last_published_block",
        "a/f:state",
        "b/g:state",
        "b/g:last_published_block",
    ];
    let asked = asked.map(str::to_owned);
    data_plane.put(&asked[0], "1");
    records.put(&asked[1], "2");
    data_plane.put(&asked[3], "4");
    let texts = |texts: [Option<&'static str>; 4]| texts.map(|text| text.map(Bytes::from)).to_vec();
    let found = split.get_many(&asked).await.unwrap();
    assert_eq!(found, texts([Some("1"), Some("2"), None, Some("4")]));
    assert_eq!(split.get_many(&asked[..1]).await.unwrap(), found[..1]);
    assert_eq!(split.get_many(&asked[1..3]).await.unwrap(), found[1..3]);
    assert_eq!(split.get_many(&[]).await.unwrap(), []);
}

#[tokio::test]
async fn a_mixed_deletion_reaches_both_stores() {
    let (records, data_plane, split) = stores();
    let keys = ["a:block_stream", "a:state", "b:state", "b:block_stream"].map(str::to_owned);
    for key in &keys {
        records.put(key, "1");
        data_plane.put(key, "1");
    }
    split.delete(&keys).await.unwrap();
    let held = |store: &MemoryStore| keys.clone().map(|key| store.exists(&key));
    assert_eq!(held(&records), [true, false, false, true]);
    assert_eq!(held(&data_plane), [false, true, true, false]);
}

#[tokio::test]
async fn a_deletion_under_a_condition_is_one_step_or_is_refused() {
    let (records, data_plane) = (Arc::new(MemoryStore::new()), Arc::new(MemoryStore::new()));
    let split = SplitStore::new(records.clone(), data_plane.clone());
    let (record, queue, cursor) = ("a:state", "q:block_stream", "q:last_published_block");
    records.put(record, "1");
    for key in [queue, cursor] {
        data_plane.put(key, "1");
    }
    let keys = |keys: &[&str]| keys.iter().map(|key| (*key).to_owned()).collect::<Vec<_>>();
    for (guard, deleted) in [
        (record, keys(&[queue])),
        (record, keys(&["b:state", queue])),
        (queue, keys(&[cursor, record])),
    ] {
        let refused = split.delete_if(guard, b"1", &deleted).await;
        assert!(
            matches!(refused, Err(StoreError::Rejected(_))),
            "{refused:?}"
        );
    }
    assert!(records.exists(record) && data_plane.exists(queue) && data_plane.exists(cursor));
    let done = split.delete_if(queue, b"1", &keys(&[cursor])).await;
    assert_eq!(done, Ok(CasOutcome::Applied));
    assert!(!data_plane.exists(cursor));
}

/// A store that cannot be reached.
struct Gone;

fn gone<T>() -> Result<T, StoreError> {
    Err(StoreError::Unavailable("gone".to_owned()))
}

#[async_trait]
impl StoreTransport for Gone {
    async fn get_many(&self, _: &[String]) -> Result<Vec<Option<Bytes>>, StoreError> {
        gone()
    }
    async fn compare_and_set(
        &self,
        _: &str,
        _: Option<&[u8]>,
        _: Option<&[u8]>,
        _: Option<&str>,
    ) -> Result<CasOutcome, StoreError> {
        gone()
    }
    async fn delete(&self, _: &[String]) -> Result<(), StoreError> {
        gone()
    }
    async fn delete_if(&self, _: &str, _: &[u8], _: &[String]) -> Result<CasOutcome, StoreError> {
        gone()
    }
    async fn set_members(&self, _: &str) -> Result<Vec<String>, StoreError> {
        gone()
    }
    async fn set_add(&self, _: &str, _: &str) -> Result<(), StoreError> {
        gone()
    }
    async fn set_remove(&self, _: &str, _: &str) -> Result<(), StoreError> {
        gone()
    }
    async fn queue_head(&self, _: &str) -> Result<Option<u64>, StoreError> {
        gone()
    }
}

#[tokio::test]
async fn half_a_deletion_is_not_said_to_be_none() {
    let split = SplitStore::new(Arc::new(MemoryStore::new()), Arc::new(Gone));
    let keys =
        |keys: &[&str]| -> Vec<String> { keys.iter().map(|key| (*key).to_owned()).collect() };
    let first = split.delete(&keys(&["q:block_stream", "a:state"])).await;
    assert!(
        matches!(first, Err(StoreError::Unavailable(_))),
        "{first:?}"
    );
    let second = split.delete(&keys(&["a:state", "q:block_stream"])).await;
    assert!(
        matches!(second, Err(StoreError::Indefinite(_))),
        "{second:?}"
    );
    split.delete(&keys(&["a:state"])).await.unwrap();
    let read = split
        .get_many(&keys(&["a:state", "q:last_published_block"]))
        .await;
    assert!(matches!(read, Err(StoreError::Unavailable(_))), "{read:?}");
    split.get_many(&keys(&["a:state"])).await.unwrap();
}

/// A guard, what it shall be, and what is deleted then.
type Deletion = (String, Vec<u8>, Vec<String>);

/// A store whose next deletion under a condition is not answered, and arrives late.
#[derive(Default)]
struct Late {
    memory: MemoryStore,
    holds: Mutex<bool>,
    held: Mutex<Option<Deletion>>,
}

impl Late {
    async fn arrives(&self) -> CasOutcome {
        let (guard, expected, keys) = self.held.lock().unwrap().take().unwrap();
        self.memory
            .delete_if(&guard, &expected, &keys)
            .await
            .unwrap()
    }
}

#[async_trait]
impl StoreTransport for Late {
    async fn get_many(&self, keys: &[String]) -> Result<Vec<Option<Bytes>>, StoreError> {
        self.memory.get_many(keys).await
    }
    async fn compare_and_set(
        &self,
        key: &str,
        expected: Option<&[u8]>,
        new: Option<&[u8]>,
        list: Option<&str>,
    ) -> Result<CasOutcome, StoreError> {
        self.memory.compare_and_set(key, expected, new, list).await
    }
    async fn delete(&self, keys: &[String]) -> Result<(), StoreError> {
        self.memory.delete(keys).await
    }
    async fn delete_if(
        &self,
        guard: &str,
        expected: &[u8],
        keys: &[String],
    ) -> Result<CasOutcome, StoreError> {
        if !std::mem::take(&mut *self.holds.lock().unwrap()) {
            return self.memory.delete_if(guard, expected, keys).await;
        }
        let request = (guard.to_owned(), expected.to_vec(), keys.to_vec());
        *self.held.lock().unwrap() = Some(request);
        Err(StoreError::Indefinite("no answer".to_owned()))
    }
    async fn set_members(&self, key: &str) -> Result<Vec<String>, StoreError> {
        self.memory.set_members(key).await
    }
    async fn set_add(&self, key: &str, member: &str) -> Result<(), StoreError> {
        self.memory.set_add(key, member).await
    }
    async fn set_remove(&self, key: &str, member: &str) -> Result<(), StoreError> {
        self.memory.set_remove(key, member).await
    }
    async fn queue_head(&self, key: &str) -> Result<Option<u64>, StoreError> {
        self.memory.queue_head(key).await
    }
}

struct Runs {
    data_plane: Arc<Late>,
    records: RecordStore,
    id: IndexerId,
}

fn run_of(version: u64, prepared: bool) -> Run {
    let hash = Some(ContentHash(u128::from(version)));
    let target = Target { version, hash };
    Run {
        target,
        start: Some(50),
        prepared,
    }
}

impl Runs {
    fn new() -> Runs {
        let data_plane = Arc::new(Late::default());
        let split = SplitStore::new(Arc::new(MemoryStore::new()), data_plane.clone());
        Runs {
            data_plane,
            records: RecordStore::new(Arc::new(split), Duration::from_secs(1)),
            id: IndexerId::new("a.near", "f").unwrap(),
        }
    }

    async fn record(&self, previous: Option<&Stored>, run: Option<Run>, phase: Phase) -> Stored {
        let new = Record::new(self.id.clone()).with_phase(phase);
        let record = Record { run, ..new };
        match self.records.commit(&self.id, previous, &record).await {
            Ok(Commit::Written(stored)) => stored,
            other => panic!("{other:?}"),
        }
    }

    /// What a stream does.
    fn streamed(&self, height: u64) {
        let memory = &self.data_plane.memory;
        memory.put(&keys::cursor(&self.id), height.to_string());
        memory.push(&keys::queue(&self.id), height).unwrap();
    }

    fn put_cursor(&self, height: &'static str) {
        self.data_plane.memory.put(&keys::cursor(&self.id), height);
    }

    async fn owner(&self) -> Option<Bytes> {
        let key = [keys::data_of(&self.id)];
        self.data_plane.get_many(&key).await.unwrap().remove(0)
    }
}

const WRITTEN: Result<Commit<()>, StoreError> = Ok(Commit::Written(()));

#[tokio::test]
async fn a_clearing_that_arrives_late_leaves_the_run_alone_that_has_begun() {
    let runs = Runs::new();
    let stored = runs
        .record(None, Some(run_of(7, false)), Phase::Running)
        .await;
    runs.streamed(40);
    *runs.data_plane.holds.lock().unwrap() = true;
    let unanswered = runs.records.clear_data(&runs.id, &stored).await;
    assert!(matches!(unanswered, Err(StoreError::Indefinite(_))));
    assert_eq!(runs.records.clear_data(&runs.id, &stored).await, WRITTEN);
    runs.streamed(60);
    let outcome = runs.data_plane.arrives().await;
    assert!(matches!(outcome, CasOutcome::Conflict(_)), "{outcome:?}");
    let progress = runs.records.progress(&runs.id, Some(run_of(7, true))).await;
    let (cursor, queue_head) = (Some(60), Some(60));
    assert_eq!(progress, Ok(Progress::Known { cursor, queue_head }));
}

#[tokio::test]
async fn data_that_went_back_to_an_earlier_run_are_foreign() {
    let runs = Runs::new();
    let first = runs
        .record(None, Some(run_of(7, false)), Phase::Running)
        .await;
    assert_eq!(runs.records.clear_data(&runs.id, &first).await, WRITTEN);
    runs.streamed(90);
    let then = runs.owner().await.unwrap();
    let next = runs
        .record(Some(&first), Some(run_of(8, false)), Phase::Running)
        .await;
    assert_eq!(runs.records.clear_data(&runs.id, &next).await, WRITTEN);
    let new = Some(run_of(8, true));
    let empty = Progress::Known {
        cursor: None,
        queue_head: None,
    };
    assert_eq!(runs.records.progress(&runs.id, new).await, Ok(empty));

    runs.streamed(90);
    runs.data_plane.memory.put(&keys::data_of(&runs.id), then);
    assert_eq!(
        runs.records.progress(&runs.id, new).await,
        Ok(Progress::Foreign)
    );
    let adopted = new.map(|run| Run { start: None, ..run });
    for run in [None, Some(run_of(8, false)), adopted, Some(run_of(7, true))] {
        let progress = runs.records.progress(&runs.id, run).await;
        let (cursor, queue_head) = (Some(90), Some(90));
        assert_eq!(
            progress,
            Ok(Progress::Known { cursor, queue_head }),
            "{run:?}"
        );
    }

    assert_eq!(runs.records.clear_data(&runs.id, &next).await, WRITTEN);
    runs.put_cursor("95");
    let (cursor, queue_head) = (Some(95), None);
    let known = Progress::Known { cursor, queue_head };
    assert_eq!(runs.records.progress(&runs.id, new).await, Ok(known));
}

#[tokio::test]
async fn a_deleted_indexer_leaves_nothing_in_the_store_of_the_data() {
    let runs = Runs::new();
    let first = runs
        .record(None, Some(run_of(7, false)), Phase::Running)
        .await;
    assert_eq!(runs.records.clear_data(&runs.id, &first).await, WRITTEN);
    assert!(runs.owner().await.is_some());
    runs.streamed(90);
    let deleting = runs
        .record(Some(&first), Some(run_of(7, true)), Phase::Deleting)
        .await;
    let before = runs.records.clear_data(&runs.id, &first).await;
    assert_eq!(before, Ok(Commit::Conflict), "the record is another one");
    assert_eq!(runs.records.clear_data(&runs.id, &deleting).await, WRITTEN);
    assert_eq!(runs.owner().await, None);
    for key in [keys::cursor(&runs.id), keys::queue(&runs.id)] {
        assert!(!runs.data_plane.memory.exists(&key), "{key}");
    }
}
