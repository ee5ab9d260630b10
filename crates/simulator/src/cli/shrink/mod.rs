//! From a run that fails to a small one that fails in the same way.
//!
//! A scenario is taken as a tree of values. Pieces of it are left out, and times and
//! numbers made smaller; what still comes to the same [`Finding`] goes on. The result
//! follows from scenario and seed, however many workers there are, unless time or
//! runs reach their limit.

pub mod args;
mod finding;
mod list;
mod page;
mod passes;
mod tree;
mod trial;

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use toml::Table;

use super::exit::Exit;
use super::given::{Given, SWARM};
use super::outcome::{CrashPoint, Job, Outcome};
use super::pool::Pool;
use super::{Context, built_in, failure, one, planted};
use crate::planted::witness;
use crate::run::Sweeping;
use crate::scenario::{Diagnostic, Scenario};
use finding::Finding;
use page::Change;
use passes::Shrinker;
use tree::Size;
use trial::{Budget, Case, Trial};

/// Does what the command line says.
pub fn command(arguments: args::Shrink, context: &mut Context) -> Exit {
    let whole = match with_scenario(arguments) {
        Ok(arguments) => arguments,
        Err(message) => {
            context.out.error(&message);
            return Exit::Usage;
        }
    };
    match shrink(&whole, context) {
        Ok(exit) | Err(exit) => exit,
    }
}

/// The same, with the run in which a planted bug is known to be caught if none is
/// named.
fn with_scenario(mut arguments: args::Shrink) -> Result<args::Shrink, String> {
    if arguments.scenario.is_some() || arguments.profile.is_some() {
        return Ok(arguments);
    }
    let name = arguments.planted.as_deref().unwrap_or_default();
    let kept = witness::kept()?;
    let catch = kept.get(name).and_then(|witness| witness.caught.first());
    let catch = catch.ok_or_else(|| {
        format!(
            "no run is known in which a planted bug `{name}` is caught: name a scenario, or \
             `cargo sim planted {name}` looks for one"
        )
    })?;
    arguments.scenario = Some(planted::path_of(catch).display().to_string());
    arguments.seed = catch.seed;
    Ok(arguments)
}

fn shrink(arguments: &args::Shrink, context: &mut Context) -> Result<Exit, Exit> {
    let given = given(arguments);
    let mut usage = |message: String| {
        context.out.error(&message);
        Exit::Usage
    };
    if let Some(path) = &arguments.output {
        page::is_free(path).map_err(&mut usage)?;
    }
    let planted = given.planted.as_deref().map(one::marked).transpose();
    if let Some(mark) = planted.map_err(&mut usage)? {
        context.out.talk(&mark);
    }
    let (scenario, root) = read(&given, arguments.seed).map_err(|found| {
        context.out.diagnostics(&found);
        Exit::Usage
    })?;
    let pool = context.pool(&arguments.pace)?;
    let first = job(given.clone(), arguments);
    let is_at_it = |failed: &Outcome| failed.job.crash == first.crash;
    let Some(failed) = trial::compared(&pool, first.clone(), is_at_it) else {
        context.out.talk("interrupted");
        return Err(Exit::Interrupted);
    };
    let Some(finding) = Finding::of(&failed, arguments.exact) else {
        return Err(nothing(&failed, context));
    };
    if failed.exit == Exit::NothingRan {
        return Err(nothing(&failed, context));
    }
    context
        .out
        .talk(&failure::describe(&failed, &failure::commit()));
    let base = Given {
        blocks: scenario.data.blocks.clone(),
        registry: scenario.data.registry.clone(),
        sets: Vec::new(),
        ..given.clone()
    };
    let subject = Subject {
        arguments,
        before: (Size::of(&root), failed.report.virtual_micros),
        original: failure::command(&first),
        finding,
        base,
    };
    let root = tree::with_lengths(&root, scenario.run.duration, scenario.run.silence);
    let case = Case {
        root,
        seed: arguments.seed,
    };
    subject.shrink(case, failed, &pool, context)
}

/// What is to be run.
fn given(arguments: &args::Shrink) -> Given {
    let name = match (&arguments.profile, &arguments.scenario) {
        (Some(profile), _) => format!("{SWARM}{profile}"),
        (None, Some(scenario)) => scenario.clone(),
        (None, None) => built_in::CRASHES.to_owned(),
    };
    Given {
        blocks: arguments.blocks.clone(),
        registry: arguments.registry.clone(),
        sets: arguments.set.clone(),
        planted: arguments.planted.clone(),
        coordinator: arguments.coordinator,
        ..Given::of(name)
    }
}

/// The scenario, checked, and its values.
fn read(given: &Given, seed: u64) -> Result<(Scenario, Table), Vec<Diagnostic>> {
    let scenario = given.load_for(seed)?;
    let cannot = |error: String| vec![Diagnostic::of_file(&given.name, error)];
    let text = match given.text(seed)? {
        Some(text) => text,
        None => fs::read_to_string(&given.name).map_err(|error| cannot(error.to_string()))?,
    };
    let root = toml::from_str(&text).map_err(|error| cannot(error.to_string()))?;
    Ok((scenario, root))
}

fn job(given: Given, arguments: &args::Shrink) -> Job {
    let sweeping = arguments.plan.clone().map(|plan| Sweeping {
        plan: Some(plan),
        record: false,
    });
    let crash = arguments.effect.map(|effect| CrashPoint {
        effect: effect.get(),
        before: arguments.before,
    });
    Job {
        sweeping,
        crash,
        ..Job::plain(Arc::new(given), 0, arguments.seed)
    }
}

/// Says that there is nothing to make smaller.
fn nothing(outcome: &Outcome, context: &mut Context) -> Exit {
    let report = &outcome.report;
    let why = match outcome.passed() {
        true => "passes",
        false => "fails without plan or crash already, which is another matter,",
    };
    context.out.error(&format!(
        "{} with seed {} {why}: there is nothing to shrink",
        report.scenario, report.seed
    ));
    Exit::NothingRan
}

/// What is made smaller.
struct Subject<'a> {
    arguments: &'a args::Shrink,
    before: (Size, u64),
    /// The command that repeats the original run.
    original: String,
    finding: Finding,
    base: Given,
}

impl Subject<'_> {
    fn shrink(
        &self,
        case: Case,
        failed: Outcome,
        pool: &Pool,
        context: &mut Context,
    ) -> Result<Exit, Exit> {
        let budget = Budget {
            time: self.arguments.time,
            runs: self.arguments.runs.get(),
        };
        let finding = self.finding.clone();
        let plan = self.arguments.plan.clone();
        let fault = trial::Fault {
            plan,
            crash: failed.job.crash,
        };
        let trial = Trial::new(pool, self.base.clone(), finding, fault, budget, &case.root);
        let trial = trial.map_err(|error| {
            let message = format!("there is no place for smaller scenarios: {error}");
            context.out.error(&message);
            Exit::Harness
        })?;
        let mut shrinker = Shrinker::new(trial, case, failed, &mut context.out);
        shrinker.run(self.arguments.more_seeds, &mut context.out);
        if context.stop.is_interrupted() {
            context.out.talk("interrupted: this is how far it came");
        }
        self.conclude(&shrinker, pool, context)
    }

    /// Writes the smallest scenario, and runs it again from its file.
    fn conclude(
        &self,
        shrinker: &Shrinker<'_>,
        pool: &Pool,
        context: &mut Context,
    ) -> Result<Exit, Exit> {
        let Case { root, seed } = &shrinker.case;
        let outcome = &shrinker.outcome;
        let after = (Size::of(root), outcome.report.virtual_micros);
        let change = Change {
            before: self.before,
            after,
        };
        let command = self.command();
        let text = page::text(root, outcome, &self.original, &command, change);
        let path = self.write(&text, context)?;
        let job = Job {
            crash: outcome.job.crash,
            ..self.job(path.display().to_string(), *seed)
        };
        let repeated = match context.stop.is_interrupted() {
            true => None,
            false => trial::compared(pool, job.clone(), |it| self.finding.is_found_by(it)),
        };
        let out = &mut context.out;
        if let Some(other) = repeated.filter(|it| !self.finding.is_found_by(it)) {
            out.error(&format!(
                "{} comes to something else than before: {}",
                path.display(),
                other.verdict()
            ));
            return Err(Exit::Nondeterminism);
        }
        out.data(&format!(
            "shrunk to {}: {}\n  {change}\n  {} runs in {}\n  repeat with\n{}",
            path.display(),
            outcome.verdict(),
            super::figures::count(shrinker.runs()),
            super::figures::time(shrinker.elapsed()),
            failure::command(&job)
        ));
        match context.stop.is_interrupted() {
            true => Err(Exit::Interrupted),
            false => Ok(Exit::Passed),
        }
    }

    /// The run of the smaller scenario, with what was given on the command line.
    fn job(&self, name: String, seed: u64) -> Job {
        let given = Given {
            name,
            blocks: self.base.blocks.clone(),
            registry: self.base.registry.clone(),
            ..self.base.clone()
        };
        Job {
            seed,
            ..job(given, self.arguments)
        }
    }

    /// The command that makes all this again.
    fn command(&self) -> String {
        let first = Given {
            blocks: self.arguments.blocks.clone(),
            registry: self.arguments.registry.clone(),
            ..given(self.arguments)
        };
        let command = failure::shrinking(&job(first, self.arguments)).unwrap_or_default();
        match self.arguments.exact {
            true => format!("{command} --exact"),
            false => command,
        }
    }

    /// Writes a new file; returns which. What cannot be written is shown.
    fn write(&self, text: &str, context: &mut Context) -> Result<PathBuf, Exit> {
        let path = match &self.arguments.output {
            Some(path) => Ok(path.clone()),
            None => page::place(&given(self.arguments).name, self.arguments.seed),
        };
        let written = path.and_then(|path| page::write(&path, text).map(|()| path));
        written.map_err(|error| {
            context.out.data(text.trim_end());
            let message = format!("it cannot be written to a file: {error}");
            context.out.error(&message);
            Exit::Usage
        })
    }
}
