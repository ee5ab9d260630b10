//! Runs a command and catches what it says; compares with golden files.

use std::io::{self, Cursor, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use admin_cli::{Command, Console, Exit};
use clap::Parser;

/// The time of day in all tests: 2027-01-15T08:00:00Z.
pub const NOW: u64 = 1_800_000_000_000;

#[derive(Parser)]
// As wide as the program makes its helps at most, whatever the terminal is.
#[command(term_width = 100)]
#[command(name = "coordinator")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

pub fn parse(words: &[&str]) -> Result<Command, clap::Error> {
    let words = std::iter::once("coordinator").chain(words.iter().copied());
    Cli::try_parse_from(words).map(|cli| cli.command)
}

/// What was written to a stream.
#[derive(Clone, Default)]
pub struct Caught(Arc<Mutex<Vec<u8>>>);

impl Caught {
    /// As it would go to a terminal.
    pub fn raw(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    /// Without colors.
    pub fn text(&self) -> String {
        anstream::adapter::strip_str(&self.raw()).to_string()
    }
}

impl Write for Caught {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A console whose streams are caught.
pub struct Desk {
    pub console: Console,
    pub data: Caught,
    pub talk: Caught,
}

pub fn desk(input: &str, is_interactive: bool) -> Desk {
    let (data, talk) = (Caught::default(), Caught::default());
    let console = Console {
        data: Box::new(data.clone()),
        talk: Box::new(talk.clone()),
        input: Box::new(Cursor::new(input.to_owned().into_bytes())),
        is_interactive,
        now: || -> SystemTime { UNIX_EPOCH + Duration::from_millis(NOW) },
    };
    Desk {
        console,
        data,
        talk,
    }
}

/// How a command ended and what it said.
#[derive(Debug)]
pub struct Ran {
    pub exit: Exit,
    pub data: String,
    pub talk: String,
}

impl Ran {
    #[track_caller]
    pub fn succeeded(self) -> Ran {
        assert_eq!(self.exit, Exit::Done, "{self:?}");
        self
    }

    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.data).unwrap()
    }

    #[track_caller]
    pub fn json_lines(&self) -> Vec<serde_json::Value> {
        let lines = self.data.lines();
        lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

/// Runs a command against the coordinator at `server`.
pub async fn run(server: &str, words: &[&str]) -> Ran {
    run_with(server, words, "", false).await
}

pub async fn run_with(server: &str, words: &[&str], input: &str, is_interactive: bool) -> Ran {
    let mut words = words.to_vec();
    words.extend(["--server", server]);
    let command = parse(&words).unwrap_or_else(|error| panic!("{error}"));
    let mut desk = desk(input, is_interactive);
    let exit = admin_cli::run_until(command, &mut desk.console, std::future::pending()).await;
    Ran {
        exit,
        data: desk.data.text(),
        talk: desk.talk.text(),
    }
}

/// Compares with the file `tests/golden/NAME`; with the variable `BLESS` set, the
/// file is written instead.
#[track_caller]
pub fn golden(name: &str, actual: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(name);
    compare(&path, actual);
}

#[track_caller]
pub fn compare(path: &std::path::Path, actual: &str) {
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(path, actual).unwrap();
        return;
    }
    let expected = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        expected == actual,
        "{} differs; if the new text is right, run the tests with BLESS=1\n--- expected\n\
         {expected}\n--- actual\n{actual}",
        path.display()
    );
}

/// Waits until `condition` holds.
pub async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let limit = Duration::from_secs(30);
    let waited = tokio::time::timeout(limit, async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    assert!(waited.await.is_ok(), "{what} never happened");
}

/// A way to a server that can be cut, as if its process had been killed.
pub struct Wire {
    pub url: String,
    carrying: tokio::task::JoinHandle<()>,
}

impl Wire {
    pub async fn to(port: u16) -> Wire {
        Wire::between("127.0.0.1:0", port).await
    }

    pub async fn between(address: &str, port: u16) -> Wire {
        let listener = tokio::net::TcpListener::bind(address).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let carrying = tokio::spawn(async move {
            let mut ends = tokio::task::JoinSet::new();
            while let Ok((mut near, _)) = listener.accept().await {
                ends.spawn(async move {
                    let mut far = tokio::net::TcpStream::connect(("127.0.0.1", port)).await?;
                    tokio::io::copy_bidirectional(&mut near, &mut far).await
                });
            }
        });
        Wire { url, carrying }
    }

    /// All connections end at once, and no new ones are taken.
    pub async fn cut(self) -> String {
        self.carrying.abort();
        let _ = self.carrying.await;
        self.url.trim_start_matches("http://").to_owned()
    }
}
