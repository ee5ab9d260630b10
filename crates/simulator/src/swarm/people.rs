//! The indexers of a run: how many, whose, what they want, and since when.

use sim_node::Rng;
use toml::Value;

use super::draw::{count, millis, table, text, time, whole};
use super::profile::Group;
use super::{Plan, Shape};

/// Function names that have hurt somebody somewhere.
const ODD_FUNCTIONS: &[&str] = &[
    "a",
    "a/b",
    "a:state",
    "state",
    "block_stream",
    "last_published_block",
    "two words",
    "quo'te\"d",
    "Upper",
    "gr\u{fc}n",
    "*",
    "..",
    "new\nline",
];

/// Accounts that have hurt somebody somewhere.
const ODD_ACCOUNTS: &[&str] = &[
    "aa",
    "a-b_c.near",
    "a_b-c.near",
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
    "near",
    "x.y.z.w.near",
];

/// The most indexers of a run.
const MOST: u64 = 40;

/// All `[[indexer]]` of a run. `history` is how many heights the chain has behind it.
pub(super) fn indexers(plan: &Plan<'_>, shape: &Shape, history: u64) -> Vec<Value> {
    let mut rng = plan.stream("indexers");
    let wanted = count(&mut rng, 1, MOST);
    let accounts = match rng.chance(0.5) {
        true => wanted,
        false => count(&mut rng, 1, wanted),
    };
    let shares = [
        rng.chance(0.5).then(|| rng.unit()),
        rng.chance(0.5).then(|| rng.unit()),
    ];
    let [never, later] = shares.map(|share| share.unwrap_or(0.0));
    let odd = plan.is_on(Group::Names);
    let bad = plan.is_on(Group::Code);
    let mut taken = std::collections::BTreeSet::new();
    let mut indexers = Vec::new();
    for number in 0..wanted {
        let mut rng = plan.stream(&format!("indexer {number}"));
        let (account, function) = name(&mut rng, number, accounts, odd);
        if !taken.insert((account.clone(), function.clone())) {
            continue;
        }
        let mut entries = vec![("account", text(&account)), ("function", text(&function))];
        if rng.chance(never * 0.5) {
            entries.push(("registered", text("never")));
        } else if rng.chance(later) {
            let at = millis(&mut rng, 1, shape.duration * 3 / 4);
            entries.push(("registered", time(shape.in_a_storm(at))));
        }
        entries.extend(rule(&mut rng).map(|rule| ("rule", rule)));
        entries.extend(start(&mut rng, history).map(|start| ("start", start)));
        if bad {
            entries.extend(code(&mut rng).map(|code| ("code", code)));
            let broken = rng.chance(0.05);
            entries.extend(broken.then(|| ("schema", text("SYNTAX ERROR"))));
        }
        indexers.push(table(entries));
    }
    indexers
}

fn name(rng: &mut Rng, number: u64, accounts: u64, odd: bool) -> (String, String) {
    let owner = number % accounts.max(1);
    let mut account = format!("user{owner}.near");
    let mut function = format!("feed{number}");
    if odd && rng.chance(0.3) {
        account = rng.pick(ODD_ACCOUNTS).map_or(account, ToString::to_string);
    }
    if odd && rng.chance(0.3) {
        function = rng
            .pick(ODD_FUNCTIONS)
            .map_or(function, ToString::to_string);
    }
    (account, function)
}

fn rule(rng: &mut Rng) -> Option<Value> {
    if rng.chance(0.5) {
        return None;
    }
    let status = rng.pick(&["any", "success", "fail"]).copied();
    let status = ("status", text(status.unwrap_or("any")));
    let patterns = ["app0.near", "app1.near", "*.near", "app2.near, app3.near"];
    let affected = text(rng.pick(&patterns).copied().unwrap_or("app0.near"));
    let rule = match rng.below(8) {
        0 => {
            let entries = [
                ("contract", text("app0.near")),
                ("standard", text("nep171")),
                ("version", text("1.0.0")),
                ("event", text("mint")),
            ];
            ("event", table(entries))
        }
        1..=3 => {
            let function = rng.pick(&["*", "ft_*", "vote"]).copied().unwrap_or("*");
            let entries = [("affected", affected), ("function", text(function)), status];
            ("action_function_call", table(entries))
        }
        _ => ("action_any", table([("affected", affected), status])),
    };
    Some(table([rule]))
}

fn start(rng: &mut Rng, history: u64) -> Option<Value> {
    match rng.below(6) {
        0..=2 => None,
        3 => Some(text("continue")),
        4 => Some(table([("history", whole(count(rng, 1, history)))])),
        _ => {
            // Below the chain, within it, or ahead of it.
            let first = 100_000_000;
            Some(table([("height", whole(first + rng.below(history)))]))
        }
    }
}

fn code(rng: &mut Rng) -> Option<Value> {
    match rng.below(10) {
        0 => Some(text("throw new Error('always');")),
        1 | 2 => Some(text("throw_once")),
        _ => None,
    }
}
