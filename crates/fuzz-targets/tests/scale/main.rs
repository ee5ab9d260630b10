//! A registry of the size that the product promises to bear, written by people
//! who wish it ill.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod names;
mod world;

use std::collections::BTreeSet;
use std::time::Duration;

use coordinator::registry::decode::decode_list;
use lifecycle::IndexerId;
use names::{entry, id, listing, nonsense};
use world::{Deeds, Illness, World};

/// How far apart the entries stand that make no sense.
const APART: usize = 997;

#[test]
fn a_hundred_thousand_hostile_names_are_read_and_the_bad_entries_named() {
    const COUNT: usize = 100_000;
    let is_bad = |number: &usize| number.is_multiple_of(APART);
    let entries = (0..COUNT).map(|number| {
        let entry = if is_bad(&number) {
            nonsense(number / APART)
        } else {
            entry()
        };
        (id(number), entry)
    });
    let read = decode_list(listing(entries).as_bytes()).unwrap();
    let (bad, good): (Vec<usize>, Vec<usize>) = (0..COUNT).partition(is_bad);
    let expected: BTreeSet<IndexerId> = good.into_iter().map(id).collect();
    assert!(read.indexers.keys().eq(&expected), "others are listed");
    let named: BTreeSet<&str> = read
        .quarantined
        .iter()
        .map(|one| one.name.as_str())
        .collect();
    let expected: Vec<IndexerId> = bad.into_iter().map(id).collect();
    assert_eq!(named, expected.iter().map(IndexerId::as_str).collect());
    assert!(read.quarantined.iter().all(|one| one.why.len() < 400));
}

/// Twenty thousand indexers that the original left behind, and two hundred new
/// ones among them, of which a few are ill in every way there is: all others are
/// provisioned if they are new, streamed and executed once, and then left alone.
#[tokio::test(start_paused = true)]
async fn a_few_sick_among_twenty_thousand_delay_nobody_and_cost_nothing() {
    const COUNT: usize = 20_000;
    let is_new = |number: usize| number % 100 == 5;
    let world = World::new((0..COUNT).map(|number| (id(number), entry())).collect());
    for number in (0..COUNT).filter(|number| !is_new(*number)) {
        world.leave_behind(&id(number)).await;
    }
    let illnesses = [
        Illness::EntryIsNonsense,
        Illness::RecordIsNonsense,
        Illness::ProvisioningHangs,
        Illness::ProvisioningFails,
        Illness::StreamStartHangs,
        Illness::StreamStartPanics,
        Illness::ExecutorStartFails,
        Illness::QueueIsNoQueue,
    ];
    // Each in an account of its own: those of one account wait for each other.
    let sick: Vec<usize> = (1..=illnesses.len()).map(|n| n * 2_000 + 5).collect();
    for (number, illness) in sick.iter().zip(illnesses) {
        world.fall_ill(&id(*number), illness);
    }
    let sick_accounts: BTreeSet<usize> = sick.iter().map(|number| number / 10).collect();
    let healthy: Vec<(IndexerId, Deeds)> = (0..COUNT)
        .filter(|number| !sick_accounts.contains(&(number / 10)))
        .map(|number| (id(number), once(is_new(number))))
        .collect();
    assert_eq!(healthy.len(), COUNT - 10 * illnesses.len());

    let running = world.run();
    // A minute for what takes seconds each; half of one in which nothing is to do.
    tokio::time::sleep(Duration::from_secs(60)).await;
    for (id, once) in &healthy {
        assert_eq!(world.deeds(id), *once, "{id}: {}", running.sentence(id));
    }
    let ids = || healthy.iter().map(|(id, _)| id);
    let writes = world.writes_of(ids());
    world.forget_calls();
    tokio::time::sleep(Duration::from_secs(30)).await;
    for (id, once) in &healthy {
        assert_eq!(world.deeds(id), *once, "{id}: {}", running.sentence(id));
    }
    assert_eq!(
        world.writes_of(ids()),
        writes,
        "records change although nothing does"
    );
    for shared in ["list_all", "list_streams", "list_executors"] {
        let calls = world.calls(shared);
        assert!((25..=31).contains(&calls), "{shared}: {calls} calls");
    }
    // What remains is for the sick: a few calls a second, and not one per indexer.
    let all = world.all_calls();
    assert!(all < 1_000, "{all} calls while nothing changes");

    let overview = running.coordinator.admin().overview();
    assert_eq!(overview.registered, COUNT - 1);
    assert_eq!(overview.quarantined_count, 1);
    assert_eq!(overview.unreadable.len(), 1);
    assert!(overview.panics > 0, "a panicking transport was not called");
    running.shut_down().await;
}

/// All that is ever to be done to an indexer that is not ill.
fn once(is_new: bool) -> Deeds {
    Deeds {
        provisioned: u32::from(is_new),
        streams_started: 1,
        executors_started: 1,
        stopped: 0,
    }
}
