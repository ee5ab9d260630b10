//! `cargo local` as a process, and what a user sees of it.

use std::collections::BTreeMap;
use std::fs::{File, read_link, read_to_string};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::time::{sleep, timeout};

/// Nothing is built slower on the slowest machine.
const BUILD: Duration = Duration::from_secs(1800);

/// Nothing takes longer on the slowest machine.
const LONG: Duration = Duration::from_secs(150);

/// Each look reads whole ledgers, or starts a program.
const PAUSE: Duration = Duration::from_millis(250);

/// What it starts.
const PROGRAMS: [&str; 4] = [
    "coordinator",
    "sim-store",
    "sim-block-streamer",
    "sim-executor",
];

/// A session; it ends however the test ends.
pub struct Local {
    child: Child,
    folder: PathBuf,
    said: PathBuf,
    ended: bool,
}

impl Drop for Local {
    fn drop(&mut self) {
        if !self.ended {
            // It may have ended by itself.
            let _gone = kill_process(Pid::from_child(&self.child), Signal::INT);
            self.child.wait().unwrap();
        }
    }
}

fn own() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_local"))
}

impl Local {
    /// Starts in `folder`, notes in the file `said` what it says, and waits until it
    /// has said where everything is.
    pub async fn start(folder: &Path, said: &Path) -> Local {
        // With the whole workspace's tests the programs were built as well; another
        // build would make them anew, with fewer features.
        let built = PROGRAMS
            .iter()
            .all(|name| own().with_file_name(name).is_file());
        let child = Command::new(own())
            .args(built.then_some("--no-build"))
            .arg("--plain")
            .arg("--dir")
            .arg(folder)
            .stdout(File::create(said).unwrap())
            .spawn();
        let mut local = Local {
            child: child.unwrap(),
            folder: folder.to_owned(),
            said: said.to_owned(),
            ended: false,
        };
        let told = |local: &Local| local.told("ready", 1).ok_or("no word yet".to_owned());
        local.until_after(BUILD, "all is started", told).await;
        local
    }

    /// What it has said so far.
    pub fn said(&self) -> String {
        read_to_string(&self.said).unwrap()
    }

    /// The word at this place of the first line that begins with `name`.
    pub fn told(&self, name: &str, place: usize) -> Option<String> {
        let said = self.said();
        // The last line may not be whole.
        let (lines, _) = said.rsplit_once('\n')?;
        let mut words = lines.lines().map(str::split_whitespace);
        let mut found = words.find(|line| line.clone().next() == Some(name))?;
        found.nth(place).map(str::to_owned)
    }

    /// Looks until `look` finds what is waited for, and ends the test with what it said
    /// last if it never does.
    pub async fn until<T>(
        &mut self,
        what: &str,
        look: impl FnMut(&Local) -> Result<T, String>,
    ) -> T {
        self.until_after(LONG, what, look).await
    }

    async fn until_after<T>(
        &mut self,
        patience: Duration,
        what: &str,
        mut look: impl FnMut(&Local) -> Result<T, String>,
    ) -> T {
        let mut why = String::new();
        let found = timeout(patience, async {
            loop {
                match look(self) {
                    Ok(found) => return found,
                    Err(not) => why = not,
                }
                let ended = self.child.try_wait().unwrap();
                self.ended = ended.is_some();
                assert!(!self.ended, "it ended ({ended:?}): {}", self.said());
                sleep(PAUSE).await;
            }
        });
        match found.await {
            Ok(found) => found,
            Err(_) => panic!(
                "{what}: {why}\nafter {patience:?}; it said\n{}",
                self.said()
            ),
        }
    }

    /// Waits until it has said this.
    pub async fn says(&mut self, what: &str) {
        let said = |local: &Local| {
            let said = local.said().contains(what);
            said.then_some(()).ok_or("it was not said".to_owned())
        };
        self.until(what, said).await;
    }

    /// The page of the probes that says whether all is ready.
    pub fn ready(&self) -> Result<(), String> {
        let url = self.told("ready", 1).ok_or("no word yet")?;
        let rest = url.strip_prefix("http://").unwrap();
        let (address, page) = rest.split_once('/').unwrap();
        let answer = get(address, page).map_err(|error| error.to_string())?;
        let status = answer.split(' ').nth(1);
        (status == Some("200")).then_some(()).ok_or(answer.clone())
    }

    /// Runs another `cargo local` with these words about the same folder.
    pub fn other(&self, words: &[&str]) {
        let mut command = Command::new(own());
        let done = command.args(words).arg("--dir").arg(&self.folder).status();
        assert!(done.unwrap().success(), "{words:?}");
    }

    /// Runs an operator's command against the coordinator.
    pub fn coordinator(&self, words: &[&str]) -> Output {
        let server = format!("http://{}", self.told("coordinator", 1).unwrap());
        Command::new(own().with_file_name("coordinator"))
            .env_clear()
            .args(words)
            .args(["--server", &server])
            .output()
            .unwrap()
    }

    /// The answer to a command as a document.
    pub fn asked(&self, words: &[&str]) -> Result<Value, String> {
        let output = self.coordinator(&[words, &["-o", "json"]].concat());
        if output.status.success() {
            Ok(serde_json::from_slice(&output.stdout).unwrap())
        } else {
            Err(String::from_utf8_lossy(&output.stderr).into_owned())
        }
    }

    /// All indexers by name.
    pub fn list(&self) -> Result<BTreeMap<String, Value>, String> {
        let list = self.asked(&["list"])?;
        let named = |indexer: &Value| {
            let part = |name: &str| indexer[name].as_str().unwrap().to_owned();
            (part("account") + "/" + &part("function"), indexer.clone())
        };
        Ok(list["indexers"]
            .as_array()
            .unwrap()
            .iter()
            .map(named)
            .collect())
    }

    /// The log of a node, over all sessions.
    pub fn log(&self, node: &str) -> String {
        read_to_string(self.folder.join(format!("logs/{node}.log"))).unwrap()
    }

    /// What it has started and not seen to end: the numbers and the programs.
    pub fn processes(&self) -> Vec<(u64, PathBuf)> {
        let text = read_to_string(self.folder.join("processes.json")).unwrap();
        let noted: Vec<Value> = serde_json::from_str(&text).unwrap();
        let one = |one: &Value| {
            let binary = one["binary"].as_str().unwrap();
            (one["process"].as_u64().unwrap(), PathBuf::from(binary))
        };
        noted.iter().map(one).collect()
    }

    /// What Ctrl-C does; waits for the end.
    pub async fn interrupt(&mut self) -> ExitStatus {
        kill_process(Pid::from_child(&self.child), Signal::INT).unwrap();
        let ended = timeout(LONG, async {
            loop {
                if let Some(status) = self.child.try_wait().unwrap() {
                    return status;
                }
                sleep(PAUSE).await;
            }
        });
        let status = ended.await;
        let status = status.unwrap_or_else(|_| panic!("it does not end: {}", self.said()));
        self.ended = true;
        status
    }
}

/// Whether a process runs that program.
pub fn lives((number, program): &(u64, PathBuf)) -> bool {
    let Ok(runs) = read_link(format!("/proc/{number}/exe")) else {
        return false;
    };
    // A program that was built anew since is called so.
    let runs = runs.to_string_lossy();
    Path::new(runs.trim_end_matches(" (deleted)")) == program
}

fn get(address: &str, page: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(LONG))?;
    let request = format!("GET /{page} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}
