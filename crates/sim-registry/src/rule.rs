//! Rules as the registry stores them.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// Which execution outcomes an action rule selects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum ActionStatus {
    /// Both.
    Any,
    /// Successful ones.
    Success,
    /// Failed ones.
    Fail,
}

/// What an indexer wants to see of a block.
///
/// The JSON form has a `kind` (`ACTION_ANY`, `ACTION_FUNCTION_CALL`, `EVENT`) and
/// the variant's fields beside it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "SCREAMING_SNAKE_CASE")]
#[serde(try_from = "RuleFields")]
pub enum RegistryRule {
    /// Any action of or to the affected accounts.
    ActionAny {
        /// Comma separated account patterns.
        affected_account_id: String,
        /// Outcome of the receipt.
        status: ActionStatus,
    },
    /// Function calls of or to the affected accounts.
    ActionFunctionCall {
        /// Comma separated account patterns.
        affected_account_id: String,
        /// Outcome of the receipt.
        status: ActionStatus,
        /// Comma separated method name patterns.
        function: String,
    },
    /// Emitted events. The block streamer has no such rule.
    Event {
        /// The contract that emits the event.
        contract_account_id: String,
        /// The event's standard, such as `nep171`.
        standard: String,
        /// The version of the standard.
        version: String,
        /// The event's name.
        event: String,
    },
}

impl RegistryRule {
    /// True if one of the rule's account patterns covers a whole top-level
    /// domain, which the contract lets only its owners register. Event rules are
    /// not looked at.
    pub fn needs_owner(&self) -> bool {
        const WIDE: [&str; 4] = ["*", "*.near", "*.kaiching", "*.tg"];
        match self {
            RegistryRule::ActionAny {
                affected_account_id,
                ..
            }
            | RegistryRule::ActionFunctionCall {
                affected_account_id,
                ..
            } => affected_account_id
                .split(',')
                .any(|item| WIDE.contains(&item.trim())),
            RegistryRule::Event { .. } => false,
        }
    }
}

/// All fields any kind of rule has. Reading them flat, instead of by a tagged
/// enum, lets errors name what a kind lacks and keeps their place in the file.
///
/// The older `filter` shape calls the kind `rule`; everything else is the same.
#[derive(Deserialize)]
pub(crate) struct RuleFields {
    #[serde(alias = "rule")]
    kind: String,
    affected_account_id: Option<String>,
    status: Option<ActionStatus>,
    function: Option<String>,
    contract_account_id: Option<String>,
    standard: Option<String>,
    version: Option<String>,
    event: Option<String>,
}

impl TryFrom<RuleFields> for RegistryRule {
    type Error = Cow<'static, str>;

    fn try_from(fields: RuleFields) -> Result<RegistryRule, Self::Error> {
        let kind = fields.kind;
        fn need<T>(field: Option<T>, kind: &str, name: &str) -> Result<T, Cow<'static, str>> {
            field.ok_or_else(|| format!("a rule of kind {kind} needs the field `{name}`").into())
        }
        match kind.as_str() {
            "ACTION_ANY" => Ok(RegistryRule::ActionAny {
                affected_account_id: need(
                    fields.affected_account_id,
                    &kind,
                    "affected_account_id",
                )?,
                status: need(fields.status, &kind, "status")?,
            }),
            "ACTION_FUNCTION_CALL" => Ok(RegistryRule::ActionFunctionCall {
                affected_account_id: need(
                    fields.affected_account_id,
                    &kind,
                    "affected_account_id",
                )?,
                status: need(fields.status, &kind, "status")?,
                function: need(fields.function, &kind, "function")?,
            }),
            "EVENT" => Ok(RegistryRule::Event {
                contract_account_id: need(
                    fields.contract_account_id,
                    &kind,
                    "contract_account_id",
                )?,
                standard: need(fields.standard, &kind, "standard")?,
                version: need(fields.version, &kind, "version")?,
                event: need(fields.event, &kind, "event")?,
            }),
            other => Err(format!(
                "unknown kind of rule `{other}`, expected ACTION_ANY, ACTION_FUNCTION_CALL or EVENT"
            )
            .into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn action_any(affected: &str) -> RegistryRule {
        RegistryRule::ActionAny {
            affected_account_id: affected.into(),
            status: ActionStatus::Success,
        }
    }

    #[test]
    fn every_kind_has_the_contracts_json() {
        let table = [
            (
                action_any("*.a.tg, b.tg"),
                r#"{"kind":"ACTION_ANY","affected_account_id":"*.a.tg, b.tg","status":"SUCCESS"}"#,
            ),
            (
                RegistryRule::ActionFunctionCall {
                    affected_account_id: "x.near".into(),
                    status: ActionStatus::Any,
                    function: "ft_*".into(),
                },
                concat!(
                    r#"{"kind":"ACTION_FUNCTION_CALL","affected_account_id":"x.near","#,
                    r#""status":"ANY","function":"ft_*"}"#,
                ),
            ),
            (
                RegistryRule::Event {
                    contract_account_id: "c.near".into(),
                    standard: "nep171".into(),
                    version: "1.0.0".into(),
                    event: "nft_mint".into(),
                },
                concat!(
                    r#"{"kind":"EVENT","contract_account_id":"c.near","standard":"nep171","#,
                    r#""version":"1.0.0","event":"nft_mint"}"#,
                ),
            ),
        ];
        for (rule, json) in table {
            assert_eq!(serde_json::to_string(&rule).unwrap(), json);
            assert_eq!(serde_json::from_str::<RegistryRule>(json).unwrap(), rule);
        }
        assert_eq!(
            serde_json::to_string(&ActionStatus::Fail).unwrap(),
            r#""FAIL""#
        );
    }

    #[test]
    fn errors_say_what_is_missing() {
        let error = |json| {
            serde_json::from_str::<RegistryRule>(json)
                .unwrap_err()
                .to_string()
        };
        assert_eq!(
            error(r#"{"kind":"ACTION_ANY","status":"ANY"}"#),
            "a rule of kind ACTION_ANY needs the field `affected_account_id`"
        );
        assert!(error(r#"{"kind":"SHARD"}"#).contains("unknown kind of rule `SHARD`"));
        assert!(error(r#"{"status":"ANY"}"#).contains("missing field `kind`"));
    }

    #[test]
    fn whole_top_level_domains_are_for_owners() {
        for wide in ["*", "a.near,*", "a.near, *.near ", "*.kaiching", "*.tg"] {
            assert!(action_any(wide).needs_owner(), "{wide}");
        }
        for narrow in ["a.near", "*.a.near", "", "*.nea"] {
            assert!(!action_any(narrow).needs_owner(), "{narrow}");
        }
        let event = RegistryRule::Event {
            contract_account_id: "*".into(),
            standard: String::new(),
            version: String::new(),
            event: String::new(),
        };
        assert!(!event.needs_owner());
    }
}
