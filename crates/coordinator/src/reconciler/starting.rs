//! When the next step may be a start.

use lifecycle::{Action, Observed, Reason, Step};
use tokio::time::Instant;

use super::Reconciler;
use crate::shared::lock;

impl Reconciler {
    /// The next step. A slot of the start budget is asked for where something would be
    /// started now and nowhere else: slots that nobody uses keep others waiting.
    pub(super) fn plan(&self, seen: &mut Observed) -> Step {
        let step = self.decide(seen);
        let shared = &self.shared;
        match &step {
            Step::Apply(action) if is_start(action) => {
                if self.paces.would_hold(seen, action, Instant::now()) {
                    return step;
                }
                seen.start_slot = lock(&shared.budget).reserve(&self.id, shared.now());
                self.decide(seen)
            }
            Step::Wait(wait) if needs_no_start(&wait.reason) => {
                lock(&shared.budget).release(&self.id, shared.now());
                step
            }
            _ => step,
        }
    }

    fn decide(&self, seen: &Observed) -> Step {
        let shared = &self.shared;
        (shared.planner).plan(seen, &shared.knobs.policy, shared.now())
    }
}

fn is_start(action: &Action) -> bool {
    matches!(
        action,
        Action::StartStream { .. } | Action::StartExecutor(_)
    )
}

/// Whether nothing will be started before something changes or a pause is over. Who only
/// cannot see or reach something for a moment keeps its place in line.
fn needs_no_start(reason: &Reason) -> bool {
    matches!(
        reason,
        Reason::Steady
            | Reason::Suspended
            | Reason::Held { .. }
            | Reason::Retry { .. }
            | Reason::GaveUp { .. }
    )
}
