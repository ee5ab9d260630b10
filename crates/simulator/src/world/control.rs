//! Crashing the coordinator at a chosen effect.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use sim_node::IndexerKey;
use tokio::sync::Notify;

use super::World;
use crate::history::{AdminCommand, Incarnation, Method};
use crate::sweep::Kind;

/// A crash of the coordinator that waits for an effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CrashAt {
    /// The number of the effect, counted over the whole run.
    pub effect: u64,
    /// Crash before the effect happens, or right after.
    pub before: bool,
    /// How long it stays down.
    pub down: Duration,
}

/// Something that only the holder of the coordinator's node can do, or users and
/// operators.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Kill it now, and start it again after this.
    CrashCoordinator(Duration),
    /// Freeze it, start another one, and thaw it later.
    Depose,
    /// Change what is wanted of an indexer, and change it back.
    Change(Kind, IndexerKey),
}

/// What the coordinator said to an operator's command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// The indexer.
    pub key: IndexerKey,
    /// The command.
    pub command: AdminCommand,
    /// The life that answered.
    pub by: Incarnation,
    /// Whether it acknowledged the command.
    pub acknowledged: bool,
}

/// Pending crashes, and requests to carry them out.
#[derive(Default)]
pub struct Control {
    /// Crashes that wait for their effect.
    pub crashes: Vec<CrashAt>,
    /// Requests not yet carried out.
    pub requests: VecDeque<Request>,
    /// Told when there is a request.
    pub asked: Arc<Notify>,
    /// Answers to operators who repeat their commands until they are heard; none
    /// are kept while nobody does.
    pub said: Option<Vec<Said>>,
    /// Whether somebody waits for an answer to give the next command.
    pub hurry: bool,
}

/// What is to become of an effect that arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EffectFate {
    /// It happens.
    Happens,
    /// It happens, but its sender is dead before it hears of it.
    HappensUnheard,
    /// Its sender is dead before it happens.
    Never,
}

impl World {
    /// Takes note of an answer to an operator.
    pub(crate) fn note_answer(&mut self, said: Said) {
        if let Some(all) = &mut self.control.said {
            all.push(said);
            if self.control.hurry {
                self.control.asked.notify_one();
            }
        }
    }

    /// The coordinator dies of a call that arrives now.
    pub(crate) fn crash_at_call(&mut self, what: &str, before: bool, down: Duration) -> EffectFate {
        let place = if before { "before" } else { "after" };
        self.fault(format!("the coordinator crashes {place} {what}"));
        let request = Request::CrashCoordinator(down);
        self.control.requests.push_back(request);
        self.control.asked.notify_one();
        match before {
            true => EffectFate::Never,
            false => EffectFate::HappensUnheard,
        }
    }

    /// Counts an effect and decides whether the coordinator dies of it.
    pub(crate) fn count_effect(&mut self, method: Method) -> EffectFate {
        if !method.is_effect() {
            return EffectFate::Happens;
        }
        self.counters.effects += 1;
        let writes = matches!(method, Method::StoreCompareAndSet | Method::StoreSetAdd);
        if !writes {
            self.counters.moved_at = self.now;
        }
        let number = self.counters.effects;
        let Some(nth) = self
            .control
            .crashes
            .iter()
            .position(|crash| crash.effect == number)
        else {
            return EffectFate::Happens;
        };
        let crash = self.control.crashes.remove(nth);
        let what = format!("effect {number} ({method:?})");
        self.crash_at_call(&what, crash.before, crash.down)
    }
}
