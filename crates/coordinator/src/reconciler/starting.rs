//! When the next step may be a start.

use lifecycle::{Action, Observed, Reason, Step, Wait};
use tokio::time::Instant;

use super::{Next, Reconciler, Trouble};
use crate::desired::HEIGHT_JUMP_MAX;
use crate::shared::lock;
use crate::store::keys;

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

    /// Writes the first record of what is `registered` in that version, unless that is
    /// older than what somebody acted upon: whoever was frozen, or was cut off from the
    /// registry, would bring back what another coordinator has deleted meanwhile.
    /// So would whoever read before it was frozen, in a round that `began` long ago.
    pub(super) async fn begin(&mut self, registered: Option<u64>, began: Instant) -> Next {
        let first = self.shared.records.first_record(&self.id, registered).await;
        let first = match first {
            Ok(first) => first,
            Err(error) => return Next::Pause(Trouble::Store(error.to_string())),
        };
        let newer = self.shared.newer_deletion(&self.id, &first);
        self.tell_of_false_height(first.acted_upon, newer);
        if let Some(running) = newer {
            let answered = lock(&self.shared.desired).known_at(&self.id);
            return Next::Sleep {
                wait: Wait {
                    reason: Reason::StaleRegistry { running, answered },
                    until: Some(self.shared.now() + self.shared.knobs.policy.recheck),
                },
                settled: false,
            };
        }
        if self.is_outdated(began) {
            return Next::Again;
        }
        self.commit(None, &first.record).await
    }

    /// People are told of a stored height that is so far above what is `newer` than all
    /// that was heard that it must be false: nobody new would ever be begun.
    fn tell_of_false_height(&self, stored: Option<u64>, newer: Option<u64>) {
        let heard = lock(&self.shared.desired).height();
        let mut health = lock(&self.shared.health);
        match newer.filter(|height| height.saturating_sub(heard) > HEIGHT_JUMP_MAX) {
            Some(height) => health.set_unreadable(
                keys::REGISTRY_HEIGHT,
                &format!(
                    "block {height} is far above block {heard}, as of which the registry \
                     answers; until it is lowered (`coordinator state height --lower-to`) no \
                     indexer without a record is begun"
                ),
            ),
            None if stored.is_some() => health.set_readable(keys::REGISTRY_HEIGHT),
            None => {}
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
