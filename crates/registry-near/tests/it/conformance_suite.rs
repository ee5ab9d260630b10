//! The client over the fake contract, through everything a registry must do.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use conformance::registry::{Registration, Subject, run_all};
use coordinator::registry::{RegistryError, RegistryTransport};
use registry_near::NearRegistry;
use sim_registry::server::{Fault, Host, RequestFault, Settings, serve};
use sim_registry::{ActionStatus, RegistryRule, StartBlock};
use tokio::net::TcpListener;

use crate::node::{list, options};

struct Served {
    host: Arc<Host>,
    registry: NearRegistry,
}

impl Served {
    async fn start() -> Served {
        let host = Arc::new(Host::new(Settings::default()));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(serve(listener, host.clone(), std::future::pending()));
        let registry = NearRegistry::new(options(&[url])).unwrap();
        Served { host, registry }
    }

    fn fault(&self, fault: Fault) {
        self.host.fault(RequestFault {
            fault,
            times: Some(1),
            method: None,
        });
    }
}

fn contract_form(new: &Registration) -> sim_registry::Registration {
    let (affected_account_id, status) = (new.affected.clone(), ActionStatus::Any);
    sim_registry::Registration {
        code: new.code.clone(),
        schema: new.schema.clone(),
        rule: match &new.methods {
            None => RegistryRule::ActionAny {
                affected_account_id,
                status,
            },
            Some(function) => RegistryRule::ActionFunctionCall {
                affected_account_id,
                status,
                function: function.clone(),
            },
        },
        start_block: new
            .start_height
            .map_or(StartBlock::Latest, StartBlock::Height),
        forked_from: None,
    }
}

#[async_trait]
impl Subject for Served {
    fn registry(&self) -> &dyn RegistryTransport {
        &self.registry
    }

    async fn register(&self, registrations: &[Registration]) -> Result<(), String> {
        self.host.with(|model, height| {
            registrations.iter().try_for_each(|new| {
                let registered =
                    model.register(&new.account, &new.function, contract_form(new), height);
                registered.map(|_| ()).map_err(|error| error.to_string())
            })
        })
    }

    async fn delete(&self, account: &str, function: &str) -> Result<(), String> {
        self.host.with(|model, height| {
            let removed = model.remove(account, function, height);
            removed.map_err(|error| error.to_string())
        })
    }

    async fn next_block(&self) -> Result<(), String> {
        self.host.advance(1);
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_client_conforms() {
    let served = Served::start().await;
    let failures = run_all(&served).await;
    assert!(failures.is_empty(), "{failures:#?}");
}

#[tokio::test]
async fn the_fake_nodes_faults_are_told_apart() {
    for fault in [
        Fault::Html,
        Fault::Garbage,
        Fault::Truncated,
        Fault::NoHeight,
        Fault::RpcError {
            cause: "UNKNOWN_BLOCK".to_owned(),
        },
        Fault::Status {
            code: 503,
            retry_after: None,
        },
    ] {
        let served = Served::start().await;
        served.fault(fault.clone());
        let error = list(&served.registry).await.unwrap_err();
        assert!(
            matches!(error, RegistryError::Unavailable(_)),
            "{fault:?}: {error}"
        );
        let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
        while list(&served.registry).await.is_err() {
            assert!(
                tokio::time::Instant::now() < deadline,
                "{fault:?} does not end"
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    let served = Served::start().await;
    served.fault(Fault::Contract {
        message: "HostError(GasLimitExceeded)".to_owned(),
    });
    let error = list(&served.registry).await.unwrap_err();
    assert!(matches!(error, RegistryError::Contract(_)), "{error}");
    served.fault(Fault::Status {
        code: 429,
        retry_after: Some("60".to_owned()),
    });
    assert_eq!(
        list(&served.registry).await,
        Err(RegistryError::RateLimited)
    );
}
