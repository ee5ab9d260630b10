//! The program as a whole runner: executors and data layer on one port, a shared
//! Redis, a ledger that outlives it.
#![cfg(feature = "server")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use proto::data_layer::data_layer_client::DataLayerClient;
use proto::data_layer::{GetTaskStatusRequest, ProvisionRequest, TaskStatus};
use proto::runner::StartExecutorRequest;
use proto::runner::runner_client::RunnerClient;
use real_tokio::net::TcpListener;
use real_tokio::runtime::Builder;
use real_tokio::time::{sleep, timeout};
use sim_node::ledger::{Line, What, read};
use sim_node::{Event, Redis, TaskResult};
use sim_store::server::{SharedModel, serve};
use sim_store::{Config, RedisModel};
use tonic::transport::{Channel, Endpoint};

const QUEUE: &str = "alice.near/feed:block_stream";

/// A runner that dies with the test.
struct Runner {
    child: Child,
    channel: Channel,
}

impl Runner {
    async fn start(redis: &str, ledger: &Path) -> Runner {
        let mut child = Command::new(env!("CARGO_BIN_EXE_sim-executor"))
            .args([
                "--listen",
                "127.0.0.1:0",
                "--with-provisioner",
                "--redis",
                redis,
            ])
            .arg("--ledger")
            .arg(ledger)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let stdout = child.stdout.take().unwrap();
        BufReader::new(stdout).read_line(&mut line).unwrap();
        let address = line
            .trim()
            .strip_prefix("sim-executor listens on ")
            .unwrap();
        let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
        let channel = endpoint.connect().await.unwrap();
        Runner { child, channel }
    }

    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    async fn provision(&self) {
        let mut client = DataLayerClient::new(self.channel.clone());
        let request = ProvisionRequest {
            account_id: "alice.near".to_owned(),
            function_name: "feed".to_owned(),
            schema: "CREATE TABLE posts ()".to_owned(),
        };
        let started = client.start_provisioning_task(request).await.unwrap();
        let task_id = started.into_inner().task_id;
        loop {
            let task_id = task_id.clone();
            let answer = client
                .get_task_status(GetTaskStatusRequest { task_id })
                .await;
            if answer.unwrap().into_inner().status() == TaskStatus::Complete {
                return;
            }
            sleep(Duration::from_millis(20)).await;
        }
    }

    async fn execute(&self, model: &SharedModel, height: u64) {
        let request = StartExecutorRequest {
            redis_stream: QUEUE.to_owned(),
            account_id: "alice.near".to_owned(),
            function_name: "feed".to_owned(),
            code: "insert()".to_owned(),
            schema: "CREATE TABLE posts ()".to_owned(),
            version: 7,
        };
        let mut client = RunnerClient::new(self.channel.clone());
        client.start_executor(request).await.unwrap();
        model
            .with(|model, now| model.queue_push(now, QUEUE, height))
            .unwrap();
        while model
            .with(|model, now| model.queue_len(now, QUEUE))
            .unwrap()
            > 0
        {
            sleep(Duration::from_millis(20)).await;
        }
    }
}

fn serials(lines: &[Line]) -> Vec<u64> {
    let executed = lines.iter().filter_map(|line| match &line.what {
        What::Happened(Event::BlockExecuted { worker, .. }) => Some(*worker),
        _ => None,
    });
    executed.collect()
}

async fn two_lives() {
    let directory = tempfile::tempdir().unwrap();
    let ledger = directory.path().join("runner.jsonl");
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let redis = format!("redis://{}", listener.local_addr().unwrap());
    let model = SharedModel::new(RedisModel::new(Config::default()));
    real_tokio::spawn(serve(listener, model.clone(), std::future::pending()));

    let runner = Runner::start(&redis, &ledger).await;
    runner.provision().await;
    runner.execute(&model, 41).await;
    runner.kill();
    let runner = Runner::start(&redis, &ledger).await;
    runner.execute(&model, 42).await;
    runner.kill();

    let lines = read(&ledger).unwrap();
    let lives = |node: &str| {
        let is_start =
            |line: &&Line| matches!(&line.what, What::Started { node: n, .. } if n == node);
        lines.iter().filter(is_start).count()
    };
    assert_eq!((lives("sim-executor"), lives("sim-provisioner")), (2, 2));
    let serials = serials(&lines);
    assert!(serials.len() == 2 && serials[0] < serials[1], "{serials:?}");
    let done = |line: &Line| {
        let ended = TaskResult::Complete;
        matches!(&line.what, What::Happened(Event::TaskEnded { result, .. }) if *result == ended)
    };
    assert!(lines.iter().any(done));
}

#[test]
fn a_killed_runner_leaves_its_ledger_and_the_queue_to_the_next() {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let lives = async { timeout(Duration::from_secs(60), two_lives()).await };
    runtime.block_on(lives).unwrap();
}
