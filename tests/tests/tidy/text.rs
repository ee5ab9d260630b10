//! Rules on words, documents and scenario files.

use std::path::Path;

use crate::source::{Source, Violation};

/// Kinds of files that people write by hand.
const WRITTEN: [&str; 8] = [
    ".rs", ".md", ".toml", ".yml", ".yaml", ".proto", ".sh", ".ci/run",
];

/// Words that say a thing is not finished, or that point out of the repository.
/// They are put together here so that the rule does not find itself.
const UNWANTED: [(&str, &str); 6] = [
    (concat!("TO", "DO"), "do it, or open an issue"),
    (concat!("FIX", "ME"), "do it, or open an issue"),
    (concat!("todo", "!("), "write the code"),
    (
        concat!("unimplemented", "!("),
        "write the code, or return an error",
    ),
    (
        concat!("#[", "ignore"),
        "make the test fast and steady, or delete it",
    ),
    (
        concat!("../", "shared"),
        "say it here: the repository stands alone",
    ),
];

pub fn unwanted_words(source: &Source) -> Vec<Violation> {
    if !WRITTEN.iter().any(|end| source.path.ends_with(end)) {
        return Vec::new();
    }
    let mut found = Vec::new();
    for (word, instead) in UNWANTED {
        let message = format!("`{word}` is not for the main branch: {instead}");
        let hits = source.text.match_indices(word);
        found.extend(hits.map(|(at, _)| source.violation(at, &*message)));
    }
    found
}

/// A scenario says first which property it defends.
pub fn scenario_opening(source: &Source) -> Vec<Violation> {
    if !(source.is_under("scenarios") && source.path.ends_with(".toml")) {
        return Vec::new();
    }
    let opening = source
        .text
        .lines()
        .find(|line| !line.trim().is_empty())
        .unwrap_or_default();
    if opening.starts_with('#') || opening.starts_with("property") {
        return Vec::new();
    }
    let message = "begin with the property that the scenario defends, in one sentence";
    vec![source.violation(0, message)]
}

/// What `cargo` can be told here.
pub struct Commands {
    pub aliases: Vec<String>,
    pub packages: Vec<String>,
    pub sim_verbs: Vec<String>,
}

const BUILT_IN: [&str; 13] = [
    "build", "check", "test", "run", "clippy", "fmt", "doc", "install", "metadata", "deny",
    "fetch", "fuzz", "mutants",
];

/// Every cargo command that a document shows can be typed.
pub fn shown_commands(source: &Source, commands: &Commands) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut offset = 0;
    let mut fenced = false;
    for line in source.text.split_inclusive('\n') {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if fenced {
            let command = line.trim().trim_start_matches("$ ");
            found.extend(command_problem(command, commands).map(|p| source.violation(offset, p)));
        } else {
            for span in line.split('`').skip(1).step_by(2) {
                found.extend(command_problem(span, commands).map(|p| source.violation(offset, p)));
            }
        }
        offset += line.len();
    }
    found
}

fn command_problem(command: &str, commands: &Commands) -> Option<String> {
    let mut words = command
        .split_whitespace()
        .filter(|word| !word.starts_with('+'));
    if words.next() != Some("cargo") {
        return None;
    }
    let verb = words.next()?;
    let known = |list: &[String], word: &str| list.iter().any(|entry| entry == word);
    if !known(&commands.aliases, verb) && !BUILT_IN.contains(&verb) {
        return Some(format!(
            "`cargo {verb}` is no command: add the alias or correct the text"
        ));
    }
    let rest: Vec<_> = words.collect();
    if verb == "sim" {
        let sim_verb = rest
            .first()
            .filter(|word| word.starts_with(|c: char| c.is_lowercase()))?;
        let unknown = !known(&commands.sim_verbs, sim_verb);
        return unknown.then(|| format!("`cargo sim {sim_verb}` is no command of the simulator"));
    }
    let package = rest.windows(2).find_map(|pair| match pair {
        ["-p" | "--package", name] if name.starts_with(|c: char| c.is_lowercase()) => Some(*name),
        _ => None,
    })?;
    let unknown = !known(&commands.packages, package);
    unknown.then(|| format!("there is no package `{package}`"))
}

/// Links between documents lead somewhere.
pub fn broken_links(source: &Source, root: &Path) -> Vec<Violation> {
    let folder = root
        .join(&source.path)
        .parent()
        .map(Path::to_owned)
        .unwrap_or_default();
    let mut found = Vec::new();
    for (at, _) in source.text.match_indices("](") {
        let target = source.text[at + 2..]
            .split([')', '#', ' '])
            .next()
            .unwrap_or_default();
        let remote = target.contains("://") || target.starts_with("mailto:");
        if !target.is_empty() && !remote && !folder.join(target).exists() {
            found.push(source.violation(at, format!("the link to `{target}` leads nowhere")));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commands() -> Commands {
        let words = |list: &[&str]| list.iter().map(|word| (*word).to_owned()).collect();
        Commands {
            aliases: words(&["sim", "verify"]),
            packages: words(&["proto"]),
            sim_verbs: words(&["run"]),
        }
    }

    #[test]
    fn unwanted_words_are_seen() {
        for (word, _) in UNWANTED {
            for file in ["a.rs", "a.md", "a/Cargo.toml", ".ci/run"] {
                let text = format!("\n {word} x");
                assert_eq!(
                    unwanted_words(&Source::new(file, &text))[0].line,
                    2,
                    "{word}"
                );
                assert_eq!(unwanted_words(&Source::new("blocks/1.json", &text)), []);
            }
        }
    }

    #[test]
    fn a_scenario_without_its_property_is_seen() {
        let of = |path: &str, text: &str| scenario_opening(&Source::new(path, text)).len();
        assert_eq!(of("scenarios/a/b.toml", "\nseeds = 3"), 1);
        assert_eq!(of("scenarios/a/b.toml", ""), 1);
        assert_eq!(of("scenarios/a/b.toml", "# It holds.\nseeds = 3"), 0);
        assert_eq!(of("scenarios/b.toml", "property = \"It holds.\""), 0);
        assert_eq!(of("crates/a/Cargo.toml", "[package]"), 0);
    }

    #[test]
    fn commands_that_do_not_exist_are_seen() {
        let problems = |text: &str| shown_commands(&Source::new("README.md", text), &commands());
        assert_eq!(problems("```\ncargo sin\n```").len(), 1);
        assert_eq!(problems("see `cargo sim jump` here")[0].line, 1);
        assert_eq!(
            problems("a\n```sh\n$ cargo test -p nothing\n```")[0].line,
            3
        );
        let good = "cargo is `cargo sim`, `cargo sim run FILE`, `cargo sim --json`\n```\n\
                    cargo verify\ncargo test -p proto\ncargo test -p CRATE\nls\n```\n";
        assert_eq!(problems(good), []);
    }

    #[test]
    fn links_that_lead_nowhere_are_seen() {
        let root = crate::source::root();
        let problems = |text: &str| broken_links(&Source::new("README.md", text), &root);
        assert_eq!(problems("[a](no/such/file.md)").len(), 1);
        assert_eq!(
            problems("[a](Cargo.toml#x) [b](https://example.org) [c](#d)"),
            []
        );
    }
}
