//! The contract's JSON, as its view `list_all` answers, in today's shape and in
//! the older one, with and without the wrapper `{"All": ...}`.

use std::collections::BTreeMap;
use std::path::Path;

use near_account_id::AccountIdRef;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::entry::Entry;
use crate::json_object::Object;
use crate::problem::{Lines, PROBLEMS_MAX, Place, Problem, brief};

const CREATED: &str = "created_at_block_height";
const UPDATED: &str = "updated_at_block_height";
const DELETED: &str = "deleted_at_block_height";

/// All fields that an entry has had over time.
const FIELDS: [&str; 10] = [
    "code",
    "schema",
    "rule",
    "start_block",
    "filter",
    "start_block_height",
    "forked_from",
    CREATED,
    UPDATED,
    DELETED,
];

struct Text<'a> {
    path: &'a Path,
    text: &'a str,
    lines: Lines,
}

/// Reads the entries of the file `path`, whose text is `text`, or everything
/// that is wrong with it.
pub(crate) fn parse(path: &Path, text: &str) -> Result<Vec<Entry>, Vec<Problem>> {
    let file = Text {
        path,
        text,
        lines: Lines::of(text.as_bytes()),
    };
    let mut root: Object<'_> = file.decode(text, "accounts").map_err(|one| vec![one])?;
    // No account is called `All`: names are lower case.
    if let [(name, inner)] = root.0.as_slice()
        && name == "All"
    {
        root = file
            .decode(inner.get(), "accounts")
            .map_err(|one| vec![one])?;
    }
    let (mut entries, mut problems) = (Vec::new(), Vec::new());
    for (account, functions) in root.0 {
        if problems.len() >= PROBLEMS_MAX {
            break;
        }
        if let Err(error) = AccountIdRef::new(&account) {
            let message = format!("`{}` is no account id: {error}", brief(&account));
            problems.push(file.problem(functions.get(), message));
            continue;
        }
        match file.decode::<Object<'_>>(functions.get(), "functions by name") {
            Err(problem) => problems.push(problem),
            Ok(functions) => {
                for (function, raw) in functions.0 {
                    if problems.len() >= PROBLEMS_MAX {
                        break;
                    }
                    match file.entry((account.clone(), function), raw) {
                        Ok(entry) => entries.push(entry),
                        Err(problem) => problems.push(problem),
                    }
                }
            }
        }
    }
    if problems.is_empty() {
        Ok(entries)
    } else {
        Err(problems)
    }
}

impl<'a> Text<'a> {
    fn entry(&self, key: (String, String), raw: &'a RawValue) -> Result<Entry, Problem> {
        let fields: Object<'a> = self.decode(raw.get(), "the fields of an indexer")?;
        let mut body = BTreeMap::new();
        let mut heights = BTreeMap::new();
        let mut highest = None;
        for (name, value) in fields.0 {
            if !FIELDS.contains(&name.as_str()) {
                let message = format!(
                    "an indexer has no field `{}`; it has {}",
                    brief(&name),
                    FIELDS.join(", ")
                );
                return Err(self.problem(value.get(), message));
            }
            if [CREATED, UPDATED, DELETED].contains(&name.as_str()) {
                let height: Option<u64> = self.decode(value.get(), "a height or null")?;
                highest = highest.max(height.map(|height| (height, self.offset(value.get()))));
                heights.insert(name, height);
            } else {
                body.insert(name, self.decode::<Value>(value.get(), "JSON")?);
            }
        }
        let mut height = |name: &str| heights.remove(name).flatten();
        let (created, updated, deleted) = (height(CREATED), height(UPDATED), height(DELETED));
        let name = crate::entry::shown(&key);
        let Some(created) = created else {
            return Err(self.problem(raw.get(), format!("{name}: it lacks `{CREATED}`")));
        };
        let entry = Entry::new(key, self.place(raw.get()), body)
            .map_err(|why| self.problem(raw.get(), why))?;
        Ok(Entry {
            version: Some(updated.unwrap_or(created)),
            created: Some(created),
            deleted,
            height_place: highest.map(|(_, offset)| self.lines.place(offset)),
            ..entry
        })
    }

    /// Decodes `part`, a slice of the text.
    fn decode<T: Deserialize<'a>>(&self, part: &'a str, expected: &str) -> Result<T, Problem> {
        serde_json::from_str(part).map_err(|error| {
            let text = error.to_string();
            let what = text
                .rfind(" at line ")
                .and_then(|end| text.get(..end))
                .unwrap_or(&text);
            // The place within the part: its first line begins in another one's middle.
            let start = self.lines.place(self.offset(part));
            let offset = match error.line() {
                0 | 1 => self.offset(part) + error.column().saturating_sub(1),
                line => self.lines.offset(start.line + line - 1, error.column()),
            };
            let message = format!("{} (expected {expected})", brief(what));
            Problem::at(self.path, self.lines.place(offset), message)
        })
    }

    fn problem(&self, part: &str, message: String) -> Problem {
        Problem::at(self.path, self.place(part), message)
    }

    fn place(&self, part: &str) -> Place {
        self.lines.place(self.offset(part))
    }

    /// Raw values borrow from the text, so the distance is their offset.
    fn offset(&self, part: &str) -> usize {
        (part.as_ptr() as usize).saturating_sub(self.text.as_ptr() as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CURRENT: &str = include_str!("../../coordinator/tests/fixtures/registry-current.json");
    const OLDER: &str = include_str!("../../coordinator/tests/fixtures/registry-older.json");

    fn problems(text: &str) -> Vec<String> {
        let problems = parse(Path::new("r.json"), text).unwrap_err();
        problems.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn both_shapes_are_read_with_and_without_the_wrapper() {
        for text in [CURRENT, OLDER] {
            let plain = parse(Path::new("r.json"), text).unwrap();
            assert!(!plain.is_empty());
            let wrapped = format!(r#"{{"All":{text}}}"#);
            let wrapped = parse(Path::new("r.json"), &wrapped).unwrap();
            for (one, other) in plain.iter().zip(&wrapped) {
                assert_eq!((&one.key, one.content), (&other.key, other.content));
                assert_eq!(one.version, other.version);
            }
        }
        assert_eq!(parse(Path::new("r.json"), "{}").unwrap().len(), 0);
    }

    #[test]
    fn every_problem_is_told_with_its_place() {
        let good = r#"{"code":"c","schema":"s","rule":{"kind":"ACTION_ANY",
            "affected_account_id":"x","status":"ANY"},"start_block":"LATEST",
            "created_at_block_height":1}"#;
        let text = format!(
            "{{\n\"A\": {{}},\n\"a.near\": 7,\n\"b.near\": {{\n  \"f\": {{\"cod\": 1}},\n  \
             \"g\": {{}},\n  \"h\": {}\n}} }}",
            good.replace("ANY\"}", "SOME\"}")
        );
        let found = problems(&text);
        let starts = [
            "r.json:2:6: `A`",
            "r.json:3:11: invalid type",
            "r.json:5:16: an indexer has no field `cod`",
            "r.json:6:8: b.near/g",
            "r.json:7:8: ",
        ];
        assert_eq!(found.len(), starts.len(), "{found:#?}");
        for (problem, start) in found.iter().zip(starts) {
            assert!(problem.starts_with(start), "{problem}");
        }
        assert!(found[4].contains("SOME"), "{}", found[4]);
    }

    #[test]
    fn what_is_cut_off_or_said_twice_is_refused() {
        for end in 0..CURRENT.trim_end().len() {
            if CURRENT.is_char_boundary(end) {
                assert!(
                    parse(Path::new("r.json"), &CURRENT[..end]).is_err(),
                    "{end}"
                );
            }
        }
        let twice = problems("{\"a.near\":{},\n\"a.near\":{}}");
        assert!(twice[0].contains("twice"), "{twice:?}");
    }
}
