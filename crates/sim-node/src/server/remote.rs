//! The data plane in a server that the nodes share.

use std::time::Duration;

use redis::{Client, Cmd, Connection, ErrorKind, FromRedisValue, cmd};

use crate::{EntryId, QueueEntry, Redis, RedisError, Time};

/// How long connecting, and a command, may take. The node waits meanwhile.
const PATIENCE: Duration = Duration::from_secs(1);

/// What XREAD answers: by queue, entries with their fields.
type Queues = Vec<(String, Vec<(String, Vec<String>)>)>;

/// The Redis behind a URL. It connects when first needed, and again after a
/// failure; a command is never repeated.
pub struct RemoteRedis {
    client: Client,
    connection: Option<Connection>,
}

impl RemoteRedis {
    /// The Redis at `url`, for instance `redis://127.0.0.1:6379`. Nothing is
    /// connected yet.
    ///
    /// # Errors
    /// The URL makes no sense. It is not repeated in the error, as it may hold a
    /// password.
    pub fn new(url: &str) -> Result<RemoteRedis, RedisError> {
        let client = Client::open(url).map_err(|_| {
            RedisError::Refused(
                "the URL is not of the form redis://[USER:PASSWORD@]HOST[:PORT]".to_owned(),
            )
        })?;
        Ok(RemoteRedis {
            client,
            connection: None,
        })
    }

    fn ask<T: FromRedisValue>(&mut self, command: &Cmd) -> Result<T, RedisError> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.connect().map_err(unavailable)?,
        };
        match command.query(&mut connection) {
            Ok(answer) => {
                self.connection = Some(connection);
                Ok(answer)
            }
            // The server answered, only not what was hoped for.
            Err(error) if error.code().is_some() || is_answer(&error) => {
                self.connection = Some(connection);
                Err(RedisError::Refused(error.to_string()))
            }
            Err(error) => Err(unavailable(error)),
        }
    }

    fn connect(&self) -> redis::RedisResult<Connection> {
        let connection = self.client.get_connection_with_timeout(PATIENCE)?;
        connection.set_read_timeout(Some(PATIENCE))?;
        connection.set_write_timeout(Some(PATIENCE))?;
        Ok(connection)
    }
}

fn is_answer(error: &redis::RedisError) -> bool {
    let kind = error.kind();
    matches!(kind, ErrorKind::Server(_)) || kind == ErrorKind::UnexpectedReturnType
}

fn unavailable(error: redis::RedisError) -> RedisError {
    RedisError::Unavailable(error.to_string())
}

fn odd(what: &str) -> RedisError {
    RedisError::Refused(format!("the server answered {what}"))
}

fn number(text: &str) -> Result<u64, RedisError> {
    text.parse()
        .map_err(|_| RedisError::Refused("the value is not a number".to_owned()))
}

fn entry_id(text: &str) -> Result<EntryId, RedisError> {
    text.parse().map_err(|_| odd("with an id that is none"))
}

impl Redis for RemoteRedis {
    fn get_number(&mut self, _now: Time, key: &str) -> Result<Option<u64>, RedisError> {
        let text: Option<String> = self.ask(cmd("GET").arg(key))?;
        text.as_deref().map(number).transpose()
    }

    fn set_number(&mut self, _now: Time, key: &str, value: u64) -> Result<(), RedisError> {
        self.ask(cmd("SET").arg(key).arg(value))
    }

    fn queue_push(&mut self, _now: Time, key: &str, height: u64) -> Result<EntryId, RedisError> {
        let mut command = cmd("XADD");
        command.arg(key).arg("*").arg("block_height").arg(height);
        let id: String = self.ask(&command)?;
        entry_id(&id)
    }

    fn queue_len(&mut self, _now: Time, key: &str) -> Result<u64, RedisError> {
        self.ask(cmd("XLEN").arg(key))
    }

    fn queue_read(
        &mut self,
        _now: Time,
        key: &str,
        after: Option<EntryId>,
        count: usize,
    ) -> Result<Vec<QueueEntry>, RedisError> {
        // COUNT 0 would mean "all".
        if count == 0 {
            return Ok(Vec::new());
        }
        let mut command = cmd("XREAD");
        command.arg("COUNT").arg(count).arg("STREAMS").arg(key);
        command.arg(after.unwrap_or_default().to_string());
        let queues: Option<Queues> = self.ask(&command)?;
        let entries = queues
            .into_iter()
            .flatten()
            .flat_map(|(_, entries)| entries);
        entries
            .map(|(id, fields)| {
                let height = match fields.as_slice() {
                    [name, height, ..] if name == "block_height" => number(height)?,
                    _ => return Err(odd("with an entry that has no block height")),
                };
                let id = entry_id(&id)?;
                Ok(QueueEntry { id, height })
            })
            .collect()
    }

    fn queue_remove(&mut self, _now: Time, key: &str, id: EntryId) -> Result<bool, RedisError> {
        let removed: u64 = self.ask(cmd("XDEL").arg(key).arg(id.to_string()))?;
        Ok(removed > 0)
    }
}
