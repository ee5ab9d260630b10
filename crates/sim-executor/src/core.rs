//! The node itself: executors by id, their starts and stops, their workers.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use proto::runner::{
    ExecutionState, ExecutorInfo, GetExecutorRequest, ListExecutorsRequest, ListExecutorsResponse,
    StartExecutorRequest, StartExecutorResponse, StopExecutorRequest, StopExecutorResponse,
};
use sim_node::{Env, Event, IndexerKey, Node, Reply, Time, WorkerStopReason, executor_id};
use tonic::Status;

use crate::Config;
use crate::agenda::{Agenda, Due};
use crate::crew::Crew;
use crate::entry::{Behind, Entry, Stopping};
use crate::faults::{Faults, StartFault};
use crate::worker::{Assignment, Code};

/// A start that was answered and is not through.
struct PendingStart {
    assignment: Assignment,
    fails: bool,
    /// When it is through; `None` if it hangs.
    at: Option<Time>,
}

/// The fake executor service: a map of executors, their workers, and workers
/// that nobody owns any more. Everything in it is lost when the process dies.
pub struct ExecutorCore {
    pub(crate) config: Config,
    pub(crate) entries: BTreeMap<IndexerKey, Entry>,
    by_id: HashMap<Arc<str>, IndexerKey>,
    starts: BTreeMap<u64, PendingStart>,
    pub(crate) crew: Crew,
    pub(crate) agenda: Agenda,
    pub(crate) faults: Faults,
    next_start: u64,
    next_serial: u64,
}

impl ExecutorCore {
    /// An empty node. Values of `config` outside the range their field names are
    /// brought into it. Its workers are numbered from `serial_base`.
    pub fn new(config: Config, serial_base: u64) -> ExecutorCore {
        ExecutorCore {
            config: config.clamped(),
            entries: BTreeMap::new(),
            by_id: HashMap::new(),
            starts: BTreeMap::new(),
            crew: Crew::default(),
            agenda: Agenda::default(),
            faults: Faults::default(),
            next_start: 0,
            next_serial: serial_base,
        }
    }

    /// Timings and habits from now on; what has been scheduled stays.
    pub fn set_config(&mut self, config: Config) {
        self.config = config.clamped();
    }

    /// The serial number that the next worker gets.
    pub fn next_serial(&self) -> u64 {
        self.next_serial
    }

    /// StartExecutor: lists an executor and answers; its worker comes later.
    ///
    /// INVALID_ARGUMENT if a text is blank, ALREADY_EXISTS if the indexer has an
    /// executor of any version in any state, INTERNAL by fault. Not idempotent.
    pub fn start_executor(
        &mut self,
        env: &mut Env<'_>,
        request: StartExecutorRequest,
    ) -> Reply<StartExecutorResponse> {
        self.advance(env);
        Reply::now(self.start(env, request))
    }

    fn start(
        &mut self,
        env: &mut Env<'_>,
        request: StartExecutorRequest,
    ) -> Result<StartExecutorResponse, Status> {
        refuse_blank("redisStream", &request.redis_stream)?;
        refuse_blank("accountId", &request.account_id)?;
        refuse_blank("functionName", &request.function_name)?;
        refuse_blank("code", &request.code)?;
        refuse_blank("schema", &request.schema)?;
        let key = IndexerKey::new(&request.account_id, &request.function_name);
        if let Some(entry) = self.entries.get(&key) {
            return Err(Status::already_exists(format!(
                "executor {} already exists",
                entry.id
            )));
        }
        let fault = self.faults.take_start(&key);
        if fault == Some(StartFault::Refused) {
            return Err(Status::internal("the executor could not be constructed"));
        }
        let at = match fault {
            Some(StartFault::Hang) => None,
            Some(StartFault::Slow(delay)) => Some(env.now + delay),
            _ => Some(env.now + self.config.start_delay),
        };
        let start = self.next_start;
        self.next_start += 1;
        let version = request.version;
        let assignment = Assignment {
            key: key.clone(),
            stream: request.redis_stream.into(),
            version,
            code: Code::of(&request.code, &self.config),
        };
        let fails = fault == Some(StartFault::Fail);
        self.starts.insert(
            start,
            PendingStart {
                assignment,
                fails,
                at,
            },
        );
        if let Some(at) = at {
            self.agenda.add(at, Due::Start(start));
        }
        let id: Arc<str> = executor_id(&key).into();
        let (account, function) = (&*request.account_id, &*request.function_name);
        let entry = Entry::new(id.clone(), account, function, version, start);
        env.record(Event::ExecutorListed {
            key: key.clone(),
            version,
        });
        env.record(Event::ExecutorState {
            key: key.clone(),
            state: entry.state().into(),
        });
        self.by_id.insert(id.clone(), key.clone());
        self.entries.insert(key, entry);
        Ok(StartExecutorResponse {
            executor_id: id.to_string(),
        })
    }

    /// StopExecutor: terminates the worker, then forgets the executor, then
    /// answers. Until then the entry stands, STOPPED.
    ///
    /// INVALID_ARGUMENT if the id is blank, NOT_FOUND if unknown, INTERNAL (the
    /// entry and its worker stay) if the worker cannot be terminated.
    pub fn stop_executor(
        &mut self,
        env: &mut Env<'_>,
        request: StopExecutorRequest,
    ) -> Reply<StopExecutorResponse> {
        self.advance(env);
        let id = request.executor_id;
        if let Err(status) = refuse_blank("executorId", &id) {
            return Reply::now(Err(status));
        }
        let found = self.by_id.get(&*id).cloned();
        let Some((key, entry)) = found.and_then(|key| {
            let entry = self.entries.get_mut(&key)?;
            Some((key, entry))
        }) else {
            return Reply::now(Err(Status::not_found(format!("no executor {id} to stop"))));
        };
        let stopping = match (entry.stopping(), entry.behind) {
            (Some(stopping), _) => stopping,
            (None, Behind::Worker(serial)) if self.crew.contains(serial) => {
                let until = env.now + self.config.stop_delay;
                let stopping = Stopping {
                    until,
                    rejected: self.faults.take_stop(&key),
                };
                entry.set_stopping(env, &key, Some(stopping));
                self.agenda.add(until, Due::Stop(key));
                stopping
            }
            (None, behind) => {
                if let (Behind::Start(start), false) =
                    (behind, self.config.quirks.stop_during_start_leaks_worker)
                {
                    self.cancel_start(start);
                }
                self.unlist(env, &key);
                return Reply::now(Ok(StopExecutorResponse { executor_id: id }));
            }
        };
        let result = if stopping.rejected {
            Err(Status::internal(
                "the worker thread could not be terminated",
            ))
        } else {
            Ok(StopExecutorResponse { executor_id: id })
        };
        Reply {
            after: stopping.until.since(env.now),
            result,
        }
    }

    /// GetExecutor: the indexer's executor, or NOT_FOUND.
    pub fn get_executor(
        &mut self,
        env: &mut Env<'_>,
        request: GetExecutorRequest,
    ) -> Reply<ExecutorInfo> {
        self.advance(env);
        let (account, function) = (&*request.account_id, &*request.function_name);
        let entry = self
            .entries
            .get(&IndexerKey::new(account, function))
            .filter(|entry| {
                // `a/b` + `c` and `a` + `b/c` share a key; the real service compares both parts.
                &*entry.account_id == account && &*entry.function_name == function
            });
        Reply::now(
            entry
                .map(Entry::info)
                .ok_or_else(|| Status::not_found(format!("no executor for {account}/{function}"))),
        )
    }

    /// ListExecutors: every entry of the map. What lost its entry is not in it.
    pub fn list_executors(
        &mut self,
        env: &mut Env<'_>,
        _request: ListExecutorsRequest,
    ) -> Reply<ListExecutorsResponse> {
        self.advance(env);
        let executors = self.entries.values().map(Entry::info).collect();
        Reply::now(Ok(ListExecutorsResponse { executors }))
    }

    /// An entry was added to the queue `redis_stream` at `now`: idle workers read
    /// it at the next point of their grid. Changes nothing for busy ones.
    pub fn note_push(&mut self, redis_stream: &str, now: Time) {
        self.crew
            .announce(&mut self.agenda, redis_stream, now, &self.config);
    }

    /// The queues changed in a way that nobody announced entry by entry, such as a
    /// Redis that came back with older contents: every idle worker reads at the
    /// next point of its grid.
    pub fn note_queues_changed(&mut self, now: Time) {
        self.crew.announce_all(&mut self.agenda, now, &self.config);
    }

    /// The process dies: executors, pending starts and workers are gone, and the
    /// ledger hears of each. The node is then what a fresh process is; serial
    /// numbers go on and planted faults, which belong to its surroundings, stay.
    pub fn die(&mut self, env: &mut Env<'_>) {
        self.crew.die(env);
        for (key, entry) in std::mem::take(&mut self.entries) {
            env.record(Event::ExecutorUnlisted {
                key,
                version: entry.version,
            });
        }
        self.by_id.clear();
        self.starts.clear();
        self.agenda.clear();
    }

    fn finish_start(&mut self, env: &mut Env<'_>, start: u64) {
        let Some(pending) = self.starts.remove(&start) else {
            return;
        };
        let key = pending.assignment.key.clone();
        let behind = Behind::Start(start);
        let owner = self
            .entries
            .get_mut(&key)
            .filter(|entry| entry.behind == behind);
        if pending.fails {
            if let Some(entry) = owner {
                entry.behind = Behind::Nothing;
                self.fall_over(env, &key, self.config.quirks.failed_start_stays_listed);
            }
            return;
        }
        let serial = self.next_serial;
        self.next_serial += 1;
        let owned = owner
            .map(|entry| entry.behind = Behind::Worker(serial))
            .is_some();
        let ready = env.now + self.config.thread_boot;
        let worker = (serial, owned);
        self.crew
            .spawn(env, &mut self.agenda, worker, pending.assignment, ready);
        if owned {
            self.tell(env, &key, ExecutionState::Running);
        }
    }

    fn finish_stop(&mut self, env: &mut Env<'_>, key: &IndexerKey) {
        let Some(entry) = self.entries.get_mut(key) else {
            return;
        };
        let Some(stopping) = entry.stopping() else {
            return;
        };
        if stopping.rejected {
            entry.set_stopping(env, key, None);
            return;
        }
        if let Behind::Worker(serial) = entry.behind {
            self.crew
                .end(env, &mut self.agenda, serial, WorkerStopReason::Terminated);
        }
        self.unlist(env, key);
    }

    fn cancel_start(&mut self, start: u64) {
        if let Some(at) = self.starts.remove(&start).and_then(|pending| pending.at) {
            self.agenda.remove(at, Due::Start(start));
        }
    }

    fn unlist(&mut self, env: &mut Env<'_>, key: &IndexerKey) {
        let Some(entry) = self.entries.remove(key) else {
            return;
        };
        self.by_id.remove(&entry.id);
        if let Some(stopping) = entry.stopping() {
            self.agenda.remove(stopping.until, Due::Stop(key.clone()));
        }
        env.record(Event::ExecutorUnlisted {
            key: key.clone(),
            version: entry.version,
        });
    }

    /// What stood behind the entry is broken; the entry shows it, or goes.
    pub(crate) fn fall_over(&mut self, env: &mut Env<'_>, key: &IndexerKey, stays: bool) {
        if stays {
            self.tell(env, key, ExecutionState::Stalled);
        } else {
            self.unlist(env, key);
        }
    }

    pub(crate) fn tell(&mut self, env: &mut Env<'_>, key: &IndexerKey, state: ExecutionState) {
        if let Some(entry) = self.entries.get_mut(key) {
            entry.tell(env, key, state);
        }
    }
}

impl Node for ExecutorCore {
    fn advance(&mut self, env: &mut Env<'_>) {
        while let Some(due) = self.agenda.pop(env.now) {
            match due {
                Due::Start(start) => self.finish_start(env, start),
                Due::Stop(key) => self.finish_stop(env, &key),
                Due::Worker(serial) => {
                    let report = self.crew.step(
                        env,
                        &mut self.agenda,
                        serial,
                        &self.config,
                        &mut self.faults,
                    );
                    if let Some(report) = report {
                        self.tell(env, &report.key, report.state);
                    }
                }
            }
        }
    }

    fn next_event(&self) -> Option<Time> {
        self.agenda.next()
    }
}

fn refuse_blank(name: &str, value: &str) -> Result<(), Status> {
    if value.trim().is_empty() {
        return Err(Status::invalid_argument(format!(
            "{name} must be a non-empty string"
        )));
    }
    Ok(())
}
