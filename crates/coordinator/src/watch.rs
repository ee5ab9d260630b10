//! Runs the shared polls: each in a task of its own, so that one that hangs or
//! breaks holds up no other.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use lifecycle::IndexerId;
use tokio::task::JoinHandle;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::polls::{RecordPoll, RegistryPoll};
use crate::services::Listing;
use crate::shared::Shared;

/// Polls until `stop` is cancelled. `records` are the records as last read.
pub(crate) fn watch(
    shared: &Arc<Shared>,
    records: BTreeMap<IndexerId, Bytes>,
    stop: &CancellationToken,
) -> Vec<JoinHandle<()>> {
    let mut polls = vec![
        keep(shared, stop, "block streams", streams),
        keep(shared, stop, "executors", executors),
        keep(shared, stop, "registry", registry),
        keep(shared, stop, "absences", absences),
        keep(shared, stop, "which records there are", recorded),
        // After a panic all records that changed since count as changed, which
        // is harmless.
        keep(shared, stop, "records", move |shared| {
            stored(shared, records.clone())
        }),
    ];
    if shared.provisioner.stands_apart() {
        polls.push(keep(shared, stop, "provisioner", provisioner));
    }
    polls
}

/// Starts `poll` again after a pause should it panic: without it everything would
/// be decided on what was seen long ago.
fn keep<F>(
    shared: &Arc<Shared>,
    stop: &CancellationToken,
    what: &'static str,
    poll: impl Fn(Arc<Shared>) -> F + Send + Sync + 'static,
) -> JoinHandle<()>
where
    F: Future<Output = ()> + Send,
{
    let (shared, stop) = (Arc::clone(shared), stop.clone());
    tokio::spawn(async move {
        let unbroken = async {
            while let Err(payload) = AssertUnwindSafe(poll(Arc::clone(&shared)))
                .catch_unwind()
                .await
            {
                let text = panic_text(payload.as_ref());
                tracing::error!(
                    what,
                    panic = text,
                    "a shared poll panicked; it is started again"
                );
                sleep(shared.knobs.panic_pause).await;
            }
        };
        tokio::select! {
            biased;
            () = stop.cancelled() => {}
            () = unbroken => {}
        }
    })
}

async fn streams(shared: Arc<Shared>) {
    let mut last = Listing::default();
    loop {
        shared.poll_streams(&mut last).await;
        sleep(shared.knobs.tick).await;
    }
}

async fn executors(shared: Arc<Shared>) {
    let mut last = Listing::default();
    loop {
        shared.poll_executors(&mut last).await;
        sleep(shared.knobs.tick).await;
    }
}

async fn provisioner(shared: Arc<Shared>) {
    loop {
        shared.poll_provisioner().await;
        sleep(shared.knobs.tick).await;
    }
}

async fn registry(shared: Arc<Shared>) {
    let tick = shared.knobs.tick;
    let mut last = RegistryPoll::default();
    let mut pause = tick;
    loop {
        pause = if shared.poll_registry(&mut last).await {
            tick
        } else {
            (pause * 2).min(tick * shared.knobs.registry_pause_ticks.max(1))
        };
        sleep(pause).await;
    }
}

/// Asks about whom the registry does not list. An answer that does not come keeps
/// nobody else from being asked about.
async fn absences(shared: Arc<Shared>) {
    let mut questions = FuturesUnordered::new();
    let mut asked = BTreeSet::new();
    loop {
        for id in shared.absences_due(&asked) {
            asked.insert(id.clone());
            let shared = Arc::clone(&shared);
            questions.push(async move {
                shared.confirm(&id).await;
                id
            });
        }
        tokio::select! {
            biased;
            Some(id) = questions.next() => {
                asked.remove(&id);
            }
            () = sleep(shared.knobs.tick) => {}
        }
    }
}

async fn recorded(shared: Arc<Shared>) {
    loop {
        sleep(shared.knobs.rescan).await;
        shared.rescan_records().await;
    }
}

async fn stored(shared: Arc<Shared>, records: BTreeMap<IndexerId, Bytes>) {
    let mut poll = RecordPoll::new(records);
    loop {
        shared.poll_records(&mut poll).await;
        sleep(shared.knobs.tick).await;
    }
}

/// What a panic said.
pub(crate) fn panic_text(payload: &(dyn std::any::Any + Send)) -> String {
    payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned())
}
