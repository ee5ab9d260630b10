//! The coordinator's lives: starting, crashing, freezing it.

use std::sync::Arc;

use coordinator::admin::AdminService;
use coordinator::{Clock, Coordinator, Knobs, LoopStatus};
use lifecycle::Timestamp;
use madsim::runtime::{Handle, NodeHandle};
use sim_node::IndexerKey;
use tokio_util::sync::CancellationToken;

use crate::history::{AdminCommand, Event, Incarnation, NodeName};
use crate::original::{Original, RESTART};
use crate::planted::{self, Planted};
use crate::report::Logic;
use crate::transport;
use crate::world::{Request, Said, SharedWorld};

/// Who gives the commands.
const CALLER: &str = "simulator";

/// Why an indexer is held.
const HOLD_REASON: &str = "the scenario wants it left alone";

/// Runs a coordinator on a node of its own.
pub(super) fn spawn(name: String, coordinator: Coordinator) -> (NodeHandle, Arc<Coordinator>) {
    let coordinator = Arc::new(coordinator);
    let node = Handle::current().create_node().name(name).build();
    let running = Arc::clone(&coordinator);
    node.spawn(async move { running.run(CancellationToken::new()).await });
    (node, coordinator)
}

/// Runs a coordinator with the original's logic on a node of its own. Should its
/// process end, its container starts the next one.
fn spawn_original(
    name: String,
    world: &SharedWorld,
    incarnation: Incarnation,
) -> (NodeHandle, Arc<Original>) {
    let (ports, beyond) = transport::originals(world, incarnation);
    let original = Arc::new(Original::new(ports, beyond));
    let node = Handle::current().create_node().name(name).build();
    let (running, world) = (Arc::clone(&original), world.clone());
    node.spawn(async move {
        let why = running.run().await;
        let mut world = world.enter();
        let text = format!("the process ends: {why}");
        world.record(Event::Remark { key: None, text });
        let request = Request::CrashCoordinator(RESTART);
        world.control.requests.push_back(request);
        world.control.asked.notify_one();
    });
    (node, original)
}

/// Whoever coordinates in this life.
#[derive(Clone)]
enum Mind {
    Ours(Arc<Coordinator>),
    Original(Arc<Original>),
}

/// One life of the coordinator, on a node of its own.
pub struct Life {
    node: NodeHandle,
    mind: Mind,
    incarnation: Incarnation,
    /// The original has none that does not jump.
    clock: Option<Arc<dyn Clock>>,
}

impl Life {
    /// Starts the next life; `planted` is the bug that it has, if it is
    /// one of ours.
    pub fn start(
        world: &SharedWorld,
        knobs: &Knobs,
        planted: Option<&Planted>,
        logic: Logic,
    ) -> Life {
        let incarnation = {
            let mut guard = world.enter();
            guard.incarnation += 1;
            let incarnation = guard.incarnation;
            guard.restart(NodeName::Coordinator);
            guard.record(Event::CoordinatorStarted { incarnation });
            incarnation
        };
        let name = format!("coordinator-{incarnation}");
        let mut clock = None;
        let (node, mind) = match logic {
            Logic::Ours => {
                let ports = transport::ports(world, incarnation);
                clock = Some(Arc::clone(&ports.clock));
                let coordinator = planted::coordinator(planted, knobs, ports);
                let (node, coordinator) = spawn(name, coordinator);
                (node, Mind::Ours(coordinator))
            }
            Logic::Original => {
                let text = "this coordinator follows the original's logic".to_owned();
                world.enter().record(Event::Remark { key: None, text });
                let (node, original) = spawn_original(name, world, incarnation);
                (node, Mind::Original(original))
            }
        };
        Life {
            node,
            mind,
            incarnation,
            clock,
        }
    }

    /// Ends it at once: nothing it does after this instant is seen.
    pub fn kill(self, world: &SharedWorld) {
        Handle::current().kill(self.node.id());
        let mut world = world.enter();
        world.kill(NodeName::Coordinator);
        world.record(Event::CoordinatorEnded {
            incarnation: self.incarnation,
            orderly: false,
        });
    }

    /// What its clock shows, if it has one of its own.
    pub fn time(&self) -> Option<Timestamp> {
        Some(self.clock.as_ref()?.now())
    }

    /// The how-manieth it is.
    pub fn incarnation(&self) -> Incarnation {
        self.incarnation
    }

    /// Ends it at once, while another one is the coordinator.
    pub fn end(self) {
        Handle::current().kill(self.node.id());
    }

    /// Freezes it.
    pub fn pause(&self) {
        Handle::current().pause(self.node.id());
    }

    /// Thaws it.
    pub fn resume(&self) {
        Handle::current().resume(self.node.id());
    }

    /// Sends an operator's command; its answer goes into the history.
    pub fn command(&self, world: &SharedWorld, key: IndexerKey, command: AdminCommand) {
        let (mind, world, by) = (self.mind.clone(), world.clone(), self.incarnation);
        world.enter().record(Event::AdminSent {
            key: key.clone(),
            command,
            by,
        });
        self.node.spawn(async move {
            let error = match mind {
                Mind::Ours(coordinator) => ask(&coordinator.admin(), &key, command).await,
                Mind::Original(original) => ask_original(&original, &key, command).await,
            };
            let mut world = world.enter();
            world.note_answer(Said {
                key: key.clone(),
                command,
                by,
                acknowledged: error.is_none(),
            });
            world.record(Event::AdminAnswered {
                key,
                command,
                by,
                error,
            });
        });
    }

    /// What its loops are doing; nobody can ask the original.
    pub fn statuses(&self) -> Vec<LoopStatus> {
        match &self.mind {
            Mind::Ours(coordinator) => coordinator.statuses(),
            Mind::Original(_) => Vec::new(),
        }
    }
}

async fn ask(admin: &AdminService, key: &IndexerKey, command: AdminCommand) -> Option<String> {
    let (account, function) = (key.account(), key.function());
    let result = match command {
        AdminCommand::Enable => admin.enable(CALLER, account, function).await,
        AdminCommand::Disable => admin.disable(CALLER, account, function).await,
        AdminCommand::Hold => admin.hold(CALLER, account, function, HOLD_REASON).await,
        AdminCommand::Release => admin.release(CALLER, account, function).await,
        AdminCommand::Retry => admin.retry(CALLER, account, function).await,
    };
    result.err().map(|error| error.to_string())
}

async fn ask_original(
    original: &Original,
    key: &IndexerKey,
    command: AdminCommand,
) -> Option<String> {
    let (account, function) = (key.account(), key.function());
    let result = match command {
        AdminCommand::Enable => original.switch(account, function, true).await,
        AdminCommand::Disable => original.switch(account, function, false).await,
        AdminCommand::Hold | AdminCommand::Release | AdminCommand::Retry => {
            Err("UNIMPLEMENTED: the original has no such command".to_owned())
        }
    };
    result.err()
}
