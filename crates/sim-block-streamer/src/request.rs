//! From the wire to what a stream needs.

use near_account_id::AccountIdRef;
use proto::block_streamer::{StartStreamRequest, Status as WireStatus, start_stream_request};
use sim_node::IndexerKey;
use sim_node::chain::{Rule, StatusFilter};
use tonic::Status;

/// A request that passed all checks.
pub(crate) struct Start {
    pub(crate) key: IndexerKey,
    pub(crate) version: u64,
    pub(crate) start_height: u64,
    pub(crate) queue: String,
    pub(crate) rule: Rule,
}

/// Checks a request in the order of the real service: rule, status, account.
///
/// The name of the function and of the queue are taken as they come.
pub(crate) fn checked(request: StartStreamRequest) -> Result<Start, Status> {
    let rule = rule_from_request(request.rule)?;
    AccountIdRef::new(&request.account_id).map_err(|error| {
        Status::invalid_argument(format!(
            "Invalid account_id value for StartStreamRequest: {error}"
        ))
    })?;
    Ok(Start {
        key: IndexerKey::new(&request.account_id, &request.function_name),
        version: request.version,
        start_height: request.start_block_height,
        queue: request.redis_stream,
        rule,
    })
}

/// The rule of a StartStream request. Account and function patterns are taken as
/// they come.
///
/// # Errors
/// INVALID_ARGUMENT if there is no rule, or its status is none of 1 to 3.
pub fn rule_from_request(rule: Option<start_stream_request::Rule>) -> Result<Rule, Status> {
    match rule {
        None => Err(Status::invalid_argument("Rule must be provided")),
        Some(start_stream_request::Rule::ActionAnyRule(any)) => Ok(Rule::ActionAny {
            status: status_filter(any.status, "ActionAnyRule")?,
            affected: any.affected_account_id,
        }),
        Some(start_stream_request::Rule::ActionFunctionCallRule(call)) => {
            Ok(Rule::ActionFunctionCall {
                status: status_filter(call.status, "ActionFunctionCallRule")?,
                affected: call.affected_account_id,
                function: call.function_name,
            })
        }
    }
}

fn status_filter(number: i32, rule: &str) -> Result<StatusFilter, Status> {
    match WireStatus::try_from(number) {
        Ok(WireStatus::Success) => Ok(StatusFilter::Success),
        Ok(WireStatus::Failure) => Ok(StatusFilter::Fail),
        Ok(WireStatus::Any) => Ok(StatusFilter::Any),
        Ok(WireStatus::Unspecified) | Err(_) => Err(Status::invalid_argument(format!(
            "Invalid status value for {rule}"
        ))),
    }
}
