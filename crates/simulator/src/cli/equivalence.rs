//! Restart equivalence: wherever the coordinator crashes, its next life leaves
//! behind what an undisturbed one would have.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use sim_node::Rng;

use super::Context;
use super::args;
use super::exit::Exit;
use super::failure;
use super::figures;
use super::given::Given;
use super::out::{Out, green, red};
use super::outcome::{CrashPoint, Job, Outcome};
use super::pool::Pool;
use super::progress::Progress;
use super::summary::Summary;
use crate::report::{RunReport, Verdict, Violation};
use crate::scenario::Scenario;

/// The id of the property.
pub const ORACLE: &str = "L6";
/// Failures of one kind that are named; more are only counted.
const MOST_ALIKE: u64 = 10;

/// Whether a scenario says that it defends restart equivalence.
pub fn is_defended_by(scenario: &Scenario) -> bool {
    scenario.defends.iter().any(|oracle| oracle == ORACLE)
}

/// Runs one job. If its scenario defends restart equivalence and the run passed,
/// the same follows with a crash at an effect that depends on the seed; should
/// that go wrong, it is what comes out. Nothing does if all is to end.
pub fn run(pool: &Pool, job: Job) -> Option<Outcome> {
    let plain = pool.run(job)?;
    if !plain.job.given.defends_equivalence || !plain.passed() {
        return Some(plain);
    }
    let Some(crash) = choose(plain.job.seed, plain.report.effects) else {
        return Some(plain);
    };
    let crashed = pool.run(crashing(&plain.job, crash))?;
    let crashed = judge(&plain.report, crashed);
    Some(if crashed.passed() { plain } else { crashed })
}

/// The crash that a seed gets in a run of that many effects, if it has any.
fn choose(seed: u64, effects: u64) -> Option<CrashPoint> {
    let mut rng = Rng::new(seed, "restart equivalence");
    (effects > 0).then(|| CrashPoint {
        effect: 1 + rng.below(effects),
        before: rng.chance(0.5),
    })
}

/// The same run with a crash.
fn crashing(job: &Job, crash: CrashPoint) -> Job {
    Job {
        crash: Some(crash),
        trace_to: None,
        ..job.clone()
    }
}

/// An indexer of which two runs left behind different things.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Which.
    pub indexer: String,
    /// What the undisturbed run left behind.
    pub plain: String,
    /// What the other one did.
    pub other: String,
}

/// What an operator sees of an end. How far an indexer had come before it was
/// switched off is no part of that: a fault may have kept it from starting.
fn essence(text: &str) -> &str {
    let suspended = r#"record "Suspended" enabled false"#;
    match text.starts_with(suspended) {
        true => suspended,
        false => text,
    }
}

/// Where two end states differ, by indexer.
pub fn differences(
    plain: &BTreeMap<String, String>,
    crashed: &BTreeMap<String, String>,
) -> Vec<Difference> {
    let text = |state: &BTreeMap<String, String>, indexer: &String| {
        state
            .get(indexer)
            .map_or_else(|| "nothing".to_owned(), Clone::clone)
    };
    let only_crashed = crashed.keys().filter(|name| !plain.contains_key(*name));
    let mut indexers: Vec<&String> = plain.keys().chain(only_crashed).collect();
    indexers.sort();
    let all = indexers.into_iter().map(|indexer| Difference {
        indexer: indexer.clone(),
        plain: text(plain, indexer),
        other: text(crashed, indexer),
    });
    all.filter(|one| essence(&one.plain) != essence(&one.other))
        .collect()
}

/// What went wrong, in words.
fn violation(crash: CrashPoint, found: &[Difference]) -> Option<Violation> {
    let first = found.first()?;
    let evidence = found.iter().flat_map(|one| {
        [
            format!("{} undisturbed: {}", one.indexer, one.plain),
            format!("{} after the crash: {}", one.indexer, one.other),
        ]
    });
    Some(Violation {
        oracle: ORACLE.to_owned(),
        sentence: format!(
            "a crash of the coordinator {crash} changes what becomes of {}: undisturbed it ends \
             as [{}], after the crash as [{}]",
            first.indexer, first.plain, first.other
        ),
        at: String::new(),
        evidence: evidence.collect(),
    })
}

/// The outcome of a run with a crash, once it is compared with the undisturbed
/// run. A run that failed by itself stays as it is.
pub fn judge(plain: &RunReport, mut crashed: Outcome) -> Outcome {
    let Some(crash) = crashed.job.crash.filter(|_| crashed.passed()) else {
        return crashed;
    };
    let found = differences(&plain.end_state, &crashed.report.end_state);
    if let Some(violation) = violation(crash, &found) {
        crashed.report.violation = Some(violation);
        crashed.report.verdict = Verdict::Liveness;
        crashed.exit = Exit::Liveness;
    }
    crashed
}

/// Crashes the coordinator at each effect of a run and compares how it ends.
pub fn command(arguments: &args::Equivalence, context: &mut Context) -> Exit {
    let ready = context
        .load(&arguments.scenarios)
        .and_then(|givens| Ok((givens, context.pool(&arguments.pace)?)));
    let (givens, pool) = match ready {
        Ok(ready) => ready,
        Err(exit) => return exit,
    };
    let givens = match planted(givens, arguments.planted.as_deref(), context) {
        Ok(givens) => givens,
        Err(exit) => return exit,
    };
    let plain = match undisturbed(&givens, arguments.seed, &pool, context) {
        Ok(plain) => plain,
        Err(exit) => return exit,
    };
    let jobs = match plan(&plain, arguments) {
        Ok(jobs) => jobs,
        Err(message) => {
            context.out.error(&message);
            return Exit::Usage;
        }
    };
    if jobs.is_empty() {
        context.out.error("there was nothing to run");
        return Exit::NothingRan;
    }
    let mut tally = Tally::new(&givens);
    let mut progress = Progress::new(Some(jobs.len() as u64), None, &mut context.out);
    let mut rest = jobs.into_iter();
    let out = &mut context.out;
    pool.each_with(
        |pool, job| {
            let before = plain.get(&job.place)?;
            Some(judge(&before.report, pool.run(job)?))
        },
        || rest.next(),
        |outcome| {
            tally.add(&outcome, out);
            progress.advance(&outcome, &tally.summary, out);
            ControlFlow::Continue(())
        },
    );
    progress.finish(out);
    if context.stop.is_interrupted() {
        context.out.talk("interrupted");
        return Exit::Interrupted;
    }
    for (place, outcome) in &plain {
        context.out.data(&tally.line(*place, outcome));
    }
    context.out.data(&tally.totals());
    tally.summary.exit()
}

/// The same with a bug planted, if one is named.
fn planted(
    givens: Vec<Arc<Given>>,
    bug: Option<&str>,
    context: &mut Context,
) -> Result<Vec<Arc<Given>>, Exit> {
    let Some(bug) = bug else {
        return Ok(givens);
    };
    match super::one::marked(bug) {
        Ok(mark) => context.out.talk(&mark),
        Err(message) => {
            context.out.error(&message);
            return Err(Exit::Usage);
        }
    }
    let with = |given: &Arc<Given>| {
        Arc::new(Given {
            planted: Some(bug.to_owned()),
            ..Given::clone(given)
        })
    };
    Ok(givens.iter().map(with).collect())
}

/// One run of each scenario without a crash, by place. All must pass.
fn undisturbed(
    givens: &[Arc<Given>],
    seed: u64,
    pool: &Pool,
    context: &mut Context,
) -> Result<BTreeMap<usize, Outcome>, Exit> {
    let jobs = givens.iter().enumerate().map(|(place, given)| Job {
        given: Arc::clone(given),
        place,
        seed,
        trace_to: None,
        crash: None,
        sweeping: None,
    });
    all_pass(jobs, pool, context)
}

/// The outcomes of runs that must all pass, by place; what does not is shown.
///
/// # Errors
/// Some did not pass, or the user wanted to end it.
pub fn all_pass(
    jobs: impl Iterator<Item = Job> + Send,
    pool: &Pool,
    context: &mut Context,
) -> Result<BTreeMap<usize, Outcome>, Exit> {
    let mut rest = jobs;
    let mut found = BTreeMap::new();
    pool.each(
        || rest.next(),
        |outcome| {
            found.insert(outcome.job.place, outcome);
            ControlFlow::Continue(())
        },
    );
    if context.stop.is_interrupted() {
        context.out.talk("interrupted");
        return Err(Exit::Interrupted);
    }
    let mut worst = Exit::Passed;
    let commit = failure::commit();
    for outcome in found.values().filter(|outcome| !outcome.passed()) {
        context.out.data(&failure::describe(outcome, &commit));
        worst = worst.max(outcome.exit);
    }
    match worst {
        Exit::Passed => Ok(found),
        _ => Err(worst),
    }
}

/// All runs with a crash: at the effect asked for, or at each one, before it and
/// after it.
///
/// # Errors
/// A run does not have the effect asked for.
fn plan(
    plain: &BTreeMap<usize, Outcome>,
    arguments: &args::Equivalence,
) -> Result<Vec<Job>, String> {
    let mut jobs = Vec::new();
    for outcome in plain.values() {
        let effects = outcome.report.effects;
        let mut add = |effect, before| {
            jobs.push(crashing(&outcome.job, CrashPoint { effect, before }));
        };
        match arguments.effect.map(u64::from) {
            Some(effect) if effect > effects => {
                return Err(format!(
                    "{} with seed {} has {effects} effects, {effect} is not one of them",
                    outcome.report.scenario, outcome.report.seed
                ));
            }
            Some(effect) => add(effect, arguments.before),
            None => {
                for effect in 1..=effects {
                    add(effect, true);
                    add(effect, false);
                }
            }
        }
    }
    Ok(jobs)
}

/// What all crash points come to.
struct Tally {
    summary: Summary,
    commit: String,
    differ: u64,
}

impl Tally {
    fn new(givens: &[Arc<Given>]) -> Tally {
        Tally {
            summary: Summary::new(givens),
            commit: failure::commit(),
            differ: 0,
        }
    }

    /// Adds a run with a crash, and shows it if it failed: the first one of its
    /// kind at length.
    fn add(&mut self, outcome: &Outcome, out: &mut Out) {
        let is_news = self.summary.add(outcome);
        if outcome.passed() {
            return;
        }
        self.differ += u64::from(outcome.oracle() == ORACLE);
        if is_news {
            out.data(&failure::describe(outcome, &self.commit));
        } else if self.summary.failures.alike(outcome) <= MOST_ALIKE {
            out.data(&format!(
                "again: {} by\n{}",
                outcome.verdict(),
                failure::command(&outcome.job)
            ));
        }
    }

    /// What the crash points of one scenario come to.
    fn line(&self, place: usize, plain: &Outcome) -> String {
        let (points, failed) = self.summary.of(place);
        let verdict = match failed {
            0 => green("same"),
            _ => red(&format!("{} of them failed", figures::count(failed))),
        };
        format!(
            "{} with seed {}: {} crash points, {verdict}",
            plain.report.scenario,
            plain.report.seed,
            figures::count(points)
        )
    }

    fn totals(&self) -> String {
        let others = self.summary.failures.count() - self.differ;
        let others = match others {
            0 => String::new(),
            _ => format!(", {} failed otherwise", figures::count(others)),
        };
        format!(
            "{} crash points, {} differ{others}",
            figures::count(self.summary.runs()),
            figures::count(self.differ)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::super::outcome::tests::outcome;
    use super::*;

    fn ended(states: &[(&str, &str)]) -> Outcome {
        let mut outcome = outcome("x.toml", 7, Exit::Passed, "");
        let states = states.iter().map(|(name, state)| (*name, *state));
        outcome.report.end_state = states
            .map(|(name, state)| (name.to_owned(), state.to_owned()))
            .collect();
        outcome
    }

    fn crashed(states: &[(&str, &str)]) -> Outcome {
        let mut outcome = ended(states);
        outcome.job.crash = Some(CrashPoint {
            effect: 4,
            before: true,
        });
        outcome
    }

    #[test]
    fn the_same_end_is_no_violation() {
        let states = [("a.near/x", "runs"), ("b.near/x", "suspended")];
        let judged = judge(&ended(&states).report, crashed(&states));
        assert!(judged.passed());
        assert_eq!(judged.report.violation, None);
    }

    #[test]
    fn the_first_indexer_that_differs_is_named_with_both_ends() {
        let plain = ended(&[("a.near/x", "same"), ("b.near/x", "runs"), ("c.near/x", "")]);
        let judged = judge(
            &plain.report,
            crashed(&[("a.near/x", "same"), ("b.near/x", "stays away")]),
        );
        assert_eq!(judged.exit, Exit::Liveness);
        assert_eq!(judged.verdict(), "liveness L6");
        assert_eq!(judged.report.verdict, Verdict::Liveness);
        let violation = judged.report.violation.clone().expect("there is one");
        assert_eq!(
            violation.sentence,
            "a crash of the coordinator before effect 4 changes what becomes of b.near/x: \
             undisturbed it ends as [runs], after the crash as [stays away]"
        );
        assert_eq!(violation.evidence.len(), 4, "{violation:?}");
        let text = failure::describe(&judged, "c0ffee");
        assert_eq!(
            text.lines().last(),
            Some("cargo sim equivalence x.toml --seed 7 --effect 4 --before")
        );
    }

    #[test]
    fn what_only_one_of_them_left_behind_is_a_difference() {
        let some = BTreeMap::from([("a.near/x".to_owned(), "runs".to_owned())]);
        let none = BTreeMap::new();
        let parts = |one: &Difference| (one.plain.clone(), one.other.clone());
        let lost: Vec<_> = differences(&some, &none).iter().map(parts).collect();
        assert_eq!(lost, [("runs".to_owned(), "nothing".to_owned())]);
        let left: Vec<_> = differences(&none, &some).iter().map(parts).collect();
        assert_eq!(left, [("nothing".to_owned(), "runs".to_owned())]);
    }

    #[test]
    fn a_crash_that_broke_another_property_keeps_its_verdict() {
        let mut failed = outcome("x.toml", 7, Exit::Safety, "S2");
        failed.job.crash = Some(CrashPoint {
            effect: 1,
            before: false,
        });
        let judged = judge(&ended(&[("a.near/x", "runs")]).report, failed);
        assert_eq!(judged.verdict(), "safety S2");
    }

    #[test]
    fn seeds_reach_all_effects_on_both_sides() {
        assert_eq!(choose(1, 0), None);
        let chosen: Vec<_> = (0..200).filter_map(|seed| choose(seed, 3)).collect();
        for effect in 1..=3 {
            for before in [false, true] {
                assert!(chosen.contains(&CrashPoint { effect, before }));
            }
        }
        assert!(chosen.iter().all(|crash| (1..=3).contains(&crash.effect)));
        assert_eq!(choose(9, 100), choose(9, 100));
    }

    fn asked(effect: Option<u64>, before: bool) -> args::Equivalence {
        args::Equivalence {
            scenarios: Vec::new(),
            seed: 7,
            effect: effect.and_then(std::num::NonZeroU64::new),
            before,
            planted: None,
            pace: args::Pace {
                jobs: None,
                limit: std::time::Duration::from_secs(1),
            },
        }
    }

    #[test]
    fn all_effects_are_tried_on_both_sides_unless_one_is_asked_for() {
        let mut plain = ended(&[]);
        plain.report.effects = 2;
        let plain = BTreeMap::from([(0, plain)]);
        let points = |arguments| {
            let jobs = plan(&plain, &arguments)?;
            Ok::<_, String>(
                jobs.iter()
                    .filter_map(|job| job.crash)
                    .map(|crash| (crash.effect, crash.before))
                    .collect::<Vec<_>>(),
            )
        };
        let all = [(1, true), (1, false), (2, true), (2, false)];
        assert_eq!(points(asked(None, false)), Ok(all.to_vec()));
        assert_eq!(points(asked(Some(2), false)), Ok(vec![(2, false)]));
        let error = points(asked(Some(3), true)).expect_err("there is no such effect");
        assert!(error.contains("has 2 effects"), "{error}");
    }

    #[test]
    fn the_closing_line_counts_points_and_differences() {
        let mut tally = Tally::new(&[Arc::new(Given::of("x.toml"))]);
        let plain = ended(&[("a.near/x", "runs")]);
        let mut out = Out::new(super::super::out::Color::Never);
        tally.add(
            &judge(&plain.report, crashed(&[("a.near/x", "runs")])),
            &mut out,
        );
        assert_eq!(tally.totals(), "1 crash points, 0 differ");
        assert_eq!(tally.summary.exit().code(), 0);
        tally.add(&judge(&plain.report, crashed(&[])), &mut out);
        assert_eq!(tally.totals(), "2 crash points, 1 differ");
        assert_eq!(tally.summary.exit().code(), 6);
        tally.add(&outcome("x.toml", 7, Exit::Safety, "S2"), &mut out);
        assert_eq!(
            tally.totals(),
            "3 crash points, 1 differ, 1 failed otherwise"
        );
    }
}
