//! What there is, then what changes.

use std::collections::{BTreeSet, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use coordinator::admin::{Change, Changes, Filter};
use futures_util::{Stream, stream};
use lifecycle::IndexerId;
use prost::Message;
use proto::coordinator as pb;
use proto::coordinator::watch_indexers_response::Event;
use security::{Refusal, Standing};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, sleep, sleep_until};
use tonic::Status;

use crate::calls::Calls;
use crate::{convert, status};

/// How many indexers are read at a time.
const CHUNK: usize = 100;
/// About the most bytes of events that are ready: names may be long, and watchers many.
const READY_BYTES: usize = 1 << 20;
/// How often it is asked whether the registry has answered at last.
const ANSWER_PAUSE: Duration = Duration::from_millis(250);
/// How often it is asked whether the client may still watch.
const CHECK_PAUSE: Duration = Duration::from_secs(1);
/// How long to wait after the store did not answer.
const PAUSE: Duration = Duration::from_secs(2);

/// One watcher. It is only driven when its client takes events, so a slow client
/// makes changes coalesce and holds nothing but what it was not yet given.
struct Watcher {
    calls: Arc<Calls>,
    filter: Filter,
    changes: Changes,
    stage: Stage,
    /// Events that are ready; at most a chunk.
    ready: VecDeque<Event>,
    /// What the client has been shown, if that decides what it must be told.
    shown: Option<BTreeSet<IndexerId>>,
    /// Whether all indexers were known when the look at what there is began, or
    /// those that were not do not pass the filter.
    complete: bool,
    until: Instant,
    _place: OwnedSemaphorePermit,
}

/// What comes next.
enum Stage {
    /// What there is, after this one.
    Page(Option<IndexerId>),
    /// The registry's first answer: without it an indexer that has no record would
    /// seem to be gone.
    Answer,
    /// What changes.
    Changes,
    /// Nothing.
    Over,
}

/// The events of a watch.
///
/// # Errors
/// There are too many watchers, or it is not known yet what there is.
pub(crate) fn events(
    calls: &Arc<Calls>,
    filter: Filter,
    changes_only: bool,
    standing: Option<Standing>,
) -> Result<impl Stream<Item = Result<pb::WatchIndexersResponse, Status>> + use<>, Status> {
    let loaded = calls.admin.expect_loaded();
    loaded.map_err(|error| status::of_look(&error, "the watch"))?;
    let place = calls.watcher()?;
    // An indexer leaves such a filter without going away.
    let leaves = !filter.phases.is_empty() || filter.troubled;
    let mut watcher = Watcher {
        // Before the first look, or what changes in between is lost.
        changes: calls.admin.changes(),
        calls: Arc::clone(calls),
        filter,
        stage: Stage::Page(None),
        ready: VecDeque::new(),
        complete: false,
        shown: leaves.then(BTreeSet::new),
        until: Instant::now() + calls.limits.watch_age,
        _place: place,
    };
    if changes_only {
        watcher.synced();
    } else {
        watcher.begin();
    }
    let state = (watcher, Box::pin(refused(standing)));
    Ok(stream::unfold(
        state,
        |(mut watcher, mut lost)| async move {
            let event = watcher.next(lost.as_mut()).await?;
            Some((event, (watcher, lost)))
        },
    ))
}

/// Ends once the client's right to watch is taken from it.
async fn refused(standing: Option<Standing>) -> Refusal {
    let Some(standing) = standing else {
        return std::future::pending().await;
    };
    loop {
        sleep(CHECK_PAUSE).await;
        if let Err(refusal) = standing.check() {
            return refusal;
        }
    }
}

impl Watcher {
    async fn next(
        &mut self,
        mut lost: Pin<&mut impl Future<Output = Refusal>>,
    ) -> Option<Result<pb::WatchIndexersResponse, Status>> {
        let shutdown = self.calls.shutdown.clone();
        let until = self.until;
        loop {
            if matches!(self.stage, Stage::Over) {
                return None;
            }
            let ended = tokio::select! {
                biased;
                () = shutdown.cancelled() => {
                    Status::unavailable("the coordinator is shutting down; watch again")
                }
                () = sleep_until(until) => Status::unavailable(format!(
                    "this watch has gone on for {:?}, which is as long as one may; watch again",
                    self.calls.limits.watch_age
                )),
                // Beside the look, which may take longer than a pause: it goes on.
                refusal = lost.as_mut() => Status::from(&refusal),
                filled = self.fill() => match filled {
                    Ok(()) => {
                        let Some(event) = self.ready.pop_front() else { continue };
                        return Some(Ok(pb::WatchIndexersResponse { event: Some(event) }));
                    }
                    Err(status) => status,
                },
            };
            self.stage = Stage::Over;
            return Some(Err(ended));
        }
    }

    /// Makes events ready, unless there are some.
    async fn fill(&mut self) -> Result<(), Status> {
        if !self.ready.is_empty() {
            return Ok(());
        }
        match &self.stage {
            Stage::Page(after) => {
                let page = self.calls.admin.page(after.as_ref(), CHUNK, &self.filter);
                let page = page.await;
                let page = page.map_err(|error| status::of_look(&error, "the watch"))?;
                let mut room = READY_BYTES;
                let mut cut = None;
                for report in &page.reports {
                    let indexer = convert::indexer(report);
                    if room == 0 {
                        // The rest is read again once these are taken.
                        break;
                    }
                    room = room.saturating_sub(indexer.encoded_len());
                    cut = (room == 0).then(|| report.id.clone());
                    self.show(report.id.clone());
                    self.ready.push_back(Event::Indexer(indexer));
                }
                match cut.or(page.next) {
                    Some(last) => self.stage = Stage::Page(Some(last)),
                    None if self.complete => self.synced(),
                    None => self.stage = Stage::Answer,
                }
            }
            Stage::Answer if self.calls.admin.is_complete() => self.begin(),
            Stage::Answer => sleep(ANSWER_PAUSE).await,
            Stage::Changes => match self.changes.next().await {
                Ok(changes) => {
                    for change in changes {
                        self.tell(change)?;
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "changes for a watcher cannot be read; tried again");
                    sleep(PAUSE).await;
                }
            },
            Stage::Over => {}
        }
        Ok(())
    }

    /// Looks at what there is, from the first.
    fn begin(&mut self) {
        let phases = &self.filter.phases;
        let recorded_only = !phases.is_empty() && !phases.contains(&None);
        self.complete = recorded_only || self.calls.admin.is_complete();
        self.stage = Stage::Page(None);
    }

    fn synced(&mut self) {
        self.ready.push_back(Event::Synced(pb::Synced {}));
        self.stage = Stage::Changes;
    }

    fn show(&mut self, id: IndexerId) {
        if let Some(shown) = &mut self.shown {
            shown.insert(id);
        }
    }

    /// Whether the client believes that it is there.
    fn hide(&mut self, id: &IndexerId) -> bool {
        let account = self.filter.account.as_deref();
        match &mut self.shown {
            Some(shown) => shown.remove(id),
            None => account.is_none_or(|account| account == id.account()),
        }
    }

    fn tell(&mut self, change: Change) -> Result<(), Status> {
        match change {
            Change::Indexer(report) if self.filter.passes(&report) => {
                self.show(report.id.clone());
                self.ready
                    .push_back(Event::Indexer(convert::indexer(&report)));
            }
            Change::Indexer(report) => {
                // It does not pass any more; of other accounts nothing was shown.
                if self.shown.is_some() && self.hide(&report.id) {
                    self.ready
                        .push_back(Event::Removed(convert::name(&report.id)));
                }
            }
            Change::Removed(id) => {
                if self.hide(&id) {
                    self.ready.push_back(Event::Removed(convert::name(&id)));
                }
            }
            Change::Lost => {
                return Err(Status::unavailable(
                    "more has changed than could be told one by one; watch again",
                ));
            }
        }
        Ok(())
    }
}
