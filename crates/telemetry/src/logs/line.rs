//! One line of the log, before it has a format.

use std::error::Error;
use std::fmt::{self, Write};

use tracing::field::{Field, Visit};
use tracing::{Event, Level};

/// The target of lines that record who asked for what.
pub const AUDIT_TARGET: &str = "audit";

/// Longest text of one field or message, in bytes.
pub(crate) const VALUE_MAX: usize = 4 * 1024;

/// Longest text of all fields of a line together, in bytes.
pub(crate) const LINE_MAX: usize = 16 * 1024;

/// The most fields of one line, those of its spans included.
const FIELDS_MAX: usize = 64;

/// What a field holds.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Bool(bool),
    Signed(i64),
    Unsigned(u64),
    Float(f64),
    Text(String),
}

/// One line of the log.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Line {
    pub(crate) level: Level,
    pub(crate) target: &'static str,
    /// File and line of the source.
    pub(crate) place: Option<(&'static str, u32)>,
    pub(crate) message: String,
    /// By name; each name once.
    pub(crate) fields: Fields,
}

impl Line {
    /// What `event` says, and with it what the spans around it say.
    pub(crate) fn of(event: &Event<'_>, around: Fields) -> Line {
        let metadata = event.metadata();
        let mut fields = around;
        event.record(&mut fields);
        let audit = metadata.target() == AUDIT_TARGET;
        fields.name_the_indexer(audit);
        if audit {
            fields.set("audit", Value::Bool(true));
        }
        Line {
            level: *metadata.level(),
            target: metadata.target(),
            place: metadata.file().zip(metadata.line()),
            message: std::mem::take(&mut fields.message),
            fields,
        }
    }

    /// Whether it records who asked for what.
    pub(crate) fn is_audit(&self) -> bool {
        self.target == AUDIT_TARGET
    }
}

/// Named values, bounded in number and size.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Fields {
    message: String,
    named: Vec<(&'static str, Value)>,
    size: usize,
}

impl Fields {
    /// All of them, in the order in which they were first set.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&'static str, &Value)> {
        self.named.iter().map(|(name, value)| (*name, value))
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        let found = self.named.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| value)
    }

    /// The text called `name`, if there is one.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        match self.get(name) {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// Sets `name`; what it was before is gone. Beyond the bounds it is dropped.
    pub(crate) fn set(&mut self, name: &'static str, value: Value) {
        if let Value::Text(text) = &value {
            self.size = self.size.saturating_add(text.len());
        }
        let is_full = self.named.len() >= FIELDS_MAX;
        match self.named.iter_mut().find(|(known, _)| *known == name) {
            Some((_, old)) => *old = value,
            None if is_full => {}
            None => self.named.push((name, value)),
        }
    }

    /// Adds those of `inner`, which go before those there are.
    pub(crate) fn extend(&mut self, inner: &Fields) {
        for (name, value) in inner.iter() {
            self.set(name, value.clone());
        }
    }

    /// Says in two fields what `indexer` says in one, so that lines can be found
    /// by account.
    fn name_the_indexer(&mut self, audit: bool) {
        let both = self.text("indexer").and_then(|name| name.split_once('/'));
        let both = both.map(|(account, function)| (account.to_owned(), function.to_owned()));
        if let Some((account, function)) = both {
            self.set_if_absent("account_id", account);
            self.set_if_absent("function_name", function);
        }
        if audit {
            for (short, long) in [("account", "account_id"), ("function", "function_name")] {
                let taken = self.get(long).is_some();
                let entry = self.named.iter_mut().find(|(name, _)| *name == short);
                if let Some(entry) = entry.filter(|_| !taken) {
                    entry.0 = long;
                }
            }
        }
    }

    fn set_if_absent(&mut self, name: &'static str, text: String) {
        if self.get(name).is_none() {
            self.set(name, Value::Text(text));
        }
    }

    fn set_text(&mut self, field: &Field, write: impl FnOnce(&mut Bounded) -> fmt::Result) {
        let room = LINE_MAX.saturating_sub(self.size).min(VALUE_MAX);
        let mut text = Bounded::new(room);
        if write(&mut text).is_err() {
            text.text.push_str("(cannot be shown)");
        }
        let text = text.finish();
        if field.name() == "message" {
            self.size = self.size.saturating_add(text.len());
            self.message = text;
        } else {
            self.set(field.name(), Value::Text(text));
        }
    }
}

impl Visit for Fields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.set(field.name(), Value::Float(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.set(field.name(), Value::Signed(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.set(field.name(), Value::Unsigned(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.set(field.name(), Value::Bool(value));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.set_text(field, |text| text.write_str(value));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.set_text(field, |text| {
            write!(text, "{value}")?;
            let mut source = value.source();
            // A chain that never ends would be the error's fault, and ours.
            for _ in 0..16 {
                let Some(cause) = source else { break };
                write!(text, ": {cause}")?;
                source = cause.source();
            }
            Ok(())
        });
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.set_text(field, |text| write!(text, "{value:?}"));
    }
}

/// A text that only grows up to a limit.
struct Bounded {
    text: String,
    room: usize,
    more: usize,
}

impl Bounded {
    fn new(room: usize) -> Bounded {
        Bounded {
            text: String::new(),
            room,
            more: 0,
        }
    }

    fn finish(mut self) -> String {
        if self.more > 0 {
            self.text
                .push_str(&format!("... ({} bytes more)", self.more));
        }
        self.text
    }
}

impl Write for Bounded {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        let end = part.floor_char_boundary(self.room);
        let (taken, rest) = part.split_at_checked(end).unwrap_or((part, ""));
        self.text.push_str(taken);
        self.more = self.more.saturating_add(rest.len());
        // Once something was left out, nothing follows it.
        self.room = if rest.is_empty() {
            self.room - taken.len()
        } else {
            0
        };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bounded(room: usize, parts: &[&str]) -> String {
        let mut text = Bounded::new(room);
        for part in parts {
            text.write_str(part).unwrap();
        }
        text.finish()
    }

    #[test]
    fn texts_are_cut_between_characters_and_say_so() {
        assert_eq!(bounded(5, &["ab", "cde"]), "abcde");
        assert_eq!(bounded(4, &["ab", "cde", "f"]), "abcd... (2 bytes more)");
        assert_eq!(bounded(2, &["aé", "b"]), "a... (3 bytes more)");
        assert_eq!(bounded(0, &["", "x"]), "... (1 bytes more)");
    }

    #[test]
    fn fields_are_bounded_and_unique() {
        const NAMES: [&str; 3] = ["a", "b", "a"];
        let mut fields = Fields::default();
        for (at, name) in NAMES.into_iter().enumerate() {
            fields.set(name, Value::Unsigned(at as u64));
        }
        let all: Vec<_> = fields.iter().collect();
        assert_eq!(
            all,
            [("a", &Value::Unsigned(2)), ("b", &Value::Unsigned(1))]
        );
        for at in 0..FIELDS_MAX {
            fields.set(
                Box::leak(format!("f{at}").into_boxed_str()),
                Value::Bool(true),
            );
        }
        assert_eq!(fields.iter().count(), FIELDS_MAX);
    }

    #[test]
    fn an_indexer_is_named_in_two_fields() {
        let mut fields = Fields::default();
        fields.set("indexer", Value::Text("alice.near/feed/x".to_owned()));
        fields.set("function_name", Value::Text("given".to_owned()));
        fields.name_the_indexer(false);
        assert_eq!(fields.text("account_id"), Some("alice.near"));
        assert_eq!(fields.text("function_name"), Some("given"));

        let mut audit = Fields::default();
        audit.set("account", Value::Text("bob.near".to_owned()));
        audit.name_the_indexer(true);
        assert_eq!(audit.text("account_id"), Some("bob.near"));
        assert_eq!(audit.get("account"), None);
    }
}
