//! What each command does to the model.

use bytes::Bytes;
use sim_node::{EntryId, QueueEntry, Redis, RedisError, Time};

use super::reply::Reply;
use super::request::{Words, entry_id, syntax, wrong_number};
use crate::{Cas, RedisModel};

/// The one field of an entry of a queue.
const FIELD: &str = "block_height";

/// Carries out one command.
pub(super) fn answer(model: &mut RedisModel, now: Time, name: &str, mut words: Words) -> Reply {
    let outcome = match name {
        "PING" | "ECHO" | "HELLO" | "CLIENT" | "SELECT" | "AUTH" | "INFO" | "COMMAND" | "QUIT" => {
            session(name, &mut words)
        }
        "XADD" | "XLEN" | "XDEL" | "XREAD" | "XRANGE" => queue(model, now, name, &mut words),
        "SADD" | "SREM" | "SMEMBERS" => set(model, now, name, &mut words),
        "EVAL" => script(model, now, &mut words),
        "EVALSHA" => Err(Reply::Error(
            "NOSCRIPT No matching script. Please use EVAL.".to_owned(),
        )),
        _ => value(model, now, name, &mut words),
    };
    outcome.unwrap_or_else(|refusal| refusal)
}

fn refused(error: RedisError) -> Reply {
    match error {
        RedisError::Refused(text) if begins_with_a_code(&text) => Reply::Error(text),
        RedisError::Refused(text) => Reply::Error(format!("ERR {text}")),
        RedisError::Unavailable(text) => Reply::Error(format!("LOADING {text}")),
    }
}

fn begins_with_a_code(text: &str) -> bool {
    let word = text.split(' ').next().unwrap_or_default();
    word.len() > 1 && word.bytes().all(|byte| byte.is_ascii_uppercase())
}

fn session(name: &str, words: &mut Words) -> Result<Reply, Reply> {
    match name {
        "PING" if words.left() == 0 => Ok(Reply::Simple("PONG")),
        "PING" | "ECHO" => words.bytes().map(Reply::Bulk),
        "HELLO" => match words.left() {
            0 => Ok(hello()),
            _ if words.number()? == 2 => Ok(hello()),
            _ => Err(Reply::Error(
                "NOPROTO unsupported protocol version".to_owned(),
            )),
        },
        "CLIENT" => match words.keyword()?.as_str() {
            "ID" => Ok(Reply::Number(1)),
            "GETNAME" => Ok(Reply::Nil),
            "SETINFO" | "SETNAME" => Ok(Reply::Simple("OK")),
            _ => Err(Reply::Error("ERR unknown subcommand".to_owned())),
        },
        "SELECT" => match words.number()? {
            0 => Ok(Reply::Simple("OK")),
            _ => Err(Reply::Error("ERR DB index is out of range".to_owned())),
        },
        "AUTH" => Err(Reply::Error(
            "ERR AUTH called without any password configured".to_owned(),
        )),
        "INFO" => Ok(Reply::text(
            "# Server\r\nredis_version:7.0.0\r\nredis_mode:standalone\r\n\
             # Replication\r\nrole:master\r\nconnected_slaves:0\r\n",
        )),
        "COMMAND" => Ok(Reply::List(Vec::new())),
        _ => Ok(Reply::Simple("OK")),
    }
}

fn hello() -> Reply {
    let pairs = [
        ("server", Reply::text("redis")),
        ("version", Reply::text("7.0.0")),
        ("proto", Reply::Number(2)),
        ("id", Reply::Number(1)),
        ("mode", Reply::text("standalone")),
        ("role", Reply::text("master")),
        ("modules", Reply::List(Vec::new())),
    ];
    let flat = pairs
        .into_iter()
        .flat_map(|(name, value)| [Reply::text(name), value]);
    Reply::List(flat.collect())
}

fn value(model: &mut RedisModel, now: Time, name: &str, words: &mut Words) -> Result<Reply, Reply> {
    match name {
        "GET" => {
            let key = words.text()?;
            words.end()?;
            model.get(now, &key).map(Reply::or_nil).map_err(refused)
        }
        "MGET" => {
            let keys = words.rest()?;
            let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
            let values = model.get_many(now, &keys).map_err(refused)?;
            Ok(Reply::List(values.into_iter().map(Reply::or_nil).collect()))
        }
        "SET" => {
            let (key, value) = (words.text()?, words.bytes()?);
            let condition = condition(words)?;
            // A write is refused before the condition is looked at, as the real
            // server does it.
            model.check_grow().map_err(refused)?;
            if condition.is_some_and(|exists| exists != model.holds(&key)) {
                return Ok(Reply::Nil);
            }
            put(model, now, &key, value)?;
            Ok(Reply::Simple("OK"))
        }
        "DEL" | "UNLINK" => {
            let keys = words.rest()?;
            let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
            model.delete(now, &keys).map(Reply::Number).map_err(refused)
        }
        "EXISTS" => {
            let keys = words.rest()?;
            // Answers nothing while it is down, like any command.
            model.get_many(now, &[]).map_err(refused)?;
            let found = keys.iter().filter(|key| model.holds(key)).count();
            Ok(Reply::Number(found as u64))
        }
        _ => Err(Reply::Error(format!("ERR unknown command '{name:.64}'"))),
    }
}

/// The one option of SET that is known: whether the key has to exist (`XX`) or must
/// not (`NX`). No client of this server uses the others.
fn condition(words: &mut Words) -> Result<Option<bool>, Reply> {
    if words.left() == 0 {
        return Ok(None);
    }
    let exists = match words.keyword()?.as_str() {
        "XX" => true,
        "NX" => false,
        _ => return Err(syntax()),
    };
    match words.left() {
        0 => Ok(Some(exists)),
        _ => Err(syntax()),
    }
}

/// SET. Cursors are kept as numbers, which is what makes them cheap.
fn put(model: &mut RedisModel, now: Time, key: &str, value: Bytes) -> Result<(), Reply> {
    let number = std::str::from_utf8(&value)
        .ok()
        .and_then(|text| text.parse::<u64>().ok().filter(|n| n.to_string() == text));
    match number {
        Some(number) => model.set_number(now, key, number),
        None => model.set(now, key, value),
    }
    .map_err(refused)
}

fn set(model: &mut RedisModel, now: Time, name: &str, words: &mut Words) -> Result<Reply, Reply> {
    let key = words.text()?;
    if name == "SMEMBERS" {
        words.end()?;
        let members = model.set_members(now, &key).map_err(refused)?;
        let members = members.iter().map(|member| Reply::text(&**member));
        return Ok(Reply::List(members.collect()));
    }
    let mut changed = 0;
    for member in words.rest()? {
        let outcome = match name {
            "SADD" => model.set_add(now, &key, &member),
            _ => model.set_remove(now, &key, &member),
        };
        changed += u64::from(outcome.map_err(refused)?);
    }
    Ok(Reply::Number(changed))
}

fn queue(model: &mut RedisModel, now: Time, name: &str, words: &mut Words) -> Result<Reply, Reply> {
    match name {
        "XADD" => {
            let (key, id, field) = (words.text()?, words.text()?, words.text()?);
            let height = words.number()?;
            words.end()?;
            if id != "*" || field != FIELD {
                let text = format!("ERR only entries `* {FIELD} HEIGHT` can be added here");
                return Err(Reply::Error(text));
            }
            let id = model.queue_push(now, &key, height).map_err(refused)?;
            Ok(Reply::text(id.to_string()))
        }
        "XLEN" => {
            let key = words.text()?;
            words.end()?;
            model
                .queue_len(now, &key)
                .map(Reply::Number)
                .map_err(refused)
        }
        "XDEL" => {
            let key = words.text()?;
            let mut removed = 0;
            for id in words.rest()? {
                let id = entry_id(&id, 0)?;
                removed += u64::from(model.queue_remove(now, &key, id).map_err(refused)?);
            }
            Ok(Reply::Number(removed))
        }
        "XRANGE" => range(model, now, words),
        _ => read(model, now, words),
    }
}

fn range(model: &mut RedisModel, now: Time, words: &mut Words) -> Result<Reply, Reply> {
    let (key, start, end) = (words.text()?, words.text()?, words.text()?);
    let count = match words.left() {
        0 => usize::MAX,
        2 if words.keyword()? == "COUNT" => limit(words)?,
        _ => return Err(syntax()),
    };
    let after = match start.as_str() {
        "-" => None,
        start => before(entry_id(start, 0)?),
    };
    let last = match end.as_str() {
        "+" => EntryId {
            millis: u64::MAX,
            sequence: u64::MAX,
        },
        end => entry_id(end, u64::MAX)?,
    };
    let entries = model.queue_read(now, &key, after, count).map_err(refused)?;
    let within = entries.into_iter().take_while(|entry| entry.id <= last);
    Ok(Reply::List(within.map(entry).collect()))
}

fn read(model: &mut RedisModel, now: Time, words: &mut Words) -> Result<Reply, Reply> {
    let mut count = usize::MAX;
    loop {
        match words.keyword()?.as_str() {
            "COUNT" => count = limit(words)?,
            "STREAMS" => break,
            _ => return Err(syntax()),
        }
    }
    let mut keys = words.rest()?;
    if keys.len() % 2 != 0 {
        return Err(wrong_number());
    }
    let ids = keys.split_off(keys.len() / 2);
    let mut found = Vec::new();
    for (key, id) in keys.into_iter().zip(ids) {
        let after = entry_id(&id, 0)?;
        let entries = model
            .queue_read(now, &key, Some(after), count)
            .map_err(refused)?;
        if !entries.is_empty() {
            let entries = Reply::List(entries.into_iter().map(entry).collect());
            found.push(Reply::List(vec![Reply::text(key), entries]));
        }
    }
    Ok(if found.is_empty() {
        Reply::NilList
    } else {
        Reply::List(found)
    })
}

/// A COUNT; 0 stands for no limit.
fn limit(words: &mut Words) -> Result<usize, Reply> {
    let count = usize::try_from(words.number()?).unwrap_or(usize::MAX);
    Ok(if count == 0 { usize::MAX } else { count })
}

/// The id right before `id`; `None` before the first.
fn before(id: EntryId) -> Option<EntryId> {
    match (id.millis, id.sequence) {
        (0, 0) => None,
        (millis, 0) => Some(EntryId {
            millis: millis - 1,
            sequence: u64::MAX,
        }),
        (millis, sequence) => Some(EntryId {
            millis,
            sequence: sequence - 1,
        }),
    }
}

fn entry(entry: QueueEntry) -> Reply {
    let fields = vec![Reply::text(FIELD), Reply::text(entry.height.to_string())];
    Reply::List(vec![Reply::text(entry.id.to_string()), Reply::List(fields)])
}

/// EVAL, for three kinds of scripts alone, which are told apart by what they call:
/// compare-and-set of one key, deleting keys under a condition, and trying a write
/// without making one. They answer `[1]`, or `[0]` and the value that was found instead.
fn script(model: &mut RedisModel, now: Time, words: &mut Words) -> Result<Reply, Reply> {
    let script = words.text()?;
    let keys = words.number()?;
    let calls = |names: &[&str]| names.iter().all(|name| script.contains(name));
    let outcome = if (1..=2).contains(&keys)
        && words.left() as u64 == keys.saturating_add(4)
        && calls(&["'GET'", "'SET'", "'DEL'"])
    {
        compare_and_set(model, now, keys, words)?
    } else if keys >= 1
        && words.left() as u64 == keys.saturating_add(1)
        && calls(&["'GET'", "'DEL'"])
        && !calls(&["'SET'"])
    {
        delete_if(model, now, words)?
    } else if (1..=2).contains(&keys)
        && words.left() as u64 == keys
        && calls(&["acl_check_cmd", "'SET'", "'XX'"])
    {
        probe(model, now, words)?
    } else {
        let text = "ERR this server knows no scripts but compare-and-set of one key, deleting \
                    under a condition, and trying a write";
        return Err(Reply::Error(text.to_owned()));
    };
    Ok(match outcome {
        Cas::Applied => Reply::List(vec![Reply::Number(1)]),
        Cas::Conflict(None) => Reply::List(vec![Reply::Number(0)]),
        Cas::Conflict(Some(found)) => Reply::List(vec![Reply::Number(0), Reply::Bulk(found)]),
    })
}

/// The keys are the text's and that of the set that lists it, if there is one; the
/// arguments "is a value expected", that value, "is there a new value", that value.
fn compare_and_set(
    model: &mut RedisModel,
    now: Time,
    keys: u64,
    words: &mut Words,
) -> Result<Cas, Reply> {
    let key = words.text()?;
    let list = (keys == 2).then(|| words.text()).transpose()?;
    let expected = optional(words)?;
    let new = optional(words)?;
    let (expected, new) = (expected.as_deref(), new.as_deref());
    let outcome = model.compare_and_set_listed(now, &key, expected, new, list.as_deref());
    outcome.map_err(refused)
}

/// The keys are one that does not exist and that of a list which does not name it.
fn probe(model: &mut RedisModel, now: Time, words: &mut Words) -> Result<Cas, Reply> {
    let key = words.text()?;
    model.get(now, &key).map_err(refused)?;
    model.check_grow().map_err(refused)?;
    if words.left() > 0 {
        let list = words.text()?;
        model.set_remove(now, &list, &key).map_err(refused)?;
    }
    Ok(Cas::Applied)
}

/// The first key is the guard, the last word what it is expected to be.
fn delete_if(model: &mut RedisModel, now: Time, words: &mut Words) -> Result<Cas, Reply> {
    let guard = words.text()?;
    let mut keys = Vec::new();
    while words.left() > 1 {
        keys.push(words.text()?);
    }
    let expected = words.bytes()?;
    let names: Vec<&str> = keys.iter().map(String::as_str).collect();
    model
        .delete_if(now, &guard, &expected, &names)
        .map_err(refused)
}

fn optional(words: &mut Words) -> Result<Option<Bytes>, Reply> {
    let there = words.number()? == 1;
    let value = words.bytes()?;
    Ok(there.then_some(value))
}
