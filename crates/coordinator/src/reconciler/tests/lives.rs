//! What a record notes of the life that it was begun in.

use super::*;

/// Suspended in version 1,003, of which there is no run.
async fn suspended(world: &Arc<World>) {
    let record = Record {
        enabled: false,
        provisioned: true,
        ..Record::new(id(ID)).with_phase(Phase::Suspended)
    };
    world.put_record(&record.knowing(1_003)).await;
}

#[tokio::test(start_paused = true)]
async fn a_tombstone_of_an_earlier_life_is_asked_about_until_there_is_a_newer_one() {
    let world = World::new();
    world.register(ID);
    world.unregister(ID);
    suspended(&world).await;
    let running = world.run(Knobs::default());
    pass(120).await;
    let record = world.record(ID).unwrap();
    assert!(!record.enabled, "{}", running.sentence(ID));
    let asked = world.calls("read_indexer_function");
    assert!(
        (5..12).contains(&asked),
        "asked {asked} times in two minutes"
    );

    // It is registered again and deleted before a listing tells.
    world.register(ID);
    world.unregister(ID);
    pass(70).await;
    assert_eq!(world.record(ID), None, "{}", running.sentence(ID));
}

#[tokio::test(start_paused = true)]
async fn the_first_record_notes_as_what_the_indexer_is_registered() {
    for first_format in [false, true] {
        let world = World::new();
        world.register(ID);
        if first_format {
            world.store.put(&keys::first_format(&id(ID)), "900");
        }
        let _running = world.run(Knobs::default());
        pass(10).await;
        assert_eq!(world.record(ID).unwrap().registered, Some(1_001));
    }
}
