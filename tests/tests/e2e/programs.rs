//! The programs under test, built.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

/// Packages and the programs in them.
const PROGRAMS: [(&str, &str); 4] = [
    ("coordinator-server", "coordinator"),
    ("sim-block-streamer", "sim-block-streamer"),
    ("sim-executor", "sim-executor"),
    ("sim-registry", "sim-registry"),
];

/// Where the programs are.
#[derive(Clone, Debug)]
pub struct Programs {
    folder: PathBuf,
}

impl Programs {
    /// The programs as the sources are now. A run of all tests has built them
    /// already, for their packages' own tests; others build what is out of date.
    /// The variable `E2E_PROGRAMS` names a folder whose programs are taken as
    /// they are, such as those of a release.
    pub fn built() -> Programs {
        if let Some(folder) = env::var_os("E2E_PROGRAMS") {
            let folder = PathBuf::from(folder);
            return Programs { folder };
        }
        let folder = profile_folder();
        let fresh = |(_, name): &(&str, &str)| is_fresh(&folder, name);
        if !PROGRAMS.iter().all(fresh) {
            build(&folder);
        }
        Programs { folder }
    }

    /// The program called `name`.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

/// The folder of the build's programs: that of this one is `deps` inside it.
fn profile_folder() -> PathBuf {
    let own = env::current_exe().expect("the test program has a path");
    let folder = own.parent().and_then(Path::parent);
    folder.expect("cargo builds into folders").to_owned()
}

/// The folder that every build of this workspace goes to.
pub fn target_folder() -> PathBuf {
    let folder = profile_folder();
    folder.parent().expect("cargo builds into folders").into()
}

/// Whether the program is younger than everything it was built from.
fn is_fresh(folder: &Path, name: &str) -> bool {
    let Some(built) = changed_at(&folder.join(name)) else {
        return false;
    };
    let Ok(inputs) = fs::read_to_string(folder.join(format!("{name}.d"))) else {
        return false;
    };
    let lock = Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.lock");
    // `program: input input ...`, with blanks inside a name escaped.
    let inputs = inputs.replace("\\ ", "\0");
    let inputs = inputs.split_once(": ").map_or("", |(_, inputs)| inputs);
    inputs
        .split_whitespace()
        .map(|input| PathBuf::from(input.replace('\0', " ")))
        .chain([lock])
        .all(|input| changed_at(&input).is_some_and(|changed| changed <= built))
}

fn changed_at(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|data| data.modified()).ok()
}

fn build(folder: &Path) {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let mut command = Command::new(cargo);
    command
        .arg("build")
        .arg("--quiet")
        .arg("--target-dir")
        .arg(target_folder())
        .current_dir(env!("CARGO_MANIFEST_DIR"));
    match folder.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => {}
        Some(profile) => {
            command.args(["--profile", profile]);
        }
    }
    for (package, name) in PROGRAMS {
        command.args(["--package", package, "--bin", name]);
    }
    let output = command.output().expect("cargo starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}:\n{said}");
}
