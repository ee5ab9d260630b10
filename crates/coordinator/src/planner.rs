//! The decisions as a port, so that another policy can be tried from outside.

use lifecycle::{Action, Observed, Outcome, Policy, Record, Step, Target, Timestamp};

/// Decides for one indexer at a time. Whoever implements it must be a pure
/// function of what it is given: nothing may be remembered between two calls, for
/// a crash may come between them.
pub trait Planner: Send + Sync {
    /// The one next step, see [`lifecycle::plan`].
    fn plan(&self, seen: &Observed, policy: &Policy, now: Timestamp) -> Step;

    /// The record after `action`, see [`lifecycle::absorb`].
    fn absorb(
        &self,
        record: &Record,
        action: &Action,
        outcome: &Outcome,
        wanted: Option<Target>,
        policy: &Policy,
        now: Timestamp,
    ) -> Record;
}

/// The planner of the product: the pure functions of the crate `lifecycle`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lifecycle;

impl Planner for Lifecycle {
    fn plan(&self, seen: &Observed, policy: &Policy, now: Timestamp) -> Step {
        lifecycle::plan(seen, policy, now)
    }

    fn absorb(
        &self,
        record: &Record,
        action: &Action,
        outcome: &Outcome,
        wanted: Option<Target>,
        policy: &Policy,
        now: Timestamp,
    ) -> Record {
        lifecycle::absorb(record, action, outcome, wanted, policy, now)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use lifecycle::{Phase, Reason};
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::testing::{World, pass};
    use crate::{Coordinator, Knobs};

    /// Provisions, and nothing beyond.
    struct Idler;

    impl Planner for Idler {
        fn plan(&self, seen: &Observed, policy: &Policy, now: Timestamp) -> Step {
            match Lifecycle.plan(seen, policy, now) {
                Step::Apply(Action::StartExecutor(_) | Action::StartStream { .. }) => {
                    Step::Wait(lifecycle::Wait {
                        reason: Reason::StartBudget,
                        until: None,
                    })
                }
                step => step,
            }
        }

        fn absorb(
            &self,
            record: &Record,
            action: &Action,
            outcome: &Outcome,
            wanted: Option<Target>,
            policy: &Policy,
            now: Timestamp,
        ) -> Record {
            Lifecycle.absorb(record, action, outcome, wanted, policy, now)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn another_planner_decides_instead() {
        let world = World::new();
        world.register("a.near/f");
        let planner = Arc::new(Idler);
        let coordinator = Coordinator::with_planner(Knobs::default(), world.ports(), planner);
        tokio::spawn(async move { coordinator.run(CancellationToken::new()).await });
        pass(60).await;
        assert_eq!(world.record("a.near/f").unwrap().phase, Phase::Running);
        assert!(!world.has_executor("a.near/f") && !world.has_stream("a.near/f"));

        let shadow =
            Coordinator::shadow_with_planner(Knobs::default(), world.ports(), Arc::new(Idler));
        let shadow = Arc::new(shadow);
        let running = Arc::clone(&shadow);
        tokio::spawn(async move { running.run(CancellationToken::new()).await });
        pass(60).await;
        let report = shadow.admin().shadow_report(None, 10, false);
        assert_eq!(report.entries.len(), 1);
        assert!(
            report.entries[0].would.contains("starts are spread"),
            "{report:?}"
        );
    }
}
