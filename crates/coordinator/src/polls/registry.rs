//! What the registry is asked: for everything, and about one indexer.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use lifecycle::IndexerId;
use tokio::time::Instant;

use super::same_bytes;
use crate::desired::{GivenUp, Taken};
use crate::health::Late;
use crate::registry::decode::Quarantined;
use crate::registry::{RegistryError, ViewAnswer, decode};
use crate::sentence::sentence;
use crate::shared::{Shared, lock};
use crate::store::StoredHeight;

/// The most unreadable entries of one listing that are logged one by one.
const LOGGED_MAX: usize = 20;

/// What is said behind why there is no listing.
const ONE_BY_ONE: &str = "; those that are known are asked about one by one meanwhile, and who is \
                          new waits for a listing";

/// How often it is said again that no answer of the registry is new enough.
const LATE_TOLD_AGAIN: Duration = Duration::from_secs(600);

/// The registry's last answer, to skip decoding what has not changed.
#[derive(Debug, Default)]
pub(crate) struct RegistryPoll {
    last: Option<Bytes>,
    /// As of which height it may mean something else: an entry was set aside that the
    /// chain may have reached then.
    ripe_at: Option<u64>,
}

impl RegistryPoll {
    /// Whether `answer` says what the last one said.
    fn is_same(&self, answer: &ViewAnswer) -> bool {
        let same = |last| same_bytes(last, &answer.result);
        self.last.as_ref().is_some_and(same)
            && self.ripe_at.is_none_or(|ripe| answer.block_height < ripe)
    }
}

impl Shared {
    /// Asks the registry for everything; true if it answered, be it with what was
    /// known already or with old news: replicas that lag are no reason to ask less
    /// often.
    pub(crate) async fn poll_registry(&self, last: &mut RegistryPoll) -> bool {
        let asked_at = Instant::now();
        let answer = match self.view("list_all", b"{}").await {
            Ok(answer) => answer,
            Err(error) => {
                tracing::warn!(%error, "no listing; the last good one stays in force");
                match error {
                    RegistryError::Contract(_) | RegistryError::TooLarge(_) => {
                        self.ask_one_by_one();
                    }
                    RegistryError::Unavailable(_) => self.ask_whether_it_answers(asked_at),
                    // It is there, and does not want more questions.
                    RegistryError::RateLimited => {}
                }
                self.no_listing(&error.to_string());
                return false;
            }
        };
        let is_same = last.is_same(&answer) && lock(&self.desired).is_as_listed();
        let taken = if is_same {
            lock(&self.desired).take_same(answer.block_height, Instant::now())
        } else {
            match decode::decode_list(&answer.result) {
                Ok(mut listing) => {
                    let ripe_at = listing.doubt_versions(answer.block_height);
                    let unreadable: BTreeSet<IndexerId> = listing
                        .quarantined
                        .iter()
                        .filter_map(|entry| IndexerId::parse(&entry.name).ok())
                        .collect();
                    let taken = lock(&self.desired).take_listing(
                        answer.block_height,
                        listing.indexers,
                        &unreadable,
                        Instant::now(),
                        &self.knobs,
                    );
                    if matches!(taken, Taken::News(_)) {
                        let news = lock(&self.health).quarantine(&listing.quarantined);
                        log_quarantined(&news);
                        *last = RegistryPoll {
                            last: Some(answer.result),
                            ripe_at,
                        };
                    }
                    taken
                }
                Err(error) => {
                    tracing::error!(%error, "a listing cannot be read; the last good one stays");
                    self.ask_one_by_one();
                    self.no_listing(&error.to_string());
                    return false;
                }
            }
        };
        let is_late = matches!(taken, Taken::Older { .. });
        if let Taken::Older { height, mark } = &taken {
            self.registry.unusable(*height, *mark);
            self.note_late(None);
        }
        if let Taken::Absurd(height) = &taken {
            let known = lock(&self.desired).height();
            self.registry.unusable(*height, known);
            let why = format!(
                "an answer as of block {height} is not believed, so far is it above block \
                 {known}, as of which the registry answered before"
            );
            self.no_listing(&why);
            self.note_late(Some(sentence(&why)));
        }
        let usable = self.after_answer(taken);
        if usable {
            let unheard = self.registry.unheard();
            let now = self.now();
            let behind = lock(&self.desired).behind(Instant::now());
            let mut health = lock(&self.health);
            // What was read once is known, and is as old as before while it is told again.
            let known = health.registry_answered.filter(|_| unheard.is_some());
            health.registry_answered = Some(known.unwrap_or(now));
            let lasts = behind.as_ref().map(|behind| sentence(&behind.to_string()));
            health.registry_problem = lasts.or(unheard.as_deref().map(sentence));
            match behind {
                None => health.registry_late = None,
                behind => {
                    let late = health.registry_late.get_or_insert_with(|| Late::new(now));
                    late.behind = behind;
                }
            }
        }
        self.doubt_first_height().await;
        usable || is_late
    }

    /// The registry answers, so whatever kept it from that is over; but it tells of
    /// what has been, or of heights that are not believed, which is its `problem` as long
    /// as it may pass.
    fn note_late(&self, problem: Option<String>) {
        let now = self.now();
        let behind = lock(&self.desired).behind(Instant::now());
        let mut health = lock(&self.health);
        let lasting = behind.as_ref().map(|behind| sentence(&behind.to_string()));
        health.registry_problem = lasting.or(problem);
        let late = health.registry_late.get_or_insert_with(|| Late::new(now));
        late.behind = behind;
        let Some(behind) = &late.behind else {
            return;
        };
        if (late.told).is_some_and(|told| now.since(told) < LATE_TOLD_AGAIN) {
            return;
        }
        late.told = Some(now);
        let (heard, blocks) = (behind.heard, behind.blocks());
        match behind.is_beyond_belief() {
            true => tracing::error!(
                heard,
                blocks,
                "no answer of the registry can be used: {behind}"
            ),
            false => tracing::warn!(
                heard,
                blocks,
                "no answer of the registry is new enough: {behind}"
            ),
        }
    }

    /// Gives up the first height of this life if it was false beyond doubt: else every
    /// true answer would be old.
    async fn doubt_first_height(&self) {
        let given_up = lock(&self.desired).give_up_low(Instant::now());
        if let Some(GivenUp { told, known }) = given_up {
            tracing::error!(
                told,
                known,
                "the first answers of the registry told a height that all later ones are far \
                 above, while they move on: it was false and is given up; is there a node that \
                 answers falsely?"
            );
            return;
        }
        if lock(&self.desired).outlier(Instant::now()).is_none() {
            return;
        }
        // Without the store nobody knows what was acted upon.
        let stored = match self.records.high_water().await {
            Ok(StoredHeight::At(height)) => height,
            Ok(StoredHeight::Absent) => 0,
            Ok(StoredHeight::Unreadable(_)) | Err(_) => return,
        };
        let given_up = lock(&self.desired).give_up(stored, Instant::now());
        let Some(GivenUp { told, known }) = given_up else {
            return;
        };
        tracing::error!(
            told,
            known,
            "the first answer of the registry told a height that all later ones are far below, \
             while they move on: it was false and is given up; is there a node that answers \
             falsely?"
        );
        self.registry.unusable(told, known);
        lock(&self.health).registry_late = None;
    }

    /// The registry answers, but cannot list, as where a listing takes more gas than
    /// there is: who has a record, or was listed before, is known without one.
    fn ask_one_by_one(&self) {
        let begun = lock(&self.desired).cannot_list(Instant::now(), &self.knobs);
        note_one_by_one(begun);
    }

    /// The registry has not answered an attempt to list, begun at the time `asked_at`: it
    /// is away, or only its list takes too long.
    fn ask_whether_it_answers(&self, asked_at: Instant) {
        let now = Instant::now();
        let begun = lock(&self.desired).silent_list(asked_at, now, &self.knobs);
        note_one_by_one(begun);
    }

    fn no_listing(&self, why: &str) {
        let mut problem = sentence(why);
        let mut desired = lock(&self.desired);
        desired.no_listing();
        if desired.asks_one_by_one() {
            problem.push_str(ONE_BY_ONE);
        }
        drop(desired);
        lock(&self.health).registry_problem = Some(problem);
    }

    fn after_answer(&self, taken: Taken) -> bool {
        match taken {
            Taken::News(changed) => {
                let missed = lock(&self.desired).take_missed();
                let now = self.now();
                let mut log = lock(&self.log);
                for id in missed.iter().chain(&changed) {
                    log.note_news(id, now);
                }
                drop(log);
                changed.iter().for_each(|id| self.wake_goal(id));
                true
            }
            Taken::Older { height, mark } => {
                tracing::debug!(
                    height,
                    mark,
                    "an answer older than what is known was dropped"
                );
                false
            }
            Taken::Absurd(height) => {
                tracing::error!(height, "an answer of an absurd height was dropped");
                false
            }
        }
    }

    /// Who is to be asked about, of those that the registry does not list, while the
    /// registry is being asked about `asked`: so many that no more than a limited number
    /// are asked about at a time.
    pub(crate) fn absences_due(&self, asked: &BTreeSet<IndexerId>) -> Vec<IndexerId> {
        let limit = self.knobs.confirm_parallel.max(1);
        let room = limit.saturating_sub(asked.len());
        let mut due = lock(&self.desired).questions_due(limit, Instant::now());
        due.retain(|id| !asked.contains(id));
        due.truncate(room);
        due
    }

    /// Asks what became of an indexer that the registry does not list.
    pub(crate) async fn confirm(&self, id: &IndexerId) {
        if let Err(error) = self.ask(id).await {
            tracing::warn!(indexer = %id, %error, "the registry did not say what became of it");
            lock(&self.desired).unanswered(id, Instant::now(), &self.knobs);
        }
    }

    /// Asks the registry about one indexer. The answer is news for its loop too,
    /// whoever asked. Also says as of which height it is, if it is believed: a node that
    /// is behind tells of what has been.
    pub(crate) async fn ask(
        &self,
        id: &IndexerId,
    ) -> Result<(lifecycle::Desired, Option<u64>), RegistryError> {
        let (height, wanted) = self.read_one(id).await?;
        lock(&self.desired).one_was_heard(Instant::now());
        let taken = lock(&self.desired).take_answer(
            id,
            height,
            wanted.clone(),
            Instant::now(),
            &self.knobs,
        );
        let believed = matches!(taken, Taken::News(_));
        self.after_answer(taken);
        Ok((wanted, believed.then_some(height)))
    }

    /// What the registry says of one indexer, and as of which height.
    async fn read_one(&self, id: &IndexerId) -> Result<(u64, lifecycle::Desired), RegistryError> {
        let arguments = serde_json::json!({
            "account_id": id.account(),
            "function_name": id.function(),
        });
        let answer = self
            .view("read_indexer_function", arguments.to_string().as_bytes())
            .await?;
        let wanted = decode::decode_one(id, &answer.result)
            .map_err(|error| RegistryError::Unavailable(error.to_string()))?;
        decode::doubt_version(&wanted, answer.block_height)
            .map_err(|why| RegistryError::Unavailable(format!("{id}: {why}")))?;
        Ok((answer.block_height, wanted))
    }

    async fn view(&self, method: &str, arguments: &[u8]) -> Result<ViewAnswer, RegistryError> {
        let deadline = self.knobs.list_deadline;
        match tokio::time::timeout(deadline, self.registry.view(method, arguments)).await {
            Ok(answer) => answer,
            Err(_) => Err(RegistryError::Unavailable(format!(
                "no answer to {method} in {deadline:?}"
            ))),
        }
    }
}

fn note_one_by_one(begun: Option<usize>) {
    if let Some(known) = begun {
        tracing::warn!(
            known,
            "the registry cannot list: it is asked about those that are known one by one; \
             who is new waits for a listing"
        );
    }
}

fn log_quarantined(news: &[Quarantined]) {
    for entry in news.iter().take(LOGGED_MAX) {
        tracing::error!(
            indexer = entry.name,
            why = entry.why,
            "a registry entry cannot be read; what runs of it is left alone"
        );
    }
    let more = news.len().saturating_sub(LOGGED_MAX);
    if more > 0 {
        tracing::error!(more, "further registry entries cannot be read");
    }
}
