//! A record that tells of a failure tells the truth.

use sim_node::{Event as Node, TaskStopReason};

use super::play::Play;
use crate::history::{AnswerKind, Event, Method};

/// Polls of a calm world, for long enough.
fn calm() -> Play {
    let mut play = Play::running(100, 50);
    play.noted(100, 50);
    for _ in 0..120 {
        polls(&mut play);
    }
    play
}

fn polls(play: &mut Play) {
    play.wait(2);
    for method in [Method::ListStreams, Method::ListExecutors] {
        play.call(method, None, Default::default());
    }
    play.listing();
}

/// The record says that this failed.
fn says(play: &mut Play, cause: &str) {
    let repair = format!(
        r#","repair":{{"cause":"{cause}","limited":true,"attempts":1,"first_at":1,"next_at":2}}"#
    );
    play.record_with("Repairing", true, Some((100, 50, true)), &repair);
}

const MADE_UP: [&str; 9] = [
    "StreamUnhealthy",
    "ExecutorUnhealthy",
    "ExecutorFailing",
    "StreamNotStarted",
    "ExecutorNotStarted",
    "StreamNotStopped",
    "ExecutorNotStopped",
    "ProvisioningFailed",
    "ProvisioningNotStarted",
];

#[test]
fn s8_objects_to_failures_that_are_made_up() {
    for cause in MADE_UP {
        // What is still there was perhaps not stopped.
        let verdict = (!cause.ends_with("NotStopped")).then_some("S8");
        let mut play = calm();
        says(&mut play, cause);
        assert_eq!(play.verdict().as_deref(), verdict, "{cause}");
    }
}

#[test]
fn s8_lets_failures_pass_that_happened() {
    let mut play = calm();
    play.stream_ended(2_100, TaskStopReason::NodeDied);
    says(&mut play, "StreamUnhealthy");
    play.is_right();

    let mut play = calm();
    let key = play.key.clone();
    play.node(Node::ExecutorState { key, state: 5 });
    polls(&mut play);
    says(&mut play, "ExecutorUnhealthy");
    play.is_right();

    let mut play = calm();
    let (call, _) = play.sent(Method::StartStream, Some(&play.key.clone()));
    let refused = Event::CallAnswered {
        call,
        method: Method::StartStream,
        answer: AnswerKind::Error(14),
    };
    play.see(refused);
    says(&mut play, "StreamNotStarted");
    play.is_right();
}

#[test]
fn s8_says_nothing_of_failures_in_troubled_times() {
    let mut play = calm();
    play.see(Event::Fault {
        text: "something".to_owned(),
    });
    polls(&mut play);
    says(&mut play, "StreamUnhealthy");
    play.is_right();
}
