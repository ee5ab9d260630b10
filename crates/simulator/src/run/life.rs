//! The coordinator's lives: starting, crashing, freezing it.

use std::sync::Arc;

use coordinator::admin::AdminService;
use coordinator::{Coordinator, Knobs, LoopStatus};
use madsim::runtime::{Handle, NodeHandle};
use sim_node::IndexerKey;
use tokio_util::sync::CancellationToken;

use crate::history::{AdminCommand, Event, Incarnation, NodeName};
use crate::planted::{self, Planted};
use crate::transport;
use crate::world::{Said, SharedWorld};

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

/// One life of the coordinator, on a node of its own.
pub struct Life {
    node: NodeHandle,
    coordinator: Arc<Coordinator>,
    incarnation: Incarnation,
}

impl Life {
    /// Starts the next life; `planted` is the bug that it has.
    pub fn start(world: &SharedWorld, knobs: &Knobs, planted: Option<&Planted>) -> Life {
        let incarnation = {
            let mut guard = world.enter();
            guard.incarnation += 1;
            let incarnation = guard.incarnation;
            guard.restart(NodeName::Coordinator);
            guard.record(Event::CoordinatorStarted { incarnation });
            incarnation
        };
        let ports = transport::ports(world, incarnation);
        let coordinator = planted::coordinator(planted, knobs, ports);
        let (node, coordinator) = spawn(format!("coordinator-{incarnation}"), coordinator);
        Life {
            node,
            coordinator,
            incarnation,
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
        let admin: Arc<AdminService> = self.coordinator.admin();
        let world = world.clone();
        let by = self.incarnation;
        world.enter().record(Event::AdminSent {
            key: key.clone(),
            command,
        });
        self.node.spawn(async move {
            let (account, function) = (key.account(), key.function());
            let result = match command {
                AdminCommand::Enable => admin.enable(CALLER, account, function).await,
                AdminCommand::Disable => admin.disable(CALLER, account, function).await,
                AdminCommand::Hold => admin.hold(CALLER, account, function, HOLD_REASON).await,
                AdminCommand::Release => admin.release(CALLER, account, function).await,
                AdminCommand::Retry => admin.retry(CALLER, account, function).await,
            };
            let error = result.err().map(|error| error.to_string());
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
                error,
            });
        });
    }

    /// What its loops are doing.
    pub fn statuses(&self) -> Vec<LoopStatus> {
        self.coordinator.statuses()
    }
}
