//! The node on a real port, called through the generated client.
#![cfg(feature = "server")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use proto::runner::runner_client::RunnerClient;
use proto::runner::{
    ExecutionState, GetExecutorRequest, ListExecutorsRequest, StartExecutorRequest,
    StopExecutorRequest,
};
use real_tokio::net::TcpListener;
use real_tokio::sync::oneshot;
use sim_executor::{Config, server};
use sim_node::server::{Settings, Surroundings, now, serve};
use sim_node::{Event, IndexerKey, Ledger, Time, executor_id};
use sim_store::RedisModel;
use tonic::Code;
use tonic::transport::{Channel, Endpoint, Server};

/// Hands the ledger to the test.
#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<Event>>>);

impl Ledger for Shared {
    fn record(&mut self, _now: Time, event: Event) {
        self.0.lock().unwrap().push(event);
    }
}

fn request() -> StartExecutorRequest {
    StartExecutorRequest {
        redis_stream: "alice.near/feed:block_stream".to_owned(),
        account_id: "alice.near".to_owned(),
        function_name: "feed".to_owned(),
        code: "insert()".to_owned(),
        schema: "CREATE TABLE posts ()".to_owned(),
        version: 7,
    }
}

/// Asks until the only executor is in `wanted`; the deadline is the caller's.
async fn reaches(client: &mut RunnerClient<Channel>, wanted: ExecutionState) {
    loop {
        let request = GetExecutorRequest {
            account_id: "alice.near".to_owned(),
            function_name: "feed".to_owned(),
        };
        let info = client.get_executor(request).await.unwrap().into_inner();
        if info.health.unwrap().execution_state() == wanted {
            return;
        }
        real_tokio::task::yield_now().await;
    }
}

async fn life_of_an_executor() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let ledger = Shared::default();
    let own = || Box::new(RedisModel::new(sim_store::Config::default())) as Box<_>;
    let mut surroundings = Surroundings {
        ledger: Box::new(ledger.clone()),
        ..Settings::default().surroundings("test", own).unwrap()
    };
    let queued = request().redis_stream;
    surroundings.redis.queue_push(now(), &queued, 41).unwrap();
    let host = server::host(Config::default(), 0, surroundings);
    let router = Server::builder().add_service(server::service(host.clone()));
    let (end, ended) = oneshot::channel::<()>();
    let shutdown = async move { ended.await.unwrap() };
    let drive = async move { host.drive().await };
    let serving = real_tokio::spawn(serve(listener, router, drive, shutdown));

    let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
    let mut client = RunnerClient::new(endpoint.connect().await.unwrap());
    let blank = StartExecutorRequest {
        schema: String::new(),
        ..request()
    };
    let refused = client.start_executor(blank).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    let id = client
        .start_executor(request())
        .await
        .unwrap()
        .into_inner()
        .executor_id;
    assert_eq!(id, executor_id(&IndexerKey::new("alice.near", "feed")));
    let again = client.start_executor(request()).await.unwrap_err();
    assert_eq!(again.code(), Code::AlreadyExists);
    reaches(&mut client, ExecutionState::Waiting).await;
    loop {
        let executed = |event: &Event| matches!(event, Event::BlockExecuted { height: 41, .. });
        if ledger.0.lock().unwrap().iter().any(executed) {
            break;
        }
        real_tokio::task::yield_now().await;
    }
    let list = client
        .list_executors(ListExecutorsRequest {})
        .await
        .unwrap()
        .into_inner();
    assert_eq!((list.executors.len(), list.executors[0].version), (1, 7));
    let stop = StopExecutorRequest {
        executor_id: id.clone(),
    };
    assert_eq!(
        client
            .stop_executor(stop.clone())
            .await
            .unwrap()
            .into_inner()
            .executor_id,
        id
    );
    assert_eq!(
        client.stop_executor(stop).await.unwrap_err().code(),
        Code::NotFound
    );
    drop(client);
    end.send(()).unwrap();
    serving.await.unwrap().unwrap();
}

#[test]
fn an_executor_lives_and_works_over_a_real_socket() {
    let runtime = real_tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let life =
        async { real_tokio::time::timeout(Duration::from_secs(30), life_of_an_executor()).await };
    runtime.block_on(life).unwrap();
}
