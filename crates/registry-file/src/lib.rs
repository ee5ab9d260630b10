//! The registry in a watched file or folder, for trials and closed installations.
//!
//! A file lists indexers, either for people (TOML) or as the contract does (the
//! JSON of its view `list_all`); a folder holds several such files. What is
//! edited there is taken over within moments, no restart is needed:
//!
//! ```toml
//! [chain]                         # what heights mean; see below
//! height = 130_000_000
//!
//! [[indexer]]
//! account = "alice.near"
//! function = "feed"
//! start = "LATEST"                # or "CONTINUE", or a height
//! rule = { any = "social.near, *.alice.near", status = "SUCCESS" }
//! code_file = "feed.js"           # or code = "..."
//! schema = "CREATE TABLE ..."     # or schema_file = "..."
//!
//! [[indexer]]
//! account = "alice.near"
//! function = "calls"
//! start = 129_000_000
//! rule = { call = "dex.near", function = "swap" }
//! code_file = "calls.js"
//! schema_file = "calls.sql"
//! ```
//!
//! **A deletion is an entry that was taken out of a file** that can be read. A
//! file that is missing, empty, half written or wrong deletes nothing: what was
//! read last stays in force, and the problem is reported with file, line and
//! column. To delete the last indexer of a file, write `indexer = []` (in JSON
//! `{}`). A changed file counts once it has been left alone for a moment
//! ([`Options::settle`]); writing beside it and renaming is safer still.
//!
//! **In a folder an entry may go to another file** and keeps its version. So a deletion
//! waits until the whole folder is right and has been left alone for that moment more,
//! and the indexer stays as it was known; for 300 times that moment at most.
//!
//! **Versions** grow with every change, as the contract's do, and are kept with
//! the tombstones in a small file beside the registry (`NAME.versions.json`), so
//! that a restart changes nothing. If that file is lost, tombstones are
//! forgotten (nothing is deleted by that) and every indexer gets a version of
//! the present, which makes it start anew. One coordinator writes it; two must
//! not share it.
//!
//! **Heights.** `"LATEST"` means the height of the registration, so the file has
//! to say what height it is: `[chain]` with `height`, the time `at` which the
//! chain was there (`2026-11-22T00:00:00Z`; if absent, the time at which the file
//! was first read), and the `block_time` (`"1s"` if absent). Without `[chain]`
//! heights are seconds since 1970: fine for versions, and refused for `"LATEST"`
//! and `"CONTINUE"`. An entry may also name its `version` itself; with changed
//! content it counts only if it has grown. Decide on `[chain]` from the
//! beginning: heights never go back, and a registry that had it counts as wrong
//! without it. What the chain cannot have reached by then, at
//! four times the pace and with a day to spare, is not believed: an entry with such a
//! version does not count, and the height of the answers follows no such height.

mod book;
mod check;
mod contract_form;
mod entry;
mod files;
mod heights;
mod json_object;
mod merge;
mod problem;
mod registry;
mod rest;
mod source;
mod state;
mod toml_form;
mod toml_table;

pub use check::{Checked, check};
pub use problem::{Place, Problem};
pub use registry::{FileRegistry, OpenError, Options};
