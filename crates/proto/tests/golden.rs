//! The bytes on the wire, computed by hand from the protobuf encoding.
#![expect(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]

use proto::{block_streamer, data_layer, indexer, runner};

/// The message must encode to exactly these bytes, and they must decode to it.
fn golden<M>(message: &M, bytes: &[&[u8]])
where
    M: prost::Message + Default + PartialEq + std::fmt::Debug,
{
    let bytes = bytes.concat();
    assert_eq!(message.encode_to_vec(), bytes, "encoding of {message:?}");
    assert_eq!(&M::decode(bytes.as_slice()).unwrap(), message, "decoding");
}

fn start_stream(
    rule: Option<block_streamer::start_stream_request::Rule>,
) -> block_streamer::StartStreamRequest {
    block_streamer::StartStreamRequest {
        start_block_height: 300,
        account_id: "a.near".into(),
        function_name: "f".into(),
        version: 150,
        redis_stream: "s".into(),
        rule,
    }
}

const START_STREAM: &[u8] = b"\x08\xac\x02\x12\x06a.near\x1a\x01f\x20\x96\x01\x2a\x01s";

#[test]
fn start_stream_with_any_action() {
    use block_streamer::{ActionAnyRule, Status, start_stream_request::Rule};
    let rule = ActionAnyRule {
        affected_account_id: "*".into(),
        status: Status::Success.into(),
    };
    golden(
        &start_stream(Some(Rule::ActionAnyRule(rule))),
        &[START_STREAM, b"\x32\x05\x0a\x01*\x10\x01"],
    );
}

#[test]
fn start_stream_with_function_call() {
    use block_streamer::{ActionFunctionCallRule, Status, start_stream_request::Rule};
    let rule = ActionFunctionCallRule {
        affected_account_id: "x".into(),
        function_name: "ft_*".into(),
        status: Status::Any.into(),
    };
    golden(
        &start_stream(Some(Rule::ActionFunctionCallRule(rule))),
        &[START_STREAM, b"\x3a\x0b\x0a\x01x\x12\x04ft_*\x18\x03"],
    );
}

#[test]
fn start_stream_without_rule() {
    golden(&start_stream(None), &[START_STREAM]);
}

#[test]
fn stream_list() {
    use block_streamer::{Health, ListStreamsResponse, ProcessingState, StreamInfo};
    let info = StreamInfo {
        stream_id: "42".into(),
        account_id: "a.near".into(),
        function_name: "f".into(),
        version: 150,
        health: Some(Health {
            processing_state: ProcessingState::Stalled.into(),
            updated_at_timestamp_secs: 300,
        }),
    };
    golden(
        &ListStreamsResponse {
            streams: vec![info],
        },
        &[
            b"\x0a\x19\x0a\x0242\x1a\x06a.near\x22\x01f\x28\x96\x01",
            b"\x32\x05\x08\x04\x10\xac\x02",
        ],
    );
}

#[test]
fn stop_stream() {
    use block_streamer::{StopStreamRequest, StopStreamResponse};
    golden(
        &StopStreamRequest {
            stream_id: "42".into(),
        },
        &[b"\x0a\x0242"],
    );
    golden(
        &StopStreamResponse {
            status: "ok".into(),
        },
        &[b"\x0a\x02ok"],
    );
}

#[test]
fn start_executor() {
    let request = runner::StartExecutorRequest {
        redis_stream: "s".into(),
        account_id: "a.near".into(),
        function_name: "f".into(),
        code: "c()".into(),
        schema: "t".into(),
        version: 150,
    };
    golden(
        &request,
        &[b"\x0a\x01s\x12\x06a.near\x1a\x01f\x22\x03c()\x2a\x01t\x30\x96\x01"],
    );
    golden(
        &runner::StartExecutorResponse {
            executor_id: "be".into(),
        },
        &[b"\x0a\x02be"],
    );
}

#[test]
fn executor_info_in_the_state_older_clients_do_not_know() {
    use runner::{ExecutionState, ExecutorInfo, Health};
    let info = ExecutorInfo {
        executor_id: "be".into(),
        account_id: "a.near".into(),
        function_name: "f".into(),
        version: 150,
        health: Some(Health {
            execution_state: ExecutionState::Idle.into(),
        }),
    };
    golden(
        &info,
        &[b"\x0a\x02be\x12\x06a.near\x1a\x01f\x28\x96\x01\x32\x02\x08\x06"],
    );
}

#[test]
fn provisioning() {
    use data_layer::{GetTaskStatusResponse, ProvisionRequest, StartTaskResponse, TaskStatus};
    let request = ProvisionRequest {
        account_id: "a.near".into(),
        function_name: "f".into(),
        schema: "t".into(),
    };
    golden(&request, &[b"\x0a\x06a.near\x12\x01f\x1a\x01t"]);
    golden(
        &StartTaskResponse {
            task_id: "u".into(),
        },
        &[b"\x0a\x01u"],
    );
    golden(
        &GetTaskStatusResponse {
            status: TaskStatus::Failed.into(),
        },
        &[b"\x08\x03"],
    );
}

#[test]
fn administration() {
    use indexer::{Empty, EnableIndexerResponse, IndexerRequest};
    let request = IndexerRequest {
        account_id: "a.near".into(),
        function_name: "f".into(),
    };
    golden(&request, &[b"\x0a\x06a.near\x12\x01f"]);
    golden(&EnableIndexerResponse { success: true }, &[b"\x08\x01"]);
    golden(&Empty {}, &[]);
}

#[test]
fn admin_list() {
    use indexer::{IndexerState, ListIndexersResponse};
    let state = |enabled| IndexerState {
        account_id: "a.near".into(),
        function_name: "f".into(),
        enabled,
    };
    // A field that holds its default is not sent.
    golden(
        &ListIndexersResponse {
            indexers: vec![state(true), state(false)],
        },
        &[
            b"\x0a\x0d\x0a\x06a.near\x12\x01f\x18\x01",
            b"\x0a\x0b\x0a\x06a.near\x12\x01f",
        ],
    );
}

#[test]
fn unknown_fields_and_numbers_are_kept_apart_from_known_ones() {
    use prost::Message;
    // Field 2 is retired: old streamers still send it. State 9 does not exist yet.
    let bytes = b"\x0a\x0242\x10\x07\x32\x02\x08\x09";
    let info = block_streamer::StreamInfo::decode(bytes.as_slice()).unwrap();
    assert_eq!(info.stream_id, "42");
    let state = info.health.unwrap().processing_state;
    assert_eq!(state, 9);
    assert!(block_streamer::ProcessingState::try_from(state).is_err());
}
