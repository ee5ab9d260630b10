//! NEAR JSON-RPC, as far as view calls need it.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};

use super::fault::{Fault, spoil};
use super::host::Host;
use crate::View;

#[derive(Deserialize)]
struct Request {
    #[serde(default)]
    id: Value,
    method: String,
    #[serde(default)]
    params: Value,
}

#[derive(Deserialize)]
struct Query {
    request_type: String,
    finality: Option<String>,
    account_id: String,
    method_name: String,
    args_base64: String,
}

/// Answers one request.
pub(super) async fn query(State(host): State<Arc<Host>>, body: Bytes) -> Response {
    let (fault, answer) = answer(&host, &body);
    spoil(fault, answer).await
}

fn answer(host: &Host, body: &[u8]) -> (Option<Fault>, Bytes) {
    let request: Request = match serde_json::from_slice(body) {
        Ok(request) => request,
        Err(error) => {
            let info = json!({ "error_message": error.to_string() });
            let text = failure(
                &Value::Null,
                "REQUEST_VALIDATION_ERROR",
                "PARSE_ERROR",
                info,
            );
            return (None, text);
        }
    };
    let id = request.id.clone();
    let query = match query_of(request) {
        Ok(query) => query,
        Err((cause, info)) => {
            return (None, failure(&id, "REQUEST_VALIDATION_ERROR", cause, info));
        }
    };
    let arguments = match STANDARD.decode(&query.args_base64) {
        Ok(arguments) => arguments,
        Err(error) => {
            let info = json!({ "error_message": error.to_string() });
            return (
                None,
                failure(&id, "REQUEST_VALIDATION_ERROR", "PARSE_ERROR", info),
            );
        }
    };
    let mut inner = host.lock();
    inner.calls += 1;
    let fault = inner.faults.take(&query.method_name);
    let height = inner.height();
    if !host.serves(&query.account_id) {
        let info = json!({
            "requested_account_id": query.account_id,
            "block_height": height,
        });
        return (
            fault,
            failure(&id, "HANDLER_ERROR", "UNKNOWN_ACCOUNT", info),
        );
    }
    let lag = match &fault {
        Some(Fault::Lag { blocks }) => *blocks,
        _ => 0,
    };
    let text = match &fault {
        Some(Fault::RpcError { cause }) => failure(&id, "HANDLER_ERROR", cause, json!({})),
        Some(Fault::Contract { message }) => panicked(&id, message, height),
        _ => match inner.view(&query.method_name, &arguments, lag) {
            Ok(view) => success(&id, &view, fault != Some(Fault::NoHeight)),
            Err(error) => panicked(&id, &error.to_string(), height),
        },
    };
    (fault, text)
}

fn query_of(request: Request) -> Result<Query, (&'static str, Value)> {
    if request.method != "query" {
        return Err(("METHOD_NOT_FOUND", json!({ "method_name": request.method })));
    }
    let wrong = |message: String| ("PARSE_ERROR", json!({ "error_message": message }));
    let query: Query =
        serde_json::from_value(request.params).map_err(|error| wrong(error.to_string()))?;
    if query.request_type != "call_function" {
        return Err(wrong(format!("no request type {}", query.request_type)));
    }
    match query.finality.as_deref() {
        Some("final") => Ok(query),
        other => Err(wrong(format!(
            "only finality `final` is known, not {other:?}"
        ))),
    }
}

/// The contract's bytes as an array of numbers.
fn success(id: &Value, view: &View, with_height: bool) -> Bytes {
    let mut text = String::with_capacity(view.result.len() * 4 + 256);
    text.push_str("{\"jsonrpc\":\"2.0\",\"result\":{\"result\":[");
    for (at, byte) in view.result.iter().enumerate() {
        if at > 0 {
            text.push(',');
        }
        text.push_str(&byte.to_string());
    }
    text.push_str("],\"logs\":[]");
    if with_height {
        text.push_str(&format!(",\"block_height\":{}", view.block_height));
    }
    let hash = format!("block-{}", view.block_height);
    text.push_str(&format!(",\"block_hash\":\"{hash}\"}},\"id\":{id}}}"));
    Bytes::from(text)
}

/// A failure of the contract, which is a successful answer of the protocol.
fn panicked(id: &Value, message: &str, height: u64) -> Bytes {
    let result = json!({
        "error": message,
        "logs": [],
        "block_height": height,
        "block_hash": format!("block-{height}"),
    });
    Bytes::from(json!({ "jsonrpc": "2.0", "result": result, "id": id }).to_string())
}

fn failure(id: &Value, name: &str, cause: &str, info: Value) -> Bytes {
    let error = json!({
        "name": name,
        "cause": { "name": cause, "info": info },
        "code": -32000,
        "message": "Server error",
        "data": cause,
    });
    Bytes::from(json!({ "jsonrpc": "2.0", "error": error, "id": id }).to_string())
}
