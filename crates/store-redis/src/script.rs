//! Compare-and-set as a script: Redis before 8.4 has no command for it, and a
//! transaction would need a connection of its own. Likewise deleting under a
//! condition.
//!
//! The list is written first, since the server takes nothing back: what it refuses
//! (another kind of value, no memory) is refused before anything has happened.

use redis::{Cmd, Script, cmd};

/// Errors of the inner commands are passed on as they are (`pcall`): older
/// servers would wrap them, and hide their code.
const COMPARE_AND_SET: &str = "\
local current = redis.pcall('GET', KEYS[1])
if type(current) == 'table' then return current end
local expected = false
if ARGV[1] == '1' then expected = ARGV[2] end
if current ~= expected then
  if current then return {0, current} end
  return {0}
end
local listed = 0
if KEYS[2] then
  local change = 'SREM'
  if ARGV[3] == '1' then change = 'SADD' end
  listed = redis.pcall(change, KEYS[2], KEYS[1])
  if type(listed) == 'table' then return {2, listed.err} end
end
local done = false
if ARGV[3] == '1' then
  done = redis.pcall('SET', KEYS[1], ARGV[4])
elseif current then
  done = redis.pcall('DEL', KEYS[1])
end
if type(done) == 'table' and done.err then
  if listed == 1 then
    local back = 'SADD'
    if ARGV[3] == '1' then back = 'SREM' end
    redis.pcall(back, KEYS[2], KEYS[1])
  end
  return done
end
return {1}
";

/// The first key is the guard.
const DELETE_IF: &str = "\
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

/// Changes nothing, and is refused what changing a record would be refused: the first
/// key is none that exists, and the list, if there is one, does not name it. `SADD` and
/// `DEL` are not tried but asked for, where the server can be asked (since 7.0), as they
/// might leave a trace; so is `SMEMBERS`, as the list may be long.
const PROBE: &str = "\
if redis.acl_check_cmd then
  local keyed = {GET = true, DEL = true, SMEMBERS = true}
  for place, verbs in ipairs({{'GET', 'SET', 'DEL'}, {'SREM', 'SADD', 'SMEMBERS'}}) do
    for _, verb in ipairs(verbs) do
      local words = {verb, KEYS[place], KEYS[1]}
      if keyed[verb] then words[3] = nil end
      if KEYS[place] and not redis.acl_check_cmd(unpack(words)) then
        return {place, 'NOPERM this user may not do ' .. verb .. ' in a script'}
      end
    end
  end
end
local current = redis.pcall('GET', KEYS[1])
if type(current) == 'table' then return current end
local done = redis.pcall('SET', KEYS[1], '', 'XX')
if type(done) == 'table' and done.err then return done end
if KEYS[2] then
  local listed = redis.pcall('SREM', KEYS[2], KEYS[1])
  if type(listed) == 'table' then return {2, listed.err} end
end
return {1}
";

/// A script and its name on the server.
#[derive(Clone, Debug)]
pub(crate) struct NamedScript {
    source: &'static str,
    hash: String,
}

impl NamedScript {
    /// Sets or removes one key if it is as expected, and lists it; takes [`compare_and_set`].
    pub(crate) fn compare_and_set() -> NamedScript {
        NamedScript::new(COMPARE_AND_SET)
    }

    /// Deletes keys if another one is as expected; takes [`delete_if`].
    pub(crate) fn delete_if() -> NamedScript {
        NamedScript::new(DELETE_IF)
    }

    /// Tries a write without making one; takes the keys of [`probe`].
    pub(crate) fn probe() -> NamedScript {
        NamedScript::new(PROBE)
    }

    fn new(source: &'static str) -> NamedScript {
        let hash = Script::new(source).get_hash().to_owned();
        NamedScript { source, hash }
    }

    /// The command for a server that knows the script.
    pub(crate) fn by_hash(&self, arguments: impl FnOnce(&mut Cmd)) -> Cmd {
        called("EVALSHA", &self.hash, arguments)
    }

    /// The command that also makes the script known.
    pub(crate) fn in_full(&self, arguments: impl FnOnce(&mut Cmd)) -> Cmd {
        called("EVAL", self.source, arguments)
    }
}

fn called(verb: &str, script: &str, arguments: impl FnOnce(&mut Cmd)) -> Cmd {
    let mut command = cmd(verb);
    command.arg(script);
    arguments(&mut command);
    command
}

/// What the script for one key takes; `None` stands for no value, and no list.
pub(crate) fn compare_and_set(
    key: &str,
    expected: Option<&[u8]>,
    new: Option<&[u8]>,
    list: Option<&str>,
) -> impl Fn(&mut Cmd) + Send + Sync {
    move |command| {
        command
            .arg(1 + usize::from(list.is_some()))
            .arg(key)
            .arg(list);
        for value in [expected, new] {
            command.arg(u8::from(value.is_some()));
            command.arg(value.unwrap_or_default());
        }
    }
}

/// What the script that tries takes.
pub(crate) fn probe(key: &str, list: Option<&str>) -> impl Fn(&mut Cmd) + Send + Sync {
    move |command| {
        command
            .arg(1 + usize::from(list.is_some()))
            .arg(key)
            .arg(list);
    }
}

/// What the script that deletes takes.
pub(crate) fn delete_if(
    guard: &str,
    expected: &[u8],
    keys: &[String],
) -> impl Fn(&mut Cmd) + Send + Sync {
    move |command| {
        command.arg(keys.len().saturating_add(1));
        command.arg(guard).arg(keys).arg(expected);
    }
}
