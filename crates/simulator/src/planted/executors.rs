//! Bugs about executors.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use coordinator::Knobs;
use coordinator::transport::{CallResult, ExecutorTransport};
use lifecycle::{ExecutorState, Observed, Seen, Timestamp};
use proto::runner::{
    ListExecutorsRequest, StartExecutorRequest, StartExecutorResponse, StopExecutorRequest,
    StopExecutorResponse,
};

use super::bug::Bug;
use super::{Planted, idle_bug, unsafe_bug};

pub(super) const BUGS: &[Planted] = &[
    unsafe_bug(
        "starting-executor-stopped",
        "An executor is stopped while it is still starting",
        "The runner's race: such a stop leaves a worker that nothing reaches",
        || Arc::new(StartingStopped),
    ),
    unsafe_bug(
        "whole-account-stopped",
        "A stop of an executor stops the others of its account, too",
        "The original's history: stopping foreign executors",
        || Arc::new(WholeAccountStopped),
    ),
    unsafe_bug(
        "foreign-executors-stopped",
        "What this process has not started itself is stopped",
        "The original's history: its list of executors was empty after a restart",
        || Arc::new(ForeignStopped::default()),
    ),
    idle_bug(
        "dead-executor-taken-for-fine",
        "An executor whose worker died is left as it is",
        "The original knows no unhealthy executors before its last months",
        || Arc::new(DeadTakenForFine),
    ),
    unsafe_bug(
        "executor-reads-anothers-queue",
        "An executor is given the queue of the one started before it",
        "The runner trusts the name of the queue verbatim",
        || Arc::new(AnothersQueue::default()),
    ),
    unsafe_bug(
        "executor-start-hedged",
        "A stop of an executor does not wait for its end before the next start",
        "Controller pattern: an order is taken for its effect",
        || Arc::new(StopNotAwaited),
    ),
    unsafe_bug(
        "executor-of-the-last-version",
        "An executor is started with the version that the one before it had",
        "Controller pattern: a value is cached by name",
        || Arc::new(LastVersion::default()),
    ),
];

struct StartingStopped;

impl Bug for StartingStopped {
    fn knobs(&self, knobs: &mut Knobs) {
        knobs.policy.executor_start_grace = Duration::ZERO;
    }
}

struct WholeAccountStopped;

#[async_trait]
impl Bug for WholeAccountStopped {
    async fn stop_executor(
        &self,
        to: &dyn ExecutorTransport,
        request: StopExecutorRequest,
    ) -> CallResult<StopExecutorResponse> {
        let listed = to.list_executors(ListExecutorsRequest {}).await?.executors;
        let own = listed
            .iter()
            .find(|it| it.executor_id == request.executor_id);
        let account = own.map(|it| it.account_id.clone());
        for other in listed {
            let shares = account.as_ref() == Some(&other.account_id);
            if shares && other.executor_id != request.executor_id {
                let executor_id = other.executor_id;
                to.stop_executor(StopExecutorRequest { executor_id })
                    .await?;
            }
        }
        to.stop_executor(request).await
    }
}

#[derive(Default)]
struct ForeignStopped(Mutex<BTreeSet<String>>);

#[async_trait]
impl Bug for ForeignStopped {
    async fn start_executor(
        &self,
        to: &dyn ExecutorTransport,
        request: StartExecutorRequest,
    ) -> CallResult<StartExecutorResponse> {
        let name = format!("{}/{}", request.account_id, request.function_name);
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(name);
        to.start_executor(request).await
    }

    fn look(&self, seen: &mut Observed, _now: Timestamp) {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Seen::Present(executor) = &mut seen.executor
            && !known.contains(seen.id.as_str())
        {
            executor.version = 0;
        }
    }
}

struct DeadTakenForFine;

impl Bug for DeadTakenForFine {
    fn look(&self, seen: &mut Observed, _now: Timestamp) {
        if let Seen::Present(executor) = &mut seen.executor
            && executor.state == ExecutorState::Stalled
        {
            executor.state = ExecutorState::Fine;
        }
    }
}

#[derive(Default)]
struct AnothersQueue(Mutex<Option<String>>);

#[async_trait]
impl Bug for AnothersQueue {
    async fn start_executor(
        &self,
        to: &dyn ExecutorTransport,
        mut request: StartExecutorRequest,
    ) -> CallResult<StartExecutorResponse> {
        let own = request.redis_stream.clone();
        let last = self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .replace(own);
        request.redis_stream = last.unwrap_or(request.redis_stream);
        to.start_executor(request).await
    }
}

struct StopNotAwaited;

#[async_trait]
impl Bug for StopNotAwaited {
    async fn start_executor(
        &self,
        to: &dyn ExecutorTransport,
        request: StartExecutorRequest,
    ) -> CallResult<StartExecutorResponse> {
        let answer = to.start_executor(request.clone()).await?;
        let executor_id = answer.executor_id.clone();
        // Started once more, to be sure that the newest code runs.
        to.stop_executor(StopExecutorRequest { executor_id })
            .await?;
        to.start_executor(request).await
    }
}

#[derive(Default)]
struct LastVersion(Mutex<BTreeMap<String, u64>>);

impl LastVersion {
    /// The version that was started under this name first.
    fn last(&self, name: String, version: u64) -> u64 {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *known.entry(name).or_insert(version)
    }
}

#[async_trait]
impl Bug for LastVersion {
    async fn start_executor(
        &self,
        to: &dyn ExecutorTransport,
        mut request: StartExecutorRequest,
    ) -> CallResult<StartExecutorResponse> {
        let name = format!("{}/{}", request.account_id, request.function_name);
        request.version = self.last(name, request.version);
        to.start_executor(request).await
    }
}
