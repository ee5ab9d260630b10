//! YAML as values, and that all of it can be read.

use serde_json::Value;

use crate::files::{read, under};

/// The documents of a text; panics with the file's name if it is no YAML.
pub fn parse(path: &str, text: &str) -> Vec<Value> {
    let documents: Result<Vec<Value>, _> = serde_saphyr::from_multiple(text);
    documents.unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The only document of a file.
pub fn one(path: &str) -> Value {
    let mut documents = parse(path, &read(path));
    assert_eq!(documents.len(), 1, "{path}");
    documents.remove(0)
}

/// What lies at `path` within `value`; it must be there.
#[track_caller]
pub fn at<'a>(value: &'a Value, path: &str) -> &'a Value {
    value
        .pointer(path)
        .unwrap_or_else(|| panic!("{path} is missing in {value:#}"))
}

/// The strings of a list, or of nothing.
pub fn strings(value: &Value) -> Vec<&str> {
    let items = value.as_array().map(Vec::as_slice).unwrap_or_default();
    items.iter().map(|item| item.as_str().unwrap()).collect()
}

#[test]
fn everything_can_be_read() {
    let files = under("deploy");
    let files: Vec<_> = files
        .iter()
        .filter(|path| path.ends_with(".yaml"))
        .collect();
    assert!(files.len() > 15, "{files:?}");
    for path in files {
        let documents = parse(path, &read(path));
        assert!(!documents.is_empty(), "{path} is empty");
        for document in documents {
            assert!(document.is_object() || document.is_array(), "{path}");
        }
    }
}

#[test]
fn what_is_wrong_is_seen() {
    let wrong: Result<Vec<Value>, _> = serde_saphyr::from_multiple("a: [1");
    assert!(wrong.is_err());
    let twice: Result<Vec<Value>, _> = serde_saphyr::from_multiple("a: 1\na: 2");
    assert!(twice.is_err());
}
