//! Every way in which a call can end, for every call.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use lifecycle::{ActionStatus, IndexerId, Outcome, Rule, Spec, StartBlock, TaskSeen};
use proto::block_streamer::{self as bs, ProcessingState};
use proto::data_layer::{self as dl, TaskStatus};
use proto::runner::{self as rn, ExecutionState};
use tonic::{Code, Status};

use super::listing::LISTED_MAX;
use super::*;
use crate::sentence::LEN_MAX;
use crate::transport::{BlockStreamerTransport, ExecutorTransport, ProvisionerTransport};

const DEADLINE: Duration = Duration::from_millis(20);

/// How every call ends.
#[derive(Clone, Debug)]
enum End {
    Well,
    Unsent,
    /// Refused on our side.
    TooLarge,
    Never,
    With(Code),
}

struct Fake {
    end: End,
    stream: bs::StreamInfo,
    executor: rn::ExecutorInfo,
    task_id: String,
    task_status: i32,
    copies: usize,
    started: Mutex<Vec<String>>,
}

impl Fake {
    fn ending(end: End) -> Fake {
        Fake {
            end,
            stream: bs::StreamInfo {
                stream_id: "s".into(),
                account_id: "a.near".into(),
                function_name: "f".into(),
                version: 7,
                health: None,
            },
            executor: rn::ExecutorInfo {
                executor_id: "e".into(),
                account_id: "a.near".into(),
                function_name: "f".into(),
                version: 7,
                health: None,
            },
            task_id: "t".into(),
            task_status: 1,
            copies: 1,
            started: Mutex::default(),
        }
    }

    async fn end<T: Send>(&self, answer: T) -> CallResult<T> {
        match &self.end {
            End::Well => Ok(answer),
            End::Unsent => Err(CallError {
                status: Status::unavailable("no route"),
                unsent: true,
            }),
            End::TooLarge => Err(CallError {
                status: Status::out_of_range("5 MiB"),
                unsent: true,
            }),
            End::Never => std::future::pending().await,
            End::With(code) => Err(Status::new(*code, "because").into()),
        }
    }

    fn log(&self, request: impl std::fmt::Debug) {
        self.started.lock().unwrap().push(format!("{request:?}"));
    }
}

#[async_trait]
impl BlockStreamerTransport for Fake {
    async fn start_stream(
        &self,
        request: bs::StartStreamRequest,
    ) -> CallResult<bs::StartStreamResponse> {
        self.log(&request);
        self.end(bs::StartStreamResponse::default()).await
    }

    async fn stop_stream(
        &self,
        request: bs::StopStreamRequest,
    ) -> CallResult<bs::StopStreamResponse> {
        self.log(&request);
        self.end(bs::StopStreamResponse::default()).await
    }

    async fn get_stream(&self, _: bs::GetStreamRequest) -> CallResult<bs::StreamInfo> {
        self.end(self.stream.clone()).await
    }

    async fn list_streams(&self, _: bs::ListStreamsRequest) -> CallResult<bs::ListStreamsResponse> {
        let streams = vec![self.stream.clone(); self.copies];
        self.end(bs::ListStreamsResponse { streams }).await
    }
}

#[async_trait]
impl ExecutorTransport for Fake {
    async fn start_executor(
        &self,
        request: rn::StartExecutorRequest,
    ) -> CallResult<rn::StartExecutorResponse> {
        self.log(&request);
        self.end(rn::StartExecutorResponse::default()).await
    }

    async fn stop_executor(
        &self,
        request: rn::StopExecutorRequest,
    ) -> CallResult<rn::StopExecutorResponse> {
        self.log(&request);
        self.end(rn::StopExecutorResponse::default()).await
    }

    async fn get_executor(&self, _: rn::GetExecutorRequest) -> CallResult<rn::ExecutorInfo> {
        self.end(self.executor.clone()).await
    }

    async fn list_executors(
        &self,
        _: rn::ListExecutorsRequest,
    ) -> CallResult<rn::ListExecutorsResponse> {
        let executors = vec![self.executor.clone(); self.copies];
        self.end(rn::ListExecutorsResponse { executors }).await
    }
}

#[async_trait]
impl ProvisionerTransport for Fake {
    async fn start_provisioning_task(
        &self,
        request: dl::ProvisionRequest,
    ) -> CallResult<dl::StartTaskResponse> {
        self.log(&request);
        let task_id = self.task_id.clone();
        self.end(dl::StartTaskResponse { task_id }).await
    }

    async fn get_task_status(
        &self,
        _: dl::GetTaskStatusRequest,
    ) -> CallResult<dl::GetTaskStatusResponse> {
        let status = self.task_status;
        self.end(dl::GetTaskStatusResponse { status }).await
    }
}

fn id() -> IndexerId {
    IndexerId::new("a.near", "f").unwrap()
}

fn spec_of(rule: Rule) -> Spec {
    Spec::new(7, rule, StartBlock::Latest, "code".into(), "schema".into())
}

fn spec() -> Spec {
    spec_of(Rule::ActionAny {
        affected_account_id: "*.x.near".into(),
        status: ActionStatus::Fail,
    })
}

fn streamers(fake: &Arc<Fake>) -> BlockStreamers {
    BlockStreamers::new(fake.clone(), DEADLINE, DEADLINE, DEADLINE)
}

fn executors(fake: &Arc<Fake>) -> Executors {
    Executors::new(fake.clone(), DEADLINE, DEADLINE, DEADLINE)
}

fn provisioner(fake: &Arc<Fake>) -> Provisioner {
    Provisioner::new(fake.clone(), DEADLINE, DEADLINE)
}

/// An outcome without its detail.
fn kind(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Done(_) => "done",
        Outcome::AlreadyExists => "exists",
        Outcome::Rejected(_) => "rejected",
        Outcome::Unavailable(_) => "unavailable",
        Outcome::Indefinite(_) => "indefinite",
    }
}

const CODES: [(Code, &str); 16] = [
    (Code::Cancelled, "indefinite"),
    (Code::Unknown, "indefinite"),
    (Code::InvalidArgument, "rejected"),
    (Code::DeadlineExceeded, "indefinite"),
    (Code::NotFound, "rejected"),
    (Code::AlreadyExists, "exists"),
    (Code::PermissionDenied, "rejected"),
    (Code::ResourceExhausted, "indefinite"),
    (Code::FailedPrecondition, "rejected"),
    (Code::Aborted, "indefinite"),
    (Code::OutOfRange, "rejected"),
    (Code::Unimplemented, "rejected"),
    (Code::Internal, "indefinite"),
    (Code::Unavailable, "indefinite"),
    (Code::DataLoss, "indefinite"),
    (Code::Unauthenticated, "rejected"),
];

#[tokio::test]
async fn every_end_of_a_start_means_one_outcome() {
    let ends = CODES.map(|(code, expected)| (End::With(code), expected));
    let others = [
        (End::Well, "done"),
        (End::Unsent, "unavailable"),
        (End::Never, "indefinite"),
    ];
    for (end, expected) in ends.into_iter().chain(others) {
        let fake = Arc::new(Fake::ending(end.clone()));
        let outcome = streamers(&fake).start(&id(), &spec(), 9).await;
        assert_eq!(kind(&outcome), expected, "{end:?}");
        let outcome = executors(&fake).start(&id(), &spec()).await;
        assert_eq!(kind(&outcome), expected, "{end:?}");
        let outcome = provisioner(&fake).start(&id(), &spec()).await;
        let expected = match end {
            // Older provisioners say so that the data layer exists.
            End::With(Code::FailedPrecondition) => "exists",
            _ => expected,
        };
        assert_eq!(kind(&outcome), expected, "{end:?}");
    }
}

#[tokio::test]
async fn what_is_too_large_to_be_sent_is_not_tried_for_ever() {
    let fake = Arc::new(Fake::ending(End::TooLarge));
    let outcome = executors(&fake).start(&id(), &spec()).await;
    assert_eq!(kind(&outcome), "rejected");
}

#[tokio::test]
async fn every_end_of_a_stop_means_one_outcome() {
    let ends = CODES.map(|(code, expected)| (End::With(code), expected));
    let others = [
        (End::Well, "done"),
        (End::Unsent, "unavailable"),
        (End::Never, "indefinite"),
    ];
    for (end, expected) in ends.into_iter().chain(others) {
        let expected = match end {
            End::With(Code::NotFound) => "done",
            // Nobody answers so to a stop; it is nothing to build upon.
            End::With(Code::AlreadyExists) => "indefinite",
            _ => expected,
        };
        let fake = Arc::new(Fake::ending(end.clone()));
        let outcome = streamers(&fake).stop("s").await;
        assert_eq!(kind(&outcome), expected, "{end:?}");
        let outcome = executors(&fake).stop("e").await;
        assert_eq!(kind(&outcome), expected, "{end:?}");
    }
}

#[tokio::test]
async fn only_not_found_means_that_there_is_none() {
    for end in [
        End::Unsent,
        End::Never,
        End::With(Code::Internal),
        End::With(Code::Unknown),
    ] {
        let fake = Arc::new(Fake::ending(end));
        assert!(streamers(&fake).get(&id()).await.is_err());
        assert!(
            streamers(&fake)
                .list(&mut Listing::default())
                .await
                .is_err()
        );
        assert!(executors(&fake).get(&id()).await.is_err());
        assert!(
            executors(&fake)
                .list(&mut Listing::default())
                .await
                .is_err()
        );
        assert_eq!(provisioner(&fake).status("t").await, TaskSeen::Unknown);
    }
    let fake = Arc::new(Fake::ending(End::With(Code::NotFound)));
    assert_eq!(streamers(&fake).get(&id()).await, Ok(None));
    assert_eq!(executors(&fake).get(&id()).await, Ok(None));
    assert!(
        streamers(&fake)
            .list(&mut Listing::default())
            .await
            .is_err()
    );
    assert!(
        executors(&fake)
            .list(&mut Listing::default())
            .await
            .is_err()
    );
    assert_eq!(provisioner(&fake).status("t").await, TaskSeen::NotFound);
}

#[tokio::test]
async fn details_say_service_method_and_code_and_are_bounded() {
    let fake = Arc::new(Fake::ending(End::With(Code::InvalidArgument)));
    assert_eq!(
        streamers(&fake).start(&id(), &spec(), 9).await,
        Outcome::Rejected(
            "block streamer: StartStream failed with INVALID_ARGUMENT: because".into()
        )
    );
    let fake = Arc::new(Fake::ending(End::Unsent));
    assert_eq!(
        executors(&fake).stop("e").await,
        Outcome::Unavailable(
            "executor service: StopExecutor failed before it was sent with UNAVAILABLE: no route"
                .into()
        )
    );
    let fake = Arc::new(Fake::ending(End::Never));
    assert_eq!(
        provisioner(&fake).start(&id(), &spec()).await,
        Outcome::Indefinite(
            "provisioner: StartProvisioningTask was not answered within 20ms".into()
        )
    );
    let status = Status::internal("é".repeat(10_000));
    let detail = Failure::Call(status.into()).detail("service", "Method");
    assert!(detail.len() <= LEN_MAX, "{}", detail.len());
    assert!(detail.len() > LEN_MAX - 4);
    let status = Status::invalid_argument("line 1: `\u{1b}[2J\u{202e}` is no\r\ntype");
    assert_eq!(
        Failure::Call(status.into()).detail("service", "Method"),
        "service: Method failed with INVALID_ARGUMENT: line 1: ` [2J ` is no  type"
    );
}

#[tokio::test]
async fn starts_carry_the_spec_and_the_data_planes_key() {
    let fake = Arc::new(Fake::ending(End::Well));
    streamers(&fake).start(&id(), &spec(), 9).await;
    let call = spec_of(Rule::ActionFunctionCall {
        affected_account_id: "x.near".into(),
        status: ActionStatus::Any,
        function: "ft_*".into(),
    });
    streamers(&fake).start(&id(), &call, 10).await;
    executors(&fake).start(&id(), &spec()).await;
    provisioner(&fake).start(&id(), &spec()).await;
    let stream = |height, rule| bs::StartStreamRequest {
        start_block_height: height,
        account_id: "a.near".into(),
        function_name: "f".into(),
        version: 7,
        redis_stream: "a.near/f:block_stream".into(),
        rule: Some(rule),
    };
    let any = bs::ActionAnyRule {
        affected_account_id: "*.x.near".into(),
        status: bs::Status::Failure.into(),
    };
    let function_call = bs::ActionFunctionCallRule {
        affected_account_id: "x.near".into(),
        function_name: "ft_*".into(),
        status: bs::Status::Any.into(),
    };
    let executor = rn::StartExecutorRequest {
        redis_stream: "a.near/f:block_stream".into(),
        account_id: "a.near".into(),
        function_name: "f".into(),
        code: "code".into(),
        schema: "schema".into(),
        version: 7,
    };
    let task = dl::ProvisionRequest {
        account_id: "a.near".into(),
        function_name: "f".into(),
        schema: "schema".into(),
    };
    let expected = [
        format!(
            "{:?}",
            stream(9, bs::start_stream_request::Rule::ActionAnyRule(any))
        ),
        format!(
            "{:?}",
            stream(
                10,
                bs::start_stream_request::Rule::ActionFunctionCallRule(function_call)
            )
        ),
        format!("{executor:?}"),
        format!("{task:?}"),
    ];
    assert_eq!(*fake.started.lock().unwrap(), expected);
}

#[tokio::test]
async fn an_unsupported_rule_is_rejected_without_a_call() {
    let fake = Arc::new(Fake::ending(End::Well));
    let spec = spec_of(Rule::Unsupported("EVENT".into()));
    let outcome = streamers(&fake).start(&id(), &spec, 9).await;
    assert!(
        matches!(&outcome, Outcome::Rejected(why) if why.contains("EVENT")),
        "{outcome:?}"
    );
    assert!(fake.started.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_task_without_an_id_cannot_be_followed() {
    let mut fake = Fake::ending(End::Well);
    let outcome = provisioner(&Arc::new(Fake::ending(End::Well)))
        .start(&id(), &spec())
        .await;
    assert_eq!(outcome, Outcome::Done(Some("t".into())));
    fake.task_id.clear();
    let outcome = provisioner(&Arc::new(fake)).start(&id(), &spec()).await;
    assert_eq!(kind(&outcome), "indefinite");
}

#[tokio::test]
async fn the_health_of_a_stream_is_believed_only_where_it_is_understood() {
    let health = |state: i32| {
        Some(bs::Health {
            processing_state: state,
            updated_at_timestamp_secs: 50,
        })
    };
    let cases = [
        (None, false, None),
        (health(ProcessingState::Unspecified.into()), false, None),
        (health(ProcessingState::Idle.into()), false, Some(50)),
        (health(ProcessingState::Running.into()), false, Some(50)),
        (health(ProcessingState::Waiting.into()), false, Some(50)),
        (health(ProcessingState::Stalled.into()), true, Some(50)),
        (health(99), false, None),
        (health(-1), false, None),
    ];
    for (health, stalled, heartbeat) in cases {
        let mut fake = Fake::ending(End::Well);
        fake.stream.health = health;
        let view = streamers(&Arc::new(fake))
            .get(&id())
            .await
            .unwrap()
            .unwrap();
        let expected = StreamView {
            id: "s".into(),
            version: 7,
            stalled,
            heartbeat,
        };
        assert_eq!(view, expected);
    }
}

#[tokio::test]
async fn unknown_executor_states_are_fine() {
    let cases = [
        (None, ExecutorKind::Fine),
        (Some(ExecutionState::Unspecified as i32), ExecutorKind::Fine),
        (Some(ExecutionState::Running as i32), ExecutorKind::Fine),
        (Some(ExecutionState::Failing as i32), ExecutorKind::Failing),
        (Some(ExecutionState::Waiting as i32), ExecutorKind::Fine),
        (Some(ExecutionState::Stopped as i32), ExecutorKind::Fine),
        (Some(ExecutionState::Stalled as i32), ExecutorKind::Stalled),
        (Some(ExecutionState::Idle as i32), ExecutorKind::Starting),
        (Some(99), ExecutorKind::Fine),
        (Some(-1), ExecutorKind::Fine),
    ];
    for (execution_state, state) in cases {
        let mut fake = Fake::ending(End::Well);
        fake.executor.health =
            execution_state.map(|execution_state| rn::Health { execution_state });
        let mut listing = Listing::default();
        executors(&Arc::new(fake)).list(&mut listing).await.unwrap();
        let view = ExecutorView {
            id: "e".into(),
            version: 7,
            state,
        };
        assert_eq!(listing.all(), [(id(), view)].into(), "{execution_state:?}");
    }
}

#[tokio::test]
async fn unknown_task_states_are_pending() {
    let cases = [
        (TaskStatus::Unspecified as i32, TaskSeen::Pending),
        (TaskStatus::Pending as i32, TaskSeen::Pending),
        (TaskStatus::Complete as i32, TaskSeen::Complete),
        (TaskStatus::Failed as i32, TaskSeen::Failed),
        (99, TaskSeen::Pending),
    ];
    for (status, seen) in cases {
        let mut fake = Fake::ending(End::Well);
        fake.task_status = status;
        assert_eq!(provisioner(&Arc::new(fake)).status("t").await, seen);
    }
}

#[tokio::test]
async fn entries_that_name_no_indexer_are_left_out() {
    for account in ["", "a/b"] {
        let mut fake = Fake::ending(End::Well);
        fake.stream.account_id = account.into();
        fake.executor.account_id = account.into();
        let fake = Arc::new(fake);
        let (mut streams, mut runs) = (Listing::default(), Listing::default());
        streamers(&fake).list(&mut streams).await.unwrap();
        executors(&fake).list(&mut runs).await.unwrap();
        assert!(streams.all().is_empty() && runs.all().is_empty());
    }
}

#[tokio::test]
async fn a_listing_of_too_many_entries_is_refused() {
    let mut fake = Fake::ending(End::Well);
    fake.copies = LISTED_MAX + 1;
    let fake = Arc::new(fake);
    let mut last = Listing::default();
    let error = streamers(&fake).list(&mut last).await.unwrap_err();
    assert!(error.0.contains("200001"), "{error}");
    assert!(
        executors(&fake)
            .list(&mut Listing::default())
            .await
            .is_err()
    );
}

#[tokio::test(start_paused = true)]
async fn a_provisioner_is_there_if_it_answers_questions_about_tasks() {
    use tonic::Code;
    for (code, there) in [
        (Code::NotFound, true),
        (Code::InvalidArgument, true),
        (Code::Internal, true),
        (Code::Unauthenticated, false),
        (Code::PermissionDenied, false),
        (Code::Unimplemented, false),
        (Code::ResourceExhausted, false),
        (Code::Unavailable, false),
    ] {
        let answer = provisioner(&Arc::new(Fake::ending(End::With(code))))
            .answers()
            .await;
        assert_eq!(answer.is_ok(), there, "{code:?}");
    }
    for (end, there) in [(End::Well, true), (End::Never, false), (End::Unsent, false)] {
        let answer = provisioner(&Arc::new(Fake::ending(end))).answers().await;
        assert_eq!(answer.is_ok(), there);
    }
}
