//! What `cargo local` starts, as processes of their own.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// Nothing becomes ready slower on the slowest machine.
const LONG: Duration = Duration::from_secs(90);

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

#[test]
fn everything_that_is_started_becomes_ready() {
    let directory = tempfile::tempdir().unwrap();
    let child = Command::new(env!("CARGO_BIN_EXE_local"))
        .arg("--plain")
        .arg("--dir")
        .arg(directory.path())
        .stdout(Stdio::piped())
        .spawn();
    let mut local = Local(child.unwrap());
    let mut lines = BufReader::new(local.0.stdout.take().unwrap()).lines();
    let mut told = Vec::new();
    let address = loop {
        let Some(line) = lines.next() else {
            panic!("it ended: {told:#?}");
        };
        let line = line.unwrap();
        if let Some((_, rest)) = line.split_once("http://") {
            break rest.split('/').next().unwrap().to_owned();
        }
        told.push(line);
    };
    // Whoever does not read what it says would hold it up.
    let reader = std::thread::spawn(move || lines.map_while(Result::ok).last());
    let deadline = Instant::now() + LONG;
    loop {
        let answer = get(&address, "/readyz");
        if answer.as_ref().is_some_and(|(status, _)| status == "200") {
            break;
        }
        assert!(Instant::now() < deadline, "not ready: {answer:?}");
        sleep(Duration::from_millis(100));
    }
    drop(local);
    let last = reader.join().unwrap().unwrap();
    assert!(last.contains("goes on from here"), "{last}");
}
