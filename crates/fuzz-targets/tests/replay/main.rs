//! Every target, on what is kept in `corpus` and on mutations of it: the same
//! ones in every run, a few seconds for each target.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod corpus;
mod mutation;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use fuzz_targets::{TARGETS, Target, Verdict};
use proptest::test_runner::{Config, RngAlgorithm, TestError, TestRng, TestRunner};

fn target(name: &str) -> Target {
    *TARGETS.iter().find(|target| target.name == name).unwrap()
}

/// Runs what is kept. The name of a file says what is expected of it.
fn replay(target: Target) {
    for kept in corpus::of(target.name) {
        let expected = match kept.name.split('-').next() {
            Some("good") => Some(Verdict::Read),
            Some("bad") => Some(Verdict::Refused),
            // Found by a machine; the laws are all that is expected.
            _ => None,
        };
        let verdict = (target.run)(&kept.bytes);
        assert!(
            expected.is_none_or(|expected| verdict == expected),
            "{}: {verdict:?}",
            kept.name
        );
    }
}

fn mutate(target: Target) {
    let kept: Vec<Vec<u8>> = corpus::of(target.name)
        .into_iter()
        .map(|kept| kept.bytes)
        .collect();
    let config = Config {
        cases: target.mutations,
        failure_persistence: None,
        // Each step towards a smaller input that still fails prints its panic.
        max_shrink_iters: 200,
        ..Config::default()
    };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let strategy = mutation::of(kept, corpus::words());
    let outcome = TestRunner::new_with_rng(config, rng).run(&strategy, |input| {
        (target.run)(&input.0);
        Ok(())
    });
    match outcome {
        Ok(()) => {}
        Err(TestError::Fail(reason, input)) => panic!(
            "{} breaks a law: {reason}\n{input:?}\nKeep these bytes in corpus/{}.",
            target.name, target.name
        ),
        Err(error) => panic!("{error}"),
    }
}

macro_rules! targets {
    ($($name:ident),+) => {
        const TESTED: &[&str] = &[$(stringify!($name)),+];

        $(mod $name {
            #[test]
            fn keeps_its_laws_on_what_is_kept() {
                super::replay(super::target(stringify!($name)));
            }

            #[test]
            fn keeps_its_laws_on_mutations() {
                super::mutate(super::target(stringify!($name)));
            }
        })+
    };
}

targets!(
    client_roles,
    config_file,
    registry_entry,
    registry_file,
    registry_listing,
    rpc_answer,
    scenario_file,
    state_export,
    state_json,
    token_file
);

#[test]
fn every_target_is_tested_here_and_by_the_fuzzer() {
    let names: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
    assert_eq!(names, TESTED);
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz");
    let manifest = fs::read_to_string(fuzz.join("Cargo.toml")).unwrap();
    for name in &names {
        let file = fs::read_to_string(fuzz.join(format!("fuzz_targets/{name}.rs"))).unwrap();
        assert!(file.contains(&format!("fuzz_targets::{name}(")), "{name}");
        assert!(manifest.contains(&format!("name = \"{name}\"")), "{name}");
    }
    let folders: BTreeSet<String> = corpus::folders();
    assert_eq!(
        folders,
        names.iter().map(|name| (*name).to_owned()).collect()
    );
}

/// A corpus that is refused as a whole, or never, tests half of a reader.
#[test]
fn every_corpus_holds_what_is_read_and_what_is_refused() {
    for target in TARGETS {
        let kept = corpus::of(target.name);
        for beginning in ["good-", "bad-"] {
            let count = kept
                .iter()
                .filter(|kept| kept.name.starts_with(beginning))
                .count();
            assert!(count >= 3, "{}: {count} of {beginning}", target.name);
        }
    }
}
