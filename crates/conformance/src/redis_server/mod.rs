//! A real Redis for tests: on a port of its own, in a folder that is removed,
//! killed when it is dropped.
//!
//! It speaks to its server by a client of its own, so that a test does not rest
//! on the client under test. Everything here blocks, for milliseconds.

mod port;
mod resp;

pub use port::Port;
pub use resp::Reply;

use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use resp::Client;

/// What the server says once it can be used.
const READY: &str = "Ready to accept connections";

/// A server that belongs to a test.
#[derive(Debug)]
pub struct RedisServer {
    folder: TempDir,
    port: Port,
    options: Vec<OsString>,
    password: Option<String>,
    process: Option<Child>,
}

impl RedisServer {
    /// A server that runs, with further options as on the command line, such as
    /// `["--maxmemory", "1mb"]`. It keeps nothing on disk unless told to.
    ///
    /// # Errors
    /// It cannot be started; the error holds what it said.
    pub fn start(options: &[&str]) -> io::Result<RedisServer> {
        let mut server = RedisServer::stopped(options)?;
        server.launch()?;
        Ok(server)
    }

    /// A server that does not run yet; its port is decided.
    ///
    /// # Errors
    /// There is no folder or port to be had.
    pub fn stopped(options: &[&str]) -> io::Result<RedisServer> {
        let password = options.windows(2).find_map(|pair| match pair {
            ["--requirepass", password] => Some((*password).to_owned()),
            _ => None,
        });
        Ok(RedisServer {
            folder: TempDir::new()?,
            port: Port::reserve()?,
            options: options.iter().map(OsString::from).collect(),
            password,
            process: None,
        })
    }

    /// Starts it, on its port and in its folder. Does nothing if it runs.
    ///
    /// # Errors
    /// It cannot be started; the error holds what it said.
    pub fn launch(&mut self) -> io::Result<()> {
        if self.process.is_some() {
            return Ok(());
        }
        let mut process = Command::new("redis-server")
            .args(["--bind", "127.0.0.1", "--daemonize", "no"])
            .args(["--save", "", "--appendonly", "no"])
            .args(["--loglevel", "notice", "--logfile", ""])
            .args(["--port", &self.port().to_string(), "--dir"])
            .arg(self.folder.path())
            .args(&self.options)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| {
                let cure = "install it: apt-get install redis-server";
                io::Error::new(error.kind(), format!("redis-server: {error}; {cure}"))
            })?;
        let said = await_ready(&mut process);
        if let Err(error) = said {
            let _ = process.kill();
            process.wait()?;
            return Err(error);
        }
        self.process = Some(process);
        Ok(())
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port.number()
    }

    /// Its URL, without a password.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/0", self.port())
    }

    /// Where its files are.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Kills it at once, as a crash does. Does nothing if it does not run.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            // Either fails only for a process that has ended.
            let _ = process.kill();
            let _ = process.wait();
        }
    }

    /// Freezes it: connections stay, and nobody answers.
    ///
    /// # Errors
    /// It does not run.
    pub fn freeze(&self) -> io::Result<()> {
        self.signal("STOP")
    }

    /// Lets it go on.
    ///
    /// # Errors
    /// It does not run.
    pub fn thaw(&self) -> io::Result<()> {
        self.signal("CONT")
    }

    fn signal(&self, name: &str) -> io::Result<()> {
        let process = self.process.as_ref().ok_or(io::ErrorKind::NotConnected)?;
        let line = format!("kill -{name} {}", process.id());
        let status = Command::new("sh").args(["-c", &line]).status()?;
        if status.success() {
            Ok(())
        } else {
            Err(io::Error::other(format!("`{line}` failed")))
        }
    }

    /// Performs one command over a connection of its own.
    ///
    /// # Errors
    /// The server does not answer within seconds; its own errors are replies.
    pub fn command(&self, words: &[&[u8]]) -> io::Result<Reply> {
        let mut client = Client::connect(self.port())?;
        if let Some(password) = &self.password {
            client.command(&[b"AUTH", password.as_bytes()])?;
        }
        client.command(words)
    }

    /// As [`RedisServer::command`], for a command in plain words.
    ///
    /// # Errors
    /// As there.
    pub fn tell(&self, line: &str) -> io::Result<Reply> {
        let words: Vec<&[u8]> = line.split_whitespace().map(str::as_bytes).collect();
        self.command(&words)
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Reads the log up to the line that says that it is ready. What comes later is
/// not read: it ignores that nobody listens.
fn await_ready(process: &mut Child) -> io::Result<()> {
    let log = process.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
    let mut said = String::new();
    for line in BufReader::new(log).lines() {
        let line = line?;
        if line.contains(READY) {
            return Ok(());
        }
        said.push_str(&line);
        said.push('\n');
    }
    // It has ended: mistakes in its options are said here.
    if let Some(mut errors) = process.stderr.take() {
        errors.read_to_string(&mut said)?;
    }
    let text = format!("redis-server did not start:\n{said}");
    Err(io::Error::other(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(reply: Reply) -> String {
        match reply {
            Reply::Text(text) => String::from_utf8(text).unwrap(),
            other => panic!("no text: {other:?}"),
        }
    }

    #[test]
    fn a_server_lives_dies_and_begins_anew() {
        let mut server = RedisServer::start(&[]).unwrap();
        let ok = Reply::Status("OK".to_owned());
        assert_eq!(server.tell("SET k v").unwrap(), ok);
        assert_eq!(text(server.tell("GET k").unwrap()), "v");
        server.kill();
        assert!(server.tell("GET k").is_err());
        assert!(server.freeze().is_err());
        server.launch().unwrap();
        assert_eq!(server.tell("GET k").unwrap(), Reply::Nothing);
        server.freeze().unwrap();
        server.thaw().unwrap();
        assert!(matches!(server.tell("NONE").unwrap(), Reply::Error(_)));
    }

    #[test]
    fn a_password_is_used_and_a_bad_option_is_reported() {
        let server = RedisServer::start(&["--requirepass", "secret"]).unwrap();
        assert_eq!(server.tell("DBSIZE").unwrap(), Reply::Number(0));
        let error = RedisServer::start(&["--no-such-option", "1"]).unwrap_err();
        assert!(error.to_string().contains("no-such-option"), "{error}");
    }
}
