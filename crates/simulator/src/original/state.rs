//! What the original keeps of an indexer, and how it reads and writes it: whole.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Original;

/// The set of all states' keys.
const LISTED: &str = "indexer_states";

/// Where an indexer stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Phase {
    Initializing,
    Running,
    Suspending,
    Suspended,
    Repairing,
    Deleting,
    /// Never written: the loop ends instead.
    Deleted,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// The state of an indexer as the original stores it; other fields are ignored when
/// it is read, and lost when it is written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct State {
    pub account_id: String,
    pub function_name: String,
    /// The version of the last stream whose start was acknowledged.
    pub block_stream_synced_at: Option<u64>,
    pub enabled: bool,
    pub lifecycle_state: Phase,
}

impl State {
    fn new(account: &str, function: &str) -> State {
        State {
            account_id: account.to_owned(),
            function_name: function.to_owned(),
            block_stream_synced_at: None,
            enabled: true,
            lifecycle_state: Phase::Initializing,
        }
    }

    fn key(&self) -> String {
        key(&self.account_id, &self.function_name)
    }
}

/// The names that two phases had in the only older format that it still reads.
#[derive(Deserialize)]
enum FormerPhase {
    Stopping,
    Stopped,
}

#[derive(Deserialize)]
struct FormerState {
    account_id: String,
    function_name: String,
    block_stream_synced_at: Option<u64>,
    enabled: bool,
    lifecycle_state: FormerPhase,
}

impl From<FormerState> for State {
    fn from(former: FormerState) -> State {
        State {
            account_id: former.account_id,
            function_name: former.function_name,
            block_stream_synced_at: former.block_stream_synced_at,
            enabled: former.enabled,
            lifecycle_state: match former.lifecycle_state {
                FormerPhase::Stopping => Phase::Suspending,
                FormerPhase::Stopped => Phase::Suspended,
            },
        }
    }
}

fn key(account: &str, function: &str) -> String {
    format!("{account}/{function}:state")
}

impl Original {
    /// Brings every state that is listed to today's format.
    ///
    /// # Errors
    /// The store cannot be reached, or one state is missing or cannot be read: the
    /// process ends, whatever becomes of all others.
    pub(super) async fn migrate(&self) -> Result<(), String> {
        let members = self.ports.store.set_members(LISTED).await;
        let mut keys = members.map_err(|error| format!("cannot connect to Redis: {error}"))?;
        keys.sort();
        for key in keys {
            let value = self.value(&key).await?;
            let value = value.ok_or_else(|| format!("migration: there is no {key}"))?;
            if serde_json::from_slice::<State>(&value).is_ok() {
                continue;
            }
            let former: FormerState = serde_json::from_slice(&value)
                .map_err(|error| format!("migration: {key} cannot be read: {error}"))?;
            self.put(&State::from(former)).await?;
        }
        Ok(())
    }

    async fn value(&self, key: &str) -> Result<Option<bytes::Bytes>, String> {
        let values = self.ports.store.get_many(&[key.to_owned()]).await;
        let values = values.map_err(|error| error.to_string())?;
        Ok(values.into_iter().next().flatten())
    }

    /// The state of an indexer; of one that has none, what a new one begins with.
    ///
    /// # Errors
    /// The store gave no answer, or what it holds cannot be read.
    pub(super) async fn state(&self, account: &str, function: &str) -> Result<State, String> {
        match self.value(&key(account, function)).await? {
            Some(value) => serde_json::from_slice(&value).map_err(|error| error.to_string()),
            None => Ok(State::new(account, function)),
        }
    }

    /// Writes a whole state over whatever stands there.
    ///
    /// # Errors
    /// The store gave no usable answer to one of the two commands.
    pub(super) async fn put(&self, state: &State) -> Result<(), String> {
        let value = serde_json::to_vec(state).map_err(|error| error.to_string())?;
        let name = state.key();
        let set = self.beyond.set(&name, &value).await;
        set.map_err(|error| error.to_string())?;
        let added = self.ports.store.set_add(LISTED, &name).await;
        added.map_err(|error| error.to_string())
    }

    /// The height in the cursor of an indexer's stream.
    ///
    /// # Errors
    /// The store gave no answer, or no number.
    pub(super) async fn last_block(
        &self,
        account: &str,
        function: &str,
    ) -> Result<Option<u64>, String> {
        let name = format!("{account}/{function}:last_published_block");
        let Some(value) = self.value(&name).await? else {
            return Ok(None);
        };
        let text = String::from_utf8_lossy(&value);
        text.parse()
            .map(Some)
            .map_err(|_| format!("{name} is {text}"))
    }
}
