//! Things that happen once, at a time of their own.

use sim_node::Rng;
use toml::Value;

use super::draw::{count, millis, number, table, text, time, whole};
use super::profile::Family;
use super::{Plan, Shape};

/// The most of them in one run.
const MOST: u64 = 6;

/// A kind of disaster: the family it belongs to, and how one of it is made.
type Kind = (Family, fn(&mut Rng) -> Value);

/// One line per kind.
const KINDS: &[Kind] = &[
    (Family::StoreDisasters, |rng| {
        let window = time(millis(rng, 100, 30_000));
        store_fault("lose_tail", [("window", window)])
    }),
    (Family::StoreDisasters, |rng| {
        let window = time(millis(rng, 100, 30_000));
        store_fault("failover", [("window", window)])
    }),
    (Family::StoreDisasters, |_| store_fault("empty", [])),
    (Family::StoreDisasters, |rng| {
        store_fault("read_only", [("for", time(long(rng)))])
    }),
    (Family::StoreDisasters, |rng| {
        store_fault("oom", [("for", time(long(rng)))])
    }),
    (Family::StoreDisasters, |rng| {
        let garbage = ["", "{", "null", "{\"lifecycle_state\":\"Nope\"}"];
        let value = text(rng.pick(&garbage).copied().unwrap_or("{"));
        let entries = [("indexer", text("random")), ("value", value)];
        action("corrupt_record", entries)
    }),
    (Family::Crashes, |rng| {
        let entries = [
            ("k", whole(count(rng, 1, 200))),
            ("before", Value::Boolean(rng.chance(0.5))),
            ("down", time(millis(rng, 1, 60_000))),
        ];
        action("crash_coordinator_at_effect", entries)
    }),
    (Family::Calls, |rng| {
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
    }),
    (Family::RegistryAnswers, |rng| {
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
    }),
    (Family::RegistryAnswers, |rng| {
        let entries = [
            ("kind", text("stale")),
            ("for", time(long(rng))),
            ("lag", time(millis(rng, 1_000, 600_000))),
        ];
        action("registry_fault", entries)
    }),
    (Family::Tasks, |rng| {
        action("fetch_outage", [("for", time(long(rng)))])
    }),
    (Family::Users, |_| {
        action("update", [("indexer", text("all"))])
    }),
    (Family::Users, |_| {
        action("delete", [("indexer", text("all"))])
    }),
    (Family::Operators, |_| {
        action("disable", [("indexer", text("all"))])
    }),
    (Family::Operators, |_| {
        action("enable", [("indexer", text("all"))])
    }),
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
    let possible: Vec<&Kind> = KINDS.iter().filter(|(of, _)| plan.is_on(*of)).collect();
    let mut rng = plan.stream("steps");
    let wanted = match rng.chance(0.5) {
        true => count(&mut rng, 1, MOST),
        false => 0,
    };
    let mut steps: Vec<(u64, Value)> = Vec::new();
    for nth in 0..wanted {
        let mut rng = plan.stream(&format!("step {nth}"));
        let at = shape.in_a_storm(millis(&mut rng, 1_000, shape.duration));
        if let Some((_, make)) = rng.pick(&possible) {
            steps.push((at, make(&mut rng)));
        }
    }
    steps.sort_by_key(|(at, _)| *at);
    let step = |(at, what)| table([("at", time(at)), ("do", what)]);
    steps.into_iter().map(step).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_an_action_of_the_language() {
        for (nth, (_, make)) in KINDS.iter().enumerate() {
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
