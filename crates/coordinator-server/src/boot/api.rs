//! The operators' API, as the service starts and stops it.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use admin_api::{About, AdminApi, ApiLimits, ApiOptions, Health, Observer, ServeError};
use coordinator::Clock;
use coordinator::admin::AdminService;
use telemetry::metrics::ApiCalls;
use tokio_util::sync::CancellationToken;
use tonic::Code;

use crate::boot::parts::Access;
use crate::config::ApiConfig;

/// Counts calls of the API.
struct Counted(ApiCalls);

impl Counted {
    /// Shows every method from the start.
    fn new(calls: ApiCalls) -> Counted {
        admin_api::observed().for_each(|method| calls.announce(label(method)));
        Counted(calls)
    }
}

impl Observer for Counted {
    fn answered(&self, method: &'static str, code: Code, time: Duration) {
        self.0.answered(label(method), code, time);
    }
}

/// `package.Service/Method`, as gRPC calls it everywhere but on the wire.
fn label(method: &'static str) -> &'static str {
    method.trim_start_matches('/')
}

/// How the running API is told to stop.
pub struct Api {
    address: SocketAddr,
    health: Health,
    stop: CancellationToken,
}

impl Api {
    /// Takes the address. The second value serves, until the first says stop.
    ///
    /// # Errors
    /// It cannot be listened at.
    pub fn bind(
        config: &ApiConfig,
        access: &Access,
        admin: Arc<AdminService>,
        clock: &dyn Clock,
        calls: ApiCalls,
    ) -> Result<(Api, impl Future<Output = Result<(), String>> + use<>), ServeError> {
        let options = ApiOptions {
            address: config.listen,
            tls: access.tls.clone(),
            authenticator: Arc::clone(&access.authenticator),
            limits: ApiLimits::default(),
            about: About {
                version: env!("CARGO_PKG_VERSION").to_owned(),
                started: clock.now(),
            },
            observer: Some(Arc::new(Counted::new(calls))),
        };
        let server = AdminApi::bind(options, admin)?;
        let api = Api {
            address: server.address(),
            health: server.health(),
            stop: CancellationToken::new(),
        };
        let stop = api.stop.clone();
        let serve = async move { server.run(stop).await.map_err(|error| error.to_string()) };
        Ok((api, serve))
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Tells clients to go elsewhere. Those that stay are served.
    pub async fn drain(&self) {
        self.health.set_serving(false).await;
    }

    /// Takes no new calls and finishes those begun.
    pub fn stop(&self) {
        self.stop.cancel();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callers_never_take_the_coordinators_place_at_the_registry() {
        assert!(ApiLimits::default().listings < registry_near::LISTINGS_MAX);
    }
}
