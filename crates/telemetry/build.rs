//! Notes what the crate is built with, for `/version` and `build_info`.

use std::env;
use std::process::Command;

fn main() {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let answer = Command::new(rustc).arg("--version").output().ok();
    let text = answer.and_then(|answer| String::from_utf8(answer.stdout).ok());
    // "rustc 1.95.0 (hash date)": the number is what matters.
    let number = text
        .as_deref()
        .and_then(|text| text.split_whitespace().nth(1))
        .unwrap_or("unknown");
    println!("cargo::rustc-env=TELEMETRY_RUSTC={number}");
    println!("cargo::rerun-if-env-changed=COORDINATOR_COMMIT");
    println!("cargo::rerun-if-changed=build.rs");
}
