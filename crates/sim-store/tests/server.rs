//! The server through an ordinary client of Redis.
#![expect(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use bytes::Bytes;
use proptest::prelude::*;
use real_tokio::net::TcpListener;
use real_tokio::runtime::{Builder, Runtime};
use real_tokio::sync::oneshot;
use real_tokio::task::JoinHandle;
use redis::{Client, Connection, FromRedisValue, RedisError as ClientError, cmd};
use sim_node::server::RemoteRedis;
use sim_node::{EntryId, Redis, RedisError, Time};
use sim_store::conformance::{ControlCommands, run_all};
use sim_store::server::{SharedModel, load, save, serve};
use sim_store::{Cas, Config, RedisModel};

const NOW: Time = Time::SIMULATION_START;

const SCRIPT: &str = "redis.call('GET') redis.call('SET') redis.call('DEL')";

/// A server on a port of its own; ends when dropped.
struct Server {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    task: Option<JoinHandle<()>>,
    runtime: Runtime,
}

impl Server {
    fn start() -> Server {
        Server::with(|_| {})
    }

    /// One in a condition that `prepare` brings about.
    fn with(prepare: fn(&mut RedisModel)) -> Server {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let mut model = RedisModel::new(Config::default());
        prepare(&mut model);
        let model = SharedModel::new(model);
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let task = runtime.spawn(async move {
            let told = async {
                let _or_dropped = stopped.await;
            };
            serve(listener, model, told).await;
        });
        Server {
            address,
            stop: Some(stop),
            task: Some(task),
            runtime,
        }
    }

    fn url(&self) -> String {
        format!("redis://{}", self.address)
    }

    fn client(&self) -> Connection {
        Client::open(self.url()).unwrap().get_connection().unwrap()
    }

    fn raw(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        stream
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.take();
        if let Some(task) = self.task.take() {
            self.runtime.block_on(task).unwrap();
        }
    }
}

/// The commands of the coordinator, through a client.
struct Remote {
    connection: Connection,
    data_plane: RemoteRedis,
}

impl Remote {
    fn ask<T: FromRedisValue>(&mut self, command: &redis::Cmd) -> Result<T, RedisError> {
        command
            .query(&mut self.connection)
            .map_err(|error: ClientError| match error.code() {
                Some(_) => RedisError::Refused(error.to_string()),
                None => RedisError::Unavailable(error.to_string()),
            })
    }
}

impl ControlCommands for Remote {
    fn get(&mut self, key: &str) -> Result<Option<Bytes>, RedisError> {
        let value: Option<Vec<u8>> = self.ask(cmd("GET").arg(key))?;
        Ok(value.map(Bytes::from))
    }

    fn get_many(&mut self, keys: &[&str]) -> Result<Vec<Option<Bytes>>, RedisError> {
        let values: Vec<Option<Vec<u8>>> = self.ask(cmd("MGET").arg(keys))?;
        Ok(values.into_iter().map(|v| v.map(Bytes::from)).collect())
    }

    fn set(&mut self, key: &str, value: &[u8]) -> Result<(), RedisError> {
        self.ask(cmd("SET").arg(key).arg(value))
    }

    fn compare_and_set(
        &mut self,
        key: &str,
        expected: Option<&[u8]>,
        new: Option<&[u8]>,
    ) -> Result<Cas, RedisError> {
        let mut command = cmd("EVAL");
        command.arg(SCRIPT).arg(1).arg(key);
        for value in [expected, new] {
            command
                .arg(u8::from(value.is_some()))
                .arg(value.unwrap_or_default());
        }
        let answer: Vec<redis::Value> = self.ask(&command)?;
        let found = answer.get(1).map(|value| match value {
            redis::Value::BulkString(bytes) => Bytes::from(bytes.clone()),
            other => panic!("{other:?}"),
        });
        Ok(match answer.first() {
            Some(redis::Value::Int(1)) => Cas::Applied,
            _ => Cas::Conflict(found),
        })
    }

    fn delete(&mut self, keys: &[&str]) -> Result<u64, RedisError> {
        self.ask(cmd("DEL").arg(keys))
    }

    fn set_add(&mut self, key: &str, member: &str) -> Result<bool, RedisError> {
        self.ask(cmd("SADD").arg(key).arg(member))
    }

    fn set_remove(&mut self, key: &str, member: &str) -> Result<bool, RedisError> {
        self.ask(cmd("SREM").arg(key).arg(member))
    }

    fn set_members(&mut self, key: &str) -> Result<Vec<String>, RedisError> {
        self.ask(cmd("SMEMBERS").arg(key))
    }

    fn queue_first(&mut self, key: &str) -> Result<Option<u64>, RedisError> {
        let mut command = cmd("XRANGE");
        command.arg(key).arg("-").arg("+").arg("COUNT").arg(1);
        let entries: Vec<(String, Vec<String>)> = self.ask(&command)?;
        Ok(entries
            .first()
            .map(|(_, fields)| fields[1].parse().unwrap()))
    }

    fn queue_push(&mut self, key: &str, height: u64) -> Result<(), RedisError> {
        self.data_plane.queue_push(NOW, key, height).map(drop)
    }
}

#[test]
fn a_client_finds_what_every_store_must_do() {
    let server = Server::start();
    let mut remote = Remote {
        connection: server.client(),
        data_plane: RemoteRedis::new(&server.url()).unwrap(),
    };
    let failures = run_all(&mut remote, "conformance/");
    assert!(failures.is_empty(), "{failures:#?}");
}

#[derive(Clone, Debug)]
enum Op {
    Get,
    Set(u64),
    Push(u64),
    Len,
    Read(Option<usize>, usize),
    Remove(usize),
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        1 => Just(Op::Get),
        1 => any::<u64>().prop_map(Op::Set),
        4 => any::<u64>().prop_map(Op::Push),
        1 => Just(Op::Len),
        2 => (prop::option::of(0_usize..8), 0_usize..5).prop_map(|(from, n)| Op::Read(from, n)),
        2 => (0_usize..8).prop_map(Op::Remove),
    ]
}

/// Performs `op` and tells the answer; entries are known by the order of pushes.
fn tell(redis: &mut dyn Redis, ids: &mut Vec<EntryId>, key: &str, op: &Op) -> String {
    let id = |ids: &[EntryId], at: usize| ids.get(at).copied().unwrap_or_default();
    match op {
        Op::Get => format!("{:?}", redis.get_number(NOW, "cursor")),
        Op::Set(value) => format!("{:?}", redis.set_number(NOW, "cursor", *value)),
        Op::Push(height) => match redis.queue_push(NOW, key, *height) {
            Ok(id) => {
                ids.push(id);
                "pushed".to_owned()
            }
            Err(error) => error.to_string(),
        },
        Op::Len => format!("{:?}", redis.queue_len(NOW, key)),
        Op::Read(from, count) => {
            let after = from.map(|at| id(ids, at));
            let entries = redis.queue_read(NOW, key, after, *count).unwrap();
            let known = |entry: &EntryId| ids.iter().position(|id| id == entry);
            let entries = entries.iter().map(|e| (known(&e.id).unwrap(), e.height));
            format!("{:?}", entries.collect::<Vec<_>>())
        }
        Op::Remove(at) => format!("{:?}", redis.queue_remove(NOW, key, id(ids, *at))),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn the_data_plane_answers_over_the_wire_as_in_memory(
        ops in prop::collection::vec(op(), 1..30),
    ) {
        let server = Server::start();
        let mut remote = RemoteRedis::new(&server.url()).unwrap();
        let mut model = RedisModel::new(Config::default());
        let (mut here, mut there) = (Vec::new(), Vec::new());
        for op in ops {
            let expected = tell(&mut model, &mut here, "q", &op);
            prop_assert_eq!(expected, tell(&mut remote, &mut there, "q", &op));
        }
    }
}

#[test]
fn what_is_not_known_is_refused_and_the_client_stays() {
    let server = Server::start();
    let mut client = server.client();
    let mut refusal = |words: &[&str]| {
        let answer: Result<redis::Value, _> = cmd(words[0]).arg(&words[1..]).query(&mut client);
        answer.unwrap_err().to_string()
    };
    assert!(refusal(&["FLUSHALL"]).contains("unknown command 'FLUSHALL'"));
    assert!(refusal(&["GET"]).contains("wrong number"));
    assert!(refusal(&["SET", "k", "v", "EX", "1"]).contains("syntax"));
    assert!(refusal(&["XADD", "q", "*", "other", "1"]).contains("block_height"));
    assert!(refusal(&["XADD", "q", "1-1", "block_height", "1"]).contains("block_height"));
    assert!(refusal(&["EVAL", "return 1", "0"]).contains("no scripts but"));
    assert!(refusal(&["EVALSHA", "abc", "0"]).contains("No matching script"));
    assert!(refusal(&["XREAD", "BLOCK", "0", "STREAMS", "q", "0"]).contains("syntax"));
    let pong: String = cmd("PING").query(&mut client).unwrap();
    assert_eq!(pong, "PONG");
}

#[test]
fn a_set_may_depend_on_whether_the_key_exists() {
    let server = Server::start();
    let mut client = server.client();
    let mut ask = |words: &[&str]| -> redis::Value {
        cmd(words[0]).arg(&words[1..]).query(&mut client).unwrap()
    };
    assert_eq!(ask(&["SET", "k", "1", "XX"]), redis::Value::Nil);
    assert_eq!(ask(&["EXISTS", "k"]), redis::Value::Int(0));
    assert_eq!(ask(&["SET", "k", "2", "nx"]), redis::Value::Okay);
    assert_eq!(ask(&["SET", "k", "3", "NX"]), redis::Value::Nil);
    assert_eq!(ask(&["GET", "k"]), redis::Value::BulkString(b"2".to_vec()));
    assert_eq!(ask(&["SET", "k", "4", "xx"]), redis::Value::Okay);
    assert_eq!(ask(&["GET", "k"]), redis::Value::BulkString(b"4".to_vec()));
    let both: Result<redis::Value, _> = cmd("SET").arg(&["k", "5", "NX", "XX"]).query(&mut client);
    assert!(both.unwrap_err().to_string().contains("syntax"));
}

#[test]
fn a_server_that_takes_no_writes_refuses_one_that_would_change_nothing() {
    type Fault = fn(&mut RedisModel);
    let faults: [(Fault, &str); 2] = [
        (|model| model.set_read_only(true), "READONLY"),
        (|model| model.set_out_of_memory(true), "OOM"),
    ];
    for (fault, word) in faults {
        let server = Server::with(fault);
        let mut client = server.client();
        let answer: Result<redis::Value, _> = cmd("SET").arg(&["k", "", "XX"]).query(&mut client);
        let said = answer.unwrap_err().to_string();
        assert!(said.to_uppercase().contains(word), "{said}");
    }
}

#[test]
fn a_script_that_tries_a_write_leaves_nothing_and_is_refused_like_one() {
    let script = "redis.acl_check_cmd 'SET' 'XX'";
    let probe = |server: &Server| -> Result<Vec<u64>, redis::RedisError> {
        let words = [script, "2", "probe", "list"];
        cmd("EVAL").arg(&words).query(&mut server.client())
    };
    let server = Server::start();
    assert_eq!(probe(&server).unwrap(), [1]);
    let left: u64 = cmd("EXISTS")
        .arg(&["probe", "list"])
        .query(&mut server.client())
        .unwrap();
    assert_eq!(left, 0);
    let set: String = cmd("SET")
        .arg(&["list", "x"])
        .query(&mut server.client())
        .unwrap();
    assert_eq!(set, "OK");
    let said = probe(&server).unwrap_err().to_string();
    assert!(said.contains("WRONGTYPE"), "{said}");
    let full = Server::with(|model| model.set_out_of_memory(true));
    assert!(probe(&full).unwrap_err().to_string().contains("OOM"));
}

/// Asks in the protocol's own words.
fn talk(server: &Server, sent: &[u8]) -> String {
    let mut stream = server.raw();
    stream.write_all(sent).unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let mut answer = String::new();
    // A server that cuts a client off may do so with a reset.
    let _end = stream.read_to_string(&mut answer);
    answer
}

#[test]
fn hello_speaks_version_two_only() {
    let server = Server::start();
    let answer = talk(&server, b"*2\r\n$5\r\nHELLO\r\n$1\r\n3\r\n");
    assert!(answer.starts_with("-NOPROTO"), "{answer}");
    let answer = talk(&server, b"*2\r\n$5\r\nhello\r\n$1\r\n2\r\n");
    assert!(answer.contains("$5\r\nproto\r\n:2\r\n"), "{answer}");
}

#[test]
fn pipelined_commands_are_answered_in_order() {
    let server = Server::start();
    let sent = b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$2\r\n07\r\n*2\r\n$3\r\nGET\r\n$1\r\na\r\n\
                 *1\r\n$4\r\nQUIT\r\n*1\r\n$4\r\nPING\r\n";
    assert_eq!(talk(&server, sent), "+OK\r\n$2\r\n07\r\n+OK\r\n");
}

#[test]
fn nonsense_and_excess_cost_the_connection_only() {
    let server = Server::start();
    assert!(talk(&server, b"+OK\r\n").starts_with("-ERR Protocol error"));
    assert_eq!(talk(&server, b"\x00\x01\x02"), "");
    // A length that nobody will send, and one that is too long to be taken.
    assert_eq!(talk(&server, b"*1\r\n$900000000\r\nx"), "");
    let mut long = b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$8000000\r\n".to_vec();
    long.resize(long.len() + 8_000_000, b'x');
    let mut stream = server.raw();
    let _cut_off = stream.write_all(&long);
    let mut answer = Vec::new();
    let _end = stream.read_to_end(&mut answer);
    assert_eq!(answer, b"");
    let mut client = server.client();
    let found: Option<String> = cmd("GET").arg("a").query(&mut client).unwrap();
    assert_eq!(found, None);
}

#[test]
fn a_client_comes_back_after_the_server_was_away() {
    let server = Server::start();
    let url = server.url();
    let mut remote = RemoteRedis::new(&url).unwrap();
    remote.set_number(NOW, "n", 1).unwrap();
    let address = server.address;
    drop(server);
    let gone = remote.get_number(NOW, "n").unwrap_err();
    assert!(matches!(gone, RedisError::Unavailable(_)), "{gone}");
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let listener = runtime.block_on(TcpListener::bind(address)).unwrap();
    let model = SharedModel::new(RedisModel::new(Config::default()));
    runtime.spawn(serve(listener, model, std::future::pending()));
    assert_eq!(remote.get_number(NOW, "n"), Ok(None));
}

#[test]
fn urls_are_refused_without_being_repeated() {
    let error = RemoteRedis::new("http://user:secret@host").err().unwrap();
    assert!(!error.to_string().contains("secret"), "{error}");
}

#[test]
fn a_snapshot_brings_everything_back() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("redis.jsonl");
    let mut model = RedisModel::new(Config::default());
    load(&mut model, &path, NOW).unwrap();
    model
        .set(NOW, "text", Bytes::from_static(b"a \"b\""))
        .unwrap();
    model
        .set(NOW, "bytes", Bytes::from_static(b"\xff\x00"))
        .unwrap();
    model.set_number(NOW, "number", u64::MAX).unwrap();
    model.set_add(NOW, "set", "m").unwrap();
    let first = model.queue_push(NOW, "queue", 7).unwrap();
    model.queue_push(NOW, "queue", 8).unwrap();
    model.queue_remove(NOW, "queue", first).unwrap();
    save(&model, &path).unwrap();
    save(&model, &path).unwrap();
    let mut back = RedisModel::new(Config::default());
    load(&mut back, &path, NOW).unwrap();
    for key in ["text", "bytes", "number"] {
        assert_eq!(back.get(NOW, key), model.get(NOW, key), "{key}");
    }
    assert_eq!(back.set_members(NOW, "set"), model.set_members(NOW, "set"));
    let read = |model: &mut RedisModel| model.queue_read(NOW, "queue", None, 10);
    assert_eq!(read(&mut back), read(&mut model));
    // Ids go on growing, though the clock may have gone back.
    let next = back.queue_push(Time(0), "queue", 9).unwrap();
    assert!(next > read(&mut model).unwrap()[0].id);
    std::fs::write(&path, "{\"key\":\"a\"}\n").unwrap();
    let error = load(&mut back, &path, NOW).unwrap_err();
    assert!(error.to_string().contains("redis.jsonl:1:"), "{error}");
}
