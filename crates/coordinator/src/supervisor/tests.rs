//! What all loops together do, in a world of plain maps and on paused time.

use std::time::Duration;

use lifecycle::Phase;

use crate::Knobs;
use crate::store::{StoreTransport, keys};
use crate::testing::{Fault, World, id, pass};

#[tokio::test(start_paused = true)]
async fn what_is_registered_comes_to_run_and_what_is_deleted_leaves_nothing() {
    let world = World::new();
    world.register("a.near/f");
    let running = world.run(Knobs::default());
    pass(10).await;
    assert!(world.has_stream("a.near/f") && world.has_executor("a.near/f"));
    assert_eq!(world.record("a.near/f").unwrap().phase, Phase::Running);

    world.unregister("a.near/f");
    pass(15).await;
    assert!(!world.has_stream("a.near/f") && !world.has_executor("a.near/f"));
    assert!(!world.store.exists(&keys::state(&id("a.near/f"))));
    assert!(running.coordinator.statuses().is_empty());

    world.register("a.near/f");
    pass(10).await;
    assert!(world.has_stream("a.near/f"), "it was registered again");
}

#[tokio::test(start_paused = true)]
async fn in_a_steady_state_each_tick_costs_one_call_each_and_no_write() {
    for number in [1, 50] {
        let world = World::new();
        for n in 0..number {
            world.register(&format!("a{n}.near/f"));
        }
        let _running = world.run(Knobs::default());
        pass(60).await;
        world.take_calls();
        pass(120).await;
        let calls = world.take_calls();
        for method in ["list_streams", "list_executors", "list_all", "get_many"] {
            let made = calls.get(method).copied().unwrap_or(0);
            assert!((118..=121).contains(&made), "{number}: {method} {made}");
        }
        // Which records there are is asked every 30 s.
        assert_eq!(calls.get("set_members"), Some(&4));
        assert_eq!(calls.len(), 5, "{number}: {calls:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn news_of_one_indexer_is_no_news_of_the_others() {
    let world = World::new();
    for n in 0..40 {
        world.register(&format!("a{n}.near/f"));
    }
    let _running = world.run(Knobs::default());
    pass(60).await;
    world.take_calls();
    world.register("b.near/f");
    pass(2).await;
    let loads = world.calls("get_many") - 2;
    assert!(loads <= 20, "{loads} loads for one new indexer");

    world.take_calls();
    world.drop_stream("a7.near/f");
    pass(5).await;
    assert!(world.has_stream("a7.near/f"));
    assert_eq!(world.calls("start_stream"), 1);
    assert_eq!(world.calls("start_executor"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_registry_that_hangs_delays_nothing_that_does_not_need_it() {
    let world = World::new();
    world.register("a.near/f");
    let running = world.run(Knobs::default());
    pass(20).await;
    world.fault("list_all", Some(Fault::Hangs));
    world.fault("read_indexer_function", Some(Fault::Hangs));
    // One the registry is asked about, in vain.
    world.set_executor("x.near/f", 1, 0);
    pass(3).await;
    assert_ne!(running.sentence("x.near/f"), "no loop");
    world.take_calls();
    world.drop_stream("a.near/f");
    world.set_executor("y.near/f", 1, 0);
    let mut record = world.record("a.near/f").unwrap();
    pass(3).await;
    assert!(world.has_stream("a.near/f"));
    assert_ne!(running.sentence("y.near/f"), "no loop");

    record.enabled = false;
    world.put_record(&record).await;
    pass(3).await;
    assert!(!world.has_stream("a.near/f"), "the record is still polled");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_done_before_the_store_has_answered() {
    let world = World::new();
    world.register("a.near/f");
    world.fault("set_members", Some(Fault::Fails));
    let running = world.run(Knobs::default());
    pass(60).await;
    assert_eq!(world.calls("list_all"), 0);
    assert_eq!(world.calls("start_provisioning_task"), 0);
    assert!(world.calls("set_members") < 20);
    world.fault("set_members", None);
    pass(25).await;
    assert!(world.has_stream("a.near/f"));
    drop(running);

    let world = World::new();
    world.fault("set_members", Some(Fault::Hangs));
    let running = world.run(Knobs::default());
    pass(5).await;
    assert!(running.shut_down().await < Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn a_record_that_cannot_be_read_stops_nobody_else_and_is_not_read_all_the_time() {
    let world = World::new();
    world.register("a.near/f");
    world.register("b.near/f");
    world.store.put("a.near/f:state", "nonsense");
    let running = world.run(Knobs::default());
    pass(20).await;
    assert!(world.has_stream("b.near/f"));
    assert!(running.sentence("a.near/f").contains("unreadable"));
    world.take_calls();
    pass(100).await;
    let loads = world.calls("get_many") - 100;
    assert!(loads <= 4, "{loads} loads of an unreadable record");

    // Mended, it goes on without delay.
    world
        .store
        .delete(&["a.near/f:state".to_owned()])
        .await
        .unwrap();
    pass(10).await;
    assert!(world.has_stream("a.near/f"));
}

#[tokio::test(start_paused = true)]
async fn a_loop_that_panics_is_shown_and_started_again_and_the_others_go_on() {
    let world = World::new();
    world.register("a.near/f");
    let running = world.run(Knobs::default());
    pass(20).await;
    world.fault("start_provisioning_task", Some(Fault::Panics));
    world.register("b.near/f");
    pass(2).await;
    assert!(running.sentence("b.near/f").contains("panicked"));
    world.fault("start_provisioning_task", None);
    world.drop_stream("a.near/f");
    pass(3).await;
    assert!(world.has_stream("a.near/f"));
    // The intent was written before the call; it may have been carried out.
    pass(150).await;
    assert!(world.has_stream("b.near/f"));
    assert_eq!(running.status("b.near/f").unwrap().panics, 1);
}

#[tokio::test(start_paused = true)]
async fn a_loop_that_panics_for_ever_is_started_less_and_less_often() {
    let world = World::new();
    world.register("a.near/f");
    let running = world.run(Knobs::default());
    pass(20).await;
    world.fault("get_stream", Some(Fault::Panics));
    world.drop_stream("a.near/f");
    pass(600).await;
    let panics = running.status("a.near/f").unwrap().panics;
    assert!((8..25).contains(&panics), "{panics} panics");
    world.fault("get_stream", None);
    pass(70).await;
    assert!(world.has_stream("a.near/f"));
}

#[tokio::test(start_paused = true)]
async fn a_poll_that_panics_is_started_again() {
    let world = World::new();
    world.register("a.near/f");
    let _running = world.run(Knobs::default());
    pass(20).await;
    for method in ["list_streams", "list_executors", "list_all"] {
        world.fault(method, Some(Fault::Panics));
    }
    pass(10).await;
    for method in ["list_streams", "list_executors", "list_all"] {
        world.fault(method, None);
    }
    world.drop_stream("a.near/f");
    world.register("b.near/f");
    pass(15).await;
    assert!(world.has_stream("a.near/f") && world.has_stream("b.near/f"));
}

#[tokio::test(start_paused = true)]
async fn of_too_many_the_registered_ones_go_first_and_room_is_used_when_it_is_there() {
    let world = World::new();
    for n in 0..10 {
        world.set_executor(&format!("a{n}.near/stranger"), 1, 0);
    }
    let knobs = Knobs {
        loops_max: 3,
        ..Knobs::default()
    };
    world.register("x.near/f");
    world.register("y.near/f");
    world.register("z.near/f");
    let running = world.run(knobs);
    pass(60).await;
    assert_eq!(running.coordinator.statuses().len(), 3);
    for n in 0..10 {
        world.drop_executor(&format!("a{n}.near/stranger"));
    }
    // Whatever was seen only for a while leaves its place.
    pass(60).await;
    for name in ["x.near/f", "y.near/f", "z.near/f"] {
        assert!(world.has_stream(name), "{name}: {}", running.sentence(name));
    }
    assert_eq!(running.coordinator.statuses().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_stranger_that_is_gone_leaves_no_loop() {
    let world = World::new();
    let running = world.run(Knobs::default());
    for round in 0..30 {
        let name = format!("x{round}.near/f");
        world.set_executor(&name, 1, 0);
        pass(3).await;
        assert_ne!(running.sentence(&name), "no loop");
        world.drop_executor(&name);
        pass(1).await;
    }
    pass(5).await;
    assert!(running.coordinator.statuses().is_empty());
    assert_eq!(world.calls("stop_executor"), 0, "it was not ours");
}

#[tokio::test(start_paused = true)]
async fn shutting_down_finishes_the_step_begun_and_starts_no_other() {
    let world = World::new();
    world.register("a.near/f");
    let running = world.run(Knobs::default());
    pass(20).await;
    world.fault("start_stream", Some(Fault::Hangs));
    world.drop_stream("a.near/f");
    pass(3).await;
    assert_eq!(world.calls("start_stream"), 2);
    let took = running.shut_down().await;
    assert!(took > Duration::from_secs(1) && took < Duration::from_secs(6));
    assert_eq!(world.record("a.near/f").unwrap().phase, Phase::Repairing);
    world.take_calls();
    pass(100).await;
    assert!(world.take_calls().is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_does_not_finish_in_time_is_cut_off() {
    let world = World::new();
    world.register("a.near/f");
    let knobs = Knobs {
        shutdown_grace: Duration::from_secs(2),
        call_deadline: Duration::from_secs(300),
        ..Knobs::default()
    };
    let running = world.run(knobs);
    pass(20).await;
    world.fault("start_stream", Some(Fault::Hangs));
    world.drop_stream("a.near/f");
    pass(3).await;
    let took = running.shut_down().await;
    assert!(took < Duration::from_secs(3));
    world.take_calls();
    pass(400).await;
    assert!(
        world.take_calls().is_empty(),
        "a loop went on after the end"
    );
}

#[tokio::test(start_paused = true)]
async fn a_coordinator_that_is_dropped_does_nothing_any_more() {
    let world = World::new();
    world.register("a.near/f");
    let running = world.run(Knobs::default());
    pass(20).await;
    running.task.abort();
    pass(1).await;
    world.take_calls();
    world.forget_streams();
    pass(100).await;
    assert!(world.take_calls().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_record_that_comes_back_is_looked_after() {
    let world = World::new();
    world.register("a.near/f");
    let _running = world.run(Knobs::default());
    pass(20).await;
    let record = world.record("a.near/f").unwrap();
    world.unregister("a.near/f");
    pass(20).await;
    assert_eq!(world.record("a.near/f"), None);
    // The store went back in time.
    world.put_record(&record).await;
    pass(60).await;
    assert_eq!(world.record("a.near/f"), None);
}

#[tokio::test(start_paused = true)]
async fn a_restart_amid_what_runs_well_asks_no_service_about_each() {
    let world = World::new();
    for n in 0..50 {
        world.register(&format!("a{n}.near/f"));
    }
    let running = world.run(Knobs::default());
    pass(60).await;
    running.shut_down().await;
    world.take_calls();
    let running = world.run(Knobs::default());
    pass(20).await;
    let calls = world.take_calls();
    assert!(!calls.contains_key("get_stream") && !calls.contains_key("get_executor"));
    assert!(!calls.contains_key("compare_and_set"), "{calls:?}");
    running.shut_down().await;

    // A service that hangs holds up the others for a moment only.
    world.fault("list_executors", Some(Fault::Hangs));
    world.drop_stream("a7.near/f");
    let _running = world.run(Knobs::default());
    pass(5).await;
    assert!(world.has_stream("a7.near/f"));
}
