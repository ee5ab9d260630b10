//! What `cargo local` starts, as processes of their own.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]

use std::fs::{File, read_to_string};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::time::{sleep, timeout};

/// Nothing is built slower on the slowest machine.
const BUILD: Duration = Duration::from_secs(1800);

/// Nothing becomes ready slower on the slowest machine.
const LONG: Duration = Duration::from_secs(90);

/// What it starts.
const PROGRAMS: [&str; 4] = [
    "coordinator",
    "sim-store",
    "sim-block-streamer",
    "sim-executor",
];

const PAUSE: Duration = Duration::from_millis(100);

/// Ends the whole stack, however the test ends.
struct Local(Child);

impl Drop for Local {
    fn drop(&mut self) {
        let pid = Pid::from_child(&self.0);
        // It may have ended by itself.
        let _gone = kill_process(pid, Signal::INT);
        self.0.wait().unwrap();
    }
}

/// The status and text of a page.
fn get(address: &str, page: &str) -> Option<(String, String)> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(LONG)).unwrap();
    let request = format!("GET {page} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, text) = answer.split_once("\r\n\r\n")?;
    Some((head.split(' ').nth(1)?.to_owned(), text.to_owned()))
}

/// Where the probes are, once it was said.
async fn probes(local: &mut Local, said: &Path) -> String {
    loop {
        let text = read_to_string(said).unwrap();
        let address = text
            .split_once("http://")
            .and_then(|(_, rest)| rest.split_once('/'));
        if let Some((address, _)) = address {
            return address.to_owned();
        }
        let ended = local.0.try_wait().unwrap();
        assert!(ended.is_none(), "it ended ({ended:?}): {text}");
        sleep(PAUSE).await;
    }
}

#[tokio::test]
async fn everything_that_is_started_becomes_ready() {
    let directory = tempfile::tempdir().unwrap();
    let said = directory.path().join("said.txt");
    let own = Path::new(env!("CARGO_BIN_EXE_local"));
    // With the whole workspace's tests the programs were built as well; another build
    // would make them anew, with fewer features.
    let built = PROGRAMS
        .iter()
        .all(|name| own.with_file_name(name).is_file());
    let child = Command::new(own)
        .args(built.then_some("--no-build"))
        .arg("--plain")
        .arg("--dir")
        .arg(directory.path().join("local"))
        .stdout(File::create(&said).unwrap())
        .spawn();
    let mut local = Local(child.unwrap());
    let address = timeout(BUILD, probes(&mut local, &said)).await.unwrap();
    let mut answer = None;
    let ready = async {
        loop {
            answer = get(&address, "/readyz");
            if answer.as_ref().is_some_and(|(status, _)| status == "200") {
                return;
            }
            sleep(PAUSE).await;
        }
    };
    let ready = timeout(LONG, ready).await;
    assert!(ready.is_ok(), "not ready: {answer:?}");
    drop(local);
    let text = read_to_string(&said).unwrap();
    let last = text.lines().last().unwrap();
    assert!(last.contains("goes on from here"), "{text}");
}
