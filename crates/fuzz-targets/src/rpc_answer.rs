//! The body of an RPC node's answer.

use std::io;

use coordinator::registry::{RegistryError, RegistryTransport, ViewAnswer};
use registry_near::{Endpoint, NearRegistry, Options};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::runtime::Builder;

use crate::{Verdict, laws};

/// The id of the first question, which an answer has to repeat.
const FIRST_ID: &str = "c-1";

/// Answers a view call with these bytes. What is taken for the contract's answer
/// are its very bytes and height, by the reckoning of another reader too; what
/// is said of all else is fit for a log.
pub fn rpc_answer(bytes: &[u8]) -> Verdict {
    let Ok(runtime) = Builder::new_current_thread().enable_all().build() else {
        panic!("this machine has no room for a runtime");
    };
    match runtime.block_on(asked(bytes)) {
        Ok(Ok(answer)) => {
            says_what_it_said(bytes, &answer);
            Verdict::Read
        }
        Ok(Err(error)) => {
            laws::told(&error.to_string());
            Verdict::Refused
        }
        Err(error) => panic!("no node can be run on this machine: {error}"),
    }
}

async fn asked(bytes: &[u8]) -> io::Result<Result<ViewAnswer, RegistryError>> {
    let node = TcpListener::bind(("127.0.0.1", 0)).await?;
    let url = format!("http://{}", node.local_addr()?);
    let endpoint = Endpoint::parse(&url).map_err(io::Error::other)?;
    let contract = "registry.near".parse().map_err(io::Error::other)?;
    let options = Options::new(vec![endpoint], contract);
    let registry = NearRegistry::new(options).map_err(io::Error::other)?;
    tokio::select! {
        biased;
        answer = registry.view("list_all", b"{}") => Ok(answer),
        served = serve(&node, bytes) => served.and(Err(io::Error::other("nobody asked"))),
    }
}

/// Answers every request with `bytes`.
async fn serve(node: &TcpListener, bytes: &[u8]) -> io::Result<()> {
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
         connection: close\r\n\r\n",
        bytes.len()
    );
    loop {
        let (mut caller, _) = node.accept().await?;
        let mut request = [0; 4096];
        // A question is short: it comes in one piece, and what it says is known.
        let _length = caller.read(&mut request).await?;
        caller.write_all(head.as_bytes()).await?;
        caller.write_all(bytes).await?;
        caller.flush().await?;
    }
}

fn says_what_it_said(bytes: &[u8], answer: &ViewAnswer) {
    // Numbers beyond any range may stand in what is not looked at.
    let Ok(body) = serde_json::from_slice::<Value>(bytes) else {
        return;
    };
    let field = |names: &[&str]| {
        let first = Some(&body);
        names.iter().fold(first, |value, name| value?.get(*name))
    };
    assert_eq!(field(&["id"]).and_then(Value::as_str), Some(FIRST_ID));
    let height = field(&["result", "block_height"]).and_then(Value::as_u64);
    assert_eq!(height, Some(answer.block_height), "another height");
    let octets = field(&["result", "result"]).and_then(Value::as_array);
    let octets: Option<Vec<u64>> =
        octets.map(|octets| octets.iter().filter_map(Value::as_u64).collect());
    let read: Vec<u64> = answer
        .result
        .iter()
        .map(|octet| u64::from(*octet))
        .collect();
    assert_eq!(octets, Some(read), "other bytes");
    for error in [&["error"][..], &["result", "error"][..]] {
        let error = field(error).filter(|error| !error.is_null());
        assert_eq!(error, None, "an error passes for an answer");
    }
}
