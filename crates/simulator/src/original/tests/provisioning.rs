//! Data layers: what leads where, and how long everybody waits for everybody.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tonic::Code;

use super::{Peers, entry, play, round};

fn peers() -> Peers {
    Peers::of(entry(json!("LATEST")), None)
}

#[test]
fn only_success_leads_to_running() {
    for (answers, phase) in [
        (vec![2], "Running"),
        (vec![1, 1, 2], "Running"),
        (vec![3], "Repairing"),
        (vec![1, 0], "Repairing"),
        (vec![77], "Repairing"),
    ] {
        let peers = peers();
        peers.said().tasks.extend(answers);
        assert_eq!(round(&peers).0.as_deref(), Some(phase));
    }
}

#[test]
fn every_error_leads_to_repairing_but_one() {
    for (call, code, phase) in [
        ("StartProvisioningTask", Code::FailedPrecondition, "Running"),
        ("StartProvisioningTask", Code::Unavailable, "Repairing"),
        ("GetTaskStatus", Code::NotFound, "Repairing"),
        ("GetTaskStatus", Code::Unavailable, "Repairing"),
    ] {
        let peers = peers();
        peers.said().failing.insert(call, code);
        assert_eq!(round(&peers).0.as_deref(), Some(phase), "{call} {code}");
    }
}

#[test]
fn a_task_is_given_up_after_610_looks_of_five_seconds() {
    let peers = peers();
    let (phase, took, asked) = round(&peers);
    assert_eq!(phase.as_deref(), Some("Repairing"));
    let looks = asked.iter().filter(|call| *call == "GetTaskStatus");
    assert_eq!(looks.count(), 610);
    assert_eq!(took, 610 * 5 + 1);
}

#[test]
fn the_last_of_many_waits_for_two_calls_of_all_others() {
    const MANY: u64 = 10;
    let peers = peers();
    peers.said().tasks.extend([2; MANY as usize]);
    let original = peers.original();
    let took = play(async move {
        let began = tokio::time::Instant::now();
        let tasks: Vec<_> = (0..MANY)
            .map(|nth| {
                let original = Arc::clone(&original);
                tokio::spawn(async move { original.round("a.near", &format!("f{nth}")).await })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        began.elapsed()
    });
    let expected = Duration::from_secs(5 * (2 * MANY - 1));
    assert!(
        took.abs_diff(expected) < Duration::from_millis(100),
        "{took:?}"
    );
}
