//! A real Redis that keeps its data through every crash, and whose every change
//! of a record is seen.
//!
//! After a start it is reached through a socket in a folder only. Once somebody
//! watches what it does, it opens its port to everybody else: nothing happens
//! unseen. What a killed server did and could tell nobody shows as a difference
//! when it is back.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use conformance::redis_server::Port;
use real_tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use real_tokio::net::UnixStream;
use real_tokio::task::JoinHandle;
use redis::{Client, Cmd, Connection, FromRedisValue, cmd};
use sim_node::server::now;
use sim_node::{IndexerKey, Time};
use simulator::history::Event;

use crate::process::{LONG, Process};
use crate::wait::until;

const STATE: &str = ":state";
const QUEUE: &str = ":block_stream";

/// What was seen so far.
#[derive(Debug, Default)]
struct Seen {
    events: Vec<(Time, Event)>,
    /// The records as they are.
    records: BTreeMap<String, Bytes>,
    /// What was last said to whoever watches.
    mark: Vec<u8>,
}

/// The server.
#[derive(Debug)]
pub struct Store {
    /// Its process.
    pub process: Process,
    port: Port,
    socket: PathBuf,
    seen: Arc<Mutex<Seen>>,
    watcher: Option<JoinHandle<()>>,
}

impl Store {
    /// A server that does not run yet and keeps its files in `folder`.
    pub fn new(folder: &Path) -> Store {
        let port = Port::reserve().expect("a port is free");
        let socket = folder.join("redis.sock");
        let process = Process::new("redis", find("redis-server"), folder)
            .with(["--bind", "127.0.0.1", "--port", "0", "--save", ""])
            // What is written survives the process; only a machine that fails
            // would need more, and pay for it with every command.
            .with(["--appendonly", "yes", "--appendfsync", "no"])
            .with(["--dir".as_ref(), folder.as_os_str()])
            .with(["--unixsocket".as_ref(), socket.as_os_str()]);
        Store {
            process,
            port,
            socket,
            seen: Arc::default(),
            watcher: None,
        }
    }

    /// Its URL for everybody else.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port.number())
    }

    /// Starts it with the data it had, and watches it.
    pub async fn start(&mut self) {
        self.process.start();
        let ready = until(LONG, async || self.ask::<String>(&cmd("PING")).ok()).await;
        assert!(ready.is_some(), "no answer:\n{}", self.process.tail());
        self.catch_up();
        let mut stream = UnixStream::connect(&self.socket).await.unwrap();
        stream.write_all(b"MONITOR\r\n").await.unwrap();
        let mut lines = BufReader::new(stream).lines();
        assert_eq!(lines.next_line().await.unwrap().as_deref(), Some("+OK"));
        let seen = Arc::clone(&self.seen);
        self.watcher = Some(real_tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                seen.lock().unwrap().line(&line);
            }
        }));
        let mut open = cmd("CONFIG");
        open.arg("SET").arg("port").arg(self.port.number());
        self.ask::<()>(&open).expect("the port is ours");
    }

    /// Kills it, and waits until everything it said is known.
    pub async fn kill(&mut self) {
        self.process.kill();
        if let Some(watcher) = self.watcher.take() {
            watcher.await.unwrap();
        }
    }

    /// Carries out a command.
    pub fn ask<T: FromRedisValue>(&self, command: &Cmd) -> redis::RedisResult<T> {
        let client = Client::open(format!("unix://{}", self.socket.display()))?;
        let mut connection: Connection = client.get_connection()?;
        command.query(&mut connection)
    }

    /// The record of an indexer, or nothing.
    pub fn record(&self, key: &IndexerKey) -> String {
        let record: Option<String> = self.ask(cmd("GET").arg(format!("{key}{STATE}"))).unwrap();
        record.unwrap_or_default()
    }

    /// Every key there is.
    pub fn keys(&self) -> Vec<String> {
        let mut keys: Vec<String> = self.ask(cmd("KEYS").arg("*")).unwrap();
        keys.sort();
        keys
    }

    /// Waits until everything that it has done by now is seen.
    pub async fn is_seen(&self) {
        let mark = now().0.to_string();
        self.ask::<()>(cmd("ECHO").arg(&mark)).expect("it runs");
        let seen = until(LONG, async || {
            let seen = self.seen.lock().unwrap();
            (seen.mark == mark.as_bytes()).then_some(())
        });
        assert!(seen.await.is_some(), "nobody watches");
    }

    /// Every change of a record so far, and every clearing of a queue.
    pub fn changes(&self) -> Vec<(Time, Event)> {
        let seen = self.seen.lock();
        seen.unwrap_or_else(PoisonError::into_inner).events.clone()
    }

    /// Notes the differences to what was seen last.
    fn catch_up(&self) {
        let mut seen = self.seen.lock().unwrap();
        let mut records = BTreeMap::new();
        for key in self.keys() {
            if key.ends_with(STATE) {
                let value: Vec<u8> = self.ask(cmd("GET").arg(&key)).unwrap();
                records.insert(key, Bytes::from(value));
            }
        }
        let at = now();
        for key in seen.records.keys().cloned().collect::<Vec<_>>() {
            if !records.contains_key(&key) {
                seen.write(at, &key, None);
            }
        }
        for (key, value) in records {
            if seen.records.get(&key) != Some(&value) {
                seen.write(at, &key, Some(value));
            }
        }
    }
}

impl Seen {
    /// Takes note of a line of MONITOR.
    fn line(&mut self, line: &str) {
        let Some((at, words)) = parse(line) else {
            panic!("no line of MONITOR: {line}");
        };
        let [command, arguments @ ..] = words.as_slice() else {
            return;
        };
        let key = |word: &[u8]| String::from_utf8_lossy(word).into_owned();
        match (command.to_ascii_uppercase().as_slice(), arguments) {
            (b"SET", [name, value, ..]) if name.ends_with(STATE.as_bytes()) => {
                self.write(at, &key(name), Some(Bytes::from(value.clone())));
            }
            (b"DEL" | b"UNLINK", names) => {
                for name in names.iter().map(|name| key(name)) {
                    if name.ends_with(STATE) {
                        self.write(at, &name, None);
                    } else if let Some(key) = indexer(&name, QUEUE) {
                        self.events.push((at, Event::DataCleared { key }));
                    }
                }
            }
            (b"ECHO", [mark]) => self.mark.clone_from(mark),
            _ => {}
        }
    }

    fn write(&mut self, at: Time, name: &str, after: Option<Bytes>) {
        let Some(key) = indexer(name, STATE) else {
            return;
        };
        let before = match &after {
            Some(value) => self.records.insert(name.to_owned(), value.clone()),
            None => self.records.remove(name),
        };
        if before != after {
            let written = Event::RecordWritten { key, before, after };
            self.events.push((at, written));
        }
    }
}

fn indexer(name: &str, suffix: &str) -> Option<IndexerKey> {
    name.strip_suffix(suffix).and_then(IndexerKey::parse)
}

/// Where a program of the system is; the tests' own programs get no search path.
fn find(program: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut places = std::env::split_paths(&path).map(|folder| folder.join(program));
    let found = places.find(|place| place.is_file());
    found.unwrap_or_else(|| panic!("there is no {program}: apt-get install {program}"))
}

/// `+SECONDS.MICROS [DATABASE CLIENT] "WORD" "WORD" ...`
fn parse(line: &str) -> Option<(Time, Vec<Vec<u8>>)> {
    let rest = line.strip_prefix('+')?;
    let (stamp, rest) = rest.split_once(" [")?;
    let (seconds, micros) = stamp.split_once('.')?;
    let seconds: u64 = seconds.parse().ok()?;
    let micros: u64 = micros.parse().ok()?;
    // A socket's path may hold a bracket, but no bracket before a quote.
    let (_, rest) = rest.split_once("] \"")?;
    Some((Time(seconds * 1_000_000 + micros), words(rest)?))
}

/// The words of a line from behind the first quote.
fn words(text: &str) -> Option<Vec<Vec<u8>>> {
    let mut words = vec![Vec::new()];
    let mut bytes = text.bytes();
    loop {
        let word = words.last_mut()?;
        match bytes.next()? {
            b'"' => match (bytes.next(), bytes.next()) {
                (None, _) => return Some(words),
                (Some(b' '), Some(b'"')) => words.push(Vec::new()),
                _ => return None,
            },
            b'\\' => word.push(match bytes.next()? {
                b'n' => b'\n',
                b'r' => b'\r',
                b't' => b'\t',
                b'a' => 7,
                b'b' => 8,
                b'x' => {
                    let digits = [bytes.next()?, bytes.next()?];
                    u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
                }
                other => other,
            }),
            other => word.push(other),
        }
    }
}

#[test]
fn lines_of_the_monitor_are_understood() {
    let line = r#"+12.000034 [0 unix:/a]b] "SET" "a.near/\xc3\xbc \"x\":state" "{\\n}""#;
    let expected = ["SET", "a.near/ü \"x\":state", "{\\n}"].map(|word| word.as_bytes().to_vec());
    assert_eq!(parse(line), Some((Time(12_000_034), expected.to_vec())));
    let inner = r#"+1.5 [0 lua] "DEL" "k""#;
    assert_eq!(parse(inner).unwrap().1, [b"DEL", b"k".as_slice()]);
    assert_eq!(parse("+1.5 [0 lua] \"DEL"), None);
}
