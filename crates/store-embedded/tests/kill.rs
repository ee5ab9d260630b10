//! Kills a process that writes, again and again, and looks at what is left.
//!
//! This program is its own victim: started with a file's name it writes to that
//! store until it dies, and tells on standard output what was acknowledged.
#![expect(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]

use std::collections::BTreeMap;
use std::env;
use std::io::{BufRead, BufReader, Write, stdout};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use bytes::Bytes;
use coordinator::store::{CasOutcome, StoreTransport};
use store_embedded::EmbeddedStore;
use tokio::runtime::Runtime;

const WRITERS: u64 = 8;
const ROUNDS: u64 = 30;

fn main() {
    if let Some(path) = env::args_os()
        .nth(1)
        .filter(|word| Path::new(word).is_absolute())
    {
        return victim(Path::new(&path));
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store.redb");
    let mut acknowledged: BTreeMap<u64, u64> = (0..WRITERS).map(|key| (key, 0)).collect();
    let mut total = 0;
    for round in 0..ROUNDS {
        // A different moment in each round, from the very first write on.
        let enough = round * round % 97;
        total += run_and_kill(&path, enough, &mut acknowledged);
        check(&path, &mut acknowledged, round);
    }
    let text = format!("{ROUNDS} kills, {total} acknowledged writes, none lost");
    let mut out = stdout().lock();
    writeln!(out, "{text}\ntest result: ok. 1 passed; 0 failed").unwrap();
}

/// Lets a victim write until it has told of `enough` writes, then kills it.
fn run_and_kill(path: &Path, enough: u64, acknowledged: &mut BTreeMap<u64, u64>) -> u64 {
    let mut child = Command::new(env::current_exe().unwrap())
        .arg(path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut told = 0;
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    for line in lines.map_while(Result::ok) {
        // The last line may be torn; a torn number is a smaller one, or none.
        let Some((key, value)) = line.split_once(' ') else {
            continue;
        };
        let (Ok(key), Ok(value)) = (key.parse(), value.trim().parse::<u64>()) else {
            continue;
        };
        let highest = acknowledged.get_mut(&key).unwrap();
        *highest = (*highest).max(value);
        told += 1;
        if told == enough.max(1) {
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    assert!(told >= enough, "the victim ended by itself");
    told
}

fn check(path: &Path, acknowledged: &mut BTreeMap<u64, u64>, round: u64) {
    let store = EmbeddedStore::open(path).unwrap();
    let keys: Vec<String> = acknowledged.keys().map(u64::to_string).collect();
    let (values, mut members) = Runtime::new().unwrap().block_on(async {
        let values = store.get_many(&keys).await.unwrap();
        (values, store.set_members("all").await.unwrap())
    });
    members.sort_unstable();
    for ((key, least), value) in acknowledged.iter_mut().zip(values) {
        let found = value.map_or(0, |value| number_in(&value));
        assert!(
            (*least..=*least + 1).contains(&found),
            "round {round}: key {key} was acknowledged as {least}, and is {found}"
        );
        assert!(
            found == 0 || members.contains(&key.to_string()),
            "round {round}: member {key} was acknowledged before its key, and is gone"
        );
        *least = found;
    }
}

/// The number that a value stands for; the value must be whole.
fn number_in(value: &Bytes) -> u64 {
    let text = std::str::from_utf8(value).unwrap();
    let number = text.split(' ').next().unwrap().parse().unwrap();
    assert_eq!(text, text_of(number), "a torn value");
    number
}

/// A value that spreads over more than one page.
fn text_of(number: u64) -> String {
    format!("{number} ").repeat(700)
}

fn victim(path: &Path) {
    Runtime::new().unwrap().block_on(async {
        let store = Arc::new(EmbeddedStore::open(path).unwrap());
        let writers: Vec<_> = (0..WRITERS)
            .map(|key| tokio::spawn(write_for_ever(Arc::clone(&store), key)))
            .collect();
        for writer in writers {
            writer.await.unwrap();
        }
    });
}

async fn write_for_ever(store: Arc<EmbeddedStore>, key: u64) {
    let name = key.to_string();
    let found = store.get_many(std::slice::from_ref(&name)).await.unwrap();
    let mut value = found.first().cloned().flatten();
    store.set_add("all", &name).await.unwrap();
    loop {
        let next = value.as_ref().map_or(0, number_in) + 1;
        let new = Bytes::from(text_of(next));
        let outcome = store
            .compare_and_set(&name, value.as_deref(), Some(&new), None)
            .await;
        assert_eq!(outcome.unwrap(), CasOutcome::Applied);
        value = Some(new);
        // Whoever listens may be gone already.
        let _unheard = stdout().write_all(format!("{key} {next}\n").as_bytes());
    }
}
