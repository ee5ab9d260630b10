//! A shadow beside the original, which it does not disturb.

use std::collections::BTreeMap;

use conformance::redis_server::Port;
use proto::coordinator::GetShadowReportRequest;
use proto::coordinator::operations_client::OperationsClient;
use real_tokio::time::sleep;
use redis::cmd;
use sim_node::IndexerKey;
use simulator::history::NodeName;

use crate::course::{AT_REST, as_wanted};
use crate::judge::{Records, Rules};
use crate::lab::{Lab, connect};
use crate::process::{LONG, Process};
use crate::swap::{all_effects, leave, left_behind, start_stream};
use crate::wait::until;

/// A shadow with ports of its own.
struct Shadow {
    process: Process,
    api: Port,
    _pages: Port,
}

impl Shadow {
    async fn start(lab: &Lab) -> Shadow {
        let (api, pages) = (Port::reserve().unwrap(), Port::reserve().unwrap());
        let mut process = lab.coordinator.another("shadow").with(["run", "--shadow"]);
        process.set_variable("GRPC_PORT", api.number());
        process.set_variable("METRICS_PORT", pages.number());
        process.start_on(api.number()).await;
        Shadow {
            process,
            api,
            _pages: pages,
        }
    }

    /// Its verdict on everybody, with what it would do.
    async fn verdicts(&self) -> BTreeMap<IndexerKey, (String, String)> {
        let channel = connect(&format!("127.0.0.1:{}", self.api.number()));
        let request = GetShadowReportRequest::default();
        let mut client = OperationsClient::new(channel);
        let Ok(report) = client.get_shadow_report(request).await else {
            return BTreeMap::new();
        };
        let indexers = report.into_inner().indexers.into_iter();
        let verdict = indexers.map(|one| {
            let name = one.name.unwrap();
            let key = IndexerKey::new(&name.account_id, &name.function_name);
            (key, (one.verdict, one.would))
        });
        verdict.collect()
    }

    /// What the command line says of it.
    fn says(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let server = format!("http://127.0.0.1:{}", self.api.number());
        let arguments = [&["shadow", "--server", &server], arguments].concat();
        let output = self.process.once(&arguments);
        let said = [output.stdout, output.stderr].concat();
        (
            output.status.code(),
            String::from_utf8_lossy(&said).into_owned(),
        )
    }
}

/// Everything in Redis but what the block streamer writes.
fn kept(lab: &Lab) -> BTreeMap<String, String> {
    let streamed = [":block_stream", ":last_published_block"];
    let keys = lab.store.keys().into_iter();
    let keys = keys.filter(|key| !streamed.iter().any(|suffix| key.ends_with(suffix)));
    let value = |key: String| {
        let dump: Option<Vec<u8>> = lab.store.ask(cmd("DUMP").arg(&key)).unwrap();
        (key, format!("{dump:x?}"))
    };
    keys.map(value).collect()
}

#[real_tokio::test(crate = "real_tokio", flavor = "multi_thread", worker_threads = 2)]
async fn a_shadow_says_what_it_would_do_and_does_nothing() {
    let mut lab = Lab::new(8);
    lab.start_surroundings().await;
    let lefts = left_behind();
    for left in &lefts {
        leave(&mut lab, left).await;
    }
    let (records, kept_before) = (Records::of(&lab).await, kept(&lab));
    let before = all_effects(&records, &lefts);
    lab.store.is_seen().await;
    let changes = lab.store.changes().len();

    let mut shadow = Shadow::start(&lab).await;
    let mut verdicts = BTreeMap::new();
    let seen = until(LONG, async || {
        verdicts = shadow.verdicts().await;
        let fits = lefts.iter().all(|left| {
            let verdict = verdicts.get(&left.key).map(|(verdict, _)| verdict.as_str());
            let wanted = match left.is_as_it_should_be() {
                true => "Agrees",
                false => "Pending",
            };
            verdict == Some(wanted)
        });
        fits.then_some(())
    });
    assert!(seen.await.is_some(), "{verdicts:#?}\n{}", lab.tails());
    assert_eq!(verdicts.len(), lefts.len(), "{verdicts:#?}");
    for left in lefts.iter().filter(|left| !left.is_as_it_should_be()) {
        assert!(!verdicts[&left.key].1.is_empty(), "{}", left.key);
    }
    // Whoever is in charge still may do it: that is no reason to stop.
    let (code, said) = shadow.says(&["--check"]);
    assert_eq!(code, Some(0), "{said}");
    sleep(AT_REST).await;
    lab.store.is_seen().await;
    assert_eq!(
        lab.store.changes().len(),
        changes,
        "{:?}",
        lab.store.changes()
    );
    assert_eq!(kept(&lab), kept_before);
    let records = Records::of(&lab).await;
    assert_eq!(all_effects(&records, &lefts), before);

    // It objects to what it would not have done.
    let odd = &lefts.iter().find(|left| left.is_suspended()).unwrap().key;
    start_stream(&lab, odd, lab.contract.known[odd].version).await;
    let objects = until(LONG, async || {
        let (code, _) = shadow.says(&["--check"]);
        (code == Some(1)).then_some(())
    });
    assert!(objects.await.is_some(), "{:#?}", shadow.verdicts().await);
    let (_, named) = shadow.says(&["--disagreements", "-o", "name"]);
    assert_eq!(named.trim(), odd.to_string());

    // Somebody takes over, and does what it would have done.
    assert!(shadow.process.terminate().await.success());
    lab.start(NodeName::Coordinator).await;
    as_wanted(&lab, &Rules::new()).await;
    let records = Records::of(&lab).await;
    let after = all_effects(&records, &lefts);
    let mut shadow = Shadow::start(&lab).await;
    let agreed = until(LONG, async || {
        verdicts = shadow.verdicts().await;
        let mut all = verdicts.values();
        let agrees = all.all(|(verdict, _)| verdict == "Agrees");
        // One of them was deleted.
        (agrees && verdicts.len() + 1 == lefts.len()).then_some(())
    });
    assert!(agreed.await.is_some(), "{verdicts:#?}");
    let (code, said) = shadow.says(&["--check"]);
    assert_eq!(code, Some(0), "{said}");
    sleep(AT_REST).await;
    assert!(shadow.process.terminate().await.success());
    let records = Records::of(&lab).await;
    assert_eq!(all_effects(&records, &lefts), after);
    assert!(lab.stop_coordinator().await);
}
