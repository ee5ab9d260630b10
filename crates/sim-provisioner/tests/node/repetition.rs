//! What a second task can and cannot make of what an earlier one left.

use std::time::Duration;

use proto::data_layer::TaskStatus;
use sim_node::IndexerKey;
use sim_provisioner::{Completeness, Config, DataLayer, Quirks, Stage};

use crate::world::World;

const NAME: &str = "a.near/f";

fn retryable() -> World {
    let quirks = Quirks {
        unretryable_windows: false,
        ..Quirks::default()
    };
    World::with(Config {
        quirks,
        ..Config::default()
    })
}

/// The status of a second task after the first ended right after `stage`, by a
/// crash of the process or by a failure of the next stage.
fn repeated_after(mut world: World, stage: Stage, crash: bool) -> TaskStatus {
    if crash {
        world.provision(NAME);
        world.settle_until(stage);
        world.crash();
    } else {
        let at = Stage::PROVISION.iter().position(|&s| s == stage).unwrap();
        world
            .node
            .fail_at(None, Some(Stage::PROVISION[at + 1]), u64::MAX);
        assert_eq!(world.provisioned(NAME), TaskStatus::Failed);
        let layer = world.node.layer().clone();
        world.node = sim_provisioner::ProvisionerCore::new(
            world.node.config().clone(),
            8,
            world.node.next_serial(),
            layer,
        );
    }
    assert_eq!(world.completeness(NAME), Completeness::Partial);
    world.provisioned(NAME)
}

#[test]
fn unretryable_window_a_database_without_source() {
    for stage in [Stage::CreateDatabase, Stage::CreateUser, Stage::Grant] {
        for crash in [true, false] {
            let status = repeated_after(World::new(), stage, crash);
            assert_eq!(status, TaskStatus::Failed, "{stage:?} {crash}");
            let status = repeated_after(retryable(), stage, crash);
            assert_eq!(status, TaskStatus::Complete, "{stage:?} {crash}");
        }
    }
}

#[test]
fn unretryable_window_b_schema_without_tracked_table() {
    let window = [
        Stage::CreateSchema,
        Stage::CreateMetadata,
        Stage::SetStatus,
        Stage::CreateLogs,
        Stage::GrantCron,
        Stage::ScheduleCron,
    ];
    for stage in window {
        for crash in [true, false] {
            let status = repeated_after(World::new(), stage, crash);
            assert_eq!(status, TaskStatus::Failed, "{stage:?} {crash}");
            let status = repeated_after(retryable(), stage, crash);
            assert_eq!(status, TaskStatus::Complete, "{stage:?} {crash}");
        }
    }
}

#[test]
fn outside_the_windows_a_repetition_succeeds() {
    for stage in [
        Stage::TrackSystem,
        Stage::CreateUserTables,
        Stage::TrackUserTables,
    ] {
        for crash in [true, false] {
            let status = repeated_after(World::new(), stage, crash);
            assert_eq!(status, TaskStatus::Complete, "{stage:?} {crash}");
        }
    }
    let mut world = World::new();
    world.node.fail_at(None, Some(Stage::CreateSchema), 1);
    assert_eq!(world.provisioned(NAME), TaskStatus::Failed);
    assert_eq!(
        world.provisioned(NAME),
        TaskStatus::Complete,
        "after the source was added"
    );
}

#[test]
fn unretryable_window_c_logs_without_cron() {
    let interrupted = |mut world: World| {
        world
            .node
            .layer_mut()
            .insert_legacy(&IndexerKey::parse(NAME).unwrap());
        world.provision(NAME);
        world.settle_until(Stage::CreateLogs);
        world.crash();
        assert_eq!(world.provisioned(NAME), TaskStatus::Complete);
        world.completeness(NAME)
    };
    assert_eq!(interrupted(World::new()), Completeness::WithoutCron);
    assert_eq!(interrupted(retryable()), Completeness::Complete);
}

#[test]
fn a_legacy_indexer_gets_what_it_lacks() {
    let mut world = World::new();
    world
        .node
        .layer_mut()
        .insert_legacy(&IndexerKey::parse(NAME).unwrap());
    assert_eq!(world.completeness(NAME), Completeness::Partial);
    let task = world.provision(NAME);
    world.settle();
    assert_eq!(world.completeness(NAME), Completeness::Complete);
    let stages = world.stages(&task);
    assert!(!stages.contains(&"create_schema") && !stages.contains(&"create_user_tables"));
    assert!(stages.contains(&"schedule_cron"));
}

#[test]
fn an_operator_can_clean_up_by_hand() {
    let mut world = World::new();
    assert_eq!(world.provisioned("a.near/other"), TaskStatus::Complete);
    world.node.fail_at(None, Some(Stage::SetStatus), 1);
    assert_eq!(world.provisioned(NAME), TaskStatus::Failed);
    assert_eq!(world.provisioned(NAME), TaskStatus::Failed, "stuck");
    world
        .node
        .layer_mut()
        .clean_up(&IndexerKey::parse(NAME).unwrap());
    assert_eq!(world.completeness(NAME), Completeness::Absent);
    assert_eq!(world.provisioned(NAME), TaskStatus::Complete);
    assert_eq!(world.completeness("a.near/other"), Completeness::Complete);
}

#[test]
fn two_tasks_of_an_account_without_source_conflict() {
    let mut world = World::new();
    let first = world.provision("a.near/f");
    let second = world.provision("a.near/g");
    world.settle();
    assert_eq!(world.status(&first), Ok(TaskStatus::Complete));
    assert_eq!(world.status(&second), Ok(TaskStatus::Failed));
    assert_eq!(
        world.provisioned("a.near/g"),
        TaskStatus::Complete,
        "a retry heals it"
    );
}

#[test]
fn a_task_that_begins_in_the_midst_of_another_conflicts() {
    for stage in [Stage::CreateDatabase, Stage::CreateUser, Stage::Grant] {
        let mut world = World::new();
        let first = world.provision("a.near/f");
        world.settle_until(stage);
        let second = world.provision("a.near/g");
        world.settle();
        // The second looks a stage later: by then the source may be there.
        let expected = if stage == Stage::Grant {
            TaskStatus::Complete
        } else {
            TaskStatus::Failed
        };
        assert_eq!(world.status(&first), Ok(TaskStatus::Complete));
        assert_eq!(world.status(&second), Ok(expected), "{stage:?}");
    }
}

#[test]
fn a_rivals_database_is_not_taken_for_a_leftover() {
    let second = |quirks: Quirks| {
        let mut world = World::with(Config {
            quirks,
            ..Config::default()
        });
        world.provision("a.near/f");
        world.settle_until(Stage::CreateDatabase);
        let second = world.provision("a.near/g");
        world.settle();
        world.status(&second).unwrap()
    };
    let mut quirks = Quirks {
        account_conflicts: false,
        ..Quirks::default()
    };
    assert_eq!(second(quirks), TaskStatus::Complete);
    quirks.account_conflicts = true;
    quirks.unretryable_windows = false;
    assert_eq!(second(quirks), TaskStatus::Failed);
}

#[test]
fn two_tasks_of_one_indexer_conflict_over_its_schema() {
    let mut world = World::new();
    assert_eq!(world.provisioned("a.near/other"), TaskStatus::Complete);
    let first = world.provision(NAME);
    let second = world.provision(NAME);
    world.settle();
    assert_eq!(world.status(&first), Ok(TaskStatus::Complete));
    assert_eq!(world.status(&second), Ok(TaskStatus::Failed));
}

#[test]
fn tasks_of_different_accounts_do_not_conflict() {
    let mut world = World::new();
    let tasks: Vec<_> = (0..20)
        .map(|n| world.provision(&format!("a{n}.near/f")))
        .collect();
    world.settle();
    assert!(
        tasks
            .iter()
            .all(|task| world.status(task) == Ok(TaskStatus::Complete))
    );
}

#[test]
fn without_the_conflict_quirk_both_succeed() {
    let quirks = Quirks {
        account_conflicts: false,
        ..Quirks::default()
    };
    let mut world = World::with(Config {
        quirks,
        ..Config::default()
    });
    let tasks = [
        world.provision("a.near/f"),
        world.provision("a.near/g"),
        world.provision(NAME),
    ];
    world.settle();
    for task in tasks {
        assert_eq!(world.status(&task), Ok(TaskStatus::Complete));
    }
}

#[test]
fn dropping_removes_everything_with_the_last_indexer() {
    let mut world = World::new();
    world.provisioned("a.near/f");
    world.provisioned("a.near/g");
    assert_eq!(world.deprovisioned("a.near/f"), TaskStatus::Complete);
    assert_eq!(world.completeness("a.near/f"), Completeness::Absent);
    assert_eq!(world.completeness("a.near/g"), Completeness::Complete);
    assert_eq!(world.deprovisioned("a.near/g"), TaskStatus::Complete);
    assert_eq!(*world.node.layer(), DataLayer::default());
    assert_eq!(world.provisioned("a.near/f"), TaskStatus::Complete);
}

#[test]
fn dropping_in_the_midst_of_creating_leaves_a_source_without_database() {
    let interrupted = |mut world: World| {
        world.provision(NAME);
        world.pass(Duration::from_millis(200));
        world.deprovision(NAME);
        world.pass(Duration::from_millis(800));
        world.crash();
        assert_eq!(world.completeness(NAME), Completeness::Partial);
        world.provisioned(NAME)
    };
    let quirks = Quirks {
        deprovision_once: false,
        ..Quirks::default()
    };
    let strict = World::with(Config {
        quirks,
        ..Config::default()
    });
    assert_eq!(interrupted(strict), TaskStatus::Failed);
    let quirks = Quirks {
        unretryable_windows: false,
        ..quirks
    };
    let tolerant = World::with(Config {
        quirks,
        ..Config::default()
    });
    assert_eq!(interrupted(tolerant), TaskStatus::Complete);
}

#[test]
fn dropping_the_database_takes_a_schema_that_was_just_created() {
    let mut world = World::new();
    world.provisioned("a.near/f");
    let dropping = world.deprovision("a.near/f");
    world.pass(Duration::from_millis(300));
    let creating = world.provision("a.near/g");
    world.settle();
    assert_eq!(world.stages(&creating), ["create_schema"]);
    assert_eq!(world.status(&creating), Ok(TaskStatus::Failed));
    assert_eq!(world.status(&dropping), Ok(TaskStatus::Complete));
    assert!(world.node.layer().is_empty());
}

#[test]
fn dropping_twice_fails() {
    let lenient = Quirks {
        deprovision_once: false,
        ..Quirks::default()
    };
    for (quirks, expected) in [
        (Quirks::default(), TaskStatus::Failed),
        (lenient, TaskStatus::Complete),
    ] {
        let mut world = World::with(Config {
            quirks,
            ..Config::default()
        });
        world.provisioned("a.near/f");
        world.provisioned("a.near/g");
        assert_eq!(world.deprovisioned("a.near/f"), TaskStatus::Complete);
        assert_eq!(world.deprovisioned("a.near/f"), expected, "jobs are gone");
        assert_eq!(
            world.deprovisioned("never.near/f"),
            expected,
            "nothing was there"
        );
    }
}

#[test]
fn dropping_half_a_layer_fails_at_the_jobs() {
    let mut world = World::new();
    world.node.fail_at(None, Some(Stage::ScheduleCron), 1);
    assert_eq!(world.provisioned(NAME), TaskStatus::Failed);
    let task = world.deprovision(NAME);
    world.settle();
    assert_eq!(world.status(&task), Ok(TaskStatus::Failed));
    assert_eq!(world.stages(&task), ["drop_schema"]);
}
