//! The suite of call behaviours, over the simulated network: what a call can
//! come to here, it comes to over real connections as well. `CASE=TEXT` plays
//! only the cases whose name contains the text.
#![cfg(madsim)]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use conformance::grpc::{
    ACCOUNTS, Act, Applied, ByHand, Fault, Kind, NO_MESSAGE, Node, Transports, UNKNOWN_FIELD,
    UNKNOWN_VALUE, World as SuiteWorld, all, crowd_account, long_function, play,
};
use madsim::Config;
use madsim::runtime::Runtime;
use prost::Message;
use proto::block_streamer::{
    self, ActionAnyRule, StartStreamRequest, StreamInfo, start_stream_request,
};
use proto::data_layer::GetTaskStatusResponse;
use proto::runner::{self, ExecutorInfo, StartExecutorRequest};
use sim_node::IndexerKey;
use sim_node::chain::Chain;
use simulator::history::{History, Method, NodeName, Trace};
use simulator::oracle::{Limits, Oracles};
use simulator::scenario::{CallOutcome, DurationRange, Scenario};
use simulator::transport::{HandMade, ports};
use simulator::world::{CallFaultRule, Scope, SharedWorld, World};
use tonic::{Code, Status};

const SCENARIO: &str = r#"
property = "Calls behave as over real connections"
defends = ["S1"]

[[indexer]]
account = "nobody.near"
function = "feed"
"#;

/// Longer than any deadline; shorter than [`PATIENCE`].
const VERY_SLOW: DurationRange = DurationRange::from_millis(60_000, 60_000);
const PATIENCE: Duration = Duration::from_secs(300);

struct SimWorld {
    world: SharedWorld,
    transports: Transports,
    clogs: Mutex<Vec<(NodeName, NodeName, u64)>>,
}

fn name(node: Node) -> NodeName {
    match node {
        Node::Streamer => NodeName::BlockStreamer,
        Node::Runner => NodeName::Runner,
    }
}

impl SimWorld {
    fn new(seed: u64) -> SimWorld {
        let scenario = Scenario::parse("conformance", SCENARIO).unwrap();
        let chain = Chain::synthetic(scenario.chain.clone(), seed);
        // The trace is what the services' effects are read from.
        let history = History::new(Trace::new(true), Oracles::new(Limits::default()));
        let mut world = World::new(&scenario, seed, chain, history);
        for account in ACCOUNTS {
            world.learn(&IndexerKey::new(account, "feed"));
        }
        let world = SharedWorld::new(world);
        let ports = ports(&world, 1);
        SimWorld {
            transports: Transports {
                block_streamer: ports.block_streamer,
                executors: ports.executors,
                provisioner: ports.provisioner,
            },
            world,
            clogs: Mutex::default(),
        }
    }

    fn arm(&self, outcome: CallOutcome) {
        let scope = Scope {
            times: Some(1),
            until: None,
            key: None,
            probability: 1.0,
        };
        self.world.enter().armed.arm_call(CallFaultRule {
            method: None,
            outcome,
            scope,
        });
    }

    fn clog(&self, from: NodeName, to: NodeName) {
        let mark = self.world.enter().links.clog(from, to, VERY_SLOW);
        self.clogs.lock().unwrap().push((from, to, mark));
    }

    fn cut(&self, node: NodeName) {
        let mut world = self.world.enter();
        world.links.cut(NodeName::Coordinator, node);
        world.links.cut(node, NodeName::Coordinator);
    }

    fn populate(&self, node: Node, count: usize, function: &str) {
        let mut world = self.world.enter();
        for number in 0..count {
            let (account, function) = (crowd_account(number), function.to_owned());
            let queue = format!("{account}/{function}:block_stream");
            if node == Node::Streamer {
                let rule = start_stream_request::Rule::ActionAnyRule(ActionAnyRule {
                    affected_account_id: "app.near".to_owned(),
                    status: block_streamer::Status::Any.into(),
                });
                let request = StartStreamRequest {
                    start_block_height: 100,
                    account_id: account,
                    function_name: function,
                    version: 1,
                    redis_stream: queue,
                    rule: Some(rule),
                };
                let started = world.with_streamer(|node, env| node.start_stream(env, request));
                started.result.unwrap();
            } else {
                let request = StartExecutorRequest {
                    redis_stream: queue,
                    account_id: account,
                    function_name: function,
                    code: "code".to_owned(),
                    schema: "schema".to_owned(),
                    version: 1,
                };
                let started = world.with_executor(|node, env| node.start_executor(env, request));
                started.result.unwrap();
            }
        }
    }
}

/// What a service of another release answers to a call of `method`.
fn by_hand(what: ByHand, method: Method) -> Result<Vec<u8>, Status> {
    match what {
        ByHand::Status(code) => Err(Status::new(code, "by hand")),
        ByHand::UnknownField => Ok(UNKNOWN_FIELD.to_vec()),
        ByHand::Malformed => Ok(NO_MESSAGE.to_vec()),
        ByHand::UnknownMethod => Err(Status::unimplemented("")),
        ByHand::UnknownEnum => Ok(unknown_enum(method)),
    }
}

fn unknown_enum(method: Method) -> Vec<u8> {
    match method {
        Method::GetStream => StreamInfo {
            health: Some(block_streamer::Health {
                processing_state: UNKNOWN_VALUE,
                updated_at_timestamp_secs: 1,
            }),
            ..StreamInfo::default()
        }
        .encode_to_vec(),
        Method::GetExecutor => ExecutorInfo {
            health: Some(runner::Health {
                execution_state: UNKNOWN_VALUE,
            }),
            ..ExecutorInfo::default()
        }
        .encode_to_vec(),
        Method::GetTaskStatus => GetTaskStatusResponse {
            status: UNKNOWN_VALUE,
        }
        .encode_to_vec(),
        other => panic!("the answer of {other:?} has no enum"),
    }
}

/// What a line of the trace says that a service applied.
fn applied(line: &str) -> Option<Applied> {
    let (before, after) = line.split_once(" takes effect")?;
    let (subject, call) = before.split_once(": call ")?;
    let kind = match call.split_once(' ')?.1 {
        "StartStream" => Kind::StartStream,
        "StopStream" => Kind::StopStream,
        "StartExecutor" => Kind::StartExecutor,
        "StopExecutor" => Kind::StopExecutor,
        "StartProvisioningTask" => Kind::StartProvisioningTask,
        _ => return None,
    };
    let code = match after.rsplit_once(": ")?.1 {
        "Ok" => Code::Ok,
        error => {
            let number = error.strip_prefix("Error(")?.strip_suffix(')')?;
            Code::from(number.parse::<i32>().ok()?)
        }
    };
    let key = subject.rsplit(' ').next()?;
    let account = key.split_once('/').map_or("", |(account, _)| account);
    let stops = matches!(kind, Kind::StopStream | Kind::StopExecutor);
    // The trace names whom a stop was meant for, found or not.
    let unknown = stops && code == Code::NotFound;
    Some(Applied::with(
        kind,
        if unknown { "" } else { account },
        code,
    ))
}

#[async_trait]
impl SuiteWorld for SimWorld {
    fn transports(&self) -> Transports {
        self.transports.clone()
    }

    fn deadline(&self) -> Duration {
        Duration::from_secs(5)
    }

    fn patience(&self) -> Duration {
        PATIENCE
    }

    async fn befall(&self, fault: Fault) {
        match fault {
            Fault::Refused => self.arm(CallOutcome::Refused),
            Fault::ErrorBefore => self.arm(CallOutcome::ErrorBefore),
            Fault::ErrorAfter => self.arm(CallOutcome::ErrorAfter),
            Fault::AnswerLost => self.arm(CallOutcome::AnswerLost),
            Fault::Late => self.arm(CallOutcome::Late),
            Fault::Duplicate => self.arm(CallOutcome::Duplicate),
            Fault::Stuck => self.arm(CallOutcome::Hang),
            Fault::HalfOpen => self.arm(CallOutcome::HalfOpen),
            Fault::BlackHole => self.arm(CallOutcome::BlackHole),
            Fault::SlowAnswer => {
                for node in [NodeName::BlockStreamer, NodeName::Runner] {
                    self.clog(node, NodeName::Coordinator);
                }
            }
            Fault::SlowRequest => {
                for node in [NodeName::BlockStreamer, NodeName::Runner] {
                    self.clog(NodeName::Coordinator, node);
                }
            }
            Fault::ByHand(what) => {
                let answer = HandMade::new(move |method| by_hand(what, method));
                self.world.enter().armed.answer_next(answer);
            }
            Fault::Wire(wire) => panic!("there is no wire for {wire:?}"),
        }
    }

    async fn relent(&self) {
        let mut world = self.world.enter();
        world.armed.heal();
        for (from, to, mark) in self.clogs.lock().unwrap().drain(..) {
            world.links.unclog(from, to, mark);
        }
    }

    async fn act(&self, act: Act) {
        match act {
            Act::Kill(node) => assert!(self.world.enter().kill(name(node))),
            Act::Restart(node) => assert!(self.world.enter().restart(name(node))),
            Act::Freeze(node) => assert!(self.world.enter().pause(name(node))),
            Act::Thaw(node) => assert!(self.world.enter().resume(name(node))),
            Act::Cut(node) => self.cut(name(node)),
            Act::Mend(_) => self.world.enter().links.heal(),
            Act::Populate(node, count) => self.populate(node, count, "feed"),
            Act::PopulateLong(node, count) => self.populate(node, count, &long_function()),
        }
    }

    fn requests(&self) -> usize {
        0
    }

    /// A request is at its service, or stuck before it, after the latency.
    async fn more_requests(&self, _before: usize) {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }

    /// Nothing that was sent is on its way for longer than this.
    async fn applied(&self, _at_least: usize) -> Vec<Applied> {
        tokio::time::sleep(Duration::from_secs(90)).await;
        let world = self.world.enter();
        let lines = world.history.trace.lines().iter();
        lines.filter_map(|line| applied(line)).collect()
    }

    async fn metadata(&self) -> Vec<(String, String)> {
        Vec::new()
    }
}

#[test]
fn calls_over_the_simulated_network_behave_as_the_suite_says() {
    let only = std::env::var("CASE").unwrap_or_default();
    let cases: Vec<_> = all()
        .into_iter()
        .filter(|case| case.only_on_a_wire.is_none() && case.name.contains(&only))
        .collect();
    let total = cases.len();
    assert_ne!(total, 0, "no case is named like `{only}`");
    let runtime = Runtime::with_seed_and_config(1, Config::default());
    let failures = runtime.block_on(async move {
        let mut failures = Vec::new();
        for (seed, case) in (1..).zip(&cases) {
            let world = SimWorld::new(seed);
            failures.extend(play(case, &world).await.err());
        }
        failures
    });
    assert!(
        failures.is_empty(),
        "{} of {total} cases failed:\n{}",
        failures.len(),
        failures.join("\n")
    );
}
