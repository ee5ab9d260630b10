//! From the body of an answer to what it says.

use std::io::Read;

use bytes::Bytes;
use coordinator::registry::ViewAnswer;
use coordinator::registry::decode::ANSWER_LEN_MAX;
use serde::Deserialize;

use crate::octets::{Octets, TOO_LONG, Text};
use crate::rpc_error::{Meaning, RpcError, explained};

#[derive(Deserialize)]
struct Response {
    #[serde(default)]
    id: Text,
    result: Option<Outcome>,
    error: Option<RpcError>,
}

#[derive(Deserialize)]
struct Outcome {
    result: Option<Octets>,
    block_height: Option<u64>,
    error: Option<Text>,
}

/// What it means that the answer cannot be read.
fn unread(error: &serde_json::Error) -> Meaning {
    let said = error.to_string();
    if said.starts_with(TOO_LONG) {
        return Meaning::TooLarge(format!(
            "its answer holds more than {ANSWER_LEN_MAX} bytes of the contract and was not read \
             to its end"
        ));
    }
    let said = Text::new(&said).0;
    Meaning::Node(format!("its answer is no JSON-RPC: {said}"))
}

/// Reads the answer to the question `id`.
pub(crate) fn read(body: impl Read, id: &str) -> Result<ViewAnswer, Meaning> {
    let mut json = serde_json::Deserializer::from_reader(body);
    let response = Response::deserialize(&mut json)
        .and_then(|response| json.end().map(|()| response))
        .map_err(|error| unread(&error))?;
    if let Some(error) = response.error {
        return Err(error.meaning());
    }
    let nonsense = |what: &str| Err(Meaning::Node(format!("its answer {what}")));
    if response.id.as_str() != id {
        return nonsense("is one to another question");
    }
    let Some(outcome) = response.result else {
        return nonsense("has neither a result nor an error");
    };
    match (outcome.error, outcome.result, outcome.block_height) {
        (Some(error), ..) => Err(Meaning::Contract(explained(error.as_str()))),
        (None, None, _) => nonsense("lacks the contract's result"),
        (None, Some(_), None) => nonsense("lacks `block_height`, so its age is unknown"),
        (None, Some(Octets(result)), Some(block_height)) => Ok(ViewAnswer {
            result: Bytes::from(result),
            block_height,
        }),
    }
}

#[cfg(test)]
mod tests {
    use serde::de::value::SeqDeserializer;

    use super::*;

    fn of(body: &str) -> Result<ViewAnswer, Meaning> {
        read(body.as_bytes(), "c-1")
    }

    fn node(body: &str) -> String {
        match of(body) {
            Err(Meaning::Node(text)) => text,
            other => panic!("{body}: {other:?}"),
        }
    }

    #[test]
    fn an_answer_holds_the_contracts_bytes_and_their_height() {
        let body = r#"{"jsonrpc":"2.0","result":{"result":[123,125],"logs":["x",[{}]],
            "block_height":130000000,"block_hash":"h"},"id":"c-1"}"#;
        let answer = of(body).unwrap();
        assert_eq!(&*answer.result, b"{}");
        assert_eq!(answer.block_height, 130_000_000);
    }

    #[test]
    fn a_failure_of_the_contract_within_a_result() {
        let body = r#"{"result":{"error":"wasm execution failed with error: HostError(x)",
            "logs":[],"block_height":1},"id":"c-1"}"#;
        assert_eq!(
            of(body),
            Err(Meaning::Contract(
                "wasm execution failed with error: HostError(x)".into()
            ))
        );
    }

    #[test]
    fn an_error_counts_whatever_else_is_there() {
        let body = r#"{"error":{"code":429},"result":{"result":[],"block_height":1},"id":"c-1"}"#;
        assert_eq!(of(body), Err(Meaning::RateLimited));
        let body = r#"{"error":{"cause":{"name":"UNKNOWN_BLOCK"}},"id":null}"#;
        assert!(node(body).contains("UNKNOWN_BLOCK"));
    }

    #[test]
    fn everything_else_is_the_nodes_nonsense() {
        for (body, part) in [
            ("", "no JSON-RPC"),
            ("null", "no JSON-RPC"),
            ("[]", "no JSON-RPC"),
            ("{}", "another question"),
            (r#"{"id":"c-1"}"#, "neither"),
            (r#"{"id":"c-1","result":null}"#, "neither"),
            (r#"{"id":"c-1","result":7}"#, "no JSON-RPC"),
            (r#"{"id":"c-1","result":{}}"#, "lacks the contract's result"),
            (r#"{"id":"c-1","result":{"result":[1]}}"#, "block_height"),
            (
                r#"{"id":"c-1","result":{"result":[1],"block_height":null}}"#,
                "block_height",
            ),
            (
                r#"{"id":"c-1","result":{"result":[1],"block_height":-1}}"#,
                "no JSON-RPC",
            ),
            (
                r#"{"id":"c-1","result":{"result":[300],"block_height":1}}"#,
                "no JSON-RPC",
            ),
            (
                r#"{"id":"c-2","result":{"result":[1],"block_height":1}}"#,
                "another question",
            ),
            (
                r#"{"id":"c-1","result":{"result":[1],"block_height":1}} x"#,
                "no JSON-RPC",
            ),
            (
                r#"{"id":"c-1","result":{"result":[1],"block_height":1"#,
                "no JSON-RPC",
            ),
        ] {
            let text = node(body);
            assert!(text.contains(part), "{body}: {text}");
        }
    }

    #[test]
    fn more_than_is_read_of_the_contract_is_no_nonsense() {
        let zeros = std::iter::repeat_n(0_u8, ANSWER_LEN_MAX + 1);
        let zeros = SeqDeserializer::<_, serde_json::Error>::new(zeros);
        let Meaning::TooLarge(text) = unread(&Octets::deserialize(zeros).unwrap_err()) else {
            panic!("one more than {ANSWER_LEN_MAX}");
        };
        assert!(text.contains("67108864 bytes"), "{text}");
        // A node does not say so itself.
        let body = format!(r#"{{"id":"c-1","result":"{TOO_LONG}"}}"#);
        assert!(node(&body).contains("no JSON-RPC"));
    }

    #[test]
    fn nesting_and_repeats_overflow_nothing() {
        let deep = "[".repeat(1_000_000);
        for body in [
            deep.clone(),
            format!(r#"{{"x":{deep}"#),
            format!(r#"{{"error":{{"data":{deep}"#),
            format!(r#"{{"error":{{"data":{}"#, r#"{"a":"#.repeat(1_000_000)),
            r#"{"id":"c-1","id":"c-1"}"#.to_owned(),
        ] {
            assert!(node(&body).contains("no JSON-RPC"));
        }
    }
}
