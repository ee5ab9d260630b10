//! Whether the service is ready, looked at from time to time.

use std::sync::Arc;
use std::time::Duration;

use coordinator::Clock;
use coordinator::admin::AdminService;
use coordinator::store::StoreError;
use registry_file::FileRegistry;
use store_redis::RedisStore;
use telemetry::Readiness;
use tokio::time::timeout;

use crate::boot::stores::{Records, probe_redis};

/// Pause between two looks.
const PERIOD: Duration = Duration::from_secs(2);

const STORE: &str = "store";
const REDIS: &str = "redis";
const RECORDS: &str = "records";
const REGISTRY: &str = "registry";

/// What the checks look at.
pub struct Checks {
    /// Where they are told.
    pub readiness: Readiness,
    /// Where the records are.
    pub records: Records,
    /// The Redis of the services.
    pub redis: RedisStore,
    /// The registry, if it is a file.
    pub registry_file: Option<Arc<FileRegistry>>,
    /// Whether the store is something else than that Redis.
    pub separate: bool,
    /// Whether writes matter: a shadow makes none, and may look at a replica.
    pub writes: bool,
    /// The coordinator.
    pub admin: Arc<AdminService>,
    /// The coordinator's clock.
    pub clock: Arc<dyn Clock>,
    /// Deadline of a store command.
    pub deadline: Duration,
}

/// Checks that have not been looked at; `separate` as in [`Checks`].
#[must_use]
pub fn readiness(separate: bool) -> Readiness {
    match separate {
        true => Readiness::new(&[STORE, REDIS, RECORDS, REGISTRY]),
        false => Readiness::new(&[STORE, RECORDS, REGISTRY]),
    }
}

impl Checks {
    /// Looks again and again, until it is dropped.
    pub async fn run(self) {
        let mut introduced = false;
        let mut was_ready = false;
        loop {
            let redis_answers = self.look().await;
            if redis_answers && !introduced {
                introduced = introduce(&self.redis, self.deadline).await;
            }
            let is_ready = self.readiness.is_ready();
            if is_ready && !was_ready {
                tracing::info!("ready: the store answers and the registry was read");
            }
            was_ready = is_ready;
            tokio::time::sleep(PERIOD).await;
        }
    }

    /// Looks once; true if the Redis of the services answers.
    async fn look(&self) -> bool {
        let store = probe(self.records.probe(self.writes), self.deadline).await;
        let redis_answers = match self.separate {
            true => {
                let redis = probe_redis(&self.redis, self.writes, None);
                let redis = probe(redis, self.deadline).await;
                self.tell(REDIS, &redis);
                redis.is_ok()
            }
            false => store.is_ok(),
        };
        let problem = store.as_ref().err().map(String::as_str);
        self.admin.note_store_problem(problem);
        self.tell(STORE, &store);
        let overview = self.admin.overview();
        match overview.loaded {
            true => self.readiness.set(RECORDS, true, "read"),
            false => {
                let why = overview.store_problem.as_deref();
                let why = why.map_or_else(String::new, |why| format!(": {why}"));
                let told = format!("not read yet{why}");
                self.readiness.set(RECORDS, false, told);
            }
        }
        // What it said once holds until it says something else: an outage of the
        // registry stops no repair, and another replica would see it too.
        match overview.registry_answered {
            Some(at) => {
                let age = self.clock.now().since(at).as_secs();
                let listed = overview.registered;
                let mut detail = format!("{listed} indexers, read {age} s ago");
                if let Some(problem) = self.problem().or(overview.registry_problem) {
                    detail.push_str(&format!("; what was read stays in force: {problem}"));
                }
                self.readiness.set(REGISTRY, true, detail);
            }
            None => {
                let why = self.problem().or(overview.registry_problem);
                let why = why.unwrap_or_else(|| match overview.loaded {
                    true => "not read yet".to_owned(),
                    false => "not asked yet: the records are read first".to_owned(),
                });
                self.readiness.set(REGISTRY, false, why);
            }
        }
        redis_answers
    }

    /// The first thing that is wrong with the registry's file, if anything is.
    fn problem(&self) -> Option<String> {
        let problems = self.registry_file.as_ref()?.problems();
        problems.first().map(ToString::to_string)
    }

    fn tell(&self, name: &'static str, result: &Result<(), String>) {
        match result {
            Ok(()) if self.writes => self.readiness.set(name, true, "answers and takes writes"),
            Ok(()) => self.readiness.set(name, true, "answers"),
            Err(why) => self.readiness.set(name, false, why.as_str()),
        }
    }
}

/// Whether the question is answered well within `deadline`.
///
/// # Errors
/// Why not, for people.
pub async fn probe(
    question: impl Future<Output = Result<(), StoreError>>,
    deadline: Duration,
) -> Result<(), String> {
    match timeout(deadline, question).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("no answer within {deadline:?}")),
    }
}

/// Says which Redis it is, and what operators should change about it.
async fn introduce(redis: &RedisStore, deadline: Duration) -> bool {
    let Ok(Ok(info)) = timeout(deadline, redis.server_info()).await else {
        return false;
    };
    let endpoint = redis.endpoint();
    tracing::info!(endpoint, version = info.version, role = %info.role, "Redis answers");
    for warning in info.warnings() {
        tracing::warn!(endpoint, "Redis: {warning}");
    }
    true
}
