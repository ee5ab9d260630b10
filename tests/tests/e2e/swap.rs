//! In place of the original coordinator, and back again.

use proto::block_streamer::block_streamer_client::BlockStreamerClient;
use proto::block_streamer::start_stream_request::Rule;
use proto::block_streamer::{ActionAnyRule, StartStreamRequest, Status};
use proto::runner::StartExecutorRequest;
use proto::runner::runner_client::RunnerClient;
use redis::cmd;
use serde::{Deserialize, Serialize};
use sim_node::{Event as NodeEvent, IndexerKey};
use simulator::history::NodeName;

use crate::contract::{Start, Wish};
use crate::course::{as_wanted, leftovers};
use crate::judge::{Records, Rules};
use crate::lab::Lab;

/// A record as the original declares it: every field but one is needed, and
/// fields that it does not know are skipped, and gone once it writes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct State {
    account_id: String,
    function_name: String,
    block_stream_synced_at: Option<u64>,
    enabled: bool,
    lifecycle_state: LifecycleState,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum LifecycleState {
    Initializing,
    Running,
    Suspending,
    Suspended,
    Repairing,
    Deleting,
    Deleted,
}

pub use LifecycleState::{Deleting, Initializing, Repairing, Running, Suspended, Suspending};

/// What the original left of an indexer.
pub struct Left {
    /// Whose.
    pub key: IndexerKey,
    phase: LifecycleState,
    enabled: bool,
    /// Stream and executor run.
    works: bool,
    /// It was updated after its stream was started.
    updated: bool,
    /// The registry has a tombstone for it.
    deleted: bool,
}

impl Left {
    fn new(account: &str, function: &str, phase: LifecycleState, works: bool) -> Left {
        Left {
            key: IndexerKey::new(account, function),
            phase,
            enabled: !matches!(phase, Suspending | Suspended),
            works,
            updated: false,
            deleted: false,
        }
    }

    /// Whether there is nothing to do about it.
    pub fn is_as_it_should_be(&self) -> bool {
        let healthy = self.works && self.phase == Running && !self.updated;
        healthy || self.is_suspended()
    }

    /// Whether it is switched off, and nothing of it runs.
    pub fn is_suspended(&self) -> bool {
        self.phase == Suspended && !self.enabled
    }
}

/// One of everything that the original may leave.
pub fn left_behind() -> Vec<Left> {
    vec![
        Left::new("alice.near", "healthy", Running, true),
        Left::new("alice.near", "healthy too", Running, true),
        Left::new("bob.near", "not resumed", Running, false),
        Left {
            updated: true,
            ..Left::new("bob.near", "outdated", Running, true)
        },
        Left::new("carol.near", "suspended", Suspended, false),
        Left::new("carol.near", "suspending", Suspending, true),
        Left {
            enabled: true,
            ..Left::new("carol.near", "enabled again", Suspended, false)
        },
        Left::new("dave.near", "given up", Repairing, false),
        Left::new("erin.near", "unfinished", Initializing, false),
        Left {
            deleted: true,
            ..Left::new("frank.near", "deleted", Deleting, true)
        },
        Left::new("frank.near", "registered again", Deleting, false),
    ]
}

/// Carries out what the original did for an indexer until it stopped.
pub async fn leave(lab: &mut Lab, left: &Left) {
    let key = &left.key;
    let start = Start::Height(lab.height() - 40);
    let version = lab.register(key, Wish::touching("app2.near", start)).await;
    if left.works {
        start_stream(lab, key, version).await;
        start_executor(lab, key, version).await;
    }
    write(
        lab,
        &State {
            account_id: key.account().to_owned(),
            function_name: key.function().to_owned(),
            block_stream_synced_at: (left.phase != Initializing).then_some(version),
            enabled: left.enabled,
            lifecycle_state: left.phase,
        },
    );
    if left.updated {
        let mut wish = Wish::touching("app3.near", Start::Latest);
        wish.code.push_str(", edited");
        // The next block, so that the versions differ.
        let before = lab.height();
        crate::wait::until(crate::process::LONG, async || {
            (lab.height() > before + 1).then_some(())
        })
        .await;
        lab.register(key, wish).await;
    }
    if left.deleted {
        lab.delete(key).await;
    }
}

pub async fn start_stream(lab: &Lab, key: &IndexerKey, version: u64) {
    let rule = ActionAnyRule {
        affected_account_id: "app2.near".to_owned(),
        status: Status::Any.into(),
    };
    let request = StartStreamRequest {
        start_block_height: lab.height() - 40,
        account_id: key.account().to_owned(),
        function_name: key.function().to_owned(),
        version,
        redis_stream: format!("{key}:block_stream"),
        rule: Some(Rule::ActionAnyRule(rule)),
    };
    let mut client = BlockStreamerClient::new(lab.channel(NodeName::BlockStreamer));
    client.start_stream(request).await.unwrap();
}

async fn start_executor(lab: &Lab, key: &IndexerKey, version: u64) {
    let request = StartExecutorRequest {
        redis_stream: format!("{key}:block_stream"),
        account_id: key.account().to_owned(),
        function_name: key.function().to_owned(),
        code: "// code".to_owned(),
        schema: "CREATE TABLE posts (height numeric)".to_owned(),
        version,
    };
    let mut client = RunnerClient::new(lab.channel(NodeName::Runner));
    client.start_executor(request).await.unwrap();
}

fn write(lab: &Lab, state: &State) {
    let name = format!("{}/{}:state", state.account_id, state.function_name);
    let json = serde_json::to_string(state).unwrap();
    let store = &lab.store;
    store.ask::<()>(cmd("SET").arg(&name).arg(json)).unwrap();
    let mut list = cmd("SADD");
    store
        .ask::<()>(list.arg("indexer_states").arg(name))
        .unwrap();
}

/// Reads every record as the original does when it starts, where a single one
/// that it cannot read ends it.
fn read(lab: &Lab) -> Vec<State> {
    let store = &lab.store;
    let mut names: Vec<String> = store.ask(cmd("SMEMBERS").arg("indexer_states")).unwrap();
    names.sort();
    let read = |name: &String| {
        let json: String = store.ask(cmd("GET").arg(name)).unwrap();
        serde_json::from_str(&json).unwrap_or_else(|error| panic!("{name}: {error}: {json}"))
    };
    names.iter().map(read).collect()
}

/// What was started and stopped at the nodes for `key`, without blocks.
fn effects(records: &Records, key: &IndexerKey) -> Vec<String> {
    let effects = records.nodes().filter(|(_, event)| {
        let about = event.key() == key;
        about
            && matches!(
                event,
                NodeEvent::StreamStarted { .. }
                    | NodeEvent::StreamEnded { .. }
                    | NodeEvent::ExecutorListed { .. }
                    | NodeEvent::ExecutorUnlisted { .. }
                    | NodeEvent::TaskStarted { .. }
            )
    });
    effects.map(|(_, event)| event.to_string()).collect()
}

/// The same of all that was left, in its order.
pub fn all_effects(records: &Records, lefts: &[Left]) -> Vec<Vec<String>> {
    let of = |left: &Left| effects(records, &left.key);
    lefts.iter().map(of).collect()
}

#[real_tokio::test(crate = "real_tokio", flavor = "multi_thread", worker_threads = 2)]
async fn it_takes_over_from_the_original_and_hands_back() {
    let mut lab = Lab::new(2);
    lab.start_surroundings().await;
    let lefts = left_behind();
    for left in &lefts {
        leave(&mut lab, left).await;
    }
    let before = Records::of(&lab).await;
    let taken_over = all_effects(&before, &lefts);

    lab.start(NodeName::Coordinator).await;
    let rules = Rules::new();
    as_wanted(&lab, &rules).await;
    assert_eq!(leftovers(&lab), Vec::<String>::new());
    let records = Records::of(&lab).await;
    for (left, before) in lefts.iter().zip(&taken_over) {
        let after = effects(&records, &left.key);
        let alone = left.is_as_it_should_be();
        assert_eq!(after == *before, alone, "{}: {after:?}", left.key);
    }

    // Back to the original: it reads what it finds.
    assert!(lab.stop_coordinator().await);
    let states = read(&lab);
    assert_eq!(states.len(), lefts.len() - 1, "{states:?}");
    for state in &states {
        let key = IndexerKey::new(&state.account_id, &state.function_name);
        let left = lefts.iter().find(|left| left.key == key).unwrap();
        assert_eq!(state.enabled, left.enabled, "{key}");
        if left.enabled {
            // What it finds running, it leaves alone only if this is its version.
            let version = lab.contract.known.get(&key).map(|known| known.version);
            assert_eq!(state.lifecycle_state, Running, "{key}");
            assert_eq!(state.block_stream_synced_at, version, "{key}");
        } else {
            assert_eq!(state.lifecycle_state, Suspended, "{key}");
        }
        // It writes every record once a second, without what it does not know.
        write(&lab, state);
    }

    // And again: nothing is restarted.
    lab.start(NodeName::Coordinator).await;
    as_wanted(&lab, &rules).await;
    let again = Records::of(&lab).await;
    assert_eq!(all_effects(&again, &lefts), all_effects(&records, &lefts));
    assert!(lab.stop_coordinator().await);
}
