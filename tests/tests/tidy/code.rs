//! Rules on Rust code that keep every run repeatable.

use crate::source::{Source, Violation, is_identifier};

/// The one crate that knows the simulated runtime.
const SIMULATOR: &str = "crates/simulator";

/// The simulated build is told apart in one crate only.
pub fn simulated_runtime(source: &Source) -> Vec<Violation> {
    if source.is_under(SIMULATOR) {
        return Vec::new();
    }
    let message = "only crates/simulator knows the simulated runtime: pass the difference in \
                   through a trait, or rename the dependency in a manifest";
    source
        .words("madsim")
        .into_iter()
        .map(|at| source.violation(at, message))
        .collect()
}

/// `select!` polls its branches in a random order unless told otherwise.
pub fn biased_select(source: &Source) -> Vec<Violation> {
    let is_biased = |at: &usize| {
        let body = source.code[at + "select!".len()..].trim_start();
        let body = body
            .strip_prefix(['{', '(', '['])
            .unwrap_or(body)
            .trim_start();
        body.strip_prefix("biased")
            .is_some_and(|rest| rest.trim_start().starts_with(';'))
    };
    let mut calls = source.words("select!");
    calls.retain(|at| !is_biased(at));
    let message = "write `biased;` first in `select!`, and order the branches by priority";
    calls
        .into_iter()
        .map(|at| source.violation(at, message))
        .collect()
}

/// A thing that makes two runs of one seed differ.
struct Forbidden {
    word: &'static str,
    instead: &'static str,
}

const FORBIDDEN: [Forbidden; 13] = [
    Forbidden {
        word: "SystemTime::now",
        instead: "take the time from the caller",
    },
    Forbidden {
        word: "thread::spawn",
        instead: "spawn a task",
    },
    Forbidden {
        word: "thread::Builder",
        instead: "spawn a task",
    },
    Forbidden {
        word: "thread::scope",
        instead: "spawn a task",
    },
    Forbidden {
        word: "thread::sleep",
        instead: "wait for the event, or await the runtime's sleep",
    },
    Forbidden {
        word: "rand::rng",
        instead: "draw from an Rng derived from the seed",
    },
    Forbidden {
        word: "rand::random",
        instead: "draw from an Rng derived from the seed",
    },
    Forbidden {
        word: "thread_rng",
        instead: "draw from an Rng derived from the seed",
    },
    Forbidden {
        word: "OsRng",
        instead: "draw from an Rng derived from the seed",
    },
    Forbidden {
        word: "from_os_rng",
        instead: "draw from an Rng derived from the seed",
    },
    Forbidden {
        word: "fastrand",
        instead: "draw from an Rng derived from the seed",
    },
    Forbidden {
        word: "Uuid::new_v4",
        instead: "derive the id from the seed",
    },
    Forbidden {
        word: "RandomState",
        instead: "use a BTreeMap",
    },
];

/// Code that runs outside any simulation, and may do what is forbidden inside.
pub struct Exception {
    /// A file, or a folder if it ends in `/`.
    pub path: &'static str,
    pub word: &'static str,
    /// For the reader of the list.
    #[expect(dead_code, reason = "it documents the exception where it is made")]
    pub reason: &'static str,
}

impl Exception {
    pub fn covers(&self, source: &Source, word: &str) -> bool {
        let inside = self.path.ends_with('/') && source.path.starts_with(self.path);
        self.word == word && (inside || source.path == self.path)
    }
}

/// Wall clocks, threads and unseeded randomness.
pub fn hidden_inputs(source: &Source, exceptions: &[Exception]) -> Vec<Violation> {
    let mut found = Vec::new();
    for Forbidden { word, instead } in &FORBIDDEN {
        if exceptions
            .iter()
            .any(|exception| exception.covers(source, word))
        {
            continue;
        }
        let message = format!("`{word}` differs from run to run: {instead}");
        found.extend(
            source
                .words(word)
                .into_iter()
                .map(|at| source.violation(at, &*message)),
        );
    }
    let word = "Instant::now";
    if !uses_runtime_clock(source) && !exceptions.iter().any(|e| e.covers(source, word)) {
        let message = "`Instant::now` of the wall clock differs from run to run: take the time \
                       from the caller, or use tokio::time::Instant in the coordinator";
        found.extend(
            source
                .words(word)
                .into_iter()
                .map(|at| source.violation(at, message)),
        );
    }
    found
}

/// Whether the file's `Instant` is the runtime's, which the simulator controls.
fn uses_runtime_clock(source: &Source) -> bool {
    let imports = |path: &str| {
        source.words(path).into_iter().any(|at| {
            let rest = &source.code[at + path.len()..];
            let names = rest.strip_prefix("::").unwrap_or_default();
            let group = names
                .strip_prefix('{')
                .and_then(|names| names.split('}').next());
            group.map_or(names.starts_with("Instant"), |names| {
                names.contains("Instant")
            })
        })
    };
    imports("tokio::time") && !imports("std::time")
}

/// State that outlives a run in the same process.
pub fn global_state(source: &Source) -> Vec<Violation> {
    const SHARED: [&str; 5] = ["Atomic", "Mutex", "RwLock", "RefCell", "Cell<"];
    let mut found = Vec::new();
    for at in source.words("static") {
        let is_lifetime = at > 0 && source.code.as_bytes()[at - 1] == b'\'';
        let declaration = source.code[at..]
            .split(['=', ';', '{'])
            .next()
            .unwrap_or_default();
        if !is_lifetime
            && declaration.contains(':')
            && SHARED.iter().any(|word| declaration.contains(word))
        {
            let message = "a global that changes leaks from one run into the next: hold it in a \
                           value that the run owns";
            found.push(source.violation(at, message));
        }
    }
    found
}

/// A lint that is silenced without a word.
pub fn silenced_lints(source: &Source) -> Vec<Violation> {
    let message = "use `#[expect(..., reason = \"...\")]`, or give the `allow` its reason";
    let mut found = Vec::new();
    for opening in ["[allow(", "[expect("] {
        for (at, _) in source.code.match_indices(opening) {
            let attribute = source.code[at..].split(']').next().unwrap_or_default();
            if source.code[..at].ends_with(['#', '!']) && !attribute.contains("reason") {
                found.push(source.violation(at, message));
            }
        }
    }
    found
}

/// Hash maps are for lookups: their order differs from run to run.
pub fn hash_order(source: &Source) -> Vec<Violation> {
    const WALKS: [&str; 10] = [
        "iter",
        "iter_mut",
        "into_iter",
        "keys",
        "into_keys",
        "values",
        "values_mut",
        "into_values",
        "drain",
        "retain",
    ];
    let message = "the order of a hash map differs from run to run: use a BTreeMap or a Vec where \
                   something is walked";
    let mut found = Vec::new();
    for name in hashed_names(source) {
        for at in source.words(&name) {
            let rest = source.code[at + name.len()..].trim_start();
            let method = rest.strip_prefix('.').map(|rest| {
                let rest = rest.trim_start();
                rest.split(|c: char| !is_identifier_char(c))
                    .next()
                    .unwrap_or_default()
            });
            let walked = method.is_some_and(|method| WALKS.contains(&method));
            if walked || is_loop_over(&source.code[..at], rest) {
                found.push(source.violation(at, message));
            }
        }
    }
    found
}

fn is_identifier_char(c: char) -> bool {
    u8::try_from(c).map_or(true, is_identifier)
}

fn is_loop_over(before: &str, rest: &str) -> bool {
    let before = before.strip_suffix("self.").unwrap_or(before).trim_end();
    let before = before.strip_suffix("mut").unwrap_or(before).trim_end();
    let before = before.strip_suffix('&').unwrap_or(before).trim_end();
    rest.starts_with('{') && before.ends_with(" in")
}

/// Fields and variables declared as `name: HashMap<..>` or `name = HashMap::..`.
fn hashed_names(source: &Source) -> Vec<String> {
    let mut names = Vec::new();
    for kind in ["HashMap", "HashSet"] {
        for at in source.words(kind) {
            let before = source.code[..at]
                .trim_end_matches(|c: char| is_identifier_char(c) || c.is_whitespace() || c == '&');
            // A path before the type's name: `std::collections::`.
            let mut before = before;
            while let Some(shorter) = before.strip_suffix("::") {
                before = shorter.trim_end_matches(is_identifier_char);
            }
            let Some(declared) = before.trim_end().strip_suffix([':', '=']) else {
                continue;
            };
            let declared = declared.trim_end();
            let start = declared.trim_end_matches(is_identifier_char).len();
            let name = declared[start..].to_owned();
            if !name.is_empty() && !names.contains(&name) {
                names.push(name);
            }
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> Source {
        Source::new("crates/coordinator/src/lib.rs", text)
    }

    #[test]
    fn the_simulated_runtime_is_seen() {
        assert_eq!(
            simulated_runtime(&source("#[cfg(madsim)]\nfn a() {}")).len(),
            1
        );
        assert_eq!(
            simulated_runtime(&source("#[cfg(not(madsim))]\nfn a() {}")).len(),
            1
        );
        assert_eq!(
            simulated_runtime(&source("// cfg(madsim)\nlet madsimple = 1;")),
            []
        );
        let allowed = Source::new("crates/simulator/src/lib.rs", "#[cfg(madsim)]");
        assert_eq!(simulated_runtime(&allowed), []);
    }

    #[test]
    fn an_unbiased_select_is_seen() {
        let bad = "tokio::select! { a = b => {} }\nselect!(x)\nselect! { biased_a = b => {} }";
        let lines: Vec<_> = biased_select(&source(bad))
            .into_iter()
            .map(|v| v.line)
            .collect();
        assert_eq!(lines, [1, 2, 3]);
        let good = "tokio::select! {\n // why\n biased;\n a = b => {} }\nselect_all!()";
        assert_eq!(biased_select(&source(good)), []);
    }

    #[test]
    fn hidden_inputs_are_seen_unless_excepted() {
        for forbidden in &FORBIDDEN {
            let text = format!("fn a() {{ std::{}(); }}", forbidden.word);
            assert_eq!(hidden_inputs(&source(&text), &[]).len(), 1, "{text}");
            let path = "crates/coordinator/src/";
            let exception = Exception {
                path,
                word: forbidden.word,
                reason: "",
            };
            assert_eq!(hidden_inputs(&source(&text), &[exception]), []);
        }
    }

    #[test]
    fn the_wall_clock_is_told_from_the_runtime_s() {
        let count = |text: &str| hidden_inputs(&source(text), &[]).len();
        assert_eq!(count("use std::time::Instant; let a = Instant::now();"), 1);
        assert_eq!(
            count("use real_tokio::time::Instant; let a = Instant::now();"),
            1
        );
        assert_eq!(
            count("use std::time::{Duration, Instant}; use tokio::time; Instant::now()"),
            1
        );
        assert_eq!(
            count("use tokio::time::{Instant, sleep}; let a = Instant::now();"),
            0
        );
        assert_eq!(count("let a = tokio::time::Instant::now();"), 0);
    }

    #[test]
    fn global_state_is_seen() {
        assert_eq!(
            global_state(&source("static NEXT: AtomicU64 = AtomicU64::new(0);")).len(),
            1
        );
        assert_eq!(
            global_state(&source("static A: std::sync::Mutex<u8> = x;")).len(),
            1
        );
        let good = "static A: [u8; 2] = [1, 2];\nfn a(b: &'static Mutex<u8>) {}";
        assert_eq!(global_state(&source(good)), []);
    }

    #[test]
    fn lints_silenced_without_a_word_are_seen() {
        let count = |text: &str| silenced_lints(&source(text)).len();
        assert_eq!(count("#[allow(dead_code)] // why"), 1);
        assert_eq!(count("#![allow(\n    a,\n    b,\n)]"), 1);
        assert_eq!(count("#[expect(dead_code)]"), 1);
        assert_eq!(
            count("#[expect(dead_code, reason = \"why\")] #[derive(Debug)]"),
            0
        );
    }

    #[test]
    fn walks_over_hash_maps_are_seen() {
        let field = "struct A { map: std::collections::HashMap<u8, u8> }\n";
        for walk in [
            "self.map.iter()",
            "self.map\n  .values()",
            "for a in &self.map {}",
        ] {
            let text = format!("{field}fn f() {{ {walk} }}");
            assert_eq!(hash_order(&source(&text)).len(), 1, "{walk}");
        }
        let variable = "let mut seen = HashSet::new(); for a in seen {}";
        assert_eq!(hash_order(&source(variable)).len(), 1);
        let lookups = format!("{field}self.map.get(&1); self.map.len(); other.iter(); map_of(1)");
        assert_eq!(hash_order(&source(&lookups)), []);
    }
}
