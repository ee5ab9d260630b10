//! The node on a real port, called through the generated client.
#![cfg(feature = "server")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::time::Duration;

use proto::data_layer::data_layer_client::DataLayerClient;
use proto::data_layer::{DeprovisionRequest, GetTaskStatusRequest, ProvisionRequest, TaskStatus};
use real_tokio::net::TcpListener;
use real_tokio::sync::oneshot;
use sim_node::server::{Settings, serve};
use sim_provisioner::{Config, server};
use sim_store::RedisModel;
use tonic::Code;
use tonic::transport::{Channel, Endpoint, Server};

/// Asks until the task is through; the deadline is the caller's.
async fn outcome(client: &mut DataLayerClient<Channel>, task_id: &str) -> TaskStatus {
    loop {
        let request = GetTaskStatusRequest {
            task_id: task_id.to_owned(),
        };
        let status = client
            .get_task_status(request)
            .await
            .unwrap()
            .into_inner()
            .status();
        if status != TaskStatus::Pending {
            return status;
        }
        real_tokio::task::yield_now().await;
    }
}

async fn life_of_a_data_layer() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let config = Config {
        stage_time: Duration::from_millis(2),
        ..Config::default()
    };
    let own = || Box::new(RedisModel::new(sim_store::Config::default())) as Box<_>;
    let surroundings = Settings::default().surroundings("test", own).unwrap();
    let host = server::host(config, 1, 0, surroundings);
    let router = Server::builder().add_service(server::service(host.clone()));
    let (end, ended) = oneshot::channel::<()>();
    let shutdown = async move { ended.await.unwrap() };
    let serving = real_tokio::spawn(serve(
        listener,
        router,
        async move { host.drive().await },
        shutdown,
    ));

    let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
    let mut client = DataLayerClient::new(endpoint.connect().await.unwrap());
    let unknown = GetTaskStatusRequest {
        task_id: "none".to_owned(),
    };
    assert_eq!(
        client.get_task_status(unknown).await.unwrap_err().code(),
        Code::NotFound
    );
    let provision = ProvisionRequest {
        account_id: "alice.near".to_owned(),
        function_name: "feed".to_owned(),
        schema: "CREATE TABLE posts ()".to_owned(),
    };
    let started = client
        .start_provisioning_task(provision)
        .await
        .unwrap()
        .into_inner();
    assert_eq!(
        outcome(&mut client, &started.task_id).await,
        TaskStatus::Complete
    );
    let deprovision = DeprovisionRequest {
        account_id: "alice.near".to_owned(),
        function_name: "feed".to_owned(),
    };
    for expected in [TaskStatus::Complete, TaskStatus::Failed] {
        let request = deprovision.clone();
        let started = client
            .start_deprovisioning_task(request)
            .await
            .unwrap()
            .into_inner();
        assert_eq!(outcome(&mut client, &started.task_id).await, expected);
    }
    drop(client);
    end.send(()).unwrap();
    serving.await.unwrap().unwrap();
}

#[test]
fn a_data_layer_comes_and_goes_over_a_real_socket() {
    let runtime = real_tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let life =
        async { real_tokio::time::timeout(Duration::from_secs(30), life_of_a_data_layer()).await };
    runtime.block_on(life).unwrap();
}
