//! The form for people: TOML with a table per indexer.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use coordinator::registry::decode::MESSAGE_LEN_MAX;
use near_account_id::AccountIdRef;
use serde_json::{Value, json};
use toml::de::{DeTable, DeValue};

use crate::entry::Entry;
use crate::files::{beside, read};
use crate::heights::Chain;
use crate::problem::{Lines, PROBLEMS_MAX, Problem, brief};
use crate::toml_table::{At, Reader, Table, height_of};

const INDEXER: [&str; 9] = [
    "account",
    "function",
    "start",
    "rule",
    "code",
    "code_file",
    "schema",
    "schema_file",
    "version",
];

/// What a document says.
#[derive(Debug)]
pub(crate) struct Document {
    pub(crate) chain: Option<Chain>,
    pub(crate) entries: Vec<Entry>,
    /// The files of code and schema that it mentions.
    pub(crate) mentioned: Vec<PathBuf>,
}

/// Reads the file `path`, whose text is `text`, and the files it mentions, or
/// tells everything that is wrong.
pub(crate) fn parse(path: &Path, text: &str) -> Result<Document, Vec<Problem>> {
    let (root, errors) = DeTable::parse_recoverable(text);
    let mut reader = Reader {
        path,
        lines: Lines::of(text.as_bytes()),
        problems: Vec::new(),
    };
    for error in &errors {
        let offset = error.span().map_or(0, |span| span.start);
        reader.problem(offset, brief(error.message()));
    }
    if !errors.is_empty() {
        return Err(reader.problems);
    }
    let root = Table::new(root.get_ref(), 0, "a registry file");
    root.only(&mut reader, &["chain", "indexer"]);
    let chain = root
        .table(&mut reader, "chain", "[chain]")
        .and_then(|table| chain(&mut reader, table));
    let mut document = Document {
        chain,
        entries: Vec::new(),
        mentioned: Vec::new(),
    };
    for table in indexers(&mut reader, root) {
        if reader.problems.len() >= PROBLEMS_MAX {
            break;
        }
        if let Some(entry) = indexer(&mut reader, table, &mut document.mentioned) {
            document.entries.push(entry);
        }
    }
    match reader.problems {
        none if none.is_empty() => Ok(document),
        problems => Err(problems),
    }
}

fn indexers<'t>(reader: &mut Reader<'_>, root: Table<'t>) -> Vec<Table<'t>> {
    let Some(value) = root.get("indexer") else {
        // An empty text is what a file looks like while it is written.
        let message = "it has no [[indexer]]; write `indexer = []` if none is wanted";
        reader.problem(0, message);
        return Vec::new();
    };
    let Some(all) = value.get_ref().as_array() else {
        let message = "`indexer` is a list of tables: write [[indexer]] before each";
        reader.problem(value.span().start, message);
        return Vec::new();
    };
    let mut tables = Vec::new();
    for one in all {
        match one.get_ref().as_table() {
            Some(fields) => tables.push(Table::new(fields, one.span().start, "an [[indexer]]")),
            None => reader.problem(one.span().start, "an indexer is a table"),
        }
    }
    tables
}

fn chain(reader: &mut Reader<'_>, table: Table<'_>) -> Option<Chain> {
    table.only(reader, &["height", "at", "block_time"]);
    if !table.has("height") {
        reader.problem(table.at, "[chain] lacks `height`");
    }
    let height = table.height(reader, "height")?.value;
    let at = match table.get("at") {
        None => None,
        Some(value) => {
            let text = value.get_ref().as_datetime().map(ToString::to_string);
            let millis = text
                .or_else(|| value.get_ref().as_str().map(str::to_owned))
                .and_then(|text| humantime::parse_rfc3339(&text).ok())
                .and_then(|time| time.duration_since(UNIX_EPOCH).ok())
                .and_then(|since| u64::try_from(since.as_millis()).ok());
            if millis.is_none() {
                let message = "`at` is a time in UTC, such as 2026-11-22T00:00:00Z";
                reader.problem(value.span().start, message);
            }
            Some(millis?)
        }
    };
    let block_time = match table.text(reader, "block_time") {
        None if table.has("block_time") => return None,
        None => 1000,
        Some(text) => {
            let millis = humantime::parse_duration(text.value)
                .ok()
                .and_then(|time| u64::try_from(time.as_millis()).ok())
                .filter(|millis| *millis > 0);
            if millis.is_none() {
                let message = "`block_time` is a duration of at least 1ms, such as \"600ms\"";
                reader.problem(text.at, message);
            }
            millis?
        }
    };
    Some(Chain {
        height,
        at,
        block_time,
    })
}

fn indexer(
    reader: &mut Reader<'_>,
    table: Table<'_>,
    mentioned: &mut Vec<PathBuf>,
) -> Option<Entry> {
    let before = reader.problems.len();
    table.only(reader, &INDEXER);
    let account = table.required(reader, "account");
    if let Some(account) = &account
        && let Err(error) = AccountIdRef::new(account.value)
    {
        let message = format!("`{}` is no account id: {error}", brief(account.value));
        reader.problem(account.at, message);
    }
    let function = table.required(reader, "function");
    let start = start(reader, table);
    let rule = rule(reader, table);
    let code = content(reader, table, ["code", "code_file"], mentioned);
    let schema = content(reader, table, ["schema", "schema_file"], mentioned);
    let version = table.height(reader, "version");
    if reader.problems.len() > before {
        return None;
    }
    let start = start?;
    let needs_height = start.is_string() && version.is_none();
    let body = BTreeMap::from([
        ("code".to_owned(), Value::from(code?)),
        ("schema".to_owned(), Value::from(schema?)),
        ("rule".to_owned(), rule?),
        ("start_block".to_owned(), start),
        ("forked_from".to_owned(), Value::Null),
    ]);
    let key = (account?.value.to_owned(), function?.value.to_owned());
    match Entry::new(key, reader.lines.place(table.at), body) {
        Ok(entry) => Some(Entry {
            height_place: version.as_ref().map(|it| reader.lines.place(it.at)),
            version: version.map(|version| version.value),
            needs_height,
            ..entry
        }),
        Err(why) => {
            reader.problem(table.at, why);
            None
        }
    }
}

fn start(reader: &mut Reader<'_>, table: Table<'_>) -> Option<Value> {
    let Some(value) = table.get("start") else {
        reader.problem(table.at, "an [[indexer]] lacks `start`");
        return None;
    };
    let start = match value.get_ref() {
        DeValue::String(name) if matches!(name.as_ref(), "LATEST" | "CONTINUE") => {
            Some(Value::from(name.as_ref()))
        }
        other => height_of(other).map(|height| json!({ "HEIGHT": height })),
    };
    if start.is_none() {
        let message = "`start` is \"LATEST\", \"CONTINUE\" or a height";
        reader.problem(value.span().start, message);
    }
    start
}

fn rule(reader: &mut Reader<'_>, table: Table<'_>) -> Option<Value> {
    if !table.has("rule") {
        reader.problem(table.at, "an [[indexer]] lacks `rule`");
    }
    let rule = table.table(reader, "rule", "a rule")?;
    rule.only(reader, &["any", "call", "function", "status"]);
    let status = rule.text(reader, "status");
    if let Some(status) = &status
        && !matches!(status.value, "ANY" | "SUCCESS" | "FAIL")
    {
        reader.problem(status.at, "`status` is \"ANY\", \"SUCCESS\" or \"FAIL\"");
    }
    let status = status.map_or("ANY", |status| status.value);
    let any = rule.text(reader, "any");
    let call = rule.text(reader, "call");
    let function = rule.text(reader, "function");
    match (any, call, function) {
        (Some(any), None, None) => Some(json!({
            "kind": "ACTION_ANY",
            "affected_account_id": any.value,
            "status": status,
        })),
        (None, Some(call), Some(function)) => Some(json!({
            "kind": "ACTION_FUNCTION_CALL",
            "affected_account_id": call.value,
            "status": status,
            "function": function.value,
        })),
        _ => {
            let message = "a rule is { any = \"ACCOUNTS\" } or { call = \"ACCOUNTS\", \
                           function = \"METHODS\" }, each perhaps with `status`";
            reader.problem(rule.at, message);
            None
        }
    }
}

/// A text that stands in the file or in another one.
fn content(
    reader: &mut Reader<'_>,
    table: Table<'_>,
    [inline, file]: [&str; 2],
    mentioned: &mut Vec<PathBuf>,
) -> Option<String> {
    let (given, named) = (table.text(reader, inline), table.text(reader, file));
    let (text, at) = match (given, named) {
        (Some(_), Some(At { at, .. })) => {
            reader.problem(at, format!("give either `{inline}` or `{file}`"));
            return None;
        }
        (Some(given), None) => (given.value.to_owned(), given.at),
        (None, Some(named)) => {
            let read = beside(reader.path, named.value).and_then(|path| {
                mentioned.push(path.clone());
                read_text(&path)
            });
            match read {
                Ok(text) => (text, named.at),
                Err(why) => {
                    reader.problem(named.at, why);
                    return None;
                }
            }
        }
        (None, None) => {
            if !table.has(inline) && !table.has(file) {
                let message = format!("an [[indexer]] lacks `{inline}` or `{file}`");
                reader.problem(table.at, message);
            }
            return None;
        }
    };
    if text.trim().is_empty() {
        reader.problem(at, format!("`{inline}` is blank, which no executor takes"));
        return None;
    }
    Some(text)
}

fn read_text(path: &Path) -> Result<String, String> {
    let bytes = read(path, MESSAGE_LEN_MAX as u64)
        .map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
    String::from_utf8(bytes).map_err(|_| format!("{} is not UTF-8", path.display()))
}

#[cfg(test)]
mod tests;
