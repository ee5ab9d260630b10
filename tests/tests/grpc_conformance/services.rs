//! The three services over what a process has. They answer as the deployed ones.

use conformance::grpc::{Kind, UNKNOWN_VALUE};
use proto::block_streamer::block_streamer_server::BlockStreamer;
use proto::block_streamer::{
    GetStreamRequest, Health as StreamHealth, ListStreamsRequest, ListStreamsResponse,
    StartStreamRequest, StartStreamResponse, StopStreamRequest, StopStreamResponse, StreamInfo,
};
use proto::data_layer::data_layer_server::DataLayer;
use proto::data_layer::{
    DeprovisionRequest, GetTaskStatusRequest, GetTaskStatusResponse, ProvisionRequest,
    StartTaskResponse,
};
use proto::runner::runner_server::Runner;
use proto::runner::{
    ExecutorInfo, GetExecutorRequest, Health as ExecutorHealth, ListExecutorsRequest,
    ListExecutorsResponse, StartExecutorRequest, StartExecutorResponse, StopExecutorRequest,
    StopExecutorResponse,
};
use tonic::{Request, Response, Status};

use crate::peer::{Done, Peer};

type Answer<T> = Result<Response<T>, Status>;

/// The value of the enums that says that nothing is wrong.
const FINE: i32 = 1;

fn id_of(account: &str, function: &str) -> String {
    format!("id of {account}/{function}")
}

pub fn stream(account: &str, function: &str, version: u64) -> StreamInfo {
    StreamInfo {
        stream_id: id_of(account, function),
        account_id: account.to_owned(),
        function_name: function.to_owned(),
        version,
        health: Some(StreamHealth {
            processing_state: FINE,
            updated_at_timestamp_secs: 1,
        }),
    }
}

pub fn executor(account: &str, function: &str, version: u64) -> ExecutorInfo {
    ExecutorInfo {
        executor_id: id_of(account, function),
        account_id: account.to_owned(),
        function_name: function.to_owned(),
        version,
        health: Some(ExecutorHealth {
            execution_state: FINE,
        }),
    }
}

#[tonic::async_trait]
impl BlockStreamer for Peer {
    async fn start_stream(
        &self,
        request: Request<StartStreamRequest>,
    ) -> Answer<StartStreamResponse> {
        let request = request.into_inner();
        self.serve(move |state, _| {
            let (account, function) = (&request.account_id, &request.function_name);
            let id = id_of(account, function);
            let result = if request.rule.is_none() {
                Err(Status::invalid_argument("there is no rule"))
            } else if state.streams.contains_key(&id) {
                Err(Status::already_exists("there is a stream"))
            } else {
                let info = stream(account, function, request.version);
                state.streams.insert(id.clone(), info);
                Ok(StartStreamResponse { stream_id: id })
            };
            Done::effect(Kind::StartStream, account, result)
        })
        .await
    }

    async fn stop_stream(&self, request: Request<StopStreamRequest>) -> Answer<StopStreamResponse> {
        let request = request.into_inner();
        self.serve(
            move |state, _| match state.streams.remove(&request.stream_id) {
                Some(info) => {
                    let status = "ok".to_owned();
                    let result = Ok(StopStreamResponse { status });
                    Done::effect(Kind::StopStream, &info.account_id, result)
                }
                None => {
                    let result = Err(Status::not_found("there is no stream"));
                    Done::effect(Kind::StopStream, "", result)
                }
            },
        )
        .await
    }

    async fn get_stream(&self, request: Request<GetStreamRequest>) -> Answer<StreamInfo> {
        let request = request.into_inner();
        self.serve(move |state, odd| {
            let id = id_of(&request.account_id, &request.function_name);
            if odd {
                let mut info = stream(&request.account_id, &request.function_name, 7);
                info.health = Some(StreamHealth {
                    processing_state: UNKNOWN_VALUE,
                    updated_at_timestamp_secs: 1,
                });
                return Done::read(Ok(info));
            }
            let found = state.streams.get(&id).cloned();
            Done::read(found.ok_or_else(|| Status::not_found("there is no stream")))
        })
        .await
    }

    async fn list_streams(&self, _: Request<ListStreamsRequest>) -> Answer<ListStreamsResponse> {
        self.serve(|state, _| {
            let streams = state.streams.values().cloned().collect();
            Done::read(Ok(ListStreamsResponse { streams }))
        })
        .await
    }
}

#[tonic::async_trait]
impl Runner for Peer {
    async fn start_executor(
        &self,
        request: Request<StartExecutorRequest>,
    ) -> Answer<StartExecutorResponse> {
        let request = request.into_inner();
        self.serve(move |state, _| {
            let (account, function) = (&request.account_id, &request.function_name);
            let id = id_of(account, function);
            let result = if request.code.trim().is_empty() {
                Err(Status::invalid_argument("there is no code"))
            } else if state.executors.contains_key(&id) {
                Err(Status::already_exists("there is an executor"))
            } else {
                let info = executor(account, function, request.version);
                state.executors.insert(id.clone(), info);
                Ok(StartExecutorResponse { executor_id: id })
            };
            Done::effect(Kind::StartExecutor, account, result)
        })
        .await
    }

    async fn stop_executor(
        &self,
        request: Request<StopExecutorRequest>,
    ) -> Answer<StopExecutorResponse> {
        let id = request.into_inner().executor_id;
        self.serve(move |state, _| {
            let executor_id = id.clone();
            match state.executors.remove(&id) {
                Some(info) => {
                    let result = Ok(StopExecutorResponse { executor_id });
                    Done::effect(Kind::StopExecutor, &info.account_id, result)
                }
                None if id.is_empty() => {
                    let result = Err(Status::invalid_argument("there is no id"));
                    Done::effect(Kind::StopExecutor, "", result)
                }
                None => {
                    let result = Err(Status::not_found("there is no executor"));
                    Done::effect(Kind::StopExecutor, "", result)
                }
            }
        })
        .await
    }

    async fn get_executor(&self, request: Request<GetExecutorRequest>) -> Answer<ExecutorInfo> {
        let request = request.into_inner();
        self.serve(move |state, odd| {
            let id = id_of(&request.account_id, &request.function_name);
            if odd {
                let mut info = executor(&request.account_id, &request.function_name, 7);
                info.health = Some(ExecutorHealth {
                    execution_state: UNKNOWN_VALUE,
                });
                return Done::read(Ok(info));
            }
            let found = state.executors.get(&id).cloned();
            Done::read(found.ok_or_else(|| Status::not_found("there is no executor")))
        })
        .await
    }

    async fn list_executors(
        &self,
        _: Request<ListExecutorsRequest>,
    ) -> Answer<ListExecutorsResponse> {
        self.serve(|state, _| {
            let executors = state.executors.values().cloned().collect();
            Done::read(Ok(ListExecutorsResponse { executors }))
        })
        .await
    }
}

#[tonic::async_trait]
impl DataLayer for Peer {
    async fn start_provisioning_task(
        &self,
        request: Request<ProvisionRequest>,
    ) -> Answer<StartTaskResponse> {
        let request = request.into_inner();
        self.serve(move |state, _| {
            state.next_task += 1;
            let task_id = format!("task {}", state.next_task);
            state.tasks.insert(task_id.clone(), FINE);
            let result = Ok(StartTaskResponse { task_id });
            Done::effect(Kind::StartProvisioningTask, &request.account_id, result)
        })
        .await
    }

    async fn start_deprovisioning_task(
        &self,
        _: Request<DeprovisionRequest>,
    ) -> Answer<StartTaskResponse> {
        Err(Status::unimplemented("the coordinator never asks for it"))
    }

    async fn get_task_status(
        &self,
        request: Request<GetTaskStatusRequest>,
    ) -> Answer<GetTaskStatusResponse> {
        let request = request.into_inner();
        self.serve(move |state, odd| {
            let found = match odd {
                true => Some(UNKNOWN_VALUE),
                false => state.tasks.get(&request.task_id).copied(),
            };
            let found = found.map(|status| GetTaskStatusResponse { status });
            Done::read(found.ok_or_else(|| Status::not_found("there is no task")))
        })
        .await
    }
}
