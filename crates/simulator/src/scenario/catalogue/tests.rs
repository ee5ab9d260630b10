//! The catalogue is complete and true.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::super::{
    Action, CallOutcome, CallRates, ControlRates, Faults, NodeRates, ORACLES, RegistryFaultKind,
    RegistryRates, Scenario, StoreFaultKind, StoreRates, TaskRates,
};
use super::{FaultFamily, families, family, markdown};
use crate::oracle::catalogue::PROPERTIES;

/// Keys under `[faults]` that say when, not what.
const GENERAL: [&str; 3] = ["start", "stop", "swarm"];

const HEAD: &str = r#"property = "An example loads"

[[indexer]]
account = "alice.near"
function = "feed"

[[indexer]]
account = "bob.near"
function = "feed"

"#;

fn load(family: &FaultFamily) -> Scenario {
    let text = format!("{HEAD}{}", family.as_toml());
    Scenario::parse(family.name, &text).unwrap_or_else(|found| panic!("{found:#?}\n{text}"))
}

/// The names that serde expects instead of one that nobody has.
fn names<T: for<'de> Deserialize<'de>>(text: &str) -> BTreeSet<String> {
    let error = match toml::from_str::<T>(text) {
        Ok(_) => panic!("`{text}` was accepted"),
        Err(error) => error.message().to_owned(),
    };
    let listed = error.split("expected").nth(1).unwrap_or_default();
    let names: BTreeSet<String> = listed
        .split('`')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect();
    assert!(!names.is_empty(), "{error}");
    names
}

fn keys<T: for<'de> Deserialize<'de>>() -> BTreeSet<String> {
    names::<T>("nobody_has_this_key = 1")
}

/// What a step does, as finely as families are told apart.
fn kind_of(action: &Action) -> String {
    let kind = match action {
        Action::CallFault(fault) => format!("{:?}", fault.outcome),
        Action::StoreFault(fault) => format!("{:?}", fault.kind),
        Action::RegistryFault(fault) => format!("{:?}", fault.kind),
        _ => String::new(),
    };
    format!("{} {kind}", action.name()).trim_end().to_owned()
}

/// Every kind of every action, operations aside.
fn all_kinds() -> BTreeSet<String> {
    #[derive(Deserialize)]
    struct Step {
        #[serde(rename = "do")]
        _do: Action,
    }
    #[derive(Deserialize)]
    struct Kinds {
        _call: CallOutcome,
        _store: StoreFaultKind,
        _registry: RegistryFaultKind,
    }
    let operations = [
        "register",
        "update",
        "reregister",
        "delete",
        "enable",
        "disable",
        "hold",
        "release",
        "retry",
    ];
    let pascal = |name: &String| -> String {
        let words = name.split('_');
        words
            .map(|word| format!("{}{}", word[..1].to_uppercase(), &word[1..]))
            .collect()
    };
    let good = "_call = \"late\"\n_store = \"oom\"\n_registry = \"null\"\n";
    let kinds = |field: &str| {
        let lines = good.lines().filter(|line| !line.starts_with(field));
        let text = lines.collect::<Vec<_>>().join("\n") + &format!("\n{field} = \"x\"\n");
        names::<Kinds>(&text)
    };
    let mut all = BTreeSet::new();
    for action in names::<Step>("do = { nobody_has_this_key = 1 }") {
        let of: BTreeSet<String> = match action.as_str() {
            "call_fault" => kinds("_call"),
            "store_fault" => kinds("_store"),
            "registry_fault" => kinds("_registry"),
            operation if operations.contains(&operation) => continue,
            _ => [String::new()].into(),
        };
        for kind in of {
            let kind = if kind.is_empty() { kind } else { pascal(&kind) };
            all.insert(format!("{action} {kind}").trim_end().to_owned());
        }
    }
    all
}

/// Every key under `[faults]`, tables written out where their keys are different
/// things.
fn all_keys() -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for key in keys::<Faults>() {
        let inner = match key.as_str() {
            "calls" => keys::<CallRates>(),
            "store_calls" => keys::<StoreRates>(),
            "registry_calls" => keys::<RegistryRates>(),
            "tasks" => keys::<TaskRates>(),
            "control_plane" => keys::<ControlRates>(),
            general if GENERAL.contains(&general) => continue,
            _ => {
                all.insert(key);
                continue;
            }
        };
        all.extend(inner.iter().map(|name| format!("{key}.{name}")));
    }
    all
}

/// The keys in the example of random faults, written as [`all_keys`] does.
fn keys_of(family: &FaultFamily) -> Vec<String> {
    let table: toml::Table = family.random.parse().unwrap();
    let split = [
        "calls",
        "store_calls",
        "registry_calls",
        "tasks",
        "control_plane",
    ];
    table
        .iter()
        .flat_map(|(key, value)| match value.as_table() {
            Some(inner) if split.contains(&key.as_str()) => {
                inner.keys().map(|name| format!("{key}.{name}")).collect()
            }
            _ => vec![key.clone()],
        })
        .collect()
}

/// Whether a key says how, not how often: several families may share it.
fn is_setting(key: &str) -> bool {
    ["down", "registry_calls.lag"].contains(&key)
        || ["_for", "_by", "_latency", "_apart"]
            .iter()
            .any(|ending| key.ends_with(ending))
}

#[test]
fn every_example_is_a_scenario() {
    for family in families() {
        let scenario = load(family);
        assert_eq!(scenario.steps.len(), family.steps.len(), "{}", family.name);
        let shown = [!family.steps.is_empty(), !family.sections.is_empty()];
        assert!(shown.contains(&true), "{} cannot be written", family.name);
    }
}

#[test]
fn every_fault_belongs_to_one_family() {
    let mut owners: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for family in families() {
        for step in load(family).steps {
            let kind = kind_of(&step.action);
            owners.entry(kind).or_default().insert(family.name);
        }
    }
    for (kind, of) in &owners {
        assert_eq!(of.len(), 1, "`{kind}` belongs to {of:?}");
    }
    let shown: BTreeSet<String> = owners.into_keys().collect();
    let all = all_kinds();
    assert!(all.len() > 40, "{all:?}");
    let missing: Vec<_> = all.difference(&shown).collect();
    assert!(missing.is_empty(), "in no family's steps: {missing:?}");
}

#[test]
fn every_rate_belongs_to_one_family() {
    let mut owners: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for family in families() {
        for key in keys_of(family) {
            owners.entry(key).or_default().push(family.name);
        }
    }
    for (key, of) in &owners {
        assert!(
            of.len() == 1 || is_setting(key),
            "`{key}` belongs to {of:?}"
        );
    }
    let shown: BTreeSet<String> = owners.into_keys().collect();
    assert_eq!(all_keys(), shown);
    assert!(keys::<NodeRates>().contains("runner"));
}

#[test]
fn names_are_words_and_unique() {
    let mut seen = BTreeSet::new();
    for family in families() {
        let is_word = |letter: char| letter.is_ascii_lowercase() || letter == '_';
        assert!(family.name.chars().all(is_word), "{}", family.name);
        assert!(seen.insert(family.name), "{} is there twice", family.name);
        assert!(family.summary.len() < 100, "{}", family.name);
        assert!(!family.summary.ends_with('.') && !family.source.ends_with('.'));
        assert!(family.story.ends_with('.'), "{}", family.name);
    }
    assert!(seen.len() >= 25);
}

#[test]
fn oracles_are_named_as_they_are() {
    let described: Vec<&str> = PROPERTIES.iter().map(|one| one.id).collect();
    assert_eq!(described, ORACLES);
    for family in families() {
        assert!(!family.noticed_by.is_empty(), "{}", family.name);
        for id in family.noticed_by {
            assert!(ORACLES.contains(id), "{}: {id}", family.name);
        }
    }
}

#[test]
fn hyphens_and_capitals_do_not_matter() {
    assert_eq!(
        family("Answer-Lost").map(|one| one.name),
        Some("answer_lost")
    );
    assert_eq!(family("answerlost"), None);
}

#[test]
fn explanations_fit_a_terminal() {
    let families = families().map(FaultFamily::explained);
    let oracles = PROPERTIES.iter().map(|property| property.explained());
    for text in families.chain(oracles) {
        for line in text.lines() {
            assert!(line.chars().count() <= 100, "{line}");
            assert_eq!(line, line.trim_end());
        }
    }
}

#[test]
fn the_page_is_as_printed() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/faults.md");
    let page = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        page == markdown(),
        "docs/faults.md is out of date: cargo sim faults -o markdown > docs/faults.md"
    );
}
