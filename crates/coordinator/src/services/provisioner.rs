//! The provisioner.

use std::sync::Arc;
use std::time::Duration;

use lifecycle::{IndexerId, Outcome, Spec, TaskSeen};
use proto::data_layer::{GetTaskStatusRequest, ProvisionRequest, TaskStatus};
use tonic::Code;

use super::{ServiceError, within};
use crate::transport::ProvisionerTransport;

const NAME: &str = "provisioner";

/// The id of a task that never was: whoever says so is there.
const NO_TASK: &str = "coordinator-asks-whether-anybody-is-there";

/// Calls of the provisioner.
pub struct Provisioner {
    transport: Arc<dyn ProvisionerTransport>,
    call: Duration,
    read: Duration,
}

impl Provisioner {
    /// Calls over `transport`: starts get the deadline `call`, looks at a task
    /// `read`.
    pub fn new(
        transport: Arc<dyn ProvisionerTransport>,
        call: Duration,
        read: Duration,
    ) -> Provisioner {
        Provisioner {
            transport,
            call,
            read,
        }
    }

    /// Whether it may be away while the executors' service answers.
    pub fn stands_apart(&self) -> bool {
        self.transport.stands_apart()
    }

    /// Whether anybody is there who answers questions about tasks: that there is no
    /// such task, or with an error of its own.
    ///
    /// # Errors
    /// Nobody answered, or whoever did refuses us.
    pub async fn answers(&self) -> Result<(), ServiceError> {
        let request = GetTaskStatusRequest {
            task_id: NO_TASK.to_owned(),
        };
        match within(self.read, self.transport.get_task_status(request)).await {
            Ok(_) => Ok(()),
            // Whoever refuses everybody, or speaks something else, is as good as away.
            Err(failure) => match failure.code() {
                Some(
                    Code::NotFound
                    | Code::InvalidArgument
                    | Code::FailedPrecondition
                    | Code::OutOfRange
                    | Code::Internal
                    | Code::Unknown,
                ) => Ok(()),
                _ => Err(failure.into_error(NAME, "GetTaskStatus")),
            },
        }
    }

    /// Starts a task that creates the data layer of `id`. Done brings its id;
    /// without one the task cannot be followed, which counts as not knowing.
    pub async fn start(&self, id: &IndexerId, spec: &Spec) -> Outcome {
        const METHOD: &str = "StartProvisioningTask";
        let request = ProvisionRequest {
            account_id: id.account().to_owned(),
            function_name: id.function().to_owned(),
            schema: spec.schema.to_string(),
        };
        match within(self.call, self.transport.start_provisioning_task(request)).await {
            Ok(answer) if answer.task_id.is_empty() => {
                Outcome::Indefinite(format!("{NAME}: {METHOD} brought no task id"))
            }
            Ok(answer) => Outcome::Done(Some(answer.task_id)),
            // How earlier provisioners say that the data layer exists.
            Err(failure) if failure.code() == Some(Code::FailedPrecondition) => {
                Outcome::AlreadyExists
            }
            Err(failure) => failure.into_start_outcome(NAME, METHOD),
        }
    }

    /// How a task fares. A status we do not know counts as pending; a look that
    /// failed says nothing.
    pub async fn status(&self, task_id: &str) -> TaskSeen {
        let request = GetTaskStatusRequest {
            task_id: task_id.to_owned(),
        };
        match within(self.read, self.transport.get_task_status(request)).await {
            Ok(answer) => match TaskStatus::try_from(answer.status) {
                Ok(TaskStatus::Complete) => TaskSeen::Complete,
                Ok(TaskStatus::Failed) => TaskSeen::Failed,
                Ok(TaskStatus::Pending | TaskStatus::Unspecified) | Err(_) => TaskSeen::Pending,
            },
            Err(failure) if failure.code() == Some(Code::NotFound) => TaskSeen::NotFound,
            Err(failure) => {
                let detail = failure.detail(NAME, "GetTaskStatus");
                tracing::debug!(task_id, detail, "a task could not be looked at");
                TaskSeen::Unknown
            }
        }
    }
}
