//! The registry in a file, in both of its forms.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use coordinator::Clock;
use coordinator::registry::RegistryTransport;
use coordinator::registry::decode::decode_list;
use lifecycle::Timestamp;
use registry_file::{Checked, FileRegistry, Options, check};
use tokio::runtime::Builder;

use crate::{Verdict, laws};

/// The most problems of one file.
const PROBLEMS_MAX: usize = 101;

/// The 22nd of November 2026, in milliseconds since 1970: so late that heights of today
/// are believed.
const NOW: u64 = 1_795_305_600_000;

/// The clock that stands there.
struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        Timestamp(NOW)
    }
}

/// Reads a registry file, as TOML and as JSON. What is found right is listed as
/// the contract would list it, entry by entry; all that is wrong has a place in
/// the file and is fit for a log.
pub fn registry_file(bytes: &[u8]) -> Verdict {
    let mut verdict = Verdict::Refused;
    for name in ["registry.toml", "registry.json"] {
        let Ok(folder) = tempfile::tempdir() else {
            panic!("this machine has no temporary folder");
        };
        let path = folder.path().join(name);
        for (name, text) in [
            (name, bytes),
            ("feed.js", b"code".as_slice()),
            ("feed.sql", b"schema".as_slice()),
        ] {
            let written = fs::write(folder.path().join(name), text);
            assert!(written.is_ok(), "the temporary folder is full: {written:?}");
        }
        let checked = check(&path, NOW);
        well_told(bytes, &checked);
        listed_as_checked(&path, &checked);
        if checked.problems.is_empty() {
            verdict = Verdict::Read;
        }
    }
    verdict
}

fn well_told(bytes: &[u8], checked: &Checked) {
    let count = checked.problems.len();
    assert!(count <= PROBLEMS_MAX, "{count} problems are told");
    for problem in &checked.problems {
        laws::told(&problem.to_string());
        if let Some(place) = &problem.place {
            laws::line_within(place.line, bytes);
        }
    }
}

fn listed_as_checked(path: &Path, checked: &Checked) {
    let options = Options {
        versions: None,
        poll: Duration::ZERO,
        settle: Duration::ZERO,
    };
    let registry = match FileRegistry::open(path, options, Arc::new(Still)) {
        Ok(registry) => registry,
        Err(error) => panic!("a registry without versions cannot be opened: {error}"),
    };
    let Ok(runtime) = Builder::new_current_thread().build() else {
        panic!("this machine has no room for a runtime");
    };
    let answer = runtime.block_on(registry.view("list_all", b"{}"));
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => {
            assert!(
                !checked.problems.is_empty(),
                "nothing is wrong, and it is not listed: {error}"
            );
            return;
        }
    };
    let mut listing = match decode_list(&answer.result) {
        Ok(listing) => listing,
        Err(error) => panic!("what is listed cannot be read: {error}"),
    };
    assert_eq!(
        listing.quarantined,
        [],
        "what was found right makes no sense"
    );
    assert_eq!(
        listing.doubt_versions(answer.block_height),
        None,
        "a version is above the height of its own answer"
    );
    if checked.problems.is_empty() {
        assert_eq!(
            listing.indexers.len(),
            checked.indexers.len(),
            "other indexers are listed than were found right"
        );
    }
}
