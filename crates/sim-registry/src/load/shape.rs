//! The shapes an indexer had in the registry over time.

use serde::Deserialize;

use crate::rule::RuleFields;
use crate::{ForkedFrom, Record, Registration, RegistryRule, StartBlock};

/// The fields of all shapes together; unknown ones are ignored.
#[derive(Deserialize)]
pub(super) struct Fields {
    code: String,
    schema: Option<String>,
    rule: Option<RegistryRule>,
    start_block: Option<StartBlock>,
    /// The older shape's rule.
    filter: Option<Filter>,
    /// The older shape's start; absent means the latest block.
    start_block_height: Option<u64>,
    created_at_block_height: u64,
    updated_at_block_height: Option<u64>,
    deleted_at_block_height: Option<u64>,
    forked_from: Option<ForkedFrom>,
}

/// The older shape's wrapper around a rule. Its other fields were never used.
#[derive(Deserialize)]
struct Filter {
    matching_rule: LegacyRule,
}

#[derive(Deserialize)]
#[serde(try_from = "RuleFields")]
struct LegacyRule(RegistryRule);

impl TryFrom<RuleFields> for LegacyRule {
    type Error = <RegistryRule as TryFrom<RuleFields>>::Error;

    fn try_from(fields: RuleFields) -> Result<LegacyRule, Self::Error> {
        RegistryRule::try_from(fields).map(LegacyRule)
    }
}

impl Fields {
    /// The record that the fields describe, or what is wrong with them.
    pub(super) fn into_record(self) -> Result<Record, String> {
        let (rule, start_block) = match (self.rule, self.filter) {
            (Some(rule), None) => {
                let start = self.start_block.ok_or_else(|| {
                    "the field `start_block` is missing, expected \"LATEST\", \"CONTINUE\" \
                     or {\"HEIGHT\": number}"
                        .to_owned()
                })?;
                (rule, start)
            }
            (None, Some(filter)) => {
                let start = match self.start_block_height {
                    Some(height) => StartBlock::Height(height),
                    None => StartBlock::Latest,
                };
                (filter.matching_rule.0, start)
            }
            (Some(_), Some(_)) => {
                return Err("has both `rule` and the older `filter`, expected one".into());
            }
            (None, None) => {
                return Err("has neither `rule` nor the older `filter`, expected one".into());
            }
        };
        Ok(Record {
            registration: Registration {
                code: self.code,
                schema: self.schema.unwrap_or_default(),
                rule,
                start_block,
                forked_from: self.forked_from,
            },
            created_at: self.created_at_block_height,
            updated_at: self.updated_at_block_height,
            deleted_at: self.deleted_at_block_height,
        })
    }
}
