//! What a node's error means.
//!
//! Its form has changed over the years: a text in `data`, a tree of `name` and
//! `cause`, and for failures of the contract a text within a successful `result`.

use serde::Deserialize;

use crate::octets::Text;

/// The error object of an answer.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct RpcError {
    #[serde(default)]
    name: Text,
    cause: Option<Cause>,
    #[serde(default)]
    code: Text,
    #[serde(default)]
    message: Text,
    #[serde(default)]
    data: Text,
}

#[derive(Debug, Deserialize)]
struct Cause {
    #[serde(default)]
    name: Text,
    #[serde(default)]
    info: Text,
}

/// Whose failure it is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// The contract's, as far as this node knows.
    Contract(String),
    /// The node asks for fewer calls.
    RateLimited,
    /// The node's: another one may know better.
    Node(String),
    /// Ours: it says more than is read.
    TooLarge(String),
}

impl RpcError {
    pub(crate) fn meaning(&self) -> Meaning {
        let cause = self.cause.as_ref().map_or("", |cause| cause.name.as_str());
        let text = self.text();
        match cause {
            "CONTRACT_EXECUTION_ERROR"
            | "NO_CONTRACT_CODE"
            | "UNKNOWN_ACCOUNT"
            | "INVALID_ACCOUNT" => Meaning::Contract(explained(&text)),
            "" if matches!(self.code.as_str(), "429" | "-429") => Meaning::RateLimited,
            "" if text.contains("wasm execution failed") || text.contains("FunctionCallError") => {
                Meaning::Contract(explained(&text))
            }
            "" if self
                .message
                .as_str()
                .to_ascii_lowercase()
                .contains("rate limit") =>
            {
                Meaning::RateLimited
            }
            _ => Meaning::Node(text),
        }
    }

    /// All that it says, in one line.
    fn text(&self) -> String {
        let cause = self.cause.as_ref();
        let parts = [
            cause.map_or("", |cause| cause.name.as_str()),
            cause.map_or("", |cause| cause.info.as_str()),
            self.data.as_str(),
            self.message.as_str(),
        ];
        let said: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        match (said.as_slice(), self.name.as_str(), self.code.as_str()) {
            ([], "", "") => "an error without a word".to_owned(),
            ([], "", code) => format!("error {code}"),
            ([], name, _) => name.to_owned(),
            (said, ..) => said.join(": "),
        }
    }
}

/// The contract's failure together with what can be done about it.
pub(crate) fn explained(text: &str) -> String {
    let text = Text::new(text).0;
    let advice = if text.contains("GasLimitExceeded") {
        "the registry has outgrown the gas of one view call: ask a node with a higher \
         max_gas_burnt_view, alone or beside this one, or remove indexers"
    } else if text.contains("MethodNotFound") {
        "the account has another contract than the registry: check REGISTRY_CONTRACT_ID"
    } else if text.contains("UNKNOWN_ACCOUNT")
        || text.contains("NO_CONTRACT_CODE")
        || text.contains("CodeDoesNotExist")
        || text.contains("does not exist")
    {
        "there is no such contract on the node's network: check REGISTRY_CONTRACT_ID and RPC_URL"
    } else {
        return text;
    };
    format!("{text} ({advice})")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meaning(error: &str) -> Meaning {
        serde_json::from_str::<RpcError>(error).unwrap().meaning()
    }

    #[test]
    fn failures_of_the_node() {
        for (error, part) in [
            (
                r#"{"name":"HANDLER_ERROR","cause":{"name":"UNKNOWN_BLOCK","info":{}},
                    "code":-32000,"data":"DB Not Found","message":"Server error"}"#,
                "UNKNOWN_BLOCK",
            ),
            (
                r#"{"name":"INTERNAL_ERROR","cause":{"info":{"error_message":"x"},
                    "name":"INTERNAL_ERROR"}}"#,
                "error_message: x",
            ),
            (
                r#"{"code":-32000,"message":"Server error","data":"Timeout"}"#,
                "Timeout",
            ),
            (
                r#"{"code":-32601,"message":"Method not found"}"#,
                "Method not found",
            ),
            (r#"{"code":-1}"#, "error -1"),
            ("{}", "without a word"),
        ] {
            let Meaning::Node(text) = meaning(error) else {
                panic!("{error}");
            };
            assert!(text.contains(part), "{text}");
        }
    }

    #[test]
    fn failures_of_the_contract() {
        for (error, part) in [
            (
                r#"{"name":"HANDLER_ERROR","cause":{"name":"CONTRACT_EXECUTION_ERROR","info":{
                    "vm_error":{"FunctionCallError":{"MethodResolveError":"MethodNotFound"}}}},
                    "code":-32000,"message":"Server error"}"#,
                "REGISTRY_CONTRACT_ID",
            ),
            (
                r#"{"cause":{"name":"UNKNOWN_ACCOUNT","info":{"requested_account_id":"x.near"}}}"#,
                "RPC_URL",
            ),
            (
                r#"{"code":-32000,"message":"Server error",
                    "data":"wasm execution failed with error: HostError(GasLimitExceeded)"}"#,
                "max_gas_burnt_view",
            ),
        ] {
            let Meaning::Contract(text) = meaning(error) else {
                panic!("{error}");
            };
            assert!(text.contains(part), "{text}");
        }
    }

    #[test]
    fn limits_within_the_body() {
        for error in [
            r#"{"code":-429,"message":"slow down"}"#,
            r#"{"code":429}"#,
            r#"{"code":-32000,"message":"Rate limit reached"}"#,
        ] {
            assert_eq!(meaning(error), Meaning::RateLimited, "{error}");
        }
    }
}
