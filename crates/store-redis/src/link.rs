//! The connection: made when it is first needed, given up when it is of no use,
//! made again by whichever command comes next.
//!
//! The client library's own manager is not used: it never tries again after an
//! attempt that failed by anything else than I/O (a refused password, too many
//! clients), keeps a connection on which nobody answers, and does not say
//! whether a command failed before or after it was sent.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use coordinator::store::StoreError;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Cmd, RedisResult, Value, cmd};
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use crate::config::{ConfigError, Endpoint, Reconnect, RedisConfig};
use crate::error::why_not_connected;

/// The way to the server; clones share it.
#[derive(Clone)]
pub(crate) struct Link {
    shared: Arc<Shared>,
}

struct Shared {
    endpoint: Endpoint,
    connect_timeout: Duration,
    response_timeout: Duration,
    reconnect: Reconnect,
    state: Mutex<State>,
}

/// A connection as one command uses it.
#[derive(Clone)]
pub(crate) struct Line {
    connection: MultiplexedConnection,
    /// Tells connections apart.
    number: u64,
}

/// How an attempt to connect ended; the error is for people.
type Attempt = Result<Line, String>;

struct State {
    stage: Stage,
    /// Attempts so far.
    attempts: u64,
    /// Attempts that failed since the last that did not.
    failures: u32,
}

enum Stage {
    /// There is no connection, and nobody makes one.
    Idle,
    /// The last attempt failed, for this reason; the next may not begin before.
    Pausing(Instant, String),
    /// Somebody makes one.
    Connecting(watch::Receiver<Option<Attempt>>),
    /// There is one.
    Connected(Line),
}

impl Line {
    /// Sends one command and waits for its answer.
    ///
    /// # Errors
    /// The server's errors, and everything that befalls a connection.
    pub(crate) async fn run(&mut self, command: &Cmd) -> RedisResult<Value> {
        command.query_async(&mut self.connection).await
    }
}

impl Link {
    /// A way that nobody has gone yet.
    ///
    /// # Errors
    /// The configuration can never work.
    pub(crate) fn new(config: &RedisConfig) -> Result<Link, ConfigError> {
        let state = State {
            stage: Stage::Idle,
            attempts: 0,
            failures: 0,
        };
        Ok(Link {
            shared: Arc::new(Shared {
                endpoint: Endpoint::new(config)?,
                connect_timeout: config.connect_timeout,
                response_timeout: config.response_timeout,
                reconnect: config.reconnect,
                state: Mutex::new(state),
            }),
        })
    }

    /// Where it leads to, without user name and password.
    pub(crate) fn endpoint(&self) -> &str {
        self.shared.endpoint.shown()
    }

    /// The connection, made if need be. All who ask meanwhile share one attempt.
    ///
    /// # Errors
    /// `Unavailable`: there is none, and nothing was sent.
    pub(crate) async fn line(&self) -> Result<Line, StoreError> {
        let mut attempt = match self.line_or_attempt()? {
            Either::Line(line) => return Ok(line),
            Either::Attempt(attempt) => attempt,
        };
        let ended = match attempt.wait_for(Option::is_some).await {
            Ok(ended) => ended.clone(),
            Err(_) => None,
        };
        match ended {
            Some(Ok(line)) => Ok(line),
            Some(Err(why)) => Err(self.unavailable(&why)),
            None => Err(self.unavailable("the attempt to connect was broken off")),
        }
    }

    fn unavailable(&self, why: &str) -> StoreError {
        StoreError::Unavailable(format!("cannot connect to {}: {why}", self.endpoint()))
    }

    fn line_or_attempt(&self) -> Result<Either, StoreError> {
        let mut state = self.shared.lock();
        match &state.stage {
            Stage::Connected(line) => return Ok(Either::Line(line.clone())),
            // Without a sender the attempt has died with its runtime.
            Stage::Connecting(attempt) if attempt.has_changed().is_ok() => {
                return Ok(Either::Attempt(attempt.clone()));
            }
            Stage::Pausing(until, why) => {
                let left = until.saturating_duration_since(Instant::now());
                if !left.is_zero() {
                    let millis = left.as_millis();
                    let why = format!("{why} (tried again in {millis} ms at the earliest)");
                    return Err(self.unavailable(&why));
                }
            }
            Stage::Idle | Stage::Connecting(_) => {}
        }
        state.attempts += 1;
        let (ended, attempt) = watch::channel(None);
        state.stage = Stage::Connecting(attempt.clone());
        // A task of its own: whoever asked first may lose patience.
        let shared = Arc::clone(&self.shared);
        tokio::spawn(shared.attempt(state.attempts, ended));
        Ok(Either::Attempt(attempt))
    }

    /// The next command shall use another connection than this one. Commands that
    /// are under way on it end as they will.
    pub(crate) fn give_up(&self, line: &Line) {
        let mut state = self.shared.lock();
        if let Stage::Connected(current) = &state.stage
            && current.number == line.number
        {
            state.stage = Stage::Idle;
        }
    }
}

enum Either {
    Line(Line),
    Attempt(watch::Receiver<Option<Attempt>>),
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // It is whole at every point at which its holder may panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn attempt(self: Arc<Shared>, number: u64, ended: watch::Sender<Option<Attempt>>) {
        let attempt = match timeout(self.connect_timeout, self.connect()).await {
            Ok(Ok(connection)) => Ok(Line { connection, number }),
            Ok(Err(why)) => Err(why),
            Err(_) => Err(format!("no answer within {:?}", self.connect_timeout)),
        };
        self.note(&attempt);
        ended.send_replace(Some(attempt));
    }

    /// Enters the result of an attempt.
    fn note(&self, attempt: &Attempt) {
        let endpoint = self.endpoint.shown();
        let mut state = self.lock();
        match attempt {
            Ok(line) => {
                let failures = std::mem::take(&mut state.failures);
                state.stage = Stage::Connected(line.clone());
                drop(state);
                // A server that refuses writes is reconnected to at each of them.
                if line.number == 1 || failures > 0 {
                    tracing::info!(endpoint, failures, "connected to Redis");
                } else {
                    tracing::debug!(endpoint, "connected to Redis anew");
                }
            }
            Err(why) => {
                state.failures = state.failures.saturating_add(1);
                let failures = state.failures;
                let pause = self.reconnect.pause(failures);
                state.stage = Stage::Pausing(Instant::now() + pause, why.clone());
                drop(state);
                // Once loudly; every command says it again.
                if failures == 1 {
                    tracing::warn!(endpoint, why, "cannot connect to Redis; trying again");
                } else {
                    tracing::debug!(endpoint, why, failures, "cannot connect to Redis");
                }
            }
        }
    }

    async fn connect(&self) -> Result<MultiplexedConnection, String> {
        let endpoint = self.endpoint.clone();
        let client = tokio::task::spawn_blocking(move || endpoint.client())
            .await
            .map_err(|error| error.to_string())?
            .map_err(|error| error.to_string())?;
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.connect_timeout))
            .set_response_timeout(Some(self.response_timeout));
        let mut connection = client
            .get_multiplexed_async_connection_with_config(&config)
            .await
            .map_err(|error| why_not_connected(&error))?;
        // Whatever the server has against this client or its own state, it says
        // now, before a command is sent whose fate would matter.
        let ping: RedisResult<Value> = cmd("PING").query_async(&mut connection).await;
        match ping {
            Err(error) if error.code() != Some("NOPERM") => Err(why_not_connected(&error)),
            _ => Ok(connection),
        }
    }
}

impl Reconnect {
    /// The pause after so many failures in a row.
    fn pause(self, failures: u32) -> Duration {
        let doublings = failures.saturating_sub(1).min(20);
        self.first_pause
            .saturating_mul(1 << doublings)
            .min(self.longest_pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest() {
        let reconnect = Reconnect::default();
        let millis: Vec<u128> = [1, 2, 3, 4, 5, 6, 7, u32::MAX]
            .map(|failures| reconnect.pause(failures).as_millis())
            .to_vec();
        assert_eq!(millis, [100, 200, 400, 800, 1600, 2000, 2000, 2000]);
    }
}
