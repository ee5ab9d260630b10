//! The registry's contract, as its users see it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use sim_node::IndexerKey;
use sim_node::chain::{Rule, StatusFilter};

use crate::http::ask;

/// Where an indexer is to begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// At its registration.
    Latest,
    /// Where its predecessor stopped.
    Continue,
    /// At this height.
    Height(u64),
}

/// What is registered for an indexer.
#[derive(Clone, Debug, PartialEq)]
pub struct Wish {
    /// The code; no two registrations of a test have the same.
    pub code: String,
    /// The rule; `None` asks for events, which no streamer serves.
    pub rule: Option<Rule>,
    /// Where to begin.
    pub start: Start,
}

impl Wish {
    /// A wish for the blocks that touch `contract`.
    pub fn touching(contract: &str, start: Start) -> Wish {
        Wish {
            code: format!("// {contract}, from {start:?}"),
            rule: Some(Rule::ActionAny {
                affected: contract.to_owned(),
                status: StatusFilter::Any,
            }),
            start,
        }
    }

    fn json(&self) -> Value {
        let start = match self.start {
            Start::Latest => json!("LATEST"),
            Start::Continue => json!("CONTINUE"),
            Start::Height(height) => json!({ "HEIGHT": height }),
        };
        let schema = "CREATE TABLE posts (height numeric)";
        json!({ "code": self.code, "schema": schema, "rule": self.rule(), "start_block": start })
    }

    fn rule(&self) -> Value {
        match &self.rule {
            Some(Rule::ActionAny { affected, status }) => json!({
                "kind": "ACTION_ANY",
                "affected_account_id": affected,
                "status": word(*status),
            }),
            Some(Rule::ActionFunctionCall {
                affected,
                function,
                status,
            }) => json!({
                "kind": "ACTION_FUNCTION_CALL",
                "affected_account_id": affected,
                "function": function,
                "status": word(*status),
            }),
            None => json!({
                "kind": "EVENT",
                "contract_account_id": "app0.near",
                "standard": "nep171",
                "version": "1.0.0",
                "event": "nft_mint",
            }),
        }
    }
}

fn word(status: StatusFilter) -> &'static str {
    match status {
        StatusFilter::Any => "ANY",
        StatusFilter::Success => "SUCCESS",
        StatusFilter::Fail => "FAIL",
    }
}

/// A registration as the contract keeps it.
#[derive(Clone, Debug)]
pub struct Registered {
    /// What was wished for last.
    pub wish: Wish,
    /// Its version.
    pub version: u64,
    created: u64,
    updated: Option<u64>,
    deleted: Option<u64>,
}

impl Registered {
    /// Whether it has a tombstone.
    pub fn is_deleted(&self) -> bool {
        self.deleted.is_some()
    }
}

/// The contract's users, who remember what they did.
#[derive(Debug, Default)]
pub struct Contract {
    /// Where the contract is served.
    pub port: u16,
    /// Everything ever registered.
    pub known: BTreeMap<IndexerKey, Registered>,
}

impl Contract {
    /// Registers an indexer; returns the version.
    pub async fn register(&mut self, key: &IndexerKey, wish: Wish) -> u64 {
        let mut body = wish.json();
        name(&mut body, key);
        let answer = self.control("register", &body).await;
        let version = answer["version"].as_u64().expect("a version");
        let older = self.known.get(key);
        let registered = Registered {
            wish,
            version,
            created: older.map_or(version, |older| older.created),
            updated: older.map(|_| version),
            deleted: None,
        };
        self.known.insert(key.clone(), registered);
        version
    }

    /// Deletes an indexer; returns the tombstone's height.
    pub async fn delete(&mut self, key: &IndexerKey) -> u64 {
        let mut body = json!({});
        name(&mut body, key);
        let answer = self.control("delete", &body).await;
        let height = answer["deleted_at"].as_u64().expect("a height");
        self.known.get_mut(key).expect("it exists").deleted = Some(height);
        height
    }

    /// Writes the contract's state, from which its next life begins.
    pub fn save(&self, path: &Path) {
        let mut accounts = serde_json::Map::new();
        for (key, registered) in &self.known {
            let mut entry = registered.wish.json();
            entry["created_at_block_height"] = registered.created.into();
            entry["updated_at_block_height"] = registered.updated.into();
            entry["deleted_at_block_height"] = registered.deleted.into();
            let account = accounts.entry(key.account()).or_insert(json!({}));
            account[key.function()] = entry;
        }
        fs::write(path, Value::Object(accounts).to_string()).expect("the folder is ours");
    }

    async fn control(&self, what: &str, body: &Value) -> Value {
        let path = format!("/control/{what}");
        let (status, answer) = ask(self.port, "POST", &path, &body.to_string()).await;
        assert_eq!(status, 200, "{what}: {answer}");
        serde_json::from_str(&answer).expect("JSON")
    }
}

fn name(body: &mut Value, key: &IndexerKey) {
    body["account"] = key.account().into();
    body["function"] = key.function().into();
}
