//! Swarms: whole scenarios made from a seed.
//!
//! A profile and a seed give one complete scenario as text: how many indexers,
//! what they want, which faults at which rates, how long everything lasts, where
//! each knob of the coordinator stands. The text is read like any other scenario,
//! can be saved and changed. Each family of faults, each operation and each knob is
//! off in half of the runs, because much is only found while something else does not
//! happen; what is related is off, or on, as a whole in some of them.
//!
//! Every value has a random stream of its own, named by its key: another line in
//! a table shifts no other value. To add a key, write its line into
//! [`table::KEYS`](table) or, if it is one of a kind that happens once, into the
//! list of `disasters`.

mod disasters;
mod draw;
mod over;
mod people;
mod plan;
mod profile;
mod shape;
mod table;

#[cfg(test)]
mod tests;

use std::time::Duration;

use toml::{Table, Value};

pub use over::Override;
pub use profile::{Group, PROFILES, Profile};

use crate::run::knobs::{Field, KNOBS, Knob};
use draw::{Draw, text, whole};
use plan::Plan;
use shape::Shape;

/// The text of the scenario that `profile` and `seed` make.
pub fn scenario(profile: &Profile, seed: u64) -> Table {
    let plan = Plan { profile, seed };
    let mut root = Table::new();
    let property = format!(
        "Whatever seed {seed} of the swarm `{}` does at once, nothing unsafe happens, and what \
         can converge does",
        profile.name
    );
    root.insert("property".to_owned(), text(&property));
    let defends = ["S1", "S2", "S4", "S6", "S8", "S9", "S12", "S15", "S17"];
    let defends = defends.into_iter().chain(["L1", "L2", "L3", "P1", "P3"]);
    let defends = defends.map(text).collect();
    root.insert("defends".to_owned(), Value::Array(defends));

    let shape = Shape::draw(&plan);
    for (path, value) in shape.entries() {
        put(&mut root, path, value);
    }
    for (family, keys) in table::families(profile) {
        for key in plan.members(family, &keys) {
            let mut rng = plan.stream(&format!("{} value", key.path));
            put(&mut root, key.path, key.draw.value(&mut rng));
        }
    }
    for knob in KNOBS {
        turn(&plan, knob, &mut root);
    }
    let mut rng = plan.stream("chain.history");
    let history = draw::count(&mut rng, 1, 1_500);
    put(&mut root, "chain.history", whole(history));
    let indexers = people::indexers(&plan, &shape, history);
    root.insert("indexer".to_owned(), Value::Array(indexers));
    let steps = disasters::steps(&plan, &shape);
    if !steps.is_empty() {
        root.insert("step".to_owned(), Value::Array(steps));
    }
    if let Some((path, value)) = table::enliven(&plan, &shape, &root) {
        put(&mut root, path, value);
    }
    relate(&mut root);
    root
}

/// As text, as a scenario file has it.
pub fn render(scenario: &Table) -> String {
    // A table of plain values can always be written.
    toml::to_string(scenario).unwrap_or_default()
}

/// Turns a knob, in half of the runs.
fn turn(plan: &Plan<'_>, knob: &Knob, root: &mut Table) {
    let path = format!("coordinator.{}", knob.name);
    if !plan.has(Group::Knobs, &path) {
        return;
    }
    let range = match plan.is_on(Group::ExtremeKnobs) {
        true => knob.extreme,
        false => knob.sane,
    };
    let draw = match knob.field {
        Field::Time(_) => Draw::Time(range.0, range.1),
        Field::Number(_) | Field::Size(_) => Draw::Count(range.0, range.1),
        Field::Share(_) => Draw::Number(range.0 as f64 / 1_000.0, range.1 as f64 / 1_000.0),
    };
    let mut rng = plan.stream(&format!("{path} value"));
    put(root, &path, draw.value(&mut rng));
}

/// Writes a value under a path with dots, making tables on the way.
fn put(root: &mut Table, path: &str, value: Value) {
    let mut here = root;
    let mut keys = path.split('.').peekable();
    while let Some(key) = keys.next() {
        if keys.peek().is_none() {
            here.insert(key.to_owned(), value);
            return;
        }
        let next = here
            .entry(key.to_owned())
            .or_insert_with(|| Value::Table(Table::new()));
        let Value::Table(next) = next else { return };
        here = next;
    }
}

/// Makes times longer that are too short beside others.
fn relate(root: &mut Table) {
    for (shorter, times, longer) in table::RELATIONS {
        let (Some(least), Some(now)) = (time_of(root, shorter), time_of(root, longer)) else {
            continue;
        };
        let least = least.mul_f64(*times);
        if now < least {
            let millis = u64::try_from(least.as_millis()).unwrap_or(u64::MAX);
            put(root, longer, draw::time(millis));
        }
    }
}

/// Whether no time of `scenario` is too short beside others: all swarms are so, and
/// what is made of one shall stay so.
pub fn is_related(scenario: &Table) -> bool {
    let mut longer = scenario.clone();
    relate(&mut longer);
    longer == *scenario
}

/// A time of the scenario, the upper end if it is a range; its default if it is
/// not given.
fn time_of(root: &Table, path: &str) -> Option<Duration> {
    let given = find(root, path).and_then(longest);
    given.or_else(|| find(&defaults()?, path).and_then(longest))
}

fn longest(value: &Value) -> Option<Duration> {
    match value {
        Value::String(text) => humantime::parse_duration(text).ok(),
        Value::Array(ends) => ends.last().and_then(longest),
        _ => None,
    }
}

fn find<'a>(root: &'a Table, path: &str) -> Option<&'a Value> {
    let (key, rest) = match path.split_once('.') {
        Some((key, rest)) => (key, Some(rest)),
        None => (path, None),
    };
    let value = root.get(key)?;
    match rest {
        Some(rest) => find(value.as_table()?, rest),
        None => Some(value),
    }
}

/// The times that stand where a scenario says nothing.
fn defaults() -> Option<Table> {
    let nodes = crate::scenario::Nodes::default();
    let mut root = Table::new();
    let configs = [
        ("block_streamer", Value::try_from(nodes.block_streamer)),
        ("executor", Value::try_from(nodes.executor)),
        ("provisioner", Value::try_from(nodes.provisioner)),
    ];
    for (name, config) in configs {
        put(&mut root, &format!("nodes.{name}"), config.ok()?);
    }
    let mut knobs = coordinator::Knobs::default();
    for knob in KNOBS {
        if let Field::Time(of) = knob.field {
            let time = humantime::format_duration(*of(&mut knobs)).to_string();
            put(
                &mut root,
                &format!("coordinator.{}", knob.name),
                text(&time),
            );
        }
    }
    let latency = crate::scenario::Net::default().latency.high;
    let latency = humantime::format_duration(latency).to_string();
    put(&mut root, "net.latency", text(&latency));
    Some(root)
}
