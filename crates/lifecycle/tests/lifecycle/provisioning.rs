//! Creating the data layer: intent, task, polls.

use lifecycle::{Cause, Desired, Gate, IndexerId, Outcome, Phase, Policy, Service, TaskSeen};

use crate::support::*;

fn with_task(seconds: u64, seen: TaskSeen) -> World {
    initializing().has_task(Some("T"), ago(seconds)).task(seen)
}

fn intended(seconds: u64) -> World {
    initializing().has_task(None, ago(seconds))
}

#[test]
fn a_new_indexer_gets_a_record_first() {
    assert_eq!(world().plan(), "commit Initializing");
}

#[test]
fn the_intent_is_committed_before_the_call() {
    let world = initializing();
    assert_eq!(world.plan(), "commit Initializing, task intended");
    assert_eq!(
        world.committed().armed().plan(),
        "start provisioning, version 5"
    );
}

#[test]
fn an_intent_that_outlived_its_process_is_given_time() {
    let world = intended(20);
    assert_eq!(
        world.plan(),
        "wait: it is not known whether provisioning started; giving it time to end"
    );
    assert_eq!(world.wakes_in(), Some(100));
}

#[test]
fn an_intent_without_news_is_tried_again_after_that_time() {
    assert_eq!(
        intended(120).plan(),
        "commit Repairing, it is not known whether provisioning started (attempt 1)"
    );
}

#[test]
fn the_task_id_is_remembered_with_the_time_of_the_intent() {
    let world = intended(1).armed();
    let world = world.ended(Outcome::Done(Some("T".to_owned())));
    assert_eq!(world.stands(), "Initializing, task T");
    let task = world.seen.record.and_then(|record| record.task);
    assert_eq!(task.map(|task| task.since), Some(ago(1)));
}

#[test]
fn a_start_without_an_answer_is_not_repeated() {
    let world = intended(1).armed().ended(unanswered());
    assert_eq!(world.stands(), "Initializing, task intended");
    assert_eq!(world.wakes_in(), Some(119));
}

#[test]
fn a_start_that_did_not_arrive_is_repeated_after_a_pause() {
    let world = intended(1).armed().ended(unreachable());
    let expected = "Repairing, provisioning could not be started (attempt 1)";
    assert_eq!(world.stands(), expected);
    let world = world.later(secs(1)).committed();
    assert_eq!(
        world.plan(),
        "commit Initializing, task intended, provisioning could not be started (attempt 1)"
    );
}

#[test]
fn what_exists_already_is_provisioned() {
    let world = intended(1).armed().ended(Outcome::AlreadyExists);
    assert_eq!(world.plan(), "commit Running");
}

#[test]
fn a_pending_task_is_polled() {
    let world = with_task(30, TaskSeen::Pending);
    assert_eq!(world.plan(), "wait: the data layer is being created");
    assert_eq!(world.wakes_in(), Some(1));
}

#[test]
fn a_complete_task_leads_to_running() {
    let world = with_task(30, TaskSeen::Complete).committed();
    assert_eq!(world.stands(), "Running");
    assert!(world.seen.record.is_some_and(|record| record.provisioned));
}

#[test]
fn a_data_layer_that_is_there_ends_the_memory_of_failures() {
    let world = with_task(30, TaskSeen::Complete).has_repair(Cause::ProvisioningFailed, 3, ago(1));
    assert_eq!(world.commits().repair, None);
    let world = initializing()
        .record(|record| record.provisioned = true)
        .has_repair(Cause::ProvisioningNotStarted, 3, ago(1));
    assert_eq!(world.commits().repair, None);
}

#[test]
fn a_failed_task_is_repaired_within_limits() {
    let record = with_task(30, TaskSeen::Failed).commits();
    assert_eq!(
        record.to_string(),
        "Repairing, provisioning failed (attempt 1)"
    );
    assert!(record.repair.is_some_and(|repair| repair.limited));
}

#[test]
fn a_lost_task_is_started_again() {
    let world = with_task(30, TaskSeen::NotFound);
    assert_eq!(
        world.plan(),
        "commit Repairing, the provisioner lost the task (attempt 1)"
    );
    let world = world.committed().later(secs(1)).committed();
    assert_eq!(
        world.plan(),
        "commit Initializing, task intended, the provisioner lost the task (attempt 1)"
    );
}

#[test]
fn only_tasks_that_fail_are_given_up_after_some_tries() {
    let limits = [
        (30, TaskSeen::Failed, true),
        (30, TaskSeen::NotFound, false),
        (1800, TaskSeen::Pending, false),
    ];
    for (age, task, limited) in limits {
        let repair = with_task(age, task).commits().repair.unwrap();
        assert_eq!(repair.limited, limited, "{}", repair.cause);
        let mut unlisted = with_task(age, task);
        unlisted.seen.desired = Desired::Missing;
        let repair = unlisted.commits().repair.unwrap();
        assert_eq!(repair.limited, limited, "unlisted, {}", repair.cause);
    }
}

#[test]
fn an_overdue_task_is_looked_at_less_often_and_not_doubled() {
    let world = with_task(610, TaskSeen::Pending).committed();
    let expected = "Repairing, task T, provisioning took too long (attempt 1)";
    assert_eq!(world.stands(), expected);
    let world = world.later(secs(1)).committed().committed();
    let expected = "Repairing, task T, provisioning took too long (attempt 2)";
    assert_eq!(world.stands(), expected);
}

#[test]
fn an_overdue_task_that_ends_is_noticed_at_once() {
    let world = with_task(610, TaskSeen::Pending).committed();
    let world = world.task(TaskSeen::Complete).committed();
    assert_eq!(world.stands(), "Initializing, task T");
    assert_eq!(world.plan(), "commit Running");
}

#[test]
fn failures_are_counted_though_the_tasks_are_slow() {
    let world = with_task(610, TaskSeen::Pending).has_repair(Cause::ProvisioningFailed, 3, ago(1));
    assert_eq!(world.plan(), "wait: the data layer is being created");
    assert!(
        world
            .wakes_in()
            .is_some_and(|pause| (2..=4).contains(&pause))
    );
    let record = world.task(TaskSeen::Failed).commits();
    assert_eq!(
        record.to_string(),
        "Repairing, provisioning failed (attempt 4)"
    );
}

#[test]
fn failures_before_slow_tasks_count_for_a_while() {
    let failed_at = |last_at| {
        let world = with_task(610, TaskSeen::Pending);
        let world = world.has_repair(Cause::ProvisioningFailed, 3, ago(1));
        world.record(|record| {
            if let Some(repair) = &mut record.repair {
                repair.last_at = last_at;
            }
        })
    };
    let window = Policy::default().attempts_window.as_secs();
    let recent = failed_at(ago(window - 1));
    assert_eq!(recent.plan(), "wait: the data layer is being created");
    assert_eq!(
        failed_at(ago(window)).plan(),
        "commit Repairing, task T, provisioning took too long (attempt 1)"
    );
}

#[test]
fn a_task_that_hangs_is_given_up_in_the_end() {
    let world = with_task(1800, TaskSeen::Pending);
    assert_eq!(
        world.plan(),
        "commit Repairing, provisioning took too long (attempt 1)"
    );
}

#[test]
fn a_task_that_cannot_be_seen_is_never_given_up() {
    let world = with_task(9000, TaskSeen::Unknown);
    assert_eq!(world.plan(), "wait: the provisioner could not be asked");
    assert_eq!(world.wakes_in(), Some(1));
    let world = world.down(Service::Provisioner);
    assert_eq!(world.plan(), "wait: the provisioner does not answer");
    assert_eq!(world.wakes_in(), None);
}

#[test]
fn one_task_per_account_at_a_time() {
    let other = IndexerId::new("a.near", "g").unwrap();
    assert_eq!(
        initializing().gate(Gate::AccountBusy(other)).plan(),
        "wait: a.near/g, of the same account or database, is provisioned first"
    );
}

#[test]
fn tasks_are_bounded() {
    assert_eq!(
        initializing().gate(Gate::Full).plan(),
        "wait: too many provisioning tasks are in flight"
    );
}

#[test]
fn no_intent_while_the_provisioner_is_down() {
    assert_eq!(
        initializing().down(Service::Provisioner).plan(),
        "wait: the provisioner does not answer"
    );
}

#[test]
fn a_data_layer_is_not_created_twice() {
    let world = initializing().record(|record| record.provisioned = true);
    assert_eq!(world.plan(), "commit Running");
    let left_over = world.has_task(Some("T"), ago(5));
    assert_eq!(left_over.plan(), "commit Running");
}

#[test]
fn nothing_is_provisioned_for_a_rule_that_cannot_be_served() {
    assert_eq!(
        initializing().wants(event(5)).plan(),
        "commit Repairing, the rule kind is not supported (attempt 1)"
    );
}

#[test]
fn a_disabled_indexer_is_not_provisioned() {
    assert_eq!(
        initializing().disabled().plan(),
        "commit Suspending, disabled"
    );
}

#[test]
fn a_suspended_indexer_sees_its_task_to_the_end() {
    let world = suspended().has_task(Some("T"), ago(30));
    assert_eq!(
        world.clone().task(TaskSeen::Pending).plan(),
        "wait: the data layer is being created"
    );
    let record = world
        .record(|record| record.provisioned = false)
        .task(TaskSeen::Complete)
        .commits();
    assert!(record.provisioned && record.task.is_none());
    assert_eq!(record.phase, Phase::Suspended);
}

#[test]
fn a_task_that_hangs_holds_up_no_deletion_for_ever() {
    let world = deleting().has_task(Some("T"), ago(1799));
    assert_eq!(world.wakes_in(), Some(1));
    assert_eq!(
        world.later(secs(1)).plan(),
        "commit Deleting, version 5 from 120"
    );
}

#[test]
fn no_pause_outlasts_the_time_a_task_is_given() {
    let mut world = suspended().has_task(None, ago(1799));
    world.policy.provisioning_settle = secs(9000);
    assert_eq!(world.wakes_in(), Some(1));
}

#[test]
fn retries_back_off_up_to_their_cap() {
    let policy = Policy::default();
    let mut last = secs(0);
    for attempts in 1..40 {
        let delay = policy.retry.delay(&id(), attempts);
        let nominal = nominal(policy.retry, attempts);
        assert!(delay >= nominal / 2 && delay <= nominal, "{attempts}");
        assert!(nominal >= last);
        last = nominal;
    }
    assert_eq!(last, policy.retry.cap);
}

#[test]
fn failures_of_long_ago_do_not_count() {
    let world = with_task(30, TaskSeen::NotFound);
    let recent = world
        .clone()
        .has_repair(Cause::ProvisioningLost, 3, ago(90));
    assert_eq!(recent.commits().repair.unwrap().attempts, 4);
    let old = world
        .has_repair(Cause::ProvisioningLost, 3, ago(90))
        .later(secs(7 * 3600));
    assert_eq!(old.commits().repair.unwrap().attempts, 1);
}

#[test]
fn no_task_counts_as_older_than_this_coordinator() {
    // The clock may have been put forward by an hour between two lives.
    let mut uncertain = intended(3600);
    uncertain.seen.running_since = ago(10);
    assert_eq!(uncertain.wakes_in(), Some(110));
    let mut pending = with_task(3600, TaskSeen::Pending);
    pending.seen.running_since = ago(10);
    assert!(pending.plan().starts_with("wait"), "{}", pending.plan());
    let mut elsewhere = suspended().has_task(None, ago(3600));
    elsewhere.seen.running_since = ago(10);
    assert_eq!(elsewhere.wakes_in(), Some(110));
    elsewhere.seen.running_since = ago(130);
    assert_eq!(
        elsewhere.plan(),
        "commit Suspended, disabled, version 5 from 120"
    );
}

#[test]
fn a_life_that_begins_in_the_future_says_nothing_about_tasks() {
    // The clock was put back since this coordinator began to run.
    let mut world = intended(130);
    world.seen.running_since = NOW + secs(3600);
    assert_eq!(
        world.plan(),
        "commit Repairing, it is not known whether provisioning started (attempt 1)"
    );
    // It begins at this very moment, and so does whatever it knows of tasks.
    world.seen.running_since = NOW;
    assert_eq!(world.wakes_in(), Some(120));
}

/// What the registry may say while nothing can be begun.
fn silences() -> [Desired; 4] {
    [
        Desired::Unknown,
        Desired::Missing,
        Desired::Unlisted(latest(5)),
        // The deletion waits for the task as well.
        deleted(3, 3),
    ]
}

#[test]
fn a_task_is_watched_to_its_end_while_the_registry_says_nothing_of_use() {
    for desired in silences() {
        // A tombstone that is up to date leads to deletion, which watches as well.
        let deletion = matches!(desired, Desired::Deleted { .. });
        let world = with_task(30, TaskSeen::Pending).desired(desired);
        let world = if deletion { world.committed() } else { world };
        assert!(world.plan().starts_with("wait: "), "{}", world.plan());
        let poll = Policy::default().provisioning_poll.as_secs();
        assert_eq!(world.wakes_in(), Some(poll));
        let ended = world.task(TaskSeen::Complete).committed();
        let phase = if deletion { "Deleting" } else { "Running" };
        assert_eq!(ended.stands(), phase);
    }
}

#[test]
fn a_task_that_fails_while_the_registry_is_silent_is_counted_all_the_same() {
    let failed = |earlier| {
        let world = with_task(30, TaskSeen::Failed).desired(Desired::Unknown);
        let world = match earlier {
            0 => world,
            tries => world.has_repair(Cause::ProvisioningFailed, tries, ago(1)),
        };
        world.committed()
    };
    let expected = "Repairing, provisioning failed (attempt 1)";
    assert_eq!(failed(0).stands(), expected);
    let tried = failed(3);
    assert_eq!(tried.stands(), "Repairing, provisioning failed (attempt 4)");
    assert!(tried.plan().starts_with("wait: "), "{}", tried.plan());
    // It is not begun anew before its pause is over, once the registry answers.
    let world = tried.wants(latest(5));
    assert!(world.plan().starts_with("wait: "), "{}", world.plan());
}

#[test]
fn a_repair_waits_no_longer_than_for_its_task_while_the_registry_is_silent() {
    let world = with_task(610, TaskSeen::Pending).committed();
    let world = world.desired(Desired::Missing).task(TaskSeen::Complete);
    assert_eq!(world.committed().stands(), "Running");
}

#[test]
fn a_task_is_watched_to_its_end_while_something_cannot_be_stopped() {
    let stuck = [
        suspending().stream(5).down(Service::BlockStreamer),
        deleting().stream(5).down(Service::BlockStreamer),
        suspended().stream(5).down(Service::BlockStreamer),
    ];
    for world in stuck {
        let world = world.has_task(Some("T"), ago(30)).task(TaskSeen::Pending);
        assert_eq!(world.plan(), "wait: the block streamer does not answer");
        let poll = Policy::default().provisioning_poll.as_secs();
        assert_eq!(world.wakes_in(), Some(poll));
        for end in [TaskSeen::Complete, TaskSeen::Failed, TaskSeen::NotFound] {
            let ended = world.clone().task(end).commits();
            assert_eq!((ended.phase, ended.task), (world.phase(), None));
        }
    }
}

#[test]
fn a_failure_while_the_registry_is_silent_forgets_not_what_had_failed() {
    let gave_up = with_task(30, TaskSeen::Failed).has_repair(Cause::ProvisioningFailed, 7, ago(1));
    let world = gave_up.desired(Desired::Unknown).committed();
    assert_eq!(world.stands(), "Repairing, provisioning failed (attempt 8)");
    let updated = world.wants(latest(6)).committed();
    assert_eq!(updated.stands(), "Initializing");
}
