//! What is started, with what, and in which order.

use std::env;
use std::path::Path;

use crate::arguments::Node;
use crate::binaries::Binaries;
use crate::home::Home;
use crate::ports::Ports;
use crate::process::Spec;

/// Variables by which a coordinator of the user's own may be set up; this one
/// must not hear of them.
const FOREIGN: [&str; 9] = [
    "RPC_URL",
    "REGISTRY_CONTRACT_ID",
    "REDIS_URL",
    "BLOCK_STREAMER_URL",
    "RUNNER_URL",
    "GRPC_PORT",
    "METRICS_PORT",
    "GCP_LOGGING_ENABLED",
    "RUST_LOG",
];

/// The nodes in the order in which they are started; they are stopped in the
/// opposite one.
pub fn specs(home: &Home, binaries: &Binaries, ports: &Ports, chain_start: u64) -> Vec<Spec> {
    Node::ALL
        .into_iter()
        .map(|node| {
            let (address, arguments, environment) = match node {
                Node::Redis => (ports.redis, redis(home), Vec::new()),
                Node::BlockStreamer => {
                    let mut arguments = service(home, node, ports, chain_start);
                    arguments.extend(flag("--config", &home.block_streamer()));
                    (ports.block_streamer, arguments, Vec::new())
                }
                Node::Runner => {
                    let mut arguments = service(home, node, ports, chain_start);
                    arguments.push("--with-provisioner".to_owned());
                    (ports.runner, arguments, Vec::new())
                }
                Node::Coordinator => (ports.api, vec!["run".to_owned()], coordinator(home, ports)),
            };
            let listens = match node {
                Node::Coordinator => Vec::new(),
                _ => vec!["--listen".to_owned(), address.to_string()],
            };
            Spec {
                node,
                binary: binaries.path(node),
                arguments: arguments.into_iter().chain(listens).collect(),
                environment,
                address,
                log: home.log(node),
            }
        })
        .collect()
}

fn flag(name: &str, path: &Path) -> [String; 2] {
    [name.to_owned(), path.display().to_string()]
}

fn redis(home: &Home) -> Vec<String> {
    flag("--file", &home.redis()).into()
}

fn service(home: &Home, node: Node, ports: &Ports, chain_start: u64) -> Vec<String> {
    let mut arguments = vec![
        "--redis".to_owned(),
        format!("redis://{}", ports.redis),
        "--chain-start".to_owned(),
        chain_start.to_string(),
    ];
    arguments.extend(flag("--chain", &home.chain()));
    arguments.extend(flag("--ledger", &home.ledger(node)));
    arguments
}

fn coordinator(home: &Home, ports: &Ports) -> Vec<(String, Option<String>)> {
    let inherited = env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    let foreign = inherited
        .filter(|name| name.starts_with("COORDINATOR_") || FOREIGN.contains(&name.as_str()));
    let removed = foreign.map(|name| (name, None));
    let set = [
        (
            "COORDINATOR_REGISTRY_FILE",
            home.registry().display().to_string(),
        ),
        ("COORDINATOR_STORE", "embedded".to_owned()),
        ("COORDINATOR_DATA_DIR", home.store().display().to_string()),
        ("REDIS_URL", format!("redis://{}", ports.redis)),
        (
            "BLOCK_STREAMER_URL",
            format!("http://{}", ports.block_streamer),
        ),
        ("RUNNER_URL", format!("http://{}", ports.runner)),
        ("COORDINATOR_LISTEN", ports.api.to_string()),
        ("COORDINATOR_HTTP_LISTEN", ports.http.to_string()),
        ("COORDINATOR_LOG_FORMAT", "text".to_owned()),
        // No load balancer has to learn that it ends.
        ("COORDINATOR_DRAIN_DELAY", "0s".to_owned()),
    ];
    let set = set.map(|(name, value)| (name.to_owned(), Some(value)));
    removed.chain(set).collect()
}
