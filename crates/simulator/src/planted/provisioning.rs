//! Bugs about the data layer.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use coordinator::Knobs;
use coordinator::transport::{CallResult, ProvisionerTransport};
use lifecycle::{
    Action, Cause, Gate, Observed, Outcome, Phase, Policy, Record, Run, Step, TaskSeen, Timestamp,
};
use proto::data_layer::{
    GetTaskStatusRequest, GetTaskStatusResponse, ProvisionRequest, StartTaskResponse,
};

use super::bug::Bug;
use super::pace::wait_for;
use super::{Planted, idle_bug, unsafe_bug};

pub(super) const BUGS: &[Planted] = &[
    unsafe_bug(
        "task-forgotten",
        "That a task was started is not written down",
        "The original's history: state not saved after starting provisioning",
        || Arc::new(TaskForgotten),
    ),
    unsafe_bug(
        "intent-called-again",
        "A task that may have been started is started again at once",
        "The original's known defect: a restart starts a second, conflicting task",
        || Arc::new(IntentCalledAgain),
    ),
    unsafe_bug(
        "lost-start-tried-again-at-once",
        "A start whose answer was lost does not block its account",
        "Controller pattern: lost acknowledgement",
        || Arc::new(LostStartTriedAgain),
    ),
    unsafe_bug(
        "start-repeated-by-the-transport",
        "The client repeats a start of a task that brought an error",
        "Controller pattern: a retry below the code that knows what is idempotent",
        || Arc::new(StartRepeated),
    ),
    unsafe_bug(
        "task-given-up-early",
        "A task that is pending for twenty seconds counts as dead",
        "The original's history: conflicting provisioning after a timeout",
        || Arc::new(TaskGivenUpEarly),
    ),
    unsafe_bug(
        "accounts-not-told-apart",
        "Whether the account is busy is not looked at",
        "The original's known defect: two tasks of one account at a time",
        || Arc::new(BusyAccountOverlooked),
    ),
    idle_bug(
        "failure-is-final",
        "An error while provisioning leads to a state without a way out",
        "The original's known defect: Repairing for ever, mended by hand",
        || Arc::new(FailureIsFinal),
    ),
    idle_bug(
        "lost-task-awaited",
        "A task that the provisioner does not know any more is waited for",
        "Controller pattern: a leaked wait after the other side restarted",
        || Arc::new(LostTaskAwaited),
    ),
    unsafe_bug(
        "failure-taken-for-success",
        "A task that failed counts as done",
        "The original's history: unhandled provisioning failures",
        || Arc::new(FailureTakenForSuccess),
    ),
    unsafe_bug(
        "provisioned-anew-for-each-version",
        "An update takes a running indexer back to its beginning",
        "Controller pattern: a state machine without a list of transitions",
        || Arc::new(ProvisionedForEachVersion),
    ),
    unsafe_bug(
        "data-layer-forgotten-by-a-restart",
        "A data layer that is done only in the coordinator's next life is not noted",
        "Controller pattern: what a crash interrupts is carried out otherwise after it",
        || Arc::new(ForgottenByRestart),
    ),
    idle_bug(
        "polls-share-the-rate-limit",
        "All calls of the provisioner, polls included, pass one every five seconds",
        "The original's known defect: the last of N waits for all others twice",
        || Arc::new(PollsShareTheRateLimit::default()),
    ),
];

struct TaskForgotten;

impl Bug for TaskForgotten {
    fn remember(
        &self,
        _before: &Record,
        action: &Action,
        outcome: &Outcome,
        after: Record,
    ) -> Record {
        match (action, outcome) {
            (Action::StartProvisioning(_), Outcome::Done(_)) => Record {
                task: None,
                ..after
            },
            _ => after,
        }
    }
}

struct ForgottenByRestart;

impl Bug for ForgottenByRestart {
    fn decide(&self, seen: &Observed, step: Step, _policy: &Policy, _now: Timestamp) -> Step {
        let task = seen.record.as_ref().and_then(|record| record.task.as_ref());
        let earlier = task.is_some_and(|task| task.since < seen.running_since);
        match step {
            Step::Commit(mut next) if earlier && next.phase == Phase::Running => {
                next.provisioned = false;
                Step::Commit(next)
            }
            step => step,
        }
    }
}

struct IntentCalledAgain;

impl Bug for IntentCalledAgain {
    fn look(&self, seen: &mut Observed, _now: Timestamp) {
        seen.armed = true;
    }
}

struct LostStartTriedAgain;

impl Bug for LostStartTriedAgain {
    fn knobs(&self, knobs: &mut Knobs) {
        knobs.policy.provisioning_settle = Duration::from_millis(1);
    }
}

struct StartRepeated;

#[async_trait]
impl Bug for StartRepeated {
    async fn start_provisioning_task(
        &self,
        to: &dyn ProvisionerTransport,
        request: ProvisionRequest,
    ) -> CallResult<StartTaskResponse> {
        match to.start_provisioning_task(request.clone()).await {
            Err(_) => to.start_provisioning_task(request).await,
            answer => answer,
        }
    }
}

struct TaskGivenUpEarly;

impl Bug for TaskGivenUpEarly {
    fn knobs(&self, knobs: &mut Knobs) {
        knobs.policy.provisioning_timeout = Duration::from_secs(20);
        knobs.policy.provisioning_abandon = Duration::from_secs(20);
    }
}

struct BusyAccountOverlooked;

impl Bug for BusyAccountOverlooked {
    fn look(&self, seen: &mut Observed, _now: Timestamp) {
        seen.gate = Gate::Open;
    }
}

struct FailureIsFinal;

impl Bug for FailureIsFinal {
    fn decide(&self, seen: &Observed, step: Step, _policy: &Policy, _now: Timestamp) -> Step {
        let repair = seen
            .record
            .as_ref()
            .and_then(|record| record.repair.as_ref());
        let failed = repair.is_some_and(|repair| {
            matches!(
                repair.cause,
                Cause::ProvisioningFailed
                    | Cause::ProvisioningLost
                    | Cause::ProvisioningUncertain
                    | Cause::ProvisioningNotStarted
            )
        });
        let commits = match &step {
            Step::Commit(next) => matches!(next.phase, Phase::Deleting | Phase::Suspending),
            _ => false,
        };
        let stays = seen
            .record
            .as_ref()
            .is_some_and(|it| it.phase == Phase::Repairing);
        if failed && stays && !commits {
            wait_for(None)
        } else {
            step
        }
    }
}

struct LostTaskAwaited;

impl Bug for LostTaskAwaited {
    fn look(&self, seen: &mut Observed, _now: Timestamp) {
        if seen.task == TaskSeen::NotFound {
            seen.task = TaskSeen::Pending;
        }
    }
}

struct FailureTakenForSuccess;

impl Bug for FailureTakenForSuccess {
    fn look(&self, seen: &mut Observed, _now: Timestamp) {
        if seen.task == TaskSeen::Failed {
            seen.task = TaskSeen::Complete;
        }
    }
}

struct ProvisionedForEachVersion;

impl Bug for ProvisionedForEachVersion {
    fn decide(&self, seen: &Observed, step: Step, _policy: &Policy, _now: Timestamp) -> Step {
        let before = seen.record.as_ref().and_then(|record| record.run);
        match step {
            Step::Commit(next) if is_other(before, next.run) => Step::Commit(Box::new(Record {
                phase: Phase::Initializing,
                provisioned: false,
                ..*next
            })),
            step => step,
        }
    }
}

fn is_other(before: Option<Run>, next: Option<Run>) -> bool {
    match (before, next) {
        (Some(before), Some(next)) => before.target.version != next.target.version,
        _ => false,
    }
}

#[derive(Default)]
struct PollsShareTheRateLimit(tokio::sync::Mutex<()>);

impl PollsShareTheRateLimit {
    async fn queue(&self) {
        let _turn = self.0.lock().await;
        tokio::time::sleep(Duration::from_secs(5)).await;
    }
}

#[async_trait]
impl Bug for PollsShareTheRateLimit {
    async fn start_provisioning_task(
        &self,
        to: &dyn ProvisionerTransport,
        request: ProvisionRequest,
    ) -> CallResult<StartTaskResponse> {
        self.queue().await;
        to.start_provisioning_task(request).await
    }

    async fn get_task_status(
        &self,
        to: &dyn ProvisionerTransport,
        request: GetTaskStatusRequest,
    ) -> CallResult<GetTaskStatusResponse> {
        self.queue().await;
        to.get_task_status(request).await
    }
}
