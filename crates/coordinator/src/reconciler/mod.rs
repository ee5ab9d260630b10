//! One indexer's control loop: observe, plan, act or commit, again.

mod clock;
pub(crate) mod observe;
mod pace;
mod perform;
mod refused;
mod started;
mod starting;
mod turn;
mod unnoted;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod trace_tests;

use std::sync::Arc;
use std::time::Duration;

use lifecycle::{
    Action, Backoff, IndexerId, Observed, Outcome, Phase, Reason, Record, Step, Target, Task,
    Timestamp, Wait,
};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::shadow::ShadowMemory;
use crate::shared::{Shared, Wake, lock};
use crate::status::LoopStatus;
use crate::store::{Commit, LoadError, StoreError, Stored, keys};

use observe::{Look, is_nothing, missed_a_look};
use pace::Paces;
use started::Started;
use unnoted::Unnoted;

/// The loop of one indexer. It keeps nothing between rounds but what makes it
/// more careful when lost.
pub(crate) struct Reconciler {
    pub(crate) shared: Arc<Shared>,
    pub(crate) id: IndexerId,
    wake: Arc<Wake>,
    /// Looks older than this are older than our own last action.
    fresh_after: Instant,
    /// The task intent that we wrote, and have not called for yet.
    armed: Option<Task>,
    /// The intent was written anew, and once is enough: on a slow machine each is old
    /// by the time of its call.
    renewed: bool,
    /// The answer to a start of a task, until the record tells of it.
    unnoted: Option<Unnoted>,
    paces: Paces,
    started: Started,
    /// The last look was too old to be acted upon.
    looked_in_vain: Option<Instant>,
    /// Commits overtaken by somebody else's, since one was not.
    conflicts: u32,
    /// How many holds had been acknowledged when the record was read.
    holds_seen: u64,
    /// Why the store did not show queue and cursor the last time, if it refused to.
    refused: Option<String>,
    /// The record could not be read the last time.
    unreadable: bool,
    /// Since when it is read in vain.
    unreadable_since: Option<Instant>,
    panics: u32,
}

/// Why a round ended without a decision.
pub(crate) enum Trouble {
    /// It may go better the next time.
    Store(String),
    /// It will not, until somebody mends the record.
    Corrupt(String),
}

/// What a round led to.
pub(crate) enum Next {
    Again,
    /// Nothing to do. `settled` if no service has anything to say that is not a
    /// change of what it lists.
    Sleep {
        wait: Wait,
        settled: bool,
    },
    Pause(Trouble),
    Done,
}

/// What a loop says of itself.
enum Doing<'a> {
    Waits(Wait),
    /// It looks and decides, or it is at this.
    Works(Option<&'a Action>),
    /// The round had no end, and is repeated at that time.
    Troubled(String, Timestamp),
}

impl Reconciler {
    /// The loop of `id`, which panicked so often before. It believes shared looks
    /// that were asked for after `fresh_after`.
    pub(crate) fn new(
        shared: Arc<Shared>,
        id: IndexerId,
        panics: u32,
        fresh_after: Instant,
    ) -> Reconciler {
        let wake = shared.wake_of(&id);
        let knobs = &shared.knobs;
        let (paces, started) = (Paces::new(knobs), Started::new(knobs.disbelief));
        Reconciler {
            shared,
            id,
            wake,
            fresh_after,
            armed: None,
            renewed: false,
            unnoted: None,
            paces,
            started,
            looked_in_vain: None,
            conflicts: 0,
            holds_seen: 0,
            refused: None,
            // It may have been when the records were first read.
            unreadable: true,
            unreadable_since: None,
            panics,
        }
    }

    /// Runs until the indexer is gone or `shutdown` is cancelled. A step that was
    /// begun is finished.
    pub(crate) async fn run(mut self, shutdown: CancellationToken) {
        let mut phase = None;
        let mut look = Look::Snapshots;
        let mut troubles = 0;
        let mut shadow = self.shared.shadow.then(ShadowMemory::default);
        while !shutdown.is_cancelled() {
            let wake = Arc::clone(&self.wake);
            let news = wake.news.notified();
            let next = match &mut shadow {
                Some(memory) => self.shadow_round(memory, &mut phase).await,
                None => self.round(look, &mut phase).await,
            };
            troubles = match &next {
                Next::Pause(_) => troubles + 1,
                _ => 0,
            };
            match next {
                Next::Done => return,
                Next::Again => {
                    look = Look::Fresh;
                    continue;
                }
                Next::Sleep { wait, settled } => {
                    if settled {
                        self.paces.settled(Instant::now());
                    }
                    let until = wait.until;
                    self.publish(phase, Doing::Waits(wait));
                    wake.set_settled(settled);
                    sleep(self.reaches(until), news, &shutdown).await;
                    wake.set_settled(false);
                }
                Next::Pause(trouble) => {
                    let (text, rest) = match trouble {
                        Trouble::Store(text) => (text, self.store_pause(troubles)),
                        Trouble::Corrupt(text) => (text, self.shared.knobs.sleep_max),
                    };
                    self.publish(phase, Doing::Troubled(text, self.shared.now() + rest));
                    sleep(tokio::time::sleep(rest), news, &shutdown).await;
                }
            }
            look = Look::Snapshots;
        }
    }

    /// Ends when the wall clock, which may jump, reaches `until`, or was set back:
    /// what was planned by it is then planned again.
    async fn reaches(&self, until: Option<Timestamp>) {
        let Some(until) = until else {
            return std::future::pending().await;
        };
        let longest = self.shared.knobs.sleep_max.max(Duration::from_millis(1));
        let mut before = until.since(self.shared.now());
        while !before.is_zero() {
            tokio::time::sleep(before.min(longest)).await;
            let rest = until.since(self.shared.now());
            if rest > before {
                return;
            }
            before = rest;
        }
    }

    fn store_pause(&self, troubles: u32) -> Duration {
        let first = self.shared.knobs.store_pause;
        let cap = first.saturating_mul(self.shared.knobs.store_pause_growth.max(1));
        Backoff { first, cap }.delay(&self.id, troubles)
    }

    /// Reads the record; an error is what to do instead.
    pub(crate) async fn load(&mut self) -> Result<Option<Stored>, Next> {
        let asked_at = Instant::now();
        let records = &self.shared.records;
        // A coordinator that acts finds out when it writes; a shadow never writes.
        let loaded = if self.unreadable || self.shared.shadow {
            records.look(&self.id).await
        } else {
            records.load(&self.id).await
        };
        match loaded {
            Ok(stored) => {
                let raw = stored.as_ref().map(|stored| &stored.raw);
                self.shared.note_record(&self.id, raw, asked_at);
                // Also of one that an operator's command made.
                if stored.is_some() {
                    lock(&self.shared.desired).recorded(&self.id);
                }
                self.unreadable_since = None;
                if std::mem::take(&mut self.unreadable) {
                    lock(&self.shared.health).set_readable(&keys::state(&self.id));
                }
                Ok(stored)
            }
            Err(LoadError::Store(error)) => Err(Next::Pause(Trouble::Store(error.to_string()))),
            Err(LoadError::Corrupt(corrupt)) => {
                self.unreadable = true;
                self.give_way();
                lock(&self.shared.health).set_unreadable(&corrupt.key, &corrupt.why);
                Err(Next::Pause(Trouble::Corrupt(format!(
                    "{corrupt}; the indexer is left alone until the record is mended or removed"
                ))))
            }
        }
    }

    /// The task that an unreadable record may have spoken of counts as dead after a
    /// while, as any other: the rest of its account waits no longer.
    fn give_way(&mut self) {
        let since = *self.unreadable_since.get_or_insert_with(Instant::now);
        if since.elapsed() >= self.shared.knobs.policy.provisioning_abandon {
            self.shared.release_gate(&self.id);
        }
    }

    async fn round(&mut self, look: Look, phase: &mut Option<Phase>) -> Next {
        self.holds_seen = self.wake.holds();
        self.paces.ordered(self.wake.retries());
        let began = Instant::now();
        let stored = match self.load().await {
            Ok(stored) => stored,
            Err(next) => return next,
        };
        *phase = stored.as_ref().map(|stored| stored.record.phase);
        self.sync_gate(stored.as_ref());
        if let Some(stored) = &stored
            && let Some(next) = self.set_right(stored)
        {
            return self.commit(Some(stored), &next).await;
        }
        if let Some(next) = self.note(stored.as_ref()) {
            return self.commit(stored.as_ref(), &next).await;
        }
        let look = if self.snapshots_serve() {
            look
        } else {
            Look::Fresh
        };
        let mut seen = self.observe(stored.as_ref(), look).await;
        let mut step = self.plan(&mut seen);
        if look == Look::Snapshots && !matches!(step, Step::Wait(_)) {
            // Shared looks are good enough to see that there is work, not to do it.
            seen = self.observe(stored.as_ref(), Look::Fresh).await;
            step = self.plan(&mut seen);
        }
        self.pass_turn(&step);
        match step {
            Step::Wait(_) if is_nothing(&seen) => Next::Done,
            Step::Wait(wait) => self.rest(wait, &seen),
            Step::Commit(next) if stored.is_none() && next.phase == Phase::Initializing => {
                self.begin(next.registered, began).await
            }
            Step::Commit(next) => self.commit(stored.as_ref(), &next).await,
            Step::Apply(action) => match stored {
                Some(stored) => self.act(&stored, &action, &seen, began).await,
                None => Next::Pause(Trouble::Store(
                    "an action was planned without a record".to_owned(),
                )),
            },
            Step::Finish { height } => self.finish(stored.as_ref(), height).await,
        }
    }

    fn set_right(&self, stored: &Stored) -> Option<Record> {
        let now = self.shared.now();
        let next = clock::set_right(&stored.record, &self.shared.knobs, now)?;
        tracing::warn!(
            indexer = %self.id,
            "its record has times in the future: the clock was set back; they are brought back"
        );
        Some(next)
    }

    /// Sleeps as planned. Where a look failed that was no fault of the service as a
    /// whole, no news may ever come: it is looked again soon.
    fn rest(&self, mut wait: Wait, seen: &Observed) -> Next {
        if let Some(why) = self.why_refused(&wait, seen) {
            return Next::Pause(Trouble::Store(why));
        }
        if missed_a_look(seen) {
            let soon = self.shared.now() + self.shared.knobs.policy.recheck;
            wait.until = Some(wait.until.map_or(soon, |until| until.min(soon)));
        }
        let quiet = matches!(wait.reason, Reason::Steady | Reason::Suspended);
        let all_seen =
            seen.stream != lifecycle::Seen::Unknown && seen.executor != lifecycle::Seen::Unknown;
        Next::Sleep {
            wait,
            settled: quiet && all_seen,
        }
    }

    /// Whether what was seen since `began` is older than its deadlines allow: the
    /// process was frozen, and somebody else may have taken over. Of two rounds in
    /// a row the second is believed, lest a slow machine does nothing at all.
    pub(super) fn is_outdated(&mut self, began: Instant) -> bool {
        let allowed = self.shared.knobs.look_max();
        let soon_after = |at| began.saturating_duration_since(at) <= allowed * 8;
        let is_second = self.looked_in_vain.take().is_some_and(soon_after);
        let is_outdated = !is_second && began.elapsed() > allowed;
        if is_outdated {
            self.looked_in_vain = Some(Instant::now());
            tracing::warn!(
                indexer = %self.id,
                "what was seen is too old to be acted upon: the process stood still; it looks again"
            );
        }
        is_outdated
    }

    /// Performs what was planned by looks that began at `began`.
    async fn act(
        &mut self,
        stored: &Stored,
        action: &Action,
        seen: &Observed,
        began: Instant,
    ) -> Next {
        // The looks took time; what is wanted may have changed since.
        if self.is_overtaken_by_news(seen) {
            return Next::Again;
        }
        let now = Instant::now();
        if let Some(wait) = self.paces.hold(seen, action, now, &self.shared) {
            return Next::Sleep {
                wait,
                settled: false,
            };
        }
        if !self.renewed
            && let Some(intent) = self.renewal(&stored.record, action)
        {
            return self.commit(Some(stored), &intent).await;
        }
        if action.ends_unannounced(&stored.record) {
            match self.shared.records.confirm(&self.id, stored).await {
                Ok(Commit::Written(())) if self.is_overtaken_by_news(seen) => return Next::Again,
                Ok(Commit::Written(())) => {}
                Ok(Commit::Conflict) => return self.overtaken(),
                Err(error) => return Next::Pause(Trouble::Store(error.to_string())),
            }
        }
        if self.is_outdated(began) {
            return Next::Again;
        }
        let span = tracing::debug_span!(
            "reconcile",
            indexer = %self.id,
            phase = %stored.record.phase,
            action = action.name(),
        );
        self.apply(stored, action, wanted(&seen.desired))
            .instrument(span)
            .await
    }

    /// Whether something else is wanted than what was seen, or a hold was acknowledged.
    fn is_overtaken_by_news(&self, seen: &Observed) -> bool {
        let stale = lock(&self.shared.desired).desired(&self.id) != seen.desired;
        stale || self.wake.holds() != self.holds_seen
    }

    /// The record with an intent of now, if what `action` begins was meant so long ago
    /// that its age would say nothing of the task.
    fn renewal(&self, record: &Record, action: &Action) -> Option<Record> {
        let meant = self.armed.as_ref().map(|task| task.since)?;
        let now = self.shared.now();
        let is_old = now.since(meant) > self.shared.knobs.call_deadline;
        (is_old && matches!(action, Action::StartProvisioning(_))).then(|| Record {
            task: Some(Task {
                id: None,
                since: now,
            }),
            ..record.clone()
        })
    }

    async fn apply(&mut self, stored: &Stored, action: &Action, wanted: Option<Target>) -> Next {
        self.publish(Some(stored.record.phase), Doing::Works(Some(action)));
        let Some(outcome) = self.perform(stored, action).await else {
            return self.overtaken();
        };
        self.fresh_after = Instant::now();
        if matches!(action, Action::StartProvisioning(_)) {
            self.armed = None;
            self.unnoted = stored.record.task.clone().map(|intent| Unnoted {
                intent,
                action: action.clone(),
                outcome: outcome.clone(),
                wanted,
            });
        }
        if matches!(outcome, Outcome::Done(_)) {
            self.paces.acknowledged(action, self.fresh_after);
            self.started.acknowledged(action, self.fresh_after);
        }
        tracing::info!(indexer = %self.id, action = action.name(), ?outcome, "applied");
        let policy = &self.shared.knobs.policy;
        let next = self.shared.planner.absorb(
            &stored.record,
            action,
            &outcome,
            wanted,
            policy,
            self.shared.now(),
        );
        if next != stored.record {
            return self.commit(Some(stored), &next).await;
        }
        match (action, outcome) {
            // The record has no place for a store that fails: take a breath.
            (Action::ClearData, outcome) if !matches!(outcome, Outcome::Done(_)) => {
                Next::Pause(Trouble::Store(format!("{outcome:?}")))
            }
            _ => Next::Again,
        }
    }

    async fn commit(&mut self, stored: Option<&Stored>, next: &Record) -> Next {
        let task = stored.and_then(|stored| stored.record.task.as_ref());
        let had_task = task.is_some();
        // An intent of this loop that no call has followed may be written anew.
        let is_own = had_task && task == self.armed.as_ref();
        let renews = |next: &&Task| is_own && next.id.is_none();
        let taken = (next.task.as_ref()).filter(|next| !had_task || renews(next));
        if let Some(task) = taken.filter(|_| !had_task)
            && !self.shared.enter_gate(&self.id, task.since)
        {
            return Next::Again;
        }
        let before = stored.map(|stored| stored.record.phase);
        match self.shared.records.commit(&self.id, stored, next).await {
            Ok(Commit::Written(written)) => {
                let raw = Some(&written.raw);
                self.shared.note_record(&self.id, raw, Instant::now());
                if before != Some(next.phase) {
                    let from = before.map_or("nothing".to_owned(), |phase| phase.to_string());
                    tracing::info!(indexer = %self.id, %from, to = %next.phase, "new phase");
                    self.publish(Some(next.phase), Doing::Works(None));
                }
                self.armed = taken.cloned();
                self.renewed = had_task;
                self.conflicts = 0;
                self.sync_gate(Some(&written));
                Next::Again
            }
            Ok(Commit::Conflict) => self.overtaken(),
            Err(error) => {
                // Something else than a record may stand there.
                self.unreadable |= matches!(error, StoreError::Rejected(_));
                Next::Pause(Trouble::Store(error.to_string()))
            }
        }
    }

    /// Somebody else changed the record: look again, but not for ever at full
    /// speed.
    fn overtaken(&mut self) -> Next {
        self.conflicts += 1;
        if self.conflicts < self.shared.knobs.conflicts_max {
            return Next::Again;
        }
        self.conflicts = 0;
        Next::Pause(Trouble::Store(
            "the record is changed by somebody else again and again".to_owned(),
        ))
    }

    async fn finish(&mut self, stored: Option<&Stored>, height: Option<u64>) -> Next {
        if let Some(height) = height {
            match self.shared.records.raise_high_water(height).await {
                Ok(stored) => {
                    lock(&self.shared.health).set_readable(keys::REGISTRY_HEIGHT);
                    let mut desired = lock(&self.shared.desired);
                    desired.acted_here(height);
                    desired.acted_upon(stored);
                }
                Err(error) => {
                    self.note_height(&error).await;
                    return Next::Pause(Trouble::Store(height_kept(&error)));
                }
            }
        }
        if let Some(stored) = stored {
            match self.shared.records.remove(&self.id, stored).await {
                Ok(Commit::Written(_)) => {}
                Ok(Commit::Conflict) => return self.overtaken(),
                Err(error) => return Next::Pause(Trouble::Store(error.to_string())),
            }
            tracing::info!(indexer = %self.id, "deleted");
        } else if !self.shared.shadow
            && let Err(error) = self.shared.records.unlist(&self.id).await
        {
            return Next::Pause(Trouble::Store(error.to_string()));
        }
        self.shared.release_gate(&self.id);
        Next::Done
    }

    fn publish(&self, phase: Option<Phase>, doing: Doing<'_>) {
        let mut status = LoopStatus {
            id: self.id.clone(),
            phase,
            waiting: None,
            since: self.shared.now(),
            trouble: None,
            retry_at: None,
            doing: None,
            panics: self.panics,
        };
        match doing {
            Doing::Waits(wait) => status.waiting = Some(wait),
            Doing::Works(action) => status.doing = action.map(|action| action.to_string()),
            Doing::Troubled(trouble, retry_at) => {
                tracing::warn!(
                    indexer = %self.id,
                    trouble,
                    "a round ended early; it is repeated"
                );
                (status.trouble, status.retry_at) = (Some(trouble), Some(retry_at));
            }
        }
        self.shared.publish(status);
    }
}

/// Why a deletion cannot end, whose height cannot be kept.
fn height_kept(error: &StoreError) -> String {
    match error {
        StoreError::Rejected(why) => format!(
            "the height of its deletion cannot be kept under `{}` ({why}), and without it the \
             deletion would be forgotten; `coordinator state height` says what stands there",
            keys::REGISTRY_HEIGHT
        ),
        error => error.to_string(),
    }
}

fn wanted(desired: &lifecycle::Desired) -> Option<Target> {
    match desired {
        lifecycle::Desired::Present(spec) | lifecycle::Desired::Unlisted(spec) => {
            Some(Target::of(spec))
        }
        _ => None,
    }
}

/// Waits for `timer`, but no longer than there is no news.
async fn sleep(
    timer: impl Future<Output = ()>,
    news: tokio::sync::futures::Notified<'_>,
    shutdown: &CancellationToken,
) {
    tokio::select! {
        biased;
        () = shutdown.cancelled() => {}
        () = news => {}
        () = timer => {}
    }
}
