//! Records as JSON: what is written can be read by both coordinators, and what
//! was ever written can be read here.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use bytes::Bytes;
use coordinator::store::codec::{RECORD_LEN_MAX, Stored, decode, encode};
use lifecycle::{
    Cause, ContentHash, Hold, IndexerId, Phase, Record, Repair, Run, Target, Task, Timestamp,
};
use proptest::prelude::*;
use serde::Deserialize;

const KEY: &str = "a.near/f:state";
const NAMES: &str = r#""account_id":"a.near","function_name":"f","#;

fn id() -> IndexerId {
    IndexerId::new("a.near", "f").unwrap()
}

fn read(text: &str) -> Stored {
    decode(KEY, &Bytes::copy_from_slice(text.as_bytes())).unwrap()
}

fn why(text: &str) -> String {
    let corrupt = decode(KEY, &Bytes::copy_from_slice(text.as_bytes())).unwrap_err();
    assert_eq!(corrupt.key, KEY);
    corrupt.why
}

fn taken_over(phase: Phase, provisioned: bool, synced_at: Option<u64>, enabled: bool) -> Record {
    Record {
        enabled,
        phase,
        synced_at,
        provisioned,
        run: synced_at.map(|version| Run {
            target: Target {
                version,
                hash: None,
            },
            start: None,
            prepared: true,
        }),
        inherited: synced_at.is_none(),
        ..Record::new(id())
    }
}

#[test]
fn every_historical_format_is_read() {
    let cases = [
        // Before there was anything but the version.
        (
            r#"{"block_stream_synced_at":7}"#.to_owned(),
            taken_over(Phase::Running, true, Some(7), true),
        ),
        (
            r#"{"block_stream_synced_at":null}"#.to_owned(),
            taken_over(Phase::Running, true, None, true),
        ),
        // With the switch, without names.
        (
            r#"{"block_stream_synced_at":7,"enabled":false}"#.to_owned(),
            taken_over(Phase::Running, true, Some(7), false),
        ),
        (
            r#"{"enabled":true}"#.to_owned(),
            taken_over(Phase::Running, true, None, true),
        ),
        // With names.
        (
            format!(r#"{{{NAMES}"block_stream_synced_at":7,"enabled":true}}"#),
            taken_over(Phase::Running, true, Some(7), true),
        ),
    ];
    for (text, expected) in cases {
        let stored = read(&text);
        assert_eq!(stored.record, expected, "{text}");
        assert_eq!(stored.revision, 0);
        assert_eq!(stored.raw, text.as_bytes());
    }
}

#[test]
fn every_provisioning_state_is_read() {
    let cases = [
        (r#""Provisioned""#, true),
        (r#""Unprovisioned""#, false),
        (r#""Provisioning""#, false),
        (r#""Failed""#, false),
        (r#"{"Provisioning":{"task_id":"t"}}"#, false),
        (r#"{"Deprovisioning":{"task_id":"t"}}"#, false),
    ];
    for (state, provisioned) in cases {
        let text = format!(
            r#"{{{NAMES}"block_stream_synced_at":null,"enabled":true,"provisioned_state":{state}}}"#
        );
        let phase = if provisioned {
            Phase::Running
        } else {
            Phase::Initializing
        };
        let expected = taken_over(phase, provisioned, None, true);
        assert_eq!(read(&text).record, expected, "{state}");
    }
    for state in [
        r#""Gone""#,
        r#"{"Gone":{}}"#,
        "{}",
        r#"{"Failed":1,"Gone":2}"#,
        "3",
    ] {
        let why = why(&format!(
            r#"{{"enabled":true,"provisioned_state":{state}}}"#
        ));
        assert!(why.contains("provisioned_state"), "{why}");
    }
}

#[test]
fn every_lifecycle_state_of_the_original_is_read() {
    let cases = [
        ("Initializing", Phase::Initializing, false),
        ("Running", Phase::Running, true),
        ("Suspending", Phase::Suspending, true),
        ("Stopping", Phase::Suspending, true),
        ("Suspended", Phase::Suspended, true),
        ("Stopped", Phase::Suspended, true),
        ("Repairing", Phase::Repairing, false),
        ("Deleting", Phase::Deleting, true),
        ("Deleted", Phase::Deleting, true),
    ];
    for (state, phase, provisioned) in cases {
        let text = format!(
            r#"{{{NAMES}"block_stream_synced_at":9,"enabled":true,"lifecycle_state":"{state}"}}"#
        );
        let expected = taken_over(phase, provisioned, Some(9), true);
        assert_eq!(read(&text).record, expected, "{state}");
    }
}

#[test]
fn what_is_no_record_is_corrupt_and_says_why() {
    let cases = [
        ("", "EOF"),
        ("null", "object"),
        ("[]", "object"),
        ("{}", "no field of a record"),
        (r#"{"enabled":true"#, "EOF"),
        (r#"{"lifecycle_state":"Dreaming"}"#, "Dreaming"),
        (
            r#"{"lifecycle_state":"Running","enabled":"yes"}"#,
            "enabled",
        ),
        (r#"{"block_stream_synced_at":-1}"#, "block_stream_synced_at"),
        (r#"{"account_id":"b.near","enabled":true}"#, "account_id"),
        (r#"{"function_name":"g","enabled":true}"#, "function_name"),
        (r#"{"coordinator":{}}"#, "coordinator.format"),
        (r#"{"coordinator":{"format":2}}"#, "format is 2"),
        (r#"{"coordinator":{"format":1}}"#, "coordinator.revision"),
        (
            r#"{"coordinator":{"format":1,"revision":1,"provisioned":true,"run":5}}"#,
            "run",
        ),
    ];
    for (text, part) in cases {
        let why = why(text);
        assert!(why.contains(part), "{text}: {why}");
    }
    let other_key = decode("a.near/f", &Bytes::from_static(b"{}")).unwrap_err();
    assert_eq!(other_key.key, "a.near/f");
}

#[test]
fn a_record_of_more_than_the_limit_is_neither_read_nor_written() {
    let filler = "x".repeat(RECORD_LEN_MAX);
    let oversized = format!(r#"{{"enabled":true,"filler":"{filler}"}}"#);
    assert!(why(&oversized).contains("bytes"));

    let fits = format!(
        r#"{{"enabled":true,"filler":"{}"}}"#,
        &filler[..RECORD_LEN_MAX - 64]
    );
    let stored = read(&fits);
    let corrupt = encode(&stored.record, Some(&stored)).unwrap_err();
    assert!(corrupt.why.contains("bytes"), "{corrupt}");
}

#[test]
fn a_record_is_written_in_the_originals_order_with_one_more_field() {
    let record = Record {
        phase: Phase::Running,
        synced_at: Some(130),
        provisioned: true,
        run: Some(Run {
            target: Target {
                version: 130,
                hash: Some(ContentHash(0xab)),
            },
            start: Some(131),
            prepared: true,
        }),
        ..Record::new(id())
    };
    let raw = encode(&record, None).unwrap();
    let expected = concat!(
        r#"{"account_id":"a.near","function_name":"f","block_stream_synced_at":130,"#,
        r#""enabled":true,"lifecycle_state":"Running","coordinator":{"format":1,"#,
        r#""revision":1,"provisioned":true,"run":{"target":{"version":130,"#,
        r#""hash":"000000000000000000000000000000ab"},"start":131,"prepared":true}}}"#,
    );
    assert_eq!(std::str::from_utf8(&raw).unwrap(), expected);
}

/// The original's reader: all fields required but one, others skipped.
#[derive(Debug, Deserialize, PartialEq)]
struct OriginalRecord {
    account_id: String,
    function_name: String,
    block_stream_synced_at: Option<u64>,
    enabled: bool,
    lifecycle_state: OriginalState,
}

#[derive(Debug, Deserialize, PartialEq)]
enum OriginalState {
    Initializing,
    Running,
    Suspending,
    Suspended,
    Repairing,
    Deleting,
    Deleted,
}

fn original_state(phase: Phase) -> OriginalState {
    match phase {
        Phase::Initializing => OriginalState::Initializing,
        Phase::Running => OriginalState::Running,
        Phase::Suspending => OriginalState::Suspending,
        Phase::Suspended => OriginalState::Suspended,
        Phase::Repairing => OriginalState::Repairing,
        Phase::Deleting => OriginalState::Deleting,
        Phase::Deleted => OriginalState::Deleted,
    }
}

#[test]
fn what_the_original_rewrote_is_read_as_its_own_again() {
    let record = Record {
        phase: Phase::Running,
        synced_at: Some(5),
        provisioned: true,
        tombstone: Some(4),
        registered: Some(3),
        ..Record::new(id())
    };
    let ours = encode(&record, None).unwrap();
    let original: OriginalRecord = serde_json::from_slice(&ours).unwrap();
    assert_eq!(
        (
            original.account_id.as_str(),
            original.function_name.as_str()
        ),
        ("a.near", "f")
    );
    let fields = r#""block_stream_synced_at":8,"enabled":false,"lifecycle_state":"Suspended""#;
    let rewritten = format!("{{{NAMES}{fields}}}");
    let stored = read(&rewritten);
    assert_eq!(
        stored.record,
        taken_over(Phase::Suspended, true, Some(8), false)
    );
}

#[test]
fn our_object_is_trusted_over_a_differing_version_beside_it() {
    let stored = read(concat!(
        r#"{"block_stream_synced_at":9,"lifecycle_state":"Running","coordinator":{"format":1,"#,
        r#""revision":3,"provisioned":true,"run":{"target":{"version":8,"hash":null},"#,
        r#""start":null,"prepared":false}}}"#,
    ));
    assert_eq!(stored.record.synced_at, Some(9));
    assert_eq!(stored.record.run.map(|run| run.target.version), Some(8));
    assert_eq!(stored.revision, 3);
}

#[test]
fn unknown_fields_are_kept_at_both_levels_and_superseded_ones_dropped() {
    let previous = read(concat!(
        r#"{"note":{"by":"me","n":1.50},"enabled":true,"provisioned_state":"Provisioned","#,
        r#""coordinator":{"future":[1, 2],"format":1,"revision":41,"provisioned":true,"#,
        r#""tombstone":6}}"#,
    ));
    let record = Record {
        enabled: false,
        tombstone: None,
        ..previous.record.clone()
    };
    let raw = encode(&record, Some(&previous)).unwrap();
    let text = std::str::from_utf8(&raw).unwrap();
    assert!(text.contains(r#""note":{"by":"me","n":1.50}"#), "{text}");
    assert!(text.contains(r#""future":[1, 2]"#), "{text}");
    assert!(!text.contains("provisioned_state"), "{text}");
    assert!(!text.contains("tombstone"), "{text}");
    let next = decode(KEY, &raw).unwrap();
    assert_eq!(next.record, record);
    assert_eq!(next.revision, 42);
}

fn phase() -> impl Strategy<Value = Phase> {
    // Deleted is never persisted.
    prop::sample::select(&Phase::ALL[..6])
}

fn target() -> impl Strategy<Value = Target> {
    (any::<u64>(), any::<Option<u128>>()).prop_map(|(version, hash)| Target {
        version,
        hash: hash.map(ContentHash),
    })
}

fn repair() -> impl Strategy<Value = Repair> {
    let causes = prop::sample::select(vec![
        Cause::ProvisioningFailed,
        Cause::UnsupportedRule,
        Cause::StreamUnhealthy,
        Cause::ExecutorFailing,
    ]);
    (
        (phase(), causes, ".{0,40}", any::<bool>(), any::<u32>()),
        any::<[u64; 3]>(),
        prop::option::of(target()),
        prop::option::of(any::<u64>()),
    )
        .prop_map(
            |((from, cause, detail, limited, attempts), times, target, other_at)| {
                let [first_at, last_at, next_at] = times.map(Timestamp);
                Repair {
                    from,
                    cause,
                    detail,
                    limited,
                    attempts,
                    first_at,
                    last_at,
                    next_at,
                    target,
                    other_at: other_at.map(Timestamp),
                }
            },
        )
}

fn record() -> impl Strategy<Value = Record> {
    let run =
        (target(), any::<Option<u64>>(), any::<bool>()).prop_map(|(target, start, prepared)| Run {
            target,
            start,
            prepared,
        });
    let task = (prop::option::of(".{0,20}"), any::<u64>()).prop_map(|(id, since)| Task {
        id,
        since: Timestamp(since),
    });
    (
        ("[a-z]{2,9}", ".{0,30}"),
        (any::<bool>(), phase(), any::<Option<u64>>(), any::<bool>()),
        prop::option::of(run),
        prop::option::of(task),
        prop::option::of(repair()),
        (
            any::<[Option<u64>; 2]>(),
            prop::option::of((".{0,20}", ".{0,20}", any::<u64>())),
            any::<bool>(),
        ),
    )
        .prop_map(
            |(
                (account, function),
                (enabled, phase, synced_at, provisioned),
                run,
                task,
                repair,
                ([tombstone, registered], hold, inherited),
            )| {
                Record {
                    id: IndexerId::new(&account, &function).unwrap(),
                    enabled,
                    phase,
                    synced_at,
                    provisioned,
                    run,
                    task,
                    repair,
                    tombstone,
                    registered,
                    hold: hold.map(|(by, reason, since)| Hold {
                        by,
                        reason,
                        since: Timestamp(since),
                    }),
                    inherited: inherited && run.is_none(),
                }
            },
        )
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(record in record(), next in record()) {
        let key = format!("{}:state", record.id);
        let raw = encode(&record, None).unwrap();
        let stored = decode(&key, &raw).unwrap();
        prop_assert_eq!(&stored.record, &record);
        prop_assert_eq!(stored.revision, 1);

        let next = Record { id: record.id.clone(), ..next };
        let raw = encode(&next, Some(&stored)).unwrap();
        let stored = decode(&key, &raw).unwrap();
        prop_assert_eq!(&stored.record, &next);
        prop_assert_eq!(stored.revision, 2);
    }

    #[test]
    fn the_original_reads_what_is_written(record in record()) {
        let raw = encode(&record, None).unwrap();
        let original: OriginalRecord = serde_json::from_slice(&raw).unwrap();
        prop_assert_eq!(original, OriginalRecord {
            account_id: record.id.account().to_owned(),
            function_name: record.id.function().to_owned(),
            block_stream_synced_at: record.synced_at,
            enabled: record.enabled,
            lifecycle_state: original_state(record.phase),
        });
    }

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = decode(KEY, &bytes.into());
    }

    #[test]
    fn no_text_near_a_record_makes_the_reader_panic(
        text in concat!(
            r#"\{("(enabled|lifecycle_state|coordinator|provisioned_state)":"#,
            r#"(true|"Running"|\{\}|\{"format":1\}|null|7),?){0,4}\}"#,
        )
    ) {
        let _ = decode(KEY, &text.into());
    }
}

#[test]
fn what_is_switched_off_and_never_ran_may_have_no_data_layer() {
    for (phase, synced, provisioned) in [
        ("Suspended", "null", false),
        ("Suspending", "null", false),
        ("Suspended", "7", true),
        ("Suspending", "7", true),
        ("Stopped", "null", false),
        ("Running", "null", true),
        ("Repairing", "7", false),
    ] {
        let text = format!(
            r#"{{"account_id":"a.near","function_name":"f","block_stream_synced_at":{synced},
                "enabled":false,"lifecycle_state":"{phase}"}}"#
        );
        let stored = decode(KEY, &Bytes::from(text)).unwrap();
        assert_eq!(stored.record.provisioned, provisioned, "{phase} {synced}");
    }
}
