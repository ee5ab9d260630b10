//! The network between the coordinator and one process: a TCP proxy that can
//! refuse, swallow and break.

use std::net::SocketAddr;
use std::sync::Arc;

use real_tokio as tokio;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{Mutex, watch};
use tokio::task::JoinHandle;

/// So many held bytes are a request: what HTTP/2 says besides is shorter.
const REQUEST_LEN: usize = 64;
/// The most bytes held per connection.
const KEPT_MAX: usize = 16 << 20;

/// What the network does.
#[derive(Clone, Copy, Debug, Default)]
pub struct Mode {
    /// Where the process listens; `None` refuses connections.
    pub upstream: Option<SocketAddr>,
    /// Bytes to the process are not passed on.
    pub hold_there: bool,
    /// Bytes from the process are not passed on.
    pub hold_back: bool,
    /// Whoever connects hears this and nothing else.
    pub greeting: Option<&'static [u8]>,
    /// Connections of earlier generations are broken.
    pub generation: u64,
}

/// The proxy. Its address stays the same, whatever becomes of the process.
pub struct Proxy {
    address: SocketAddr,
    mode: Arc<watch::Sender<Mode>>,
    door: Mutex<Door>,
    /// Connections on which a request is held, counted over all time.
    pub held: Arc<watch::Sender<usize>>,
}

/// The address, listened at or kept for later.
enum Door {
    Open(JoinHandle<()>),
    Shut(#[expect(dead_code, reason = "it keeps the address from others")] TcpSocket),
}

impl Drop for Proxy {
    fn drop(&mut self) {
        if let Door::Open(task) = self.door.get_mut() {
            task.abort();
        }
        self.sever();
    }
}

fn bound(address: SocketAddr) -> TcpSocket {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_reuseaddr(true).unwrap();
    socket.bind(address).unwrap();
    socket
}

impl Proxy {
    /// A proxy that refuses until it is told where the process is.
    pub fn new() -> Proxy {
        let socket = bound(SocketAddr::from(([127, 0, 0, 1], 0)));
        Proxy {
            address: socket.local_addr().unwrap(),
            mode: Arc::new(watch::Sender::new(Mode::default())),
            door: Mutex::new(Door::Shut(socket)),
            held: Arc::new(watch::Sender::new(0)),
        }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Breaks every connection.
    pub fn sever(&self) {
        self.mode.send_modify(|mode| mode.generation += 1);
    }

    /// Changes what the network does with connections, old and new.
    pub fn set(&self, change: impl FnOnce(&mut Mode)) {
        self.mode.send_modify(change);
    }

    /// Refuses connections, and breaks those there are.
    pub async fn shut(&self) {
        let mut door = self.door.lock().await;
        if let Door::Open(task) = &mut *door {
            task.abort();
            let _ = task.await;
            *door = Door::Shut(bound(self.address));
        }
        self.sever();
    }

    /// Accepts connections.
    pub async fn open(&self) {
        let mut door = self.door.lock().await;
        if let Door::Open(_) = &*door {
            return;
        }
        // The kept socket makes way for one that listens.
        let free = Door::Open(tokio::spawn(async {}));
        drop(std::mem::replace(&mut *door, free));
        let listener = bound(self.address).listen(1_024).unwrap();
        let (mode, held) = (Arc::clone(&self.mode), Arc::clone(&self.held));
        *door = Door::Open(tokio::spawn(accept(listener, mode, held)));
    }
}

async fn accept(
    listener: TcpListener,
    mode: Arc<watch::Sender<Mode>>,
    held: Arc<watch::Sender<usize>>,
) {
    loop {
        let (client, _) = listener.accept().await.unwrap();
        tokio::spawn(connection(client, mode.subscribe(), Arc::clone(&held)));
    }
}

async fn connection(
    mut client: TcpStream,
    mode: watch::Receiver<Mode>,
    held: Arc<watch::Sender<usize>>,
) {
    let now = *mode.borrow();
    if let Some(greeting) = now.greeting {
        let _ = client.write_all(greeting).await;
        let _ = client.shutdown().await;
        let mut rest = [0; 1_024];
        while matches!(client.read(&mut rest).await, Ok(1..)) {}
        return;
    }
    let Some(upstream) = now.upstream else { return };
    let Ok(server) = TcpStream::connect(upstream).await else {
        return;
    };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let answers = watch::Sender::new(0);
    let generation = now.generation;
    let is_held_there = |mode: &Mode| mode.hold_there;
    let is_held_back = |mode: &Mode| mode.hold_back;
    let there = mode.clone();
    let there = pump(
        from_client,
        to_server,
        there,
        generation,
        is_held_there,
        &held,
    );
    let back = pump(
        from_server,
        to_client,
        mode,
        generation,
        is_held_back,
        &answers,
    );
    tokio::select! {
        biased;
        () = there => {}
        () = back => {}
    }
}

/// Passes bytes on, or keeps them, until the connection ends or is broken.
async fn pump(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut mode: watch::Receiver<Mode>,
    generation: u64,
    holds: impl Fn(&Mode) -> bool,
    held: &watch::Sender<usize>,
) {
    let mut buffer = vec![0; 64 << 10];
    let mut kept = Vec::new();
    loop {
        let now = *mode.borrow_and_update();
        if now.generation != generation {
            return;
        }
        let holding = holds(&now);
        if !holding && !kept.is_empty() {
            if to.write_all(&kept).await.is_err() {
                return;
            }
            kept.clear();
        }
        let len = tokio::select! {
            biased;
            _ = mode.changed() => continue,
            read = from.read(&mut buffer) => match read {
                Ok(0) | Err(_) => return,
                Ok(len) => len,
            },
        };
        if holding {
            let before = kept.len();
            kept.extend_from_slice(&buffer[..len]);
            assert!(kept.len() < KEPT_MAX, "more is held than a test may send");
            if before < REQUEST_LEN && kept.len() >= REQUEST_LEN {
                held.send_modify(|count| *count += 1);
            }
        } else if to.write_all(&buffer[..len]).await.is_err() {
            return;
        }
    }
}
