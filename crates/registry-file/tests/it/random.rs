//! Edits, mistakes, restarts and clocks in any order, against a model.

use std::collections::BTreeMap;

use proptest::prelude::*;

use crate::desk::{Desk, entry, list, read};

#[derive(Clone, Debug)]
enum Step {
    /// Writes a right file with these codes for f0, f1, f2; none: not in it.
    Write([Option<u8>; 3]),
    Break(usize),
    Remove,
    Restart,
    Pass(u64),
    ClockBack(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let codes = || prop::option::weighted(0.7, 0_u8..3);
    prop_oneof![
        4 => [codes(), codes(), codes()].prop_map(Step::Write),
        1 => (0_usize..5).prop_map(Step::Break),
        1 => Just(Step::Remove),
        2 => Just(Step::Restart),
        2 => (1_u64..10).prop_map(Step::Pass),
        1 => (1_u64..10).prop_map(Step::ClockBack),
    ]
}

fn text_of(codes: &[Option<u8>; 3]) -> String {
    let entries: String = codes
        .iter()
        .enumerate()
        .filter_map(|(at, code)| Some(entry(&format!("f{at}"), &format!("c{}", (*code)?))))
        .collect();
    if entries.is_empty() {
        "indexer = []".to_owned()
    } else {
        entries
    }
}

/// What was last seen of an indexer: its version, code, and whether deleted.
type Seen = BTreeMap<usize, (u64, Option<u8>)>;

async fn play(steps: Vec<Step>) {
    let desk = Desk::new();
    let mut registry = desk.open("r.toml");
    let (mut last, mut right): ([Option<u8>; 3], bool) = ([None; 3], false);
    let mut seen = Seen::new();
    // Whether the present value of the registry has read a right file.
    let mut fresh = true;
    for step in steps {
        match &step {
            Step::Write(codes) => {
                desk.write("r.toml", &text_of(codes));
                (last, right, fresh) = (*codes, true, false);
            }
            Step::Break(how) => {
                let text = ["", "[[indexer]]", "indexer = 7", "x", "\u{0}"];
                desk.write("r.toml", text[*how]);
                right = false;
            }
            Step::Remove => {
                let _gone = std::fs::remove_file(desk.path("r.toml"));
                right = false;
            }
            Step::Restart => {
                registry = desk.open("r.toml");
                fresh = !right;
            }
            Step::Pass(seconds) => desk.pass(*seconds),
            Step::ClockBack(seconds) => desk.clock_back(*seconds),
        }
        assert_eq!(list(&registry).await.is_ok(), !fresh, "{step:?}");
        for (at, code) in last.iter().enumerate() {
            let Ok(found) = read(&registry, &format!("f{at}")).await else {
                assert!(fresh, "{step:?}");
                continue;
            };
            let before = seen.get(&at).copied();
            let deleted = found["deleted_at_block_height"].as_u64();
            let version = ["updated_at_block_height", "created_at_block_height"]
                .iter()
                .find_map(|field| found[*field].as_u64());
            match (code, version) {
                (Some(code), Some(version)) => {
                    assert_eq!(
                        (deleted, &found["code"]),
                        (None, &format!("c{code}").into())
                    );
                    match before {
                        Some((old, Some(same))) if same == *code => assert_eq!(version, old),
                        Some((old, _)) => assert!(version > old, "{version} after {old}"),
                        None => {}
                    }
                    seen.insert(at, (version, Some(*code)));
                }
                (None, Some(version)) => {
                    assert!(deleted >= Some(version), "{found}");
                    seen.insert(at, (version, None));
                }
                (code, None) => assert!(found.is_null() && code.is_none() && before.is_none()),
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 64,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn nothing_is_deleted_but_by_a_right_file_and_versions_only_grow(
        steps in prop::collection::vec(step(), 1..30)
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(play(steps));
    }
}
