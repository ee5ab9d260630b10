//! Calls to the fake runner: executors and provisioner.

use async_trait::async_trait;
use coordinator::transport::{CallResult, ExecutorTransport, ProvisionerTransport};
use proto::data_layer::{
    GetTaskStatusRequest, GetTaskStatusResponse, ProvisionRequest, StartTaskResponse,
};
use proto::runner::{
    ExecutorInfo, GetExecutorRequest, ListExecutorsRequest, ListExecutorsResponse,
    StartExecutorRequest, StartExecutorResponse, StopExecutorRequest, StopExecutorResponse,
};
use sim_node::{IndexerKey, Reply};

use super::SimTransport;
use super::call::{Meta, note_queue};
use crate::history::Method;
use crate::scenario::{Listing, Resource};

#[async_trait]
impl ExecutorTransport for SimTransport {
    async fn start_executor(
        &self,
        request: StartExecutorRequest,
    ) -> CallResult<StartExecutorResponse> {
        let key = IndexerKey::new(&request.account_id, &request.function_name);
        let meta = Meta {
            version: Some(request.version),
            ..Meta::new(Method::StartExecutor, Some(key.clone()))
        };
        self.admit(&meta, &request)?;
        self.call(meta, move |world| {
            if let Some(refusal) = world.over_quota(Resource::Executors, &key) {
                return Reply::now(Err(refusal));
            }
            note_queue(world, Method::StartExecutor, &key, &request.redis_stream);
            world.with_executor(|node, env| node.start_executor(env, request.clone()))
        })
        .await
    }

    async fn stop_executor(
        &self,
        request: StopExecutorRequest,
    ) -> CallResult<StopExecutorResponse> {
        let key = self.world.peek().key_of_id(&request.executor_id);
        let meta = Meta::new(Method::StopExecutor, key);
        self.admit(&meta, &request)?;
        self.call(meta, move |world| {
            world.with_executor(|node, env| node.stop_executor(env, request.clone()))
        })
        .await
    }

    async fn get_executor(&self, request: GetExecutorRequest) -> CallResult<ExecutorInfo> {
        let key = IndexerKey::new(&request.account_id, &request.function_name);
        let meta = Meta::new(Method::GetExecutor, Some(key));
        self.admit(&meta, &request)?;
        self.read(meta, move |world| {
            world.with_executor(|node, env| node.get_executor(env, request.clone()))
        })
        .await
    }

    async fn list_executors(
        &self,
        request: ListExecutorsRequest,
    ) -> CallResult<ListExecutorsResponse> {
        let distortion = self.distortion(Listing::Executors);
        let meta = Meta::new(Method::ListExecutors, None);
        self.admit(&meta, &request)?;
        self.read(meta, move |world| {
            let mut reply = world.with_executor(|node, env| node.list_executors(env, request));
            if let (Some(how), Ok(list)) = (&distortion, &mut reply.result) {
                world.distort(Listing::Executors, how, &mut list.executors, |executor| {
                    IndexerKey::new(&executor.account_id, &executor.function_name)
                });
            }
            reply
        })
        .await
    }
}

#[async_trait]
impl ProvisionerTransport for SimTransport {
    async fn start_provisioning_task(
        &self,
        request: ProvisionRequest,
    ) -> CallResult<StartTaskResponse> {
        let key = IndexerKey::new(&request.account_id, &request.function_name);
        let meta = Meta::new(Method::StartProvisioningTask, Some(key));
        self.admit(&meta, &request)?;
        self.call(meta, move |world| {
            let key = IndexerKey::new(&request.account_id, &request.function_name);
            if let Some(refusal) = world.over_quota(Resource::Tasks, &key) {
                return Reply::now(Err(refusal));
            }
            world.with_provisioner(|node, env| node.start_provisioning_task(env, request.clone()))
        })
        .await
    }

    async fn get_task_status(
        &self,
        request: GetTaskStatusRequest,
    ) -> CallResult<GetTaskStatusResponse> {
        let meta = Meta::new(Method::GetTaskStatus, None);
        self.admit(&meta, &request)?;
        self.call(meta, move |world| {
            world.with_provisioner(|node, env| node.get_task_status(env, request.clone()))
        })
        .await
    }
}
