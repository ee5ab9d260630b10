//! The suite must notice worlds that do not behave.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use coordinator::transport::{
    BlockStreamerTransport, CallError, CallResult, ExecutorTransport, ProvisionerTransport,
};
use proto::{block_streamer, data_layer, runner};
use tonic::{Code, Status};

use super::{
    Act, Applied, Ask, Case, Ending, Ends, Fault, Kind, Said, Step, Transports, World, play,
};

/// What is wrong with a world in which streams can be started, and no more.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Lie {
    None,
    NoEffect,
    TwoEffects,
    AnotherAccount,
    Error,
    Unsent,
    NoAnswer,
}

#[derive(Clone)]
struct Toy {
    lie: Lie,
    applied: Arc<Mutex<Vec<Applied>>>,
}

fn toy(lie: Lie) -> Toy {
    Toy {
        lie,
        applied: Arc::default(),
    }
}

fn nowhere<T>() -> CallResult<T> {
    Err(Status::unimplemented("the toy only starts streams").into())
}

#[async_trait]
impl BlockStreamerTransport for Toy {
    async fn start_stream(
        &self,
        request: block_streamer::StartStreamRequest,
    ) -> CallResult<block_streamer::StartStreamResponse> {
        let account = match self.lie {
            Lie::AnotherAccount => "mallory.near",
            _ => &request.account_id,
        };
        let times = match self.lie {
            Lie::NoEffect => 0,
            Lie::TwoEffects => 2,
            _ => 1,
        };
        for _ in 0..times {
            let done = Applied::done(Kind::StartStream, account);
            self.applied.lock().unwrap().push(done);
        }
        match self.lie {
            Lie::Error => Err(Status::internal("no").into()),
            Lie::Unsent => Err(CallError {
                status: Status::internal("no"),
                unsent: true,
            }),
            Lie::NoAnswer => std::future::pending().await,
            _ => Ok(block_streamer::StartStreamResponse::default()),
        }
    }

    async fn stop_stream(
        &self,
        _: block_streamer::StopStreamRequest,
    ) -> CallResult<block_streamer::StopStreamResponse> {
        nowhere()
    }

    async fn get_stream(
        &self,
        _: block_streamer::GetStreamRequest,
    ) -> CallResult<block_streamer::StreamInfo> {
        nowhere()
    }

    async fn list_streams(
        &self,
        _: block_streamer::ListStreamsRequest,
    ) -> CallResult<block_streamer::ListStreamsResponse> {
        nowhere()
    }
}

#[async_trait]
impl ExecutorTransport for Toy {
    async fn start_executor(
        &self,
        _: runner::StartExecutorRequest,
    ) -> CallResult<runner::StartExecutorResponse> {
        nowhere()
    }

    async fn stop_executor(
        &self,
        _: runner::StopExecutorRequest,
    ) -> CallResult<runner::StopExecutorResponse> {
        nowhere()
    }

    async fn get_executor(
        &self,
        _: runner::GetExecutorRequest,
    ) -> CallResult<runner::ExecutorInfo> {
        nowhere()
    }

    async fn list_executors(
        &self,
        _: runner::ListExecutorsRequest,
    ) -> CallResult<runner::ListExecutorsResponse> {
        nowhere()
    }
}

#[async_trait]
impl ProvisionerTransport for Toy {
    async fn start_provisioning_task(
        &self,
        _: data_layer::ProvisionRequest,
    ) -> CallResult<data_layer::StartTaskResponse> {
        nowhere()
    }

    async fn get_task_status(
        &self,
        _: data_layer::GetTaskStatusRequest,
    ) -> CallResult<data_layer::GetTaskStatusResponse> {
        nowhere()
    }
}

#[async_trait]
impl World for Toy {
    fn transports(&self) -> Transports {
        Transports {
            block_streamer: Arc::new(self.clone()),
            executors: Arc::new(self.clone()),
            provisioner: Arc::new(self.clone()),
        }
    }

    fn deadline(&self) -> Duration {
        Duration::from_secs(1)
    }

    fn patience(&self) -> Duration {
        Duration::from_secs(60)
    }

    async fn befall(&self, _: Fault) {}

    async fn relent(&self) {}

    async fn act(&self, _: Act) {}

    fn requests(&self) -> usize {
        self.applied.lock().unwrap().len()
    }

    async fn more_requests(&self, _: usize) {}

    async fn applied(&self, _: usize) -> Vec<Applied> {
        self.applied.lock().unwrap().clone()
    }

    async fn metadata(&self) -> Vec<(String, String)> {
        vec![("user-agent".to_owned(), "toy/1".to_owned())]
    }
}

fn start() -> Ask {
    Ask::StartStream("alice.near".to_owned())
}

fn once() -> Vec<Applied> {
    vec![Applied::done(Kind::StartStream, "alice.near")]
}

async fn passes(lie: Lie, steps: Vec<Step>) -> bool {
    let case = Case::new("a case", steps);
    match play(&case, &toy(lie)).await {
        Ok(()) => true,
        Err(problem) => {
            assert!(problem.starts_with("a case: step "), "{problem}");
            false
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_world_that_behaves_passes_and_every_lie_is_noticed() {
    let lies = [
        (Lie::NoEffect, true),
        (Lie::TwoEffects, true),
        (Lie::AnotherAccount, true),
        (Lie::Error, false),
        (Lie::Unsent, false),
        (Lie::NoAnswer, false),
    ];
    let steps = || vec![Step::Call(start(), Ends::Well), Step::Applied(once())];
    assert!(passes(Lie::None, steps()).await);
    for (lie, answers) in lies {
        assert!(!passes(lie, steps()).await, "{lie:?}");
        let call = vec![Step::Call(start(), Ends::Well)];
        assert_eq!(passes(lie, call).await, answers, "{lie:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn every_kind_of_step_can_fail() {
    let well = || (start(), Ends::Well);
    let late = Step::Call(start(), Ends::TooLate);
    assert!(passes(Lie::NoAnswer, vec![late.clone()]).await);
    assert!(!passes(Lie::None, vec![late]).await);
    let cases = [
        (Step::Befall(Fault::Stuck, start(), Ends::Well), Lie::Error),
        (Step::During(start(), vec![], Ends::Well), Lie::Error),
        (
            Step::BefallDuring(Fault::Stuck, start(), vec![], Ends::Well),
            Lie::NoAnswer,
        ),
        (Step::Together(vec![well(), well()]), Lie::Unsent),
        (Step::Recover(start()), Lie::Error),
        (Step::Metadata("user-agent", "toy/"), Lie::None),
    ];
    for (step, lie) in cases {
        if lie == Lie::None {
            assert!(passes(lie, vec![step]).await);
            let other = Step::Metadata("user-agent", "coordinator/");
            assert!(!passes(lie, vec![other]).await);
            continue;
        }
        assert!(passes(Lie::None, vec![step.clone()]).await, "{step:?}");
        assert!(!passes(lie, vec![step.clone()]).await, "{step:?}");
    }
    let one_of = |succeed| Step::OneOf {
        asks: vec![start(), start()],
        succeed,
        others: Code::Internal,
    };
    assert!(passes(Lie::None, vec![one_of(2)]).await);
    assert!(passes(Lie::Error, vec![one_of(0)]).await);
    assert!(!passes(Lie::None, vec![one_of(1)]).await);
    assert!(!passes(Lie::Unsent, vec![one_of(0)]).await);
}

#[tokio::test(start_paused = true)]
async fn effects_are_counted_exactly() {
    let call = || Step::Call(start(), Ends::Well);
    let most = || vec![call(), Step::AppliedAtMost(once())];
    assert!(passes(Lie::None, most()).await);
    assert!(passes(Lie::NoEffect, most()).await);
    assert!(!passes(Lie::TwoEffects, most()).await);
    assert!(!passes(Lie::AnotherAccount, most()).await);
    let count = |count| vec![call(), Step::Count(Kind::StartStream, count)];
    assert!(passes(Lie::None, count(1)).await);
    assert!(passes(Lie::TwoEffects, count(2)).await);
    assert!(!passes(Lie::TwoEffects, count(1)).await);
    assert!(!passes(Lie::NoEffect, count(1)).await);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_call_that_has_ended_is_not_a_dropped_call() {
    assert!(!passes(Lie::None, vec![Step::DropAtOnce(start())]).await);
    assert!(passes(Lie::NoAnswer, vec![Step::DropAtOnce(start())]).await);
    assert!(!passes(Lie::None, vec![Step::DropTaken(start())]).await);
    assert!(passes(Lie::NoAnswer, vec![Step::DropTaken(start())]).await);
}

#[test]
fn endings_are_told_apart() {
    let status = |code, unsent| Ending::Status {
        code,
        unsent,
        message: "it says so".to_owned(),
    };
    let answer = Ending::Answer(Said {
        listed: Some(3),
        version: Some(4),
        state: Some(5),
        id: None,
    });
    let fitting = [
        (Ends::Well, answer.clone()),
        (Ends::Listing(3), answer.clone()),
        (Ends::Version(4), answer.clone()),
        (Ends::State(5), answer.clone()),
        (Ends::TooLate, Ending::TooLate),
        (Ends::Status(Code::Aborted), status(Code::Aborted, false)),
        (
            Ends::Saying(Code::Aborted, "says"),
            status(Code::Aborted, false),
        ),
        (
            Ends::Unsent(Code::Unavailable),
            status(Code::Unavailable, true),
        ),
        (Ends::Broken, status(Code::Unknown, false)),
    ];
    for (ends, ending) in &fitting {
        assert!(ends.fits(ending), "{ends:?} {ending:?}");
    }
    let strange = [
        (Ends::Well, Ending::TooLate),
        (Ends::Listing(2), answer.clone()),
        (Ends::Version(3), answer.clone()),
        (Ends::State(4), answer.clone()),
        (Ends::TooLate, answer),
        (Ends::Status(Code::Aborted), status(Code::Aborted, true)),
        (Ends::Status(Code::Aborted), status(Code::Unknown, false)),
        (
            Ends::Saying(Code::Aborted, "sings"),
            status(Code::Aborted, false),
        ),
        (
            Ends::Unsent(Code::Unavailable),
            status(Code::Unavailable, false),
        ),
        (Ends::Broken, status(Code::Unavailable, true)),
        (Ends::Broken, status(Code::NotFound, false)),
    ];
    for (ends, ending) in &strange {
        assert!(!ends.fits(ending), "{ends:?} {ending:?}");
    }
}
