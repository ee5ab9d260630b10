//! The faults of clocks, of whole machines and of several nodes.

use super::super::action::Action;
use super::super::diagnostic::Report;
use super::super::tree::Place;
use super::super::values::NodeName;
use super::super::wide::{ClockDrift, LoseNodes, Reorder, SlowNode, Swizzle};
use super::actions::{lasting, link};
use super::{positive, probability, range};

/// The clocks that anybody sees.
const CLOCKS: [NodeName; 2] = [NodeName::Coordinator, NodeName::BlockStreamer];

/// Checks an action of these by itself; others are none of its business.
pub(super) fn check(action: &Action, place: Place<'_>, report: &mut Report) {
    match action {
        Action::ClockSkew(step) | Action::ClockJump(step) => {
            clock(step.node, place, report);
            positive(report, place.at(&["by"]), "by", step.by);
            lasting(report, place, step.r#for);
        }
        Action::ClockDrift(drift) => clock_drift(drift, place, report),
        Action::SlowNode(slow) => slow_node(slow, place, report),
        Action::LoseNodes(lose) => lose_nodes(lose, place, report),
        Action::Swizzle(swizzle) => check_swizzle(swizzle, place, report),
        Action::Reorder(reorder) => check_reorder(reorder, place, report),
        _ => {}
    }
}

/// Notes a clock that nobody sees.
fn clock(node: NodeName, place: Place<'_>, report: &mut Report) {
    if !CLOCKS.contains(&node) {
        let help = "the clocks of `coordinator` and `block_streamer` can be wrong".to_owned();
        let message = format!("`{node}` tells nobody the time");
        report.add_with(place.at(&["node"]).span(), message, Some(help));
    }
}

fn clock_drift(drift: &ClockDrift, place: Place<'_>, report: &mut Report) {
    clock(drift.node, place, report);
    if !(0.1..=10.0).contains(&drift.rate) {
        let message = format!(
            "{} is no rate of a clock: it must be in 0.1..=10",
            drift.rate
        );
        report.add(place.at(&["rate"]).span(), message);
    }
    lasting(report, place, drift.r#for);
}

fn slow_node(slow: &SlowNode, place: Place<'_>, report: &mut Report) {
    range(report, place.at(&["by"]), slow.by);
    lasting(report, place, slow.r#for);
}

fn lose_nodes(lose: &LoseNodes, place: Place<'_>, report: &mut Report) {
    several(&lose.nodes, place, report);
    range(report, place.at(&["down"]), lose.down);
}

fn check_swizzle(swizzle: &Swizzle, place: Place<'_>, report: &mut Report) {
    if place.get("nodes").is_given() {
        several(&swizzle.nodes, place, report);
    }
    range(report, place.at(&["apart"]), swizzle.apart);
}

fn check_reorder(reorder: &Reorder, place: Place<'_>, report: &mut Report) {
    link(reorder.from, reorder.to, place, report);
    range(report, place.at(&["by"]), reorder.by);
    probability(report, place.at(&["probability"]), reorder.probability);
    lasting(report, place, reorder.r#for);
}

/// Notes a list of nodes that names fewer than two, or one of them twice.
fn several(nodes: &[NodeName], place: Place<'_>, report: &mut Report) {
    let place = place.at(&["nodes"]);
    if nodes.len() < 2 {
        report.add(place.span(), "`nodes` must name two nodes at least");
    }
    for (number, node) in nodes.iter().enumerate() {
        if nodes.iter().take(number).any(|earlier| earlier == node) {
            let place = place.at(&[&number.to_string()]);
            report.add(place.span(), format!("`{node}` is named twice"));
        }
    }
}
