//! The store in Redis, with the keys and bytes of the original coordinator.
//!
//! One connection serves all commands. It is made when it is first needed and
//! again whenever it is lost, so the coordinator starts before its Redis and
//! outlives it. Records change by a small script, atomic on the one key it names:
//! it needs no transaction, and no exclusive connection. Another one deletes what
//! belongs to a record if the record is as expected.
//!
//! No command is repeated here. An error says whether the command certainly had
//! no effect ([`StoreError::Unavailable`], [`StoreError::Rejected`]) or may have
//! had one ([`StoreError::Indefinite`]); the caller reads again and decides.
//!
//! What a user of an access list must be allowed: `PING`, `MGET`, `GET`, `SET`,
//! `DEL`, `SADD`, `SREM`, `SMEMBERS`, `XRANGE`, `EVALSHA`, `EVAL`, `INFO`; and
//! `CONFIG GET` if it shall be told of a server without persistence.
//!
//! Redis Cluster and Sentinel are not supported; a managed primary behind one
//! address is.

mod config;
mod error;
mod link;
mod reply;
mod script;
mod server_info;

pub use config::{ClientFiles, ConfigError, Reconnect, RedisConfig, TlsFiles};
pub use server_info::{Persistence, Role, ServerInfo, Warning};

use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;
use coordinator::store::{CasOutcome, StoreError, StoreTransport};
use redis::{Cmd, ErrorKind, ServerErrorKind, Value, cmd};

use error::{Effect, Task, Verdict, shown_key};
use link::Link;
use script::NamedScript;

/// A key that nobody makes.
const PROBE: &str = "coordinator:probe";

/// The commands of the coordinator, in Redis.
///
/// Clones share the connection. Commands need a tokio runtime, whose tasks drive
/// it; making a store needs none.
#[derive(Clone)]
pub struct RedisStore {
    link: Link,
    compare_and_set: NamedScript,
    delete_if: NamedScript,
    probe: NamedScript,
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("RedisStore")
            .field("endpoint", &self.endpoint())
            .finish_non_exhaustive()
    }
}

impl RedisStore {
    /// A store that connects when it is first used. Reads the TLS files once, to
    /// report here what is wrong with them; later connections read them anew.
    ///
    /// # Errors
    /// The configuration can never work.
    pub fn new(config: &RedisConfig) -> Result<RedisStore, ConfigError> {
        Ok(RedisStore {
            link: Link::new(config)?,
            compare_and_set: NamedScript::compare_and_set(),
            delete_if: NamedScript::delete_if(),
            probe: NamedScript::probe(),
        })
    }

    /// Where it connects to, without user name and password.
    pub fn endpoint(&self) -> &str {
        self.link.endpoint()
    }

    /// Whether the server answers.
    ///
    /// # Errors
    /// It does not, or refuses; never `Indefinite`.
    pub async fn ping(&self) -> Result<(), StoreError> {
        let task = Task::new(Effect::None, "ping", None);
        self.ask(&cmd("PING"), &task).await.map(drop)
    }

    /// Whether the server takes writes: no replica, not out of memory, able to save;
    /// and whether keys can be listed in `list`, if there is one.
    ///
    /// Asked by a script of the kind that changes records, whose writes change nothing:
    /// a value is set under a key that must exist for it, and does not, and that key is
    /// taken off a list that does not name it. The server refuses them for the same
    /// reasons as any others, and they need no right beyond those that the store needs.
    /// `INFO` would tell of a replica, but neither how much memory a write may take nor
    /// whether this user may write.
    ///
    /// # Errors
    /// It does not answer, or refuses; never `Indefinite`. The text says why, and
    /// what to do.
    pub async fn probe_writes(&self, list: Option<&str>) -> Result<(), StoreError> {
        let task = Task::new(Effect::None, "trying a write", None);
        let list_task = Task::new(Effect::None, "trying listing in", list);
        let arguments = script::probe(PROBE, list);
        let tried = self.run(&self.probe, arguments, &task, &list_task);
        tried.await.map(drop)
    }

    /// What the server says about itself, for start-up checks.
    ///
    /// # Errors
    /// It does not answer, or does not tell; never `Indefinite`.
    pub async fn server_info(&self) -> Result<ServerInfo, StoreError> {
        let task = Task::new(Effect::None, "asking for the server's state", None);
        let info = self.ask(&cmd("INFO"), &task).await?;
        let info = reply::text(&info).ok_or_else(|| task.unexpected(&info))?;
        let mut settings = cmd("CONFIG");
        settings.arg("GET").arg("save");
        // Managed servers keep their configuration to themselves.
        let save = match self.ask(&settings, &task).await {
            Ok(answer) => reply::setting(&answer),
            Err(StoreError::Rejected(_)) => None,
            Err(error) => return Err(error),
        };
        Ok(ServerInfo::parse(&info, save.as_deref()))
    }

    async fn ask(&self, command: &Cmd, task: &Task<'_>) -> Result<Value, StoreError> {
        let mut line = self.link.line().await?;
        match line.run(command).await {
            Ok(answer) => Ok(answer),
            Err(error) => Err(self.failed(&line, task, &error)),
        }
    }

    /// Runs a script that does something if a key is as expected. With its second key
    /// it does what `list_task` says.
    async fn run(
        &self,
        script: &NamedScript,
        arguments: impl Fn(&mut Cmd),
        task: &Task<'_>,
        list_task: &Task<'_>,
    ) -> Result<CasOutcome, StoreError> {
        let mut line = self.link.line().await?;
        let mut answer = line.run(&script.by_hash(&arguments)).await;
        // Nothing has been run: the server has lost its scripts, or never had ours.
        if let Err(error) = &answer
            && error.kind() == ErrorKind::Server(ServerErrorKind::NoScript)
        {
            answer = line.run(&script.in_full(&arguments)).await;
        }
        let answer = answer.map_err(|error| self.failed(&line, task, &error))?;
        if let Some((place, words)) = reply::refusal(&answer) {
            let task = if place == 1 { task } else { list_task };
            let verdict = task.refused_in_a_script(&words, self.endpoint());
            return Err(self.judged(&line, verdict));
        }
        reply::outcome(answer).map_err(|odd| task.unexpected(&odd))
    }

    /// Says what an error means, and gives up a connection that is of no more use.
    fn failed(&self, line: &link::Line, task: &Task<'_>, error: &redis::RedisError) -> StoreError {
        self.judged(line, task.judge(error, self.endpoint()))
    }

    fn judged(&self, line: &link::Line, verdict: Verdict) -> StoreError {
        if verdict.reconnect {
            self.link.give_up(line);
        }
        verdict.error
    }
}

#[async_trait]
impl StoreTransport for RedisStore {
    async fn get_many(&self, keys: &[String]) -> Result<Vec<Option<Bytes>>, StoreError> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let task = Task::new(Effect::None, "reading values", None);
        let mut command = cmd("MGET");
        command.arg(keys);
        let answer = self.ask(&command, &task).await?;
        reply::values(answer, keys.len()).map_err(|odd| task.unexpected(&odd))
    }

    async fn compare_and_set(
        &self,
        key: &str,
        expected: Option<&[u8]>,
        new: Option<&[u8]>,
        list: Option<&str>,
    ) -> Result<CasOutcome, StoreError> {
        let task = Task::new(Effect::Write, "compare-and-set", Some(key));
        let list_task = Task::new(Effect::Write, "keeping the list", list);
        let arguments = script::compare_and_set(key, expected, new, list);
        let changed = self.run(&self.compare_and_set, arguments, &task, &list_task);
        changed.await
    }

    async fn delete(&self, keys: &[String]) -> Result<(), StoreError> {
        let Some(first) = keys.first() else {
            return Ok(());
        };
        let task = Task::new(Effect::Write, "deleting", Some(first));
        let mut command = cmd("DEL");
        command.arg(keys);
        self.ask(&command, &task).await.map(drop)
    }

    async fn delete_if(
        &self,
        guard: &str,
        expected: &[u8],
        keys: &[String],
    ) -> Result<CasOutcome, StoreError> {
        let task = Task::new(Effect::Write, "deleting under a condition", Some(guard));
        let arguments = script::delete_if(guard, expected, keys);
        self.run(&self.delete_if, arguments, &task, &task).await
    }

    async fn set_members(&self, key: &str) -> Result<Vec<String>, StoreError> {
        let task = Task::new(Effect::None, "reading the set", Some(key));
        let mut command = cmd("SMEMBERS");
        command.arg(key);
        let answer = self.ask(&command, &task).await?;
        let (members, unreadable) = reply::members(answer).map_err(|odd| task.unexpected(&odd))?;
        if unreadable > 0 {
            tracing::warn!(
                key = shown_key(key),
                unreadable,
                "a set has members that are no text; they are passed over"
            );
        }
        Ok(members)
    }

    async fn set_add(&self, key: &str, member: &str) -> Result<(), StoreError> {
        let task = Task::new(Effect::Write, "adding to the set", Some(key));
        let mut command = cmd("SADD");
        command.arg(key).arg(member);
        self.ask(&command, &task).await.map(drop)
    }

    async fn set_remove(&self, key: &str, member: &str) -> Result<(), StoreError> {
        let task = Task::new(Effect::Write, "removing from the set", Some(key));
        let mut command = cmd("SREM");
        command.arg(key).arg(member);
        self.ask(&command, &task).await.map(drop)
    }

    /// An oldest entry without a usable height is an error: the executor cannot
    /// pass it either, and to take the queue for empty would skip the blocks
    /// behind it.
    async fn queue_head(&self, key: &str) -> Result<Option<u64>, StoreError> {
        let task = Task::new(Effect::None, "reading the queue", Some(key));
        let mut command = cmd("XRANGE");
        command.arg(key).arg("-").arg("+").arg("COUNT").arg(1);
        let answer = self.ask(&command, &task).await?;
        match reply::head(&answer) {
            Ok(head) => Ok(head),
            Err(reply::NoHeight::Entry(id)) => Err(StoreError::Rejected(format!(
                "the oldest entry of the queue `{}`, {id}, holds no block height; no executor \
                 gets past it, so look at it with XRANGE and remove it with XDEL",
                shown_key(key)
            ))),
            Err(reply::NoHeight::NoEntry) => Err(task.unexpected(&answer)),
        }
    }
}
