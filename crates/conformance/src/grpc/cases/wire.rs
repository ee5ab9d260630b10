//! Encodings, limits and status codes; and HTTP, which exists only on a wire.

use tonic::Code;

use super::{ALICE, get_executor, get_stream, get_task, start_executor, start_stream, start_task};
use crate::grpc::{
    Act, Applied, Ask, ByHand, Case, Ends, Fault, Kind, Node, Step, UNKNOWN_VALUE, Wire,
};

const NO_FRAMES: &str = "the simulated network has no frames that could be missing";
const NO_HTTP: &str = "the simulated network has no HTTP";

pub(super) fn cases() -> Vec<Case> {
    let mut cases = encodings();
    cases.extend(limits());
    cases.extend(http());
    cases.extend(codes());
    cases
}

/// `fault` ends the one call so, without an effect, and harms no other.
fn befallen(fault: Fault, ask: Ask, ends: Ends) -> Vec<Step> {
    let node = match ask.node() {
        Node::Streamer => Ask::ListStreams,
        Node::Runner => Ask::ListExecutors,
    };
    vec![
        Step::Befall(fault, ask, ends),
        Step::Applied(vec![]),
        Step::Recover(node),
    ]
}

fn by_hand(name: &'static str, answer: ByHand, ask: Ask, ends: Ends) -> Case {
    Case::new(name, befallen(Fault::ByHand(answer), ask, ends))
}

fn one(name: &'static str, why: &'static str, wire: Wire, ask: Ask, ends: Ends) -> Case {
    Case::wire(name, why, befallen(Fault::Wire(wire), ask, ends))
}

fn encodings() -> Vec<Case> {
    vec![
        by_hand(
            "a health that is not known is an answer",
            ByHand::UnknownEnum,
            get_stream(ALICE),
            Ends::State(UNKNOWN_VALUE),
        ),
        by_hand(
            "an executor's state that is not known is an answer",
            ByHand::UnknownEnum,
            get_executor(ALICE),
            Ends::State(UNKNOWN_VALUE),
        ),
        by_hand(
            "a task's status that is not known is an answer",
            ByHand::UnknownEnum,
            get_task(ALICE),
            Ends::State(UNKNOWN_VALUE),
        ),
        by_hand(
            "a field that is not known is passed over",
            ByHand::UnknownField,
            get_stream(ALICE),
            Ends::Version(7),
        ),
        by_hand(
            "an answer that is no message is INTERNAL",
            ByHand::Malformed,
            start_stream(ALICE),
            Ends::Status(Code::Internal),
        ),
        one(
            "a success without a message is INTERNAL",
            NO_FRAMES,
            Wire::NoMessage,
            start_task(ALICE),
            Ends::Status(Code::Internal),
        ),
    ]
}

fn limits() -> Vec<Case> {
    vec![
        Case::new(
            "a request of four million bytes passes",
            vec![
                Step::Call(
                    Ask::StartExecutorWith(ALICE.to_owned(), 4_000_000),
                    Ends::Well,
                ),
                Step::Applied(vec![Applied::done(Kind::StartExecutor, ALICE)]),
            ],
        ),
        Case::new(
            "a request of more than 4 MiB is refused before it is sent",
            vec![
                Step::Call(
                    Ask::StartExecutorWith(ALICE.to_owned(), 4 << 20),
                    Ends::Unsent(Code::OutOfRange),
                ),
                Step::Applied(vec![]),
                Step::Call(start_executor(ALICE), Ends::Well),
            ],
        ),
        Case::new(
            "a listing of thirty million bytes passes",
            vec![
                Step::Do(Act::PopulateLong(Node::Streamer, 500)),
                Step::Call(Ask::ListStreams, Ends::Listing(500)),
            ],
        ),
        Case::new(
            "a listing of more than 64 MiB is refused, and the next call works",
            vec![
                Step::Do(Act::PopulateLong(Node::Streamer, 1_200)),
                Step::Call(Ask::ListStreams, Ends::Status(Code::OutOfRange)),
                Step::Recover(start_stream(ALICE)),
            ],
        ),
        one(
            "a long message of an error is heard",
            NO_HTTP,
            Wire::LongStatus(8_000),
            start_stream(ALICE),
            Ends::Saying(Code::Internal, "xxxx"),
        ),
        one(
            "an error whose message is too long for HTTP breaks the one call",
            NO_HTTP,
            Wire::LongStatus(2_000_000),
            start_stream(ALICE),
            Ends::Status(Code::ResourceExhausted),
        ),
    ]
}

fn http() -> Vec<Case> {
    vec![
        Case::wire(
            "requests say who sends them and what they hold",
            NO_HTTP,
            vec![
                Step::Call(start_stream(ALICE), Ends::Well),
                Step::Metadata("user-agent", "coordinator/"),
                Step::Metadata("content-type", "application/grpc"),
                Step::Metadata("te", "trailers"),
            ],
        ),
        by_hand(
            "a method that is not known is UNIMPLEMENTED",
            ByHand::UnknownMethod,
            start_stream(ALICE),
            Ends::Status(Code::Unimplemented),
        ),
        one(
            "a proxy without a service behind it is UNAVAILABLE, perhaps reached",
            NO_HTTP,
            Wire::Http(503),
            start_stream(ALICE),
            Ends::Status(Code::Unavailable),
        ),
        one(
            "a proxy that does not know the path is UNIMPLEMENTED",
            NO_HTTP,
            Wire::Http(404),
            start_stream(ALICE),
            Ends::Status(Code::Unimplemented),
        ),
        one(
            "a proxy that wants a password is UNAUTHENTICATED",
            NO_HTTP,
            Wire::Http(401),
            start_stream(ALICE),
            Ends::Status(Code::Unauthenticated),
        ),
        one(
            "a web page is no answer",
            NO_HTTP,
            Wire::WebPage,
            start_stream(ALICE),
            Ends::Broken,
        ),
        one(
            "an answer that ends without a status is no success",
            NO_HTTP,
            Wire::NoStatus,
            start_stream(ALICE),
            Ends::Broken,
        ),
        one(
            "a service that speaks HTTP/1 breaks the call",
            NO_HTTP,
            Wire::Http1,
            start_stream(ALICE),
            Ends::Broken,
        ),
        one(
            "a service that speaks no protocol breaks the call",
            NO_HTTP,
            Wire::Garbage,
            start_executor(ALICE),
            Ends::Broken,
        ),
        one(
            "a message of an error that is no ASCII text is heard unharmed",
            NO_HTTP,
            Wire::NonAsciiStatus,
            start_stream(ALICE),
            Ends::Saying(Code::Internal, "Ошибка \u{1f4a5} 100%"),
        ),
    ]
}

fn codes() -> Vec<Case> {
    let coded = |name, code| {
        by_hand(
            name,
            ByHand::Status(code),
            start_stream(ALICE),
            Ends::Status(code),
        )
    };
    vec![
        coded("CANCELLED is heard", Code::Cancelled),
        coded("UNKNOWN is heard", Code::Unknown),
        coded("DEADLINE_EXCEEDED is heard", Code::DeadlineExceeded),
        coded("PERMISSION_DENIED is heard", Code::PermissionDenied),
        coded("RESOURCE_EXHAUSTED is heard", Code::ResourceExhausted),
        coded("FAILED_PRECONDITION is heard", Code::FailedPrecondition),
        coded("ABORTED is heard", Code::Aborted),
        coded("OUT_OF_RANGE is heard", Code::OutOfRange),
        coded(
            "UNAVAILABLE of the service itself was sent",
            Code::Unavailable,
        ),
        coded("DATA_LOSS is heard", Code::DataLoss),
        coded("UNAUTHENTICATED is heard", Code::Unauthenticated),
    ]
}
