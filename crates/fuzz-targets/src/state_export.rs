//! The file that `coordinator state export` writes.

use std::collections::BTreeSet;

use coordinator::store::codec::RECORD_LEN_MAX;
use coordinator_server::state::{Mistake, State, parse, write};
use sha2::{Digest, Sha256};

use crate::{Verdict, laws};

/// The most mistakes that are told of a file.
const MISTAKES_MAX: usize = 20;

/// Reads an export of which only the lines before the last are given: the last one,
/// with the checksum, is added, since nobody guesses one. What is read is bounded,
/// holds each record once, and comes back as it was from a file of its own.
pub fn state_export(bytes: &[u8]) -> Verdict {
    // Without a last line it is cut off, whatever it says.
    if let Err(mistakes) = parse(bytes) {
        told(&mistakes, bytes);
    }
    let file = sealed(bytes);
    match parse(&file) {
        Ok(state) => {
            bounded(&state);
            let mut written = Vec::new();
            write(&state, &mut written).expect("memory takes everything");
            let again = parse(&written).expect("what was written can be read");
            assert_eq!(content(&again), content(&state), "it changes on its way");
            Verdict::Read
        }
        Err(mistakes) => {
            told(&mistakes, &file);
            Verdict::Refused
        }
    }
}

/// The lines, and the line that ends a file.
fn sealed(lines: &[u8]) -> Vec<u8> {
    let mut file = lines.to_vec();
    if file.last().is_some_and(|last| *last != b'\n') {
        file.push(b'\n');
    }
    let count = file.iter().filter(|byte| **byte == b'\n').count();
    let sum: String = Sha256::digest(&file)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let end = format!("{{\"kind\":\"end\",\"lines\":{count},\"sha256\":\"{sum}\"}}\n");
    file.extend_from_slice(end.as_bytes());
    file
}

fn told(mistakes: &[Mistake], file: &[u8]) {
    assert!(!mistakes.is_empty(), "refused, and nobody says why");
    assert!(mistakes.len() <= MISTAKES_MAX, "mistakes have no bound");
    for mistake in mistakes {
        laws::told(&mistake.why);
        laws::line_within(mistake.line, file);
    }
}

fn bounded(state: &State) {
    let keys: BTreeSet<&str> = state.records.iter().map(|it| it.key.as_str()).collect();
    assert_eq!(keys.len(), state.records.len(), "a record is there twice");
    for record in &state.records {
        assert!(
            record.value.len() <= RECORD_LEN_MAX,
            "a record has no bound"
        );
        let named = coordinator::store::keys::indexer_of(&record.key);
        assert!(named.is_ok(), "a record of nobody");
    }
}

/// What a file says, without where it says so.
fn content(state: &State) -> State {
    let mut content = state.clone();
    for record in &mut content.records {
        record.line = 0;
    }
    content
}
