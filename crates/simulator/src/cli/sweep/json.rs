//! A sweep for programs: a line for each plan that failed, and one for all.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::super::exit::Exit;
use super::super::failure;
use super::super::outcome::Outcome;
use super::super::summary::{Failure, Summary};
use super::tally::Share;
use crate::report::{RunReport, SCHEMA_VERSION};

/// The report of one plan.
#[derive(Serialize)]
struct Line<'a> {
    plan: String,
    command: String,
    #[serde(flatten)]
    report: &'a RunReport,
}

/// The report of a run with a plan, as one line of JSON.
///
/// # Errors
/// Never: it holds nothing that JSON cannot.
pub fn line(outcome: &Outcome) -> serde_json::Result<String> {
    serde_json::to_string(&Line {
        plan: outcome
            .job
            .plan()
            .map_or_else(String::new, ToString::to_string),
        command: failure::command(&outcome.job),
        report: &outcome.report,
    })
}

/// What one scenario came to.
#[derive(Serialize)]
pub struct Row<'a> {
    /// The scenario.
    pub scenario: &'a str,
    /// Places where a fault can be put.
    pub sites: u64,
    /// Plans.
    pub plans: u64,
    /// Plans that were run now.
    pub runs: u64,
    /// Plans that had passed before.
    pub runs_before: u64,
    /// Plans of which not every site came up.
    pub missed: u64,
    /// Plans that failed.
    pub failed: u64,
}

/// The whole sweep.
#[derive(Serialize)]
struct Total<'a> {
    schema_version: u32,
    kind: &'static str,
    commit: &'a str,
    runs: u64,
    failed: u64,
    wall_micros: u64,
    exit_code: u8,
    scenarios: &'a [Row<'a>],
    left_out: BTreeMap<String, u64>,
    failures: Vec<Failure<'a>>,
}

/// The whole sweep as one line of JSON.
///
/// # Errors
/// Never: it holds nothing that JSON cannot.
pub fn summary(
    rows: &[Row<'_>],
    shares: &[Share<'_>],
    runs: &Summary,
    commit: &str,
    wall: Duration,
    exit: Exit,
) -> serde_json::Result<String> {
    let mut left_out: BTreeMap<String, u64> = BTreeMap::new();
    let reasons = shares.iter().flat_map(|share| &share.plans.left_out);
    for (reason, count) in reasons.filter(|(_, count)| **count > 0) {
        *left_out.entry(reason.to_string()).or_default() += count;
    }
    serde_json::to_string(&Total {
        schema_version: SCHEMA_VERSION,
        kind: "summary",
        commit,
        runs: runs.runs(),
        failed: runs.failures.count(),
        wall_micros: u64::try_from(wall.as_micros()).unwrap_or(u64::MAX),
        exit_code: exit.code(),
        scenarios: rows,
        left_out,
        failures: runs.alike(),
    })
}
