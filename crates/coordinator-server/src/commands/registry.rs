//! `registry check`.

use std::path::Path;

use crate::boot;
use crate::commands::Console;
use crate::exit::Exit;

/// Says whether a registry file can be used, and what it holds.
pub fn registry_check(path: &Path, console: &mut Console<'_>) -> Exit {
    let checked = registry_file::check(path, boot::now());
    let mut text = String::new();
    for name in &checked.indexers {
        text.push_str(&format!("{}\n", admin_cli::escape(name)));
    }
    if checked.indexers.is_empty() && checked.problems.is_empty() {
        let path = path.display();
        console.talk(&format!("{path}: right, and without any indexer\n"));
    }
    let written = console.data(&text);
    for problem in &checked.problems {
        console.talk(&format!("error: {problem}\n"));
    }
    match checked.problems.is_empty() {
        true => written,
        false => Exit::Config,
    }
}
