//! One test for each way in which a node's answer is none.

use std::time::Duration;

use coordinator::registry::RegistryError;
use registry_near::NearRegistry;
use serde_json::json;

use crate::node::{
    Node, Reply, answer, answer_json, json_response, list, options, registry, response, unavailable,
};

const JSON: &str = "Content-Type: application/json";

async fn text_after(reply: impl Fn() -> Reply + Send + Sync + 'static) -> String {
    let node = Node::always(reply).await;
    let text = unavailable(&registry(&[&node])).await;
    assert!(text.contains(&node.url()), "{text}");
    text
}

/// A registry with one node that is given up after a moment.
fn hasty(node: &Node) -> NearRegistry {
    let mut options = options(&[node.url()]);
    options.timeout = Duration::from_millis(300);
    NearRegistry::new(options).unwrap()
}

async fn too_large(registry: &NearRegistry) -> String {
    match list(registry).await {
        Err(RegistryError::TooLarge(text)) => text,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_node_that_is_not_there() {
    let node = Node::good(1).await;
    let gone = format!("http://127.0.0.1:{}", {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        listener.local_addr().unwrap().port()
    });
    let text = unavailable(&NearRegistry::new(options(std::slice::from_ref(&gone))).unwrap()).await;
    assert!(text.contains(&gone) && text.contains("refused"), "{text}");
    assert!(node.seen().is_empty());
}

#[tokio::test]
async fn a_server_error() {
    for status in [500, 502, 503, 418] {
        let text =
            text_after(move || response(status, &["Content-Type: text/html"], "<html>")).await;
        assert!(text.contains(&format!("HTTP {status}")), "{text}");
    }
}

#[tokio::test]
async fn a_page_of_html() {
    let text = text_after(|| response(200, &["Content-Type: text/html"], "<html>")).await;
    assert!(text.contains("text/html"), "{text}");
}

#[tokio::test]
async fn a_content_type_of_no_text() {
    let text = text_after(|| response(200, &["Content-Type: \u{1b}[31m"], "{}")).await;
    assert!(!text.contains('\u{1b}'), "{text:?}");
}

#[tokio::test]
async fn json_that_is_cut_off_but_complete_as_a_body() {
    let text = text_after(|| response(200, &[JSON], r#"{"result":{"result":[12"#)).await;
    assert!(text.contains("no JSON-RPC"), "{text}");
}

#[tokio::test]
async fn a_connection_that_breaks_in_the_body() {
    let node = Node::start(|request| {
        let body = answer_json(request, &[b' '; 5000], 7).to_string();
        let head = format!(
            "HTTP/1.1 200 OK\r\n{JSON}\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        Reply::Bytes(format!("{head}{}", &body[..body.len() / 2]).into_bytes())
    })
    .await;
    let text = unavailable(&registry(&[&node])).await;
    assert!(text.contains("broke off after"), "{text}");
}

#[tokio::test]
async fn a_connection_that_breaks_in_the_head() {
    for bytes in ["", "HTTP/1.1 20", "SSH-2.0-OpenSSH\r\n"] {
        text_after(move || Reply::Bytes(bytes.as_bytes().to_vec())).await;
    }
}

#[tokio::test]
async fn a_body_that_comes_byte_by_byte_for_ever() {
    let head = format!("HTTP/1.1 200 OK\r\n{JSON}\r\nContent-Length: 999999\r\n\r\n{{");
    let node = Node::always(move || Reply::Drip(head.clone().into_bytes())).await;
    let text = unavailable(&hasty(&node)).await;
    assert!(text.contains("no whole answer in "), "{text}");
}

#[tokio::test]
async fn a_node_that_says_nothing() {
    let node = Node::always(|| Reply::Hang).await;
    let text = unavailable(&hasty(&node)).await;
    assert!(text.contains("no whole answer"), "{text}");
}

#[tokio::test]
async fn a_body_announced_as_too_large_is_not_read() {
    let node = Node::always(|| {
        let head = format!("HTTP/1.1 200 OK\r\n{JSON}\r\nContent-Length: 900000000\r\n\r\n");
        Reply::Drip(head.into_bytes())
    })
    .await;
    let text = too_large(&registry(&[&node])).await;
    assert!(text.contains("larger than"), "{text}");
}

#[tokio::test]
async fn a_body_that_grows_without_end_is_left() {
    let node = Node::always(|| {
        let head = format!("HTTP/1.1 200 OK\r\n{JSON}\r\n\r\n");
        // Without a length the body lasts until the connection ends.
        let mut bytes = head.into_bytes();
        bytes.extend_from_slice(&[b' '; 64 << 10]);
        Reply::Flood(bytes)
    })
    .await;
    let mut options = options(&[node.url()]);
    options.wire_len_max = 1 << 20;
    let text = unavailable(&NearRegistry::new(options).unwrap()).await;
    assert!(text.contains("answer"), "{text}");
}

#[tokio::test]
async fn white_space_without_end_is_left_at_the_limit() {
    let node = Node::always(|| {
        let head = format!("HTTP/1.1 200 OK\r\n{JSON}\r\n\r\n{}", " ".repeat(3 << 20));
        Reply::Bytes(head.into_bytes())
    })
    .await;
    let mut options = options(&[node.url()]);
    options.wire_len_max = 1 << 20;
    let text = too_large(&NearRegistry::new(options).unwrap()).await;
    assert!(text.contains("larger than 1048576 bytes"), "{text}");
}

/// Nobody is asked in vain: another node may answer with less.
#[tokio::test]
async fn who_says_too_much_is_left_for_another_and_told_apart_from_who_is_away() {
    let flood = || {
        Node::always(|| {
            let head = format!("HTTP/1.1 200 OK\r\n{JSON}\r\nContent-Length: 900000000\r\n\r\n");
            Reply::Drip(head.into_bytes())
        })
    };
    let (large, good) = (flood().await, Node::good(7).await);
    let both = registry(&[&large, &good]);
    assert_eq!(list(&both).await.unwrap().block_height, 7);
    let away = Node::always(|| response(503, &[], "")).await;
    let text = too_large(&registry(&[&large, &away])).await;
    assert!(
        text.contains("larger than") && text.contains("503"),
        "{text}"
    );
}

#[tokio::test]
async fn a_refusal_that_is_too_large_is_no_answer_at_all() {
    let text = text_after(|| response(500, &[JSON], &" ".repeat(1 << 20))).await;
    assert!(text.contains("HTTP 500"), "{text}");
}

#[tokio::test]
async fn a_compressed_body() {
    let text = text_after(|| response(200, &[JSON, "Content-Encoding: gzip"], "\u{1f}")).await;
    assert!(text.contains("compressed"), "{text}");
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let other = Node::good(1).await;
    let location = format!("Location: {}/x?apiKey=SECRET", other.url());
    for status in [301, 302, 307, 308] {
        let location = location.clone();
        let text = text_after(move || response(status, &[&location], "")).await;
        assert!(text.contains(&other.url()), "{text}");
        assert!(!text.contains("SECRET"), "{text}");
    }
    assert!(other.seen().is_empty());
}

#[tokio::test]
async fn a_refused_caller() {
    for status in [401, 403] {
        let text = text_after(move || response(status, &[], "no")).await;
        assert!(text.contains("check the API key"), "{text}");
    }
}

#[tokio::test]
async fn an_answer_without_a_height() {
    let node = Node::start(|request| {
        let mut body = answer_json(request, b"{}", 7);
        body["result"]
            .as_object_mut()
            .unwrap()
            .remove("block_height");
        json_response(200, &body)
    })
    .await;
    let text = unavailable(&registry(&[&node])).await;
    assert!(text.contains("block_height"), "{text}");
}

#[tokio::test]
async fn an_answer_to_another_question() {
    let node = Node::start(|request| {
        let mut body = answer_json(request, b"{}", 7);
        body["id"] = json!("somebody else's");
        json_response(200, &body)
    })
    .await;
    let text = unavailable(&registry(&[&node])).await;
    assert!(text.contains("another question"), "{text}");
}

#[tokio::test]
async fn the_contracts_failures_are_the_contracts() {
    for (error, part) in [
        ("HostError(GasLimitExceeded)", "max_gas_burnt_view"),
        ("MethodResolveError(MethodNotFound)", "REGISTRY_CONTRACT_ID"),
        ("HostError(GuestPanic { panic_msg: \"x\" })", "GuestPanic"),
    ] {
        let said = format!("wasm execution failed with error: {error}");
        let node = Node::start(move |request| {
            let result = json!({ "error": said, "logs": [], "block_height": 7 });
            json_response(200, &json!({ "result": result, "id": request.body["id"] }))
        })
        .await;
        match list(&registry(&[&node])).await {
            Err(RegistryError::Contract(text)) => assert!(text.contains(part), "{text}"),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn errors_of_the_protocol_under_any_status() {
    for status in [200, 400, 422, 500] {
        let body = json!({ "error": { "cause": { "name": "UNKNOWN_BLOCK" } }, "id": null });
        let text = text_after(move || json_response(status, &body)).await;
        assert!(text.contains("UNKNOWN_BLOCK"), "{text}");

        let cause = json!({ "name": "CONTRACT_EXECUTION_ERROR", "info": { "vm_error": "x" } });
        let body = json!({ "error": { "cause": cause } });
        let node = Node::always(move || json_response(status, &body)).await;
        let error = list(&registry(&[&node])).await.unwrap_err();
        assert!(matches!(error, RegistryError::Contract(_)), "{error}");
    }
}

#[tokio::test]
async fn a_large_answer_is_read_whole() {
    let text = vec![b'x'; 3 << 20];
    let expected = text.clone();
    let node = Node::start(move |request| answer(request, &text, 9)).await;
    let answer = list(&registry(&[&node])).await.unwrap();
    assert_eq!(answer.block_height, 9);
    assert!(answer.result == expected);
}
