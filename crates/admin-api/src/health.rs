//! Whether the API is to be used, told to everybody who asks.

use std::pin::Pin;
use std::time::Duration;

use futures_util::{Stream, StreamExt};
use tokio::time::sleep;
use tonic::{Request, Response, Status};
use tonic_health::ServingStatus;
use tonic_health::pb::health_server::Health as Protocol;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};
use tonic_health::server::{HealthReporter, HealthService};

/// The services whose health is told; the empty name stands for all.
pub(crate) const SERVICES: [&str; 3] = ["", "indexer.IndexerManager", "coordinator.v1.Operations"];

/// Says whether the API is to be used.
#[derive(Clone, Debug)]
pub struct Health(HealthReporter);

impl Health {
    pub(crate) fn new() -> Health {
        Health(HealthReporter::new())
    }

    /// Tells probes whether to send calls here. Calls are answered either way.
    pub async fn set_serving(&self, serving: bool) {
        let status = if serving {
            ServingStatus::Serving
        } else {
            ServingStatus::NotServing
        };
        for service in SERVICES {
            self.0.set_service_status(service, status).await;
        }
    }

    /// Ends the streams of those that watch health.
    pub(crate) async fn end(&mut self) {
        for service in SERVICES {
            self.0.clear_service_status(service).await;
        }
    }

    /// The service that tells it; a watch of it ends at `watch_age`.
    pub(crate) fn service(&self, watch_age: Duration) -> Probes {
        Probes {
            inner: HealthService::from_health_reporter(self.0.clone()),
            watch_age,
        }
    }
}

/// Answers probes. They have no credentials, so nothing of theirs may go on for ever:
/// whoever watches has to ask again now and then, which clients of this protocol do.
pub(crate) struct Probes {
    inner: HealthService,
    watch_age: Duration,
}

#[tonic::async_trait]
impl Protocol for Probes {
    async fn check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        self.inner.check(request).await
    }

    type WatchStream = Pin<Box<dyn Stream<Item = Result<HealthCheckResponse, Status>> + Send>>;

    async fn watch(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let watch = self.inner.watch(request).await?;
        let age = self.watch_age;
        Ok(watch.map(|told| Box::pin(told.take_until(sleep(age))) as Self::WatchStream))
    }
}
