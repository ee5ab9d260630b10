//! The original's service, message by message.

use std::sync::Arc;

use proto::indexer::indexer_manager_server::IndexerManager;
use proto::indexer::{
    DisableIndexerResponse, Empty, EnableIndexerResponse, IndexerRequest, IndexerState,
    ListIndexersResponse,
};
use tonic::{Request, Response, Status};

use crate::calls::{Calls, Command, Named, opened};
use crate::status::{self, Dialect};

/// `indexer.IndexerManager`.
pub(crate) struct Manager(pub Arc<Calls>);

impl Manager {
    async fn switch(
        &self,
        request: Request<IndexerRequest>,
        command: Command,
    ) -> Result<(), Status> {
        let (extensions, message) = opened(request);
        let named = Named {
            account: message.account_id,
            function: message.function_name,
        };
        let calls = &self.0;
        calls
            .command(&extensions, &named, command, Dialect::Original)
            .await
    }
}

#[tonic::async_trait]
impl IndexerManager for Manager {
    async fn enable(
        &self,
        request: Request<IndexerRequest>,
    ) -> Result<Response<EnableIndexerResponse>, Status> {
        self.switch(request, Command::Enable).await?;
        Ok(Response::new(EnableIndexerResponse { success: true }))
    }

    async fn disable(
        &self,
        request: Request<IndexerRequest>,
    ) -> Result<Response<DisableIndexerResponse>, Status> {
        self.switch(request, Command::Disable).await?;
        Ok(Response::new(DisableIndexerResponse { success: true }))
    }

    async fn list(
        &self,
        _request: Request<Empty>,
    ) -> Result<Response<ListIndexersResponse>, Status> {
        let list = async {
            let switches = self.0.admin.list().await;
            switches.map_err(|error| status::of_look(&error, ""))
        };
        let switches = self.0.listing(list).await?;
        let indexers = switches.indexers.into_iter().map(|switch| IndexerState {
            account_id: switch.id.account().to_owned(),
            function_name: switch.id.function().to_owned(),
            enabled: switch.enabled,
        });
        Ok(Response::new(ListIndexersResponse {
            indexers: indexers.collect(),
        }))
    }
}
