//! Commands about one indexer go one after the other.
//!
//! Each command is tried again while others change the record. Without turns a crowd of
//! commands about one indexer would spend its tries on itself, and an order whose caller
//! has given up, but which is still being tried, could undo a later one that was
//! acknowledged.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use lifecycle::IndexerId;
use tokio::sync::OwnedMutexGuard;
use tokio::time::timeout;

use crate::shared::lock;

type Queue = Arc<tokio::sync::Mutex<()>>;

/// Who is being commanded. An indexer is in it only while a command about it is carried
/// out or waits, so its size is bounded by the number of commands.
#[derive(Debug, Default)]
pub(crate) struct Turns(Mutex<BTreeMap<IndexerId, Queue>>);

/// The turn of one command, or its place in line; it ends when dropped.
pub(super) struct Turn<'a> {
    turns: &'a Turns,
    id: IndexerId,
    queue: Option<Queue>,
    has: Option<OwnedMutexGuard<()>>,
}

impl Turns {
    /// Waits for the turn of a command about `id`, in the order in which they came;
    /// nothing if that takes longer than `patience`.
    pub(super) async fn take(&self, id: &IndexerId, patience: Duration) -> Option<Turn<'_>> {
        let queue = Arc::clone(lock(&self.0).entry(id.clone()).or_default());
        let mut turn = Turn {
            turns: self,
            id: id.clone(),
            queue: Some(Arc::clone(&queue)),
            has: None,
        };
        let waits = queue.lock_owned();
        turn.has = Some(timeout(patience, waits).await.ok()?);
        Some(turn)
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        lock(&self.0).len()
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.has = None;
        let mut queues = lock(&self.turns.0);
        self.queue = None;
        // Others come to it only through the map, which is locked.
        if queues
            .get(&self.id)
            .is_some_and(|it| Arc::strong_count(it) == 1)
        {
            queues.remove(&self.id);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use futures_util::FutureExt;
    use futures_util::future::join_all;
    use tokio::time::Instant;

    use super::*;
    use crate::admin::{AdminError, AdminService};
    use crate::knobs::Knobs;
    use crate::shared::Shared;
    use crate::testing::{Fault, World, id, pass};

    fn admin(world: &Arc<World>, knobs: Knobs) -> (Arc<Shared>, AdminService) {
        let shared = Arc::new(Shared::new(knobs, world.ports(), false));
        (shared.clone(), AdminService::new(shared))
    }

    #[tokio::test(start_paused = true)]
    async fn a_crowd_of_commands_about_one_indexer_is_carried_out_in_order() {
        let world = World::new();
        world.register("a.near/f");
        let knobs = Knobs {
            store_deadline: Duration::from_secs(600),
            ..Knobs::default()
        };
        let (shared, admin) = admin(&world, knobs);
        world.fault("get_many", Some(Fault::Slow));
        let commands = (0..50).map(|nth| match nth % 2 {
            0 => admin.enable("olga", "a.near", "f").boxed(),
            _ => admin.disable("olga", "a.near", "f").boxed(),
        });
        for (nth, result) in join_all(commands).await.iter().enumerate() {
            assert_eq!(*result, Ok(()), "{nth}");
        }
        assert_eq!(world.calls("compare_and_set"), 50);
        assert!(
            !world.record("a.near/f").unwrap().enabled,
            "the last counts"
        );
        assert_eq!(shared.turns.len(), 0);
    }

    /// Its caller may have gone meanwhile.
    #[tokio::test(start_paused = true)]
    async fn a_command_that_asks_the_registry_for_long_keeps_its_place() {
        let world = World::new();
        world.register("a.near/f");
        let (_, admin) = admin(&world, Knobs::default());
        world.fault("read_indexer_function", Some(Fault::Slow));
        let (first, second) = tokio::join!(admin.enable("olga", "a.near", "f"), async {
            world.fault("read_indexer_function", None);
            admin.disable("olga", "a.near", "f").await
        });
        assert_eq!((first, second), (Ok(()), Ok(())));
        assert!(
            !world.record("a.near/f").unwrap().enabled,
            "the last counts"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_too_long_for_others_is_refused_and_changes_nothing() {
        let world = World::new();
        world.register("a.near/f");
        let (shared, admin) = admin(&world, Knobs::default());
        world.fault("compare_and_set", Some(Fault::Hangs));
        let (first, second) = tokio::join!(admin.disable("olga", "a.near", "f"), async {
            pass(1).await;
            let began = Instant::now();
            let other = admin.enable("olga", "a.near", "g").now_or_never();
            assert!(other.is_none(), "another indexer has turns of its own");
            let result = admin.enable("olga", "a.near", "f").await;
            (result, began.elapsed())
        });
        assert!(
            matches!(first, Err(AdminError::Unavailable(_))),
            "{first:?}"
        );
        let (second, waited) = second;
        let refusal = "nothing is changed: other commands about a.near/f are before it";
        assert!(
            matches!(&second, Err(AdminError::NotNow(why)) if why.starts_with(refusal)),
            "{second:?}"
        );
        assert!(waited < Duration::from_secs(10), "{waited:?}");
        world.fault("compare_and_set", None);
        assert_eq!(admin.enable("olga", "a.near", "f").await, Ok(()));
        assert_eq!(shared.turns.len(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_goes_away_leaves_its_place() {
        let turns = Turns::default();
        let (one, other) = (id("a.near/f"), id("b.near/g"));
        let first = turns.take(&one, Duration::ZERO).await;
        assert!(first.is_some());
        assert!(turns.take(&other, Duration::ZERO).await.is_some());
        assert!(turns.take(&one, Duration::from_secs(5)).await.is_none());
        let waits = turns.take(&one, Duration::from_secs(5));
        assert!(waits.now_or_never().is_none());
        assert_eq!(turns.len(), 1);
        drop(first);
        assert!(turns.take(&one, Duration::ZERO).await.is_some());
        assert_eq!(turns.len(), 0);
    }
}
