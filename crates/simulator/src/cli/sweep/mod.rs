//! One fault, or two, at every site of a run.

pub mod args;
mod crew;
mod isolation;
mod json;
mod log;
mod plans;
mod serve;
mod tally;

use std::hash::Hasher;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;

use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use super::Context;
use super::equivalence::{self, differences};
use super::exit::Exit;
use super::failure;
use super::given::Given;
use super::out::green;
use super::outcome::{Job, Outcome};
use super::pool::Pool;
use super::progress::Progress;
use super::summary::Summary;
use crate::report::{RunReport, Verdict, Violation};
use crate::run::Sweeping;
use crate::sweep::{Kind, Plan};
use crew::Crew;
use log::{Log, Passed};
use plans::Plans;
pub use serve::serve;
use tally::{Share, Tally};

/// Where the scenarios are whose sweep is part of every check.
const GOLDEN: &str = "scenarios/golden";

/// A scenario, the run of it without faults, and the plans for it.
struct Subject {
    plain: Outcome,
    plans: Plans,
    /// Plans that had passed before.
    before: u64,
}

/// Does what the command line says.
pub fn command(arguments: &args::Sweep, context: &mut Context) -> Exit {
    match sweep(arguments, context) {
        Ok(exit) | Err(exit) => exit,
    }
}

fn sweep(arguments: &args::Sweep, context: &mut Context) -> Result<Exit, Exit> {
    let paths = match arguments.scenarios.as_slice() {
        [] => vec![PathBuf::from(GOLDEN)],
        given => given.to_vec(),
    };
    let givens = context.load(&paths)?;
    let pool = context.pool(&arguments.pace)?;
    let plain = undisturbed(&givens, arguments.seed, &pool, context)?;
    if let Some(plan) = &arguments.plan {
        return one(plan, arguments, &plain, &pool, context);
    }
    let kinds: &[Kind] = match arguments.kinds.as_slice() {
        [] => &Kind::ALL,
        given => given,
    };
    let mut subjects: Vec<Subject> = plain
        .into_iter()
        .map(|plain| Subject {
            plans: Plans::of(&plain.report.swept.sites, kinds, arguments.pairs),
            plain,
            before: 0,
        })
        .collect();
    if arguments.list {
        list(&subjects, arguments.shard, context);
        return Ok(Exit::Passed);
    }
    let opened = arguments.resume.as_ref().map(|path| {
        let identity = identity(&subjects)?;
        Log::open(path, &identity)
    });
    let (log, passed) = match opened.transpose() {
        Ok(opened) => opened.unzip(),
        Err(message) => {
            context.out.error(&message);
            return Err(Exit::Usage);
        }
    };
    let passed = passed.unwrap_or_default();
    let mut todo = 0;
    for subject in &mut subjects {
        let place = subject.plain.job.place;
        for (_, plan) in mine(&subject.plans, arguments.shard) {
            match passed.contains(&(place, key(&plan))) {
                true => subject.before += 1,
                false => todo += 1,
            }
        }
    }
    if todo == 0 && passed.is_empty() {
        context.out.error("there was nothing to run");
        return Err(Exit::NothingRan);
    }
    let work = Work {
        subjects: &subjects,
        passed: &passed,
        shard: arguments.shard,
        todo,
        json: arguments.json,
    };
    Ok(work.run(log, &givens, &pool, context))
}

/// The plans of a shard.
fn mine(plans: &Plans, shard: args::Shard) -> impl Iterator<Item = (u64, Plan)> + '_ {
    plans.iter().filter(move |(number, _)| shard.has(*number))
}

/// What stands for a plan in a log.
fn key(plan: &Plan) -> u64 {
    xxh3_64(plan.to_string().as_bytes())
}

/// What must be the same for a log to be of use: the program, the scenarios, the
/// seed and the plans.
fn identity(subjects: &[Subject]) -> Result<String, String> {
    let read = |path: PathBuf| {
        let cannot = |error| format!("cannot read {}: {error}", path.display());
        std::fs::read(&path).map_err(cannot)
    };
    let mut hash = Xxh3::new();
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    hash.write(&read(program)?);
    for subject in subjects {
        let job = &subject.plain.job;
        hash.write(job.given.name.as_bytes());
        hash.write(&read(PathBuf::from(&job.given.name))?);
        hash.write_u64(job.seed);
        subject.plans.feed(&mut hash);
    }
    Ok(format!("{:016x}", hash.digest()))
}

/// One recorded run of each scenario. All must pass.
fn undisturbed(
    givens: &[Arc<Given>],
    seed: u64,
    pool: &Pool,
    context: &mut Context,
) -> Result<Vec<Outcome>, Exit> {
    let jobs = givens.iter().enumerate().map(|(place, given)| Job {
        given: Arc::clone(given),
        place,
        seed,
        trace_to: None,
        crash: None,
        sweeping: Some(Sweeping {
            plan: None,
            record: true,
        }),
    });
    let found = equivalence::all_pass(jobs, pool, context)?;
    Ok(found.into_values().collect())
}

/// Every plan in the order of the runs, one a line.
fn list(subjects: &[Subject], shard: args::Shard, context: &mut Context) {
    for subject in subjects {
        for (_, plan) in mine(&subject.plans, shard) {
            let job = planned(&subject.plain.job, plan);
            context.out.data(&failure::command(&job));
        }
    }
    let shares: Vec<Share<'_>> = subjects.iter().map(share).collect();
    for line in tally::left_out(&shares) {
        context.out.talk(&line);
    }
}

fn share(subject: &Subject) -> Share<'_> {
    Share {
        name: &subject.plain.job.given.name,
        plans: &subject.plans,
        before: subject.before,
    }
}

/// The same run with a plan.
fn planned(job: &Job, plan: Plan) -> Job {
    Job {
        sweeping: Some(Sweeping {
            plan: Some(plan),
            record: false,
        }),
        trace_to: None,
        ..job.clone()
    }
}

/// What is to be run.
struct Work<'a> {
    subjects: &'a [Subject],
    passed: &'a Passed,
    shard: args::Shard,
    todo: u64,
    /// Whether programs read what comes of it.
    json: bool,
}

impl Work<'_> {
    /// The runs, one after the other.
    fn jobs(&self) -> impl Iterator<Item = Job> + '_ {
        self.subjects.iter().flat_map(|subject| {
            let job = &subject.plain.job;
            mine(&subject.plans, self.shard)
                .filter(|(_, plan)| !self.passed.contains(&(job.place, key(plan))))
                .map(|(_, plan)| planned(job, plan))
        })
    }

    /// Does them all, and says what came of it.
    fn run(
        &self,
        mut log: Option<Log>,
        givens: &[Arc<Given>],
        pool: &Pool,
        context: &mut Context,
    ) -> Exit {
        let mut tally = Tally::new(Summary::new(givens), self.json);
        let out = &mut context.out;
        let mut progress = Progress::new(Some(self.todo), None, out);
        let crew = Crew::default();
        let mut jobs = self.jobs();
        pool.each_with(
            |pool, job| {
                let plain = self.subjects.get(job.place)?;
                crew.run(pool, job, |outcome| judge(&plain.plain.report, outcome))
            },
            || jobs.next(),
            |outcome| {
                tally.add(&outcome, out);
                progress.advance(&outcome, &tally.summary, out);
                let plan = outcome.job.plan().filter(|_| outcome.passed());
                if let (Some(open), Some(plan)) = (&mut log, plan)
                    && let Err(error) = open.add(outcome.job.place, key(plan))
                {
                    out.error(&format!("the log cannot be written: {error}"));
                    log = None;
                }
                ControlFlow::Continue(())
            },
        );
        crew.dismiss();
        let wall = progress.finish(out);
        let shares: Vec<Share<'_>> = self.subjects.iter().map(share).collect();
        let exit = match tally.summary.exit() {
            _ if context.stop.is_interrupted() => Exit::Interrupted,
            Exit::NothingRan => Exit::Passed,
            exit => exit,
        };
        tally.conclude(&shares, wall, exit, out);
        if exit == Exit::Interrupted {
            out.talk(match log.is_some() {
                true => "interrupted; the same command goes on from here",
                false => "interrupted; with --resume FILE it could go on from here",
            });
        }
        exit
    }
}

/// The outcome of a run with a plan, once it is compared with the run without. A
/// run that failed by itself stays as it is.
pub fn judge(plain: &RunReport, mut outcome: Outcome) -> Outcome {
    let Some(plan) = outcome.job.plan().filter(|_| outcome.passed()) else {
        return outcome;
    };
    if let Some(violation) = isolation::judge(plan, &plain.swept, &outcome.report.swept) {
        outcome.report.violation = Some(violation);
        outcome.report.verdict = Verdict::Safety;
        outcome.exit = Exit::Safety;
        return outcome;
    }
    let found = differences(&plain.end_state, &outcome.report.end_state);
    let Some(first) = found.first() else {
        return outcome;
    };
    let evidence = found.iter().flat_map(|one| {
        [
            format!("{} without faults: {}", one.indexer, one.plain),
            format!("{} with them: {}", one.indexer, one.other),
        ]
    });
    let violation = Violation {
        oracle: equivalence::ORACLE.to_owned(),
        sentence: format!(
            "{plan} changes what becomes of {}: without it ends as [{}], with it as [{}]",
            first.indexer, first.plain, first.other
        ),
        at: String::new(),
        evidence: evidence.collect(),
    };
    outcome.report.violation = Some(violation);
    outcome.report.verdict = Verdict::Liveness;
    outcome.exit = Exit::Liveness;
    outcome
}

/// One plan, at length.
fn one(
    plan: &Plan,
    arguments: &args::Sweep,
    plain: &[Outcome],
    pool: &Pool,
    context: &mut Context,
) -> Result<Exit, Exit> {
    let trace = arguments.trace;
    let folder = trace.then(tempfile::tempdir).transpose().map_err(|error| {
        let message = format!("there is no place for the trace: {error}");
        context.out.error(&message);
        Exit::Harness
    })?;
    let mut worst = Exit::Passed;
    for before in plain {
        let trace_to = folder.as_ref().map(|folder| folder.path().join("trace"));
        let job = Job {
            trace_to: trace_to.clone(),
            ..planned(&before.job, plan.clone())
        };
        let Some(outcome) = pool.run(job) else {
            context.out.talk("interrupted");
            return Err(Exit::Interrupted);
        };
        let outcome = judge(&before.report, outcome);
        let out = &mut context.out;
        if let Some(path) = trace_to.filter(|path| path.exists())
            && let Err(error) = out.file(&path)
        {
            out.error(&format!("the trace cannot be read: {error}"));
        }
        let reached = &outcome.report.swept.reached;
        let sites = plan.points().iter().map(|point| &point.site);
        let missed: Vec<_> = sites.filter(|site| !reached.contains(site)).collect();
        for site in &missed {
            out.talk(&format!("{site} did not come up"));
        }
        let untried = missed.len() == plan.points().len();
        if untried {
            worst = worst.max(Exit::NothingRan);
        }
        worst = worst.max(outcome.exit);
        if arguments.json {
            out.json(json::line(&outcome));
            continue;
        }
        out.data(&match outcome.passed() {
            true => format!(
                "{} {} with seed {} and {plan}\n  hash      {}",
                if untried {
                    "did not try".to_owned()
                } else {
                    green("passed")
                },
                outcome.report.scenario,
                outcome.report.seed,
                outcome.report.trace_hash
            ),
            false => failure::describe(&outcome, &failure::commit()),
        });
    }
    Ok(worst)
}

#[cfg(test)]
mod tests {
    use super::super::outcome::tests::outcome;
    use super::*;

    fn ended(states: &[(&str, &str)]) -> Outcome {
        let mut outcome = outcome("x.toml", 7, Exit::Passed, "");
        let text = "StartStream@a.near/x#1:hang,timer@a.near/x#2:zombie";
        outcome.job.sweeping = Some(Sweeping {
            plan: Some(text.parse().expect("a plan")),
            record: false,
        });
        outcome.report.end_state = states
            .iter()
            .map(|(name, state)| ((*name).to_owned(), (*state).to_owned()))
            .collect();
        outcome
    }

    #[test]
    fn a_run_that_ends_as_it_would_have_anyway_has_passed() {
        let states = [("a.near/x", "runs"), ("b.near/x", "suspended")];
        let judged = judge(&ended(&states).report, ended(&states));
        assert!(judged.passed());
    }

    #[test]
    fn a_run_that_ends_otherwise_has_failed_and_says_how_to_repeat_it() {
        let plain = ended(&[("a.near/x", "runs"), ("b.near/x", "runs")]);
        let judged = judge(&plain.report, ended(&[("a.near/x", "runs")]));
        assert_eq!(judged.verdict(), "liveness L6");
        let sentence = judged.report.violation.as_ref().map(|one| &*one.sentence);
        assert_eq!(
            sentence,
            Some(
                "StartStream@a.near/x#1:hang,timer@a.near/x#2:zombie changes what becomes of \
                 b.near/x: without it ends as [runs], with it as [nothing]"
            )
        );
        let text = failure::describe(&judged, "c0ffee");
        assert_eq!(
            text.lines().last(),
            Some(
                "cargo sim sweep x.toml --seed 7 --plan \
                 'StartStream@a.near/x#1:hang,timer@a.near/x#2:zombie'"
            )
        );
    }

    #[test]
    fn how_far_it_came_before_it_was_switched_off_does_not_matter() {
        let ended = |rest: &str| {
            let text = format!("record \"Suspended\" enabled false synced {rest}");
            ended(&[("a.near/x", text.as_str())])
        };
        let (plain, other) = (ended("7 target null"), ended("null target null"));
        assert!(judge(&plain.report, other).passed());
        let runs = super::tests::ended(&[("a.near/x", "record \"Running\" enabled false")]);
        assert!(!judge(&plain.report, runs).passed());
    }

    #[test]
    fn a_run_that_broke_another_property_keeps_its_verdict() {
        let mut failed = ended(&[]);
        failed.exit = Exit::Safety;
        failed.report.verdict = Verdict::Safety;
        let judged = judge(&ended(&[("a.near/x", "runs")]).report, failed);
        assert_eq!(judged.exit, Exit::Safety);
        assert_eq!(judged.report.violation, None);
    }
}
