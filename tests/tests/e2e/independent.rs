//! The admin API through a client in another language, built from the `.proto`
//! files alone.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use sim_node::IndexerKey;
use simulator::history::NodeName;

use crate::contract::{Start, Wish};
use crate::lab::Lab;
use crate::programs::target_folder;

/// The client's folder.
fn client() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("python")
}

fn run(command: &mut Command, cure: &str) -> Output {
    let output = match command.output() {
        Ok(output) => output,
        Err(error) => panic!("{command:?}: {error}; {cure}"),
    };
    let said = [&output.stdout[..], &output.stderr[..]].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(output.status.success(), "{command:?}: {cure}\n{said}");
    output
}

/// A Python with what the client needs, made once per list of requirements.
fn interpreter() -> PathBuf {
    let folder = target_folder().join("python");
    fs::create_dir_all(&folder).expect("the build's folder is ours");
    // Two runs of the tests must not make it at once.
    let lock = File::create(folder.join("lock")).expect("the build's folder is ours");
    lock.lock().expect("a lock");
    let wanted = fs::read(client().join("requirements.txt")).expect("the list is there");
    let stamp = folder.join("installed.txt");
    let python = folder.join("venv/bin/python");
    let is_ready = fs::read(&stamp).is_ok_and(|installed| installed == wanted);
    if !(is_ready && python.exists()) {
        let venv = folder.join("venv");
        let cure = "this test needs python3 with its module venv: apt-get install python3-venv";
        run(
            Command::new("python3")
                .args(["-m", "venv", "--clear"])
                .arg(&venv),
            cure,
        );
        let cure = "this test needs grpcio from PyPI, once";
        run(
            Command::new(&python)
                .args([
                    "-m",
                    "pip",
                    "install",
                    "--quiet",
                    "--disable-pip-version-check",
                ])
                .args(["--require-hashes", "--requirement"])
                .arg(client().join("requirements.txt")),
            cure,
        );
        fs::write(&stamp, wanted).expect("the build's folder is ours");
    }
    python
}

#[real_tokio::test(crate = "real_tokio", flavor = "multi_thread", worker_threads = 2)]
async fn a_client_in_python_finds_the_api_as_its_protos_say() {
    let python = interpreter();
    let mut lab = Lab::new(4);
    lab.start_surroundings().await;
    lab.start(NodeName::Coordinator).await;
    let names = [
        ("alice.near", "feed"),
        ("alice.near", "odd name/ü:1"),
        ("bob.near", "*"),
    ];
    for (account, function) in names {
        let key = IndexerKey::new(account, function);
        let wish = Wish::touching("app1.near", Start::Latest);
        lab.register(&key, wish).await;
    }
    let protos = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/proto/proto");
    let mut command = Command::new(python);
    command
        .arg(client().join("admin_client.py"))
        .arg(protos)
        .arg(lab.api())
        .args(
            names
                .iter()
                .flat_map(|(account, function)| [account, function]),
        );
    let ended = real_tokio::task::spawn_blocking(move || run(&mut command, "the client failed"));
    let output = ended.await.unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(said.trim(), "all is as it should be");
    assert!(lab.stop_coordinator().await);
}
