//! The simulated store, reached through the simulated network, does what any
//! store of the coordinator must.
#![cfg(madsim)]
#![expect(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]

use std::sync::Arc;

use async_trait::async_trait;
use conformance::store::{Subject, cases, run_all};
use coordinator::store::{StoreError, StoreTransport};
use sim_node::chain::Chain;
use sim_node::{Redis, RedisError};
use simulator::history::{History, Trace};
use simulator::oracle::{Limits, Oracles};
use simulator::scenario::Scenario;
use simulator::transport::ports;
use simulator::world::{SharedWorld, World};

const SEED: u64 = 1;

const SCENARIO: &str = r#"property = "The store conforms"

[[indexer]]
account = "alice.near"
function = "feed"
"#;

/// The store, and the hand of the fake nodes on it.
struct Simulated {
    world: SharedWorld,
    store: Arc<dyn StoreTransport>,
}

impl Simulated {
    fn new() -> Simulated {
        let scenario = Scenario::parse("conformance.toml", SCENARIO).unwrap();
        let chain = Chain::synthetic(scenario.chain.clone(), SEED);
        let history = History::new(Trace::new(false), Oracles::new(Limits::default()));
        let world = SharedWorld::new(World::new(&scenario, SEED, chain, history));
        let store = ports(&world, 1).store;
        Simulated { world, store }
    }
}

fn translate(error: RedisError) -> StoreError {
    match error {
        RedisError::Unavailable(text) => StoreError::Unavailable(text),
        RedisError::Refused(text) => StoreError::Rejected(text),
    }
}

#[async_trait]
impl Subject for Simulated {
    fn store(&self) -> &dyn StoreTransport {
        &*self.store
    }

    async fn queue_push(&self, key: &str, height: u64) -> Result<(), StoreError> {
        let mut world = self.world.enter();
        let now = world.now;
        let pushed = world.store.queue_push(now, key, height);
        pushed.map(drop).map_err(translate)
    }

    async fn set_raw(&self, key: &str, value: &[u8]) -> Result<(), StoreError> {
        let mut world = self.world.enter();
        let now = world.now;
        let value = bytes::Bytes::copy_from_slice(value);
        world.store.set(now, key, value).map_err(translate)
    }
}

fn simulate<T>(work: impl AsyncFnOnce(Simulated) -> T) -> T {
    let runtime = madsim::runtime::Runtime::with_seed_and_config(SEED, madsim::Config::default());
    runtime.block_on(async { work(Simulated::new()).await })
}

#[test]
fn the_simulated_store_conforms() {
    let failures = simulate(async |subject| run_all(&subject, "conformance/").await);
    assert!(failures.is_empty(), "{failures:#?}");
}

#[test]
fn the_suite_notices_a_simulated_store_that_is_down() {
    let failures = simulate(async |subject| {
        subject.world.enter().store.set_up(false);
        run_all(&subject, "conformance/").await
    });
    assert_eq!(failures.len(), cases().count());
}
