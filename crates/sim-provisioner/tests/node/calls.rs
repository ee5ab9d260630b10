//! The three calls, and the life of a task as they show it.

use std::collections::BTreeSet;
use std::time::Duration;

use proto::data_layer::{GetTaskStatusRequest, TaskStatus};
use sim_node::{Event, IndexerKey, Node, TaskKind, TaskResult};
use sim_provisioner::{Completeness, Config, Quirks, Stage};
use tonic::Code;

use crate::world::World;

const NAME: &str = "a.near/f";

#[test]
fn a_task_is_pending_then_complete() {
    let mut world = World::new();
    let task = world.provision(NAME);
    assert_eq!(world.status(&task), Ok(TaskStatus::Pending));
    world.pass(Duration::from_millis(2_999));
    assert_eq!(world.status(&task), Ok(TaskStatus::Pending));
    world.pass(Duration::from_millis(1));
    assert_eq!(world.status(&task), Ok(TaskStatus::Complete));
    assert_eq!(world.completeness(NAME), Completeness::Complete);
    assert_eq!(
        world.node.next_event(),
        None,
        "an idle node has nothing planned"
    );
    let all: Vec<_> = Stage::PROVISION
        .iter()
        .skip(1)
        .map(|stage| stage.name())
        .collect();
    assert_eq!(world.stages(&task), all);
}

#[test]
fn every_start_is_a_new_task_with_its_own_uuid() {
    let mut world = World::new();
    let tasks: BTreeSet<_> = (0..50).map(|_| world.provision(NAME)).collect();
    assert_eq!(tasks.len(), 50);
    assert!(tasks.iter().all(|task| task.len() == 36));
    world.crash();
    assert!(
        !tasks.contains(&world.provision(NAME)),
        "also after a restart"
    );
}

#[test]
fn nothing_is_validated() {
    let mut world = World::new();
    let task = world.try_provision("/", "").unwrap();
    assert_eq!(world.status(&task), Ok(TaskStatus::Pending));
    world.settle();
    assert_eq!(
        world.status(&task),
        Ok(TaskStatus::Failed),
        "a database needs a name"
    );
}

#[test]
fn an_unknown_task_is_not_found() {
    let mut world = World::new();
    let request = GetTaskStatusRequest {
        task_id: "none".into(),
    };
    let status = world
        .act(|node, env| node.get_task_status(env, request))
        .result
        .unwrap_err();
    assert_eq!(status.code(), Code::NotFound);
    assert_eq!(status.message(), "Provisioning task does not exist");
}

#[test]
fn tasks_die_with_the_process_and_the_database_stays() {
    let mut world = World::new();
    let done = world.provision(NAME);
    world.settle();
    let midway = world.provision("b.near/g");
    world.settle_until(Stage::CreateDatabase);
    world.crash();
    assert_eq!(world.status(&done), Err(Code::NotFound));
    assert_eq!(world.status(&midway), Err(Code::NotFound));
    assert_eq!(world.completeness(NAME), Completeness::Complete);
    assert_eq!(world.node.next_event(), None);
    let (_, last) = world.ledger.events.last().unwrap();
    let expected = Event::TaskEnded {
        key: IndexerKey::new("b.near", "g"),
        task: midway,
        kind: TaskKind::Provision,
        result: TaskResult::NodeDied,
    };
    assert_eq!(*last, expected);
}

#[test]
fn failing_user_sql_fails_the_task_after_the_system_part() {
    let mut world = World::new();
    let task = world.try_provision(NAME, "CREATE SYNTAX ERROR").unwrap();
    world.settle();
    assert_eq!(world.status(&task), Ok(TaskStatus::Failed));
    assert_eq!(world.stages(&task).last(), Some(&"track_system"));
    assert_eq!(
        world.provisioned(NAME),
        TaskStatus::Complete,
        "with mended SQL"
    );
}

#[test]
fn an_indexer_without_tables_of_its_own_is_provisioned() {
    let mut world = World::new();
    let task = world.try_provision(NAME, " ").unwrap();
    world.settle();
    assert_eq!(world.status(&task), Ok(TaskStatus::Complete));
    assert!(!world.stages(&task).contains(&"create_user_tables"));
    assert_eq!(world.completeness(NAME), Completeness::Complete);
}

#[test]
fn repeating_on_a_complete_layer_succeeds_and_resets_the_status() {
    let mut world = World::new();
    let key = IndexerKey::parse(NAME).unwrap();
    assert_eq!(world.provisioned(NAME), TaskStatus::Complete);
    assert_eq!(world.node.layer().status_writes(&key), 1);
    let again = world.provision(NAME);
    world.settle();
    assert_eq!(world.status(&again), Ok(TaskStatus::Complete));
    assert_eq!(world.node.layer().status_writes(&key), 2);
    let stages = world.stages(&again);
    assert_eq!(
        stages,
        [
            "set_status",
            "track_system",
            "track_user_tables",
            "permissions"
        ]
    );
}

#[test]
fn quirk_failed_precondition_refuses_what_is_complete() {
    let quirks = Quirks {
        failed_precondition: true,
        ..Quirks::default()
    };
    let mut world = World::with(Config {
        quirks,
        ..Config::default()
    });
    assert_eq!(world.provisioned(NAME), TaskStatus::Complete);
    let status = world.try_provision(NAME, "").unwrap_err();
    assert_eq!(status.code(), Code::FailedPrecondition);
    assert!(world.try_provision("a.near/g", "").is_ok());
}

#[test]
fn a_planted_failure_hits_its_target_once() {
    let mut world = World::new();
    let key = IndexerKey::parse(NAME);
    assert!(world.node.fail_at(key, Some(Stage::TrackUserTables), 1));
    assert_eq!(world.provisioned("b.near/f"), TaskStatus::Complete);
    assert_eq!(world.provisioned(NAME), TaskStatus::Failed);
    assert_eq!(world.provisioned(NAME), TaskStatus::Complete);
}

#[test]
fn a_planted_failure_without_a_stage_hits_the_next_one() {
    let mut world = World::new();
    assert!(world.node.fail_at(None, None, 1));
    assert_eq!(world.provisioned(NAME), TaskStatus::Failed);
    assert!(world.node.layer().is_empty());
    assert_eq!(world.provisioned(NAME), TaskStatus::Complete);
}

#[test]
fn permissions_are_tried_six_times_with_growing_pauses() {
    let mut world = World::new();
    world.node.fail_at(None, Some(Stage::Permissions), 5);
    let task = world.provision(NAME);
    world.pass(Duration::from_secs(3) + Duration::from_secs(30));
    assert_eq!(world.status(&task), Ok(TaskStatus::Pending));
    world.pass(Duration::from_secs(1));
    assert_eq!(world.status(&task), Ok(TaskStatus::Complete));
    world.node.fail_at(None, Some(Stage::Permissions), 6);
    assert_eq!(world.provisioned("b.near/f"), TaskStatus::Failed);
}

#[test]
fn a_hanging_task_stays_pending_until_the_process_dies() {
    let mut world = World::new();
    world.node.hang_next(IndexerKey::parse(NAME));
    let hanging = world.provision(NAME);
    let other = world.provision("b.near/f");
    world.pass(Duration::from_secs(24 * 3600));
    assert_eq!(world.status(&hanging), Ok(TaskStatus::Pending));
    assert_eq!(world.status(&other), Ok(TaskStatus::Complete));
    let due: Vec<_> = world
        .node
        .tasks()
        .map(|task| (task.id.to_owned(), task.due))
        .collect();
    assert_eq!(due, [(hanging, None)]);
    world.crash();
    assert_eq!(world.provisioned(NAME), TaskStatus::Complete);
}

#[test]
fn all_tasks_hang_while_told_so() {
    let mut world = World::new();
    world.node.hang_all(true);
    let task = world.provision(NAME);
    world.node.hang_all(false);
    assert_eq!(world.provisioned("b.near/f"), TaskStatus::Complete);
    assert_eq!(world.status(&task), Ok(TaskStatus::Pending));
}

#[test]
fn slow_tasks_and_a_slow_service() {
    let mut world = World::new();
    world.node.slow_next(None, Duration::from_secs(60));
    let task = world.provision(NAME);
    world.pass(Duration::from_millis(62_999));
    assert_eq!(world.status(&task), Ok(TaskStatus::Pending));
    world.pass(Duration::from_millis(1));
    assert_eq!(world.status(&task), Ok(TaskStatus::Complete));
    world.node.set_slow(10.0);
    let task = world.provision("b.near/f");
    world.pass(Duration::from_millis(29_999));
    assert_eq!(world.status(&task), Ok(TaskStatus::Pending));
    world.pass(Duration::from_millis(1));
    assert_eq!(world.status(&task), Ok(TaskStatus::Complete));
}

#[test]
fn absurd_slowness_is_harmless() {
    for slow in [f64::NAN, f64::INFINITY, -1.0, 0.0, f64::MAX] {
        let mut world = World::with(Config {
            slow,
            ..Config::default()
        });
        assert_eq!(world.provisioned(NAME), TaskStatus::Complete, "{slow}");
    }
}

#[test]
fn the_configuration_reads_from_toml() {
    let text = "stage_time = \"1s\"\nslow = 2.5\n[quirks]\naccount_conflicts = false\n";
    let config: Config = toml::from_str(text).unwrap();
    assert_eq!(
        (config.stage_time, config.slow),
        (Duration::from_secs(1), 2.5)
    );
    assert!(!config.quirks.account_conflicts && config.quirks.unretryable_windows);
    assert!(toml::from_str::<Config>("stage = \"1s\"").is_err());
    let text = toml::to_string(&Config::default()).unwrap();
    assert_eq!(toml::from_str::<Config>(&text).unwrap(), Config::default());
}

#[test]
fn what_was_planted_can_be_taken_back() {
    let mut world = World::new();
    world.node.fail_at(None, None, 3);
    world.node.hang_next(None);
    world.node.hang_all(true);
    world.node.clear_planted();
    assert_eq!(world.provisioned(NAME), TaskStatus::Complete);
}
