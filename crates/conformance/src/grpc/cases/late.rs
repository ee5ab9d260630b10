//! Deadlines before, between and after the effect; callers that give up.

use tonic::Code;

use super::{
    ALICE, BOB, get_executor, get_stream, start_executor, start_stream, start_task, stop_stream,
};
use crate::grpc::{Act, Applied, Ask, Case, Ends, Fault, Kind, Node, Step};

pub(super) fn cases() -> Vec<Case> {
    let mut cases = deadlines();
    cases.extend(silence());
    cases.extend(given_up());
    cases
}

fn deadlines() -> Vec<Case> {
    vec![
        Case::new(
            "a deadline before the effect does not prevent it",
            vec![
                Step::Call(Ask::ListStreams, Ends::Listing(0)),
                Step::Do(Act::Freeze(Node::Streamer)),
                Step::Call(start_stream(ALICE), Ends::TooLate),
                Step::Applied(vec![]),
                Step::Do(Act::Thaw(Node::Streamer)),
                Step::Applied(vec![Applied::done(Kind::StartStream, ALICE)]),
            ],
        ),
        Case::new(
            "a deadline after the effect does not undo it",
            vec![
                Step::Call(Ask::ListExecutors, Ends::Listing(0)),
                Step::Befall(Fault::SlowAnswer, start_executor(ALICE), Ends::TooLate),
                Step::Applied(vec![Applied::done(Kind::StartExecutor, ALICE)]),
                Step::Recover(get_executor(ALICE)),
            ],
        ),
        Case::new(
            "a start that was repeated after its deadline finds the first one",
            vec![
                Step::Befall(Fault::SlowAnswer, start_stream(ALICE), Ends::TooLate),
                Step::Call(start_stream(ALICE), Ends::Status(Code::AlreadyExists)),
            ],
        ),
        Case::new(
            "a task that was started again after its deadline runs twice",
            vec![
                Step::Befall(Fault::SlowAnswer, start_task(ALICE), Ends::TooLate),
                Step::Call(start_task(ALICE), Ends::Well),
                Step::Count(Kind::StartProvisioningTask, 2),
            ],
        ),
        Case::new(
            "requests that a frozen service has taken take effect when it thaws",
            vec![
                Step::Call(Ask::ListExecutors, Ends::Listing(0)),
                Step::Do(Act::Freeze(Node::Runner)),
                Step::Together(vec![
                    (start_executor(ALICE), Ends::TooLate),
                    (start_executor(BOB), Ends::TooLate),
                ]),
                Step::Do(Act::Thaw(Node::Runner)),
                Step::Count(Kind::StartExecutor, 2),
            ],
        ),
        Case::new(
            "an answer that comes before the deadline is heard, however slow",
            vec![
                Step::Call(Ask::ListStreams, Ends::Listing(0)),
                Step::Do(Act::Freeze(Node::Streamer)),
                Step::During(
                    start_stream(ALICE),
                    vec![Act::Thaw(Node::Streamer)],
                    Ends::Well,
                ),
                Step::Applied(vec![Applied::done(Kind::StartStream, ALICE)]),
            ],
        ),
        Case::new(
            "an answer after its deadline is not taken for that of the next call",
            vec![
                Step::Call(start_stream(ALICE), Ends::Well),
                Step::Call(Ask::StartStreamOf(BOB.to_owned(), 8), Ends::Well),
                Step::Do(Act::Freeze(Node::Streamer)),
                Step::Call(get_stream(ALICE), Ends::TooLate),
                Step::Do(Act::Thaw(Node::Streamer)),
                Step::Call(get_stream(BOB), Ends::Version(8)),
            ],
        ),
        Case::new(
            "a request that was slow to come happens at most once",
            vec![
                Step::Call(Ask::ListExecutors, Ends::Listing(0)),
                Step::Befall(Fault::SlowRequest, start_executor(ALICE), Ends::TooLate),
                Step::AppliedAtMost(vec![Applied::done(Kind::StartExecutor, ALICE)]),
            ],
        ),
        Case::new(
            "a request that comes after its deadline may still take effect, once",
            vec![
                Step::Call(Ask::ListStreams, Ends::Listing(0)),
                Step::Befall(Fault::Late, start_stream(ALICE), Ends::TooLate),
                Step::AppliedAtMost(vec![Applied::done(Kind::StartStream, ALICE)]),
            ],
        ),
    ]
}

fn silence() -> Vec<Case> {
    vec![
        Case::new(
            "what a black hole swallows takes no effect and brings no answer",
            vec![
                Step::Call(Ask::ListStreams, Ends::Listing(0)),
                Step::Befall(Fault::BlackHole, start_stream(ALICE), Ends::TooLate),
                Step::Applied(vec![]),
                Step::Recover(start_stream(ALICE)),
            ],
        ),
        Case::new(
            "a half-open connection lets requests through and brings no answer",
            vec![
                Step::Call(Ask::ListStreams, Ends::Listing(0)),
                Step::Befall(Fault::HalfOpen, start_stream(ALICE), Ends::TooLate),
                Step::Applied(vec![Applied::done(Kind::StartStream, ALICE)]),
                Step::Recover(get_stream(ALICE)),
            ],
        ),
        Case::new(
            "a read through a half-open connection brings nothing",
            vec![
                Step::Call(Ask::ListExecutors, Ends::Listing(0)),
                Step::Befall(Fault::HalfOpen, Ask::ListExecutors, Ends::TooLate),
                Step::Recover(Ask::ListExecutors),
            ],
        ),
        Case::new(
            "a first call over a cut link waits, and a later one finds the way",
            vec![
                Step::Do(Act::Cut(Node::Streamer)),
                Step::Call(start_stream(ALICE), Ends::TooLate),
                Step::Do(Act::Mend(Node::Streamer)),
                Step::Recover(start_stream(BOB)),
            ],
        ),
        Case::new(
            "a cut link to one service does not concern the other",
            vec![
                Step::Do(Act::Cut(Node::Streamer)),
                Step::Call(start_executor(ALICE), Ends::Well),
                Step::Call(Ask::ListStreams, Ends::TooLate),
                Step::Do(Act::Mend(Node::Streamer)),
                Step::Recover(Ask::ListStreams),
            ],
        ),
        Case::new(
            "a stop that nobody answers leaves the stream until it arrives",
            vec![
                Step::Call(start_stream(ALICE), Ends::Well),
                Step::Befall(Fault::Stuck, stop_stream(ALICE), Ends::TooLate),
                Step::Call(get_stream(ALICE), Ends::Version(7)),
            ],
        ),
    ]
}

fn given_up() -> Vec<Case> {
    vec![
        Case::new(
            "a call that is given up at once happens at most once",
            vec![
                Step::Call(Ask::ListStreams, Ends::Listing(0)),
                Step::DropAtOnce(start_stream(ALICE)),
                Step::AppliedAtMost(vec![Applied::done(Kind::StartStream, ALICE)]),
                Step::Call(start_stream(BOB), Ends::Well),
            ],
        ),
        Case::new(
            "a call that is given up when the service has it happens once",
            vec![
                Step::Call(Ask::ListExecutors, Ends::Listing(0)),
                Step::Do(Act::Freeze(Node::Runner)),
                Step::DropTaken(start_executor(ALICE)),
                Step::Do(Act::Thaw(Node::Runner)),
                Step::Applied(vec![Applied::done(Kind::StartExecutor, ALICE)]),
                Step::Call(get_executor(ALICE), Ends::Version(7)),
            ],
        ),
        Case::new(
            "a task whose caller is gone runs all the same",
            vec![
                Step::Call(Ask::ListExecutors, Ends::Listing(0)),
                Step::Do(Act::Freeze(Node::Runner)),
                Step::DropTaken(start_task(ALICE)),
                Step::Do(Act::Thaw(Node::Runner)),
                Step::Applied(vec![Applied::done(Kind::StartProvisioningTask, ALICE)]),
            ],
        ),
    ]
}
