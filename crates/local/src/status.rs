//! What the coordinator says, by its own API.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context;
use proto::coordinator::operations_client::OperationsClient;
use proto::coordinator::{GetOverviewRequest, Indexer, ListIndexersRequest, Overview};
use tonic::transport::{Channel, Endpoint};

/// How long a call may take.
const PATIENCE: Duration = Duration::from_secs(3);

/// The most indexers that are shown.
const SHOWN_MAX: usize = 1_000;

/// A connection to the coordinator; made when first needed, and made again.
#[derive(Clone, Debug)]
pub struct Api(OperationsClient<Channel>);

/// All that is shown.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// The whole.
    pub overview: Overview,
    /// The indexers by name, up to a thousand.
    pub indexers: Vec<Indexer>,
}

impl Api {
    /// The coordinator at `address`.
    ///
    /// # Errors
    /// Never in practice: any address makes a URL.
    pub fn new(address: SocketAddr) -> anyhow::Result<Api> {
        let endpoint = Endpoint::from_shared(format!("http://{address}"))
            .context("the coordinator's address")?
            .connect_timeout(PATIENCE)
            .timeout(PATIENCE);
        Ok(Api(OperationsClient::new(endpoint.connect_lazy())))
    }

    /// Asks for everything.
    ///
    /// # Errors
    /// What the coordinator, or the connection, answered.
    pub async fn ask(&mut self) -> Result<Seen, tonic::Status> {
        let overview = self
            .0
            .get_overview(GetOverviewRequest {})
            .await?
            .into_inner();
        let mut indexers = Vec::new();
        let mut page_token = String::new();
        loop {
            let request = ListIndexersRequest {
                page_size: 1_000,
                page_token,
                filter: None,
            };
            let page = self.0.list_indexers(request).await?.into_inner();
            indexers.extend(page.indexers);
            page_token = page.next_page_token;
            if page_token.is_empty() || indexers.len() >= SHOWN_MAX {
                indexers.truncate(SHOWN_MAX);
                return Ok(Seen { overview, indexers });
            }
        }
    }
}

/// `account/function`, as it is.
pub fn name_of(indexer: &Indexer) -> String {
    let name = indexer.name.clone().unwrap_or_default();
    format!("{}/{}", name.account_id, name.function_name)
}
