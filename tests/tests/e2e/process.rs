//! One program that runs, dies and comes back as a process of its own.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::Duration;

use real_tokio::net::TcpStream;
use rustix::process::{Pid, Signal, kill_process};

use crate::wait::until;

/// Nothing starts or stops slower on the slowest machine.
pub const LONG: Duration = Duration::from_secs(60);

/// How many lines of a log are shown.
const SHOWN: usize = 25;

/// A program with its arguments, and its process while there is one. Every life
/// has the same ports and files, and adds to the same log.
#[derive(Debug)]
pub struct Process {
    name: &'static str,
    program: PathBuf,
    arguments: Vec<OsString>,
    variables: Vec<(String, String)>,
    log: PathBuf,
    child: Option<Child>,
}

impl Process {
    /// A program that does not run yet. Its log goes to `folder`; the folder's
    /// other files are its own business.
    pub fn new(name: &'static str, program: PathBuf, folder: &Path) -> Process {
        Process {
            name,
            program,
            arguments: Vec::new(),
            variables: Vec::new(),
            log: folder.join(format!("{name}.log")),
            child: None,
        }
    }

    /// Another one of the same program, with the same arguments and environment.
    pub fn another(&self, name: &'static str) -> Process {
        Process {
            name,
            program: self.program.clone(),
            arguments: self.arguments.clone(),
            variables: self.variables.clone(),
            log: self.log.with_file_name(format!("{name}.log")),
            child: None,
        }
    }

    /// Runs it once with these arguments alone, to its end.
    pub fn once(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(&self.program);
        let command = command.args(arguments).env_clear().stdin(Stdio::null());
        command.output().expect("it starts")
    }

    /// The same with further arguments.
    pub fn with<I>(mut self, arguments: I) -> Process
    where
        I: IntoIterator,
        I::Item: Into<OsString>,
    {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    /// Sets an option for its next life, in place of an earlier value.
    pub fn set_option(&mut self, option: &str, value: impl Into<OsString>) {
        let place = self.arguments.iter().position(|known| known == option);
        match place.and_then(|place| self.arguments.get_mut(place + 1)) {
            Some(known) => *known = value.into(),
            None => self.arguments.extend([option.into(), value.into()]),
        }
    }

    /// Sets a variable of its environment, which is empty otherwise.
    pub fn set_variable(&mut self, name: &str, value: impl ToString) {
        self.variables.retain(|(known, _)| known != name);
        self.variables.push((name.to_owned(), value.to_string()));
    }

    /// Starts it, if it does not run.
    pub fn start(&mut self) {
        if self.child.is_some() {
            return;
        }
        let log = self.open_log();
        let child = Command::new(&self.program)
            .args(&self.arguments)
            .env_clear()
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn();
        let program = self.program.display();
        self.child = Some(child.unwrap_or_else(|error| panic!("{program}: {error}")));
    }

    /// Starts it and waits until it listens on `port`.
    pub async fn start_on(&mut self, port: u16) {
        self.start();
        self.listens_on(port).await;
    }

    /// Waits until it listens on `port`.
    pub async fn listens_on(&mut self, port: u16) {
        let listening = until(LONG, async || {
            assert!(
                self.runs(),
                "{} ended by itself:\n{}",
                self.name,
                self.tail()
            );
            TcpStream::connect(("127.0.0.1", port)).await.ok()
        });
        if listening.await.is_none() {
            panic!("{} does not listen on {port}:\n{}", self.name, self.tail());
        }
    }

    /// Whether its process is there; a frozen one is.
    pub fn runs(&mut self) -> bool {
        let status = self.child.as_mut().map(Child::try_wait);
        matches!(status, Some(Ok(None)))
    }

    /// Kills it at once, as a crash does. Does nothing if it does not run.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // Either fails only for a process that has ended.
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Asks it to end, and waits until it has.
    pub async fn terminate(&mut self) -> ExitStatus {
        self.signal(Signal::TERM);
        let mut child = self.child.take().unwrap();
        let ended = until(LONG, async || child.try_wait().unwrap()).await;
        ended.unwrap_or_else(|| {
            let _ = child.kill();
            panic!("{} does not end:\n{}", self.name, self.tail())
        })
    }

    /// Freezes it: its connections stay, and nobody answers.
    pub fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets a frozen one go on.
    pub fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        let child = self.child.as_ref().expect("it runs");
        kill_process(Pid::from_child(child), signal).expect("the process is ours");
    }

    /// Everything it ever said.
    pub fn said(&self) -> String {
        fs::read(&self.log).map_or(String::new(), |text| {
            String::from_utf8_lossy(&text).into_owned()
        })
    }

    /// The end of what it said.
    pub fn tail(&self) -> String {
        let said = self.said();
        let lines: Vec<&str> = said.lines().collect();
        let from = lines.len().saturating_sub(SHOWN);
        format!("--- {}\n{}", self.log.display(), lines[from..].join("\n"))
    }

    fn open_log(&self) -> File {
        let mut options = OpenOptions::new();
        options.create(true).append(true);
        options.open(&self.log).expect("the folder is ours")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}
