//! The protocol of Redis, as little of it as tests need.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// The largest text or list in an answer.
const LEN_MAX: usize = 64 << 20;

/// How deep lists may lie in lists.
const DEPTH_MAX: u32 = 8;

/// What a server answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// A short confirmation, such as `OK`.
    Status(String),
    /// A refusal: code and text.
    Error(String),
    /// A number.
    Number(i64),
    /// Bytes.
    Text(Vec<u8>),
    /// No value.
    Nothing,
    /// Several replies.
    List(Vec<Reply>),
}

/// A connection.
pub(super) struct Client {
    stream: BufReader<TcpStream>,
}

impl Client {
    pub(super) fn connect(port: u16) -> io::Result<Client> {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Client {
            stream: BufReader::new(stream),
        })
    }

    pub(super) fn command(&mut self, words: &[&[u8]]) -> io::Result<Reply> {
        let mut request = format!("*{}\r\n", words.len()).into_bytes();
        for word in words {
            request.extend(format!("${}\r\n", word.len()).into_bytes());
            request.extend_from_slice(word);
            request.extend_from_slice(b"\r\n");
        }
        self.stream.get_mut().write_all(&request)?;
        reply(&mut self.stream, 0)
    }
}

fn invalid(what: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.into())
}

fn reply(stream: &mut impl BufRead, depth: u32) -> io::Result<Reply> {
    let mut line = String::new();
    stream.take(1 << 16).read_line(&mut line)?;
    let line = line
        .strip_suffix("\r\n")
        .ok_or_else(|| invalid(format!("a broken line: {line:?}")))?;
    let (kind, rest) = line
        .split_at_checked(1)
        .ok_or_else(|| invalid("an empty line"))?;
    let number = || -> io::Result<i64> {
        rest.parse()
            .map_err(|_| invalid(format!("no number: {line:?}")))
    };
    Ok(match kind {
        "+" => Reply::Status(rest.to_owned()),
        "-" => Reply::Error(rest.to_owned()),
        ":" => Reply::Number(number()?),
        "$" => match length(number()?)? {
            None => Reply::Nothing,
            Some(length) => {
                let mut text = vec![0; length + 2];
                stream.read_exact(&mut text)?;
                text.truncate(length);
                Reply::Text(text)
            }
        },
        "*" if depth < DEPTH_MAX => match length(number()?)? {
            None => Reply::Nothing,
            Some(length) => (0..length)
                .map(|_| reply(stream, depth + 1))
                .collect::<io::Result<Vec<Reply>>>()
                .map(Reply::List)?,
        },
        _ => return Err(invalid(format!("an unknown reply: {line:?}"))),
    })
}

/// A length; `None` for that of no value.
fn length(number: i64) -> io::Result<Option<usize>> {
    match usize::try_from(number) {
        Ok(length) if length <= LEN_MAX => Ok(Some(length)),
        Err(_) if number == -1 => Ok(None),
        _ => Err(invalid(format!("a length of {number}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> io::Result<Reply> {
        reply(&mut text.as_bytes(), 0)
    }

    #[test]
    fn every_kind_of_reply_is_read() {
        let text = "*6\r\n+OK\r\n-ERR no\r\n:-3\r\n$3\r\na\r\n\r\n$-1\r\n*0\r\n";
        let expected = Reply::List(vec![
            Reply::Status("OK".to_owned()),
            Reply::Error("ERR no".to_owned()),
            Reply::Number(-3),
            Reply::Text(b"a\r\n".to_vec()),
            Reply::Nothing,
            Reply::List(Vec::new()),
        ]);
        assert_eq!(parsed(text).unwrap(), expected);
    }

    #[test]
    fn nonsense_is_an_error() {
        let deep = "*1\r\n".repeat(20);
        for text in [
            "",
            "+OK",
            "\r\n",
            ":x\r\n",
            "$-2\r\n",
            "$99999999999\r\n",
            "?\r\n",
            &deep,
        ] {
            assert!(parsed(text).is_err(), "{text:?}");
        }
    }
}
