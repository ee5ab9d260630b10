//! Bugs about how often, how soon and for how long.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use coordinator::Knobs;
use coordinator::transport::{BlockStreamerTransport, CallResult};
use lifecycle::{Observed, Phase, Policy, Reason, Record, Step, Timestamp, Wait};
use proto::block_streamer::{
    GetStreamRequest, ListStreamsRequest, ListStreamsResponse, StreamInfo,
};

use super::bug::Bug;
use super::{Planted, idle_bug, unsafe_bug};

pub(super) const BUGS: &[Planted] = &[
    idle_bug(
        "calls-without-a-deadline",
        "A call of a service that is never answered is waited for without end",
        "The original's known defect: one silent peer freezes an indexer",
        || Arc::new(NoDeadline),
    ),
    idle_bug(
        "store-without-a-deadline",
        "A store command that is never answered is waited for without end",
        "The original's known defect: no deadlines on any call",
        || Arc::new(NoStoreDeadline),
    ),
    unsafe_bug(
        "herd-of-starts",
        "After a restart of a service all starts are made at once",
        "The original's known defect: N starts in one second",
        || Arc::new(Herd),
    ),
    unsafe_bug(
        "busy-loop",
        "A wait ends at once, and the loop turns without a pause",
        "Controller pattern: a hot loop",
        || Arc::new(BusyLoop),
    ),
    idle_bug(
        "heartbeat-in-the-record",
        "Each record is written once a minute, to show that its loop lives",
        "The original's known defect: writes although nothing changes",
        || Arc::new(HeartbeatInTheRecord),
    ),
    idle_bug(
        "point-reads-in-the-steady-state",
        "With each listing every stream is asked for once more, one by one",
        "The original's cost: reads per indexer and second",
        || Arc::new(PointReads),
    ),
    idle_bug(
        "slow-polls",
        "The registry is asked once a minute",
        "Controller pattern: resync instead of watch",
        || Arc::new(SlowPolls),
    ),
    unsafe_bug(
        "polls-without-a-pause",
        "All shared polls are made a hundred times as often",
        "Controller pattern: a pause in the wrong unit",
        || Arc::new(HastyPolls),
    ),
    idle_bug(
        "breaker-never-closes",
        "Once many indexers were missing from a listing, absences stay unbelieved",
        "Controller pattern: a breaker without a way back",
        || Arc::new(BreakerNeverCloses),
    ),
    idle_bug(
        "bounded-table-full",
        "Beyond sixteen indexers newcomers are left alone",
        "Controller pattern: a bound that drops instead of waiting",
        || Arc::new(TableFull),
    ),
    idle_bug(
        "sleeps-through-changes",
        "A repair is a sleep in which a change of what is wanted is not seen",
        "The original's known defect: ten minutes asleep inside the handler",
        || Arc::new(SleepsThroughChanges),
    ),
    idle_bug(
        "one-start-a-minute",
        "Starts are spread so thin that the last one waits for an hour",
        "The original's known defect: one rate limit for everybody",
        || Arc::new(OneStartAMinute),
    ),
    idle_bug(
        "one-call-at-a-time",
        "All looks at streams pass through one connection, one after the other",
        "Controller pattern: head-of-line blocking",
        || Arc::new(OneAtATime::default()),
    ),
];

/// A step that does nothing until `until`, or until there is news.
pub(super) fn wait_for(until: Option<Timestamp>) -> Step {
    Step::Wait(Wait {
        reason: Reason::Steady,
        until,
    })
}

const FOR_EVER: Duration = Duration::from_secs(30 * 24 * 3600);

struct NoDeadline;

impl Bug for NoDeadline {
    fn knobs(&self, knobs: &mut Knobs) {
        knobs.call_deadline = FOR_EVER;
        knobs.read_deadline = FOR_EVER;
        knobs.list_deadline = FOR_EVER;
    }
}

struct HastyPolls;

impl Bug for HastyPolls {
    fn knobs(&self, knobs: &mut Knobs) {
        knobs.tick /= 100;
    }
}

struct NoStoreDeadline;

impl Bug for NoStoreDeadline {
    fn knobs(&self, knobs: &mut Knobs) {
        knobs.store_deadline = FOR_EVER;
    }
}

struct Herd;

impl Bug for Herd {
    fn knobs(&self, knobs: &mut Knobs) {
        knobs.starts_per_second = 100_000;
    }
}

struct BusyLoop;

impl Bug for BusyLoop {
    fn decide(&self, _seen: &Observed, step: Step, _policy: &Policy, now: Timestamp) -> Step {
        match step {
            Step::Wait(wait) => Step::Wait(Wait {
                until: Some(now + Duration::from_millis(5)),
                ..wait
            }),
            step => step,
        }
    }
}

struct HeartbeatInTheRecord;

impl Bug for HeartbeatInTheRecord {
    fn decide(&self, seen: &Observed, step: Step, _policy: &Policy, now: Timestamp) -> Step {
        let minute = now.0 % 60_000;
        match (&step, &seen.record) {
            (Step::Wait(wait), Some(record)) if wait.reason == Reason::Steady => {
                if minute < 1_000 {
                    Step::Commit(Box::new(record.clone()))
                } else {
                    wait_for(Some(now + Duration::from_millis(60_000 - minute)))
                }
            }
            _ => step,
        }
    }
}

struct PointReads;

#[async_trait]
impl Bug for PointReads {
    async fn list_streams(
        &self,
        to: &dyn BlockStreamerTransport,
        request: ListStreamsRequest,
    ) -> CallResult<ListStreamsResponse> {
        let listed = to.list_streams(request).await?;
        for stream in &listed.streams {
            let request = GetStreamRequest {
                account_id: stream.account_id.clone(),
                function_name: stream.function_name.clone(),
            };
            // Nobody uses the answer.
            let _ = to.get_stream(request).await;
        }
        Ok(listed)
    }
}

struct SlowPolls;

impl Bug for SlowPolls {
    fn knobs(&self, knobs: &mut Knobs) {
        knobs.tick = Duration::from_secs(60);
    }
}

struct BreakerNeverCloses;

impl Bug for BreakerNeverCloses {
    fn knobs(&self, knobs: &mut Knobs) {
        knobs.listing_hold = FOR_EVER;
    }
}

struct TableFull;

impl Bug for TableFull {
    fn knobs(&self, knobs: &mut Knobs) {
        knobs.loops_max = 16;
    }
}

struct SleepsThroughChanges;

impl Bug for SleepsThroughChanges {
    fn decide(&self, seen: &Observed, step: Step, _policy: &Policy, now: Timestamp) -> Step {
        let asleep = |record: &&Record| record.phase == Phase::Repairing;
        let record = seen.record.as_ref().filter(asleep);
        let until = record
            .and_then(|record| record.repair.as_ref())
            .map(|it| it.next_at);
        match until.filter(|until| now < *until) {
            Some(until) => wait_for(Some(until)),
            None => step,
        }
    }
}

struct OneStartAMinute;

impl Bug for OneStartAMinute {
    fn look(&self, seen: &mut Observed, now: Timestamp) {
        let minute = now.0 / 60_000;
        let turn = seen.id.as_str().bytes().map(u64::from).sum::<u64>() % 60;
        if minute % 60 != turn {
            seen.start_slot = Timestamp((minute + 1) * 60_000);
        }
    }
}

#[derive(Default)]
struct OneAtATime(tokio::sync::Mutex<()>);

#[async_trait]
impl Bug for OneAtATime {
    async fn get_stream(
        &self,
        to: &dyn BlockStreamerTransport,
        request: GetStreamRequest,
    ) -> CallResult<StreamInfo> {
        let _turn = self.0.lock().await;
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        to.get_stream(request).await
    }
}
