//! A record that tells of a failure tells the truth.

use sim_node::{Event as Node, TaskStopReason};

use super::play::Play;
use crate::history::{AnswerKind, Event, Method, NodeName, NodeState};

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
    says_in(play, "Repairing", cause);
}

/// The same in some phase.
fn says_in(play: &mut Play, phase: &str, cause: &str) {
    let repair = format!(
        r#","repair":{{"cause":"{cause}","limited":true,"attempts":1,"first_at":1,"next_at":2}}"#
    );
    play.record_with(phase, true, Some((100, 50, true)), &repair);
}

const MADE_UP: [&str; 13] = [
    "StreamUnhealthy",
    "ExecutorUnhealthy",
    "ExecutorFailing",
    "StreamNotStarted",
    "ExecutorNotStarted",
    "StreamNotStopped",
    "ExecutorNotStopped",
    "ProvisioningFailed",
    "ProvisioningNotStarted",
    "ProvisioningTimedOut",
    "ProvisioningLost",
    "ProvisioningUncertain",
    "DataNotCleared",
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
fn s8_knows_which_stream_was_sick() {
    for (restarted, verdict) in [(false, None), (true, Some("S8"))] {
        let mut play = calm();
        play.stream_ended(2_100, TaskStopReason::NodeDied);
        if restarted {
            play.wait(1).start_stream(100, 50, 2_101);
        }
        says(&mut play, "StreamUnhealthy");
        assert_eq!(play.verdict().as_deref(), verdict, "{restarted}");
    }
}

/// A stream whose clock was put back gives no sign of life until that time has come again.
#[test]
fn s8_lets_a_wrong_clock_of_the_block_streamer_excuse_streams_alone() {
    for (cause, clock, verdict) in [
        ("StreamUnhealthy", "block_streamer", None),
        ("StreamUnhealthy", "runner", Some("S8")),
        ("ExecutorUnhealthy", "block_streamer", Some("S8")),
    ] {
        let mut play = Play::running(100, 50);
        play.noted(100, 50);
        play.see(Event::Fault {
            text: format!("the clock of {clock} jumps by +600s"),
        });
        for _ in 0..600 {
            polls(&mut play);
        }
        says(&mut play, cause);
        assert_eq!(play.verdict().as_deref(), verdict, "{cause} {clock}");
    }
}

/// A newcomer whose record tells of a data layer task; it began if it has an id.
fn provisioning(id: Option<&str>) -> Play {
    let mut play = Play::new();
    play.registered(100, Some(50), true);
    play.record("Initializing", None);
    let begun: Vec<_> = id.iter().map(|id| play.task_started(id)).collect();
    if id.is_some() {
        play.effect(Method::StartProvisioningTask, Default::default(), &begun);
    }
    play.record_with("Initializing", true, None, &task(id));
    play
}

/// What a record says of the task.
fn task(id: Option<&str>) -> String {
    match id {
        Some(id) => format!(r#","task":{{"id":"{id}","since":7}}"#),
        None => r#","task":{"id":null,"since":7}"#.to_owned(),
    }
}

fn passes(play: &mut Play, seconds: u64) {
    for _ in 0..seconds / 2 {
        polls(play);
    }
}

#[test]
fn s8_knows_for_how_long_a_task_has_run() {
    for (seconds, ended, verdict) in [
        (300, false, Some("S8")),
        (640, false, None),
        (640, true, Some("S8")),
    ] {
        let mut play = provisioning(Some("t9"));
        passes(&mut play, seconds / 2);
        if ended {
            play.task_ended("t9");
        }
        passes(&mut play, seconds / 2);
        says(&mut play, "ProvisioningTimedOut");
        assert_eq!(play.verdict().as_deref(), verdict, "{seconds} {ended}");
    }
}

#[test]
fn s8_knows_whether_the_provisioner_can_have_lost_a_task() {
    for (dies, verdict) in [(false, Some("S8")), (true, None)] {
        let mut play = provisioning(Some("t9"));
        let node = NodeName::Runner;
        for state in [NodeState::Down, NodeState::Up] {
            if dies {
                play.see(Event::NodeState { node, state });
            }
        }
        passes(&mut play, 260);
        says(&mut play, "ProvisioningLost");
        assert_eq!(play.verdict().as_deref(), verdict);
    }
}

#[test]
fn s8_knows_whether_the_answer_to_a_start_came() {
    for (seconds, answered, dies, verdict) in [
        (260, false, false, None),
        (260, true, false, Some("S8")),
        // Whoever heard the answer did not live to write it down.
        (260, true, true, None),
        (60, false, false, Some("S8")),
    ] {
        let mut play = Play::new();
        play.registered(100, Some(50), true);
        play.record("Initializing", None);
        passes(&mut play, 260 - seconds);
        play.record_with("Initializing", true, None, &task(None));
        if answered {
            let begun = play.task_started("t9");
            play.effect(Method::StartProvisioningTask, Default::default(), &[begun]);
        }
        if dies {
            play.coordinator_starts();
        }
        passes(&mut play, seconds);
        says(&mut play, "ProvisioningUncertain");
        assert_eq!(play.verdict().as_deref(), verdict, "{seconds} {answered}");
    }
}

#[test]
fn s8_lets_a_clearing_pass_that_failed_or_is_looked_at_again() {
    for (refused, phase, verdict) in [
        (true, "Repairing", None),
        (false, "Repairing", Some("S8")),
        (false, "Deleting", None),
    ] {
        let mut play = calm();
        let key = play.key.clone();
        let (call, sent_at) = play.sent(Method::StoreDelete, Some(&key));
        play.see(Event::CallApplied {
            call,
            method: Method::StoreDelete,
            key: Some(key),
            by: play.incarnation,
            sent_at,
            version: None,
            height: None,
            answer: match refused {
                true => AnswerKind::Error(101),
                false => AnswerKind::Ok,
            },
        });
        says_in(&mut play, phase, "DataNotCleared");
        let found = play.verdict().filter(|found| found == "S8");
        assert_eq!(found.as_deref(), verdict, "{refused} {phase}");
    }
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
