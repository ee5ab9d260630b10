//! Crashing the coordinator at a chosen effect.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

use super::World;
use crate::history::Method;

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

/// Something that only the holder of the coordinator's node can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// Kill it now, and start it again after this.
    CrashCoordinator(Duration),
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
    /// Counts an effect and decides whether the coordinator dies of it.
    pub(crate) fn count_effect(&mut self, method: Method) -> EffectFate {
        if !method.is_effect() {
            return EffectFate::Happens;
        }
        self.counters.effects += 1;
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
        let place = if crash.before { "before" } else { "after" };
        self.fault(format!(
            "the coordinator crashes {place} effect {number} ({method:?})"
        ));
        self.control
            .requests
            .push_back(Request::CrashCoordinator(crash.down));
        self.control.asked.notify_one();
        if crash.before {
            EffectFate::Never
        } else {
            EffectFate::HappensUnheard
        }
    }
}
