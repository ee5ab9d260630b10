//! The process: its tasks, and the calls that start and show them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use proto::data_layer::{
    DeprovisionRequest, GetTaskStatusRequest, GetTaskStatusResponse, ProvisionRequest,
    StartTaskResponse, TaskStatus,
};
use sim_node::{Env, Event, IndexerKey, Node, Reply, Rng, TaskKind, TaskResult, Time, uuid_from};
use tonic::Status;

use crate::faults::{Faults, StartFault};
use crate::layer::Found;
use crate::names::Names;
use crate::task::Task;
use crate::{Completeness, Config, DataLayer, Stage};

/// How many tasks a process remembers; starts beyond that are refused. (The real
/// service has no bound and never forgets one.)
pub const MAX_TASKS: usize = 1_000_000;

/// The fake data layer service: tasks in memory, over a database that outlives it.
pub struct ProvisionerCore {
    pub(crate) config: Config,
    pub(crate) layer: DataLayer,
    pub(crate) faults: Faults,
    /// Running tasks by the number of their start.
    pub(crate) running: BTreeMap<u64, Task>,
    /// Every task of this process; the map never shrinks.
    known: HashMap<Arc<str>, TaskStatus>,
    /// When running tasks have something to do.
    agenda: BTreeSet<(Time, u64)>,
    /// Running tasks per database.
    busy: HashMap<String, u64>,
    ids: Rng,
    next_serial: u64,
}

impl ProvisionerCore {
    /// A process without tasks over `layer`. Task ids follow from `seed` and
    /// `serial_base`; a later process of the same run gets the number that
    /// [`ProvisionerCore::next_serial`] returned, so that ids never repeat.
    pub fn new(config: Config, seed: u64, serial_base: u64, layer: DataLayer) -> ProvisionerCore {
        ProvisionerCore {
            config,
            layer,
            faults: Faults::default(),
            running: BTreeMap::new(),
            known: HashMap::new(),
            agenda: BTreeSet::new(),
            busy: HashMap::new(),
            ids: Rng::new(seed, &format!("data layer task ids from {serial_base}")),
            next_serial: serial_base,
        }
    }

    /// Timings and habits from now on; what has been scheduled stays.
    pub fn set_config(&mut self, config: Config) {
        self.config = config;
    }

    /// The number that the next task gets.
    pub fn next_serial(&self) -> u64 {
        self.next_serial
    }

    /// StartProvisioningTask: answers at once with the id of a new task, whatever
    /// the arguments and whatever else is running. Not idempotent.
    ///
    /// FAILED_PRECONDITION for a complete data layer only with the quirk
    /// `failed_precondition`; RESOURCE_EXHAUSTED beyond [`MAX_TASKS`].
    pub fn start_provisioning_task(
        &mut self,
        env: &mut Env<'_>,
        request: ProvisionRequest,
    ) -> Reply<StartTaskResponse> {
        self.advance(env);
        let key = IndexerKey::new(&request.account_id, &request.function_name);
        if self.config.quirks.failed_precondition
            && self.layer.completeness(&key) >= Completeness::WithoutCron
        {
            let message = format!("the data layer of {key} is already provisioned");
            return Reply::now(Err(Status::failed_precondition(message)));
        }
        let marker = &self.config.failing_schema;
        let sql = UserSql {
            present: !request.schema.trim().is_empty(),
            fails: !marker.is_empty() && request.schema.contains(marker.as_str()),
        };
        self.start(env, key, TaskKind::Provision, sql)
    }

    /// StartDeprovisioningTask: answers at once with the id of a new task. The
    /// task fails if there is nothing to drop.
    ///
    /// RESOURCE_EXHAUSTED beyond [`MAX_TASKS`].
    pub fn start_deprovisioning_task(
        &mut self,
        env: &mut Env<'_>,
        request: DeprovisionRequest,
    ) -> Reply<StartTaskResponse> {
        self.advance(env);
        let key = IndexerKey::new(&request.account_id, &request.function_name);
        self.start(env, key, TaskKind::Deprovision, UserSql::default())
    }

    /// GetTaskStatus: PENDING, COMPLETE or FAILED; NOT_FOUND for a task that this
    /// process did not start.
    pub fn get_task_status(
        &mut self,
        env: &mut Env<'_>,
        request: GetTaskStatusRequest,
    ) -> Reply<GetTaskStatusResponse> {
        self.advance(env);
        let status = self.known.get(request.task_id.as_str());
        Reply::now(
            status
                .map(|status| GetTaskStatusResponse {
                    status: i32::from(*status),
                })
                .ok_or_else(|| Status::not_found("Provisioning task does not exist")),
        )
    }

    /// The process dies: its tasks end where they are and are forgotten. The node
    /// is then what a fresh process is; the data layer stays, as do planted faults,
    /// which belong to the node's surroundings.
    pub fn die(&mut self, env: &mut Env<'_>) {
        for task in std::mem::take(&mut self.running).into_values() {
            env.record(ended(&task, TaskResult::NodeDied));
        }
        self.known.clear();
        self.agenda.clear();
        self.busy.clear();
    }

    fn start(
        &mut self,
        env: &mut Env<'_>,
        key: IndexerKey,
        kind: TaskKind,
        sql: UserSql,
    ) -> Reply<StartTaskResponse> {
        if self.known.len() >= MAX_TASKS {
            return Reply::now(Err(Status::resource_exhausted("too many tasks")));
        }
        let id: Arc<str> = uuid_from(&mut self.ids).into();
        let names = Names::of(&key);
        let due = match self.faults.take_start(&key) {
            Some(StartFault::Hang) => None,
            Some(StartFault::Delay(delay)) => Some(env.now + delay + self.config.stage_time()),
            None => Some(env.now + self.config.stage_time()),
        };
        let ahead = match kind {
            TaskKind::Provision => Stage::PROVISION,
            TaskKind::Deprovision => Stage::DEPROVISION,
        };
        env.record(Event::TaskStarted {
            key: key.clone(),
            task: id.to_string(),
            kind,
        });
        let task = Task {
            id: id.clone(),
            key,
            kind,
            names,
            found: Found::default(),
            has_user_sql: sql.present,
            user_sql_fails: sql.fails,
            ahead,
            repetitions: 0,
            due,
        };
        let serial = self.next_serial;
        self.next_serial += 1;
        self.agenda.extend(due.map(|at| (at, serial)));
        *self.busy.entry(task.names.database.clone()).or_default() += 1;
        self.running.insert(serial, task);
        self.known.insert(id.clone(), TaskStatus::Pending);
        Reply::now(Ok(StartTaskResponse {
            task_id: id.to_string(),
        }))
    }

    /// The current stage of task `serial` is done, or fails.
    fn finish_stage(&mut self, env: &mut Env<'_>, serial: u64) {
        let Some(task) = self.running.get_mut(&serial) else {
            return;
        };
        let Some(stage) = task.stage() else { return };
        let failed = self.faults.take_failure(&task.key, stage)
            || self.layer.perform(stage, &task.job(&self.config)).is_err();
        if failed {
            match task.pause() {
                Some(pause) => {
                    let at = env.now + pause;
                    task.due = Some(at);
                    self.agenda.insert((at, serial));
                }
                None => self.end(env, serial, TaskResult::Failed),
            }
            return;
        }
        if stage == Stage::Inspect {
            task.found = self.layer.inspect(&task.names);
            task.found.rivals = self.busy.get(&task.names.database).is_some_and(|&n| n > 1);
        } else {
            let (key, task) = (task.key.clone(), task.id.to_string());
            env.record(Event::TaskStage {
                key,
                task,
                stage: stage.name().into(),
            });
        }
        task.step(&self.layer, &self.config);
        if task.stage().is_none() {
            self.end(env, serial, TaskResult::Complete);
        } else {
            let at = env.now + self.config.stage_time();
            task.due = Some(at);
            self.agenda.insert((at, serial));
        }
    }

    fn end(&mut self, env: &mut Env<'_>, serial: u64, result: TaskResult) {
        let Some(task) = self.running.remove(&serial) else {
            return;
        };
        if let Some(tasks) = self.busy.get_mut(&task.names.database) {
            *tasks -= 1;
            if *tasks == 0 {
                self.busy.remove(&task.names.database);
            }
        }
        let status = match result {
            TaskResult::Complete => TaskStatus::Complete,
            TaskResult::Failed | TaskResult::NodeDied => TaskStatus::Failed,
        };
        env.record(ended(&task, result));
        self.known.insert(task.id, status);
    }
}

impl Node for ProvisionerCore {
    fn advance(&mut self, env: &mut Env<'_>) {
        while let Some(&(at, serial)) = self.agenda.first()
            && at <= env.now
        {
            self.agenda.pop_first();
            self.finish_stage(env, serial);
        }
    }

    fn next_event(&self) -> Option<Time> {
        self.agenda.first().map(|(at, _)| *at)
    }
}

/// The user's part of a data layer.
#[derive(Clone, Copy, Default)]
struct UserSql {
    present: bool,
    fails: bool,
}

fn ended(task: &Task, result: TaskResult) -> Event {
    let (key, id) = (task.key.clone(), task.id.to_string());
    Event::TaskEnded {
        key,
        task: id,
        kind: task.kind,
        result,
    }
}
