//! Indexers that share names in the database, and names that break it.

use proto::data_layer::TaskStatus;
use sim_provisioner::{Completeness, Config, Quirks};

use crate::world::World;

#[test]
fn similar_accounts_share_a_database() {
    let mut world = World::new();
    let first = world.provision("a-b.near/f");
    let second = world.provision("a.b.near/g");
    world.settle();
    assert_eq!(world.status(&first), Ok(TaskStatus::Complete));
    assert_eq!(
        world.status(&second),
        Ok(TaskStatus::Failed),
        "as in one account"
    );
    assert_eq!(world.provisioned("a.b.near/g"), TaskStatus::Complete);
    assert_eq!(world.deprovisioned("a-b.near/f"), TaskStatus::Complete);
    assert_eq!(world.completeness("a.b.near/g"), Completeness::Complete);
}

#[test]
fn similar_functions_share_a_schema() {
    let mut world = World::new();
    assert_eq!(world.provisioned("a.near/x-y"), TaskStatus::Complete);
    assert_eq!(world.completeness("a.near/x_y"), Completeness::Complete);
    assert_eq!(world.deprovisioned("a.near/x_y"), TaskStatus::Complete);
    assert_eq!(world.completeness("a.near/x-y"), Completeness::Absent);
}

#[test]
fn upper_case_function_names_never_work() {
    let mut world = World::new();
    for _ in 0..3 {
        assert_eq!(world.provisioned("a.near/Feed"), TaskStatus::Failed);
        assert_eq!(world.completeness("a.near/Feed"), Completeness::Partial);
    }
    let quirks = Quirks {
        folded_schema_names: false,
        ..Quirks::default()
    };
    let mut world = World::with(Config {
        quirks,
        ..Config::default()
    });
    assert_eq!(world.provisioned("a.near/Feed"), TaskStatus::Complete);
    assert_eq!(world.deprovisioned("a.near/Feed"), TaskStatus::Complete);
    assert!(world.node.layer().is_empty());
}

#[test]
fn an_upper_case_name_takes_its_lower_case_siblings_schema() {
    let mut world = World::new();
    assert_eq!(world.provisioned("a.near/Feed"), TaskStatus::Failed);
    assert_eq!(
        world.provisioned("a.near/feed"),
        TaskStatus::Failed,
        "the schema is there"
    );
}
