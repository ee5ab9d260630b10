//! A client's command, word by word.

use bytes::Bytes;
use redis::Value;
use sim_node::EntryId;

use super::reply::Reply;

/// The words of a command after its name.
#[derive(Clone, Debug)]
pub(super) struct Words {
    words: std::vec::IntoIter<Bytes>,
}

/// What was sent is no command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NoCommand;

/// The name of a command, in capitals, and the rest.
pub(super) fn command(value: Value) -> Result<(String, Words), NoCommand> {
    let Value::Array(items) = value else {
        return Err(NoCommand);
    };
    let words: Result<Vec<Bytes>, NoCommand> = items
        .into_iter()
        .map(|item| match item {
            Value::BulkString(bytes) => Ok(Bytes::from(bytes)),
            _ => Err(NoCommand),
        })
        .collect();
    let mut words = words?.into_iter();
    let name = words.next().ok_or(NoCommand)?;
    let name = String::from_utf8_lossy(&name).to_ascii_uppercase();
    Ok((name, Words { words }))
}

impl Words {
    /// How many are left.
    pub(super) fn left(&self) -> usize {
        self.words.len()
    }

    /// The next one, whatever it holds.
    pub(super) fn bytes(&mut self) -> Result<Bytes, Reply> {
        self.words.next().ok_or_else(wrong_number)
    }

    /// The next one, as a text. Names that are none are refused: the model keeps
    /// names as texts.
    pub(super) fn text(&mut self) -> Result<String, Reply> {
        String::from_utf8(self.bytes()?.into())
            .map_err(|_| Reply::Error("ERR a name is not valid UTF-8".to_owned()))
    }

    /// The next one in capitals.
    pub(super) fn keyword(&mut self) -> Result<String, Reply> {
        Ok(self.text()?.to_ascii_uppercase())
    }

    /// The next one, as a number.
    pub(super) fn number(&mut self) -> Result<u64, Reply> {
        let text = self.text()?;
        text.parse()
            .map_err(|_| Reply::Error("ERR value is not an integer or out of range".to_owned()))
    }

    /// All that are left, at least one, as texts.
    pub(super) fn rest(&mut self) -> Result<Vec<String>, Reply> {
        let mut texts = vec![self.text()?];
        while self.left() > 0 {
            texts.push(self.text()?);
        }
        Ok(texts)
    }

    /// Refuses words that nobody asked for.
    pub(super) fn end(&self) -> Result<(), Reply> {
        if self.left() == 0 {
            Ok(())
        } else {
            Err(wrong_number())
        }
    }
}

pub(super) fn wrong_number() -> Reply {
    Reply::Error("ERR wrong number of arguments".to_owned())
}

pub(super) fn syntax() -> Reply {
    Reply::Error("ERR syntax error".to_owned())
}

/// An id as a client may write it; `sequence` completes one without.
pub(super) fn entry_id(text: &str, sequence: u64) -> Result<EntryId, Reply> {
    let id = match text.parse::<u64>() {
        Ok(millis) => Some(EntryId { millis, sequence }),
        Err(_) => text.parse().ok(),
    };
    id.ok_or_else(|| {
        Reply::Error("ERR Invalid stream ID specified as stream command argument".to_owned())
    })
}
