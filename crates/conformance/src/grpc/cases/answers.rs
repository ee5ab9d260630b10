//! Answers of healthy services: each call's success, and each refusal.

use tonic::Code;

use super::{
    ALICE, BOB, get_executor, get_stream, get_task, start_executor, start_stream, start_task,
    stop_executor, stop_stream,
};
use crate::grpc::{Applied, Ask, Case, Ends, Fault, Kind, Step};

pub(super) fn cases() -> Vec<Case> {
    let mut cases = successes();
    cases.extend(nothing_there());
    cases.extend(refusals());
    cases.extend(internal_errors());
    cases
}

fn successes() -> Vec<Case> {
    vec![
        Case::new(
            "StartStream is answered and happens once",
            vec![
                Step::Call(start_stream(ALICE), Ends::Well),
                Step::Applied(vec![Applied::done(Kind::StartStream, ALICE)]),
            ],
        ),
        Case::new(
            "GetStream shows the version that was started",
            vec![
                Step::Call(start_stream(ALICE), Ends::Well),
                Step::Call(get_stream(ALICE), Ends::Version(7)),
            ],
        ),
        Case::new(
            "the largest version survives the way there and back",
            vec![
                Step::Call(Ask::StartStreamOf(ALICE.to_owned(), u64::MAX), Ends::Well),
                Step::Call(get_stream(ALICE), Ends::Version(u64::MAX)),
            ],
        ),
        Case::new(
            "ListStreams lists what was started",
            vec![
                Step::Call(start_stream(ALICE), Ends::Well),
                Step::Call(start_stream(BOB), Ends::Well),
                Step::Call(Ask::ListStreams, Ends::Listing(2)),
            ],
        ),
        Case::new(
            "StopStream stops what was started",
            vec![
                Step::Call(start_stream(ALICE), Ends::Well),
                Step::Call(stop_stream(ALICE), Ends::Well),
                Step::Call(get_stream(ALICE), Ends::Status(Code::NotFound)),
            ],
        ),
        Case::new(
            "StartExecutor is answered and happens once",
            vec![
                Step::Call(start_executor(ALICE), Ends::Well),
                Step::Applied(vec![Applied::done(Kind::StartExecutor, ALICE)]),
            ],
        ),
        Case::new(
            "GetExecutor shows the version that was started",
            vec![
                Step::Call(start_executor(ALICE), Ends::Well),
                Step::Call(get_executor(ALICE), Ends::Version(7)),
            ],
        ),
        Case::new(
            "ListExecutors lists what was started",
            vec![
                Step::Call(start_executor(ALICE), Ends::Well),
                Step::Call(start_executor(BOB), Ends::Well),
                Step::Call(Ask::ListExecutors, Ends::Listing(2)),
            ],
        ),
        Case::new(
            "StopExecutor stops what was started",
            vec![
                Step::Call(start_executor(ALICE), Ends::Well),
                Step::Call(stop_executor(ALICE), Ends::Well),
                Step::Call(get_executor(ALICE), Ends::Status(Code::NotFound)),
            ],
        ),
        Case::new(
            "a task that was started is pending",
            vec![
                Step::Call(start_task(ALICE), Ends::Well),
                Step::Call(get_task(ALICE), Ends::State(1)),
                Step::Applied(vec![Applied::done(Kind::StartProvisioningTask, ALICE)]),
            ],
        ),
        Case::new(
            "calls made one after the other take effect in that order",
            vec![
                Step::Call(start_stream(ALICE), Ends::Well),
                Step::Call(start_stream(BOB), Ends::Well),
                Step::Call(stop_stream(ALICE), Ends::Well),
                Step::Call(start_stream(ALICE), Ends::Well),
                Step::Applied(vec![
                    Applied::done(Kind::StartStream, ALICE),
                    Applied::done(Kind::StartStream, BOB),
                    Applied::done(Kind::StopStream, ALICE),
                    Applied::done(Kind::StartStream, ALICE),
                ]),
            ],
        ),
    ]
}

fn nothing_there() -> Vec<Case> {
    vec![
        Case::new(
            "a listing of no streams is an answer",
            vec![Step::Call(Ask::ListStreams, Ends::Listing(0))],
        ),
        Case::new(
            "a listing of no executors is an answer",
            vec![Step::Call(Ask::ListExecutors, Ends::Listing(0))],
        ),
        Case::new(
            "a stream that is not there is NOT_FOUND",
            vec![Step::Call(get_stream(ALICE), Ends::Status(Code::NotFound))],
        ),
        Case::new(
            "an executor that is not there is NOT_FOUND",
            vec![Step::Call(
                get_executor(ALICE),
                Ends::Status(Code::NotFound),
            )],
        ),
        Case::new(
            "a task that is not known is NOT_FOUND",
            vec![Step::Call(get_task(ALICE), Ends::Status(Code::NotFound))],
        ),
        Case::new(
            "stopping a stream that is not there is NOT_FOUND",
            vec![
                Step::Call(stop_stream(ALICE), Ends::Status(Code::NotFound)),
                Step::Applied(vec![Applied::with(Kind::StopStream, "", Code::NotFound)]),
            ],
        ),
        Case::new(
            "stopping an executor that is not there is NOT_FOUND",
            vec![
                Step::Call(stop_executor(ALICE), Ends::Status(Code::NotFound)),
                Step::Applied(vec![Applied::with(Kind::StopExecutor, "", Code::NotFound)]),
            ],
        ),
    ]
}

fn refusals() -> Vec<Case> {
    vec![
        Case::new(
            "a second stream of an indexer is ALREADY_EXISTS",
            vec![
                Step::Call(start_stream(ALICE), Ends::Well),
                Step::Call(start_stream(ALICE), Ends::Status(Code::AlreadyExists)),
                Step::Call(Ask::ListStreams, Ends::Listing(1)),
            ],
        ),
        Case::new(
            "a second executor of an indexer is ALREADY_EXISTS",
            vec![
                Step::Call(start_executor(ALICE), Ends::Well),
                Step::Call(start_executor(ALICE), Ends::Status(Code::AlreadyExists)),
                Step::Call(Ask::ListExecutors, Ends::Listing(1)),
            ],
        ),
        Case::new(
            "a second task of an indexer is one more task",
            vec![
                Step::Call(start_task(ALICE), Ends::Well),
                Step::Call(start_task(ALICE), Ends::Well),
                Step::Count(Kind::StartProvisioningTask, 2),
            ],
        ),
        Case::new(
            "a stream without a rule is INVALID_ARGUMENT",
            vec![
                Step::Call(
                    Ask::StartStreamWithoutRule(ALICE.to_owned()),
                    Ends::Status(Code::InvalidArgument),
                ),
                Step::Applied(vec![Applied::with(
                    Kind::StartStream,
                    ALICE,
                    Code::InvalidArgument,
                )]),
            ],
        ),
        Case::new(
            "an executor without code is INVALID_ARGUMENT",
            vec![
                Step::Call(
                    Ask::StartExecutorWith(ALICE.to_owned(), 0),
                    Ends::Status(Code::InvalidArgument),
                ),
                Step::Call(Ask::ListExecutors, Ends::Listing(0)),
            ],
        ),
        Case::new(
            "stopping an executor without naming one is INVALID_ARGUMENT",
            vec![Step::Call(
                Ask::StopExecutorWithoutId,
                Ends::Status(Code::InvalidArgument),
            )],
        ),
    ]
}

fn internal_errors() -> Vec<Case> {
    vec![
        Case::new(
            "an error before the effect of StartStream leaves nothing",
            vec![
                Step::Befall(
                    Fault::ErrorBefore,
                    start_stream(ALICE),
                    Ends::Status(Code::Internal),
                ),
                Step::Applied(vec![]),
                Step::Call(start_stream(ALICE), Ends::Well),
            ],
        ),
        Case::new(
            "an error after the effect of StartStream leaves a stream",
            vec![
                Step::Befall(
                    Fault::ErrorAfter,
                    start_stream(ALICE),
                    Ends::Status(Code::Internal),
                ),
                Step::Applied(vec![Applied::done(Kind::StartStream, ALICE)]),
                Step::Call(start_stream(ALICE), Ends::Status(Code::AlreadyExists)),
            ],
        ),
        Case::new(
            "an error after the effect of StopStream leaves no stream",
            vec![
                Step::Call(start_stream(ALICE), Ends::Well),
                Step::Befall(
                    Fault::ErrorAfter,
                    stop_stream(ALICE),
                    Ends::Status(Code::Internal),
                ),
                Step::Call(get_stream(ALICE), Ends::Status(Code::NotFound)),
            ],
        ),
        Case::new(
            "an error before the effect of StopExecutor leaves the executor",
            vec![
                Step::Call(start_executor(ALICE), Ends::Well),
                Step::Befall(
                    Fault::ErrorBefore,
                    stop_executor(ALICE),
                    Ends::Status(Code::Internal),
                ),
                Step::Call(get_executor(ALICE), Ends::Version(7)),
            ],
        ),
        Case::new(
            "an error after the effect of StartProvisioningTask leaves a task",
            vec![
                Step::Befall(
                    Fault::ErrorAfter,
                    start_task(ALICE),
                    Ends::Status(Code::Internal),
                ),
                Step::Applied(vec![Applied::done(Kind::StartProvisioningTask, ALICE)]),
            ],
        ),
        Case::new(
            "a read that fails does not say that there is nothing",
            vec![
                Step::Call(start_stream(ALICE), Ends::Well),
                Step::Befall(
                    Fault::ErrorBefore,
                    get_stream(ALICE),
                    Ends::Status(Code::Internal),
                ),
                Step::Call(get_stream(ALICE), Ends::Version(7)),
            ],
        ),
        Case::new(
            "a listing that fails does not say that there is nothing",
            vec![
                Step::Call(start_executor(ALICE), Ends::Well),
                Step::Befall(
                    Fault::ErrorBefore,
                    Ask::ListExecutors,
                    Ends::Status(Code::Internal),
                ),
                Step::Call(Ask::ListExecutors, Ends::Listing(1)),
            ],
        ),
    ]
}
