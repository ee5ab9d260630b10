//! The configuration file: TOML, one key per setting.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::config::problem::{closest, quoted};
use crate::config::{Given, Origin, Problem};
use crate::settings::{self, Kind, Setting};

/// The largest configuration file, in bytes.
const LEN_MAX: u64 = 1 << 20;

/// What the file says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileValues {
    /// The file, if there is one.
    pub path: Option<PathBuf>,
    /// By the setting's name, or the name of its `-file` variant.
    pub values: BTreeMap<String, Given>,
}

/// Opens a regular file; links are followed. Opening a pipe would wait for its
/// writer, perhaps for ever, and a device may have no end.
///
/// # Errors
/// What is said of it, such as `cannot be opened: ...`.
pub fn open(path: &Path) -> Result<File, String> {
    let unopened = |error| format!("cannot be opened: {error}");
    let metadata = std::fs::metadata(path).map_err(unopened)?;
    if metadata.is_dir() {
        return Err("is a folder; a regular file is needed".to_owned());
    }
    if !metadata.is_file() {
        return Err("is a pipe, a socket or a device; a regular file is needed".to_owned());
    }
    File::open(path).map_err(unopened)
}

/// Reads a text file of at most `len_max` bytes.
///
/// # Errors
/// A sentence that says why it cannot be used.
pub fn read_bounded(path: &Path, len_max: u64) -> Result<String, String> {
    let mut bytes = Vec::new();
    let file = open(path).map_err(|why| format!("it {why}"))?;
    file.take(len_max + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| format!("it cannot be read: {error}"))?;
    if bytes.len() as u64 > len_max {
        return Err(format!("it is longer than {len_max} bytes"));
    }
    String::from_utf8(bytes).map_err(|_| "it is not UTF-8 text".to_owned())
}

/// Reads the file at `path`.
#[must_use]
pub fn read(path: &Path) -> (FileValues, Vec<Problem>) {
    match read_bounded(path, LEN_MAX) {
        Ok(text) => parse(path, &text),
        Err(message) => {
            let problem = Problem::elsewhere(path.display().to_string(), message);
            (FileValues::default(), vec![problem])
        }
    }
}

/// What `text` says, read from `path`.
#[must_use]
pub fn parse(path: &Path, text: &str) -> (FileValues, Vec<Problem>) {
    let place = |offset: usize| origin(path, text, offset);
    let (table, errors) = DeTable::parse_recoverable(text);
    let mut problems: Vec<Problem> = errors
        .iter()
        .map(|error| {
            let offset = error.span().map_or(0, |span| span.start);
            // The error's own text quotes the line, which may hold a secret.
            Problem::elsewhere("syntax", error.message()).at(place(offset))
        })
        .collect();
    let mut values = BTreeMap::new();
    if problems.is_empty() {
        for (key, value) in table.get_ref() {
            let at = place(key.span().start);
            match entry(key.get_ref(), value, &place) {
                Ok((name, given)) => {
                    values.insert(name, given);
                }
                Err(problem) if problem.origin.is_none() => problems.push(problem.at(at)),
                Err(problem) => problems.push(problem),
            }
        }
    }
    let path = Some(path.to_owned());
    (FileValues { path, values }, problems)
}

/// One line of the file.
fn entry(
    key: &str,
    value: &Spanned<DeValue<'_>>,
    place: &impl Fn(usize) -> Origin,
) -> Result<(String, Given), Problem> {
    let Some((setting, name)) = find(key) else {
        return Err(unknown(key));
    };
    let origin = place(value.span().start);
    let kind = if name == setting.name {
        setting.kind
    } else {
        Kind::InputFile
    };
    match text_of(kind, value.get_ref()) {
        Ok(text) => Ok((name, Given { text, origin })),
        Err(message) => Err(Problem::with_value(setting, &origin, message)),
    }
}

/// The setting that `key` stands for, and the name it is meant by.
fn find(key: &str) -> Option<(&'static Setting, String)> {
    settings::all().into_iter().find_map(|setting| {
        if setting.key() == key {
            return Some((setting, setting.name.to_owned()));
        }
        let variant = setting.file_name();
        (setting.is_secret() && variant.replace('-', "_") == key).then_some((setting, variant))
    })
}

fn unknown(key: &str) -> Problem {
    let keys: Vec<String> = settings::all()
        .iter()
        .map(|setting| setting.key())
        .collect();
    let hint = match closest(key, keys.iter().map(String::as_str)) {
        Some(known) => format!("; did you mean `{known}`?"),
        None => String::new(),
    };
    let subject: String = quoted(key).trim_matches('`').to_owned();
    Problem::elsewhere(subject, format!("there is no such setting{hint}"))
}

/// The text of a value of the right type.
fn text_of(kind: Kind, value: &DeValue<'_>) -> Result<String, String> {
    let wrong = |expected: &str| {
        let found = value.type_str();
        Err(format!("it is of the type {found}, expected {expected}"))
    };
    match (kind, value) {
        (Kind::Switch | Kind::Presence, DeValue::Boolean(on)) => Ok(on.to_string()),
        (Kind::Switch | Kind::Presence, _) => wrong("true or false"),
        (Kind::Count { .. } | Kind::Port, DeValue::Integer(number)) => {
            // Its digits without underscores; another base than ten is refused
            // where the number is read.
            Ok(number.to_string())
        }
        (Kind::Count { .. } | Kind::Port, _) => wrong("an integer"),
        (Kind::Share { .. }, DeValue::Float(number)) => Ok(number.to_string()),
        (Kind::Share { .. }, DeValue::Integer(number)) => Ok(number.to_string()),
        (Kind::Share { .. }, _) => wrong("a number"),
        (_, DeValue::String(text)) => Ok(text.to_string()),
        (Kind::HttpUrls, DeValue::Array(items)) => {
            let texts: Option<Vec<&str>> =
                items.iter().map(|item| item.get_ref().as_str()).collect();
            match texts {
                Some(texts) => Ok(texts.join(",")),
                None => Err("it holds something that is no string".to_owned()),
            }
        }
        (Kind::HttpUrls, _) => wrong("a string or an array of strings"),
        (Kind::Duration { .. }, _) => wrong("a string with a unit such as \"5s\""),
        _ => wrong("a string"),
    }
}

/// Line and column of a byte of `text`, both from 1.
fn origin(path: &Path, text: &str, offset: usize) -> Origin {
    let before = text.get(..offset).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    Origin::File {
        path: path.to_owned(),
        line: before.matches('\n').count() + 1,
        column: before.get(line_start..).unwrap_or_default().chars().count() + 1,
    }
}
