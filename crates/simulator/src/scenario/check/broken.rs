//! `broken` in `[run]`.

use std::collections::BTreeSet;

use super::super::diagnostic::Report;
use super::super::tree::Place;
use super::super::{Breakage, NodeName, Scenario};
use super::actions;

/// Checks what stays broken; `place` is the list.
pub(super) fn check(scenario: &Scenario, place: Place<'_>, whole: bool, report: &mut Report) {
    let mut nodes = BTreeSet::new();
    for (index, broken) in scenario.run.broken.iter().enumerate() {
        let place = place.at(&[&index.to_string()]);
        let (wanted, other) = match broken.is.is_of_nodes() {
            true => ("node", "indexer"),
            false => ("indexer", "node"),
        };
        let given = [
            ("node", broken.node.is_some()),
            ("indexer", broken.indexer.is_some()),
        ];
        let is_given = |name: &str| given.iter().any(|(key, is)| *key == name && *is);
        if !is_given(wanted) {
            let help = format!("this befalls {}: say which", one(wanted));
            report.add_with(place.span(), format!("missing key `{wanted}`"), Some(help));
        }
        if is_given(other) {
            let message = format!("this befalls {}, not {}", one(wanted), one(other));
            report.add(place.at(&[other]).span(), message);
        }
        if let Some(node) = broken.node {
            if node == NodeName::Coordinator {
                let message = "without the coordinator nothing can be expected";
                report.add(place.at(&["node"]).span(), message);
            } else if broken.is == Breakage::Stale && node != NodeName::Registry {
                let message = "only the registry can be stale";
                report.add(place.at(&["is"]).span(), message);
            }
            if !nodes.insert(node) {
                let message = format!("`{node}` is broken already");
                report.add(place.at(&["node"]).span(), message);
            }
        }
        if let Some(selector) = broken.indexer.as_ref().filter(|_| whole) {
            actions::known(scenario, selector, place.at(&["indexer"]), report);
        }
    }
}

/// With its article.
fn one(what: &str) -> String {
    let article = if what.starts_with('i') { "an" } else { "a" };
    format!("{article} {what}")
}
