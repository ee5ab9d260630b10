//! Puts a fake node on the real clock, so that it can serve a real port.
//!
//! This is the only place in the fakes that reads a clock. The node itself is
//! the same state machine that the simulator drives.

mod program;
mod remote;

use std::convert::Infallible;
use std::io::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use real_tokio::net::TcpListener;
use real_tokio::sync::Notify;
use real_tokio::time::{Instant, sleep};
use tonic::transport::server::{Router, TcpIncoming};

use crate::chain::Chain;
use crate::{Env, Event, Ledger, Node, Redis, Reply, Time};

pub use program::{Settings, run};
pub use remote::RemoteRedis;

/// The shortest pause of the drive loop; keeps a node that is always due from
/// taking a whole core.
const SHORTEST_PAUSE: Duration = Duration::from_millis(1);
/// The longest pause of the drive loop when the node has nothing planned.
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);

/// The wall clock right now; what a served node's chain starts at.
pub fn now() -> Time {
    Time::default()
        + SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
}

/// Starts at the wall clock and never goes back, whatever the wall clock does.
#[derive(Clone, Copy, Debug)]
struct Clock {
    start: Time,
    origin: Instant,
}

impl Clock {
    fn new() -> Clock {
        Clock {
            start: now(),
            origin: Instant::now(),
        }
    }

    fn now(&self) -> Time {
        self.start + self.origin.elapsed()
    }
}

/// What a node works with, owned by its host.
pub struct Surroundings {
    /// The data plane's Redis.
    pub redis: Box<dyn Redis + Send>,
    /// The chain.
    pub chain: Chain,
    /// Where the node reports what really happened.
    pub ledger: Box<dyn Ledger + Send>,
}

struct Hosted<N> {
    node: N,
    surroundings: Surroundings,
}

/// A node on the real clock. Calls and the passage of time reach it one at a time.
pub struct NodeHost<N> {
    clock: Clock,
    hosted: Mutex<Hosted<N>>,
    replan: Notify,
}

impl<N: Node> NodeHost<N> {
    /// Hosts `node`; nothing happens by itself until [`NodeHost::drive`] is polled.
    pub fn new(node: N, surroundings: Surroundings) -> Arc<NodeHost<N>> {
        Arc::new(NodeHost {
            clock: Clock::new(),
            hosted: Mutex::new(Hosted { node, surroundings }),
            replan: Notify::new(),
        })
    }

    /// Performs what is due, then `request`, and answers after the node's own
    /// processing time. Dropping the future loses the answer, not the effect.
    ///
    /// # Errors
    /// The status that the node answers with.
    pub async fn call<T>(
        &self,
        request: impl FnOnce(&mut N, &mut Env<'_>) -> Reply<T>,
    ) -> Result<T, tonic::Status> {
        let reply = self.with(request);
        if !reply.after.is_zero() {
            sleep(reply.after).await;
        }
        reply.result
    }

    /// Performs what is due, then `action`, at once: for faults and inspection.
    pub fn with<T>(&self, action: impl FnOnce(&mut N, &mut Env<'_>) -> T) -> T {
        let (result, _) = self.step(action);
        self.replan.notify_one();
        result
    }

    /// Keeps the node going for as long as the future is polled.
    pub async fn drive(&self) -> Infallible {
        loop {
            let ((), pause) = self.step(|_, _| ());
            let pause = pause.clamp(SHORTEST_PAUSE, LONGEST_PAUSE);
            real_tokio::select! {
                biased;
                () = self.replan.notified() => {}
                () = sleep(pause) => {}
            }
        }
    }

    /// Runs `action` on the advanced node; also returns the time until it next
    /// has something to do by itself.
    fn step<T>(&self, action: impl FnOnce(&mut N, &mut Env<'_>) -> T) -> (T, Duration) {
        let mut hosted = self.lock();
        let Hosted { node, surroundings } = &mut *hosted;
        let now = self.clock.now();
        let mut env = Env {
            now,
            redis: &mut *surroundings.redis,
            chain: &mut surroundings.chain,
            ledger: &mut *surroundings.ledger,
        };
        node.advance(&mut env);
        let result = action(node, &mut env);
        let pause = node.next_event().map_or(LONGEST_PAUSE, |at| at.since(now));
        (result, pause)
    }

    /// A panic in one call must not take the node away from the others.
    fn lock(&self) -> MutexGuard<'_, Hosted<N>> {
        self.hosted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A ledger that keeps nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Discard;

impl Ledger for Discard {
    fn record(&mut self, _now: Time, _event: Event) {}
}

/// Two ledgers that both hear of everything.
pub struct Both(pub Box<dyn Ledger + Send>, pub Box<dyn Ledger + Send>);

impl Ledger for Both {
    fn record(&mut self, now: Time, event: Event) {
        self.0.record(now, event.clone());
        self.1.record(now, event);
    }
}

/// A ledger that writes a line per event: seconds since the Unix epoch, then
/// what happened. A broken pipe is not an error; the lines are then lost.
#[derive(Debug)]
pub struct Lines<W>(pub W);

impl<W: Write> Ledger for Lines<W> {
    fn record(&mut self, now: Time, event: Event) {
        let (seconds, micros) = (now.as_secs(), now.0 % 1_000_000);
        let _lost = writeln!(self.0, "{seconds}.{micros:06} {event}");
    }
}

/// Returns when the program is told to end, by the user or by whoever started
/// it. Never, if that cannot be told.
pub async fn interrupted() {
    let ctrl_c = async {
        if real_tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    real_tokio::select! {
        biased;
        () = ctrl_c => {}
        () = terminated() => {}
    }
}

#[cfg(unix)]
async fn terminated() {
    use real_tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut signals) => {
            signals.recv().await;
        }
        Err(_) => std::future::pending().await,
    }
}

#[cfg(not(unix))]
async fn terminated() {
    std::future::pending().await
}

/// Serves the calls of `router` on `listener` and polls `drive`, which keeps the
/// nodes behind them going, until `shutdown` completes and the calls under way
/// are answered.
///
/// # Errors
/// The listener failed.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    drive: impl Future<Output = Infallible>,
    shutdown: impl Future<Output = ()>,
) -> Result<(), tonic::transport::Error> {
    let served = router.serve_with_incoming_shutdown(TcpIncoming::from(listener), shutdown);
    real_tokio::select! {
        biased;
        result = served => result,
        never = drive => match never {},
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::ChainConfig;
    use crate::{EntryId, IndexerKey, QueueEntry, RedisError};

    struct NoRedis;

    impl Redis for NoRedis {
        fn get_number(&mut self, _: Time, _: &str) -> Result<Option<u64>, RedisError> {
            Ok(None)
        }
        fn set_number(&mut self, _: Time, _: &str, _: u64) -> Result<(), RedisError> {
            Ok(())
        }
        fn queue_push(&mut self, _: Time, _: &str, _: u64) -> Result<EntryId, RedisError> {
            Ok(EntryId::default())
        }
        fn queue_len(&mut self, _: Time, _: &str) -> Result<u64, RedisError> {
            Ok(0)
        }
        fn queue_read(
            &mut self,
            _: Time,
            _: &str,
            _: Option<EntryId>,
            _: usize,
        ) -> Result<Vec<QueueEntry>, RedisError> {
            Ok(Vec::new())
        }
        fn queue_remove(&mut self, _: Time, _: &str, _: EntryId) -> Result<bool, RedisError> {
            Ok(false)
        }
    }

    /// Counts how often its alarm went off.
    #[derive(Default)]
    struct Alarm {
        at: Option<Time>,
        rung: u32,
    }

    impl Node for Alarm {
        fn advance(&mut self, env: &mut Env<'_>) {
            if self.at.is_some_and(|at| at <= env.now) {
                self.at = None;
                self.rung += 1;
                let key = IndexerKey::new("a", "b");
                env.record(Event::ExecutorListed { key, version: 7 });
            }
        }

        fn next_event(&self) -> Option<Time> {
            self.at
        }
    }

    fn host(ledger: Box<dyn Ledger + Send>) -> Arc<NodeHost<Alarm>> {
        let chain = Chain::synthetic(ChainConfig::default(), 1);
        NodeHost::new(
            Alarm::default(),
            Surroundings {
                redis: Box::new(NoRedis),
                chain,
                ledger,
            },
        )
    }

    fn paused<F: Future>(body: F) -> F::Output {
        real_tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap()
            .block_on(body)
    }

    #[test]
    fn an_event_planned_by_a_call_happens_without_a_further_call() {
        paused(async {
            let host = host(Box::new(Discard));
            let rung = async {
                // Let the loop fall asleep with nothing planned.
                sleep(Duration::from_secs(5)).await;
                let plan = |node: &mut Alarm, env: &mut Env<'_>| {
                    node.at = Some(env.now + Duration::from_secs(2));
                    Reply::now(Ok(()))
                };
                host.call(plan).await.unwrap();
                let before = Instant::now();
                loop {
                    sleep(Duration::from_millis(100)).await;
                    let hosted = host.lock();
                    if hosted.node.rung > 0 {
                        return before.elapsed();
                    }
                }
            };
            let took = real_tokio::select! {
                biased;
                took = rung => took,
                never = host.drive() => match never {},
            };
            assert!((2000..2300).contains(&took.as_millis()), "{took:?}");
        });
    }

    #[test]
    fn the_answer_comes_after_the_processing_time_and_the_effect_at_once() {
        paused(async {
            let host = host(Box::new(Discard));
            let before = Instant::now();
            let slow = host.call(|node, _| {
                node.rung = 41;
                let result = Err::<(), _>(tonic::Status::not_found("gone"));
                Reply {
                    after: Duration::from_secs(3),
                    result,
                }
            });
            assert!(
                real_tokio::time::timeout(Duration::from_secs(1), slow)
                    .await
                    .is_err()
            );
            assert_eq!(before.elapsed(), Duration::from_secs(1));
            assert_eq!(host.with(|node, _| node.rung), 41);
        });
    }

    #[test]
    fn the_ledger_line_holds_time_and_event() {
        let mut lines = Lines(Vec::new());
        let key = IndexerKey::new("a.near", "feed");
        lines.record(Time(12_000_034), Event::ExecutorListed { key, version: 7 });
        let text = String::from_utf8(lines.0).unwrap();
        assert_eq!(
            text,
            "12.000034 a.near/feed: executor of version 7 listed\n"
        );
    }
}
