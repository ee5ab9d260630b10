//! Files that are right.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use sim_node::IndexerKey;

use super::super::{
    Action, Diagnostic, Knobs, MOST_STEPS, Registered, RuleSpec, RuleStatus, Scenario, Selector,
    StartSpec,
};

/// Every section and every action.
pub(super) const FULL: &str = include_str!("full.toml");

fn parse(text: &str) -> Scenario {
    Scenario::parse("folder/name.toml", text).unwrap_or_else(|found| panic!("{found:#?}"))
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn one_line_is_a_scenario() {
    let scenario = parse("property = \"x\"");
    assert_eq!(scenario.name, "name");
    assert_eq!(scenario.run.duration, seconds(600));
    assert_eq!(scenario.run.silence, seconds(3600));
    assert!(scenario.indexers.is_empty() && scenario.steps.is_empty());
    assert_eq!(scenario.nodes.executor, sim_executor::Config::default());
    assert_eq!(
        scenario
            .faults
            .calls
            .each()
            .iter()
            .map(|(_, rate)| rate)
            .sum::<f64>(),
        0.0
    );
}

#[test]
fn the_example_of_the_documentation_is_right() {
    let docs = include_str!("../mod.rs");
    let example = docs
        .split("//! ```toml")
        .nth(1)
        .and_then(|rest| rest.split("//! ```").next());
    let lines: Vec<&str> = example
        .unwrap_or_default()
        .lines()
        .map(|line| line.trim_start_matches("//!"))
        .collect();
    let scenario = parse(&lines.join("\n"));
    assert_eq!(scenario.steps.len(), 1);
}

#[test]
fn the_whole_language_is_read() {
    let scenario = parse(FULL);
    assert_eq!(
        scenario.run.quiet.first().map(|quiet| quiet.at),
        Some(seconds(600))
    );
    assert_eq!(scenario.nodes.block_streamer.health_interval, seconds(60));
    assert!(!scenario.nodes.block_streamer.quirks.handover_twice);
    assert_eq!(scenario.nodes.executor.start_delay, seconds(1));
    assert_eq!(
        scenario.nodes.provisioner.stage_time,
        Duration::from_millis(50)
    );
    assert_eq!(scenario.registry.replicas, 5);
    assert_eq!(scenario.chain.history, 500);
    assert_eq!(scenario.net.latency.high, Duration::from_millis(2));
    assert_eq!(scenario.faults.kill.registry, 1.0);
    assert_eq!(scenario.faults.tasks.fail_stop, 0.1);
    assert_eq!(scenario.workload.stop, Some(seconds(1200)));
    assert_eq!(
        (scenario.workload.hold, scenario.workload.retry),
        (0.5, 0.5)
    );
    assert!(scenario.run.shadow);
    let knobs: Vec<&str> = scenario
        .coordinator
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    assert_eq!(
        knobs,
        ["tick", "start_budget", "jitter", "shadow"],
        "in the order of the file"
    );
}

#[test]
fn the_full_file_shows_every_action() {
    let names: BTreeSet<&str> = parse(FULL)
        .steps
        .iter()
        .map(|step| step.action.name())
        .collect();
    // Each variant of the enum, from the table of names in its own source.
    let source = include_str!("../action.rs");
    let all = source
        .split("pub fn name")
        .nth(1)
        .unwrap()
        .split("pub fn")
        .next()
        .unwrap();
    let all: BTreeSet<&str> = all.split('"').skip(1).step_by(2).collect();
    assert!(all.len() > 30);
    assert_eq!(names, all);
}

#[test]
fn copies_of_indexers_are_written_out() {
    let scenario = parse(FULL);
    let keys: Vec<&str> = scenario
        .indexers
        .iter()
        .map(|indexer| indexer.key.as_str())
        .collect();
    assert_eq!(
        keys,
        [
            "user0.near/feed",
            "user1.near/feed",
            "user2.near/feed",
            "alice.near/calls",
            "bob.near/events"
        ]
    );
    let alice = &scenario.indexers[3];
    assert_eq!(alice.registered, Registered::At(seconds(10)));
    assert_eq!(alice.start, StartSpec::Continue);
    assert_eq!(
        alice.rule,
        RuleSpec::ActionFunctionCall {
            affected: "app1.near".to_owned(),
            function: "ft_*".to_owned(),
            status: RuleStatus::Success,
        }
    );
    assert_eq!(scenario.indexers[0].start, StartSpec::History(50));
    assert_eq!(scenario.indexers[4].registered, Registered::Never);
}

#[test]
fn repetitions_are_written_out_by_time_and_spare_quiet_periods() {
    let scenario = parse(FULL);
    assert!(scenario.steps.is_sorted_by_key(|step| step.at));
    let crashes: Vec<u64> = scenario
        .steps
        .iter()
        .filter(|step| matches!(step.action, Action::Crash(_)))
        .map(|step| step.at.as_secs() / 60)
        .collect();
    // Twelve from 5m on; those from 10m to 14m fall in the quiet period.
    assert_eq!(crashes, [5, 6, 7, 8, 9, 14, 15, 16]);
}

#[test]
fn steps_know_their_line() {
    let scenario =
        parse("property = \"x\"\n\n[[step]]\nat = \"1s\"\ndo = { kill = { node = \"store\" } }");
    assert_eq!(scenario.steps.first().map(|step| step.line), Some(3));
}

#[test]
fn a_step_can_repeat_from_its_interval_on() {
    let scenario =
        parse("property = \"x\"\n[[step]]\nevery = \"4m\"\ndo = { crash = { node = \"store\" } }");
    let times: Vec<u64> = scenario
        .steps
        .iter()
        .map(|step| step.at.as_secs())
        .collect();
    assert_eq!(times, [240, 480]);
}

#[test]
fn the_undo_log_covers_what_steps_forget() {
    assert_eq!(parse(FULL).store.undo_window, seconds(8));
}

#[test]
fn selectors_are_told_apart() {
    let selectors: BTreeSet<String> = parse(FULL)
        .steps
        .iter()
        .filter_map(|step| step.action.selector())
        .map(|selector| match selector {
            Selector::One(key) => {
                assert!(IndexerKey::parse(key.as_str()).is_some());
                "one".to_owned()
            }
            other => other.to_string(),
        })
        .collect();
    assert_eq!(
        selectors.into_iter().collect::<Vec<_>>(),
        ["all", "one", "random"]
    );
}

#[test]
fn data_lies_beside_the_scenario() {
    let scenario = parse("property = \"x\"\n[data]\nblocks = \"lake\"\nregistry = \"../r.json\"");
    assert_eq!(
        scenario.data.blocks.as_deref(),
        Some(Path::new("folder/lake"))
    );
    assert_eq!(
        scenario.data.registry.as_deref(),
        Some(Path::new("folder/../r.json"))
    );
}

#[test]
fn nodes_that_come_back_can_be_killed_again() {
    parse(
        "property = \"x\"\n\
         [run]\nquiet = [{ at = \"5m\", for = \"1m\" }]\n\
         [[step]]\nat = \"10s\"\ndo = { crash = { node = \"runner\", down = \"5s\" } }\n\
         [[step]]\nat = \"15s\"\ndo = { kill = { node = \"runner\" } }\n\
         [[step]]\nat = \"6m\"\ndo = { kill = { node = \"runner\" } }\n\
         [[step]]\nat = \"7m\"\ndo = { crash_coordinator_at_effect = { k = 1 } }\n\
         [[step]]\nat = \"8m\"\ndo = { restart = { node = \"coordinator\" } }\n",
    );
}

#[test]
fn random_operations_leave_the_state_of_indexers_open() {
    let text = "property = \"x\"\n\
         [[indexer]]\naccount = \"a.near\"\nfunction = \"f\"\nregistered = \"never\"\n\
         [[step]]\nat = \"1s\"\ndo = { update = { indexer = \"a.near/f\" } }\n";
    assert!(Scenario::parse("f", text).is_err());
    parse(&format!("{text}[workload]\nregister = 1\n"));
}

#[test]
fn a_registry_file_may_declare_any_indexer() {
    parse(
        "property = \"x\"\n[data]\nregistry = \"r.json\"\n\
         [[step]]\nat = \"1s\"\ndo = { disable = { indexer = \"any.near/one\" } }\n",
    );
}

#[test]
fn knobs_are_checked_by_their_owner() {
    let check = |name: &str, value: &toml::Value| match (name, value.as_integer()) {
        ("budget", Some(0)) => Err("must be at least 1".to_owned()),
        _ => Ok(()),
    };
    let knobs = Knobs {
        names: &["budget", "tick"],
        check: &check,
    };
    let text = "property = \"x\"\n[coordinator]\nbudgt = 1\nbudget = 0\ntick = \"1s\"\n";
    let found = Scenario::parse_with("f", text, Some(knobs)).unwrap_err();
    let lines: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert_eq!(
        lines,
        [
            "f:3:1: error: unknown knob `budgt`; did you mean `budget`?",
            "f:4:10: error: knob `budget`: must be at least 1",
        ]
    );
}

#[test]
fn the_most_steps_are_accepted() {
    let text = "property = \"x\"\n[run]\nduration = \"10000s\"\n\
         [[step]]\nevery = \"1s\"\ndo = { store_fault = { kind = \"conflict\" } }";
    assert_eq!(parse(text).steps.len(), MOST_STEPS);
}

#[test]
fn files_that_cannot_be_read_are_named() {
    let missing = Path::new("no/such/file.toml");
    let found: Vec<Diagnostic> = Scenario::load(missing).unwrap_err();
    let text = found.first().map(ToString::to_string).unwrap_or_default();
    assert!(
        text.starts_with("no/such/file.toml: error: cannot read the scenario"),
        "{text}"
    );
    let folder = Scenario::load(Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap_err();
    assert_eq!(folder.len(), 1);
}
