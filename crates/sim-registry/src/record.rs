//! What the registry keeps per indexer.

use serde::{Deserialize, Serialize};

use crate::RegistryRule;

/// Where an indexer begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum StartBlock {
    /// At the block of its (re-)registration.
    Latest,
    /// Where it was interrupted.
    Continue,
    /// At this block height.
    Height(u64),
}

/// The indexer that another one was copied from; stored, never used.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ForkedFrom {
    /// Its account.
    pub account_id: String,
    /// Its name.
    pub function_name: String,
}

/// What a user sends to register an indexer. The contract checks neither code
/// nor schema nor the function's name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Registration {
    /// JavaScript to run over each selected block.
    pub code: String,
    /// SQL of the indexer's tables.
    pub schema: String,
    /// The blocks to select.
    pub rule: RegistryRule,
    /// Where to begin.
    pub start_block: StartBlock,
    /// Its origin, if it is a copy.
    pub forked_from: Option<ForkedFrom>,
}

/// The contract's record of an indexer, deleted ones included.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Record {
    /// What was registered last.
    pub registration: Registration,
    /// Height of the first registration; never changes.
    pub created_at: u64,
    /// Height of the last registration over an existing record.
    pub updated_at: Option<u64>,
    /// Height of the last deletion, unless registered again since.
    pub deleted_at: Option<u64>,
}

impl Record {
    /// The indexer's version: height of its last registration. A deletion does
    /// not change it.
    pub fn version(&self) -> u64 {
        self.updated_at.unwrap_or(self.created_at)
    }

    /// True from a deletion until the next registration.
    pub fn is_deleted(&self) -> bool {
        self.deleted_at.is_some()
    }

    /// The record as the contract's views show it.
    pub fn to_json(&self) -> String {
        // A tree of strings and numbers always serialises.
        serde_json::to_string(&RecordJson::from(self)).unwrap_or_default()
    }
}

/// The wire form, fields in the contract's order.
#[derive(Serialize)]
struct RecordJson<'a> {
    code: &'a str,
    start_block: StartBlock,
    schema: &'a str,
    rule: &'a RegistryRule,
    updated_at_block_height: Option<u64>,
    created_at_block_height: u64,
    deleted_at_block_height: Option<u64>,
    forked_from: Option<&'a ForkedFrom>,
}

impl<'a> From<&'a Record> for RecordJson<'a> {
    fn from(record: &'a Record) -> RecordJson<'a> {
        RecordJson {
            code: &record.registration.code,
            start_block: record.registration.start_block,
            schema: &record.registration.schema,
            rule: &record.registration.rule,
            updated_at_block_height: record.updated_at,
            created_at_block_height: record.created_at,
            deleted_at_block_height: record.deleted_at,
            forked_from: record.registration.forked_from.as_ref(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn start_blocks_have_the_contracts_json() {
        let table = [
            (StartBlock::Latest, r#""LATEST""#),
            (StartBlock::Continue, r#""CONTINUE""#),
            (StartBlock::Height(120_000_000), r#"{"HEIGHT":120000000}"#),
        ];
        for (start, json) in table {
            assert_eq!(serde_json::to_string(&start).unwrap(), json);
            assert_eq!(serde_json::from_str::<StartBlock>(json).unwrap(), start);
        }
        assert!(serde_json::from_str::<StartBlock>(r#"{"HEIGHT":-1}"#).is_err());
    }
}
