//! The parsed file with its positions: decoding parts of it, and finding the
//! place of a value again after it has become a plain type.

use std::ops::Range;

use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use super::diagnostic::Report;
use super::nearest::nearest;

/// A value of the file, or the absence of one.
#[derive(Clone, Copy)]
pub(super) struct Place<'a>(Option<&'a Spanned<DeValue<'a>>>);

impl<'a> Place<'a> {
    /// The section `name` of the file.
    pub fn section(root: &'a DeTable<'a>, name: &str) -> Place<'a> {
        Place(root.get(name))
    }

    /// True if the file has the value.
    pub fn is_given(self) -> bool {
        self.0.is_some()
    }

    /// The value under a path of keys, or the nearest thing around it that the
    /// file has. A number in the path counts array elements.
    pub fn at(self, path: &[&str]) -> Place<'a> {
        let mut here = self;
        for key in path {
            match here.child(key) {
                Some(next) => here = Place(Some(next)),
                None => break,
            }
        }
        here
    }

    /// The value under `key` itself.
    pub fn get(self, key: &str) -> Place<'a> {
        Place(self.child(key))
    }

    /// The elements of an array in the order of the file.
    pub fn items(self) -> Vec<Place<'a>> {
        let array = self.0.and_then(|value| value.get_ref().as_array());
        array
            .into_iter()
            .flat_map(|items| items.iter())
            .map(|item| Place(Some(item)))
            .collect()
    }

    /// The entries of a table in the order of the file: name, its place, value.
    pub fn entries(self) -> Vec<(&'a str, Range<usize>, Place<'a>)> {
        let table = self.0.and_then(|value| value.get_ref().as_table());
        table.map(entries).unwrap_or_default()
    }

    /// Where the value stands; the start of the file for an absent one.
    pub fn span(self) -> Range<usize> {
        self.0.map_or(0..0, Spanned::span)
    }

    /// True if the value is a table.
    pub fn is_table(self) -> bool {
        self.0.is_some_and(|value| value.get_ref().is_table())
    }

    /// True if the value is an array.
    pub fn is_array(self) -> bool {
        self.0.is_some_and(|value| value.get_ref().is_array())
    }

    /// Decodes the value. An absent one gives `None`; a mistake gives `None` and
    /// an entry in the report.
    pub fn decode<T: DeserializeOwned>(self, report: &mut Report) -> Option<T> {
        let value = self.0?;
        match T::deserialize(ValueDeserializer::from(value.clone())) {
            Ok(decoded) => Some(decoded),
            Err(error) => {
                let span = error.span().unwrap_or_else(|| value.span());
                explain(report, span, error.message());
                None
            }
        }
    }

    fn child(self, key: &str) -> Option<&'a Spanned<DeValue<'a>>> {
        match self.0?.get_ref() {
            DeValue::Table(table) => table.get(key),
            DeValue::Array(array) => array.get(key.parse::<usize>().ok()?),
            _ => None,
        }
    }
}

/// The entries of a table in the order of the file.
pub(super) fn entries<'a>(table: &'a DeTable<'a>) -> Vec<(&'a str, Range<usize>, Place<'a>)> {
    let mut found: Vec<_> = table
        .iter()
        .map(|(key, value)| (&**key.get_ref(), key.span(), Place(Some(value))))
        .collect();
    found.sort_by_key(|(_, span, _)| span.start);
    found
}

/// Notes a mistake in the decoder's words, made plainer where they name keys.
pub(super) fn explain(report: &mut Report, span: Range<usize>, message: &str) {
    let (what, expected) = match message.split_once(", expected ") {
        Some((what, expected)) => (what, Some(expected)),
        None => (message, None),
    };
    for (beginning, kind) in [("unknown field ", "key"), ("unknown variant ", "name")] {
        if let Some(name) = what.strip_prefix(beginning) {
            let name = quoted(name).next().unwrap_or(name);
            let known: Vec<&str> = expected.into_iter().flat_map(quoted).collect();
            return unknown(report, span, kind, name, &known);
        }
    }
    let help = expected.map(|expected| format!("expected {}", plain_type(expected)));
    let (message, help) = if let Some(name) = what.strip_prefix("missing field ") {
        (format!("missing key {name}"), help)
    } else if let Some(negative) = negative_duration(what) {
        (format!("{negative} is negative"), help)
    } else if what == "invalid type: unit variant" {
        let help = "write { name = { key = value } }".to_owned();
        ("the name alone is not enough".to_owned(), Some(help))
    } else if what.starts_with("wanted exactly 1 element") {
        ("exactly one key is possible here".to_owned(), help)
    } else {
        (what.to_owned(), help)
    };
    report.add_with(span, message, help);
}

/// Notes that `name` is none of the `known` names.
pub(super) fn unknown(
    report: &mut Report,
    span: Range<usize>,
    kind: &str,
    name: &str,
    known: &[&str],
) {
    let synonym = SYNONYMS
        .iter()
        .find(|(other, meant)| *other == name && known.contains(meant));
    let near = synonym
        .map(|(_, meant)| *meant)
        .or_else(|| nearest(name, known.iter().copied()));
    let help = match near {
        Some(near) => Some(format!("did you mean `{near}`?")),
        None if known.is_empty() => None,
        None => Some(format!("expected one of: {}", known.join(", "))),
    };
    report.add_with(span, format!("unknown {kind} `{name}`"), help);
}

/// What people call nodes by other names: executors and provisioner share a process.
const SYNONYMS: &[(&str, &str)] = &[
    ("executor", "runner"),
    ("provisioner", "runner"),
    ("streamer", "block_streamer"),
    ("redis", "store"),
    ("rpc", "registry"),
];

/// What a decoder calls a type, in the words of the language.
fn plain_type(expected: &str) -> &str {
    match expected {
        "f64" => "a number",
        "u16" | "u32" | "u64" | "usize" => "a whole number, not negative",
        "a sequence" => "a list",
        other if other.starts_with("struct ") => "a table",
        other => other,
    }
}

/// The text of a duration that the decoder refused for its sign.
fn negative_duration(what: &str) -> Option<&str> {
    let (text, _) = what.split_once(" is not a duration")?;
    text.starts_with("`-").then_some(text)
}

/// The names between backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}
