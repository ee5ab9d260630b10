//! What goes out of a store comes into another as it was.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use coordinator::store::codec::RECORD_LEN_MAX;
use coordinator::store::{CasOutcome, MemoryStore, StoreError, StoreTransport, keys};
use proptest::prelude::*;

use super::*;

const DEADLINE: Duration = Duration::from_secs(5);

const CURRENT: &str = r#"{"account_id":"a.near","function_name":"f","block_stream_synced_at":7,
 "enabled":false,"lifecycle_state":"Suspended","coordinator":{"format":1,"revision":3,
 "provisioned":true,"of_tomorrow":[1]},"of_others":{"x":"\u0000é"}}"#;
const ORIGINAL: &str = r#"{"account_id":"a.near","function_name":"g",
 "block_stream_synced_at":7,"enabled":true,"lifecycle_state":"Running"}"#;
const HISTORICAL: &str = r#"{"block_stream_synced_at":7}"#;

async fn filled() -> Arc<MemoryStore> {
    let store = Arc::new(MemoryStore::new());
    let records: [(&str, &[u8]); 5] = [
        ("a.near/f:state", CURRENT.as_bytes()),
        ("a.near/g:state", ORIGINAL.as_bytes()),
        (
            "a.near/line\nbreak\u{1b} \"é/:state:state",
            HISTORICAL.as_bytes(),
        ),
        ("b.near/:state", b"no json at all"),
        ("b.near/bytes:state", b"\xff\xfe"),
    ];
    for (key, value) in records {
        store.put(key, Bytes::copy_from_slice(value));
        store.set_add(keys::LISTED, key).await.unwrap();
    }
    store.put(keys::REGISTRY_HEIGHT, "123456");
    store
}

async fn exported(store: &Arc<MemoryStore>) -> Export {
    export(
        Arc::clone(store) as Arc<dyn StoreTransport>,
        DEADLINE,
        "here",
    )
    .await
    .unwrap()
}

async fn imported(store: &Arc<MemoryStore>, state: &State, mode: Mode) -> Imported {
    import(
        Arc::clone(store) as Arc<dyn StoreTransport>,
        DEADLINE,
        state,
        mode,
    )
    .await
    .unwrap()
}

fn file_of(state: &State) -> Vec<u8> {
    let mut file = Vec::new();
    write(state, &mut file).unwrap();
    file
}

fn why(file: &[u8]) -> String {
    let mistakes = parse(file).unwrap_err();
    assert!(mistakes.len() <= 20, "{}", mistakes.len());
    mistakes
        .iter()
        .map(|mistake| format!("{}: {}\n", mistake.line, mistake.why))
        .collect()
}

#[tokio::test]
async fn every_byte_arrives_in_another_store() {
    let first = filled().await;
    let export = exported(&first).await;
    assert_eq!(export.remarks.len(), 2, "{:?}", export.remarks);
    assert!(export.remarks[0].contains("exported as it is"));
    let file = file_of(&export.state);
    assert_eq!(file.iter().filter(|byte| **byte == b'\n').count(), 8);
    let state = parse(&file).unwrap();
    let second = Arc::new(MemoryStore::new());
    let done = imported(&second, &state, Mode::default()).await;
    assert!(done.is_complete());
    assert_eq!(
        (done.written, done.same, done.registry_height),
        (5, 0, Some(123_456))
    );
    for record in &export.state.records {
        assert_eq!(second.text(&record.key), Some(record.value.clone()));
    }
    let members = second.set_members(keys::LISTED).await.unwrap();
    assert_eq!(members, first.set_members(keys::LISTED).await.unwrap());
    assert_eq!(file_of(&exported(&second).await.state), file);
    // Once more is nothing.
    let again = imported(&second, &state, Mode::default()).await;
    assert_eq!((again.written, again.same), (0, 5));
}

#[tokio::test]
async fn other_records_are_in_the_way_unless_they_may_be_replaced() {
    let state = parse(&file_of(&exported(&filled().await).await.state)).unwrap();
    let store = Arc::new(MemoryStore::new());
    store.put("a.near/g:state", HISTORICAL);
    store.put(keys::REGISTRY_HEIGHT, "999999");
    let dry = |replace| Mode {
        replace,
        dry_run: true,
    };
    for mode in [Mode::default(), dry(false)] {
        let done = imported(&store, &state, mode).await;
        assert!(!done.is_complete());
        assert_eq!(done.refused.len(), 1);
        assert_eq!(done.refused[0].line, 3);
        assert!(done.refused[0].why.contains("a.near/g:state"), "{done:?}");
        assert!(done.refused[0].why.contains("--replace"), "{done:?}");
    }
    let done = imported(&store, &state, dry(true)).await;
    assert_eq!((done.written, done.replaced), (5, 1));
    assert!(!store.exists("a.near/f:state"), "nothing was written");
    assert_eq!(store.text("a.near/g:state"), Some(HISTORICAL.into()));
    let replace = Mode {
        replace: true,
        dry_run: false,
    };
    let done = imported(&store, &state, replace).await;
    assert_eq!(
        (done.written, done.replaced, done.is_complete()),
        (5, 1, true)
    );
    assert_eq!(store.text("a.near/g:state"), Some(ORIGINAL.into()));
    // A height of the past would let what was deleted come back.
    assert_eq!(done.registry_height, Some(999_999));
}

#[tokio::test]
async fn a_record_that_is_there_and_not_listed_is_listed() {
    let state = parse(&file_of(&exported(&filled().await).await.state)).unwrap();
    let store = Arc::new(MemoryStore::new());
    store.put("a.near/f:state", CURRENT);
    let done = imported(&store, &state, Mode::default()).await;
    assert_eq!((done.written, done.replaced), (5, 0));
    assert_eq!(store.set_members(keys::LISTED).await.unwrap().len(), 5);
}

#[tokio::test]
async fn a_key_of_another_kind_is_refused_and_the_rest_arrives() {
    let state = parse(&file_of(&exported(&filled().await).await.state)).unwrap();
    let store = Arc::new(MemoryStore::new());
    store.push("a.near/g:state", 1).unwrap();
    let done = imported(&store, &state, Mode::default()).await;
    assert_eq!((done.written, done.refused.len()), (4, 1));
    assert!(done.refused[0].why.contains("another kind"), "{done:?}");
}

#[tokio::test]
async fn a_check_tells_forms_apart() {
    let store = filled().await;
    store
        .set_add(keys::LISTED, "no key of a record")
        .await
        .unwrap();
    store.put("no key of a record", "x");
    let findings = check(store, DEADLINE).await.unwrap();
    let forms: Vec<Form> = findings.iter().map(|finding| finding.form).collect();
    assert_eq!(
        forms,
        [
            Form::Current,
            Form::Original,
            Form::Historical,
            Form::Unreadable,
            Form::Unreadable,
            Form::Unreadable,
        ]
    );
    assert!(
        findings
            .iter()
            .all(|one| one.why.is_empty() == (one.form != Form::Unreadable))
    );
}

#[tokio::test]
async fn what_can_be_no_record_stays_behind() {
    let store = filled().await;
    for key in [
        "no key of a record",
        "c.near/large:state",
        "c.near/queue:state",
    ] {
        store.set_add(keys::LISTED, key).await.unwrap();
    }
    store.put("no key of a record", "x");
    store.put("c.near/large:state", vec![b'x'; RECORD_LEN_MAX + 1]);
    store.push("c.near/queue:state", 1).unwrap();
    let export = exported(&store).await;
    assert_eq!(export.state.records.len(), 5);
    let left = export
        .remarks
        .iter()
        .filter(|remark| remark.ends_with("left out"));
    assert_eq!(left.count(), 3, "{:?}", export.remarks);
}

#[tokio::test]
async fn a_damaged_file_is_refused_whatever_the_damage() {
    let file = file_of(&exported(&filled().await).await.state);
    let step = (file.len() / 200).max(1);
    for at in (0..file.len()).step_by(step) {
        let mut damaged = file.clone();
        damaged[at] ^= 1;
        assert!(parse(&damaged).is_err(), "byte {at}");
        assert!(parse(&file[..at]).is_err(), "cut at {at}");
    }
    let mut longer = file.clone();
    longer.extend_from_slice(&file);
    assert!(parse(&longer).is_err());
    assert!(why(b"").contains("cut off"));
    assert!(why(b"{}\n").contains("no export"));
    let at = file.len() / 2;
    let mut damaged = file.clone();
    damaged[at] ^= 1;
    let last = file.iter().filter(|byte| **byte == b'\n').count();
    let said = why(&damaged);
    assert!(
        said.starts_with(&format!("{last}: ")) && said.contains("checksum"),
        "{said}"
    );
}

/// A file of these lines, with a right end.
fn sealed(lines: &[&str]) -> Vec<u8> {
    use sha2::Digest;
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    let sum = sha2::Sha256::digest(text.as_bytes());
    let sum: String = sum.iter().map(|byte| format!("{byte:02x}")).collect();
    let count = lines.len();
    let end = format!("{{\"kind\":\"end\",\"lines\":{count},\"sha256\":\"{sum}\"}}\n");
    format!("{text}{end}").into_bytes()
}

#[test]
fn every_wrong_line_is_told_with_its_number() {
    let header = |records: usize| {
        format!(
            r#"{{"kind":"coordinator_state","schema_version":1,"source":"x","records":{records}}}"#
        )
    };
    let good = r#"{"kind":"record","key":"a.near/f:state","value":"{}"}"#;
    assert_eq!(
        parse(&sealed(&[&header(1), good])).unwrap().records[0].line,
        2
    );
    let lines = [
        &header(9),
        good,
        good,
        r#"{"kind":"record","key":"indexer_states","value":"{}"}"#,
        r#"{"kind":"record","key":"a.near/g:state"}"#,
        r#"{"kind":"record","key":"a.near/h:state","value":"","value_base64":""}"#,
        r#"{"kind":"record","key":"a.near/i:state","value_base64":"?"}"#,
        r#"{"kind":"record","key":"a.near/j:state","value":"{}","more":1}"#,
        r#"{"kind":"registry_height","height":-1}"#,
        "no json",
        &header(9),
        r#"{"kind":"end","lines":1,"sha256":""}"#,
    ];
    let said = why(&sealed(&lines));
    let numbers: Vec<&str> = said
        .lines()
        .filter_map(|line| line.split(':').next())
        .collect();
    let expected: Vec<String> = (3..=12).map(|number| number.to_string()).collect();
    assert_eq!(numbers, expected, "{said}");
    assert!(
        said.contains("3: `a.near/f:state` is there twice"),
        "{said}"
    );
    let said = why(&sealed(&[&header(2), good]));
    assert!(
        said.contains("2 records are announced, and 1 are there"),
        "{said}"
    );
    let newer = header(0).replace(":1,", ":2,");
    let said = why(&sealed(&[&newer]));
    assert!(said.contains("knows only 1"), "{said}");
    let said = why(&sealed(&[good]));
    assert!(said.contains("no export"), "{said}");
    assert!(why(&sealed(&["no json"; 500])).lines().count() <= 20);
    let long = "x".repeat(RECORD_LEN_MAX + 1);
    let long = format!(r#"{{"kind":"record","key":"a.near/f:state","value":"{long}"}}"#);
    let said = why(&sealed(&[&header(1), &long]));
    assert!(
        said.contains("at most") && said.len() < 500,
        "{}",
        said.len()
    );
}

fn bytes(max: usize) -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..max)
}

proptest! {
    #[test]
    fn any_state_survives_the_file(
        records in prop::collection::btree_map(".{0,12}", bytes(40), 0..8),
        registry_height: Option<u64>,
        source: String,
    ) {
        let records = records.into_iter().zip(2..).map(|((name, value), line)| Record {
            line,
            key: format!("a.near/{name}:state"),
            value: value.into(),
        });
        let mut records: Vec<Record> = records.collect();
        records.sort_by_key(|record| record.line);
        let state = State { source, records, registry_height };
        prop_assert_eq!(parse(&file_of(&state)).unwrap(), state);
    }

    #[test]
    fn no_bytes_make_it_fall(bytes in bytes(200)) {
        prop_assert!(parse(&bytes).is_err());
    }
}

/// A store that carries out no write, and does not say so.
struct Mute(Arc<MemoryStore>);

#[async_trait]
impl StoreTransport for Mute {
    async fn get_many(&self, keys: &[String]) -> Result<Vec<Option<Bytes>>, StoreError> {
        self.0.get_many(keys).await
    }
    async fn compare_and_set(
        &self,
        _: &str,
        _: Option<&[u8]>,
        _: Option<&[u8]>,
        _: Option<&str>,
    ) -> Result<CasOutcome, StoreError> {
        Err(StoreError::Indefinite("no answer".to_owned()))
    }
    async fn delete(&self, _: &[String]) -> Result<(), StoreError> {
        Err(StoreError::Indefinite("no answer".to_owned()))
    }
    async fn delete_if(&self, _: &str, _: &[u8], _: &[String]) -> Result<CasOutcome, StoreError> {
        Err(StoreError::Indefinite("no answer".to_owned()))
    }
    async fn set_members(&self, key: &str) -> Result<Vec<String>, StoreError> {
        self.0.set_members(key).await
    }
    async fn set_add(&self, _: &str, _: &str) -> Result<(), StoreError> {
        Err(StoreError::Indefinite("no answer".to_owned()))
    }
    async fn set_remove(&self, _: &str, _: &str) -> Result<(), StoreError> {
        Err(StoreError::Indefinite("no answer".to_owned()))
    }
    async fn queue_head(&self, key: &str) -> Result<Option<u64>, StoreError> {
        self.0.queue_head(key).await
    }
}

#[tokio::test]
async fn a_record_that_is_there_is_not_said_to_be_listed_when_nobody_knows() {
    let state = parse(&file_of(&exported(&filled().await).await.state)).unwrap();
    let there = Arc::new(MemoryStore::new());
    for record in &state.records {
        there.put(&record.key, record.value.clone());
    }
    let done = import(Arc::new(Mute(there)), DEADLINE, &state, Mode::default());
    let done = done.await.unwrap();
    assert!(!done.is_complete() && done.broken_off.is_some(), "{done:?}");
    assert_eq!(done.written, 0);
}
