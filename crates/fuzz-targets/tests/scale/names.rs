//! Names that anyone may register, as many as one likes.

use lifecycle::IndexerId;
use serde_json::{Value, json};

/// What names may hold: separators of keys, paths and logs, quotes, controls,
/// text that runs backwards, nothing at all, and words that mean something.
const ODD: [&str; 16] = [
    "",
    "/",
    ":state",
    "a/b/",
    " ",
    "\n",
    "\u{0}",
    "\u{1b}[31m",
    "\u{202e}",
    "ü\u{1F600}",
    "\"}",
    "\\",
    "../",
    "%2F%00",
    "*",
    "$(id);--",
];

/// The accounts of a registry, each with ten functions.
const FUNCTIONS: usize = 10;

/// The `number`th indexer: no two are the same, and those of an account differ in
/// little.
pub fn id(number: usize) -> IndexerId {
    let odd = ODD[number % ODD.len()];
    let account = format!("user{}.near", number / FUNCTIONS);
    IndexerId::new(&account, &format!("{odd}{number}{odd}")).unwrap()
}

/// An entry that is right.
pub fn entry() -> Value {
    json!({
        "code": "await context.db.Posts.insert({ h: block.blockHeight })",
        "schema": "CREATE TABLE posts (h numeric)",
        "rule": { "kind": "ACTION_ANY", "affected_account_id": "x.near", "status": "ANY" },
        "start_block": "LATEST",
        "updated_at_block_height": null,
        "created_at_block_height": 900,
        "deleted_at_block_height": null,
        "forked_from": null,
    })
}

/// The `number`th way in which an entry makes no sense.
pub fn nonsense(number: usize) -> Value {
    let mut bad = entry();
    match number % 8 {
        0 => return Value::Null,
        1 => return json!([]),
        2 => return json!("x".repeat(2000)),
        3 => bad["code"] = json!(7),
        4 => bad["rule"] = json!({ "kind": "ACTION_ANY" }),
        5 => bad["start_block"] = json!({ "HEIGHT": -1 }),
        6 => bad["created_at_block_height"] = json!(1e300),
        _ => bad["created_at_block_height"] = Value::Null,
    }
    bad
}

/// What the contract would answer.
pub fn listing(entries: impl IntoIterator<Item = (IndexerId, Value)>) -> String {
    let mut accounts = serde_json::Map::new();
    for (id, entry) in entries {
        let functions = accounts.entry(id.account()).or_insert_with(|| json!({}));
        functions[id.function()] = entry;
    }
    Value::Object(accounts).to_string()
}
