//! Services that are dead, die or come back; connections that break.

use tonic::Code;

use super::{
    ALICE, BOB, get_executor, get_stream, get_task, start_executor, start_stream, start_task,
    stop_executor, stop_stream,
};
use crate::grpc::{Act, Applied, Ask, Case, Ends, Fault, Kind, Node, Step};

const UNSENT: Ends = Ends::Unsent(Code::Unavailable);

pub(super) fn cases() -> Vec<Case> {
    let mut cases = dead();
    cases.extend(dying());
    cases.extend(back_again());
    cases.extend(lost_and_doubled());
    cases
}

fn dead() -> Vec<Case> {
    vec![
        Case::new(
            "starts and stops of streams do not reach a dead service",
            vec![
                Step::Do(Act::Kill(Node::Streamer)),
                Step::Call(start_stream(ALICE), UNSENT),
                Step::Call(stop_stream(ALICE), UNSENT),
                Step::Applied(vec![]),
            ],
        ),
        Case::new(
            "starts and stops of executors do not reach a dead service",
            vec![
                Step::Do(Act::Kill(Node::Runner)),
                Step::Call(start_executor(ALICE), UNSENT),
                Step::Call(stop_executor(ALICE), UNSENT),
                Step::Call(start_task(ALICE), UNSENT),
                Step::Applied(vec![]),
            ],
        ),
        Case::new(
            "reads of a dead service bring nothing",
            vec![
                Step::Do(Act::Kill(Node::Streamer)),
                Step::Do(Act::Kill(Node::Runner)),
                Step::Call(get_stream(ALICE), UNSENT),
                Step::Call(Ask::ListStreams, UNSENT),
                Step::Call(get_executor(ALICE), UNSENT),
                Step::Call(Ask::ListExecutors, UNSENT),
                Step::Call(get_task(ALICE), UNSENT),
            ],
        ),
        Case::new(
            "calls to a dead service are refused each anew",
            vec![
                Step::Do(Act::Kill(Node::Streamer)),
                Step::Together(vec![
                    (start_stream(ALICE), UNSENT),
                    (start_stream(BOB), UNSENT),
                    (Ask::ListStreams, UNSENT),
                ]),
                Step::Call(start_stream(ALICE), UNSENT),
                Step::Applied(vec![]),
            ],
        ),
        Case::new(
            "a dead service does not concern the other",
            vec![
                Step::Do(Act::Kill(Node::Runner)),
                Step::Call(start_executor(ALICE), UNSENT),
                Step::Call(start_stream(ALICE), Ends::Well),
            ],
        ),
        Case::new(
            "a call that is refused once is answered the next time",
            vec![
                Step::Befall(Fault::Refused, start_stream(ALICE), UNSENT),
                Step::Applied(vec![]),
                Step::Recover(start_stream(ALICE)),
                Step::Applied(vec![Applied::done(Kind::StartStream, ALICE)]),
            ],
        ),
    ]
}

fn dying() -> Vec<Case> {
    vec![
        Case::new(
            "a service that dies before the effect breaks the call",
            vec![
                Step::Call(Ask::ListStreams, Ends::Listing(0)),
                Step::Do(Act::Freeze(Node::Streamer)),
                Step::During(
                    start_stream(ALICE),
                    vec![Act::Kill(Node::Streamer)],
                    Ends::Broken,
                ),
                Step::Applied(vec![]),
            ],
        ),
        Case::new(
            "a service that dies after the effect breaks the call",
            vec![
                Step::Call(Ask::ListExecutors, Ends::Listing(0)),
                Step::BefallDuring(
                    Fault::SlowAnswer,
                    start_executor(ALICE),
                    vec![Act::Kill(Node::Runner)],
                    Ends::Broken,
                ),
                Step::Applied(vec![Applied::done(Kind::StartExecutor, ALICE)]),
            ],
        ),
        Case::new(
            "a service that dies and comes back in a call breaks it all the same",
            vec![
                Step::Call(Ask::ListStreams, Ends::Listing(0)),
                Step::BefallDuring(
                    Fault::SlowAnswer,
                    start_stream(ALICE),
                    vec![Act::Kill(Node::Streamer), Act::Restart(Node::Streamer)],
                    Ends::Broken,
                ),
                Step::Applied(vec![Applied::done(Kind::StartStream, ALICE)]),
                Step::Recover(Ask::ListStreams),
                Step::Call(get_stream(ALICE), Ends::Status(Code::NotFound)),
            ],
        ),
        Case::new(
            "what a service had taken when it died is not done by its next life",
            vec![
                Step::Call(Ask::ListExecutors, Ends::Listing(0)),
                Step::Do(Act::Freeze(Node::Runner)),
                Step::During(
                    start_executor(ALICE),
                    vec![Act::Kill(Node::Runner), Act::Restart(Node::Runner)],
                    Ends::Broken,
                ),
                Step::Recover(Ask::ListExecutors),
                Step::Applied(vec![]),
                Step::Call(Ask::ListExecutors, Ends::Listing(0)),
            ],
        ),
        Case::new(
            "a service that dies while a request is on its way breaks the call",
            vec![
                Step::Call(Ask::ListStreams, Ends::Listing(0)),
                Step::BefallDuring(
                    Fault::SlowRequest,
                    start_stream(ALICE),
                    vec![Act::Kill(Node::Streamer)],
                    Ends::Broken,
                ),
                Step::Applied(vec![]),
            ],
        ),
        Case::new(
            "a request that was on its way to a service does not reach its next life",
            vec![
                Step::Call(Ask::ListExecutors, Ends::Listing(0)),
                Step::BefallDuring(
                    Fault::SlowRequest,
                    start_task(ALICE),
                    vec![Act::Kill(Node::Runner), Act::Restart(Node::Runner)],
                    Ends::Broken,
                ),
                Step::Recover(Ask::ListExecutors),
                Step::Applied(vec![]),
            ],
        ),
        Case::new(
            "a service that dies after the answer takes nothing back from it",
            vec![
                Step::Call(start_stream(ALICE), Ends::Well),
                Step::Do(Act::Kill(Node::Streamer)),
                Step::Applied(vec![Applied::done(Kind::StartStream, ALICE)]),
            ],
        ),
    ]
}

fn back_again() -> Vec<Case> {
    vec![
        Case::new(
            "a service that comes back is found again and has forgotten",
            vec![
                Step::Call(start_stream(ALICE), Ends::Well),
                Step::Do(Act::Kill(Node::Streamer)),
                Step::Do(Act::Restart(Node::Streamer)),
                Step::Recover(Ask::ListStreams),
                Step::Call(Ask::ListStreams, Ends::Listing(0)),
                Step::Call(start_stream(ALICE), Ends::Well),
            ],
        ),
        Case::new(
            "a service that is there too late for the first call is found later",
            vec![
                Step::Do(Act::Kill(Node::Runner)),
                Step::Call(start_executor(ALICE), UNSENT),
                Step::Do(Act::Restart(Node::Runner)),
                Step::Recover(start_executor(ALICE)),
                Step::Applied(vec![Applied::done(Kind::StartExecutor, ALICE)]),
            ],
        ),
        Case::new(
            "a task of an earlier life is NOT_FOUND",
            vec![
                Step::Call(start_task(ALICE), Ends::Well),
                Step::Do(Act::Kill(Node::Runner)),
                Step::Do(Act::Restart(Node::Runner)),
                Step::Recover(Ask::ListExecutors),
                Step::Recover(start_task(BOB)),
                Step::Call(get_task(ALICE), Ends::Status(Code::NotFound)),
            ],
        ),
        Case::new(
            "a service is found again however often it dies",
            vec![
                Step::Do(Act::Kill(Node::Streamer)),
                Step::Do(Act::Restart(Node::Streamer)),
                Step::Recover(Ask::ListStreams),
                Step::Do(Act::Kill(Node::Streamer)),
                Step::Do(Act::Restart(Node::Streamer)),
                Step::Recover(Ask::ListStreams),
                Step::Do(Act::Kill(Node::Streamer)),
                Step::Do(Act::Restart(Node::Streamer)),
                Step::Recover(start_stream(ALICE)),
                Step::Applied(vec![Applied::done(Kind::StartStream, ALICE)]),
            ],
        ),
    ]
}

fn lost_and_doubled() -> Vec<Case> {
    vec![
        Case::new(
            "a connection that breaks before the answer leaves the effect",
            vec![
                Step::Call(Ask::ListStreams, Ends::Listing(0)),
                Step::Befall(Fault::AnswerLost, start_stream(ALICE), Ends::Broken),
                Step::Applied(vec![Applied::done(Kind::StartStream, ALICE)]),
                Step::Recover(get_stream(ALICE)),
                Step::Call(start_stream(ALICE), Ends::Status(Code::AlreadyExists)),
            ],
        ),
        Case::new(
            "a read whose answer is lost brings nothing",
            vec![
                Step::Call(start_executor(ALICE), Ends::Well),
                Step::Befall(Fault::AnswerLost, get_executor(ALICE), Ends::Broken),
                Step::Recover(get_executor(ALICE)),
            ],
        ),
        Case::new(
            "a task whose answer is lost runs, and nobody knows its id",
            vec![
                Step::Befall(Fault::AnswerLost, start_task(ALICE), Ends::Broken),
                Step::Applied(vec![Applied::done(Kind::StartProvisioningTask, ALICE)]),
                Step::Recover(Ask::ListExecutors),
            ],
        ),
        Case::new(
            "a start that arrives twice is refused the second time",
            vec![
                Step::Befall(Fault::Duplicate, start_executor(ALICE), Ends::Well),
                Step::Applied(vec![
                    Applied::done(Kind::StartExecutor, ALICE),
                    Applied::with(Kind::StartExecutor, ALICE, Code::AlreadyExists),
                ]),
            ],
        ),
        Case::new(
            "a stop that arrives twice finds nothing the second time",
            vec![
                Step::Call(start_stream(ALICE), Ends::Well),
                Step::Befall(Fault::Duplicate, stop_stream(ALICE), Ends::Well),
                Step::Applied(vec![
                    Applied::done(Kind::StartStream, ALICE),
                    Applied::done(Kind::StopStream, ALICE),
                    Applied::with(Kind::StopStream, "", Code::NotFound),
                ]),
            ],
        ),
        Case::new(
            "a task that arrives twice runs twice",
            vec![
                Step::Befall(Fault::Duplicate, start_task(ALICE), Ends::Well),
                Step::Count(Kind::StartProvisioningTask, 2),
            ],
        ),
    ]
}
