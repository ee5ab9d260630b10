//! What is executed, by whom, how often.

use std::time::Duration;

use sim_node::{Event as Node, TaskStopReason, WorkerStopReason};

use super::play::Play;
use crate::history::AdminCommand;

#[test]
fn s11_objects_to_foreign_code() {
    let mut play = Play::running(100, 50);
    let entry = play.publish(100, 2_100, 50);
    let key = play.key.clone();
    let reason = WorkerStopReason::Crashed;
    play.node(Node::WorkerEnded {
        key: key.clone(),
        worker: 1_100,
        reason,
    });
    play.node(Node::WorkerStarted {
        key,
        worker: 5,
        version: 90,
    });
    play.execute(90, 5, 50, entry);
    play.violates("S11");
}

#[test]
fn s11_lets_a_block_pass_that_a_stopped_stream_published_last() {
    let mut play = Play::running(100, 50);
    play.wait(1).registered(200, Some(60), false);
    let sent = play.sent(crate::history::Method::StopStream, Some(&play.key.clone()));
    play.arrives(
        sent,
        crate::history::Method::StopStream,
        Default::default(),
        &[],
    );
    let entry = play.publish(100, 2_100, 55);
    play.stream_ended(2_100, TaskStopReason::Cancelled);
    play.stop_executor(100, 1_100);
    play.worker_started(200, 9);
    play.execute(200, 9, 55, entry);
    play.is_right();
}

#[test]
fn p2_objects_to_many_executions_but_not_to_failed_removals() {
    let mut play = Play::running(100, 50);
    let entry = play.publish(100, 2_100, 50);
    for _ in 0..20 {
        play.execute(100, 1_100, 50, entry);
    }
    play.is_right();
    for _ in 0..3 {
        play.block(100, 50);
    }
    play.is_right();
    play.block(100, 50);
    play.violates("P2");
}

#[test]
fn p4_objects_to_execution_while_suspended() {
    let mut play = Play::running(100, 50);
    play.admin(AdminCommand::Disable);
    play.record_with("Suspending", false, Some((100, 50, true)), "");
    play.acknowledged(AdminCommand::Disable);
    let entry = play.publish(100, 2_100, 50);
    play.execute(100, 1_100, 50, entry);
    let entry = play.publish(100, 2_100, 51);
    play.is_right();
    play.record_with("Suspended", false, Some((100, 50, true)), "");
    play.execute(100, 1_100, 51, entry);
    play.violates("P4");
}

#[test]
fn p5_objects_to_blocks_out_of_order() {
    let mut play = Play::running(100, 50);
    let first = play.publish(100, 2_100, 51);
    let second = play.publish(100, 2_100, 50);
    play.execute(100, 1_100, 51, first);
    play.execute(100, 1_100, 50, second);
    play.violates("P5");
}

#[test]
fn p5_lets_the_rewind_of_a_restarted_stream_pass() {
    let mut play = Play::running(100, 50);
    play.noted(100, 50);
    play.block(100, 50);
    let first = play.publish(100, 2_100, 51);
    play.execute(100, 1_100, 51, first);
    play.stream_ended(2_100, TaskStopReason::NodeDied);
    play.start_stream(100, 51, 9);
    let again = play.publish(100, 9, 51);
    play.execute(100, 1_100, 51, again);
    play.is_right();
}

#[test]
fn millions_of_blocks_are_judged_in_little_time() {
    // No clock here: this only proves that memory stays bounded by the heights.
    let mut play = Play::running(100, 50);
    for height in 50..20_050 {
        play.now = play.now + Duration::from_millis(1);
        let entry = play.publish(100, 2_100, height);
        play.execute(100, 1_100, height, entry);
    }
    play.is_right();
}
