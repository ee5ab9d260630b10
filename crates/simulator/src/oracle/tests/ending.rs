//! Convergence, silence, and what was executed in the end.

use std::collections::BTreeMap;

use sim_node::chain::{Chain, ChainConfig, Rule, StatusFilter};
use sim_node::{EntryId, IndexerKey, Time};

use super::play::Play;
use crate::history::{AdminCommand, Change, Event, Method, RunPhase};

#[test]
fn what_is_not_as_wanted_is_named() {
    let mut play = Play::running(100, 50);
    play.wait(1).registered(200, Some(60), false);
    let problems = play.oracles.unconverged(play.now);
    assert_eq!(
        problems,
        [
            "a.near/one: its stream has version 100, not 200",
            "a.near/one: its executor has version 100, not 200",
            "a.near/one: no worker of version 200 runs",
        ]
    );
    let mut play = Play::running(100, 50);
    play.admin(AdminCommand::Disable);
    play.record_with("Running", false, Some((100, 50, true)), "");
    play.acknowledged(AdminCommand::Disable);
    assert_eq!(play.oracles.unconverged(play.now).len(), 4);
}

#[test]
fn leaks_of_a_deleted_indexer_are_named() {
    let mut play = Play::running(100, 50);
    play.publish(100, 2_100, 50);
    play.wait(1).deleted();
    let problems = play.oracles.unconverged(play.now).join("\n");
    for leak in [
        "stream task",
        "executor of",
        "worker",
        "record in phase",
        "cursor",
        "queue",
    ] {
        assert!(problems.contains(leak), "{leak}: {problems}");
    }
}

#[test]
fn an_unreadable_record_is_nobodys_business() {
    let mut play = Play::new();
    play.registered(100, Some(50), true);
    assert_eq!(play.oracles.unconverged(play.now).len(), 3);
    let key = play.key.clone();
    play.see(Event::RecordTampered { key });
    play.now = play.now + std::time::Duration::from_millis(1);
    play.write(Some("garbage"));
    assert_eq!(play.oracles.unconverged(play.now), Vec::<String>::new());
}

#[test]
fn silence_is_broken_by_effects_writes_and_reads_but_not_by_polls() {
    let mut play = Play::running(100, 50);
    play.see(Event::Phase(RunPhase::Silence));
    for method in [
        Method::ListStreams,
        Method::ListExecutors,
        Method::RegistryListAll,
        Method::StoreGet,
    ] {
        play.sent(method, None);
    }
    play.is_right();
    play.sent(Method::GetStream, Some(&play.key.clone()));
    play.violates("L8");

    let mut play = Play::running(100, 50);
    play.see(Event::Phase(RunPhase::Silence));
    play.record("Running", Some((100, 50, true)));
    play.violates("L1");

    let mut play = Play::running(100, 50);
    play.see(Event::Phase(RunPhase::Silence));
    play.sent(Method::StopStream, Some(&play.key.clone()));
    play.violates("L1");
}

#[test]
fn what_falls_ill_in_the_silence_may_be_tended() {
    use sim_node::Event as Node;
    // What failed only seconds before it might have passed.
    for (ill_for, blamed) in [(Some(100), true), (Some(3), false), (None, false)] {
        let mut play = Play::running(100, 50);
        let key = play.key.clone();
        let failing = Node::ExecutorState {
            key: key.clone(),
            state: 2,
        };
        if let Some(seconds) = ill_for {
            play.node(failing.clone());
            play.wait(seconds);
        }
        play.see(Event::Phase(RunPhase::Silence));
        play.node(failing);
        play.wait(60);
        play.sent(Method::GetExecutor, Some(&key));
        assert_eq!(play.verdict(), blamed.then(|| "L8".to_owned()));
    }
}

/// Every height has a block that matches.
fn chain() -> Chain {
    chain_from(1)
}

fn chain_from(first_height: u64) -> Chain {
    let config = ChainConfig {
        first_height,
        history: 1_000,
        skip: 0.0,
        accounts: 1,
        touch: 1.0,
        ..ChainConfig::default()
    };
    Chain::synthetic(config, 1)
}

fn rules(versions: &[u64]) -> BTreeMap<IndexerKey, Vec<(u64, Rule)>> {
    let rule = Rule::ActionAny {
        affected: "app0.near".to_owned(),
        status: StatusFilter::Any,
    };
    let rules = versions
        .iter()
        .map(|version| (*version, rule.clone()))
        .collect();
    BTreeMap::from([(IndexerKey::new("a.near", "one"), rules)])
}

pub(super) fn finish(play: &mut Play, versions: &[u64], tip: u64) -> Option<String> {
    let now = play.now;
    play.oracles
        .finish(now, &mut chain(), &rules(versions), tip);
    play.verdict()
}

#[test]
fn p1_objects_to_a_block_that_was_passed_over() {
    for (skipped, verdict) in [(None, None), (Some(70), Some("P1"))] {
        let mut play = Play::running(100, 50);
        for height in 50..=200 {
            let entry = play.publish(100, 2_100, height);
            if skipped == Some(height) {
                // Removed from the queue without having been executed.
                play.oracles
                    .truth_for_tests(&play.key.clone())
                    .queue
                    .execute(play.now, entry);
            } else {
                play.execute(100, 1_100, height, entry);
            }
        }
        assert_eq!(finish(&mut play, &[100], 200).as_deref(), verdict);
        let tally = &play.oracles.tallies()["a.near/one"];
        assert_eq!(tally.matched, 151);
        assert_eq!(tally.executed, 151 - u64::from(skipped.is_some()));
        assert_eq!(tally.first_matched.first(), Some(&50));
        assert_eq!(tally.first_executed.first(), Some(&50));
    }
}

/// A run that the registry lets begin at block 0, and the blocks that it executes.
fn from_the_first_block(executed: std::ops::RangeInclusive<u64>) -> Play {
    let mut play = Play::new();
    play.registered(100, Some(0), true);
    play.provisioned();
    play.begin(100, 1);
    for height in executed {
        play.block(100, height);
    }
    play
}

#[test]
fn p1_asks_nobody_for_the_block_before_the_first() {
    for (first, verdict) in [(1, None), (2, Some("P1"))] {
        let mut play = from_the_first_block(first..=200);
        let now = play.now;
        let mut chain = chain_from(0);
        play.oracles.finish(now, &mut chain, &rules(&[100]), 200);
        assert_eq!(play.verdict().as_deref(), verdict);
    }
}

#[test]
fn p1_asks_no_predecessor_for_the_block_before_the_first() {
    for (first, verdict) in [(1, None), (2, Some("P1"))] {
        let mut play = from_the_first_block(first..=80);
        play.wait(1).registered(200, None, false);
        play.stop(100);
        play.begin(200, 80);
        for height in 80..=200 {
            play.block(200, height);
        }
        let now = play.now;
        let mut chain = chain_from(0);
        play.oracles
            .finish(now, &mut chain, &rules(&[100, 200]), 200);
        assert_eq!(play.verdict().as_deref(), verdict);
    }
}

#[test]
fn p1_tells_catching_up_from_standing_still() {
    for (idle, verdict) in [(10, None), (400, Some("P1"))] {
        let mut play = Play::running(100, 50);
        for height in 50..=100 {
            play.block(100, height);
        }
        play.wait(idle);
        assert_eq!(finish(&mut play, &[100], 200).as_deref(), verdict);
    }
}

#[test]
fn p1_excuses_what_the_store_lost() {
    let mut play = Play::running(100, 50);
    play.wait(100);
    for height in 50..=200 {
        let entry = play.publish(100, 2_100, height);
        if height == 70 {
            play.see(Event::StoreLost {
                span_micros: Some(1_000),
            });
        } else {
            play.execute(100, 1_100, height, entry);
        }
    }
    assert_eq!(finish(&mut play, &[100], 200), None);
}

#[test]
fn p1_follows_a_version_that_goes_on() {
    for (left, verdict) in [(None, None), (Some(60), Some("P1"))] {
        let mut play = Play::running(100, 50);
        for height in 50..=80 {
            if left != Some(height) {
                play.block(100, height);
            }
        }
        play.wait(1).registered(200, None, false);
        play.stop(100);
        play.begin(200, 80);
        for height in 80..=200 {
            play.block(200, height);
        }
        assert_eq!(finish(&mut play, &[100, 200], 200).as_deref(), verdict);
    }
}

#[test]
fn p1_asks_no_life_for_what_the_one_before_left() {
    for (late, verdict) in [(false, Some("P1")), (true, None)] {
        let mut play = Play::running(100, 50);
        play.stop(100);
        let version = if late { 150 } else { 9_050 };
        if late {
            play.registered(150, Some(50), false);
            play.registry(Change::Deleted { height: 9_000 });
        } else {
            play.deleted();
        }
        play.registry(Change::Registered {
            version: 9_050,
            content: 9_050,
            start: None,
            new_life: true,
            supported: true,
        });
        if !late {
            play.listing();
        }
        // Who has not heard of the new life may go on with the one before.
        play.begin(version, 50);
        for height in (50..=80).filter(|height| *height != 60) {
            play.block(version, height);
        }
        let next = if late { 9_050 } else { 9_200 };
        play.wait(1).registered(next, None, false);
        play.stop(version);
        play.begin(next, 80);
        for height in 80..=200 {
            play.block(next, height);
        }
        let found = finish(&mut play, &[100, 150, 9_050, 9_200], 200);
        assert_eq!(found.as_deref(), verdict, "{:?}", play.oracles.violation());
    }
}

#[test]
fn p1_lets_a_content_skip_that_another_of_its_version_replaced() {
    for (replaced, verdict) in [(true, None), (false, Some("P3"))] {
        let mut play = Play::running(100, 50);
        for height in 50..=70 {
            play.block(100, height);
        }
        // The first content asks for another start; the second goes on from there.
        if replaced {
            play.registered(200, Some(90), false);
        }
        play.registry(Change::Registered {
            version: 200,
            content: 201,
            start: None,
            new_life: false,
            supported: true,
        });
        play.listing();
        play.stop(100);
        play.begin(200, 90);
        for height in 90..=120 {
            play.block(200, height);
        }
        play.registered(300, None, false);
        play.stop(200);
        play.begin(300, 120);
        for height in 120..=200 {
            play.block(300, height);
        }
        let found = finish(&mut play, &[100, 200, 300], 200);
        assert_eq!(found.as_deref(), verdict);
    }
}

#[test]
fn p1_asks_nothing_of_a_run_that_the_store_forgot() {
    for (forgets, verdict) in [(false, Some("P1")), (true, None)] {
        let mut play = Play::running(100, 50);
        for height in (50..=80).filter(|height| *height != 60) {
            play.block(100, height);
        }
        play.wait(1).stop(100);
        if forgets {
            play.forgotten();
        }
        play.registered(200, None, false);
        if forgets {
            play.record("Initializing", None);
            play.record("Running", None);
        }
        play.begin(200, 80);
        play.noted(200, 80);
        // Long enough to be trusted again.
        for height in 80..=200 {
            play.wait(1).block(200, height);
        }
        assert_eq!(finish(&mut play, &[100, 200], 200).as_deref(), verdict);
    }
}

#[test]
fn p1_asks_nothing_of_a_run_that_another_program_noted_as_an_older_one_and_then_as_none() {
    for (foreign, verdict) in [(false, Some("P1")), (true, None)] {
        let mut play = Play::running(100, 50);
        play.noted(100, 50);
        for height in (50..=80).filter(|height| *height != 60) {
            play.block(100, height);
        }
        play.wait(1).stop(100);
        for synced in ["99", "null"].into_iter().filter(|_| foreign) {
            left_by_another_program(&mut play, synced);
        }
        play.wait(60).registered(150, None, false);
        let start = if foreign { 150 } else { 80 };
        play.begin(150, start);
        play.noted(150, start);
        for height in start..=200 {
            play.wait(1).block(150, height);
        }
        // So is that of the next one, which is told of again.
        for synced in ["null", "150"].into_iter().filter(|_| foreign) {
            left_by_another_program(&mut play, synced);
        }
        for height in 201..=330 {
            play.wait(1).block(150, height);
        }
        let found = finish(&mut play, &[100, 150], 330);
        assert_eq!(found.as_deref(), verdict);
    }
}

#[test]
fn p1_asks_nothing_of_a_run_of_which_no_more_than_the_version_is_told_again() {
    for (cursor, verdict) in [(false, None), (true, Some("P1"))] {
        let mut play = Play::running(100, 50);
        play.noted(100, 50);
        for height in (50..=80).filter(|height| *height != 60) {
            play.block(100, height);
        }
        play.wait(1).stop(100);
        play.forgotten();
        left_by_another_program(&mut play, "100");
        if cursor {
            play.cursor(2_100, 80);
            play.noted(100, 50);
        }
        play.wait(60).registered(150, None, false);
        play.begin(150, 150);
        play.noted(150, 150);
        for height in 150..=300 {
            play.wait(1).block(150, height);
        }
        let found = finish(&mut play, &[100, 150], 300);
        assert_eq!(found.as_deref(), verdict, "{:?}", play.oracles.violation());
    }
}

#[test]
fn p1_asks_nothing_of_a_run_whose_start_was_lost_before_it_had_a_cursor() {
    for (lost, verdict) in [(true, None), (false, Some("P3"))] {
        let mut play = Play::running(100, 50);
        play.noted(100, 50);
        play.wait(1).stop(100);
        if lost {
            left_by_another_program(&mut play, "100");
        }
        play.wait(60).registered(150, None, false);
        play.begin(150, 150);
        play.noted(150, 150);
        for height in 150..=300 {
            play.wait(1).block(150, height);
        }
        assert_eq!(
            finish(&mut play, &[100, 150], 300).as_deref(),
            verdict,
            "{:?}",
            play.oracles.violation()
        );
    }
}

pub(super) fn left_by_another_program(play: &mut Play, synced: &str) {
    let text = format!(
        r#"{{"account_id":"a.near","function_name":"one","enabled":true,
        "block_stream_synced_at":{synced},"lifecycle_state":"Running"}}"#
    );
    play.wait(1);
    let key = play.key.clone();
    play.see(Event::RecordTranslated { key: key.clone() });
    play.see(Event::RecordWritten {
        key,
        before: None,
        after: Some(text.into()),
    });
}

#[test]
fn an_unknown_entry_is_no_reason_to_fall_over() {
    let mut play = Play::running(100, 50);
    play.execute(100, 77, 50, EntryId::default());
    play.now = Time(play.now.0 + 1);
    play.is_right();
}

#[test]
fn a_worker_that_vanished_unseen_is_no_objection_but_a_stalled_one_is() {
    use sim_node::{Event as Node, WorkerStopReason};
    for stalled in [false, true] {
        let mut play = Play::running(100, 50);
        let (key, reason) = (play.key.clone(), WorkerStopReason::Crashed);
        play.node(Node::WorkerEnded {
            key: key.clone(),
            worker: 1_100,
            reason,
        });
        if stalled {
            play.node(Node::ExecutorState { key, state: 5 });
        }
        let settled = play.oracles.unconverged(play.now).is_empty();
        assert_eq!(settled, !stalled);
    }
}

#[test]
fn a_dead_stream_that_waits_for_code_that_fails_for_ever_is_no_objection() {
    use sim_node::{Event as Node, TaskStopReason};
    for (fails, waits) in [(true, true), (true, false), (false, true)] {
        let mut play = Play::running(100, 50);
        let key = play.key.clone();
        if fails {
            play.node(Node::BlockFailed {
                key: key.clone(),
                worker: 1_100,
                version: 100,
                height: 60,
            });
        }
        let state = if waits { 3 } else { 2 };
        play.node(Node::StreamHealth { key, state });
        play.stream_ended(2_100, TaskStopReason::Panicked);
        let settled = play.oracles.unconverged(play.now).is_empty();
        assert_eq!(settled, fails && waits);
    }
}

/// It goes on in the same version, and nobody can know that it began further back.
#[test]
fn p1_asks_nothing_of_a_run_that_began_anew_since_its_start_was_lost() {
    for (lost, verdict) in [(true, None), (false, Some("P3"))] {
        let mut play = Play::running(90, 50);
        play.wait(1).stop(90);
        play.registered(100, None, false);
        play.begin(100, 50);
        play.noted(100, 50);
        play.wait(1).stop(100);
        if lost {
            left_by_another_program(&mut play, "100");
        }
        play.wait(60).start_executor(100, 77);
        play.start_stream(100, 100, 77);
        for height in 100..=300 {
            let entry = play.wait(1).publish(100, 77, height);
            play.execute(100, 77, height, entry);
            play.cursor(77, height);
        }
        assert_eq!(
            finish(&mut play, &[90, 100], 300).as_deref(),
            verdict,
            "{:?}",
            play.oracles.violation()
        );
    }
}
