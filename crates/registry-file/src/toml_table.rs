//! Tables of a TOML document with the places of their parts, read so that every
//! problem is found and not only the first.

use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::heights::HEIGHT_MAX;
use crate::problem::{Lines, PROBLEMS_MAX, Problem, brief};

/// A document, and what was found wrong with it so far.
pub(crate) struct Reader<'a> {
    pub(crate) path: &'a Path,
    pub(crate) lines: Lines,
    pub(crate) problems: Vec<Problem>,
}

impl Reader<'_> {
    /// Takes note of a problem at `offset` bytes into the text.
    pub(crate) fn problem(&mut self, offset: usize, message: impl Into<String>) {
        if self.problems.len() < PROBLEMS_MAX {
            let place = self.lines.place(offset);
            self.problems.push(Problem::at(self.path, place, message));
        }
    }
}

/// A table of the document.
#[derive(Clone, Copy)]
pub(crate) struct Table<'t> {
    fields: &'t DeTable<'t>,
    /// Its offset into the text.
    pub(crate) at: usize,
    /// What it is, for people.
    what: &'static str,
}

/// A value and its offset into the text.
pub(crate) struct At<T> {
    pub(crate) value: T,
    pub(crate) at: usize,
}

impl<'t> Table<'t> {
    pub(crate) fn new(fields: &'t DeTable<'t>, at: usize, what: &'static str) -> Table<'t> {
        Table { fields, at, what }
    }

    /// The value of a field, if it has one.
    pub(crate) fn get(&self, name: &str) -> Option<&'t Spanned<DeValue<'t>>> {
        self.fields
            .iter()
            .find(|(key, _)| key.get_ref() == name)
            .map(|(_, value)| value)
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Notes every field that is not one of `known`.
    pub(crate) fn only(&self, reader: &mut Reader<'_>, known: &[&str]) {
        for (key, _) in self.fields {
            if !known.contains(&key.get_ref().as_ref()) {
                let message = format!(
                    "{} has no key `{}`; it has {}",
                    self.what,
                    brief(key.get_ref()),
                    known.join(", ")
                );
                reader.problem(key.span().start, message);
            }
        }
    }

    /// A text; notes if it is something else.
    pub(crate) fn text(&self, reader: &mut Reader<'_>, name: &str) -> Option<At<&'t str>> {
        let value = self.get(name)?;
        let text = value.get_ref().as_str();
        if text.is_none() {
            let message = format!(
                "`{name}` is a text in quotes, not {}",
                value.get_ref().type_str()
            );
            reader.problem(value.span().start, message);
        }
        Some(At {
            value: text?,
            at: value.span().start,
        })
    }

    /// A text that must be there; notes if it is not.
    pub(crate) fn required(&self, reader: &mut Reader<'_>, name: &str) -> Option<At<&'t str>> {
        if !self.has(name) {
            reader.problem(self.at, format!("{} lacks `{name}`", self.what));
        }
        self.text(reader, name)
    }

    /// A height; notes if it is none.
    pub(crate) fn height(&self, reader: &mut Reader<'_>, name: &str) -> Option<At<u64>> {
        let value = self.get(name)?;
        let height = height_of(value.get_ref());
        if height.is_none() {
            let message = format!("`{name}` is a height, a number from 0 to {HEIGHT_MAX}");
            reader.problem(value.span().start, message);
        }
        Some(At {
            value: height?,
            at: value.span().start,
        })
    }

    /// A table; notes if it is something else.
    pub(crate) fn table(
        &self,
        reader: &mut Reader<'_>,
        name: &str,
        what: &'static str,
    ) -> Option<Table<'t>> {
        let value = self.get(name)?;
        match value.get_ref().as_table() {
            Some(fields) => Some(Table::new(fields, value.span().start, what)),
            None => {
                let message = format!("`{name}` is a table, not {}", value.get_ref().type_str());
                reader.problem(value.span().start, message);
                None
            }
        }
    }
}

/// The height that a value is, if it is one.
pub(crate) fn height_of(value: &DeValue<'_>) -> Option<u64> {
    let number = value.as_integer()?;
    let height = u64::from_str_radix(number.as_str(), number.radix()).ok()?;
    (height <= HEIGHT_MAX).then_some(height)
}
