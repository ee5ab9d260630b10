//! The executor service.

use std::sync::Arc;
use std::time::Duration;

use lifecycle::{IndexerId, Outcome, Spec};
use proto::runner::{
    ExecutionState, ExecutorInfo, GetExecutorRequest, ListExecutorsRequest, StartExecutorRequest,
    StopExecutorRequest,
};
use tonic::Code;

use super::listing::Entry;
use super::{Listing, News, ServiceError, within};
use crate::store::keys;
use crate::transport::ExecutorTransport;

const NAME: &str = "executor service";

/// Calls of the executor service.
pub struct Executors {
    transport: Arc<dyn ExecutorTransport>,
    call: Duration,
    read: Duration,
    list: Duration,
}

/// What an executor is doing, without its age: the service does not say it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ExecutorKind {
    /// Accepted; its worker does not run yet.
    Starting,
    /// Running, or waiting for blocks; also any value we do not know.
    Fine,
    /// Failing on one block again and again.
    Failing,
    /// Its worker died, or never started.
    Stalled,
}

/// An executor as the service describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExecutorView {
    /// What stops it.
    pub id: String,
    /// The version it was started with.
    pub version: u64,
    /// What it is doing.
    pub state: ExecutorKind,
}

impl Executors {
    /// Calls over `transport`: starts and stops get the deadline `call`, looks
    /// at one executor `read`, listings `list`.
    pub fn new(
        transport: Arc<dyn ExecutorTransport>,
        call: Duration,
        read: Duration,
        list: Duration,
    ) -> Executors {
        Executors {
            transport,
            call,
            read,
            list,
        }
    }

    /// Starts the executor of `id`. Done means accepted, not that it works.
    pub async fn start(&self, id: &IndexerId, spec: &Spec) -> Outcome {
        let request = StartExecutorRequest {
            redis_stream: keys::queue(id),
            account_id: id.account().to_owned(),
            function_name: id.function().to_owned(),
            code: spec.code.to_string(),
            schema: spec.schema.to_string(),
            version: spec.version,
        };
        match within(self.call, self.transport.start_executor(request)).await {
            Ok(_) => Outcome::Done(None),
            Err(failure) => failure.into_start_outcome(NAME, "StartExecutor"),
        }
    }

    /// Stops the executor with this id. Done also if there is none.
    pub async fn stop(&self, executor_id: &str) -> Outcome {
        let request = StopExecutorRequest {
            executor_id: executor_id.to_owned(),
        };
        match within(self.call, self.transport.stop_executor(request)).await {
            Ok(_) => Outcome::Done(None),
            Err(failure) => failure.into_stop_outcome(NAME, "StopExecutor"),
        }
    }

    /// The executor of `id`; `None` if the service says that there is none.
    ///
    /// # Errors
    /// There was no usable answer.
    pub async fn get(&self, id: &IndexerId) -> Result<Option<ExecutorView>, ServiceError> {
        let request = GetExecutorRequest {
            account_id: id.account().to_owned(),
            function_name: id.function().to_owned(),
        };
        match within(self.read, self.transport.get_executor(request)).await {
            Ok(info) => Ok(Some(info.view())),
            Err(failure) if failure.code() == Some(Code::NotFound) => Ok(None),
            Err(failure) => Err(failure.into_error(NAME, "GetExecutor")),
        }
    }

    /// Brings `last` up to date with all executors; returns what is new. Entries that
    /// name no indexer are left out.
    ///
    /// # Errors
    /// There was no usable answer, or one of too many entries; `last` stays.
    pub async fn list(&self, last: &mut Listing<ExecutorInfo>) -> Result<News, ServiceError> {
        let listed = within(
            self.list,
            self.transport.list_executors(ListExecutorsRequest {}),
        )
        .await
        .map_err(|failure| failure.into_error(NAME, "ListExecutors"))?;
        last.take(NAME, listed.executors)
    }
}

impl Entry for ExecutorInfo {
    type View = ExecutorView;

    fn name(&self) -> (&str, &str) {
        (&self.account_id, &self.function_name)
    }

    fn view(&self) -> ExecutorView {
        let state = self
            .health
            .as_ref()
            .and_then(|health| ExecutionState::try_from(health.execution_state).ok());
        let state = match state {
            Some(ExecutionState::Idle) => ExecutorKind::Starting,
            Some(ExecutionState::Failing) => ExecutorKind::Failing,
            Some(ExecutionState::Stalled) => ExecutorKind::Stalled,
            Some(
                ExecutionState::Unspecified
                | ExecutionState::Running
                | ExecutionState::Waiting
                | ExecutionState::Stopped,
            )
            | None => ExecutorKind::Fine,
        };
        ExecutorView {
            id: self.executor_id.clone(),
            version: self.version,
            state,
        }
    }
}
