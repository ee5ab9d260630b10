//! One look of the shadow at one indexer.

use std::time::Duration;

use lifecycle::{Action, Observed, Phase, Reason, Record, Step, Wait};

use super::{Foreseen, GRACE, ShadowEntry, Standing, UNEXPECTED_MAX, Verdict, Wanted, foresee};
use crate::reconciler::observe::{Look, is_nothing};
use crate::reconciler::{Next, Reconciler, Trouble};
use crate::shared::lock;
use crate::store::Stored;

/// How soon it is looked again whether the active coordinator did what is due.
const AGAIN: Duration = Duration::from_secs(10);

/// What the shadow remembers of an indexer between two looks.
#[derive(Debug, Default)]
pub(crate) struct ShadowMemory {
    /// The record as the active coordinator wrote it, and what became of it here:
    /// repairs need a memory of their own.
    overlay: Option<(Option<Stored>, Option<Record>)>,
    standing: Standing,
    planned: Option<&'static str>,
    unexpected: std::collections::VecDeque<String>,
}

impl Reconciler {
    /// Plans on what is there now, and reports it.
    pub(crate) async fn shadow_round(
        &mut self,
        memory: &mut ShadowMemory,
        phase: &mut Option<Phase>,
    ) -> Next {
        let stored = match self.load().await {
            Ok(stored) => stored,
            Err(next) => {
                if let Next::Pause(Trouble::Corrupt(why)) = &next {
                    self.cannot_tell(memory, why);
                }
                return next;
            }
        };
        let now = self.shared.now();
        let record = match memory.overlay.take() {
            Some((base, record)) if base == stored => record,
            _ => stored.as_ref().map(|stored| stored.record.clone()),
        };
        let looked_at = record.map(|record| Stored {
            record,
            revision: 0,
            raw: bytes::Bytes::new(),
        });
        let shared = std::sync::Arc::clone(&self.shared);
        let (planner, policy) = (&shared.planner, &shared.knobs.policy);
        let mut seen = self.observe(looked_at.as_ref(), Look::Snapshots).await;
        let mut foreseen = foresee(seen.clone(), |seen| planner.plan(seen, policy, now));
        if acts(&foreseen.step).is_some() {
            // Shared looks are good enough to see that there is work, not what.
            seen = self.observe(looked_at.as_ref(), Look::Fresh).await;
            foreseen = foresee(seen.clone(), |seen| planner.plan(seen, policy, now));
        }
        if let Some(stored) = &stored {
            // A repair that was foreseen is moot once the world is well without it.
            let record = Some(stored.record.clone());
            let plain = Observed {
                record,
                ..seen.clone()
            };
            let step = planner.plan(&plain, policy, now);
            if let Step::Wait(Wait {
                reason: Reason::Steady | Reason::Suspended,
                ..
            }) = step
            {
                let record = plain.record;
                foreseen = Foreseen { record, step };
            }
        }
        let active = stored.as_ref().map(|stored| stored.record.phase);
        *phase = active;
        // Without a record there is nothing that a deletion could still remove.
        let finished = stored.is_none() && matches!(foreseen.step, Step::Finish { .. });
        let nothing = is_nothing(&seen) || finished;
        let refused = match &foreseen.step {
            Step::Wait(wait) => self.why_refused(wait, &seen),
            _ => None,
        };
        let wait = self.take_down(memory, &seen, &foreseen, active, refused.as_deref());
        // What is begun without a record is begun anew each time: the active one may
        // come to the end of it without ever writing one.
        memory.overlay = stored.map(|stored| {
            let record = foreseen.record.map(without_intent);
            (Some(stored), record)
        });
        if nothing {
            lock(&self.shared.shadow_log).remove(&self.id);
            return Next::Done;
        }
        if let Some(why) = refused {
            return Next::Pause(Trouble::Store(why));
        }
        let settled = matches!(wait.reason, Reason::Steady | Reason::Suspended);
        Next::Sleep { wait, settled }
    }

    /// Enters that nothing can be said of it, because its record cannot be read, as `why`
    /// says.
    fn cannot_tell(&self, memory: &mut ShadowMemory, why: &str) {
        memory.planned = None;
        let verdict = match memory.unexpected.is_empty() {
            true => Verdict::Unknown,
            false => Verdict::Disagrees,
        };
        let entry = ShadowEntry {
            id: self.id.clone(),
            phase: None,
            shadow_phase: None,
            would: format!("wait: {why}"),
            verdict,
            since: self.shared.now(),
            unexpected: memory.unexpected.clone(),
        };
        let news = lock(&self.shared.shadow_log).put(entry, false);
        tell(news);
    }

    /// Enters what was found, and that the store has `refused` to show what is waited for;
    /// returns when to look again at the latest.
    fn take_down(
        &self,
        memory: &mut ShadowMemory,
        seen: &Observed,
        foreseen: &Foreseen,
        active: Option<Phase>,
        refused: Option<&str>,
    ) -> Wait {
        let now = self.shared.now();
        let standing = Standing::of(seen);
        let foretold = memory.planned.is_some_and(|action| action != "nothing");
        if !foretold {
            for surprise in standing.surprises(&memory.standing, Wanted::of(seen)) {
                memory.unexpected.push_back(surprise);
            }
            while memory.unexpected.len() > UNEXPECTED_MAX {
                memory.unexpected.pop_front();
            }
        }
        memory.standing = standing;
        let action = acts(&foreseen.step);
        memory.planned = Some(action.unwrap_or("nothing"));
        let would = match refused {
            Some(why) => format!("wait: {why}"),
            None => foreseen.step.to_string(),
        };
        let mut log = lock(&self.shared.shadow_log);
        let since = log.since(&self.id, &would).unwrap_or(now);
        let late = action.is_some() && now.since(since) >= GRACE;
        let verdict = if late || !memory.unexpected.is_empty() {
            Verdict::Disagrees
        } else if action.is_some() {
            Verdict::Pending
        } else if sees_nothing(&foreseen.step) {
            Verdict::Unknown
        } else {
            Verdict::Agrees
        };
        let entry = ShadowEntry {
            id: self.id.clone(),
            phase: active,
            shadow_phase: foreseen.record.as_ref().map(|record| record.phase),
            would,
            verdict,
            since,
            unexpected: memory.unexpected.clone(),
        };
        let news = log.put(entry, action.is_some());
        drop(log);
        tell(news);
        match &foreseen.step {
            Step::Wait(wait) => wait.clone(),
            step => Wait {
                reason: Reason::Observing {
                    would: step.to_string(),
                },
                until: Some(now + AGAIN),
            },
        }
    }
}

/// Says in the log what the shadow would do, if that is news.
fn tell(news: Option<ShadowEntry>) {
    if let Some(entry) = news {
        tracing::info!(
            target: "shadow", indexer = %entry.id, would = entry.would,
            verdict = entry.verdict.name(), unexpected = ?entry.unexpected.back(),
            "what the shadow would do"
        );
    }
}

/// An intent that was never written is none.
fn without_intent(record: Record) -> Record {
    let task = record.task.clone().filter(|task| task.id.is_some());
    Record { task, ..record }
}

/// Whether it only waits for an answer without which nothing is known. Who acts may know
/// more of an indexer that is not in the registry: it was listed before, or can be read
/// there.
fn sees_nothing(step: &Step) -> bool {
    let Step::Wait(wait) = step else {
        return false;
    };
    matches!(
        wait.reason,
        Reason::RegistryUnknown
            | Reason::NotInRegistry
            | Reason::ServiceDown { .. }
            | Reason::Unseen(_)
    )
}

/// The action that would be performed.
fn acts(step: &Step) -> Option<&'static str> {
    match step {
        Step::Apply(action) => Some(Action::name(action)),
        Step::Finish { .. } => Some("Finish"),
        Step::Wait(_) | Step::Commit(_) => None,
    }
}
