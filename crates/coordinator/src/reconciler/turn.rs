//! Its place among those that want to be provisioned.

use lifecycle::Step;

use super::Reconciler;
use crate::store::Stored;

impl Reconciler {
    /// The gate mirrors what the record says.
    pub(super) fn sync_gate(&self, stored: Option<&Stored>) {
        match stored.and_then(|stored| stored.record.task.as_ref()) {
            Some(task) => self.shared.hold_gate(&self.id, task.since),
            None => self.shared.release_gate(&self.id),
        }
    }

    /// If it was called, and the next `step` begins no task, another one is called: who was
    /// deleted or is held keeps nobody waiting.
    pub(super) fn pass_turn(&self, step: &Step) {
        if !matches!(step, Step::Commit(next) if next.task.is_some()) {
            self.shared.decline_gate(&self.id);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::knobs::Knobs;
    use crate::testing::{Fault, World, pass};

    #[tokio::test(start_paused = true)]
    async fn who_is_held_while_it_waits_keeps_nobody_waiting() {
        let world = World::new();
        world.fault("get_task_status", Some(Fault::Fails));
        let names = ["a.near/1", "a.near/2", "a.near/3", "a.near/4", "a.near/5"];
        for name in names {
            world.register(name);
        }
        let running = world.run(Knobs {
            tick: Duration::from_secs(30),
            ..Knobs::default()
        });
        pass(60).await;
        let begun = |name| {
            let record = world.record(name).unwrap();
            record.task.is_some() || record.provisioned
        };
        let waiting: Vec<_> = names.into_iter().filter(|name| !begun(name)).collect();
        let [one, two, three, last] = waiting[..] else {
            panic!("one task of an account at a time: {waiting:?} wait");
        };
        // They are called in the order of names.
        let admin = running.coordinator.admin();
        for name in [one, two, three] {
            let function = name.trim_start_matches("a.near/");
            admin
                .hold("olga", "a.near", function, "look")
                .await
                .unwrap();
        }
        pass(5).await;
        world.fault("get_task_status", None);
        pass(10).await;
        assert!(begun(last), "it does not wait a tick for each of them");
        running.shut_down().await;
    }
}
