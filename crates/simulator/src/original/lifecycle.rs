//! The loop of one indexer: one handler per phase, and what each leads to.

use tokio::time::sleep;

use super::registry::Config;
use super::state::{Phase, State};
use super::{Original, ROUND};

impl Original {
    /// Manages an indexer until it counts as deleted.
    pub(super) async fn manage(&self, account: &str, function: &str) {
        loop {
            sleep(ROUND).await;
            if self.round(account, function).await == Some(Phase::Deleted) {
                return;
            }
        }
    }

    /// One iteration; returns the phase that follows, if it came to one.
    pub(super) async fn round(&self, account: &str, function: &str) -> Option<Phase> {
        let config = match self.read_entry(account, function).await {
            Ok(Some(config)) => config,
            Ok(None) => {
                self.remark(account, function, "the registry has no such indexer");
                return None;
            }
            Err(error) => {
                self.remark(account, function, &format!("registry: {error}"));
                return None;
            }
        };
        let mut state = match self.state(account, function).await {
            Ok(state) => state,
            Err(error) => {
                self.remark(account, function, &format!("state: {error}"));
                return None;
            }
        };
        let next = self.handle(&config, &mut state).await;
        if next == Phase::Deleted {
            return Some(next);
        }
        if next != state.lifecycle_state {
            let text = format!("transition: {} -> {next}", state.lifecycle_state);
            self.remark(account, function, &text);
        }
        state.lifecycle_state = next;
        // Whatever happens meanwhile, what was read before the handler is written.
        while let Err(error) = self.put(&state).await {
            self.remark(account, function, &format!("state: {error}"));
            sleep(ROUND).await;
        }
        Some(next)
    }

    async fn handle(&self, config: &Config, state: &mut State) -> Phase {
        let deleted = config.is_deleted();
        match state.lifecycle_state {
            Phase::Initializing | Phase::Running | Phase::Suspending if deleted => Phase::Deleting,
            Phase::Suspended | Phase::Repairing if deleted => Phase::Deleting,
            Phase::Initializing => self.initialize(config).await,
            Phase::Running if !state.enabled => Phase::Suspending,
            Phase::Running => {
                self.keep_running(config, state).await;
                Phase::Running
            }
            Phase::Suspending => match self.stop_both(config).await {
                Ok(()) => Phase::Suspended,
                Err(error) => {
                    self.tell(config, &error);
                    Phase::Suspending
                }
            },
            Phase::Suspended if state.enabled => Phase::Running,
            Phase::Suspended => Phase::Suspended,
            Phase::Repairing => Phase::Repairing,
            Phase::Deleting => {
                for stopped in [
                    self.stop_stream(config).await,
                    self.stop_executor(config).await,
                ] {
                    if let Err(error) = stopped {
                        self.tell(config, &error);
                    }
                }
                Phase::Deleted
            }
            Phase::Deleted => Phase::Deleted,
        }
    }

    async fn initialize(&self, config: &Config) -> Phase {
        match self.provision(config).await {
            Ok(()) => Phase::Running,
            Err(error) => {
                self.tell(config, &error);
                Phase::Repairing
            }
        }
    }

    async fn keep_running(&self, config: &Config, state: &mut State) {
        if let Err(error) = self.synchronise_stream(config, state).await {
            self.tell(config, &error);
            return;
        }
        if let Err(error) = self.synchronise_executor(config).await {
            self.tell(config, &error);
        }
    }

    async fn stop_both(&self, config: &Config) -> Result<(), String> {
        self.stop_stream(config).await?;
        self.stop_executor(config).await
    }

    fn tell(&self, config: &Config, error: &str) {
        self.remark(&config.account, &config.function, error);
    }
}
