//! What any store of the coordinator must do, as a list of named cases.
//!
//! The same cases run over [`RedisModel`] and over a real server behind an
//! adapter, so that the model cannot drift from what it stands for.

use bytes::Bytes;
use sim_node::{Redis, RedisError, Time};

use crate::{Cas, RedisModel};

/// The commands under test. Each call is one command, with its answer.
///
/// The errors of every method: the server cannot be reached or refuses.
pub trait ControlCommands {
    /// GET.
    fn get(&mut self, key: &str) -> Result<Option<Bytes>, RedisError>;
    /// MGET.
    fn get_many(&mut self, keys: &[&str]) -> Result<Vec<Option<Bytes>>, RedisError>;
    /// SET.
    fn set(&mut self, key: &str, value: &[u8]) -> Result<(), RedisError>;
    /// Compare and set, see [`RedisModel::compare_and_set`].
    fn compare_and_set(
        &mut self,
        key: &str,
        expected: Option<&[u8]>,
        new: Option<&[u8]>,
    ) -> Result<Cas, RedisError>;
    /// DEL.
    fn delete(&mut self, keys: &[&str]) -> Result<u64, RedisError>;
    /// SADD.
    fn set_add(&mut self, key: &str, member: &str) -> Result<bool, RedisError>;
    /// SREM.
    fn set_remove(&mut self, key: &str, member: &str) -> Result<bool, RedisError>;
    /// SMEMBERS, in any order.
    fn set_members(&mut self, key: &str) -> Result<Vec<String>, RedisError>;
    /// The height in the oldest entry of a stream.
    fn queue_first(&mut self, key: &str) -> Result<Option<u64>, RedisError>;
    /// XADD of a height, as the streamer does it.
    fn queue_push(&mut self, key: &str, height: u64) -> Result<(), RedisError>;
}

/// The model at a fixed time, as something to test.
#[derive(Debug)]
pub struct ModelCommands<'a> {
    /// The model.
    pub model: &'a mut RedisModel,
    /// The time of every command.
    pub now: Time,
}

impl ControlCommands for ModelCommands<'_> {
    fn get(&mut self, key: &str) -> Result<Option<Bytes>, RedisError> {
        self.model.get(self.now, key)
    }

    fn get_many(&mut self, keys: &[&str]) -> Result<Vec<Option<Bytes>>, RedisError> {
        self.model.get_many(self.now, keys)
    }

    fn set(&mut self, key: &str, value: &[u8]) -> Result<(), RedisError> {
        self.model.set(self.now, key, Bytes::copy_from_slice(value))
    }

    fn compare_and_set(
        &mut self,
        key: &str,
        expected: Option<&[u8]>,
        new: Option<&[u8]>,
    ) -> Result<Cas, RedisError> {
        self.model.compare_and_set(self.now, key, expected, new)
    }

    fn delete(&mut self, keys: &[&str]) -> Result<u64, RedisError> {
        self.model.delete(self.now, keys)
    }

    fn set_add(&mut self, key: &str, member: &str) -> Result<bool, RedisError> {
        self.model.set_add(self.now, key, member)
    }

    fn set_remove(&mut self, key: &str, member: &str) -> Result<bool, RedisError> {
        self.model.set_remove(self.now, key, member)
    }

    fn set_members(&mut self, key: &str) -> Result<Vec<String>, RedisError> {
        let members = self.model.set_members(self.now, key)?;
        Ok(members.iter().map(|member| member.to_string()).collect())
    }

    fn queue_first(&mut self, key: &str) -> Result<Option<u64>, RedisError> {
        self.model.queue_first(self.now, key)
    }

    fn queue_push(&mut self, key: &str, height: u64) -> Result<(), RedisError> {
        self.model.queue_push(self.now, key, height).map(drop)
    }
}

/// A case that did not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The name of the case.
    pub case: &'static str,
    /// What was expected and what came.
    pub what: String,
}

/// One case: works under keys that begin with the given prefix, on a server
/// that holds none of them.
pub struct Case {
    /// What must hold, as an identifier.
    pub name: &'static str,
    /// Performs the case; the error says what was wrong.
    pub run: fn(&mut dyn ControlCommands, &str) -> Result<(), String>,
}

/// All cases.
pub const CASES: &[Case] = &[
    Case {
        name: "absent_keys_are_absent",
        run: absent_keys_are_absent,
    },
    Case {
        name: "set_then_get_is_byte_exact",
        run: set_then_get_is_byte_exact,
    },
    Case {
        name: "get_many_keeps_order_and_gaps",
        run: get_many_keeps_order_and_gaps,
    },
    Case {
        name: "compare_and_set_creates_only_if_absent",
        run: cas_creates,
    },
    Case {
        name: "compare_and_set_replaces_only_the_expected",
        run: cas_replaces,
    },
    Case {
        name: "compare_and_set_deletes_only_the_expected",
        run: cas_deletes,
    },
    Case {
        name: "compare_and_set_tells_empty_from_absent",
        run: cas_empty_is_not_absent,
    },
    Case {
        name: "delete_counts_what_existed",
        run: delete_counts_what_existed,
    },
    Case {
        name: "sets_hold_each_member_once",
        run: sets_hold_each_member_once,
    },
    Case {
        name: "an_emptied_set_is_gone",
        run: an_emptied_set_is_gone,
    },
    Case {
        name: "queue_first_is_the_oldest",
        run: queue_first_is_the_oldest,
    },
    Case {
        name: "wrong_types_are_refused_without_effect",
        run: wrong_types_are_refused,
    },
    Case {
        name: "set_replaces_any_type",
        run: set_replaces_any_type,
    },
    Case {
        name: "keys_do_not_touch_each_other",
        run: keys_do_not_touch_each_other,
    },
];

/// Runs all cases; an empty answer means that all hold.
pub fn run_all(commands: &mut dyn ControlCommands, prefix: &str) -> Vec<Failure> {
    let mut failures = Vec::new();
    for case in CASES {
        let keys = format!("{prefix}{}/", case.name);
        if let Err(what) = (case.run)(commands, &keys) {
            failures.push(Failure {
                case: case.name,
                what,
            });
        }
    }
    failures
}

type Outcome = Result<(), String>;

fn same<T: PartialEq + std::fmt::Debug>(
    got: Result<T, RedisError>,
    expected: T,
    what: &str,
) -> Outcome {
    match got {
        Ok(got) if got == expected => Ok(()),
        other => Err(format!("{what}: expected {expected:?}, got {other:?}")),
    }
}

fn refused<T: std::fmt::Debug>(got: Result<T, RedisError>, what: &str) -> Outcome {
    match got {
        Err(RedisError::Refused(_)) => Ok(()),
        other => Err(format!("{what}: expected a refusal, got {other:?}")),
    }
}

fn text(bytes: &'static [u8]) -> Option<Bytes> {
    Some(Bytes::from_static(bytes))
}

fn absent_keys_are_absent(store: &mut dyn ControlCommands, prefix: &str) -> Outcome {
    let key = format!("{prefix}none");
    same(store.get(&key), None, "GET")?;
    same(store.queue_first(&key), None, "first of a queue")?;
    same(store.set_members(&key), Vec::new(), "SMEMBERS")?;
    same(store.set_remove(&key, "m"), false, "SREM")?;
    same(store.delete(&[&key]), 0, "DEL")
}

fn set_then_get_is_byte_exact(store: &mut dyn ControlCommands, prefix: &str) -> Outcome {
    let key = format!("{prefix}odd name: a/b:c d");
    let value: &'static [u8] = b"\x00\xff{\"a\": 1}\r\n";
    same(store.set(&key, value), (), "SET")?;
    same(store.get(&key), text(value), "GET")?;
    same(store.set(&key, b""), (), "SET of nothing")?;
    same(store.get(&key), text(b""), "GET of nothing")
}

fn get_many_keeps_order_and_gaps(store: &mut dyn ControlCommands, prefix: &str) -> Outcome {
    let [first, gap, last] = ["a", "b", "c"].map(|name| format!("{prefix}{name}"));
    let queue = format!("{prefix}queue");
    same(store.set(&last, b"3"), (), "SET")?;
    same(store.set(&first, b"1"), (), "SET")?;
    same(store.queue_push(&queue, 1), (), "XADD")?;
    let answer = store.get_many(&[&first, &gap, &last, &first, &queue]);
    same(
        answer,
        vec![text(b"1"), None, text(b"3"), text(b"1"), None],
        "MGET",
    )
}

fn cas_creates(store: &mut dyn ControlCommands, prefix: &str) -> Outcome {
    let key = format!("{prefix}k");
    let answer = store.compare_and_set(&key, None, Some(b"1"));
    same(answer, Cas::Applied, "creating")?;
    let answer = store.compare_and_set(&key, None, Some(b"2"));
    same(answer, Cas::Conflict(text(b"1")), "creating what exists")?;
    same(store.get(&key), text(b"1"), "after the conflict")
}

fn cas_replaces(store: &mut dyn ControlCommands, prefix: &str) -> Outcome {
    let key = format!("{prefix}k");
    let answer = store.compare_and_set(&key, Some(b"1"), Some(b"2"));
    same(answer, Cas::Conflict(None), "replacing what is absent")?;
    same(store.get(&key), None, "after the conflict")?;
    same(store.set(&key, b"1"), (), "SET")?;
    let answer = store.compare_and_set(&key, Some(b"1"), Some(b"2"));
    same(answer, Cas::Applied, "replacing")?;
    let answer = store.compare_and_set(&key, Some(b"1"), Some(b"3"));
    same(
        answer,
        Cas::Conflict(text(b"2")),
        "replacing an older value",
    )?;
    same(store.get(&key), text(b"2"), "at the end")
}

fn cas_deletes(store: &mut dyn ControlCommands, prefix: &str) -> Outcome {
    let key = format!("{prefix}k");
    same(store.set(&key, b"1"), (), "SET")?;
    let answer = store.compare_and_set(&key, Some(b"2"), None);
    same(answer, Cas::Conflict(text(b"1")), "deleting another value")?;
    same(
        store.compare_and_set(&key, Some(b"1"), None),
        Cas::Applied,
        "deleting",
    )?;
    same(store.get(&key), None, "after deleting")?;
    same(
        store.compare_and_set(&key, None, None),
        Cas::Applied,
        "deleting what is absent",
    )
}

fn cas_empty_is_not_absent(store: &mut dyn ControlCommands, prefix: &str) -> Outcome {
    let key = format!("{prefix}k");
    let answer = store.compare_and_set(&key, Some(b""), Some(b"1"));
    same(
        answer,
        Cas::Conflict(None),
        "an absent key is not an empty one",
    )?;
    same(store.set(&key, b""), (), "SET")?;
    let answer = store.compare_and_set(&key, None, Some(b"1"));
    same(
        answer,
        Cas::Conflict(text(b"")),
        "an empty value is not an absent one",
    )?;
    same(
        store.compare_and_set(&key, Some(b""), Some(b"1")),
        Cas::Applied,
        "from empty",
    )
}

fn delete_counts_what_existed(store: &mut dyn ControlCommands, prefix: &str) -> Outcome {
    let [a, b, c] = ["a", "b", "c"].map(|name| format!("{prefix}{name}"));
    same(store.set(&a, b"1"), (), "SET")?;
    same(store.set_add(&b, "m"), true, "SADD")?;
    same(store.delete(&[&a, &b, &c, &a]), 2, "DEL")?;
    same(store.delete(&[&a, &b, &c]), 0, "DEL again")
}

fn sets_hold_each_member_once(store: &mut dyn ControlCommands, prefix: &str) -> Outcome {
    let key = format!("{prefix}set");
    same(store.set_add(&key, "one"), true, "SADD")?;
    same(store.set_add(&key, "two"), true, "SADD")?;
    same(store.set_add(&key, "one"), false, "SADD again")?;
    let members = store.set_members(&key).map(|mut members| {
        members.sort_unstable();
        members
    });
    same(
        members,
        vec!["one".to_owned(), "two".to_owned()],
        "SMEMBERS",
    )?;
    same(store.set_remove(&key, "three"), false, "SREM of a stranger")?;
    same(store.set_remove(&key, "one"), true, "SREM")?;
    same(store.set_members(&key), vec!["two".to_owned()], "SMEMBERS")
}

fn an_emptied_set_is_gone(store: &mut dyn ControlCommands, prefix: &str) -> Outcome {
    let key = format!("{prefix}set");
    same(store.set_add(&key, "one"), true, "SADD")?;
    same(store.set_remove(&key, "one"), true, "SREM")?;
    same(store.set_members(&key), Vec::new(), "SMEMBERS")?;
    same(store.delete(&[&key]), 0, "DEL")?;
    same(store.get(&key), None, "GET: no type is left")
}

fn queue_first_is_the_oldest(store: &mut dyn ControlCommands, prefix: &str) -> Outcome {
    let key = format!("{prefix}queue");
    for height in [30, 10, 20] {
        same(store.queue_push(&key, height), (), "XADD")?;
    }
    same(
        store.queue_first(&key),
        Some(30),
        "first by id, not by height",
    )?;
    same(store.delete(&[&key]), 1, "DEL")?;
    same(store.queue_first(&key), None, "after DEL")?;
    same(store.queue_push(&key, u64::MAX), (), "XADD")?;
    same(
        store.queue_first(&key),
        Some(u64::MAX),
        "the largest height",
    )
}

fn wrong_types_are_refused(store: &mut dyn ControlCommands, prefix: &str) -> Outcome {
    let [string, set, queue] = ["string", "set", "queue"].map(|name| format!("{prefix}{name}"));
    same(store.set(&string, b"1"), (), "SET")?;
    same(store.set_add(&set, "m"), true, "SADD")?;
    same(store.queue_push(&queue, 7), (), "XADD")?;
    refused(store.get(&set), "GET of a set")?;
    refused(store.get(&queue), "GET of a stream")?;
    refused(
        store.compare_and_set(&queue, None, Some(b"1")),
        "compare-and-set of a stream",
    )?;
    refused(store.set_add(&string, "m"), "SADD to a string")?;
    refused(store.set_remove(&queue, "m"), "SREM from a stream")?;
    refused(store.set_members(&string), "SMEMBERS of a string")?;
    refused(store.queue_first(&set), "first entry of a set")?;
    refused(store.queue_push(&string, 1), "XADD to a string")?;
    same(store.get(&string), text(b"1"), "the string afterwards")?;
    same(store.queue_first(&queue), Some(7), "the stream afterwards")
}

fn set_replaces_any_type(store: &mut dyn ControlCommands, prefix: &str) -> Outcome {
    let key = format!("{prefix}k");
    same(store.queue_push(&key, 1), (), "XADD")?;
    same(store.set(&key, b"1"), (), "SET over a stream")?;
    same(store.get(&key), text(b"1"), "GET")
}

fn keys_do_not_touch_each_other(store: &mut dyn ControlCommands, prefix: &str) -> Outcome {
    let [short, long] = ["a", "ab"].map(|name| format!("{prefix}{name}"));
    same(store.set(&short, b"1"), (), "SET")?;
    same(store.set(&long, b"2"), (), "SET")?;
    same(store.delete(&[&short]), 1, "DEL")?;
    same(
        store.get(&long),
        text(b"2"),
        "a key with the same beginning",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Config;

    #[test]
    fn the_model_conforms() {
        let mut model = RedisModel::new(Config::default());
        let mut commands = ModelCommands {
            model: &mut model,
            now: Time::SIMULATION_START,
        };
        assert_eq!(run_all(&mut commands, "test/"), []);
    }

    #[test]
    fn the_suite_notices_a_server_that_is_down() {
        let mut model = RedisModel::new(Config::default());
        model.set_up(false);
        let mut commands = ModelCommands {
            model: &mut model,
            now: Time::SIMULATION_START,
        };
        assert_eq!(run_all(&mut commands, "test/").len(), CASES.len());
    }
}
