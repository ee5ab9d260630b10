//! Answers as RESP2 writes them.

use bytes::{BufMut, Bytes, BytesMut};

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reply {
    Simple(&'static str),
    /// Begins with a word in capitals.
    Error(String),
    Number(u64),
    Bulk(Bytes),
    /// No value.
    Nil,
    /// No values.
    NilList,
    List(Vec<Reply>),
}

impl Reply {
    pub(super) fn text(text: impl Into<String>) -> Reply {
        Reply::Bulk(Bytes::from(text.into()))
    }

    pub(super) fn or_nil(value: Option<Bytes>) -> Reply {
        value.map_or(Reply::Nil, Reply::Bulk)
    }

    pub(super) fn write(&self, out: &mut BytesMut) {
        match self {
            Reply::Simple(text) => line(out, b'+', text),
            Reply::Error(text) => {
                // A line break inside would end the answer too early.
                line(out, b'-', &text.replace(['\r', '\n'], " "));
            }
            Reply::Number(number) => line(out, b':', &number.to_string()),
            Reply::Bulk(bytes) => {
                line(out, b'$', &bytes.len().to_string());
                out.put_slice(bytes);
                out.put_slice(b"\r\n");
            }
            Reply::Nil => out.put_slice(b"$-1\r\n"),
            Reply::NilList => out.put_slice(b"*-1\r\n"),
            Reply::List(items) => {
                line(out, b'*', &items.len().to_string());
                for item in items {
                    item.write(out);
                }
            }
        }
    }
}

fn line(out: &mut BytesMut, kind: u8, text: &str) {
    out.put_u8(kind);
    out.put_slice(text.as_bytes());
    out.put_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_written_as_the_protocol_says() {
        let reply = Reply::List(vec![
            Reply::Simple("OK"),
            Reply::Error("ERR a\r\nb".to_owned()),
            Reply::Number(7),
            Reply::text("x\r\ny"),
            Reply::Nil,
            Reply::NilList,
        ]);
        let mut out = BytesMut::new();
        reply.write(&mut out);
        let text = "*6\r\n+OK\r\n-ERR a  b\r\n:7\r\n$4\r\nx\r\ny\r\n$-1\r\n*-1\r\n";
        assert_eq!(out, text.as_bytes());
    }
}
