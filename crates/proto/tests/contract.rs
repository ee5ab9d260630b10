//! Every name and number of the contract, against the compiled descriptors.
#![expect(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]

use prost::Message;
use prost_types::{
    DescriptorProto, EnumDescriptorProto, FileDescriptorProto, FileDescriptorSet,
    field_descriptor_proto::{Label, Type},
};

fn files() -> Vec<FileDescriptorProto> {
    let mut files = all_files();
    files.retain(|file| file.package() != OWN);
    files
}

/// The package that deployed peers do not know.
const OWN: &str = "coordinator.v1";

fn all_files() -> Vec<FileDescriptorProto> {
    FileDescriptorSet::decode(proto::FILE_DESCRIPTOR_SET)
        .unwrap()
        .file
}

/// Our own service may grow, but what was released keeps its names and numbers:
/// whoever changes a line of the list breaks clients.
#[test]
fn our_own_service_keeps_its_names_and_numbers() {
    let file = all_files()
        .into_iter()
        .find(|file| file.package() == OWN)
        .unwrap();
    let mut lines = Vec::new();
    for service in &file.service {
        for method in &service.method {
            let streams = if method.server_streaming() {
                "stream "
            } else {
                ""
            };
            lines.push(format!(
                "{}.{} {} -> {streams}{}",
                service.name(),
                method.name(),
                method.input_type(),
                method.output_type()
            ));
        }
    }
    for message in &file.message_type {
        for field in &message.field {
            let many = if field.label() == Label::Repeated {
                "*"
            } else {
                ""
            };
            lines.push(format!(
                "{}.{}={} {:?}{many} {}",
                message.name(),
                field.name(),
                field.number(),
                field.r#type(),
                field.type_name()
            ));
        }
    }
    let listed = include_str!("coordinator_v1.txt");
    let told: String = lines
        .iter()
        .map(|line| format!("{}\n", line.trim_end()))
        .collect();
    assert_eq!(
        told, listed,
        "the list belongs into tests/coordinator_v1.txt"
    );
}

fn methods() -> Vec<String> {
    let mut lines = Vec::new();
    for file in files() {
        for service in &file.service {
            for method in &service.method {
                assert!(!method.client_streaming() && !method.server_streaming());
                let own = |name: &str| {
                    let prefix = format!(".{}.", file.package());
                    name.strip_prefix(&prefix).unwrap().to_owned()
                };
                lines.push(format!(
                    "/{}.{}/{} {} {}",
                    file.package(),
                    service.name(),
                    method.name(),
                    own(method.input_type()),
                    own(method.output_type())
                ));
            }
        }
    }
    lines
}

fn field_lines(message: &DescriptorProto) -> String {
    let field = |field: &prost_types::FieldDescriptorProto| {
        let kind = match field.r#type() {
            Type::String => "string",
            Type::Uint64 => "u64",
            Type::Bool => "bool",
            Type::Enum | Type::Message => field.type_name(),
            other => panic!("{other:?} is not part of the contract"),
        };
        let many = if field.label() == Label::Repeated {
            "*"
        } else {
            ""
        };
        let choice = if field.oneof_index.is_some() { "?" } else { "" };
        format!("{}={} {kind}{many}{choice}", field.name(), field.number())
    };
    message
        .field
        .iter()
        .map(field)
        .collect::<Vec<_>>()
        .join(", ")
}

fn messages(package: &str) -> Vec<String> {
    let file = files()
        .into_iter()
        .find(|file| file.package() == package)
        .unwrap();
    file.message_type
        .iter()
        .map(|m| format!("{}: {}", m.name(), field_lines(m)))
        .collect()
}

fn enums() -> Vec<String> {
    let line = |package: &str, kind: &EnumDescriptorProto| {
        let values: Vec<_> = kind
            .value
            .iter()
            .map(|v| format!("{}={}", v.name(), v.number()))
            .collect();
        format!("{package}.{}: {}", kind.name(), values.join(" "))
    };
    files()
        .iter()
        .flat_map(|f| {
            f.enum_type
                .iter()
                .map(|e| line(f.package(), e))
                .collect::<Vec<_>>()
        })
        .collect()
}

#[test]
fn full_method_paths() {
    let expected = [
        "/blockstreamer.BlockStreamer/StartStream StartStreamRequest StartStreamResponse",
        "/blockstreamer.BlockStreamer/StopStream StopStreamRequest StopStreamResponse",
        "/blockstreamer.BlockStreamer/ListStreams ListStreamsRequest ListStreamsResponse",
        "/blockstreamer.BlockStreamer/GetStream GetStreamRequest StreamInfo",
        "/runner.Runner/StartExecutor StartExecutorRequest StartExecutorResponse",
        "/runner.Runner/StopExecutor StopExecutorRequest StopExecutorResponse",
        "/runner.Runner/ListExecutors ListExecutorsRequest ListExecutorsResponse",
        "/runner.Runner/GetExecutor GetExecutorRequest ExecutorInfo",
        "/data_layer.DataLayer/StartProvisioningTask ProvisionRequest StartTaskResponse",
        "/data_layer.DataLayer/StartDeprovisioningTask DeprovisionRequest StartTaskResponse",
        "/data_layer.DataLayer/GetTaskStatus GetTaskStatusRequest GetTaskStatusResponse",
        "/indexer.IndexerManager/Enable IndexerRequest EnableIndexerResponse",
        "/indexer.IndexerManager/Disable IndexerRequest DisableIndexerResponse",
        "/indexer.IndexerManager/List Empty ListIndexersResponse",
    ];
    assert_eq!(methods(), expected);
}

#[test]
fn block_streamer_messages() {
    let expected = [
        "StartStreamRequest: start_block_height=1 u64, account_id=2 string, \
         function_name=3 string, version=4 u64, redis_stream=5 string, \
         action_any_rule=6 .blockstreamer.ActionAnyRule?, \
         action_function_call_rule=7 .blockstreamer.ActionFunctionCallRule?",
        "ActionAnyRule: affected_account_id=1 string, status=2 .blockstreamer.Status",
        "ActionFunctionCallRule: affected_account_id=1 string, function_name=2 string, \
         status=3 .blockstreamer.Status",
        "StartStreamResponse: stream_id=1 string",
        "StopStreamRequest: stream_id=1 string",
        "StopStreamResponse: status=1 string",
        "ListStreamsRequest: ",
        "ListStreamsResponse: streams=1 .blockstreamer.StreamInfo*",
        "GetStreamRequest: account_id=1 string, function_name=2 string",
        "StreamInfo: stream_id=1 string, account_id=3 string, function_name=4 string, \
         version=5 u64, health=6 .blockstreamer.Health",
        "Health: processing_state=1 .blockstreamer.ProcessingState, \
         updated_at_timestamp_secs=2 u64",
    ];
    assert_eq!(messages("blockstreamer"), expected);
}

#[test]
fn runner_messages() {
    let expected = [
        "StartExecutorRequest: redis_stream=1 string, account_id=2 string, \
         function_name=3 string, code=4 string, schema=5 string, version=6 u64",
        "StartExecutorResponse: executor_id=1 string",
        "StopExecutorRequest: executor_id=1 string",
        "StopExecutorResponse: executor_id=1 string",
        "ListExecutorsRequest: ",
        "ListExecutorsResponse: executors=1 .runner.ExecutorInfo*",
        "GetExecutorRequest: account_id=1 string, function_name=2 string",
        "ExecutorInfo: executor_id=1 string, account_id=2 string, function_name=3 string, \
         version=5 u64, health=6 .runner.Health",
        "Health: execution_state=1 .runner.ExecutionState",
    ];
    assert_eq!(messages("runner"), expected);
}

#[test]
fn data_layer_messages() {
    let expected = [
        "ProvisionRequest: account_id=1 string, function_name=2 string, schema=3 string",
        "DeprovisionRequest: account_id=1 string, function_name=2 string",
        "StartTaskResponse: task_id=1 string",
        "GetTaskStatusRequest: task_id=1 string",
        "GetTaskStatusResponse: status=1 .data_layer.TaskStatus",
    ];
    assert_eq!(messages("data_layer"), expected);
}

#[test]
fn admin_messages() {
    let expected = [
        "IndexerRequest: account_id=1 string, function_name=2 string",
        "EnableIndexerResponse: success=1 bool",
        "DisableIndexerResponse: success=1 bool",
        "ListIndexersResponse: indexers=1 .indexer.IndexerState*",
        "IndexerState: account_id=1 string, function_name=2 string, enabled=3 bool",
        "Empty: ",
    ];
    assert_eq!(messages("indexer"), expected);
}

#[test]
fn enum_numbers() {
    let expected = [
        "blockstreamer.Status: STATUS_UNSPECIFIED=0 STATUS_SUCCESS=1 STATUS_FAILURE=2 STATUS_ANY=3",
        "blockstreamer.ProcessingState: UNSPECIFIED=0 IDLE=1 RUNNING=2 WAITING=3 STALLED=4",
        "runner.ExecutionState: UNSPECIFIED=0 RUNNING=1 FAILING=2 WAITING=3 STOPPED=4 \
         STALLED=5 IDLE=6",
        "data_layer.TaskStatus: UNSPECIFIED=0 PENDING=1 COMPLETE=2 FAILED=3",
    ];
    assert_eq!(enums(), expected);
}

#[test]
fn retired_field_numbers_are_reserved() {
    let reserved = |package: &str, name: &str| -> Vec<i32> {
        let file = files()
            .into_iter()
            .find(|file| file.package() == package)
            .unwrap();
        let message = file
            .message_type
            .into_iter()
            .find(|m| m.name() == name)
            .unwrap();
        // `end` is exclusive.
        message
            .reserved_range
            .iter()
            .flat_map(|range| range.start()..range.end())
            .collect()
    };
    assert_eq!(reserved("blockstreamer", "StreamInfo"), [2]);
    assert_eq!(reserved("runner", "ExecutorInfo"), [4]);
}

#[cfg(feature = "grpc")]
#[test]
fn generated_servers_answer_to_the_contract_s_names() {
    use proto::{block_streamer, data_layer, indexer, runner};
    let names = [
        block_streamer::block_streamer_server::SERVICE_NAME,
        runner::runner_server::SERVICE_NAME,
        data_layer::data_layer_server::SERVICE_NAME,
        indexer::indexer_manager_server::SERVICE_NAME,
    ];
    assert_eq!(
        names,
        [
            "blockstreamer.BlockStreamer",
            "runner.Runner",
            "data_layer.DataLayer",
            "indexer.IndexerManager"
        ]
    );
}
