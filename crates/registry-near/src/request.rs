//! The question.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

#[derive(Serialize)]
struct Request<'a> {
    jsonrpc: &'static str,
    id: &'a str,
    method: &'static str,
    params: Params<'a>,
}

#[derive(Serialize)]
struct Params<'a> {
    request_type: &'static str,
    finality: &'static str,
    account_id: &'a str,
    method_name: &'a str,
    args_base64: String,
}

/// The body of a view call on the newest final block.
pub(crate) fn body(
    id: &str,
    contract: &str,
    method: &str,
    arguments: &[u8],
) -> Result<Vec<u8>, serde_json::Error> {
    serde_json::to_vec(&Request {
        jsonrpc: "2.0",
        id,
        method: "query",
        params: Params {
            request_type: "call_function",
            finality: "final",
            account_id: contract,
            method_name: method,
            args_base64: STANDARD.encode(arguments),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_question_has_the_protocols_form() {
        let body = body("c-1", "registry.near", "list_all", b"{}").unwrap();
        assert_eq!(
            String::from_utf8(body).unwrap(),
            concat!(
                r#"{"jsonrpc":"2.0","id":"c-1","method":"query","params":{"#,
                r#""request_type":"call_function","finality":"final","#,
                r#""account_id":"registry.near","method_name":"list_all","args_base64":"e30="}}"#,
            )
        );
    }
}
