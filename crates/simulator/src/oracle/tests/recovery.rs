//! Who is whole again after something was changed behind the coordinator's back is
//! judged again.

use sim_node::TaskStopReason;

use super::play::{Play, With};
use crate::history::{Change, Event, Method};

/// An indexer that has executed some blocks when the store forgets the last minute.
fn after_a_loss() -> Play {
    let mut play = Play::running(100, 50);
    play.noted(100, 50);
    for height in 50..58 {
        play.block(100, height);
    }
    play.see(Event::StoreLost {
        span_micros: Some(60_000_000),
    });
    play
}

/// It works for so many seconds.
fn works(play: &mut Play, seconds: u64) {
    for height in 100..100 + seconds {
        play.wait(1).block(100, height);
    }
}

/// Its stream dies, and another one begins far after the cursor.
fn skips_blocks(play: &mut Play) {
    play.stream_ended(2_100, TaskStopReason::NodeDied);
    play.start_stream(100, 500, 9);
}

#[test]
fn what_was_lost_is_forgiven_until_all_has_been_well_for_a_while() {
    for (seconds, verdict) in [(3, None), (20, None), (40, Some("P3"))] {
        let mut play = after_a_loss();
        works(&mut play, seconds);
        skips_blocks(&mut play);
        assert_eq!(play.verdict().as_deref(), verdict, "{seconds}");
    }
}

#[test]
fn nobody_is_whole_while_something_runs_that_no_call_reaches() {
    let mut play = after_a_loss();
    play.worker_started(100, 77);
    play.worker_orphaned(77);
    let mut twice = play
        .oracles
        .truth_for_tests(&play.key.clone())
        .world
        .clone();
    twice
        .workers
        .iter_mut()
        .for_each(|worker| worker.excused = true);
    play.oracles.truth_for_tests(&play.key.clone()).world = twice;
    works(&mut play, 40);
    assert!(play.oracles.truth_for_tests(&play.key.clone()).relaxed);
}

#[test]
fn a_cursor_is_unclear_until_a_stream_has_told_of_it() {
    for (told, left) in [(false, false), (true, true)] {
        let mut play = after_a_loss();
        play.wait(20);
        if told {
            play.publish(100, 2_100, 60);
        }
        play.wait(1).registry(Change::Deleted { height: 9_000 });
        let found = play.oracles.unconverged(play.now);
        let names_it = found
            .iter()
            .any(|it| it.contains("its cursor is left behind"));
        assert_eq!(names_it, left, "{found:?}");
    }
}

#[test]
fn a_run_that_another_hand_has_touched_is_not_asked_for_its_start() {
    let mut play = Play::running(100, 50);
    play.noted(100, 50);
    let key = play.key.clone();
    play.see(Event::RecordTampered { key: key.clone() });
    play.noted(100, 55);
    works(&mut play, 40);
    let indexer = play.oracles.truth_for_tests(&key);
    assert!(!indexer.relaxed);
    assert!(indexer.is_tainted(100) && !indexer.is_tainted(101));
    let mut play = after_a_loss();
    works(&mut play, 40);
    assert!(!play.oracles.truth_for_tests(&key).is_tainted(100));
}

#[test]
fn p2_wants_what_is_new_in_the_silence_executed_once() {
    for (height, stream, verdict) in [(50, 2_100, None), (51, 2_100, None), (51, 9, Some("P2"))] {
        let mut play = Play::running(100, 50);
        play.noted(100, 50);
        play.block(100, 50);
        play.wait(60);
        play.see(Event::Phase(crate::history::RunPhase::Silence));
        // At the hand-over from the index to the chain one stream publishes a block twice.
        for task in [2_100, stream] {
            let entry = play.publish(100, task, height);
            play.execute(100, 1_100, height, entry);
        }
        assert_eq!(play.verdict().as_deref(), verdict, "{height}, {stream}");
    }
}

#[test]
fn p2_reckons_with_a_worker_that_the_network_left_behind() {
    let mut play = Play::running(100, 50);
    play.noted(100, 50);
    play.block(100, 50);
    play.worker_started(100, 8);
    play.worker_orphaned(8);
    let truth = play.oracles.truth_for_tests(&play.key.clone());
    let orphan = truth.world.workers.iter_mut().find(|one| one.worker == 8);
    orphan.unwrap().excused = true;
    play.wait(60);
    play.see(Event::Phase(crate::history::RunPhase::Silence));
    let entry = play.publish(100, 2_100, 51);
    for worker in [8, 1_100] {
        play.execute(100, worker, 51, entry);
    }
    play.is_right();
}

#[test]
fn nobody_knows_of_what_another_program_left_without_a_record() {
    for foreign in [false, true] {
        let mut play = Play::running(100, 50);
        play.noted(100, 50);
        play.block(100, 50);
        play.stop(100);
        let key = play.key.clone();
        if foreign {
            play.now = play.now + std::time::Duration::from_millis(10);
            play.see(Event::RecordTranslated { key: key.clone() });
            let (before, after) = (None, None);
            play.see(Event::RecordWritten { key, before, after });
        } else {
            play.write(None);
        }
        play.wait(1).deleted();
        let problems = play.oracles.unconverged(play.now);
        let left = problems
            .iter()
            .any(|it| it.contains("its cursor is left behind"));
        assert_eq!(left, !foreign, "{problems:?}");
    }
}

#[test]
fn s17_lets_a_coordinator_that_thawed_look_first() {
    let cases = [
        (1, 1, None),
        (60, 1, Some("S17")),
        // The one that was not frozen knows what it began itself.
        (1, 2, Some("S17")),
    ];
    for (after, by, verdict) in cases {
        let mut play = Play::new();
        let since = play.now;
        play.coordinator_starts();
        assert_eq!(play.incarnation, 2);
        let task = r#","task":{"id":"t1","since":1}"#;
        play.provisioning(task);
        play.wait(60);
        let state = crate::history::FormerState::Thawed { since };
        let incarnation = 1;
        play.see(Event::Former { incarnation, state });
        play.wait(after).listing();
        play.incarnation = by;
        let begun = play.task_started("t2");
        play.effect(Method::StartProvisioningTask, With::default(), &[begun]);
        assert_eq!(play.verdict().as_deref(), verdict, "{after} {by}");
    }
}

#[test]
fn nobody_knows_of_what_the_store_forgot_before_it_was_deleted_and_had_ended() {
    for (forgets, early, runs, left) in [
        (true, false, false, false),
        (true, false, true, true),
        (true, true, false, true),
        (false, false, false, true),
    ] {
        let mut play = Play::running(100, 50);
        play.noted(100, 50);
        play.block(100, 50);
        if early {
            play.wait(1).deleted();
        }
        if forgets {
            play.wait(1).forgotten();
        } else {
            play.wait(1).write(None);
        }
        play.wait(20).publish(100, 2_100, 60);
        if !early {
            play.wait(1).deleted();
        }
        if !runs {
            play.stop(100);
        }
        let problems = play.oracles.unconverged(play.now);
        let names_it = problems
            .iter()
            .any(|it| it.contains("its queue is left behind"));
        assert_eq!(names_it, left, "{forgets} {early} {runs}: {problems:?}");
    }
}
