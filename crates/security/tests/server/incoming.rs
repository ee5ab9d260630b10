//! Connections: what gets in, what does not, and that nobody waits for others.

use std::sync::Arc;
use std::time::Duration;

use security::{Connection, Incoming, Protocols, ServerLimits, ServerTls};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_stream::StreamExt;

use crate::pki::{Authority, Folder, client, connect, shown};

/// Longer than anything here takes.
const LONG: Duration = Duration::from_secs(20);
const LOOPBACK: &str = "127.0.0.1:0";

fn listen(tls: Option<Arc<ServerTls>>, limits: &ServerLimits) -> Incoming {
    Incoming::bind(LOOPBACK.parse().unwrap(), tls, limits).unwrap()
}

async fn next(incoming: &mut Incoming) -> Connection {
    timeout(LONG, incoming.next())
        .await
        .unwrap()
        .unwrap()
        .unwrap()
}

/// Waits until the other end closes; it sends nothing before.
async fn closed(mut stream: TcpStream) {
    let mut byte = [0];
    // A reset is an end as well.
    let read = timeout(LONG, stream.read(&mut byte)).await.unwrap();
    assert!(matches!(read, Ok(0) | Err(_)), "{read:?}");
}

async fn assert_talk(
    mut server: impl AsyncReadExt + AsyncWriteExt + Unpin,
    mut client: impl AsyncReadExt + AsyncWriteExt + Unpin,
) {
    let mut word = [0; 4];
    client.write_all(b"ping").await.unwrap();
    client.flush().await.unwrap();
    server.read_exact(&mut word).await.unwrap();
    assert_eq!(&word, b"ping");
    server.write_all(b"pong").await.unwrap();
    server.flush().await.unwrap();
    client.read_exact(&mut word).await.unwrap();
    assert_eq!(&word, b"pong");
}

#[tokio::test]
async fn plain_connections_know_their_peer() {
    let mut incoming = listen(None, &ServerLimits::default());
    assert!(!incoming.is_encrypted());
    let client = TcpStream::connect(incoming.address()).await.unwrap();
    let server = next(&mut incoming).await;
    assert_eq!(server.peer().remote, client.local_addr().unwrap());
    assert!(!server.peer().encrypted && server.peer().certificate.is_none());
    assert_talk(server, client).await;
}

#[tokio::test]
async fn encrypted_connections_talk() {
    let authority = Authority::new("ca");
    let folder = Folder::new(&authority.server(), None);
    let mut incoming = listen(Some(folder.load(None)), &ServerLimits::default());
    let address = incoming.address();
    let config = Arc::new(client(&authority, None, &["h2"]));
    let (client, server) = tokio::join!(connect(address, &config), next(&mut incoming));
    let client = client.unwrap();
    assert_eq!(client.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    assert!(server.peer().encrypted && server.peer().certificate.is_none());
    assert_talk(server, client).await;
}

#[tokio::test]
async fn silent_and_senseless_peers_keep_nobody_waiting() {
    let authority = Authority::new("ca");
    let folder = Folder::new(&authority.server(), None);
    let limits = ServerLimits {
        handshake_time: Duration::from_millis(300),
        ..ServerLimits::default()
    };
    let mut incoming = listen(Some(folder.load(None)), &limits);
    let address = incoming.address();
    let silent = TcpStream::connect(address).await.unwrap();
    let mut senseless = TcpStream::connect(address).await.unwrap();
    senseless
        .write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        .await
        .unwrap();
    let gone = TcpStream::connect(address).await.unwrap();
    drop(gone);

    let config = Arc::new(client(&authority, None, &["h2"]));
    let (client, server) = tokio::join!(connect(address, &config), next(&mut incoming));
    assert_talk(server, client.unwrap()).await;

    // Nobody else ever gets in, and the silent one is not kept.
    tokio::select! {
        biased;
        connection = incoming.next() => panic!("{connection:?}"),
        () = closed(silent) => {}
    }
    let mut answer = Vec::new();
    let _ = timeout(LONG, senseless.read_to_end(&mut answer))
        .await
        .unwrap();
}

#[tokio::test]
async fn the_oldest_handshake_gives_way() {
    let authority = Authority::new("ca");
    let folder = Folder::new(&authority.server(), None);
    let limits = ServerLimits {
        handshakes: 2,
        handshake_time: Duration::from_secs(3600),
        ..ServerLimits::default()
    };
    let mut incoming = listen(Some(folder.load(None)), &limits);
    let address = incoming.address();
    let first = TcpStream::connect(address).await.unwrap();
    let _second = TcpStream::connect(address).await.unwrap();
    let third = TcpStream::connect(address).await.unwrap();
    tokio::select! {
        biased;
        connection = incoming.next() => panic!("{connection:?}"),
        () = closed(first) => {}
    }
    let config = Arc::new(client(&authority, None, &["h2"]));
    let (client, server) = tokio::join!(connect(address, &config), next(&mut incoming));
    assert_talk(server, client.unwrap()).await;
    drop(incoming);
    closed(third).await;
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn who_connects_and_says_too_little_is_let_go() {
    let limits = ServerLimits {
        handshake_time: Duration::from_millis(50),
        ..ServerLimits::default()
    };
    for words in [&b""[..], b"PRI * HTTP/2.0"] {
        let mut incoming = listen(None, &limits);
        let mut client = TcpStream::connect(incoming.address()).await.unwrap();
        let mut server = next(&mut incoming).await;
        client.write_all(words).await.unwrap();
        let mut heard = Vec::new();
        let read = timeout(LONG, server.read_to_end(&mut heard)).await.unwrap();
        assert_eq!(read.unwrap_err().kind(), std::io::ErrorKind::TimedOut);
        assert_eq!(heard, words);
    }
    // Who has begun to speak HTTP/2 may be silent: pings find out who is gone.
    let mut incoming = listen(None, &limits);
    let mut client = TcpStream::connect(incoming.address()).await.unwrap();
    let mut server = next(&mut incoming).await;
    client.write_all(&[7; 33]).await.unwrap();
    let mut heard = [0; 33];
    server.read_exact(&mut heard).await.unwrap();
    let more = timeout(Duration::from_millis(200), server.read(&mut heard)).await;
    assert!(more.is_err(), "{more:?}");
}

/// Begins a request.
async fn ask(client: &mut TcpStream, server: &mut Connection) {
    let mut words = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    let empty = |kind: u8| [0, 0, 0, kind, 0, 0, 0, 0, 0];
    words.extend(empty(4));
    words.extend(empty(1));
    client.write_all(&words).await.unwrap();
    let mut heard = vec![0; words.len()];
    server.read_exact(&mut heard).await.unwrap();
    assert_eq!(heard, words);
}

#[tokio::test]
async fn who_was_let_through_to_nothing_gives_way_to_a_new_connection() {
    let limits = ServerLimits {
        connections_per_peer: 3,
        handshake_time: Duration::from_secs(3600),
        ..ServerLimits::default()
    };
    let mut incoming = listen(None, &limits);
    let address = incoming.address();
    let mut used = TcpStream::connect(address).await.unwrap();
    let mut used_server = next(&mut incoming).await;
    ask(&mut used, &mut used_server).await;
    used_server.peer().place.keep();
    // What it asked for is open to all, and goes on for ever.
    let mut asking = TcpStream::connect(address).await.unwrap();
    let mut asking_server = next(&mut incoming).await;
    ask(&mut asking, &mut asking_server).await;
    let _silent = TcpStream::connect(address).await.unwrap();
    let mut silent_server = next(&mut incoming).await;

    for older in [&mut asking_server, &mut silent_server] {
        let mut client = TcpStream::connect(address).await.unwrap();
        let mut server = next(&mut incoming).await;
        let mut byte = [0];
        let read = timeout(LONG, older.read(&mut byte)).await.unwrap();
        let kind = read.unwrap_err().kind();
        assert_eq!(kind, std::io::ErrorKind::ConnectionAborted);
        // Also if it is busy with writing.
        let written = older.write(&byte).await.unwrap_err().kind();
        assert_eq!(written, std::io::ErrorKind::ConnectionAborted);
        server.peer().place.keep();
        assert_talk(&mut server, &mut client).await;
        // They stay for the rest of the test.
        std::mem::forget((client, server));
    }
    let beyond = TcpStream::connect(address).await.unwrap();
    tokio::select! {
        biased;
        connection = incoming.next() => panic!("{connection:?}"),
        () = closed(beyond) => {}
    }
    assert_talk(used_server, used).await;
}

#[tokio::test]
async fn connections_are_bounded_and_those_that_end_make_room() {
    let limits = ServerLimits {
        connections: 3,
        connections_per_peer: 2,
        ..ServerLimits::default()
    };
    let mut incoming = listen(None, &limits);
    let address = incoming.address();
    let mut client = TcpStream::connect(address).await.unwrap();
    let mut server = next(&mut incoming).await;
    ask(&mut client, &mut server).await;
    server.peer().place.keep();
    let mut second_client = TcpStream::connect(address).await.unwrap();
    let mut second = next(&mut incoming).await;
    ask(&mut second_client, &mut second).await;
    second.peer().place.keep();
    let beyond = TcpStream::connect(address).await.unwrap();
    tokio::select! {
        biased;
        connection = incoming.next() => panic!("{connection:?}"),
        () = closed(beyond) => {}
    }
    assert_talk(server, client).await;
    drop(second);
    let client = TcpStream::connect(address).await.unwrap();
    let server = next(&mut incoming).await;
    assert_talk(server, client).await;
}

#[tokio::test]
async fn client_certificates_are_verified_and_read() {
    let (authority, stranger) = (Authority::new("ca"), Authority::new("other"));
    let folder = Folder::new(&authority.server(), Some(&authority.pem));
    for required in [false, true] {
        let mut incoming = listen(Some(folder.load(Some(required))), &ServerLimits::default());
        let address = incoming.address();
        let alice = Arc::new(client(
            &authority,
            Some(&authority.client("alice")),
            &["h2"],
        ));
        let (_client, server) = tokio::join!(connect(address, &alice), next(&mut incoming));
        let certificate = server.peer().certificate.clone().unwrap();
        assert_eq!(certificate.common_name.as_deref(), Some("alice"));
        assert_eq!(certificate.uris, ["spiffe://test/alice"]);

        let forged = Some(stranger.client("alice"));
        let expired = Some(authority.client_until("alice", 2001));
        let mut refused = vec![forged, expired];
        let nobody = Arc::new(client(&authority, None, &["h2"]));
        if required {
            refused.push(None);
        } else {
            let (_client, server) = tokio::join!(connect(address, &nobody), next(&mut incoming));
            assert_eq!(server.peer().certificate, None);
        }
        for identity in refused {
            let config = Arc::new(client(&authority, identity.as_ref(), &["h2"]));
            let attempt = async {
                let Ok(mut stream) = connect(address, &config).await else {
                    return;
                };
                let mut byte = [0];
                let read = timeout(LONG, stream.read(&mut byte)).await.unwrap();
                assert!(read.is_err(), "{read:?}");
            };
            tokio::select! {
                biased;
                connection = incoming.next() => panic!("{connection:?}"),
                () = attempt => {}
            }
        }
    }
}

#[tokio::test]
async fn the_protocol_is_agreed_upon() {
    let authority = Authority::new("ca");
    let folder = Folder::new(&authority.server(), None);
    let config = Arc::new(client(&authority, None, &["http/1.1"]));
    for (protocols, agreed) in [(Protocols::Http2, false), (Protocols::Http2AndHttp1, true)] {
        let tls = Arc::new(ServerTls::load(folder.files(None), protocols).unwrap());
        let mut incoming = listen(Some(tls), &ServerLimits::default());
        let address = incoming.address();
        tokio::select! {
            biased;
            connected = connect(address, &config) => {
                assert_eq!(connected.is_ok(), agreed, "{protocols:?}");
            }
            connection = incoming.next() => {
                assert!(agreed, "{connection:?}");
            }
        }
    }
}

#[tokio::test]
async fn new_connections_use_new_files_and_old_ones_stay() {
    let authority = Authority::new("ca");
    let folder = Folder::new(&authority.server(), None);
    let tls = folder.load(None);
    let mut incoming = listen(Some(Arc::clone(&tls)), &ServerLimits::default());
    let address = incoming.address();
    let config = Arc::new(client(&authority, None, &["h2"]));
    let (old, old_server) = tokio::join!(connect(address, &config), next(&mut incoming));
    let old = old.unwrap();
    let server = authority.server();
    folder.put(&server);
    security::Watched::reload(&*tls);
    let (new, _new_server) = tokio::join!(connect(address, &config), next(&mut incoming));
    let new = new.unwrap();
    assert_eq!(shown(&new), crate::pki::der(&server));
    assert_ne!(shown(&old), shown(&new));
    assert_talk(old_server, old).await;
}

#[tokio::test]
async fn a_withdrawn_authority_counts_for_resumed_sessions_too() {
    let (authority, successor) = (Authority::new("ca"), Authority::new("next"));
    let folder = Folder::new(&authority.server(), Some(&authority.pem));
    let tls = folder.load(Some(true));
    let mut incoming = listen(Some(Arc::clone(&tls)), &ServerLimits::default());
    let address = incoming.address();
    // One configuration keeps the tickets of its sessions.
    let config = Arc::new(client(
        &authority,
        Some(&authority.client("alice")),
        &["h2"],
    ));
    for _ in 0..2 {
        let (stream, server) = tokio::join!(connect(address, &config), next(&mut incoming));
        assert_talk(server, stream.unwrap()).await;
    }
    folder.write("clients.pem", &successor.pem);
    security::Watched::reload(&*tls);
    let attempt = async {
        let mut stream = connect(address, &config).await?;
        let mut byte = [0];
        stream.read_exact(&mut byte).await
    };
    tokio::select! {
        biased;
        connection = incoming.next() => panic!("{connection:?}"),
        read = attempt => assert!(read.is_err()),
    }
}
