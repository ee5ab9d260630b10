//! The log and the traces of a whole process. The test starts itself again as
//! that process, and plays whoever reads.

#![expect(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]

use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use telemetry::{LogFormat, LogOptions, Logs};

/// Set in the process that was started.
const PART: &str = "TELEMETRY_TEST_PART";

const LINES: usize = 50_000;

/// This program again, to play `part`.
fn start(part: &str, variables: &[(&str, &str)]) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--nocapture"])
        .env(PART, part)
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// What the process says on standard output, and whether it ended well.
fn finish(mut child: Child) -> (bool, String) {
    let mut out = String::new();
    child
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut out)
        .unwrap();
    (child.wait().unwrap().success(), out)
}

fn say(text: &str) {
    let mut out = std::io::stdout();
    writeln!(out, "{text}").unwrap();
    out.flush().unwrap();
}

fn logs(filter: &str) -> Logs {
    let options = LogOptions {
        format: LogFormat::Json,
        filter: filter.to_owned(),
        ..LogOptions::default()
    };
    Logs::install(&options, None).unwrap()
}

/// Not a test of its own: what the process started by the others does.
#[test]
fn child() {
    match std::env::var(PART).as_deref() {
        Ok("flood") => {
            let logs = logs("info");
            assert!(Logs::install(&LogOptions::default(), None).is_err());
            for n in 0..LINES {
                tracing::info!(n, "flood");
            }
            say("alive");
            // Whether anybody reads or not, it ends.
            logs.flush(Duration::from_millis(200));
            say(&format!("lost {}", logs.tally().lost.get()));
        }
        #[cfg(feature = "otlp")]
        Ok("traces") => traces::child(),
        Ok(part) => panic!("no part is called {part}"),
        Err(_) => {}
    }
}

#[test]
fn nobody_reads_and_the_process_goes_on() {
    let child = start("flood", &[]);
    // Its standard error is a pipe that is full after 64 KiB.
    let (well, out) = finish(child);
    assert!(well && out.contains("alive"), "{out}");
    let lost = out.split("lost ").nth(1).unwrap();
    let lost: usize = lost.lines().next().unwrap().parse().unwrap();
    assert!(lost > 0 && lost < LINES, "{lost}");
}

#[test]
fn the_reader_goes_and_the_process_goes_on() {
    let mut child = start("flood", &[]);
    drop(child.stderr.take());
    let (well, out) = finish(child);
    assert!(well && out.contains("alive"), "{out}");
    assert!(!out.contains("lost 0\n"), "{out}");
}

#[test]
fn all_that_is_read_is_whole_lines() {
    let mut child = start("flood", &[]);
    let mut text = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut text)
        .unwrap();
    let (well, out) = finish(child);
    assert!(well, "{out}");
    let lines: Vec<serde_json::Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let of = |message: &str| lines.iter().filter(|l| l["message"] == message).count();
    let missing: u64 = lines.iter().filter_map(|line| line["lines"].as_u64()).sum();
    assert_eq!(of("flood") as u64 + missing, LINES as u64);
    let numbers = lines.iter().filter_map(|line| line["n"].as_u64());
    assert!(numbers.is_sorted());
}

#[cfg(feature = "otlp")]
mod traces {
    use std::net::TcpListener;
    use std::sync::Arc;

    use async_trait::async_trait;
    use coordinator::registry::{RegistryError, RegistryTransport, ViewAnswer};
    use telemetry::{BuildInfo, Metrics, Readiness, otlp};

    use super::*;

    struct Registry;

    #[async_trait]
    impl RegistryTransport for Registry {
        async fn view(&self, _: &str, _: &[u8]) -> Result<ViewAnswer, RegistryError> {
            Err(RegistryError::RateLimited)
        }
    }

    pub(super) fn child() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let build = BuildInfo::current(&[]);
            let (layer, traces) = otlp::from_environment(&build).unwrap().unwrap();
            let options = LogOptions {
                filter: "off".to_owned(),
                ..LogOptions::default()
            };
            let logs = Logs::install(&options, Some(layer)).unwrap();
            let metrics = Metrics::new(build, logs.tally(), Readiness::new(&[]));
            let registry = metrics.metered(Arc::new(Registry));
            assert!(registry.view("list_all", b"{}").await.is_err());
            let ended = traces.shutdown(Duration::from_secs(10)).await;
            say(&format!("ended {ended:?}"));
        });
    }

    /// Reads one request with a body and answers it.
    fn collect(listener: &TcpListener) -> Vec<u8> {
        let (mut stream, _) = listener.accept().unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        let mut got = Vec::new();
        let mut chunk = [0; 4096];
        loop {
            let head = got.windows(4).position(|window| window == b"\r\n\r\n");
            if let Some(end) = head {
                let text = String::from_utf8_lossy(&got[..end]).to_lowercase();
                let length = text.split("content-length: ").nth(1).unwrap();
                let length: usize = length.lines().next().unwrap().parse().unwrap();
                if got.len() >= end + 4 + length {
                    break;
                }
            }
            let read = stream.read(&mut chunk).unwrap();
            assert!(read > 0, "it was cut off");
            got.extend_from_slice(&chunk[..read]);
        }
        stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
            .unwrap();
        got
    }

    #[test]
    fn calls_become_spans_that_are_sent_at_the_latest_at_the_end() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let variables = [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()),
            ("OTEL_EXPORTER_OTLP_HEADERS", "x-team=indexers"),
            ("OTEL_RESOURCE_ATTRIBUTES", "deployment=test"),
        ];
        let child = start("traces", &variables);
        let request = String::from_utf8_lossy(&collect(&listener)).into_owned();
        let (well, out) = finish(child);
        assert!(well && out.contains("ended Ok"), "{out}");
        assert!(request.starts_with("POST /v1/traces "), "{request}");
        for expected in [
            "application/x-protobuf",
            "x-team: indexers",
            "registry/list_all",
            "RATE_LIMITED",
            "coordinator",
            "deployment",
        ] {
            assert!(
                request.contains(expected),
                "{expected} is missing in {request}"
            );
        }
    }

    #[test]
    fn a_collector_that_is_gone_holds_nobody_up() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        drop(listener);
        let child = start("traces", &[("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint)]);
        let (well, out) = finish(child);
        assert!(well && out.contains("ended "), "{out}");
    }
}
