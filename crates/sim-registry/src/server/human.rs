//! Registry files for people: TOML with one table per indexer.
//!
//! ```toml
//! [[indexer]]
//! account = "alice.near"
//! function = "feed"
//! start = "LATEST"                # or "CONTINUE", or a height
//! rule = { any = "app0.near", status = "SUCCESS" }
//! code = "..."
//! schema = "..."
//! ```

use serde::Deserialize;

use crate::{ActionStatus, Registration, RegistryRule, StartBlock};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    /// For other readers of the same file.
    #[serde(default, rename = "chain")]
    _chain: toml::Table,
    indexer: Vec<Indexer>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Indexer {
    account: String,
    function: String,
    start: Start,
    rule: Rule,
    code: String,
    schema: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Start {
    Height(u64),
    Named(StartBlock),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    any: Option<String>,
    call: Option<String>,
    function: Option<String>,
    status: Option<ActionStatus>,
}

impl Rule {
    fn into_rule(self) -> Result<RegistryRule, String> {
        let status = self.status.unwrap_or(ActionStatus::Any);
        match (self.any, self.call, self.function) {
            (Some(affected_account_id), None, None) => Ok(RegistryRule::ActionAny {
                affected_account_id,
                status,
            }),
            (None, Some(affected_account_id), Some(function)) => {
                Ok(RegistryRule::ActionFunctionCall {
                    affected_account_id,
                    status,
                    function,
                })
            }
            _ => Err("a rule has either `any`, or `call` and `function`".to_owned()),
        }
    }
}

/// An indexer of a file: account, name, and what is registered.
pub(super) type Named = (String, String, Registration);

/// Reads the text of a file; the error says what is wrong with it.
pub(super) fn parse(text: &str) -> Result<Vec<Named>, String> {
    let document: Document = toml::from_str(text).map_err(|error| error.to_string())?;
    document.indexer.into_iter().map(named).collect()
}

fn named(indexer: Indexer) -> Result<Named, String> {
    let name = format!("{}/{}", indexer.account, indexer.function);
    let rule = indexer
        .rule
        .into_rule()
        .map_err(|why| format!("{name}: {why}"))?;
    let start_block = match indexer.start {
        Start::Height(height) => StartBlock::Height(height),
        Start::Named(start) => start,
    };
    let registration = Registration {
        code: indexer.code,
        schema: indexer.schema,
        rule,
        start_block,
        forked_from: None,
    };
    Ok((indexer.account, indexer.function, registration))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: [(&str, bool); 5] = [
        (r#"{ any = "app0.near", status = "SUCCESS" }"#, true),
        (r#"{ call = "app0.near", function = "set" }"#, true),
        (r#"{ call = "app0.near" }"#, false),
        (r#"{ any = "app0.near", function = "set" }"#, false),
        (r#"{ some = "app0.near" }"#, false),
    ];

    #[test]
    fn rules_and_starts_are_read() {
        for (rule, fits) in RULES {
            for start in ["\"LATEST\"", "\"CONTINUE\"", "7"] {
                let text = format!(
                    "chain = {{}}\n[[indexer]]\naccount = \"a.near\"\nfunction = \"f\"\n\
                     start = {start}\nrule = {rule}\ncode = \"c\"\nschema = \"s\"\n"
                );
                assert_eq!(parse(&text).is_ok(), fits, "{text}: {:?}", parse(&text));
            }
        }
        assert!(parse("").is_err(), "an empty file is no registry");
        assert_eq!(parse("indexer = []"), Ok(Vec::new()));
    }
}
