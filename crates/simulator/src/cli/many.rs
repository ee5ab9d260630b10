//! Many runs: the main job, and exploring.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Context;
use super::args::{Every, Explore, Swarm};
use super::equivalence;
use super::exit::Exit;
use super::failure;
use super::given::Given;
use super::out::Out;
use super::outcome::{Job, Outcome};
use super::pool::Pool;
use super::progress::Progress;
use super::summary::Summary;

/// Seeds per scenario of the main job.
const SEEDS: u64 = 4;
/// Real time in which the main job begins runs that it can do without.
const BUDGET: Duration = Duration::from_secs(80);
/// Seeds per scenario that the main job runs whatever it takes.
const LEAST: u64 = 2;
/// Seeds per scenario of an exploration without a size.
const EXPLORED: u64 = 20;
/// Failed runs of one kind that are named and kept; more are only counted.
const MOST_ALIKE: u64 = 10;

/// What to run and when to stop.
#[derive(Clone, Debug)]
struct Campaign {
    /// Seeds per scenario; no end if not given.
    seeds: Option<u64>,
    start_seed: u64,
    /// Real time after which no run begins, but of the first `least` seeds.
    until: Option<Duration>,
    least: u64,
    max_failures: Option<u64>,
    marks: bool,
    json: bool,
    /// Whether reports of failed runs are written to files.
    keep: bool,
}

/// Runs every scenario with several seeds.
pub fn every(arguments: &Every, context: &mut Context) -> Exit {
    let budget = arguments
        .budget
        .or(arguments.seeds.is_none().then_some(BUDGET));
    let campaign = Campaign {
        seeds: Some(arguments.seeds.unwrap_or(SEEDS)),
        start_seed: arguments.start_seed,
        until: budget,
        least: LEAST,
        max_failures: None,
        marks: arguments.marks,
        json: arguments.json,
        keep: true,
    };
    let paths: Vec<_> = arguments.scenarios.iter().cloned().collect();
    let ready = context
        .load(&paths)
        .and_then(|givens| Ok((givens, context.pool(&arguments.pace)?)));
    match ready {
        Ok((givens, pool)) => run(&campaign, &givens, &pool, context).plain(),
        Err(exit) => exit,
    }
}

/// Runs scenarios with many seeds.
pub fn explore(arguments: &Explore, context: &mut Context) -> Exit {
    let seeds = arguments
        .seeds
        .or(arguments.time.is_none().then_some(EXPLORED));
    let campaign = Campaign {
        seeds,
        start_seed: arguments.start_seed,
        until: arguments.time,
        least: 0,
        max_failures: if arguments.fail_fast {
            Some(1)
        } else {
            arguments.max_failures
        },
        marks: arguments.marks,
        json: arguments.json,
        keep: true,
    };
    let ready = context
        .load(&arguments.scenarios)
        .and_then(|givens| Ok((givens, context.pool(&arguments.pace)?)));
    match ready {
        Ok((givens, pool)) => {
            let under = |given: &Arc<Given>| Arc::new(given.under(arguments.coordinator));
            let givens: Vec<_> = givens.iter().map(under).collect();
            run(&campaign, &givens, &pool, context)
        }
        Err(exit) => exit,
    }
}

/// Runs swarms with many seeds; what fails is named, and nothing is written.
pub fn swarm(arguments: &Swarm, givens: &[Arc<Given>], context: &mut Context) -> Exit {
    let campaign = Campaign {
        seeds: arguments
            .seeds
            .or(arguments.time.is_none().then_some(EXPLORED)),
        start_seed: arguments.start_seed,
        until: arguments.time,
        least: 0,
        max_failures: if arguments.fail_fast {
            Some(1)
        } else {
            arguments.max_failures
        },
        marks: arguments.marks,
        json: arguments.json,
        keep: false,
    };
    match context.pool(&arguments.pace) {
        Ok(pool) => run(&campaign, givens, &pool, context),
        Err(exit) => exit,
    }
}

/// The jobs of a campaign: every scenario with the first seed, then every one
/// with the second, and so on.
struct Rounds<'a> {
    campaign: &'a Campaign,
    givens: &'a [Arc<Given>],
    began: Instant,
    round: u64,
    place: usize,
}

impl Iterator for Rounds<'_> {
    type Item = Job;

    fn next(&mut self) -> Option<Job> {
        let late = self
            .campaign
            .until
            .is_some_and(|until| self.began.elapsed() >= until);
        let over = self.campaign.seeds.is_some_and(|seeds| self.round >= seeds);
        if over || (late && self.round >= self.campaign.least) {
            return None;
        }
        let job = Job {
            given: Arc::clone(self.givens.get(self.place)?),
            place: self.place,
            seed: self.campaign.start_seed.wrapping_add(self.round),
            trace_to: None,
            crash: None,
            sweeping: None,
        };
        self.place += 1;
        if self.place == self.givens.len() {
            self.place = 0;
            self.round += 1;
        }
        Some(job)
    }
}

fn run(campaign: &Campaign, givens: &[Arc<Given>], pool: &Pool, context: &mut Context) -> Exit {
    let commit = failure::commit();
    let planned = campaign
        .seeds
        .map(|seeds| seeds.saturating_mul(givens.len() as u64));
    let out = &mut context.out;
    let mut summary = Summary::new(givens);
    let mut progress = Progress::new(planned, campaign.seeds, out);
    let began = Instant::now();
    let mut rounds = Rounds {
        campaign,
        givens,
        began,
        round: 0,
        place: 0,
    };
    let mut keeper = Keeper {
        failed: !campaign.keep,
    };
    pool.each_with(
        equivalence::run,
        || rounds.next(),
        |outcome| {
            let news = summary.add(&outcome);
            if campaign.json {
                match serde_json::to_string(&outcome.report) {
                    Ok(line) => out.data(&line),
                    Err(error) => out.error(&error.to_string()),
                }
            }
            if !outcome.passed() {
                let alike = summary.failures.alike(&outcome);
                let kept = keeper.keep(&outcome, alike, &commit, out);
                match (news, campaign.json) {
                    (true, false) => out.data(&failure::describe(&outcome, &commit)),
                    (true, true) => out.talk(&failure::describe(&outcome, &commit)),
                    (false, _) if alike <= MOST_ALIKE => out.talk(&format!(
                        "again: {} in {} with seed {}{kept}",
                        outcome.verdict(),
                        outcome.report.scenario,
                        outcome.report.seed
                    )),
                    (false, _) => {}
                }
            }
            progress.advance(&outcome, &summary, out);
            let failed = summary.failures.count();
            match campaign.max_failures.is_some_and(|most| failed >= most) {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        },
    );
    let wall = progress.finish(out);
    conclude(campaign, &summary, planned, &commit, wall, context)
}

/// Keeps reports of failed runs until that turns out to be impossible.
struct Keeper {
    /// Nothing is kept any more.
    failed: bool,
}

impl Keeper {
    /// Keeps one of not too many; returns a remark on where.
    fn keep(&mut self, outcome: &Outcome, alike: u64, commit: &str, out: &mut Out) -> String {
        if self.failed || alike > MOST_ALIKE {
            return String::new();
        }
        match failure::keep(outcome, commit, Path::new("")) {
            Ok(path) => format!(", kept in {}", path.display()),
            Err(error) => {
                self.failed = true;
                out.error(&format!("reports of failed runs cannot be kept: {error}"));
                String::new()
            }
        }
    }
}

fn conclude(
    campaign: &Campaign,
    summary: &Summary,
    planned: Option<u64>,
    commit: &str,
    wall: Duration,
    context: &mut Context,
) -> Exit {
    let is_interrupted = context.stop.is_interrupted();
    let exit = if is_interrupted {
        Exit::Interrupted
    } else {
        summary.exit()
    };
    let out = &mut context.out;
    let left_out = planned.map_or(0, |planned| planned.saturating_sub(summary.runs()));
    if is_interrupted {
        out.talk("interrupted");
    } else if left_out > 0 {
        out.talk(&format!(
            "{left_out} runs were left out: time or failures reached their limit"
        ));
    }
    if summary.runs() == 0 && !is_interrupted {
        out.error("there was nothing to run");
    }
    if campaign.json {
        match summary.json(commit, wall, exit) {
            Ok(line) => out.data(&line),
            Err(error) => out.error(&error.to_string()),
        }
        return exit;
    }
    let for_people = out.data_is_terminal;
    out.data(&summary.table(for_people));
    if campaign.marks {
        out.data(&summary.marks(for_people));
    }
    out.data(&summary.totals(wall));
    for kind in summary.kinds() {
        out.data(&kind);
    }
    if let Some(kind) = summary.failures.groups.first() {
        if let Some(command) = failure::shrinking(&kind.first.job) {
            out.data(&format!("make the first one smaller with\n{command}"));
        }
        out.data(&format!(
            "repeat the first one with\n{}",
            failure::command(&kind.first.job)
        ));
    }
    exit
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jobs(campaign: &Campaign, names: &[&str], take: usize) -> Vec<(String, u64)> {
        let givens: Vec<_> = names
            .iter()
            .map(|name| Arc::new(Given::of(*name)))
            .collect();
        let rounds = Rounds {
            campaign,
            givens: &givens,
            began: Instant::now(),
            round: 0,
            place: 0,
        };
        rounds
            .take(take)
            .map(|job| (job.given.name.clone(), job.seed))
            .collect()
    }

    fn campaign() -> Campaign {
        Campaign {
            seeds: Some(3),
            start_seed: u64::MAX,
            until: None,
            least: 0,
            max_failures: None,
            marks: false,
            json: false,
            keep: false,
        }
    }

    #[test]
    fn every_scenario_gets_a_seed_before_one_gets_the_next() {
        let found = jobs(&campaign(), &["a", "b"], 99);
        let expected = [
            ("a", u64::MAX),
            ("b", u64::MAX),
            ("a", 0),
            ("b", 0),
            ("a", 1),
            ("b", 1),
        ];
        assert_eq!(found, expected.map(|(name, seed)| (name.to_owned(), seed)));
    }

    #[test]
    fn out_of_time_only_the_first_seeds_run() {
        let late = Campaign {
            until: Some(Duration::ZERO),
            least: 2,
            ..campaign()
        };
        assert_eq!(jobs(&late, &["a", "b"], 99).len(), 4);
        let none = Campaign { least: 0, ..late };
        assert_eq!(jobs(&none, &["a", "b"], 99).len(), 0);
    }

    #[test]
    fn without_a_number_of_seeds_there_is_no_end() {
        let endless = Campaign {
            seeds: None,
            ..campaign()
        };
        assert_eq!(jobs(&endless, &["a"], 1_000).len(), 1_000);
        assert_eq!(jobs(&endless, &[], 1_000).len(), 0);
    }
}
