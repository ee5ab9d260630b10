//! How it starts and ends, in bad company too.

use std::time::Duration;

use bytes::Bytes;
use proto::coordinator::operations_client::OperationsClient;
use proto::coordinator::{GetIndexerRequest, IndexerName};
use real_tokio::time::sleep;
use serde_json::json;
use sim_node::server::now;
use sim_node::{IndexerKey, Rng};
use simulator::history::{Event, NodeName};

use crate::contract::{Start, Wish};
use crate::course::{as_wanted, check, converge, leftovers};
use crate::judge::Records;
use crate::lab::Lab;
use crate::people::People;
use crate::process::LONG;
use crate::wait::until;

/// Ends and starts the coordinator again and again, at moments drawn from the
/// seed, while users and operators go on.
async fn end_often(lab: &mut Lab, people: &mut People, end: impl AsyncFn(&mut Lab)) {
    let mut rng = Rng::new(lab.seed, "ends");
    for _ in 0..8 {
        for _ in 0..3 {
            people.change(lab).await;
            people.command(lab);
        }
        let pause = rng.duration(Duration::from_millis(200), Duration::from_millis(1_500));
        sleep(pause).await;
        end(lab).await;
        people.change(lab).await;
        lab.start(NodeName::Coordinator).await;
    }
    assert!(people.wait_for_commands().await > 0);
}

#[real_tokio::test(crate = "real_tokio", flavor = "multi_thread", worker_threads = 2)]
async fn an_orderly_end_says_so_and_loses_nothing() {
    let mut lab = Lab::new(3);
    let mut people = People::new(3);
    lab.start_surroundings().await;
    lab.start(NodeName::Coordinator).await;
    people.register_all(&mut lab).await;
    end_often(&mut lab, &mut people, async |lab| {
        assert!(lab.stop_coordinator().await, "{}", lab.tails());
    })
    .await;
    check(&converge(&lab, &people.rules).await, "seed 3");
    assert_eq!(leftovers(&lab), Vec::<String>::new());
    assert!(lab.stop_coordinator().await);
}

#[real_tokio::test(crate = "real_tokio", flavor = "multi_thread", worker_threads = 2)]
async fn records_in_a_file_survive_every_kill() {
    let mut lab = Lab::new(5);
    let mut people = People::new(5);
    let folder = lab.path().join("data").display().to_string();
    lab.coordinator
        .set_variable("COORDINATOR_STORE", "embedded");
    lab.coordinator.set_variable("COORDINATOR_DATA_DIR", folder);
    lab.start_surroundings().await;
    lab.start(NodeName::Coordinator).await;
    people.register_all(&mut lab).await;
    end_often(&mut lab, &mut people, async |lab| {
        lab.kill(NodeName::Coordinator).await;
    })
    .await;
    check(&converge(&lab, &people.rules).await, "seed 5");
    assert_eq!(leftovers(&lab), Vec::<String>::new());

    // Blocks are judged by what the records say, and the file is not ours.
    for (key, registered) in &lab.contract.known {
        if !registered.is_deleted() {
            tell(&lab, key).await;
        }
    }
    let verdict = Records::of(&lab).await.judge(&lab, &people.rules, now());
    check(&verdict, "seed 5");
    let executed: u64 = verdict.executed.values().sum();
    assert!(executed > 100, "only {executed} blocks were executed");
    assert!(lab.stop_coordinator().await);
}

/// Tells the judges what the coordinator says of a record.
async fn tell(lab: &Lab, key: &IndexerKey) {
    let mut client = OperationsClient::new(lab.channel(NodeName::Coordinator));
    let name = IndexerName {
        account_id: key.account().to_owned(),
        function_name: key.function().to_owned(),
    };
    let request = GetIndexerRequest { name: Some(name) };
    let indexer = client.get_indexer(request).await.unwrap().into_inner();
    // What does not run has to know what it is registered as, which is not told: that is
    // judged where the records can be read.
    let wanted = indexer.wanted.as_ref().map_or(0, |wanted| wanted.version);
    let version = match indexer.phase.as_str() {
        "Running" => indexer.running_version,
        _ => wanted,
    };
    let record = json!({
        "account_id": key.account(),
        "function_name": key.function(),
        "block_stream_synced_at": version,
        "enabled": indexer.enabled,
        "lifecycle_state": indexer.phase,
    });
    let record = Some(Bytes::from(record.to_string()));
    lab.note(Event::RecordWritten {
        key: key.clone(),
        before: record.clone(),
        after: record,
    });
}

#[real_tokio::test(crate = "real_tokio", flavor = "multi_thread", worker_threads = 2)]
async fn it_waits_for_everyone_it_needs_in_whatever_order_they_come() {
    for order in [
        [
            NodeName::Registry,
            NodeName::Runner,
            NodeName::BlockStreamer,
            NodeName::Store,
        ],
        [
            NodeName::BlockStreamer,
            NodeName::Store,
            NodeName::Runner,
            NodeName::Registry,
        ],
    ] {
        let mut lab = Lab::new(6);
        lab.start(NodeName::Coordinator).await;
        assert_eq!(lab.page("/healthz").await, 200);
        assert_eq!(lab.page("/readyz").await, 503);
        for node in order {
            lab.start(node).await;
            if node == NodeName::Registry {
                for account in ["alice.near", "bob.near"] {
                    let key = IndexerKey::new(account, "feed");
                    let wish = Wish::touching("app4.near", Start::Latest);
                    lab.register(&key, wish).await;
                }
            }
            assert!(lab.works(NodeName::Coordinator), "{}", lab.tails());
        }
        let ready = until(LONG, async || {
            (lab.page("/readyz").await == 200).then_some(())
        });
        assert!(ready.await.is_some(), "{}", lab.tails());
        as_wanted(&lab, &Default::default()).await;
        assert!(lab.stop_coordinator().await);
    }
}
