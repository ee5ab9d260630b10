//! The file: a line of JSON for its header, for each record, for the registry's
//! height, and at the end one with a checksum of everything before it.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::io;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use coordinator::store::codec::RECORD_LEN_MAX;
use coordinator::store::keys;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::text::visible;

/// The largest file, in bytes.
pub const FILE_LEN_MAX: u64 = 1 << 30;

/// The most records of a file.
const RECORDS_MAX: usize = 1_000_000;

/// The most mistakes that are told.
const MISTAKES_MAX: usize = 20;

/// The version of the file's form.
const SCHEMA_VERSION: u64 = 1;

/// What a store holds, as far as it is carried over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// Where it comes from, for people; no secrets.
    pub source: String,
    /// The records, by key; each key names an indexer and occurs once.
    pub records: Vec<Record>,
    /// The newest height of the registry that was acted upon.
    pub registry_height: Option<u64>,
}

/// A record as it lies in the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The line of the file on which it stands, from 1; 0 if it is from no file.
    pub line: usize,
    /// Its key.
    pub key: String,
    /// Its bytes, at most [`RECORD_LEN_MAX`].
    pub value: Bytes,
}

/// What is wrong with a line of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong with it, for people.
    pub why: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
enum Line {
    CoordinatorState {
        schema_version: u64,
        source: String,
        records: usize,
    },
    Record {
        key: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        value: Option<String>,
        /// For bytes that are no text.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        value_base64: Option<String>,
    },
    RegistryHeight {
        height: u64,
    },
    End {
        lines: usize,
        sha256: String,
    },
}

/// The header of a file of any version.
#[derive(Deserialize)]
struct Beginning {
    kind: String,
    schema_version: u64,
}

/// Whether a file has room for so many records.
pub(super) fn fits(records: usize) -> bool {
    records <= RECORDS_MAX
}

/// Writes `state` as a file.
///
/// # Errors
/// `out` did not take it.
pub fn write(state: &State, out: &mut dyn io::Write) -> io::Result<()> {
    let mut file = Summed {
        out,
        sum: Sha256::new(),
        lines: 0,
    };
    file.put(&Line::CoordinatorState {
        schema_version: SCHEMA_VERSION,
        source: state.source.clone(),
        records: state.records.len(),
    })?;
    for record in &state.records {
        let text = std::str::from_utf8(&record.value).ok().map(str::to_owned);
        file.put(&Line::Record {
            key: record.key.clone(),
            value_base64: text.is_none().then(|| STANDARD.encode(&record.value)),
            value: text,
        })?;
    }
    if let Some(height) = state.registry_height {
        file.put(&Line::RegistryHeight { height })?;
    }
    let end = Line::End {
        lines: file.lines,
        sha256: hex(&file.sum.clone().finalize()),
    };
    file.put(&end)?;
    file.out.flush()
}

struct Summed<'a> {
    out: &'a mut dyn io::Write,
    sum: Sha256,
    lines: usize,
}

impl Summed<'_> {
    fn put(&mut self, line: &Line) -> io::Result<()> {
        let mut text = serde_json::to_vec(line)?;
        text.push(b'\n');
        self.sum.update(&text);
        self.lines = self.lines.saturating_add(1);
        self.out.write_all(&text)
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Reads a file, whose checksum is looked at before anything else.
///
/// # Errors
/// What is wrong with it, line by line, the first twenty; nothing of such a file
/// should be used.
pub fn parse(file: &[u8]) -> Result<State, Vec<Mistake>> {
    let mut lines: Vec<&[u8]> = file.split_inclusive(|byte| *byte == b'\n').collect();
    let last = lines.pop().unwrap_or_default();
    intact(file, &lines, last).map_err(|why| {
        let line = lines.len().saturating_add(1);
        vec![Mistake { line, why }]
    })?;
    let mut reader = Reader::default();
    for (line, number) in lines.iter().zip(1..) {
        if let Err(why) = reader.take(line, number) {
            reader.mistakes.push(Mistake { line: number, why });
        }
        if reader.mistakes.len() >= MISTAKES_MAX {
            break;
        }
    }
    reader.finish()
}

/// Whether the last line is what the end of these lines must be.
fn intact(file: &[u8], lines: &[&[u8]], last: &[u8]) -> Result<(), String> {
    let cut_off = || {
        "the file does not end with the line that says how much there is: it is cut off, or no \
         export"
            .to_owned()
    };
    if last.last() != Some(&b'\n') {
        return Err(cut_off());
    }
    let Ok(Line::End {
        lines: count,
        sha256,
    }) = serde_json::from_slice(last)
    else {
        return Err(cut_off());
    };
    if count != lines.len() {
        return Err(format!("there should be {count} lines before this one"));
    }
    let summed = file.get(..file.len() - last.len()).unwrap_or_default();
    if hex(&Sha256::digest(summed)) != sha256 {
        return Err(
            "the checksum is another: the file was changed or damaged after it was written"
                .to_owned(),
        );
    }
    Ok(())
}

#[derive(Default)]
struct Reader {
    state: State,
    announced: Option<usize>,
    keys: BTreeSet<String>,
    mistakes: Vec<Mistake>,
}

impl Reader {
    fn take(&mut self, line: &[u8], number: usize) -> Result<(), String> {
        if number == 1 {
            begins(line)?;
        }
        // What serde says quotes the value, which may be long.
        let line = serde_json::from_slice(line).map_err(|error| shortened(&error.to_string()))?;
        match line {
            Line::CoordinatorState {
                source, records, ..
            } if number == 1 => {
                self.state.source = source;
                self.announced = Some(records);
                Ok(())
            }
            Line::Record {
                key,
                value,
                value_base64,
            } => self.record(number, key, value, value_base64),
            Line::RegistryHeight { height } if self.state.registry_height.is_none() => {
                self.state.registry_height = Some(height);
                Ok(())
            }
            Line::RegistryHeight { .. } => Err("the registry's height is there twice".to_owned()),
            Line::CoordinatorState { .. } => Err("a header in the middle".to_owned()),
            Line::End { .. } => Err("an end in the middle".to_owned()),
        }
    }

    fn record(
        &mut self,
        line: usize,
        key: String,
        value: Option<String>,
        value_base64: Option<String>,
    ) -> Result<(), String> {
        keys::indexer_of(&key).map_err(|error| shortened(&error.to_string()))?;
        let value = match (value, value_base64) {
            (Some(text), None) => Bytes::from(text),
            (None, Some(coded)) => STANDARD
                .decode(coded)
                .map_err(|error| format!("`value_base64` is none: {error}"))?
                .into(),
            _ => return Err("one of `value` and `value_base64` must be there".to_owned()),
        };
        if value.len() > RECORD_LEN_MAX {
            let len = value.len();
            return Err(format!("a value of {len} bytes; at most {RECORD_LEN_MAX}"));
        }
        if self.state.records.len() >= RECORDS_MAX {
            return Err(format!("more than {RECORDS_MAX} records"));
        }
        if !self.keys.insert(key.clone()) {
            return Err(format!("`{}` is there twice", shortened(&key)));
        }
        self.state.records.push(Record { line, key, value });
        Ok(())
    }

    fn finish(mut self) -> Result<State, Vec<Mistake>> {
        let found = self.state.records.len();
        if self.mistakes.is_empty() && self.announced != Some(found) {
            let announced = self.announced.unwrap_or_default();
            let why = format!("{announced} records are announced, and {found} are there");
            self.mistakes.push(Mistake { line: 1, why });
        }
        match self.mistakes.is_empty() {
            true => Ok(self.state),
            false => Err(self.mistakes),
        }
    }
}

fn begins(line: &[u8]) -> Result<(), String> {
    match serde_json::from_slice(line) {
        Ok(Beginning {
            kind,
            schema_version,
        }) if kind == "coordinator_state" => match schema_version {
            SCHEMA_VERSION => Ok(()),
            other => Err(format!(
                "the form of the file is {other}, and this version knows only {SCHEMA_VERSION}; \
                 use the version that wrote it, or a later one"
            )),
        },
        _ => Err("this is no export of a coordinator's state".to_owned()),
    }
}

/// A text on one line, cut if it is long.
pub(super) fn shortened(text: &str) -> String {
    const SHOWN_MAX: usize = 200;
    let mut shown = visible(text.chars().take(SHOWN_MAX));
    if text.chars().nth(SHOWN_MAX).is_some() {
        shown.push_str("...");
    }
    shown
}
