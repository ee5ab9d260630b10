//! Executors: how one stands, and what the original does about it.

use proto::runner::{
    ExecutionState, ExecutorInfo, GetExecutorRequest, StartExecutorRequest, StopExecutorRequest,
};
use tokio::time::sleep;
use tonic::Code;

use super::Original;
use super::registry::Config;
use super::streams::UNWELL_PAUSE;

enum Status {
    Active,
    Inactive,
    Outdated,
    Unhealthy,
}

impl Original {
    async fn executor(&self, config: &Config) -> Result<Option<ExecutorInfo>, String> {
        let request = GetExecutorRequest {
            account_id: config.account.clone(),
            function_name: config.function.clone(),
        };
        match self.ports.executors.get_executor(request).await {
            Ok(info) => Ok(Some(info)),
            Err(error) if error.status.code() == Code::NotFound => Ok(None),
            Err(error) => Err(format!("GetExecutor: {error}")),
        }
    }

    async fn executor_status(&self, config: &Config) -> Result<Status, String> {
        let Some(executor) = self.executor(config).await? else {
            return Ok(Status::Inactive);
        };
        let stalled = i32::from(ExecutionState::Stalled);
        // FAILING counts as healthy, and so does IDLE, however long it lasts.
        let unwell = executor
            .health
            .is_none_or(|health| health.execution_state == stalled);
        Ok(if executor.version != config.version() {
            Status::Outdated
        } else if unwell {
            Status::Unhealthy
        } else {
            Status::Active
        })
    }

    /// Makes the executor what the entry asks for.
    pub(super) async fn synchronise_executor(&self, config: &Config) -> Result<(), String> {
        match self.executor_status(config).await? {
            Status::Active => return Ok(()),
            Status::Inactive => {}
            Status::Outdated => self.stop_executor(config).await?,
            Status::Unhealthy => {
                sleep(UNWELL_PAUSE).await;
                self.stop_executor(config).await?;
            }
        }
        self.start_executor(config).await
    }

    async fn start_executor(&self, config: &Config) -> Result<(), String> {
        let request = StartExecutorRequest {
            redis_stream: config.queue(),
            account_id: config.account.clone(),
            function_name: config.function.clone(),
            code: config.entry.code.clone(),
            schema: config.entry.schema.clone(),
            version: config.version(),
        };
        let started = self.ports.executors.start_executor(request).await;
        started
            .map(|_| ())
            .map_err(|error| format!("StartExecutor: {error}"))
    }

    /// Stops the executor if the runner lists one.
    ///
    /// # Errors
    /// Either call failed; that it is gone by now counts as a failure too.
    pub(super) async fn stop_executor(&self, config: &Config) -> Result<(), String> {
        let Some(executor) = self.executor(config).await? else {
            return Ok(());
        };
        let request = StopExecutorRequest {
            executor_id: executor.executor_id,
        };
        let stopped = self.ports.executors.stop_executor(request).await;
        stopped
            .map(|_| ())
            .map_err(|error| format!("StopExecutor: {error}"))
    }
}
