//! The files of the repository, and Rust code with its comments and literals
//! blanked, so that rules see code only.

use std::{
    fmt, fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Where a rule is broken, how, and what to do instead.
#[derive(Debug, PartialEq, Eq)]
pub struct Violation {
    pub file: String,
    pub line: usize,
    pub message: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.message)
    }
}

/// One file: its path from the root with `/`, its text, and its code alone.
pub struct Source {
    pub path: String,
    pub text: String,
    /// As long as `text`, line by line: comments, strings and characters are blank.
    pub code: String,
}

impl Source {
    pub fn new(path: &str, text: &str) -> Self {
        let code = if path.ends_with(".rs") {
            blank_literals(text)
        } else {
            String::new()
        };
        Self {
            path: path.to_owned(),
            text: text.to_owned(),
            code,
        }
    }

    /// The crate folder the file lies in, `crates/NAME` or a top-level folder.
    pub fn is_under(&self, folder: &str) -> bool {
        self.path
            .strip_prefix(folder)
            .is_some_and(|rest| rest.starts_with('/'))
    }

    pub fn line_at(&self, offset: usize) -> usize {
        let before = self.text.as_bytes().iter().take(offset);
        before.filter(|&&byte| byte == b'\n').count() + 1
    }

    pub fn violation(&self, offset: usize, message: impl Into<String>) -> Violation {
        let line = self.line_at(offset);
        Violation {
            file: self.path.clone(),
            line,
            message: message.into(),
        }
    }

    /// Offsets in the code at which `word` stands alone, not as a part of a
    /// longer identifier. It may contain `::` and end in `!`.
    pub fn words(&self, word: &str) -> Vec<usize> {
        let code = self.code.as_bytes();
        let joined = |at: Option<&u8>| at.is_some_and(|byte| is_identifier(*byte));
        let alone = |offset: usize| {
            let before = offset.checked_sub(1).and_then(|at| code.get(at));
            !joined(before) && (word.ends_with('!') || !joined(code.get(offset + word.len())))
        };
        self.code
            .match_indices(word)
            .map(|(at, _)| at)
            .filter(|&at| alone(at))
            .collect()
    }
}

pub fn is_identifier(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || !byte.is_ascii()
}

/// The workspace's root.
pub fn root() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests
        .parent()
        .expect("the tests lie in the workspace")
        .to_owned()
}

/// All text files that are, or could be, committed; sorted by path.
pub fn all() -> Vec<Source> {
    let root = root();
    let mut paths = listed_by_git(&root).unwrap_or_else(|| walked(&root));
    paths.sort();
    let read = |path: String| {
        let text = fs::read_to_string(root.join(&path)).ok()?;
        Some(Source::new(&path, &text))
    };
    paths.into_iter().filter_map(read).collect()
}

/// The Rust sources among them.
pub fn rust() -> Vec<Source> {
    all()
        .into_iter()
        .filter(|source| source.path.ends_with(".rs"))
        .collect()
}

fn listed_by_git(root: &Path) -> Option<Vec<String>> {
    let arguments = [
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
    ];
    let output = Command::new("git")
        .args(arguments)
        .current_dir(root)
        .output()
        .ok()?;
    let list = String::from_utf8(output.stdout).ok()?;
    let paths: Vec<_> = list
        .split('\0')
        .filter(|path| !path.is_empty())
        .map(str::to_owned)
        .collect();
    (output.status.success() && !paths.is_empty()).then_some(paths)
}

/// For a copy without git: everything but what is built or hidden tooling state.
fn walked(root: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder).into_iter().flatten().flatten();
        for path in entries.map(|entry| entry.path()) {
            let name = path
                .file_name()
                .map(|name| name.to_string_lossy().into_owned());
            let skipped = ["target", ".git", ".sim"].map(|name| Some(name.to_owned()));
            if skipped.contains(&name) {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(inside) = path.strip_prefix(root) {
                found.push(inside.to_string_lossy().replace('\\', "/"));
            }
        }
    }
    found
}

/// Replaces comments and literals by spaces of the same length; lines stay.
pub fn blank_literals(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut code = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let end = literal_end(bytes, at);
        for byte in code.iter_mut().take(end).skip(at) {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
        at = end.max(at + 1);
    }
    String::from_utf8_lossy(&code).into_owned()
}

/// The end of the comment or literal that begins at `at`, or `at` if none does.
fn literal_end(bytes: &[u8], at: usize) -> usize {
    let rest = &bytes[at..];
    let fresh = at == 0 || !is_identifier(bytes[at - 1]);
    match rest {
        [b'/', b'/', ..] => at + position(rest, b"\n").unwrap_or(rest.len()),
        [b'/', b'*', ..] => at + block_comment_length(rest),
        [b'"', ..] => at + quoted_length(rest, b'"'),
        [b'\'', b'\\', ..] => at + quoted_length(rest, b'\''),
        [b'\'', next, ..] => {
            // A lifetime has no closing quote after its first character.
            let width = match next {
                0xf0.. => 4,
                0xe0.. => 3,
                0xc0.. => 2,
                _ => 1,
            };
            if rest.get(1 + width) == Some(&b'\'') {
                at + width + 2
            } else {
                at
            }
        }
        [b'r' | b'b' | b'c', ..] if fresh => at + raw_string_length(rest),
        _ => at,
    }
}

fn position(bytes: &[u8], pattern: &[u8]) -> Option<usize> {
    bytes
        .windows(pattern.len())
        .position(|window| window == pattern)
}

fn block_comment_length(bytes: &[u8]) -> usize {
    let (mut at, mut depth) = (0, 0);
    while at < bytes.len() {
        match &bytes[at..] {
            [b'/', b'*', ..] => (at, depth) = (at + 2, depth + 1),
            [b'*', b'/', ..] => (at, depth) = (at + 2, depth - 1),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    at
}

fn quoted_length(bytes: &[u8], quote: u8) -> usize {
    let mut at = 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            byte if byte == quote => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// Length of `r"..."`, `br#"..."#` and the like; 0 if it is none of them.
fn raw_string_length(bytes: &[u8]) -> usize {
    let prefix = if bytes.first() == Some(&b'r') { 1 } else { 2 };
    if prefix == 2 && bytes.get(1) != Some(&b'r') {
        return 0;
    }
    let hashes = bytes
        .iter()
        .skip(prefix)
        .take_while(|&&byte| byte == b'#')
        .count();
    let start = prefix + hashes;
    if bytes.get(start) != Some(&b'"') {
        return 0;
    }
    let mut closing = vec![b'"'];
    closing.resize(hashes + 1, b'#');
    let body = &bytes[start + 1..];
    position(body, &closing).map_or(bytes.len(), |end| start + 1 + end + closing.len())
}

#[test]
fn literals_and_comments_are_blank() {
    let code = blank_literals("a /* x /* y */ z */ b // c\n\"d\\\"e\" f 'g' '\\'' 'h: &'static");
    assert_eq!(
        code,
        "a                   b     \n       f          'h: &'static"
    );
    assert_eq!(
        blank_literals("r#\"x\"y\"# r#type br\"z\" 'é' b'q'"),
        "         r#type            b   "
    );
    assert_eq!(blank_literals("let var = ber\"open"), "let var = ber     ");
}

#[test]
fn words_stand_alone() {
    let source = Source::new("a.rs", "rand::rng; my_rand::rng; rand::rng2; \"rand::rng\"");
    assert_eq!(source.words("rand::rng"), [0]);
    let source = Source::new("a.rs", "\nselect!{} my_select!{} tokio::select!(x)");
    assert_eq!(source.words("select!").len(), 2);
    assert_eq!(source.line_at(source.words("select!")[0]), 2);
}

#[test]
fn the_repository_is_found_with_and_without_git() {
    let this = "tests/tests/tidy/source.rs";
    assert!(all().iter().any(|source| source.path == this));
    assert!(walked(&root()).iter().any(|path| path == this));
    assert!(
        !walked(&root())
            .iter()
            .any(|path| path.starts_with("target/"))
    );
}
