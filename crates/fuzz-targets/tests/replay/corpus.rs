//! What is kept: inputs of each target, and the words that readers look for.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// An input that is worth keeping.
pub struct Kept {
    pub name: String,
    pub bytes: Vec<u8>,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

fn names(folder: &Path) -> BTreeSet<String> {
    fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

/// The targets that have a corpus.
pub fn folders() -> BTreeSet<String> {
    names(&root().join("corpus"))
}

/// The corpus of a target, ordered by name.
pub fn of(target: &str) -> Vec<Kept> {
    let folder = root().join("corpus").join(target);
    names(&folder)
        .into_iter()
        .map(|name| Kept {
            bytes: fs::read(folder.join(&name)).unwrap(),
            name,
        })
        .collect()
}

/// The words of the dictionary.
pub fn words() -> Vec<Vec<u8>> {
    let text = fs::read_to_string(root().join("words.dict")).unwrap();
    let lines = text
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(word).collect()
}

/// A line of a dictionary: a word in quotes, with `\\`, `\"` and `\xNN` in it.
fn word(line: &str) -> Vec<u8> {
    let inside = line.strip_prefix('"').unwrap().strip_suffix('"').unwrap();
    let mut word = Vec::new();
    let mut rest = inside.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'\\' {
            word.push(byte);
            continue;
        }
        match rest.next().unwrap() {
            b'x' => {
                let digits = [rest.next().unwrap(), rest.next().unwrap()];
                let digits = std::str::from_utf8(&digits).unwrap();
                word.push(u8::from_str_radix(digits, 16).unwrap());
            }
            escaped @ (b'\\' | b'"') => word.push(escaped),
            other => panic!("{line}: \\{} is no escape", char::from(other)),
        }
    }
    word
}

#[test]
fn words_are_read_as_the_fuzzer_reads_them() {
    assert_eq!(word(r#""a\"\\\x00\xffb""#), b"a\"\\\x00\xffb");
    let words = words();
    assert!(words.len() > 100);
    assert!(words.iter().all(|word| (1..=64).contains(&word.len())));
}
