//! The suite of registries, over the simulated network: what the contract says
//! here, it says over real connections as well.
#![cfg(madsim)]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use conformance::registry::{Registration, Subject, run_all};
use coordinator::registry::RegistryTransport;
use madsim::Config;
use madsim::runtime::Runtime;
use sim_node::chain::Chain;
use sim_registry::{ActionStatus, RegistryModel, RegistryRule, StartBlock};
use simulator::history::{History, Trace};
use simulator::oracle::{Limits, Oracles};
use simulator::scenario::Scenario;
use simulator::transport::ports;
use simulator::world::{SharedWorld, World};

const SCENARIO: &str = r#"
property = "A registry answers as over real connections"
defends = ["S1"]

[registry]
replicas = 1

[[indexer]]
account = "nobody.near"
function = "feed"
"#;

/// Far longer than the chain ever takes for a block.
const PATIENCE: Duration = Duration::from_secs(300);

struct Simulated {
    world: SharedWorld,
    registry: Arc<dyn RegistryTransport>,
}

impl Simulated {
    fn new(seed: u64) -> Simulated {
        let scenario = Scenario::parse("conformance", SCENARIO).unwrap();
        let chain = Chain::synthetic(scenario.chain.clone(), seed);
        let history = History::new(Trace::new(false), Oracles::new(Limits::default()));
        let world = SharedWorld::new(World::new(&scenario, seed, chain, history));
        Simulated {
            registry: ports(&world, 1).registry,
            world,
        }
    }

    fn height(&self) -> u64 {
        let world = self.world.enter();
        world.chain.tip_at(world.now).unwrap()
    }

    /// Acts on the contract in the newest block.
    fn with<T>(&self, action: impl FnOnce(&mut RegistryModel, u64) -> T) -> T {
        let height = self.height();
        action(&mut self.world.enter().registry, height)
    }
}

fn contract_form(new: &Registration) -> sim_registry::Registration {
    let (affected_account_id, status) = (new.affected.clone(), ActionStatus::Any);
    sim_registry::Registration {
        code: new.code.clone(),
        schema: new.schema.clone(),
        rule: match &new.methods {
            None => RegistryRule::ActionAny {
                affected_account_id,
                status,
            },
            Some(function) => RegistryRule::ActionFunctionCall {
                affected_account_id,
                status,
                function: function.clone(),
            },
        },
        start_block: new
            .start_height
            .map_or(StartBlock::Latest, StartBlock::Height),
        forked_from: None,
    }
}

#[async_trait]
impl Subject for Simulated {
    fn registry(&self) -> &dyn RegistryTransport {
        &*self.registry
    }

    async fn register(&self, registrations: &[Registration]) -> Result<(), String> {
        self.with(|model, height| {
            registrations.iter().try_for_each(|new| {
                let form = contract_form(new);
                let registered = model.register(&new.account, &new.function, form, height);
                registered.map(|_| ()).map_err(|error| error.to_string())
            })
        })
    }

    async fn delete(&self, account: &str, function: &str) -> Result<(), String> {
        self.with(|model, height| {
            let removed = model.remove(account, function, height);
            removed.map_err(|error| error.to_string())
        })
    }

    async fn next_block(&self) -> Result<(), String> {
        let before = self.height();
        let grown = async {
            while self.height() == before {
                madsim::time::sleep(Duration::from_millis(100)).await;
            }
        };
        let waited = madsim::time::timeout(PATIENCE, grown).await;
        waited.map_err(|_| "the chain stands still".to_owned())
    }
}

#[test]
fn the_simulated_registry_conforms() {
    for seed in 1..=3 {
        let runtime = Runtime::with_seed_and_config(seed, Config::default());
        let failures = runtime.block_on(async move { run_all(&Simulated::new(seed)).await });
        assert!(failures.is_empty(), "seed {seed}: {failures:#?}");
    }
}
