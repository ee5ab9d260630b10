//! Compare-and-set as a script: Redis before 8.4 has no command for it, and a
//! transaction would need a connection of its own. Likewise deleting under a
//! condition.

use redis::{Cmd, Script, cmd};

/// Errors of the inner commands are passed on as they are (`pcall`): older
/// servers would wrap them, and hide their code.
const SOURCE: &str = "\
local current = redis.pcall('GET', KEYS[1])
if type(current) == 'table' then return current end
local expected = false
if ARGV[1] == '1' then expected = ARGV[2] end
if current ~= expected then
  if current then return {0, current} end
  return {0}
end
local done = false
if ARGV[3] == '1' then
  done = redis.pcall('SET', KEYS[1], ARGV[4])
elseif current then
  done = redis.pcall('DEL', KEYS[1])
end
if type(done) == 'table' and done.err then return done end
return {1}
";

/// The script and its name on the server.
#[derive(Clone, Debug)]
pub(crate) struct CompareAndSet {
    hash: String,
}

impl CompareAndSet {
    pub(crate) fn new() -> CompareAndSet {
        let hash = Script::new(SOURCE).get_hash().to_owned();
        CompareAndSet { hash }
    }

    /// The command for a server that knows the script.
    pub(crate) fn by_hash(&self, key: &str, expected: Option<&[u8]>, new: Option<&[u8]>) -> Cmd {
        with_arguments("EVALSHA", &self.hash, key, expected, new)
    }

    /// The command that also makes the script known.
    pub(crate) fn in_full(&self, key: &str, expected: Option<&[u8]>, new: Option<&[u8]>) -> Cmd {
        with_arguments("EVAL", SOURCE, key, expected, new)
    }
}

/// The first key is the guard.
const DELETE_SOURCE: &str = "\
local current = redis.pcall('GET', KEYS[1])
if type(current) == 'table' then return current end
if current ~= ARGV[1] then
  if current then return {0, current} end
  return {0}
end
local done = 0
if #KEYS > 1 then done = redis.pcall('DEL', unpack(KEYS, 2)) end
if type(done) == 'table' and done.err then return done end
return {1}
";

/// The script that deletes under a condition, and its name on the server.
#[derive(Clone, Debug)]
pub(crate) struct DeleteIf {
    hash: String,
}

impl DeleteIf {
    pub(crate) fn new() -> DeleteIf {
        let hash = Script::new(DELETE_SOURCE).get_hash().to_owned();
        DeleteIf { hash }
    }

    /// The command for a server that knows the script.
    pub(crate) fn by_hash(&self, guard: &str, expected: &[u8], keys: &[String]) -> Cmd {
        deletion("EVALSHA", &self.hash, guard, expected, keys)
    }

    /// The command that also makes the script known.
    pub(crate) fn in_full(&self, guard: &str, expected: &[u8], keys: &[String]) -> Cmd {
        deletion("EVAL", DELETE_SOURCE, guard, expected, keys)
    }
}

fn deletion(verb: &str, script: &str, guard: &str, expected: &[u8], keys: &[String]) -> Cmd {
    let mut command = cmd(verb);
    command.arg(script).arg(keys.len().saturating_add(1));
    command.arg(guard).arg(keys).arg(expected);
    command
}

fn with_arguments(
    verb: &str,
    script: &str,
    key: &str,
    expected: Option<&[u8]>,
    new: Option<&[u8]>,
) -> Cmd {
    let mut command = cmd(verb);
    command.arg(script).arg(1).arg(key);
    for value in [expected, new] {
        command.arg(u8::from(value.is_some()));
        command.arg(value.unwrap_or_default());
    }
    command
}
