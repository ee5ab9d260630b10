//! A node that does as it is told, down to the bytes of the connection.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use coordinator::registry::{RegistryError, RegistryTransport, ViewAnswer};
use registry_near::{Endpoint, NearRegistry, Options};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Request {
    pub head: String,
    pub body: Value,
}

impl Request {
    /// The text of a header.
    pub fn header(&self, name: &str) -> Option<String> {
        self.head.lines().skip(1).find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found
                .eq_ignore_ascii_case(name)
                .then(|| value.trim().to_owned())
        })
    }
}

/// What the node does with a request.
pub enum Reply {
    /// Sends this and closes the connection.
    Bytes(Vec<u8>),
    /// Sends this, then one more byte every 20 ms for ever.
    Drip(Vec<u8>),
    /// Sends this over and over.
    Flood(Vec<u8>),
    /// Does this after a while.
    Late(Duration, Box<Reply>),
    /// Sends nothing and keeps the connection.
    Hang,
}

type Script = dyn Fn(&Request) -> Reply + Send + Sync;

/// A node on loopback; it ends with the runtime.
pub struct Node {
    pub address: SocketAddr,
    seen: Arc<Mutex<Vec<Request>>>,
}

impl Node {
    pub async fn start(script: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Node {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::<Mutex<Vec<Request>>>::default();
        let (script, log): (Arc<Script>, _) = (Arc::new(script), seen.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(attend(stream, script.clone(), log.clone()));
            }
        });
        Node { address, seen }
    }

    /// A node that always does this.
    pub async fn always(reply: impl Fn() -> Reply + Send + Sync + 'static) -> Node {
        Node::start(move |_| reply()).await
    }

    /// A node that answers with an empty listing as of `height`.
    pub async fn good(height: u64) -> Node {
        Node::start(move |request| answer(request, b"{}", height)).await
    }

    /// The same, but each answer comes only `after` a while.
    pub async fn slow(after: Duration, height: u64) -> Node {
        Node::start(move |request| Reply::Late(after, Box::new(answer(request, b"{}", height))))
            .await
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn seen(&self) -> Vec<Request> {
        self.seen.lock().unwrap().clone()
    }
}

/// Serves one connection, plain or encrypted.
pub async fn attend(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    script: Arc<Script>,
    seen: Arc<Mutex<Vec<Request>>>,
) {
    let Ok(request) = receive(&mut stream).await else {
        return;
    };
    seen.lock().unwrap().push(request.clone());
    // The client may leave at any time.
    let _left = send(&mut stream, script(&request)).await;
}

async fn receive(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Request> {
    let (mut text, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        let len = stream.read(&mut buffer).await?;
        if len == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        text.extend_from_slice(&buffer[..len]);
        let Some(end) = text.windows(4).position(|part| part == b"\r\n\r\n") else {
            continue;
        };
        let head = String::from_utf8_lossy(&text[..end]).into_owned();
        let body = text[end + 4..].to_vec();
        let request = Request {
            head,
            body: Value::Null,
        };
        let expected: usize = request
            .header("content-length")
            .map_or(0, |len| len.parse().unwrap());
        if body.len() == expected {
            let body = serde_json::from_slice(&body).unwrap();
            return Ok(Request { body, ..request });
        }
    }
}

async fn send(stream: &mut (impl AsyncWrite + Unpin), mut reply: Reply) -> io::Result<()> {
    while let Reply::Late(after, next) = reply {
        tokio::time::sleep(after).await;
        reply = *next;
    }
    match reply {
        Reply::Bytes(bytes) => stream.write_all(&bytes).await?,
        Reply::Drip(bytes) => {
            stream.write_all(&bytes).await?;
            loop {
                stream.write_all(b" ").await?;
                stream.flush().await?;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        Reply::Flood(bytes) => loop {
            stream.write_all(&bytes).await?;
        },
        Reply::Hang | Reply::Late(..) => std::future::pending().await,
    }
    stream.shutdown().await
}

/// A response with these further headers.
pub fn response(status: u16, headers: &[&str], body: &str) -> Reply {
    let mut text = format!(
        "HTTP/1.1 {status} X\r\nConnection: close\r\nContent-Length: {}\r\n",
        body.len()
    );
    for header in headers {
        text.push_str(&format!("{header}\r\n"));
    }
    Reply::Bytes(format!("{text}\r\n{body}").into_bytes())
}

/// A response with a JSON body.
pub fn json_response(status: u16, body: &Value) -> Reply {
    let kind = "Content-Type: application/json";
    response(status, &[kind], &body.to_string())
}

/// A successful answer to `request`.
pub fn answer(request: &Request, result: &[u8], height: u64) -> Reply {
    json_response(200, &answer_json(request, result, height))
}

pub fn answer_json(request: &Request, result: &[u8], height: u64) -> Value {
    json!({
        "jsonrpc": "2.0", "id": request.body["id"],
        "result": { "result": result, "logs": [], "block_height": height, "block_hash": "h" },
    })
}

/// Patient enough for a busy machine, except with what never ends.
pub fn options(urls: &[String]) -> Options {
    let endpoints = Endpoint::parse_list(&urls.join(",")).unwrap();
    Options {
        timeout: Duration::from_secs(30),
        attempt_timeout: Duration::from_secs(15),
        ..Options::new(endpoints, "registry.near".parse().unwrap())
    }
}

pub fn registry(nodes: &[&Node]) -> NearRegistry {
    let urls: Vec<String> = nodes.iter().map(|node| node.url()).collect();
    NearRegistry::new(options(&urls)).unwrap()
}

pub async fn list(registry: &NearRegistry) -> Result<ViewAnswer, RegistryError> {
    registry.view("list_all", b"{}").await
}

/// Asks about one indexer.
pub async fn read(registry: &NearRegistry) -> Result<ViewAnswer, RegistryError> {
    let arguments = br#"{"account_id":"a.near","function_name":"f"}"#;
    registry.view("read_indexer_function", arguments).await
}

/// The words of an answer that was not there.
pub async fn unavailable(registry: &NearRegistry) -> String {
    match list(registry).await {
        Err(RegistryError::Unavailable(text)) => text,
        other => panic!("{other:?}"),
    }
}
