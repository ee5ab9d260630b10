//! The block streamer.

use std::sync::Arc;
use std::time::Duration;

use lifecycle::{ActionStatus, IndexerId, Outcome, Rule, Spec};
use proto::block_streamer::{
    ActionAnyRule, ActionFunctionCallRule, GetStreamRequest, ListStreamsRequest, ProcessingState,
    StartStreamRequest, Status, StopStreamRequest, StreamInfo, start_stream_request,
};
use tonic::Code;

use super::listing::Entry;
use super::{Listing, News, ServiceError, within};
use crate::store::keys;
use crate::transport::BlockStreamerTransport;

const NAME: &str = "block streamer";

/// Calls of the block streamer.
pub struct BlockStreamers {
    transport: Arc<dyn BlockStreamerTransport>,
    call: Duration,
    read: Duration,
    list: Duration,
}

/// A stream as the streamer describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamView {
    /// What stops it.
    pub id: String,
    /// The version it was started with.
    pub version: u64,
    /// Its health monitor says STALLED. Any value we do not know is not that.
    pub stalled: bool,
    /// When its monitor last gave a verdict, in seconds since the Unix epoch by
    /// the streamer's clock; `None` if it is not said, or says nothing we know.
    pub heartbeat: Option<u64>,
}

impl BlockStreamers {
    /// Calls over `transport`: starts and stops get the deadline `call`, looks
    /// at one stream `read`, listings `list`.
    pub fn new(
        transport: Arc<dyn BlockStreamerTransport>,
        call: Duration,
        read: Duration,
        list: Duration,
    ) -> BlockStreamers {
        BlockStreamers {
            transport,
            call,
            read,
            list,
        }
    }

    /// Starts the stream of `id` at block `height`. Done means accepted, not
    /// that it works.
    pub async fn start(&self, id: &IndexerId, spec: &Spec, height: u64) -> Outcome {
        let rule = match wire_rule(&spec.rule) {
            Ok(rule) => rule,
            Err(kind) => {
                return Outcome::Rejected(format!(
                    "{NAME}: no stream can serve rules of kind {kind}"
                ));
            }
        };
        let request = StartStreamRequest {
            start_block_height: height,
            account_id: id.account().to_owned(),
            function_name: id.function().to_owned(),
            version: spec.version,
            redis_stream: keys::queue(id),
            rule: Some(rule),
        };
        match within(self.call, self.transport.start_stream(request)).await {
            Ok(_) => Outcome::Done(None),
            Err(failure) => failure.into_start_outcome(NAME, "StartStream"),
        }
    }

    /// Stops the stream with this id. Done also if there is none.
    pub async fn stop(&self, stream_id: &str) -> Outcome {
        let request = StopStreamRequest {
            stream_id: stream_id.to_owned(),
        };
        match within(self.call, self.transport.stop_stream(request)).await {
            Ok(_) => Outcome::Done(None),
            Err(failure) => failure.into_stop_outcome(NAME, "StopStream"),
        }
    }

    /// The stream of `id`; `None` if the streamer says that there is none.
    ///
    /// # Errors
    /// There was no usable answer.
    pub async fn get(&self, id: &IndexerId) -> Result<Option<StreamView>, ServiceError> {
        let request = GetStreamRequest {
            account_id: id.account().to_owned(),
            function_name: id.function().to_owned(),
        };
        match within(self.read, self.transport.get_stream(request)).await {
            Ok(info) => Ok(Some(info.view())),
            Err(failure) if failure.code() == Some(Code::NotFound) => Ok(None),
            Err(failure) => Err(failure.into_error(NAME, "GetStream")),
        }
    }

    /// Brings `last` up to date with all streams; returns what is new. Entries that
    /// name no indexer are left out.
    ///
    /// # Errors
    /// There was no usable answer, or one of too many entries; `last` stays.
    pub async fn list(&self, last: &mut Listing<StreamInfo>) -> Result<News, ServiceError> {
        let listed = within(
            self.list,
            self.transport.list_streams(ListStreamsRequest {}),
        )
        .await
        .map_err(|failure| failure.into_error(NAME, "ListStreams"))?;
        last.take(NAME, listed.streams)
    }
}

/// The rule on the wire; the error is the kind that the wire does not know.
fn wire_rule(rule: &Rule) -> Result<start_stream_request::Rule, &str> {
    match rule {
        Rule::ActionAny {
            affected_account_id,
            status,
        } => Ok(start_stream_request::Rule::ActionAnyRule(ActionAnyRule {
            affected_account_id: affected_account_id.clone(),
            status: wire_status(*status).into(),
        })),
        Rule::ActionFunctionCall {
            affected_account_id,
            status,
            function,
        } => Ok(start_stream_request::Rule::ActionFunctionCallRule(
            ActionFunctionCallRule {
                affected_account_id: affected_account_id.clone(),
                function_name: function.clone(),
                status: wire_status(*status).into(),
            },
        )),
        Rule::Unsupported(kind) => Err(kind),
    }
}

fn wire_status(status: ActionStatus) -> Status {
    match status {
        ActionStatus::Any => Status::Any,
        ActionStatus::Success => Status::Success,
        ActionStatus::Fail => Status::Failure,
    }
}

impl Entry for StreamInfo {
    type View = StreamView;

    fn name(&self) -> (&str, &str) {
        (&self.account_id, &self.function_name)
    }

    fn view(&self) -> StreamView {
        let verdict = self.health.as_ref().and_then(|health| {
            let state = ProcessingState::try_from(health.processing_state).ok()?;
            (state != ProcessingState::Unspecified)
                .then_some((state, health.updated_at_timestamp_secs))
        });
        StreamView {
            id: self.stream_id.clone(),
            version: self.version,
            stalled: verdict.is_some_and(|(state, _)| state == ProcessingState::Stalled),
            heartbeat: verdict.map(|(_, updated_at)| updated_at),
        }
    }
}
