//! What a step does.

use std::time::Duration;

use serde::Deserialize;
use sim_node::human_duration;

use super::control_plane::{
    Churn, Defective, Downgrade, HiddenChange, ListFault, Quota, SecondCoordinator,
};
use super::values::{
    CallOutcome, DurationRange, Method, NodeName, RegistryFaultKind, RuleSpec, Selector, StartSpec,
    StoreFaultKind, optional_duration,
};
use super::wide::{ClockDrift, ClockStep, LoseNodes, Reorder, SlowNode, Swizzle};

/// What a step does. Written as a table with one key:
/// `do = { kill = { node = "runner" } }`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Action {
    /// Registers an indexer that is declared but not registered.
    Register(ConfigChange),
    /// Registers a new version of a registered indexer.
    Update(ConfigChange),
    /// Registers a deleted indexer again.
    Reregister(ConfigChange),
    /// Removes an indexer from the registry.
    Delete(Target),
    /// Calls the admin service's Enable.
    Enable(Target),
    /// Calls the admin service's Disable.
    Disable(Target),
    /// Holds an indexer: it is left alone until it is released. Quiet periods and
    /// the healing at the end of the run release whatever is held then, as an
    /// operator must before anything can be expected of it.
    Hold(Target),
    /// Ends a hold.
    Release(Target),
    /// Orders a retry: past failures are forgotten, and what is due is tried at once.
    Retry(Target),
    /// Ends a living process at once.
    Kill(OnNode),
    /// Starts a dead process.
    Restart(OnNode),
    /// Freezes a process: connections stay open, nothing is answered.
    Pause(Pause),
    /// Thaws a frozen process.
    Resume(OnNode),
    /// Kills a process and starts it again a while later.
    Crash(Crash),
    /// Crashes the coordinator at one of its next effects.
    CrashCoordinatorAtEffect(CrashAtEffect),
    /// Cuts the link between two nodes.
    Partition(Partition),
    /// Makes the link between two nodes slow.
    Clog(Clog),
    /// Lets messages on the link between two nodes overtake each other.
    Reorder(Reorder),
    /// Several nodes die in one instant; each comes back after a time of its own.
    LoseNodes(LoseNodes),
    /// Nodes fail one by one and come back in another order.
    Swizzle(Swizzle),
    /// Makes a node slow: its answers, and its own work.
    SlowNode(SlowNode),
    /// A node's clock is wrong by just so much, whatever it showed before.
    ClockSkew(ClockStep),
    /// A node's clock jumps.
    ClockJump(ClockStep),
    /// A node's clock runs too fast or too slow.
    ClockDrift(ClockDrift),
    /// Decides what becomes of calls of the coordinator.
    CallFault(CallFault),
    /// Decides what befalls the store.
    StoreFault(StoreFault),
    /// Replaces an indexer's record by garbage.
    CorruptRecord(RecordText),
    /// Replaces an indexer's record, for instance by an older format.
    SetRecord(RecordText),
    /// Decides what the registry answers.
    RegistryFault(RegistryFault),
    /// A stream task panics; the streamer still lists it.
    PanicTask(Target),
    /// A stream task ends with an error; the streamer still lists it.
    KillTask(Target),
    /// A worker dies of an uncaught exception; the executor is listed, STALLED.
    CrashWorker(Target),
    /// A worker exits without an error; the executor keeps its last state.
    VanishWorker(Target),
    /// The fetch of a block fails.
    Poison(Poison),
    /// The block source of the executors is out of reach.
    FetchOutage(Lasting),
    /// The next starts of executors take long.
    SlowStart(SlowStart),
    /// The next starts of executors never come to an end.
    HangStart(Next),
    /// The next starts of executors fail after they were acknowledged.
    FailStart(Next),
    /// The next stops of executors are rejected: the worker cannot be terminated.
    FailStop(Next),
    /// A stage of the next provisioning task fails.
    FailNext(FailNext),
    /// The next provisioning tasks never end.
    HangNext(Next),
    /// The next provisioning task takes longer.
    SlowNext(SlowNext),
    /// Decides what the services list.
    ListFault(ListFault),
    /// Limits how much a service takes on.
    Quota(Quota),
    /// Changes something, and changes it back before anybody can have looked.
    HiddenChange(HiddenChange),
    /// Updates an indexer many times within a short time.
    Churn(Churn),
    /// Starts a second coordinator beside the first.
    SecondCoordinator(SecondCoordinator),
    /// Replaces the coordinator by another program for a while.
    Downgrade(Downgrade),
    /// Breaks a service for good, or for a while.
    Broken(Defective),
}

/// An indexer, and what of its configuration changes.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConfigChange {
    /// Which indexer.
    pub indexer: Selector,
    /// The new code. An update that names neither code, schema, rule nor start
    /// gets code of its own, so that it is a change.
    pub code: Option<String>,
    /// The new schema; unchanged if not given.
    pub schema: Option<String>,
    /// The new rule; unchanged if not given.
    pub rule: Option<RuleSpec>,
    /// The new start block; unchanged if not given.
    pub start: Option<StartSpec>,
}

/// Which indexers.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// Which indexer.
    pub indexer: Selector,
}

/// Which node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OnNode {
    /// Which node.
    pub node: NodeName,
}

/// A freeze.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pause {
    /// Which node.
    pub node: NodeName,
    /// After this long it thaws by itself; by a `resume` step if not given.
    #[serde(default, with = "optional_duration")]
    pub r#for: Option<Duration>,
}

/// A kill with a restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Crash {
    /// Which node.
    pub node: NodeName,
    /// How long it is down; 5 s if not given.
    #[serde(default = "five_seconds", with = "human_duration")]
    pub down: Duration,
}

/// A crash of the coordinator at an effect (a mutating call or a state write).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CrashAtEffect {
    /// At which effect after the step, counted from 1.
    pub k: u64,
    /// True: the effect does not happen. False (the default): it has happened,
    /// and the coordinator does not learn of it.
    #[serde(default)]
    pub before: bool,
    /// How long it is down; 2 s if not given.
    #[serde(default = "two_seconds", with = "human_duration")]
    pub down: Duration,
}

/// A cut link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Partition {
    /// One end.
    pub from: NodeName,
    /// The other end.
    pub to: NodeName,
    /// False: only what `from` sends to `to` is lost. True if not given.
    #[serde(default = "yes")]
    pub both_ways: bool,
    /// How long; until the faults of the run end if not given.
    #[serde(default, with = "optional_duration")]
    pub r#for: Option<Duration>,
}

/// A slow link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Clog {
    /// One end.
    pub from: NodeName,
    /// The other end.
    pub to: NodeName,
    /// The latency of each message in either direction.
    pub latency: DurationRange,
    /// How long; until the faults of the run end if not given.
    #[serde(default, with = "optional_duration")]
    pub r#for: Option<Duration>,
}

/// What becomes of some calls of the coordinator. With neither `times` nor `for`
/// it is the next matching call; with both, whichever ends first.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallFault {
    /// Which calls.
    pub method: Method,
    /// What becomes of them.
    pub outcome: CallOutcome,
    /// How many calls.
    pub times: Option<u64>,
    /// How long.
    #[serde(default, with = "optional_duration")]
    pub r#for: Option<Duration>,
    /// Only calls about this indexer.
    pub indexer: Option<Selector>,
    /// The probability that a matching call is affected; 1 if not given.
    #[serde(default = "certain")]
    pub probability: f64,
}

/// What befalls the store. `conflict`, `error_before` and `error_after` concern
/// the coordinator's next commands, as `times` and `for` of [`CallFault`] say.
/// `read_only` and `oom` last `for` (until the faults end if not given).
/// `lose_tail` and `failover` forget the last `window`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoreFault {
    /// What happens.
    pub kind: StoreFaultKind,
    /// How many commands.
    pub times: Option<u64>,
    /// How long.
    #[serde(default, with = "optional_duration")]
    pub r#for: Option<Duration>,
    /// How much is forgotten.
    #[serde(default, with = "optional_duration")]
    pub window: Option<Duration>,
    /// Only commands about this indexer's keys.
    pub indexer: Option<Selector>,
    /// The probability that a matching command is affected; 1 if not given.
    #[serde(default = "certain")]
    pub probability: f64,
}

/// What the registry answers. With neither `times` nor `for` it is the next read.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegistryFault {
    /// What it answers.
    pub kind: RegistryFaultKind,
    /// How many reads.
    pub times: Option<u64>,
    /// How long.
    #[serde(default, with = "optional_duration")]
    pub r#for: Option<Duration>,
    /// How old the answers of `stale` are.
    #[serde(default, with = "optional_duration")]
    pub lag: Option<Duration>,
    /// The entry that `undecodable`, `null` and `drop_entries` are about.
    pub indexer: Option<Selector>,
    /// The probability that a read is affected; 1 if not given.
    #[serde(default = "certain")]
    pub probability: f64,
}

/// A record and its new text.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordText {
    /// Whose record.
    pub indexer: Selector,
    /// What stands in the store afterwards.
    pub value: String,
}

/// A block that cannot be fetched.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Poison {
    /// Whose worker fails to fetch it.
    pub indexer: Selector,
    /// Its height; the next block that is fetched if not given.
    pub height: Option<u64>,
}

/// Something that lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lasting {
    /// How long.
    #[serde(with = "human_duration")]
    pub r#for: Duration,
}

/// Slow starts of executors.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SlowStart {
    /// How long each takes.
    #[serde(with = "human_duration")]
    pub by: Duration,
    /// How many starts; 1 if not given.
    #[serde(default = "once")]
    pub times: u64,
    /// Only starts of this indexer.
    pub indexer: Option<Selector>,
}

/// Some of the next starts, stops or tasks.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Next {
    /// How many; 1 if not given.
    #[serde(default = "once")]
    pub times: u64,
    /// Only those of this indexer.
    pub indexer: Option<Selector>,
}

/// A failing provisioning task.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FailNext {
    /// The stage that fails, a name of [`sim_provisioner::Stage`]; whichever comes
    /// first if not given.
    pub stage: Option<String>,
    /// How often it fails; 1 if not given. Only `permissions` is tried more than
    /// once by a task.
    #[serde(default = "once")]
    pub times: u64,
    /// Only tasks of this indexer.
    pub indexer: Option<Selector>,
}

/// A slow provisioning task.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SlowNext {
    /// How much later its work begins.
    #[serde(with = "human_duration")]
    pub by: Duration,
    /// Only tasks of this indexer.
    pub indexer: Option<Selector>,
}

impl Action {
    /// The key that scenarios write.
    pub fn name(&self) -> &'static str {
        match self {
            Action::Register(_) => "register",
            Action::Update(_) => "update",
            Action::Reregister(_) => "reregister",
            Action::Delete(_) => "delete",
            Action::Enable(_) => "enable",
            Action::Disable(_) => "disable",
            Action::Hold(_) => "hold",
            Action::Release(_) => "release",
            Action::Retry(_) => "retry",
            Action::Kill(_) => "kill",
            Action::Restart(_) => "restart",
            Action::Pause(_) => "pause",
            Action::Resume(_) => "resume",
            Action::Crash(_) => "crash",
            Action::CrashCoordinatorAtEffect(_) => "crash_coordinator_at_effect",
            Action::Partition(_) => "partition",
            Action::Clog(_) => "clog",
            Action::Reorder(_) => "reorder",
            Action::LoseNodes(_) => "lose_nodes",
            Action::Swizzle(_) => "swizzle",
            Action::SlowNode(_) => "slow_node",
            Action::ClockSkew(_) => "clock_skew",
            Action::ClockJump(_) => "clock_jump",
            Action::ClockDrift(_) => "clock_drift",
            Action::CallFault(_) => "call_fault",
            Action::StoreFault(_) => "store_fault",
            Action::CorruptRecord(_) => "corrupt_record",
            Action::SetRecord(_) => "set_record",
            Action::RegistryFault(_) => "registry_fault",
            Action::PanicTask(_) => "panic_task",
            Action::KillTask(_) => "kill_task",
            Action::CrashWorker(_) => "crash_worker",
            Action::VanishWorker(_) => "vanish_worker",
            Action::Poison(_) => "poison",
            Action::FetchOutage(_) => "fetch_outage",
            Action::SlowStart(_) => "slow_start",
            Action::HangStart(_) => "hang_start",
            Action::FailStart(_) => "fail_start",
            Action::FailStop(_) => "fail_stop",
            Action::FailNext(_) => "fail_next",
            Action::HangNext(_) => "hang_next",
            Action::SlowNext(_) => "slow_next",
            Action::ListFault(_) => "list_fault",
            Action::Quota(_) => "quota",
            Action::HiddenChange(_) => "hidden_change",
            Action::Churn(_) => "churn",
            Action::SecondCoordinator(_) => "second_coordinator",
            Action::Downgrade(_) => "downgrade",
            Action::Broken(_) => "broken",
        }
    }

    /// The indexers it is about; `None` if it is about a node or about all.
    pub fn selector(&self) -> Option<&Selector> {
        match self {
            Action::Register(change) | Action::Update(change) | Action::Reregister(change) => {
                Some(&change.indexer)
            }
            Action::Delete(target)
            | Action::Enable(target)
            | Action::Disable(target)
            | Action::Hold(target)
            | Action::Release(target)
            | Action::Retry(target)
            | Action::PanicTask(target)
            | Action::KillTask(target)
            | Action::CrashWorker(target)
            | Action::VanishWorker(target) => Some(&target.indexer),
            Action::CorruptRecord(record) | Action::SetRecord(record) => Some(&record.indexer),
            Action::Poison(poison) => Some(&poison.indexer),
            Action::CallFault(fault) => fault.indexer.as_ref(),
            Action::StoreFault(fault) => fault.indexer.as_ref(),
            Action::RegistryFault(fault) => fault.indexer.as_ref(),
            Action::SlowStart(slow) => slow.indexer.as_ref(),
            Action::HangStart(next)
            | Action::FailStart(next)
            | Action::FailStop(next)
            | Action::HangNext(next) => next.indexer.as_ref(),
            Action::FailNext(fail) => fail.indexer.as_ref(),
            Action::SlowNext(slow) => slow.indexer.as_ref(),
            Action::ListFault(fault) => fault.indexer.as_ref(),
            Action::HiddenChange(change) => Some(&change.indexer),
            Action::Churn(churn) => Some(&churn.indexer),
            Action::Downgrade(downgrade) => Some(&downgrade.indexer),
            _ => None,
        }
    }

    /// True for what users and operators do, false for faults.
    pub fn is_operation(&self) -> bool {
        matches!(
            self,
            Action::Register(_)
                | Action::Update(_)
                | Action::Reregister(_)
                | Action::Delete(_)
                | Action::Enable(_)
                | Action::Disable(_)
                | Action::Hold(_)
                | Action::Release(_)
                | Action::Retry(_)
                | Action::HiddenChange(_)
                | Action::Churn(_)
        )
    }
}

fn five_seconds() -> Duration {
    Duration::from_secs(5)
}

fn two_seconds() -> Duration {
    Duration::from_secs(2)
}

fn yes() -> bool {
    true
}

fn certain() -> f64 {
    1.0
}

fn once() -> u64 {
    1
}
