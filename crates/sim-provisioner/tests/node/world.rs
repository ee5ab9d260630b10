//! The node and what it works with, driven on virtual time.

use std::borrow::Cow;
use std::time::Duration;

use proto::data_layer::{DeprovisionRequest, GetTaskStatusRequest, ProvisionRequest, TaskStatus};
use sim_node::chain::{Chain, ChainConfig};
use sim_node::{Env, Event, IndexerKey, Node, Time, VecLedger};
use sim_provisioner::{Completeness, Config, DataLayer, ProvisionerCore, Stage};
use sim_store::RedisModel;
use tonic::Code;

pub struct World {
    pub node: ProvisionerCore,
    pub now: Time,
    pub ledger: VecLedger,
    redis: RedisModel,
    chain: Chain,
}

impl World {
    pub fn new() -> World {
        World::with(Config::default())
    }

    pub fn with(config: Config) -> World {
        World {
            node: ProvisionerCore::new(config, 7, 0, DataLayer::default()),
            now: Time::SIMULATION_START,
            ledger: VecLedger::default(),
            redis: RedisModel::new(sim_store::Config::default()),
            chain: Chain::synthetic(ChainConfig::default(), 7),
        }
    }

    pub fn act<T>(&mut self, act: impl FnOnce(&mut ProvisionerCore, &mut Env<'_>) -> T) -> T {
        let mut env = Env {
            now: self.now,
            redis: &mut self.redis,
            chain: &mut self.chain,
            ledger: &mut self.ledger,
        };
        act(&mut self.node, &mut env)
    }

    /// Lets time pass, stopping at everything the node does by itself.
    pub fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(at) = self.node.next_event()
            && at <= end
        {
            self.now = at;
            self.act(|node, env| node.advance(env));
        }
        self.now = end;
    }

    /// Lets time pass until every task ended.
    pub fn settle(&mut self) {
        while let Some(at) = self.node.next_event() {
            self.now = at;
            self.act(|node, env| node.advance(env));
        }
    }

    /// Lets time pass until a task has done `stage`.
    pub fn settle_until(&mut self, wanted: Stage) {
        let name = wanted.name();
        let is_it =
            |event: &Event| matches!(event, Event::TaskStage { stage, .. } if *stage == name);
        let done = |world: &World| world.ledger.events.iter().any(|(_, event)| is_it(event));
        while !done(self) {
            self.now = self.node.next_event().unwrap();
            self.act(|node, env| node.advance(env));
        }
    }

    pub fn try_provision(&mut self, name: &str, schema: &str) -> Result<String, tonic::Status> {
        let key = IndexerKey::parse(name).unwrap();
        let request = ProvisionRequest {
            account_id: key.account().into(),
            function_name: key.function().into(),
            schema: schema.into(),
        };
        let reply = self.act(|node, env| node.start_provisioning_task(env, request));
        assert_eq!(reply.after, Duration::ZERO);
        reply.result.map(|answer| answer.task_id)
    }

    pub fn provision(&mut self, name: &str) -> String {
        self.try_provision(name, "CREATE TABLE t (x int)").unwrap()
    }

    pub fn deprovision(&mut self, name: &str) -> String {
        let key = IndexerKey::parse(name).unwrap();
        let request = DeprovisionRequest {
            account_id: key.account().into(),
            function_name: key.function().into(),
        };
        let reply = self.act(|node, env| node.start_deprovisioning_task(env, request));
        reply.result.unwrap().task_id
    }

    pub fn status(&mut self, task: &str) -> Result<TaskStatus, Code> {
        let request = GetTaskStatusRequest {
            task_id: task.into(),
        };
        let reply = self.act(|node, env| node.get_task_status(env, request));
        let answer = reply.result.map_err(|status| status.code())?;
        Ok(TaskStatus::try_from(answer.status).unwrap())
    }

    pub fn provisioned(&mut self, name: &str) -> TaskStatus {
        let task = self.provision(name);
        self.settle();
        self.status(&task).unwrap()
    }

    pub fn deprovisioned(&mut self, name: &str) -> TaskStatus {
        let task = self.deprovision(name);
        self.settle();
        self.status(&task).unwrap()
    }

    pub fn crash(&mut self) {
        self.act(|node, env| node.die(env));
    }

    pub fn completeness(&self, name: &str) -> Completeness {
        self.node
            .layer()
            .completeness(&IndexerKey::parse(name).unwrap())
    }

    /// The stages that `task` did, in order.
    pub fn stages(&self, wanted: &str) -> Vec<&'static str> {
        let events = self.ledger.events.iter();
        events
            .filter_map(|(_, event)| match event {
                Event::TaskStage {
                    task,
                    stage: Cow::Borrowed(stage),
                    ..
                } if task == wanted => Some(*stage),
                _ => None,
            })
            .collect()
    }
}
