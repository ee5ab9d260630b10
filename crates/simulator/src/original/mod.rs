//! The logic of the coordinator that this one replaces, as a coordinator of its own.
//!
//! It is a model: written anew from the decisions that can be observed of the
//! original, defects included, and run by the same scenarios and seeds over the
//! same ports as ours. What it does wrong is therefore seen by the same oracles.
//! Only what the original does is modelled, not how: one loop per indexer, whole
//! states that are read and written back, waits inside of handlers, no deadlines.

mod admin;
mod executors;
mod lifecycle;
mod provisioning;
mod registry;
mod state;
mod streams;

#[cfg(test)]
#[cfg(madsim)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use coordinator::Ports;
use coordinator::store::StoreError;
use sim_node::IndexerKey;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use provisioning::Limiter;

/// The pause between two rounds, of discovery as of each indexer's loop.
const ROUND: Duration = Duration::from_secs(1);

/// How long its container waits before it starts the ended process again.
pub const RESTART: Duration = Duration::from_secs(1);

/// What the original does that our ports do not offer.
#[async_trait]
pub trait Beyond: Send + Sync {
    /// Writes a value, whatever stands there.
    ///
    /// # Errors
    /// There was no usable answer; it may have been written.
    async fn set(&self, key: &str, value: &[u8]) -> Result<(), StoreError>;

    /// Takes note of what the original would have written into its log.
    fn remark(&self, about: Option<IndexerKey>, text: String);
}

/// One process of the original.
pub struct Original {
    ports: Ports,
    beyond: Arc<dyn Beyond>,
    provisioner: Limiter,
}

impl Original {
    /// A process that has not begun to run.
    pub fn new(ports: Ports, beyond: Arc<dyn Beyond>) -> Original {
        Original {
            ports,
            beyond,
            provisioner: Limiter::default(),
        }
    }

    /// Runs until something fatal happens; says what. Nothing but the start-up is
    /// fatal to it.
    pub async fn run(self: Arc<Original>) -> String {
        if let Err(why) = self.migrate().await {
            return why;
        }
        let mut loops: BTreeMap<(String, String), JoinHandle<()>> = BTreeMap::new();
        loop {
            for (account, function) in self.list_all().await {
                let name = (account, function);
                if loops.contains_key(&name) {
                    continue;
                }
                let (original, (account, function)) = (Arc::clone(&self), name.clone());
                let task = tokio::spawn(async move { original.manage(&account, &function).await });
                loops.insert(name, task);
            }
            // A loop that panicked counts as one that came to its end.
            loops.retain(|_, task| !task.is_finished());
            sleep(ROUND).await;
        }
    }

    fn remark(&self, account: &str, function: &str, text: &str) {
        let about = IndexerKey::new(account, function);
        self.beyond.remark(Some(about), text.to_owned());
    }
}
