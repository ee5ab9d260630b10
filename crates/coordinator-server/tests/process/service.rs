//! A running service, and what can be asked of it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Output, Stdio};
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::TcpStream;
use tokio::process::{Child, ChildStderr, Command};
use tokio::time::{Instant, sleep, timeout};

/// Nothing takes longer on the slowest machine.
pub const LONG: Duration = Duration::from_secs(60);

/// The program, with nothing in its environment.
pub fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_coordinator"));
    command.env_clear().kill_on_drop(true).stdin(Stdio::null());
    command
}

/// Runs a command of the program to its end.
pub async fn run(args: &[&str], env: &[(&str, &str)]) -> Output {
    let output = program().args(args).envs(env.iter().copied()).output();
    timeout(LONG, output).await.expect("it ends").unwrap()
}

/// What it wrote, both streams.
pub fn text(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr[..]].concat()).into_owned()
}

/// Settings with which it starts, and nobody of whom it needs there.
pub struct Settings {
    folder: TempDir,
    pub values: BTreeMap<&'static str, String>,
}

impl Settings {
    pub fn new() -> Settings {
        let nobody = |scheme: &str| format!("{scheme}://127.0.0.1:1");
        let values = [
            ("rpc_url", nobody("http")),
            ("registry_contract_id", "registry.near".to_owned()),
            ("redis_url", nobody("redis")),
            ("block_streamer_url", nobody("http")),
            ("runner_url", nobody("http")),
            ("listen", "127.0.0.1:0".to_owned()),
            ("http_listen", "127.0.0.1:0".to_owned()),
            ("drain_delay", "0s".to_owned()),
            ("log_format", "json".to_owned()),
        ];
        Settings {
            folder: TempDir::new().unwrap(),
            values: values.into_iter().collect(),
        }
    }

    /// The same with `name` set to `value`.
    pub fn with(mut self, name: &'static str, value: impl ToString) -> Settings {
        self.values.insert(name, value.to_string());
        self
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A file beside the configuration.
    pub fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, text).unwrap();
        path
    }

    /// Writes the configuration file anew.
    pub fn write(&self) -> PathBuf {
        let line = |(name, value): (&&str, &String)| match value.as_str() {
            "true" | "false" => format!("{name} = {value}\n"),
            _ => format!("{name} = {value:?}\n"),
        };
        let text: String = self.values.iter().map(line).collect();
        self.file("coordinator.toml", &text)
    }

    /// A start that fails.
    pub async fn refused(&self) -> Output {
        let config = self.write();
        run(&["--config", config.to_str().unwrap()], &[]).await
    }

    pub async fn start(&self) -> Service {
        let config = self.write();
        Service::spawn(program().arg("run").arg("--config").arg(config)).await
    }
}

/// A service that listens.
pub struct Service {
    child: Child,
    lines: Lines<BufReader<ChildStderr>>,
    /// Every line of its log so far.
    pub log: Vec<String>,
    pub api: String,
    pub http: String,
}

impl Service {
    /// Starts it and waits until it listens.
    pub async fn spawn(command: &mut Command) -> Service {
        let mut child = command
            .stderr(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut service = Service {
            child,
            lines,
            log: Vec::new(),
            api: String::new(),
            http: String::new(),
        };
        let line = service.wait_for("\"listening\"").await;
        let line: serde_json::Value = serde_json::from_str(&line).unwrap();
        service.api = line["api"].as_str().unwrap().to_owned();
        service.http = line["http"].as_str().unwrap().to_owned();
        service
    }

    /// Reads its log up to the next line that holds `what`.
    #[track_caller]
    pub fn wait_for(&mut self, what: &str) -> impl Future<Output = String> {
        let what = what.to_owned();
        async move {
            let found = timeout(LONG, async {
                while let Some(line) = self.lines.next_line().await.unwrap() {
                    self.log.push(line);
                    let line = self.log.last().unwrap();
                    if line.contains(&what) {
                        return Some(line.clone());
                    }
                }
                None
            });
            let found = found.await.ok().flatten();
            found.unwrap_or_else(|| panic!("never said {what:?}:\n{}", self.log.join("\n")))
        }
    }

    pub async fn signal(&self, name: &str) {
        let id = self.child.id().expect("it runs").to_string();
        let kill = Command::new("kill").args([name, &id]).status().await;
        assert!(kill.unwrap().success());
    }

    /// Waits for its end and reads the rest of its log.
    pub async fn end(&mut self) -> ExitStatus {
        let rest = async {
            while let Some(line) = self.lines.next_line().await.unwrap() {
                self.log.push(line);
            }
            self.child.wait().await.unwrap()
        };
        timeout(LONG, rest).await.expect("it ends")
    }

    /// Status and body of a page.
    pub async fn page(&self, path: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(&self.http).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        timeout(LONG, stream.read_to_string(&mut answer))
            .await
            .unwrap()
            .unwrap();
        let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
        let body = answer.split_once("\r\n\r\n").unwrap().1.to_owned();
        (status, body)
    }

    /// Asks for a page until it has this status.
    pub async fn wait_for_status(&self, path: &str, status: u16) -> String {
        let began = Instant::now();
        loop {
            let (found, body) = self.page(path).await;
            if found == status {
                return body;
            }
            assert!(began.elapsed() < LONG, "{path} is {found}: {body}");
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// Asks for a page until it holds `what`.
    pub async fn wait_for_page(&self, path: &str, what: &str) {
        let began = Instant::now();
        loop {
            let (_, body) = self.page(path).await;
            if body.contains(what) {
                return;
            }
            assert!(began.elapsed() < LONG, "{path} has no {what}: {body}");
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// What a probe says of it, as a container asks: by its environment.
    pub async fn probe(&self, question: &str) -> (Option<i32>, String) {
        let env = [("COORDINATOR_HTTP_LISTEN", self.http.as_str())];
        let output = run(&["probe", question], &env).await;
        (output.status.code(), text(&output))
    }

    /// Runs an operator's command against it.
    pub async fn ask(&self, args: &[&str]) -> Output {
        let server = format!("http://{}", self.api);
        run(args, &[("COORDINATOR_SERVER", &server)]).await
    }
}

/// A path as an argument.
pub fn arg(path: &Path) -> &str {
    path.to_str().unwrap()
}
