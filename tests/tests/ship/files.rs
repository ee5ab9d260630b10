//! The files that are looked at, and what the program says of itself.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use coordinator_server::settings::{self, Fallback, Setting};

/// The workspace.
pub fn root() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().unwrap().to_owned()
}

/// The text of a file, named from the root.
pub fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The files under a folder, named from the root, in order.
pub fn under(folder: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(root()).unwrap();
                found.push(name.to_str().unwrap().to_owned());
            }
        }
    }
    found.sort();
    found
}

/// Every document for people.
pub fn documents() -> Vec<String> {
    let mut documents: Vec<String> = under("docs")
        .into_iter()
        .filter(|path| path.ends_with(".md"))
        .collect();
    let here = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"];
    documents.extend(here.map(str::to_owned));
    assert!(documents.iter().any(|path| path == "docs/operations.md"));
    documents
}

/// The variables that the program reads.
pub fn variables() -> BTreeSet<String> {
    let mut names = BTreeSet::from(["COORDINATOR_CONFIG".to_owned()]);
    for setting in settings::all() {
        names.insert(setting.env.to_owned());
        if setting.is_secret() {
            names.insert(setting.file_env());
        }
    }
    let command = coordinator_server::cli::command();
    let operators = command
        .get_subcommands()
        .flat_map(|one| one.get_arguments());
    names.extend(operators.filter_map(|arg| Some(arg.get_env()?.to_str().unwrap().to_owned())));
    assert!(names.contains("REDIS_URL_FILE") && names.contains("COORDINATOR_SERVER"));
    names
}

/// The default of a setting, as it is written.
pub fn default(setting: &Setting) -> &'static str {
    match setting.default {
        Fallback::Value(value) => value,
        other => panic!("{} has no plain default: {other:?}", setting.name),
    }
}

/// The port of the operators' API.
pub fn api_port() -> u64 {
    default(&settings::GRPC_PORT).parse().unwrap()
}

/// The port of probes and metrics.
pub fn http_port() -> u64 {
    default(&settings::METRICS_PORT).parse().unwrap()
}

/// How long a service takes to stop, unless it is told otherwise.
pub fn shutdown_timeout() -> Duration {
    seconds(default(&settings::SHUTDOWN_TIMEOUT))
}

/// A duration of whole seconds, `25s`.
pub fn seconds(text: &str) -> Duration {
    let number = text.strip_suffix('s').unwrap_or(text);
    Duration::from_secs(number.parse().unwrap_or_else(|_| panic!("{text}")))
}

/// The user of the images.
pub const USER: u64 = 65532;

/// Where the program lies in the image.
pub const PROGRAM: &str = "/usr/local/bin/coordinator";
