//! Shows what it costs to make writes durable one by one, and together.
//!
//! `cargo run --release -p store-embedded --example group_commit [DIRECTORY]`

use std::env;
use std::error::Error;
use std::io::{Write, stdout};
use std::path::PathBuf;
use std::sync::Arc;

use coordinator::store::StoreTransport;
use store_embedded::EmbeddedStore;
use tokio::task::JoinSet;
use tokio::time::Instant;

const ALONE: u64 = 200;
const TOGETHER: u64 = 5_000;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let directory = env::args_os()
        .nth(1)
        .map_or_else(env::temp_dir, PathBuf::from);
    let path = directory.join(format!("group-commit-{}.redb", std::process::id()));
    let outcome = measure(&path).await;
    std::fs::remove_file(&path)?;
    outcome
}

async fn measure(path: &std::path::Path) -> Result<(), Box<dyn Error>> {
    let store = Arc::new(EmbeddedStore::open(path)?);
    let value = vec![b'x'; 300];
    let began = Instant::now();
    for number in 0..ALONE {
        let key = format!("alone/{number}:state");
        store
            .compare_and_set(&key, None, Some(&value), None)
            .await?;
    }
    let alone = began.elapsed().as_secs_f64() / ALONE as f64;
    let before = store.commits();
    let began = Instant::now();
    let mut writes = JoinSet::new();
    for number in 0..TOGETHER {
        let (store, value) = (Arc::clone(&store), value.clone());
        writes.spawn(async move {
            let key = format!("together/{number}:state");
            store.compare_and_set(&key, None, Some(&value), None).await
        });
    }
    while let Some(written) = writes.join_next().await {
        written??;
    }
    let together = began.elapsed().as_secs_f64() / TOGETHER as f64;
    let commits = store.commits() - before;
    let mut out = stdout().lock();
    writeln!(out, "one after the other: {:8.1} us a write", alone * 1e6)?;
    writeln!(
        out,
        "{TOGETHER} at once:       {:8.1} us a write, {commits} syncs",
        together * 1e6
    )?;
    writeln!(out, "ratio: {:.0}", alone / together)?;
    Ok(())
}
