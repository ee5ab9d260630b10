//! Answers of the server, as what they should be. Whatever else comes is given
//! back, and is no reason to fall.

use bytes::Bytes;
use coordinator::store::CasOutcome;
use redis::Value;

/// The field of a queue's entry that holds the block height.
const HEIGHT: &[u8] = b"block_height";

/// Why a queue has no head that can be used.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NoHeight {
    /// The entry of this id has no height.
    Entry(String),
    /// The answer is no list of entries.
    NoEntry,
}

/// As many values as there were keys.
pub(crate) fn values(answer: Value, keys: usize) -> Result<Vec<Option<Bytes>>, Value> {
    match answer {
        Value::Array(values) if values.len() == keys => values.into_iter().map(value).collect(),
        odd => Err(odd),
    }
}

fn value(answer: Value) -> Result<Option<Bytes>, Value> {
    match answer {
        Value::Nil => Ok(None),
        Value::BulkString(bytes) => Ok(Some(Bytes::from(bytes))),
        odd => Err(odd),
    }
}

/// What the script answers.
pub(crate) fn outcome(answer: Value) -> Result<CasOutcome, Value> {
    let odd = match answer {
        Value::Array(mut parts) => match (parts.pop(), parts.pop(), parts.is_empty()) {
            (Some(Value::Int(1)), None, true) => return Ok(CasOutcome::Applied),
            (Some(Value::Int(0)), None, true) => return Ok(CasOutcome::Conflict(None)),
            (Some(Value::BulkString(current)), Some(Value::Int(0)), true) => {
                return Ok(CasOutcome::Conflict(Some(Bytes::from(current))));
            }
            (last, _, _) => last.unwrap_or(Value::Nil),
        },
        odd => odd,
    };
    Err(odd)
}

/// Of which key of a script something was refused, and in which words, if that is what
/// it answers.
pub(crate) fn refusal(answer: &Value) -> Option<(i64, String)> {
    let Value::Array(parts) = answer else {
        return None;
    };
    let [Value::Int(place), Value::BulkString(words)] = &parts[..] else {
        return None;
    };
    let is_refusal = *place > 0;
    is_refusal.then(|| (*place, String::from_utf8_lossy(words).into_owned()))
}

/// The members of a set that are text, and how many are not.
pub(crate) fn members(answer: Value) -> Result<(Vec<String>, usize), Value> {
    let (Value::Array(values) | Value::Set(values)) = answer else {
        return Err(answer);
    };
    let total = values.len();
    let mut members = Vec::with_capacity(total);
    for value in values {
        match value {
            Value::BulkString(bytes) => members.extend(String::from_utf8(bytes)),
            odd => return Err(odd),
        }
    }
    let unreadable = total - members.len();
    Ok((members, unreadable))
}

/// The height in the first entry of a queue.
pub(crate) fn head(answer: &Value) -> Result<Option<u64>, NoHeight> {
    let Value::Array(entries) = answer else {
        return Err(NoHeight::NoEntry);
    };
    let Some(first) = entries.first() else {
        return Ok(None);
    };
    let Value::Array(entry) = first else {
        return Err(NoHeight::NoEntry);
    };
    let [Value::BulkString(id), fields] = &entry[..] else {
        return Err(NoHeight::NoEntry);
    };
    let without = || NoHeight::Entry(String::from_utf8_lossy(id).into_owned());
    let Value::Array(fields) = fields else {
        return Err(without());
    };
    let height = fields.chunks_exact(2).find_map(|field| match field {
        [Value::BulkString(name), Value::BulkString(value)] if name == HEIGHT => Some(value),
        _ => None,
    });
    height
        .and_then(|text| std::str::from_utf8(text).ok()?.parse().ok())
        .map(Some)
        .ok_or_else(without)
}

/// A text.
pub(crate) fn text(answer: &Value) -> Option<String> {
    match answer {
        Value::BulkString(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
        Value::SimpleString(text) | Value::VerbatimString { text, .. } => Some(text.clone()),
        _ => None,
    }
}

/// The value of the one setting that was asked for.
pub(crate) fn setting(answer: &Value) -> Option<String> {
    match answer {
        Value::Array(parts) => parts.get(1).and_then(text),
        Value::Map(pairs) => pairs.first().and_then(|(_, value)| text(value)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bulk(text: &str) -> Value {
        Value::BulkString(text.as_bytes().to_vec())
    }

    fn entry(fields: &[&str]) -> Value {
        let fields = fields.iter().map(|field| bulk(field)).collect();
        Value::Array(vec![Value::Array(vec![bulk("1-0"), Value::Array(fields)])])
    }

    #[test]
    fn a_head_is_a_height_by_its_name() {
        assert_eq!(head(&Value::Array(Vec::new())), Ok(None));
        assert_eq!(head(&entry(&["block_height", "7"])), Ok(Some(7)));
        assert_eq!(head(&entry(&["x", "1", "block_height", "7"])), Ok(Some(7)));
        for fields in [
            &[][..],
            &["block_height"],
            &["height", "7"],
            &["block_height", ""],
            &["block_height", "-7"],
            &["block_height", "7.0"],
            &["block_height", "18446744073709551616"],
        ] {
            let id = "1-0".to_owned();
            assert_eq!(head(&entry(fields)), Err(NoHeight::Entry(id)), "{fields:?}");
        }
        for odd in [Value::Nil, Value::Array(vec![Value::Nil]), bulk("7")] {
            assert_eq!(head(&odd), Err(NoHeight::NoEntry), "{odd:?}");
        }
    }

    #[test]
    fn the_script_s_answers_are_told_apart() {
        let array = |parts: &[Value]| outcome(Value::Array(parts.to_vec()));
        assert_eq!(array(&[Value::Int(1)]), Ok(CasOutcome::Applied));
        assert_eq!(array(&[Value::Int(0)]), Ok(CasOutcome::Conflict(None)));
        let empty = CasOutcome::Conflict(Some(Bytes::new()));
        assert_eq!(array(&[Value::Int(0), bulk("")]), Ok(empty));
        for odd in [
            &[][..],
            &[Value::Int(2)],
            &[Value::Int(1), bulk("")],
            &[Value::Int(0), Value::Int(0)],
            &[Value::Int(0), Value::Int(0), bulk("")],
        ] {
            assert!(array(odd).is_err(), "{odd:?}");
        }
        assert!(outcome(Value::Okay).is_err());
    }

    #[test]
    fn answers_of_another_length_or_kind_are_no_values() {
        let two = Value::Array(vec![Value::Nil, bulk("a")]);
        let read = vec![None, Some(Bytes::from_static(b"a"))];
        assert_eq!(values(two.clone(), 2), Ok(read));
        assert!(values(two.clone(), 3).is_err());
        assert!(values(two, 1).is_err());
        assert!(values(Value::Array(vec![Value::Int(1)]), 1).is_err());
        assert!(values(Value::Okay, 1).is_err());
    }

    #[test]
    fn members_that_are_no_text_are_counted() {
        let set = Value::Set(vec![bulk("a"), Value::BulkString(vec![0xff])]);
        assert_eq!(members(set), Ok((vec!["a".to_owned()], 1)));
        assert!(members(Value::Array(vec![Value::Nil])).is_err());
        assert!(members(Value::Nil).is_err());
    }
}
