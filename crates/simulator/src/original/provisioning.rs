//! Data layers: a task is started and polled to its end inside the handler, and
//! all calls of all indexers share one rate limit.

use std::time::Duration;

use proto::data_layer::{GetTaskStatusRequest, ProvisionRequest, TaskStatus};
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep, sleep_until};
use tonic::Code;

use super::Original;
use super::registry::Config;

/// One call in this time, of whatever kind, for whomever.
const PER_CALL: Duration = Duration::from_secs(5);

/// The pause between two looks at a task, besides the waiting for its turn.
const LOOK: Duration = Duration::from_secs(1);

/// After so many looks a task is given up.
const LOOKS_MAX: u32 = 610;

/// The queue of all who wait to call the provisioner: first come, first served.
#[derive(Default)]
pub(super) struct Limiter {
    next: Mutex<Option<Instant>>,
}

impl Limiter {
    async fn turn(&self) {
        let mut next = self.next.lock().await;
        if let Some(at) = *next {
            sleep_until(at).await;
        }
        *next = Some(Instant::now() + PER_CALL);
    }
}

impl Original {
    /// Provisions a data layer, however long it takes.
    ///
    /// # Errors
    /// Anything but success, the first look that fails included.
    pub(super) async fn provision(&self, config: &Config) -> Result<(), String> {
        let request = ProvisionRequest {
            account_id: config.account.clone(),
            function_name: config.function.clone(),
            schema: config.entry.schema.clone(),
        };
        self.provisioner.turn().await;
        let started = self
            .ports
            .provisioner
            .start_provisioning_task(request)
            .await;
        let task_id = match started {
            Ok(answer) => answer.task_id,
            // How an earlier provisioner said that there is one.
            Err(error) if error.status.code() == Code::FailedPrecondition => return Ok(()),
            Err(error) => return Err(format!("StartProvisioningTask: {error}")),
        };
        for _ in 0..LOOKS_MAX {
            let request = GetTaskStatusRequest {
                task_id: task_id.clone(),
            };
            self.provisioner.turn().await;
            let seen = self.ports.provisioner.get_task_status(request).await;
            let seen = seen.map_err(|error| format!("GetTaskStatus: {error}"))?;
            match TaskStatus::try_from(seen.status) {
                Ok(TaskStatus::Complete) => return Ok(()),
                Ok(TaskStatus::Pending) => sleep(LOOK).await,
                Ok(TaskStatus::Failed | TaskStatus::Unspecified) | Err(_) => {
                    return Err(format!("data layer task {task_id} failed"));
                }
            }
        }
        Err(format!("data layer task {task_id} took too long"))
    }
}
