//! Many calls, large answers, and calls that must not wait for each other.

use tonic::Code;

use super::{ALICE, BOB, get_stream, start_executor, start_stream, start_task};
use crate::grpc::{Act, Ask, Case, Ends, Fault, Kind, Node, Step, crowd_account};

/// Calls at a time; fewer than the transports let pass at a time.
const CROWD: usize = 200;
/// Calls at a time; more than the transports let pass at a time.
const THRONG: usize = 2_000;
/// Entries of a listing.
const LONG: usize = 20_000;

pub(super) fn cases() -> Vec<Case> {
    let mut cases = many();
    cases.extend(side_by_side());
    cases
}

fn many() -> Vec<Case> {
    let crowd = |ask: fn(String) -> Ask| -> Vec<(Ask, Ends)> {
        let one = |number| (ask(crowd_account(number)), Ends::Well);
        (0..CROWD).map(one).collect()
    };
    vec![
        Case::new(
            "starts of many streams at the same time all happen, each once",
            vec![
                Step::Together(crowd(Ask::StartStream)),
                Step::Count(Kind::StartStream, CROWD),
                Step::Call(Ask::ListStreams, Ends::Listing(CROWD)),
            ],
        ),
        Case::new(
            "starts of many executors at the same time all happen, each once",
            vec![
                Step::Together(crowd(Ask::StartExecutor)),
                Step::Count(Kind::StartExecutor, CROWD),
                Step::Call(Ask::ListExecutors, Ends::Listing(CROWD)),
            ],
        ),
        Case::new(
            "of many starts of one executor one succeeds",
            vec![
                Step::OneOf {
                    asks: vec![start_executor(ALICE); 50],
                    succeed: 1,
                    others: Code::AlreadyExists,
                },
                Step::Call(Ask::ListExecutors, Ends::Listing(1)),
            ],
        ),
        Case::new(
            "very many reads at the same time are all answered",
            vec![
                Step::Call(start_stream(ALICE), Ends::Well),
                Step::Together(vec![(get_stream(ALICE), Ends::Version(7)); THRONG]),
            ],
        ),
        Case::new(
            "a listing of twenty thousand streams comes whole",
            vec![
                Step::Do(Act::Populate(Node::Streamer, LONG)),
                Step::Call(Ask::ListStreams, Ends::Listing(LONG)),
            ],
        ),
        Case::new(
            "a listing of twenty thousand executors comes whole",
            vec![
                Step::Do(Act::Populate(Node::Runner, LONG)),
                Step::Call(Ask::ListExecutors, Ends::Listing(LONG)),
            ],
        ),
    ]
}

fn side_by_side() -> Vec<Case> {
    vec![
        Case::new(
            "a frozen service does not hold up the other",
            vec![
                Step::Do(Act::Freeze(Node::Runner)),
                Step::Together(vec![
                    (start_executor(ALICE), Ends::TooLate),
                    (start_stream(ALICE), Ends::Well),
                    (Ask::ListStreams, Ends::Well),
                ]),
                Step::Do(Act::Thaw(Node::Runner)),
                Step::Count(Kind::StartExecutor, 1),
            ],
        ),
        Case::new(
            "a call without an answer does not hold up others of its service",
            vec![
                Step::Call(start_stream(BOB), Ends::Well),
                Step::Befall(Fault::Stuck, start_stream(ALICE), Ends::TooLate),
                Step::Call(get_stream(BOB), Ends::Version(7)),
                Step::Call(start_stream(ALICE), Ends::Well),
                Step::Count(Kind::StartStream, 2),
            ],
        ),
        Case::new(
            "an executor without an answer does not hold up provisioning",
            vec![
                Step::Call(Ask::ListExecutors, Ends::Listing(0)),
                Step::Befall(Fault::Stuck, start_executor(ALICE), Ends::TooLate),
                Step::Call(start_task(ALICE), Ends::Well),
                Step::Call(start_executor(BOB), Ends::Well),
                Step::Count(Kind::StartExecutor, 1),
            ],
        ),
        Case::new(
            "a slow answer does not hold up a quick one",
            vec![
                Step::Call(start_stream(BOB), Ends::Well),
                Step::Do(Act::Freeze(Node::Streamer)),
                Step::During(
                    start_stream(ALICE),
                    vec![Act::Thaw(Node::Streamer)],
                    Ends::Well,
                ),
                Step::Call(get_stream(BOB), Ends::Version(7)),
            ],
        ),
    ]
}
