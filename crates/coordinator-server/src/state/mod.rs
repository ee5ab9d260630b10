//! Records as a file: taken out of one store, put into another, and looked over.
//!
//! Everything works on the bytes as they lie in the store, so that whatever the
//! records hold, fields included that nobody here knows, arrives as it was.

mod check;
mod export;
mod import;
mod lines;
#[cfg(test)]
mod tests;

pub use check::{Finding, Form, check};
pub use export::{Export, export};
pub use import::{Imported, Mode, import};
pub use lines::{FILE_LEN_MAX, Mistake, Record, State, parse, write};
