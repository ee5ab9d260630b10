//! Holds back an action that is acknowledged again and again without effect.
//!
//! A call that fails is put off by the record. One that is answered with "done"
//! leaves no trace there; if the service then shows the same as before, the same
//! action is planned at once, for ever.

use std::collections::BTreeMap;
use std::time::Duration;

use lifecycle::{Action, Backoff, Cause, Desired, IndexerId, Observed, Reason, Wait};
use tokio::time::Instant;

use crate::knobs::Knobs;
use crate::shared::Shared;

/// What the actions were taken for.
type Goal = (Desired, bool);

/// The actions that were acknowledged since the indexer was last settled for a
/// while, or since something else was wanted of it.
#[derive(Debug)]
pub(super) struct Paces {
    pauses: Backoff,
    memory: Duration,
    lasting: Duration,
    goal: Option<Goal>,
    settled_since: Option<Instant>,
    /// How many orders to retry there were.
    retries: u64,
    done: BTreeMap<&'static str, Pace>,
}

#[derive(Debug)]
struct Pace {
    times: u32,
    last_at: Instant,
}

impl Paces {
    /// Nothing was done yet.
    pub(super) fn new(knobs: &Knobs) -> Paces {
        Paces {
            pauses: knobs.repeat,
            memory: knobs.repeat_memory,
            lasting: knobs.repeat_lasting,
            goal: None,
            settled_since: None,
            retries: 0,
            done: BTreeMap::new(),
        }
    }

    /// Everything is as wanted: if it stays so, whatever was done had its effect.
    pub(super) fn settled(&mut self, now: Instant) {
        self.settled_since.get_or_insert(now);
    }

    /// Takes note that the service acknowledged `action`.
    pub(super) fn acknowledged(&mut self, action: &Action, now: Instant) {
        let pace = self.done.entry(action.name()).or_insert(Pace {
            times: 0,
            last_at: now,
        });
        if now.saturating_duration_since(pace.last_at) >= self.memory {
            pace.times = 0;
        }
        pace.times = pace.times.saturating_add(1);
        pace.last_at = now;
    }

    /// Forgets what was done if an order to retry was given since: by now there are
    /// `retries` of them.
    pub(super) fn ordered(&mut self, retries: u64) {
        if std::mem::replace(&mut self.retries, retries) != retries {
            self.done.clear();
        }
    }

    /// A wait if it is too early to repeat `action`. Another goal ends every such
    /// wait.
    pub(super) fn hold(
        &mut self,
        seen: &Observed,
        action: &Action,
        now: Instant,
        shared: &Shared,
    ) -> Option<Wait> {
        let goal = goal(seen);
        if self.goal.as_ref() != Some(&goal) {
            self.goal = Some(goal);
            self.done.clear();
        }
        self.review(now);
        let (attempts, rest) = self.rest(&seen.id, action, now)?;
        Some(Wait {
            reason: Reason::Retry {
                cause: cause(action),
                attempts,
                detail: "it was acknowledged, and had no effect".to_owned(),
            },
            until: Some(shared.now() + rest),
        })
    }

    /// Whether [`Paces::hold`] would have it wait.
    pub(super) fn would_hold(&self, seen: &Observed, action: &Action, now: Instant) -> bool {
        self.goal.as_ref() == Some(&goal(seen))
            && !self.has_lasted(now)
            && self.rest(&seen.id, action, now).is_some()
    }

    /// Forgets what was done if it has lasted.
    fn review(&mut self, now: Instant) {
        if self.has_lasted(now) {
            self.done.clear();
        }
        self.settled_since = None;
    }

    fn has_lasted(&self, now: Instant) -> bool {
        let settled_for = |since| now.saturating_duration_since(since);
        (self.settled_since).is_some_and(|since| settled_for(since) >= self.lasting)
    }

    fn rest(&self, id: &IndexerId, action: &Action, now: Instant) -> Option<(u32, Duration)> {
        let pace = self.done.get(action.name())?;
        let passed = now.saturating_duration_since(pace.last_at);
        let rest = self.pauses.delay(id, pace.times).checked_sub(passed)?;
        (!rest.is_zero()).then_some((pace.times, rest))
    }
}

fn goal(seen: &Observed) -> Goal {
    let enabled = seen.record.as_ref().is_none_or(|record| record.enabled);
    (seen.desired.clone(), enabled)
}

fn cause(action: &Action) -> Cause {
    match action {
        Action::StartProvisioning(_) => Cause::ProvisioningNotStarted,
        Action::StartStream { .. } => Cause::StreamNotStarted,
        Action::StopStream(_) => Cause::StreamNotStopped,
        Action::StartExecutor(_) => Cause::ExecutorNotStarted,
        Action::StopExecutor(_) => Cause::ExecutorNotStopped,
        Action::ClearData => Cause::DataNotCleared,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LASTING: Duration = Duration::from_secs(60);
    const REMEMBERED: Duration = Duration::from_secs(600);

    fn id() -> IndexerId {
        IndexerId::parse("a.near/f").unwrap()
    }

    fn stop() -> Action {
        Action::StopStream("S".to_owned())
    }

    /// An action that was acknowledged so often, the last time now.
    fn acknowledged(times: u32) -> (Paces, Instant) {
        let mut paces = Paces::new(&Knobs::default());
        let now = Instant::now();
        for _ in 0..times {
            paces.acknowledged(&stop(), now);
        }
        (paces, now)
    }

    #[tokio::test(start_paused = true)]
    async fn the_pause_doubles_and_lasts_to_its_end() {
        for times in [1, 2, 3, 9, 40] {
            let (paces, now) = acknowledged(times);
            let pause = Knobs::default().repeat.delay(&id(), times);
            let rest = |passed| paces.rest(&id(), &stop(), now + passed);
            assert_eq!(rest(Duration::ZERO), Some((times, pause)));
            let moment = Duration::from_millis(1);
            assert_eq!(rest(pause - moment), Some((times, moment)));
            assert_eq!(rest(pause), None);
            assert_eq!(rest(pause + moment), None);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn another_action_does_not_wait() {
        let (paces, now) = acknowledged(3);
        assert_eq!(paces.rest(&id(), &Action::ClearData, now), None);
    }

    #[tokio::test(start_paused = true)]
    async fn what_had_a_lasting_effect_is_forgotten() {
        let moment = Duration::from_millis(1);
        for (passed, forgotten) in [(LASTING - moment, false), (LASTING, true)] {
            let (mut paces, now) = acknowledged(3);
            paces.settled(now);
            paces.settled(now + moment);
            paces.review(now + passed);
            assert_eq!(paces.rest(&id(), &stop(), now).is_none(), forgotten);
            // Whether it lasts is asked of each time anew.
            paces.settled(now + passed);
            paces.review(now + passed + moment);
            assert_eq!(paces.rest(&id(), &stop(), now).is_none(), forgotten);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_action_of_long_ago_does_not_count() {
        for (passed, times) in [(REMEMBERED - Duration::from_millis(1), 10), (REMEMBERED, 1)] {
            let (mut paces, now) = acknowledged(9);
            let later = now + passed;
            paces.acknowledged(&stop(), later);
            let pause = Knobs::default().repeat.delay(&id(), times);
            assert_eq!(paces.rest(&id(), &stop(), later), Some((times, pause)));
        }
    }
}
