//! What is asked, and what an answer says.

use std::collections::BTreeMap;

use coordinator::transport::CallResult;
use proto::block_streamer::{
    ActionAnyRule, GetStreamRequest, ListStreamsRequest, StartStreamRequest, StopStreamRequest,
    start_stream_request,
};
use proto::data_layer::{GetTaskStatusRequest, ProvisionRequest};
use proto::runner::{
    GetExecutorRequest, ListExecutorsRequest, StartExecutorRequest, StopExecutorRequest,
};

use super::{Node, Transports};

/// The accounts of the suite, besides those of crowds.
pub const ACCOUNTS: [&str; 3] = ["alice.near", "bob.near", "carol.near"];

/// The account of the `number`th of many.
pub fn crowd_account(number: usize) -> String {
    format!("n{number}.near")
}

/// The name of a function that few of fill a listing: nearly as long as one may be.
pub fn long_function() -> String {
    "f".repeat(60_000)
}

/// The function of every other indexer of the suite.
const FUNCTION: &str = "feed";
/// Where streams start.
const START_HEIGHT: u64 = 100;
/// An id that no service gave out.
const UNKNOWN_ID: &str = "nobody-knows-this-id";

/// One call. The text is an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// StartStream.
    StartStream(String),
    /// StartStream of this version.
    StartStreamOf(String, u64),
    /// StartStream without a rule.
    StartStreamWithoutRule(String),
    /// StopStream with the last id that the account's stream was given.
    StopStream(String),
    /// GetStream.
    GetStream(String),
    /// ListStreams.
    ListStreams,
    /// StartExecutor.
    StartExecutor(String),
    /// StartExecutor with code of so many bytes.
    StartExecutorWith(String, usize),
    /// StopExecutor with the last id that the account's executor was given.
    StopExecutor(String),
    /// StopExecutor with an empty id.
    StopExecutorWithoutId,
    /// GetExecutor.
    GetExecutor(String),
    /// ListExecutors.
    ListExecutors,
    /// StartProvisioningTask.
    StartTask(String),
    /// GetTaskStatus of the last task that the account was given.
    GetTask(String),
}

/// What an answer says, as far as the suite looks at it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Said {
    /// How many entries a listing has.
    pub listed: Option<usize>,
    /// The version of a stream or executor.
    pub version: Option<u64>,
    /// The number of the health or of a task's status.
    pub state: Option<i32>,
    /// An id that was given out.
    pub id: Option<String>,
}

/// The ids that services gave out, by what they name and account.
#[derive(Clone, Debug, Default)]
pub(super) struct Ids(BTreeMap<(&'static str, String), String>);

impl Ids {
    fn of(&self, what: &'static str, account: &str) -> String {
        self.0
            .get(&(what, account.to_owned()))
            .cloned()
            .unwrap_or_else(|| UNKNOWN_ID.to_owned())
    }

    /// Keeps the id that an answer to `ask` brought.
    pub(super) fn learn(&mut self, ask: &Ask, said: &Said) {
        let (what, account) = match ask {
            Ask::StartStream(account)
            | Ask::StartStreamOf(account, _)
            | Ask::GetStream(account) => ("stream", account),
            Ask::StartExecutor(account)
            | Ask::StartExecutorWith(account, _)
            | Ask::GetExecutor(account) => ("executor", account),
            Ask::StartTask(account) => ("task", account),
            _ => return,
        };
        if let Some(id) = &said.id {
            self.0.insert((what, account.clone()), id.clone());
        }
    }
}

impl Ask {
    /// Who serves it.
    pub fn node(&self) -> Node {
        match self {
            Ask::StartStream(_)
            | Ask::StartStreamOf(..)
            | Ask::StartStreamWithoutRule(_)
            | Ask::StopStream(_)
            | Ask::GetStream(_)
            | Ask::ListStreams => Node::Streamer,
            _ => Node::Runner,
        }
    }

    /// Makes the call.
    pub(super) async fn make(&self, to: &Transports, ids: &Ids) -> CallResult<Said> {
        match self {
            Ask::StartStream(account) => start_stream(to, account, 7, true).await,
            Ask::StartStreamOf(account, version) => start_stream(to, account, *version, true).await,
            Ask::StartStreamWithoutRule(account) => start_stream(to, account, 7, false).await,
            Ask::StopStream(account) => {
                let stream_id = ids.of("stream", account);
                let request = StopStreamRequest { stream_id };
                to.block_streamer.stop_stream(request).await.map(nothing)
            }
            Ask::GetStream(account) => get_stream(to, account).await,
            Ask::ListStreams => {
                let answer = to
                    .block_streamer
                    .list_streams(ListStreamsRequest {})
                    .await?;
                Ok(listed(answer.streams.len()))
            }
            Ask::StartExecutor(account) => start_executor(to, account, "code".to_owned()).await,
            Ask::StartExecutorWith(account, len) => {
                start_executor(to, account, "x".repeat(*len)).await
            }
            Ask::StopExecutor(account) => {
                let executor_id = ids.of("executor", account);
                let request = StopExecutorRequest { executor_id };
                to.executors.stop_executor(request).await.map(nothing)
            }
            Ask::StopExecutorWithoutId => {
                let request = StopExecutorRequest::default();
                to.executors.stop_executor(request).await.map(nothing)
            }
            Ask::GetExecutor(account) => get_executor(to, account).await,
            Ask::ListExecutors => {
                let answer = to.executors.list_executors(ListExecutorsRequest {}).await?;
                Ok(listed(answer.executors.len()))
            }
            Ask::StartTask(account) => start_task(to, account).await,
            Ask::GetTask(account) => {
                let task_id = ids.of("task", account);
                let request = GetTaskStatusRequest { task_id };
                let answer = to.provisioner.get_task_status(request).await?;
                Ok(Said {
                    state: Some(answer.status),
                    ..Said::default()
                })
            }
        }
    }
}

async fn start_stream(
    to: &Transports,
    account: &str,
    version: u64,
    with_rule: bool,
) -> CallResult<Said> {
    let rule = start_stream_request::Rule::ActionAnyRule(ActionAnyRule {
        affected_account_id: "app.near".to_owned(),
        status: proto::block_streamer::Status::Any.into(),
    });
    let request = StartStreamRequest {
        start_block_height: START_HEIGHT,
        account_id: account.to_owned(),
        function_name: FUNCTION.to_owned(),
        version,
        redis_stream: format!("{account}/{FUNCTION}:block_stream"),
        rule: with_rule.then_some(rule),
    };
    let answer = to.block_streamer.start_stream(request).await?;
    Ok(given(answer.stream_id))
}

async fn get_stream(to: &Transports, account: &str) -> CallResult<Said> {
    let request = GetStreamRequest {
        account_id: account.to_owned(),
        function_name: FUNCTION.to_owned(),
    };
    let answer = to.block_streamer.get_stream(request).await?;
    Ok(Said {
        version: Some(answer.version),
        state: answer.health.map(|health| health.processing_state),
        id: Some(answer.stream_id),
        listed: None,
    })
}

async fn start_executor(to: &Transports, account: &str, code: String) -> CallResult<Said> {
    let request = StartExecutorRequest {
        redis_stream: format!("{account}/{FUNCTION}:block_stream"),
        account_id: account.to_owned(),
        function_name: FUNCTION.to_owned(),
        code,
        schema: "schema".to_owned(),
        version: 7,
    };
    let answer = to.executors.start_executor(request).await?;
    Ok(given(answer.executor_id))
}

async fn get_executor(to: &Transports, account: &str) -> CallResult<Said> {
    let request = GetExecutorRequest {
        account_id: account.to_owned(),
        function_name: FUNCTION.to_owned(),
    };
    let answer = to.executors.get_executor(request).await?;
    Ok(Said {
        version: Some(answer.version),
        state: answer.health.map(|health| health.execution_state),
        id: Some(answer.executor_id),
        listed: None,
    })
}

async fn start_task(to: &Transports, account: &str) -> CallResult<Said> {
    let request = ProvisionRequest {
        account_id: account.to_owned(),
        function_name: FUNCTION.to_owned(),
        schema: "schema".to_owned(),
    };
    let answer = to.provisioner.start_provisioning_task(request).await?;
    Ok(given(answer.task_id))
}

fn nothing<T>(_: T) -> Said {
    Said::default()
}

fn listed(count: usize) -> Said {
    Said {
        listed: Some(count),
        ..Said::default()
    }
}

fn given(id: String) -> Said {
    Said {
        id: Some(id),
        ..Said::default()
    }
}
