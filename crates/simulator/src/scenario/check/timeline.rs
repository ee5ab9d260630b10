//! What the steps do one after the other: nobody kills the dead or updates what
//! was never registered.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use sim_node::IndexerKey;

use super::super::diagnostic::Report;
use super::super::schema::StepEntry;
use super::super::tree::Place;
use super::super::values::{NodeName, Registered, Selector};
use super::super::{Action, Quiet, Scenario, Step};
use super::holds::Holds;
use super::shown;

/// Follows the steps, which are sorted by time. A repeating entry is blamed once.
pub(super) fn check(
    scenario: &Scenario,
    steps: &[(Step, usize)],
    entries: &[(StepEntry, Place<'_>)],
    report: &mut Report,
) {
    let mut nodes = Nodes::new(&scenario.run.quiet);
    let mut indexers = Indexers::new(scenario);
    let mut holds = Holds::new(scenario);
    let mut blamed = BTreeSet::new();
    for (step, number) in steps {
        let verdicts = [
            ("node", nodes.apply(step)),
            (
                "indexer",
                indexers.apply(step).and_then(|()| holds.apply(step)),
            ),
        ];
        for (key, verdict) in verdicts {
            let (Err(message), Some((_, place))) = (verdict, entries.get(*number)) else {
                continue;
            };
            if blamed.insert((*number, key)) {
                report.add(place.at(&["do", step.action.name(), key]).span(), message);
            }
        }
    }
}

/// What is known about a process.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Life {
    Alive,
    Dead,
    DownUntil(Duration),
    Paused(Option<Duration>),
    /// It may have crashed at an effect whose time only the run will tell.
    Unknown,
}

struct Nodes<'a> {
    lives: BTreeMap<NodeName, Life>,
    quiet: &'a [Quiet],
}

impl Nodes<'_> {
    fn new(quiet: &[Quiet]) -> Nodes<'_> {
        Nodes {
            lives: NodeName::ALL.map(|node| (node, Life::Alive)).into(),
            quiet,
        }
    }

    fn apply(&mut self, step: &Step) -> Result<(), String> {
        self.pass_time(step.at);
        let (node, next) = match &step.action {
            Action::Kill(on) => (on.node, self.kill(on.node, Life::Dead)?),
            Action::Crash(crash) => {
                let back = step.at.saturating_add(crash.down);
                (crash.node, self.kill(crash.node, Life::DownUntil(back))?)
            }
            Action::Restart(on) => (on.node, self.restart(on.node)?),
            Action::Pause(pause) => {
                let until = pause.r#for.map(|time| step.at.saturating_add(time));
                (pause.node, self.pause(pause.node, until)?)
            }
            Action::Resume(on) => (on.node, self.resume(on.node)?),
            Action::CrashCoordinatorAtEffect(_) => (
                NodeName::Coordinator,
                self.kill(NodeName::Coordinator, Life::Unknown)?,
            ),
            // When each of them is down only the run will tell.
            Action::LoseNodes(lose) => return self.lose_sight(&lose.nodes),
            Action::Swizzle(swizzle) if swizzle.nodes.is_empty() => {
                return self.lose_sight(&NodeName::ALL);
            }
            Action::Swizzle(swizzle) => return self.lose_sight(&swizzle.nodes),
            Action::Downgrade(downgrade) => {
                let back = step.at.saturating_add(downgrade.down);
                let node = NodeName::Coordinator;
                (node, self.kill(node, Life::DownUntil(back))?)
            }
            Action::SecondCoordinator(_) => match self.life(NodeName::Coordinator) {
                Life::Alive | Life::Unknown => return Ok(()),
                _ => return Err("the first coordinator is not up then".to_owned()),
            },
            _ => return Ok(()),
        };
        self.lives.insert(node, next);
        Ok(())
    }

    fn lose_sight(&mut self, nodes: &[NodeName]) -> Result<(), String> {
        for node in nodes {
            self.lives.insert(*node, Life::Unknown);
        }
        Ok(())
    }

    fn life(&self, node: NodeName) -> Life {
        self.lives.get(&node).copied().unwrap_or(Life::Unknown)
    }

    /// What comes back by itself before `now` is back; quiet periods heal all.
    fn pass_time(&mut self, now: Duration) {
        while let Some((first, rest)) = self.quiet.split_first()
            && first.at <= now
        {
            self.quiet = rest;
            self.lives.values_mut().for_each(|life| *life = Life::Alive);
        }
        for life in self.lives.values_mut() {
            match *life {
                Life::DownUntil(time) | Life::Paused(Some(time)) if time <= now => {
                    *life = Life::Alive;
                }
                _ => {}
            }
        }
    }

    fn kill(&self, node: NodeName, next: Life) -> Result<Life, String> {
        match self.life(node) {
            Life::Dead => Err(format!("`{node}` is already dead then")),
            Life::DownUntil(time) => Err(format!("`{node}` is down until {}", shown(time))),
            Life::Alive | Life::Paused(_) | Life::Unknown => Ok(next),
        }
    }

    fn restart(&self, node: NodeName) -> Result<Life, String> {
        match self.life(node) {
            Life::Dead | Life::Unknown => Ok(Life::Alive),
            Life::DownUntil(time) => {
                Err(format!("`{node}` comes back by itself at {}", shown(time)))
            }
            Life::Alive | Life::Paused(_) => Err(format!("`{node}` is alive then")),
        }
    }

    fn pause(&self, node: NodeName, until: Option<Duration>) -> Result<Life, String> {
        match self.life(node) {
            Life::Alive | Life::Unknown => Ok(Life::Paused(until)),
            Life::Paused(_) => Err(format!("`{node}` is already paused then")),
            Life::Dead | Life::DownUntil(_) => Err(format!("`{node}` is dead then")),
        }
    }

    fn resume(&self, node: NodeName) -> Result<Life, String> {
        match self.life(node) {
            Life::Paused(_) | Life::Unknown => Ok(Life::Alive),
            _ => Err(format!("`{node}` is not paused then")),
        }
    }
}

/// What is known about an indexer in the registry.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Entry {
    /// It registers itself at that time.
    Awaited(Duration),
    Never,
    Registered,
    Deleted,
    /// Random operations may have changed it.
    Unknown,
}

struct Indexers {
    entries: BTreeMap<IndexerKey, Entry>,
}

impl Indexers {
    fn new(scenario: &Scenario) -> Indexers {
        let workload = &scenario.workload;
        let random = [workload.register, workload.delete, workload.reregister];
        let unknown = random.iter().any(|rate| *rate > 0.0);
        let entry = |registered| match registered {
            _ if unknown => Entry::Unknown,
            Registered::At(time) => Entry::Awaited(time),
            Registered::Never => Entry::Never,
        };
        let indexers = scenario.indexers.iter();
        Indexers {
            entries: indexers
                .map(|indexer| (indexer.key.clone(), entry(indexer.registered)))
                .collect(),
        }
    }

    fn apply(&mut self, step: &Step) -> Result<(), String> {
        for entry in self.entries.values_mut() {
            if matches!(entry, Entry::Awaited(time) if *time <= step.at) {
                *entry = Entry::Registered;
            }
        }
        let change: fn(Entry) -> Result<Entry, String> = match &step.action {
            Action::Register(_) => register,
            Action::Update(_) => update,
            Action::Reregister(_) => reregister,
            Action::Delete(_) => delete,
            Action::HiddenChange(_) | Action::Churn(_) => update,
            _ => return Ok(()),
        };
        match step.action.selector() {
            Some(Selector::One(key)) => {
                // An unknown name has been reported already.
                let Some(entry) = self.entries.get_mut(key) else {
                    return Ok(());
                };
                *entry = change(*entry).map_err(|what| format!("`{key}` {what}"))?;
            }
            Some(Selector::All) => {
                for entry in self.entries.values_mut() {
                    *entry = change(*entry).unwrap_or(*entry);
                }
            }
            Some(Selector::Random) => {
                for entry in self.entries.values_mut() {
                    if change(*entry).is_ok_and(|after| after != *entry) {
                        *entry = Entry::Unknown;
                    }
                }
            }
            None => {}
        }
        Ok(())
    }
}

fn register(entry: Entry) -> Result<Entry, String> {
    match entry {
        Entry::Never | Entry::Unknown => Ok(Entry::Registered),
        Entry::Awaited(time) => Err(format!("registers itself at {}", shown(time))),
        Entry::Registered => Err("is already registered then: use `update`".to_owned()),
        Entry::Deleted => Err("has been deleted by then: use `reregister`".to_owned()),
    }
}

fn update(entry: Entry) -> Result<Entry, String> {
    match entry {
        Entry::Registered | Entry::Unknown => Ok(entry),
        Entry::Deleted => Err("has been deleted by then: use `reregister`".to_owned()),
        Entry::Awaited(_) | Entry::Never => Err("is not registered yet".to_owned()),
    }
}

fn reregister(entry: Entry) -> Result<Entry, String> {
    match entry {
        Entry::Deleted | Entry::Unknown => Ok(Entry::Registered),
        Entry::Registered => Err("has not been deleted by then".to_owned()),
        Entry::Awaited(_) | Entry::Never => Err("is not registered yet".to_owned()),
    }
}

/// Deleting twice is fine: the contract notes the later height.
fn delete(entry: Entry) -> Result<Entry, String> {
    match entry {
        Entry::Registered | Entry::Deleted => Ok(Entry::Deleted),
        Entry::Unknown => Ok(Entry::Unknown),
        Entry::Awaited(_) | Entry::Never => Err("is not registered yet".to_owned()),
    }
}
