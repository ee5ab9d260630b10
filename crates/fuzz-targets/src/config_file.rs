//! The coordinator's configuration file.

use std::fs;
use std::path::Path;

use coordinator_server::config::{self, Loaded, Sources};

use crate::{Verdict, laws};

/// Reads a configuration file, with nothing in the environment. It is used or
/// refused, never both; what is said about it is fit for a terminal; and what
/// `config print` prints of one that can be used means the same.
pub fn config_file(bytes: &[u8]) -> Verdict {
    let Ok(folder) = tempfile::tempdir() else {
        panic!("this machine has no temporary folder");
    };
    let loaded = load(folder.path(), bytes);
    assert_eq!(
        loaded.config.is_some(),
        loaded.problems.is_empty(),
        "a configuration is used although something is wrong, or refused although nothing is"
    );
    for problem in loaded.problems.iter().chain(&loaded.warnings) {
        laws::told(&problem.one_line());
    }
    laws::printable(&config::report(&loaded.problems));
    let json = config::json(&loaded.rows, &loaded.problems, &loaded.warnings);
    let json = serde_json::from_str::<serde_json::Value>(&json);
    assert!(json.is_ok(), "what is printed is no JSON: {json:?}");
    let printed = config::toml(&loaded.rows);
    // What is hidden cannot be read again.
    if loaded.config.is_some() && !loaded.rows.iter().any(|row| row.hidden) {
        let again = load(folder.path(), printed.as_bytes());
        assert!(
            again.config == loaded.config,
            "what is printed means something else: {:?}\n{printed}",
            again.problems
        );
    }
    Verdict::of(loaded.config.is_some())
}

fn load(folder: &Path, bytes: &[u8]) -> Loaded {
    let path = folder.join("coordinator.toml");
    let written = fs::write(&path, bytes);
    assert!(written.is_ok(), "the temporary folder is full: {written:?}");
    config::load(&Sources {
        config: Some(path),
        ..Sources::default()
    })
}
