//! Builds the programs, and knows where they are.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};

use crate::arguments::Node;

/// What is built, as arguments of cargo.
const BUILD: [&str; 11] = [
    "build",
    "--package",
    "coordinator-server",
    "--package",
    "sim-store",
    "--package",
    "sim-block-streamer",
    "--package",
    "sim-executor",
    "--features",
    "sim-store/server",
];

/// The folder with the programs.
pub struct Binaries(PathBuf);

impl Binaries {
    /// The programs beside this one, built first if `build`.
    ///
    /// # Errors
    /// The build failed, or a program is missing.
    pub fn find(build: bool) -> anyhow::Result<Binaries> {
        let own = env::current_exe().context("cannot tell where this program is")?;
        let folder = own.parent().unwrap_or(Path::new("."));
        if build {
            make(folder)?;
        }
        let binaries = Binaries(folder.to_owned());
        for node in Node::ALL {
            let path = binaries.path(node);
            if !path.is_file() {
                bail!("{} is missing; start without --no-build", path.display());
            }
        }
        Ok(binaries)
    }

    /// Where the program of `node` is.
    pub fn path(&self, node: Node) -> PathBuf {
        let name = format!("{}{}", node.binary(), env::consts::EXE_SUFFIX);
        self.0.join(name)
    }
}

fn make(folder: &Path) -> anyhow::Result<()> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(BUILD).current_dir(env!("CARGO_MANIFEST_DIR"));
    // Beside this program, wherever it was built to.
    if let Some(target) = folder.parent() {
        command.arg("--target-dir").arg(target);
    }
    if folder.ends_with("release") {
        command.arg("--release");
    }
    let status = command.status().context("cannot run cargo")?;
    if !status.success() {
        bail!("cargo could not build the programs; what it said stands above");
    }
    Ok(())
}
