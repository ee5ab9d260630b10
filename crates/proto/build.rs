//! Compiles the `.proto` files without a system `protoc`.

use std::{env, error::Error, fs, path::PathBuf};

use prost::Message;

const FILES: [&str; 5] = [
    "block_streamer.proto",
    "runner.proto",
    "data_layer.proto",
    "indexer.proto",
    "coordinator.proto",
];
const FOLDER: &str = "proto";
const GRPC_ONLY: &str = r#"#[cfg(feature = "grpc")]"#;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed={FOLDER}");
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?);

    let files = protox::compile(FILES, [FOLDER])?;
    // Reflection needs the declarations only; comments would double its size.
    let mut bare = files.clone();
    for file in &mut bare.file {
        file.source_code_info = None;
    }
    fs::write(out.join("descriptor_set.bin"), bare.encode_to_vec())?;

    tonic_prost_build::configure()
        // The transport is chosen by whoever opens the channel.
        .build_transport(false)
        .client_mod_attribute(".", GRPC_ONLY)
        .server_mod_attribute(".", GRPC_ONLY)
        .out_dir(out)
        .compile_fds(files)?;
    Ok(())
}
