//! What the original reads from the registry. One entry that it cannot read makes
//! the whole answer unreadable; the height of an answer is not looked at.

use std::collections::BTreeMap;
use std::time::Duration;

use proto::block_streamer::{ActionAnyRule, ActionFunctionCallRule, Status, start_stream_request};
use serde::Deserialize;
use tokio::time::sleep;

use super::Original;

/// The longest pause between two tries to list everything.
const LIST_PAUSE_MAX: Duration = Duration::from_secs(30);

/// An indexer as it is registered.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Entry {
    pub code: String,
    start_block: StartBlock,
    pub schema: String,
    rule: Rule,
    updated_at_block_height: Option<u64>,
    created_at_block_height: u64,
    deleted_at_block_height: Option<u64>,
}

/// Where it is to begin.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(super) enum StartBlock {
    #[serde(rename = "LATEST")]
    Latest,
    #[serde(rename = "HEIGHT")]
    Height(u64),
    #[serde(rename = "CONTINUE")]
    Continue,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "kind")]
enum Rule {
    #[serde(rename = "ACTION_ANY")]
    ActionAny {
        affected_account_id: String,
        status: RuleStatus,
    },
    #[serde(rename = "ACTION_FUNCTION_CALL")]
    ActionFunctionCall {
        affected_account_id: String,
        function: String,
        status: RuleStatus,
    },
    #[serde(rename = "EVENT")]
    Event {},
}

#[derive(Clone, Copy, Debug, Deserialize)]
enum RuleStatus {
    #[serde(rename = "ANY")]
    Any,
    #[serde(rename = "SUCCESS")]
    Success,
    #[serde(rename = "FAIL")]
    Fail,
}

impl RuleStatus {
    fn on_the_wire(self) -> i32 {
        let status = match self {
            RuleStatus::Any => Status::Any,
            RuleStatus::Success => Status::Success,
            RuleStatus::Fail => Status::Failure,
        };
        status.into()
    }
}

/// An indexer's entry with its name.
#[derive(Clone, Debug)]
pub(super) struct Config {
    pub account: String,
    pub function: String,
    pub entry: Entry,
}

impl Config {
    /// The version: the height of the last registration.
    pub fn version(&self) -> u64 {
        let entry = &self.entry;
        let updated = entry.updated_at_block_height;
        updated.unwrap_or(entry.created_at_block_height)
    }

    pub fn is_deleted(&self) -> bool {
        self.entry.deleted_at_block_height.is_some()
    }

    pub fn start_block(&self) -> StartBlock {
        self.entry.start_block
    }

    /// The queue between stream and executor.
    pub fn queue(&self) -> String {
        format!("{}/{}:block_stream", self.account, self.function)
    }

    /// The rule on the wire; `None` for the kind that no streamer knows.
    pub fn wire_rule(&self) -> Option<start_stream_request::Rule> {
        use start_stream_request::Rule as Wire;
        match &self.entry.rule {
            Rule::ActionAny {
                affected_account_id,
                status,
            } => Some(Wire::ActionAnyRule(ActionAnyRule {
                affected_account_id: affected_account_id.clone(),
                status: status.on_the_wire(),
            })),
            Rule::ActionFunctionCall {
                affected_account_id,
                function,
                status,
            } => Some(Wire::ActionFunctionCallRule(ActionFunctionCallRule {
                affected_account_id: affected_account_id.clone(),
                function_name: function.clone(),
                status: status.on_the_wire(),
            })),
            Rule::Event {} => None,
        }
    }
}

impl Original {
    /// The names of all that are registered; asks until there is an answer.
    pub(super) async fn list_all(&self) -> Vec<(String, String)> {
        let mut pause = Duration::from_secs(1);
        loop {
            match self.try_list_all().await {
                Ok(names) => return names,
                Err(error) => {
                    let text = format!("list_all: {error}; again in {pause:?}");
                    self.beyond.remark(None, text);
                }
            }
            sleep(pause).await;
            pause = (pause * 2).min(LIST_PAUSE_MAX);
        }
    }

    async fn try_list_all(&self) -> Result<Vec<(String, String)>, String> {
        let answer = self.ports.registry.view("list_all", b"{}").await;
        let answer = answer.map_err(|error| error.to_string())?;
        let accounts: BTreeMap<String, BTreeMap<String, Entry>> =
            serde_json::from_slice(&answer.result).map_err(|error| error.to_string())?;
        let names = accounts.into_iter().flat_map(|(account, functions)| {
            let of_one = functions.into_keys();
            of_one.map(move |function| (account.clone(), function))
        });
        Ok(names.collect())
    }

    /// One entry, deleted ones included; `None` if the registry says that there is
    /// none.
    ///
    /// # Errors
    /// There was no answer, or it cannot be read.
    pub(super) async fn read_entry(
        &self,
        account: &str,
        function: &str,
    ) -> Result<Option<Config>, String> {
        let arguments = serde_json::json!({ "account_id": account, "function_name": function });
        let arguments = arguments.to_string();
        let registry = &self.ports.registry;
        let answer = registry
            .view("read_indexer_function", arguments.as_bytes())
            .await;
        let answer = answer.map_err(|error| error.to_string())?;
        let entry: Option<Entry> =
            serde_json::from_slice(&answer.result).map_err(|error| error.to_string())?;
        Ok(entry.map(|entry| Config {
            account: account.to_owned(),
            function: function.to_owned(),
            entry,
        }))
    }
}
