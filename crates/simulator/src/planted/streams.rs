//! Bugs about block streams.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use coordinator::store::{StoreError, StoreTransport};
use coordinator::transport::{BlockStreamerTransport, CallResult};
use lifecycle::{
    Action, Desired, Observed, Policy, Progress, Rule, Seen, Spec, Step, StreamHealth, Timestamp,
};
use proto::block_streamer::start_stream_request::Rule as WireRule;
use proto::block_streamer::{
    StartStreamRequest, StartStreamResponse, Status, StopStreamRequest, StopStreamResponse,
};

use super::bug::Bug;
use super::{Planted, idle_bug, unsafe_bug};

type Started = CallResult<StartStreamResponse>;

pub(super) const BUGS: &[Planted] = &[
    unsafe_bug(
        "stream-starts-a-block-late",
        "A stream begins one block after the height that was decided",
        "A common mistake: is the start block included?",
        || Arc::new(StartsLate),
    ),
    unsafe_bug(
        "resumed-after-the-cursor",
        "A stream resumes at the block after the cursor",
        "The original resumes at last + 1 and loses a block that was not published",
        || Arc::new(CursorPlus(1)),
    ),
    unsafe_bug(
        "resumed-far-after-the-cursor",
        "A stream resumes some blocks after the cursor",
        "Controller pattern: wrong cursor",
        || Arc::new(CursorPlus(5)),
    ),
    unsafe_bug(
        "cursor-ignored",
        "A stream that is started again begins where its run began",
        "Controller pattern: wrong cursor",
        || Arc::new(CursorIgnored),
    ),
    unsafe_bug(
        "stream-into-anothers-queue",
        "A stream publishes into the queue of the one started before it",
        "The streamer trusts the name of the queue verbatim",
        || Arc::new(AnothersQueue::default()),
    ),
    idle_bug(
        "queue-misspelt",
        "The name of the queue that a stream fills differs from what is read",
        "The original keeps the names of keys in two services",
        || Arc::new(QueueMisspelt),
    ),
    unsafe_bug(
        "wrong-version-on-the-wire",
        "A stream is started with another version than the one that is wanted",
        "Controller pattern: two numbers of the same type are mixed up",
        || Arc::new(WrongVersion),
    ),
    unsafe_bug(
        "failed-status-as-success",
        "A rule for failed actions is sent as one for successful ones",
        "A wrong conversion between the registry's enum and the wire's",
        || Arc::new(FailAsSuccess),
    ),
    unsafe_bug(
        "first-account-only",
        "Of several affected accounts only the first is sent",
        "A wrong conversion of a list in a text",
        || Arc::new(FirstAccountOnly),
    ),
    unsafe_bug(
        "name-cut-at-the-slash",
        "Of a function's name only what follows its last slash is sent",
        "The original joins account and function by a slash, and both may hold one",
        || Arc::new(CutAtTheSlash),
    ),
    unsafe_bug(
        "start-hedged",
        "A start of a stream is sent twice at the same time",
        "Controller pattern: hedged requests for what is not idempotent",
        || Arc::new(Hedged),
    ),
    idle_bug(
        "stalled-taken-for-fine",
        "A stream that says that it is stalled is left as it is",
        "The original knows no unhealthy streams before its last months",
        || Arc::new(StalledTakenForFine),
    ),
    unsafe_bug(
        "stop-acknowledged-not-sent",
        "A stop of a stream is said to be done and never sent",
        "Controller pattern: an effect is believed without a look",
        || Arc::new(StopNotSent),
    ),
    unsafe_bug(
        "event-rule-reported-as-success",
        "A rule that no streamer serves counts as served",
        "The original's known defect: no stream, and the state says Running",
        || Arc::new(EventRuleServed),
    ),
    idle_bug(
        "any-action-taken-for-unknown",
        "Rules for any action count as ones that no streamer serves",
        "Controller pattern: a refusal is its own excuse",
        || Arc::new(AnyActionUnknown),
    ),
    unsafe_bug(
        "first-start-by-the-cursor",
        "The first stream of a run begins at whatever cursor there is",
        "A stream of the run before that is slow to end writes after the clearing",
        || Arc::new(FirstStartByTheCursor),
    ),
    unsafe_bug(
        "unknown-rule-panics",
        "The planner panics at a rule that no streamer serves",
        "Controller pattern: unreachable!() that can be reached",
        || Arc::new(UnknownRulePanics),
    ),
];

struct StartsLate;

#[async_trait]
impl Bug for StartsLate {
    async fn start_stream(
        &self,
        to: &dyn BlockStreamerTransport,
        mut request: StartStreamRequest,
    ) -> Started {
        request.start_block_height += 1;
        to.start_stream(request).await
    }
}

struct CursorPlus(u64);

#[async_trait]
impl Bug for CursorPlus {
    async fn get_many(
        &self,
        to: &dyn StoreTransport,
        keys: &[String],
    ) -> Result<Vec<Option<Bytes>>, StoreError> {
        let mut values = to.get_many(keys).await?;
        for (key, value) in keys.iter().zip(&mut values) {
            if !key.ends_with(":last_published_block") {
                continue;
            }
            let height = value.as_ref().and_then(|raw| std::str::from_utf8(raw).ok());
            if let Some(height) = height.and_then(|text| text.parse::<u64>().ok()) {
                *value = Some((height + self.0).to_string().into());
            }
        }
        Ok(values)
    }
}

struct CursorIgnored;

impl Bug for CursorIgnored {
    fn look(&self, seen: &mut Observed, _now: Timestamp) {
        if let Progress::Known { cursor, .. } = &mut seen.progress {
            *cursor = None;
        }
    }
}

#[derive(Default)]
struct AnothersQueue(Mutex<Option<String>>);

#[async_trait]
impl Bug for AnothersQueue {
    async fn start_stream(
        &self,
        to: &dyn BlockStreamerTransport,
        mut request: StartStreamRequest,
    ) -> Started {
        let own = request.redis_stream.clone();
        let last = self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .replace(own);
        request.redis_stream = last.unwrap_or(request.redis_stream);
        to.start_stream(request).await
    }
}

struct QueueMisspelt;

#[async_trait]
impl Bug for QueueMisspelt {
    async fn start_stream(
        &self,
        to: &dyn BlockStreamerTransport,
        mut request: StartStreamRequest,
    ) -> Started {
        request.redis_stream.push('s');
        to.start_stream(request).await
    }
}

struct WrongVersion;

#[async_trait]
impl Bug for WrongVersion {
    async fn start_stream(
        &self,
        to: &dyn BlockStreamerTransport,
        mut request: StartStreamRequest,
    ) -> Started {
        request.version = request.start_block_height.saturating_sub(1);
        to.start_stream(request).await
    }
}

struct FailAsSuccess;

#[async_trait]
impl Bug for FailAsSuccess {
    async fn start_stream(
        &self,
        to: &dyn BlockStreamerTransport,
        mut request: StartStreamRequest,
    ) -> Started {
        let status = match &mut request.rule {
            Some(WireRule::ActionAnyRule(rule)) => Some(&mut rule.status),
            Some(WireRule::ActionFunctionCallRule(rule)) => Some(&mut rule.status),
            None => None,
        };
        if let Some(status) = status.filter(|status| **status == i32::from(Status::Failure)) {
            *status = Status::Success.into();
        }
        to.start_stream(request).await
    }
}

struct FirstAccountOnly;

#[async_trait]
impl Bug for FirstAccountOnly {
    async fn start_stream(
        &self,
        to: &dyn BlockStreamerTransport,
        mut request: StartStreamRequest,
    ) -> Started {
        let accounts = match &mut request.rule {
            Some(WireRule::ActionAnyRule(rule)) => Some(&mut rule.affected_account_id),
            Some(WireRule::ActionFunctionCallRule(rule)) => Some(&mut rule.affected_account_id),
            None => None,
        };
        if let Some(accounts) = accounts
            && let Some((first, _)) = accounts.split_once(',')
        {
            *accounts = first.to_owned();
        }
        to.start_stream(request).await
    }
}

struct CutAtTheSlash;

#[async_trait]
impl Bug for CutAtTheSlash {
    async fn start_stream(
        &self,
        to: &dyn BlockStreamerTransport,
        mut request: StartStreamRequest,
    ) -> Started {
        if let Some((_, end)) = request.function_name.rsplit_once('/') {
            request.function_name = end.to_owned();
        }
        to.start_stream(request).await
    }
}

struct Hedged;

#[async_trait]
impl Bug for Hedged {
    async fn start_stream(
        &self,
        to: &dyn BlockStreamerTransport,
        request: StartStreamRequest,
    ) -> Started {
        let (first, second) = (to.start_stream(request.clone()), to.start_stream(request));
        let (first, _) = tokio::join!(first, second);
        first
    }
}

struct StalledTakenForFine;

impl Bug for StalledTakenForFine {
    fn look(&self, seen: &mut Observed, _now: Timestamp) {
        if let Seen::Present(stream) = &mut seen.stream {
            stream.health = StreamHealth::Fine;
        }
    }
}

struct StopNotSent;

#[async_trait]
impl Bug for StopNotSent {
    async fn stop_stream(
        &self,
        _to: &dyn BlockStreamerTransport,
        _request: StopStreamRequest,
    ) -> CallResult<StopStreamResponse> {
        Ok(StopStreamResponse::default())
    }
}

fn is_unsupported(seen: &Observed) -> bool {
    let lifecycle::Desired::Present(spec) = &seen.desired else {
        return false;
    };
    matches!(spec.rule, Rule::Unsupported(_))
}

struct EventRuleServed;

impl Bug for EventRuleServed {
    fn decide(&self, seen: &Observed, step: Step, _policy: &Policy, _now: Timestamp) -> Step {
        match &step {
            Step::Commit(next) if is_unsupported(seen) && next.repair.is_some() => {
                super::pace::wait_for(None)
            }
            Step::Apply(Action::StartStream { .. }) if is_unsupported(seen) => {
                super::pace::wait_for(None)
            }
            _ => step,
        }
    }
}

struct AnyActionUnknown;

impl Bug for AnyActionUnknown {
    fn look(&self, seen: &mut Observed, _now: Timestamp) {
        if let Desired::Present(spec) = &mut seen.desired
            && matches!(spec.rule, Rule::ActionAny { .. })
        {
            let rule = Rule::Unsupported("ACTION_ANY".to_owned());
            *spec = Arc::new(Spec {
                rule,
                ..(**spec).clone()
            });
        }
    }
}

struct FirstStartByTheCursor;

impl Bug for FirstStartByTheCursor {
    fn decide(&self, seen: &Observed, step: Step, _policy: &Policy, _now: Timestamp) -> Step {
        match (step, seen.progress) {
            (
                Step::Apply(Action::StartStream { spec, height }),
                Progress::Known {
                    cursor: Some(cursor),
                    ..
                },
            ) => Step::Apply(Action::StartStream {
                spec,
                height: height.max(cursor),
            }),
            (step, _) => step,
        }
    }
}

struct UnknownRulePanics;

impl Bug for UnknownRulePanics {
    #[expect(clippy::panic, reason = "the panic is the bug")]
    fn look(&self, seen: &mut Observed, _now: Timestamp) {
        if is_unsupported(seen) {
            panic!("planted: a kind of rule that nobody thought of");
        }
    }
}
