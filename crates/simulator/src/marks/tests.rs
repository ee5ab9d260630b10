//! The catalogue is complete and sound.

use std::collections::BTreeSet;

use super::*;

#[test]
fn every_mark_has_a_name_of_its_own_and_a_sentence() {
    let all = catalogue();
    let names: BTreeSet<&str> = all.iter().map(|entry| entry.name.as_str()).collect();
    assert_eq!(names.len(), all.len());
    assert!(all.iter().all(|entry| !entry.sentence.is_empty()));
    for family in Family::ALL {
        assert!(all.iter().any(|entry| entry.family == family), "{family:?}");
    }
    assert!(situations::SITUATIONS.len() >= 40);
}

#[test]
fn every_oracle_has_a_mark() {
    for id in ORACLES {
        assert_eq!(situations::judged(id), format!("judged {id}"));
    }
}

#[test]
fn every_exception_is_about_a_mark() {
    let all = catalogue();
    for pattern in rarity::patterns() {
        let (start, end) = pattern.split_once('*').unwrap_or((pattern, ""));
        let about = |entry: &&Entry| match pattern.contains('*') {
            true => entry.name.starts_with(start) && entry.name.ends_with(end),
            false => entry.name == pattern,
        };
        assert!(all.iter().any(|entry| about(&entry)), "{pattern}");
    }
}

#[test]
fn the_lifecycle_is_covered() {
    let causes: BTreeSet<Cause> = CAUSES.into_iter().collect();
    assert_eq!(causes.len(), CAUSES.len());
    for (method, action) in ACTIONS {
        assert!(method.is_effect() && !action.is_empty());
    }
    for (standing, method, _) in cells::cells() {
        if method == crate::history::Method::StartStream {
            assert_ne!(standing, Standing::Nothing);
        }
    }
}

#[test]
fn faults_are_told_apart_by_their_words() {
    use crate::history::Method;
    let told = |text| (faults::told(text), faults::told_of_call(text));
    assert_eq!(
        told("the coordinator crashes before effect 3 (StartStream)"),
        (
            Some("crash_at_effect"),
            Some((Method::StartStream, "crash_before"))
        )
    );
    assert_eq!(
        told("a.near/x: StoreCompareAndSet meets Conflict"),
        (
            Some("conflict"),
            Some((Method::StoreCompareAndSet, "conflict"))
        )
    );
    assert_eq!(
        told("*: RegistryListAll meets Empty"),
        (
            Some("empty_listing"),
            Some((Method::RegistryListAll, "empty"))
        )
    );
    assert_eq!(told("runner is killed"), (Some("crash"), None));
    assert_eq!(told("nothing in particular"), (None, None));
    let families: BTreeSet<&str> = faults::families()
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    for text in [
        "store is frozen",
        "the clock of runner jumps by 3s",
        "x: provisioning is slow",
    ] {
        assert!(faults::told(text).is_some_and(|family| families.contains(family)));
    }
}

/// Every family of the catalogue of faults is seen by its words, by its name, or is
/// counted where it is done.
#[test]
fn every_family_of_faults_can_be_counted() {
    let runs = concat!(env!("CARGO_MANIFEST_DIR"), "/src/run");
    let mut counted = BTreeSet::new();
    for entry in std::fs::read_dir(runs).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        let names = text.split("befalls(\"").skip(1);
        counted.extend(names.filter_map(|part| part.split('"').next().map(str::to_owned)));
    }
    for (family, _) in faults::families() {
        let told = faults::tells_of(family) || faults::fate(family).is_some();
        let elsewhere = ["corrupt_record", "late_write"].contains(&family);
        assert!(told || elsewhere || counted.contains(family), "{family}");
    }
}

/// The names that judges count in passing stand in the catalogue.
#[test]
fn names_in_the_judges_sources_are_marks() {
    let known: BTreeSet<String> = catalogue().into_iter().map(|entry| entry.name).collect();
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/oracle");
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|ending| ending != "rs") {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        for part in text.split(".named(\"").skip(1) {
            let name = part.split('"').next().unwrap_or_default();
            assert!(known.contains(name), "{name} in {}", path.display());
            seen += 1;
        }
    }
    assert!(seen > 30, "{seen}");
}
