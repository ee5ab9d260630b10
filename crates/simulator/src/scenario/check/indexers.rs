//! `[[indexer]]`: names, copies, configuration.

use std::collections::BTreeSet;

use sim_node::IndexerKey;

use super::super::diagnostic::Report;
use super::super::schema::IndexerEntry;
use super::super::tree::Place;
use super::super::values::{Registered, RuleSpec, StartSpec};
use super::super::{Indexer, MOST_INDEXERS, Scenario};
use super::{Checked, limited, shown};

/// What stands for the number of a copy.
const NUMBER: &str = "{n}";
/// Longer function names than this can only be a slip.
const LONGEST_FUNCTION: usize = 1_000;

/// Checks the entries and writes their copies into the scenario.
pub(super) fn expand(scenario: &mut Scenario, found: &Checked<'_>, report: &mut Report) {
    let mut names = BTreeSet::new();
    for (entry, place) in &found.indexers {
        check_entry(scenario, entry, *place, found.whole, report);
        let room = (MOST_INDEXERS - scenario.indexers.len()) as u64;
        if entry.count > room {
            let message = format!("there are more than {MOST_INDEXERS} indexers");
            report.add(place.at(&["count"]).span(), message);
        }
        // Copies without a number of their own have been reported.
        let copies = if is_numbered(entry) {
            entry.count
        } else {
            entry.count.min(1)
        };
        for number in 0..copies.min(room) {
            let key = name_of(entry, number);
            if !names.insert(key.clone()) {
                report.add(
                    place.at(&["function"]).span(),
                    format!("`{key}` is declared twice"),
                );
                // The other copies are most likely doubles too.
                break;
            }
            scenario.indexers.push(Indexer {
                key,
                registered: entry.registered,
                rule: entry.rule.clone(),
                start: entry.start,
                code: entry.code.clone(),
                schema: entry.schema.clone(),
            });
        }
    }
}

fn check_entry(
    scenario: &Scenario,
    entry: &IndexerEntry,
    place: Place<'_>,
    whole: bool,
    report: &mut Report,
) {
    if entry.count == 0 {
        report.add(place.at(&["count"]).span(), "`count` must be at least 1");
    }
    if entry.count > 1 && !is_numbered(entry) {
        let message = format!("{} copies would have one name", entry.count);
        let help = format!("write {NUMBER} in `account` or `function`");
        report.add_with(place.at(&["count"]).span(), message, Some(help));
    }
    // The last copy has the longest name.
    let last = name_of(entry, entry.count.saturating_sub(1));
    if !is_account(last.account()) {
        let message = format!("`{}` is no NEAR account", entry.account);
        let help = "expected 2 to 64 of a-z and 0-9, joined by single `.`, `-` or `_`".to_owned();
        report.add_with(place.at(&["account"]).span(), message, Some(help));
    }
    if entry.function.len() > LONGEST_FUNCTION {
        let message = format!("`function` is longer than {LONGEST_FUNCTION} bytes");
        report.add(place.at(&["function"]).span(), message);
    }
    if let Registered::At(at) = entry.registered {
        let place = place.at(&["registered"]);
        limited(report, place, at);
        if at > scenario.run.duration {
            let message = format!(
                "`registered` is after the end of the run ({})",
                shown(scenario.run.duration)
            );
            report.add(place.span(), message);
        }
    }
    rule(report, place.at(&["rule"]), &entry.rule);
    if whole {
        start(report, place.at(&["start"]), entry.start, scenario);
    }
}

fn is_numbered(entry: &IndexerEntry) -> bool {
    entry.account.contains(NUMBER) || entry.function.contains(NUMBER)
}

/// Checks the rule of an indexer or of a new version.
pub(super) fn rule(report: &mut Report, place: Place<'_>, rule: &RuleSpec) {
    let (kind, fields): (&str, Vec<(&str, &str)>) = match rule {
        RuleSpec::ActionAny { affected, .. } => ("action_any", vec![("affected", affected)]),
        RuleSpec::ActionFunctionCall {
            affected, function, ..
        } => (
            "action_function_call",
            vec![("affected", affected), ("function", function)],
        ),
        RuleSpec::Event { contract, .. } => ("event", vec![("contract", contract)]),
    };
    for (name, value) in fields {
        if value.trim().is_empty() {
            report.add(place.at(&[kind, name]).span(), format!("`{name}` is empty"));
        }
    }
}

/// Checks the start block of an indexer or of a new version.
pub(super) fn start(report: &mut Report, place: Place<'_>, start: StartSpec, scenario: &Scenario) {
    let StartSpec::History(blocks) = start else {
        return;
    };
    let history = scenario.chain.history;
    if scenario.data.blocks.is_none() && blocks > history {
        let message = format!("the chain has only {history} heights behind it at the start");
        let help = "raise `history` in [chain]".to_owned();
        report.add_with(place.at(&["history"]).span(), message, Some(help));
    }
}

fn name_of(entry: &IndexerEntry, number: u64) -> IndexerKey {
    let number = number.to_string();
    IndexerKey::new(
        &entry.account.replace(NUMBER, &number),
        &entry.function.replace(NUMBER, &number),
    )
}

/// The registry contract's syntax of account ids.
fn is_account(text: &str) -> bool {
    let letter = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let joiner = |byte: &u8| matches!(byte, b'.' | b'-' | b'_');
    (2..=64).contains(&text.len())
        && text.bytes().all(|byte| letter(&byte) || joiner(&byte))
        && text.split(['.', '-', '_']).all(|run| !run.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_follow_the_contract() {
        for good in ["aa", "alice.near", "a-b_c.near", &"a".repeat(64)] {
            assert!(is_account(good), "{good}");
        }
        for bad in [
            "",
            "a",
            "Alice.near",
            ".near",
            "a..b",
            "a-",
            "a/b",
            "\u{e4}\u{e4}",
            &"a".repeat(65),
        ] {
            assert!(!is_account(bad), "{bad}");
        }
    }
}
