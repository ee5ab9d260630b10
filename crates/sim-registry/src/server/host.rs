//! The contract and what stands around it.

use std::sync::{Mutex, MutexGuard, PoisonError};

use sim_node::Time;
use sim_node::chain::ChainConfig;
use sim_node::server::now;

use super::fault::{Faults, RequestFault};
use crate::{Config, ReadPoint, RegistryModel, Replicas, View, ViewError};

/// How a [`Host`] begins.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The model's settings, replicas and their lag included.
    pub config: Config,
    /// Decides which replica answers.
    pub seed: u64,
    /// Height of the newest block at the beginning.
    pub height: u64,
    /// The account of the contract; if absent, every account has it.
    pub contract: Option<String>,
}

impl Default for Settings {
    /// Begins where a fake node's chain does that starts at the same time.
    fn default() -> Settings {
        let chain = ChainConfig::default();
        Settings {
            config: Config::default(),
            seed: 0,
            height: chain.first_height + chain.history.saturating_sub(1),
            contract: None,
        }
    }
}

/// The registry contract in real time.
#[derive(Debug)]
pub struct Host {
    contract: Option<String>,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) model: RegistryModel,
    pub(super) faults: Faults,
    pub(super) calls: u64,
    /// What is wrong with the registry file, if anything.
    pub(super) file_error: Option<String>,
    replicas: Replicas,
    began: Time,
    base: u64,
    highest: u64,
}

impl Host {
    /// A contract without registrations.
    pub fn new(settings: Settings) -> Host {
        Host {
            contract: settings.contract,
            inner: Mutex::new(Inner {
                replicas: Replicas::new(&settings.config, settings.seed),
                model: RegistryModel::new(settings.config),
                faults: Faults::default(),
                calls: 0,
                file_error: None,
                began: now(),
                base: settings.height,
                highest: settings.height,
            }),
        }
    }

    /// Acts on the contract as of the newest block, whose height it is given.
    pub fn with<T>(&self, action: impl FnOnce(&mut RegistryModel, u64) -> T) -> T {
        let mut inner = self.lock();
        let height = inner.height();
        action(&mut inner.model, height)
    }

    /// Skips `blocks` heights; returns the newest one.
    pub fn advance(&self, blocks: u64) -> u64 {
        let mut inner = self.lock();
        inner.base = inner.base.saturating_add(blocks);
        inner.height()
    }

    /// Makes calls fail, until healed or for as many calls as it says.
    pub fn fault(&self, fault: RequestFault) {
        self.lock().faults.add(fault);
    }

    /// Ends all faults.
    pub fn heal(&self) {
        let mut inner = self.lock();
        inner.faults.clear();
        inner.model.heal();
    }

    pub(super) fn serves(&self, account: &str) -> bool {
        self.contract.as_deref().is_none_or(|own| own == account)
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// The height of the newest block. It never goes back, even if the clock does.
    pub(super) fn height(&mut self) -> u64 {
        let passed = now().since(self.began).as_secs();
        self.highest = self.highest.max(self.base.saturating_add(passed));
        self.highest
    }

    /// Answers by one of the replicas, at least `lag` blocks behind.
    pub(super) fn view(
        &mut self,
        method: &str,
        arguments: &[u8],
        lag: u64,
    ) -> Result<View, ViewError> {
        let behind = self.replicas.choose().as_secs().max(lag);
        let point = ReadPoint::at(self.height().saturating_sub(behind));
        self.model.view(method, arguments, point)
    }
}
