//! Nothing that runs is stopped for something that could not be written down.

use super::*;

const STOPS: [&str; 2] = ["stop_stream", "stop_executor"];

/// A settled indexer whose data lie where the records do, or apart from them.
async fn settled_with(data_apart: bool) -> (Arc<World>, Running) {
    let world = World::new();
    world.set_apart(false, data_apart);
    world.register(ID);
    let running = world.run(Knobs::default());
    pass(30).await;
    assert!(world.has_stream(ID), "{}", running.sentence(ID));
    world.take_calls();
    (world, running)
}

fn version(world: &World) -> u64 {
    world.record(ID).unwrap().run.unwrap().target.version
}

#[tokio::test(start_paused = true)]
async fn an_update_stops_nothing_while_no_writes_are_taken() {
    for (writes, fault, apart) in [
        ("compare_and_set", Fault::Fails, false),
        ("compare_and_set", Fault::Hangs, false),
        ("compare_and_set", Fault::Fails, true),
        ("compare_and_set of data", Fault::Fails, true),
    ] {
        let (world, running) = settled_with(apart).await;
        let before = version(&world);
        world.fault(writes, Some(fault));
        world.register(ID);
        pass(60).await;
        let asked = world.calls(writes);
        assert!((2..60).contains(&asked), "{asked} writes");
        for method in STOPS {
            assert_eq!(
                world.calls(method),
                0,
                "{method}, {writes} {fault:?} {apart}"
            );
        }
        assert!(running.status(ID).unwrap().trouble.is_some());

        world.fault(writes, None);
        pass(60).await;
        assert!(version(&world) > before && world.has_stream(ID));
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_was_replaced_meanwhile_stops_nothing() {
    for (writes, apart) in [
        ("compare_and_set", false),
        ("compare_and_set of data", true),
    ] {
        let (world, _running) = settled_with(apart).await;
        world.fault(writes, Some(Fault::Lies));
        world.register(ID);
        pass(60).await;
        assert!(world.calls(writes) > 1);
        for method in STOPS {
            assert_eq!(world.calls(method), 0, "{method}, {writes}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_record_tells_of_is_stopped_though_no_writes_are_taken() {
    let (world, _running) = settled_with(false).await;
    let record = world.record(ID).unwrap();
    world.fault("compare_and_set", Some(Fault::Fails));
    let switched_off = Record {
        enabled: false,
        ..record.with_phase(Phase::Suspending)
    };
    world.put_record(&switched_off).await;
    pass(60).await;
    assert!(!world.has_stream(ID) && !world.has_executor(ID));
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_could_not_be_written_down_is_not_forgotten() {
    for lasts in [0, 3, 20] {
        let world = World::new();
        world.fault("start_provisioning_task", Some(Fault::Slow));
        world.register(ID);
        let running = world.run(Knobs::default());
        while world.calls("start_provisioning_task") == 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        if lasts > 0 {
            world.fault("compare_and_set", Some(Fault::Fails));
        }
        pass(2 + lasts).await;
        world.fault("compare_and_set", None);
        pass(15).await;
        assert!(world.has_stream(ID), "{}", running.sentence(ID));
        assert_eq!(world.calls("start_provisioning_task"), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_wanted_again_while_the_record_is_confirmed_is_not_stopped() {
    let fed = Fed::new().await;
    fed.wants(2_000, 2_000);
    fed.world.fault("compare_and_set", Some(Fault::Slow));
    fed.world.take_calls();
    let mut reconciler = fed.reconciler();
    let change = async {
        while fed.world.calls("compare_and_set") == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        fed.wants(3_000, 3_000);
    };
    let (next, ()) = futures_util::join!(round(&mut reconciler), change);
    assert!(matches!(next, Next::Again));
    for method in STOPS {
        assert_eq!(fed.world.calls(method), 0, "{method}");
    }
}
