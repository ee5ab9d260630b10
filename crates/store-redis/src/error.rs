//! What an error of the client means for the coordinator.
//!
//! The one question is whether the command may have had an effect. An answer of
//! the server, even an error, settles it: the command was refused as a whole.
//! Without an answer a write may have happened; a read never matters.

use coordinator::store::StoreError;
use redis::{ErrorKind, RedisError, Value};

/// The most characters of a key, and of the server's own words, in a message.
const SHOWN_MAX: usize = 120;

/// Whether a command changes anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// It only looks.
    None,
    /// It may.
    Write,
}

/// What is being done, for messages.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Task<'a> {
    effect: Effect,
    what: &'static str,
    key: Option<&'a str>,
}

/// An error, and what is to become of the connection.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) error: StoreError,
    /// The next command should use another connection: this one is lost, or
    /// leads to a server that has ceased to be the right one.
    pub(crate) reconnect: bool,
}

/// How the server means its refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refusal {
    /// It will be over without anybody doing something.
    Passing,
    /// Somebody has to do something.
    Lasting,
}

impl<'a> Task<'a> {
    pub(crate) fn new(effect: Effect, what: &'static str, key: Option<&'a str>) -> Task<'a> {
        Task { effect, what, key }
    }

    fn shown(&self) -> String {
        match self.key {
            Some(key) => format!("{} `{}`", self.what, shown_key(key)),
            None => self.what.to_owned(),
        }
    }

    /// What became of the command, if the client says `error`.
    pub(crate) fn judge(&self, error: &RedisError, endpoint: &str) -> Verdict {
        if let Some(code) = error.code() {
            let detail = error.detail().unwrap_or_default();
            return self.refused(code, detail, endpoint);
        }
        let doing = self.shown();
        match error.kind() {
            ErrorKind::InvalidClientConfig | ErrorKind::Client => Verdict {
                error: StoreError::Rejected(format!("{doing}: {error}")),
                reconnect: false,
            },
            _ if error.is_timeout() => {
                self.unanswered(format!("{doing}: {endpoint} did not answer in time"))
            }
            _ => self.unanswered(format!(
                "{doing}: the connection to {endpoint} broke: {error}"
            )),
        }
    }

    /// What became of it, if a script says in which `words` it was refused.
    pub(crate) fn refused_in_a_script(&self, words: &str, endpoint: &str) -> Verdict {
        let words = words.trim_start_matches('-');
        let (code, detail) = words.split_once(' ').unwrap_or((words, ""));
        self.refused(code, detail, endpoint)
    }

    fn unanswered(&self, text: String) -> Verdict {
        let error = match self.effect {
            Effect::None => StoreError::Unavailable(text),
            Effect::Write => StoreError::Indefinite(text),
        };
        Verdict {
            error,
            reconnect: true,
        }
    }

    fn refused(&self, code: &str, detail: &str, endpoint: &str) -> Verdict {
        let (refusal, reconnect, cure) = meaning(code, detail);
        let mut text = format!("{}: {endpoint} says {}", self.shown(), said(code, detail));
        if !cure.is_empty() {
            text.push_str("; ");
            text.push_str(cure);
        }
        let error = match refusal {
            Refusal::Passing => StoreError::Unavailable(text),
            Refusal::Lasting => StoreError::Rejected(text),
        };
        Verdict { error, reconnect }
    }

    /// An answer that is none to this command: a proxy, or no Redis at all.
    pub(crate) fn unexpected(&self, answer: &Value) -> StoreError {
        let text = format!(
            "{}: the answer is {}, which is none to this command",
            self.shown(),
            kind_of(answer)
        );
        match self.effect {
            Effect::None => StoreError::Rejected(text),
            Effect::Write => StoreError::Indefinite(text),
        }
    }
}

/// What an error code of the server means: how it is meant, whether another
/// connection may reach a better server, and what is to be done about it.
fn meaning(code: &str, detail: &str) -> (Refusal, bool, &'static str) {
    use Refusal::{Lasting, Passing};
    match code {
        "LOADING" => (Passing, false, "it is loading its data"),
        "MASTERDOWN" => (
            Passing,
            true,
            "it is a replica that has lost its primary; point the URL at the primary",
        ),
        "BUSY" => (Passing, false, "somebody's script occupies it"),
        "TRYAGAIN" | "CLUSTERDOWN" => (Passing, false, "its cluster is not ready"),
        "NOREPLICAS" => (
            Passing,
            false,
            "it takes no writes while it has too few replicas",
        ),
        "READONLY" => (
            Lasting,
            true,
            "it is a read-only replica; point the URL at the primary",
        ),
        "OOM" => (
            Lasting,
            false,
            "it is out of memory; free some or raise `maxmemory`",
        ),
        "MISCONF" => (
            Lasting,
            false,
            "it cannot save its data and takes no writes until it can; see its log",
        ),
        "WRONGTYPE" => (
            Lasting,
            false,
            "another program uses this key; look at it with TYPE",
        ),
        "NOPERM" => (
            Lasting,
            true,
            "allow this user the commands that the store needs, with ACL SETUSER",
        ),
        // A command of a script, instead of the one that runs it.
        "ERR" if detail.starts_with("The user executing the script can't") => {
            meaning("NOPERM", detail)
        }
        "NOAUTH" | "WRONGPASS" => (
            Lasting,
            true,
            "put user name and password of the server into the URL",
        ),
        "CROSSSLOT" | "MOVED" | "ASK" => (
            Lasting,
            false,
            "it is a node of a Redis Cluster, which is not supported; point the URL at a server \
             that is no part of one",
        ),
        "ERR" if detail.starts_with("max number of clients") => {
            (Passing, true, "close other clients or raise `maxclients`")
        }
        _ => (Lasting, false, ""),
    }
}

/// Why a connection could not be made; for people.
pub(crate) fn why_not_connected(error: &RedisError) -> String {
    if error.kind() == ErrorKind::AuthenticationFailed {
        return "it did not accept the user name and password of the URL".to_owned();
    }
    match error.code() {
        Some(code) => {
            let detail = error.detail().unwrap_or_default();
            let (_, _, cure) = meaning(code, detail);
            let said = said(code, detail);
            if cure.is_empty() {
                format!("it says {said}")
            } else {
                format!("it says {said}; {cure}")
            }
        }
        None if error.is_timeout() => "it did not answer in time".to_owned(),
        None => shortened(&error.to_string()),
    }
}

/// The server's words on one line.
fn said(code: &str, detail: &str) -> String {
    // It goes on in a sentence of ours.
    let detail = detail.trim_end().trim_end_matches('.');
    format!("{code} {}", shortened(detail))
        .trim_end()
        .to_owned()
}

/// A key on one line, cut if it is long.
pub(crate) fn shown_key(key: &str) -> String {
    shortened(key)
}

fn shortened(text: &str) -> String {
    let mut shown = String::new();
    for c in text.chars().take(SHOWN_MAX) {
        match c {
            '\'' | '"' | '\\' => shown.push(c),
            c => shown.extend(c.escape_debug()),
        }
    }
    if text.chars().nth(SHOWN_MAX).is_some() {
        shown.push_str("...");
    }
    shown
}

/// The kind of an answer; its content may be long, or somebody's secret.
fn kind_of(answer: &Value) -> &'static str {
    match answer {
        Value::Nil => "nothing",
        Value::Int(_) => "a number",
        Value::BulkString(_) | Value::SimpleString(_) | Value::VerbatimString { .. } => "a text",
        Value::Array(_) | Value::Set(_) => "a list",
        Value::Map(_) => "a map",
        Value::Okay => "a confirmation",
        _ => "of another kind",
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    const ENDPOINT: &str = "redis://db:6379/0";

    fn judged(effect: Effect, error: &RedisError) -> Verdict {
        Task::new(effect, "writing", Some("a/f:state")).judge(error, ENDPOINT)
    }

    fn io_error(kind: io::ErrorKind) -> RedisError {
        io::Error::new(kind, "it went wrong").into()
    }

    /// As the client reads it from the server.
    fn server_error(line: &str) -> RedisError {
        let line = format!("-{line}\r\n");
        let answer = redis::parse_redis_value(line.as_bytes()).unwrap();
        answer.extract_error().unwrap_err()
    }

    #[test]
    fn without_an_answer_a_write_is_indefinite_and_a_read_is_not() {
        for kind in [
            io::ErrorKind::TimedOut,
            io::ErrorKind::BrokenPipe,
            io::ErrorKind::ConnectionReset,
            io::ErrorKind::UnexpectedEof,
            io::ErrorKind::Other,
        ] {
            let error = io_error(kind);
            let write = judged(Effect::Write, &error);
            assert!(
                matches!(write.error, StoreError::Indefinite(_)),
                "{write:?}"
            );
            assert!(write.reconnect, "{kind}");
            let read = judged(Effect::None, &error);
            assert!(matches!(read.error, StoreError::Unavailable(_)), "{read:?}");
            assert!(read.reconnect, "{kind}");
        }
    }

    #[test]
    fn an_answer_of_the_server_is_never_indefinite() {
        for (line, passing, reconnect) in [
            (
                "LOADING Redis is loading the dataset in memory",
                true,
                false,
            ),
            ("MASTERDOWN Link with MASTER is down", true, true),
            ("BUSY Redis is busy running a script", true, false),
            ("TRYAGAIN Multiple keys request", true, false),
            ("CLUSTERDOWN The cluster is down", true, false),
            ("NOREPLICAS Not enough good replicas to write.", true, false),
            ("ERR max number of clients reached", true, true),
            (
                "READONLY You can't write against a read only replica.",
                false,
                true,
            ),
            (
                "OOM command not allowed when used memory > 'maxmemory'.",
                false,
                false,
            ),
            (
                "MISCONF Redis is configured to save RDB snapshots",
                false,
                false,
            ),
            ("WRONGTYPE Operation against a key", false, false),
            ("NOPERM this user has no permissions", false, true),
            ("NOAUTH Authentication required.", false, true),
            ("WRONGPASS invalid username-password pair", false, true),
            (
                "CROSSSLOT Keys in request don't hash to the same slot",
                false,
                false,
            ),
            ("MOVED 1234 10.0.0.1:6379", false, false),
            ("ASK 1234 10.0.0.1:6379", false, false),
            ("ERR unknown command 'EVALSHA'", false, false),
            ("NEWCODE something of the future", false, false),
        ] {
            let error = server_error(line);
            for effect in [Effect::None, Effect::Write] {
                let verdict = judged(effect, &error);
                let is_passing = matches!(verdict.error, StoreError::Unavailable(_));
                let is_lasting = matches!(verdict.error, StoreError::Rejected(_));
                assert_eq!((is_passing, is_lasting), (passing, !passing), "{verdict:?}");
                assert_eq!(verdict.reconnect, reconnect, "{line}");
                let text = verdict.error.to_string();
                let code = line.split(' ').next().unwrap();
                for part in [code, "a/f:state", ENDPOINT] {
                    assert!(text.contains(part), "{text}");
                }
            }
        }
    }

    #[test]
    fn a_node_of_a_cluster_is_called_one() {
        for line in [
            "MOVED 16383 10.0.0.1:6379",
            "ASK 1 10.0.0.1:6379",
            "CROSSSLOT Keys",
        ] {
            let text = judged(Effect::None, &server_error(line)).error.to_string();
            assert!(
                text.contains("Redis Cluster, which is not supported"),
                "{text}"
            );
        }
    }

    #[test]
    fn the_servers_words_stay_as_they_are() {
        for (line, told) in [
            (
                "READONLY You can't write against a read only replica.",
                "You can't write against a read only replica;",
            ),
            (
                "OOM command not allowed when used memory > 'maxmemory'.",
                "used memory > 'maxmemory';",
            ),
        ] {
            let text = judged(Effect::Write, &server_error(line)).error.to_string();
            assert!(text.contains(told), "{text}");
        }
    }

    #[test]
    fn messages_are_short_and_of_one_line() {
        let key = "line\nbreak\u{1b}[31m".to_owned() + &"k".repeat(64 << 10);
        let task = Task::new(Effect::Write, "writing", Some(&key));
        let detail = format!("OOM {}", "x".repeat(64 << 10));
        let text = task
            .judge(&server_error(&detail), ENDPOINT)
            .error
            .to_string();
        assert!(text.len() < 600, "{}", text.len());
        assert!(!text.contains(['\n', '\u{1b}']), "{text}");
        assert!(text.contains("..."), "{text}");
    }

    #[test]
    fn an_answer_to_nothing_that_was_asked_leaves_a_write_open() {
        let odd = Value::BulkString(b"secret".to_vec());
        let write = Task::new(Effect::Write, "writing", None).unexpected(&odd);
        assert!(matches!(write, StoreError::Indefinite(_)), "{write}");
        let read = Task::new(Effect::None, "reading", None).unexpected(&odd);
        assert!(matches!(read, StoreError::Rejected(_)), "{read}");
        assert!(!read.to_string().contains("secret"), "{read}");
    }
}
