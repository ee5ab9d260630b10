//! Things that happen once, at a time of their own.

use sim_node::Rng;
use toml::Value;

use super::draw::{count, millis, number, table, text, time, whole};
use super::profile::Group;
use super::{Plan, Shape};

/// The most of one family in one run.
const MOST: u64 = 2;

/// A family of disasters: its name, its group, and how one of each kind is made.
pub(super) type Disaster = (&'static str, Group, &'static [fn(&mut Rng) -> Value]);

/// One line per family. What has the store forget is one of them: if each kind were
/// there in half of the runs, hardly a run would keep its records.
pub(super) const DISASTERS: &[Disaster] = &[
    (
        "forgets",
        Group::StoreDisasters,
        &[
            |rng| {
                let window = time(millis(rng, 100, 30_000));
                store_fault("lose_tail", [("window", window)])
            },
            |rng| {
                let window = time(millis(rng, 100, 30_000));
                store_fault("failover", [("window", window)])
            },
            |_| store_fault("empty", []),
        ],
    ),
    (
        "read_only",
        Group::StoreDisasters,
        &[|rng| store_fault("read_only", [("for", time(long(rng)))])],
    ),
    (
        "oom",
        Group::StoreDisasters,
        &[|rng| store_fault("oom", [("for", time(long(rng)))])],
    ),
    (
        "garbage",
        Group::StoreDisasters,
        &[|rng| {
            let garbage = ["", "{", "null", "{\"lifecycle_state\":\"Nope\"}"];
            let value = text(rng.pick(&garbage).copied().unwrap_or("{"));
            let entries = [("indexer", text("random")), ("value", value)];
            action("corrupt_record", entries)
        }],
    ),
    (
        "crash_at_effect",
        Group::Crashes,
        &[|rng| {
            let entries = [
                ("k", whole(count(rng, 1, 200))),
                ("before", Value::Boolean(rng.chance(0.5))),
                ("down", time(millis(rng, 1, 60_000))),
            ];
            action("crash_coordinator_at_effect", entries)
        }],
    ),
    (
        "call_fault",
        Group::Calls,
        &[|rng| {
            let outcomes = [
                "refused",
                "error_before",
                "error_after",
                "answer_lost",
                "late",
                "duplicate",
                "hang",
                "half_open",
                "black_hole",
            ];
            let methods = [
                "*",
                "StartStream",
                "StopStream",
                "ListStreams",
                "StartExecutor",
                "StopExecutor",
                "ListExecutors",
                "StartProvisioningTask",
                "GetTaskStatus",
            ];
            let entries = [
                ("outcome", one_of(rng, &outcomes)),
                ("method", one_of(rng, &methods)),
                ("for", time(long(rng))),
                ("probability", Value::Float(number(rng, 0.05, 1.0))),
            ];
            action("call_fault", entries)
        }],
    ),
    (
        "registry_fault",
        Group::RegistryAnswers,
        &[|rng| {
            let kinds = [
                "null",
                "error",
                "rate_limited",
                "undecodable",
                "gas_limit",
                "empty",
                "drop_entries",
            ];
            let entries = [
                ("kind", one_of(rng, &kinds)),
                ("for", time(long(rng))),
                ("probability", Value::Float(number(rng, 0.1, 1.0))),
            ];
            action("registry_fault", entries)
        }],
    ),
    (
        "stale_registry",
        Group::RegistryAnswers,
        &[|rng| {
            let entries = [
                ("kind", text("stale")),
                ("for", time(long(rng))),
                ("lag", time(millis(rng, 1_000, 600_000))),
            ];
            action("registry_fault", entries)
        }],
    ),
    (
        "fetch_outage",
        Group::Tasks,
        &[|rng| action("fetch_outage", [("for", time(long(rng)))])],
    ),
    (
        "all_change",
        Group::Users,
        &[
            |_| action("update", [("indexer", text("all"))]),
            |_| action("delete", [("indexer", text("all"))]),
        ],
    ),
    (
        "all_switched",
        Group::Operators,
        &[
            |_| action("disable", [("indexer", text("all"))]),
            |_| action("enable", [("indexer", text("all"))]),
        ],
    ),
];

fn long(rng: &mut Rng) -> u64 {
    millis(rng, 10, 3_600_000)
}

fn one_of(rng: &mut Rng, texts: &[&str]) -> Value {
    text(rng.pick(texts).copied().unwrap_or_default())
}

fn action<const N: usize>(name: &str, entries: [(&str, Value); N]) -> Value {
    table([(name, table(entries))])
}

fn store_fault<const N: usize>(kind: &str, entries: [(&str, Value); N]) -> Value {
    let kind = [("kind", text(kind))];
    table([("store_fault", table(kind.into_iter().chain(entries)))])
}

/// All `[[step]]` of a run, by time.
pub(super) fn steps(plan: &Plan<'_>, shape: &Shape) -> Vec<Value> {
    let mut steps: Vec<(u64, Value)> = Vec::new();
    for (name, group, kinds) in DISASTERS {
        if !plan.has(*group, name) {
            continue;
        }
        let mut rng = plan.stream(&format!("{name} times"));
        for nth in 0..count(&mut rng, 1, MOST) {
            let mut rng = plan.stream(&format!("{name} {nth}"));
            // Early, while everything begins, or at any time.
            let at = match rng.chance(0.5) {
                true => millis(&mut rng, 1_000, shape.duration),
                false => rng.below(shape.duration),
            };
            let at = shape.in_a_storm(at);
            if let Some(make) = rng.pick(kinds) {
                steps.push((at, make(&mut rng)));
            }
        }
    }
    steps.sort_by_key(|(at, _)| *at);
    let step = |(at, what)| table([("at", time(at)), ("do", what)]);
    steps.into_iter().map(step).collect()
}

/// The family of a step that was made here.
#[cfg(test)]
pub(super) fn family_of(step: &Value) -> Option<&'static str> {
    let (action, of) = step.get("do")?.as_table()?.iter().next()?;
    let kind = of.get("kind").and_then(Value::as_str).unwrap_or_default();
    Some(match (action.as_str(), kind) {
        ("store_fault", "lose_tail" | "failover" | "empty") => "forgets",
        ("store_fault", "read_only") => "read_only",
        ("store_fault", "oom") => "oom",
        ("corrupt_record", _) => "garbage",
        ("crash_coordinator_at_effect", _) => "crash_at_effect",
        ("call_fault", _) => "call_fault",
        ("registry_fault", "stale") => "stale_registry",
        ("registry_fault", _) => "registry_fault",
        ("fetch_outage", _) => "fetch_outage",
        ("update" | "delete", _) => "all_change",
        ("disable" | "enable", _) => "all_switched",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_an_action_of_the_language() {
        let kinds = DISASTERS.iter().flat_map(|(_, _, kinds)| kinds.iter());
        for (nth, make) in kinds.enumerate() {
            for seed in 0..20 {
                let what = make(&mut Rng::new(seed, "kind"));
                let step = table([("at", time(1_000)), ("do", what)]);
                let indexer = [("account", text("a.near")), ("function", text("f"))];
                let scenario = table([
                    ("property", text("p")),
                    ("indexer", Value::Array(vec![table(indexer)])),
                    ("step", Value::Array(vec![step])),
                ]);
                let text = toml::to_string(&scenario).expect("it can be written");
                let found = crate::scenario::Scenario::parse("kind", &text);
                assert!(found.is_ok(), "{nth}: {:?}", found.err());
            }
        }
    }
}
