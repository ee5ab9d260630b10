//! Every `coordinator ...` that a document shows can be typed.

use clap::error::ErrorKind;

use crate::files::{documents, read};

/// Whether the program understands `words`, its own name first.
///
/// # Errors
/// What it says.
pub fn parse(words: impl IntoIterator<Item = String>) -> Result<(), clap::Error> {
    let command = coordinator_server::cli::command();
    match command.try_get_matches_from(words) {
        Err(error) if !is_help(error.kind()) => Err(error),
        _ => Ok(()),
    }
}

fn is_help(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::DisplayHelp | ErrorKind::DisplayVersion)
}

/// The words of the first command of a line, as a shell would see them.
fn words(line: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut open = false;
    let mut quote = None;
    for c in line.chars() {
        match (quote, c) {
            (Some(end), _) if c == end => quote = None,
            (None, '"' | '\'') => {
                quote = Some(c);
                if !open {
                    words.push(String::new());
                    open = true;
                }
            }
            (None, '|' | ';' | '&' | '<' | '>' | '#' | '(' | ')') => break,
            (None, c) if c.is_whitespace() => open = false,
            _ => {
                if !open {
                    words.push(String::new());
                    open = true;
                }
                words.last_mut().unwrap().push(c);
            }
        }
    }
    words
}

/// The command of the coordinator in a line, if there is one.
fn command_in(line: &str) -> Option<Vec<String>> {
    let line = line.trim().trim_start_matches("$ ");
    // A text often says beside the command what it does.
    let line = line.split("   ").next().unwrap_or_default();
    let mut words = words(line);
    let is_assignment = |word: &str| {
        let name = word.split_once('=').map_or("", |(name, _)| name);
        !name.is_empty() && name.chars().all(|c| c.is_ascii_uppercase() || c == '_')
    };
    while words
        .first()
        .is_some_and(|word| word == "sudo" || is_assignment(word))
    {
        words.remove(0);
    }
    let outer = words.first()?.clone();
    let inner = match outer.as_str() {
        "coordinator" => Some(0),
        "kubectl" => words.iter().position(|word| word == "--").map(|at| at + 1),
        "docker" => {
            let verb = words
                .iter()
                .position(|word| word == "exec" || word == "run");
            // The first is the container's or the image's name.
            let first = |at: usize| words.iter().skip(at).position(|word| word == "coordinator");
            match verb.map(|at| words[at].as_str()) {
                Some("exec") => verb.and_then(|at| Some(at + first(at)? + 1)),
                Some("run") => verb.and_then(|at| Some(at + first(at)?)),
                _ => None,
            }
        }
        _ => None,
    }?;
    words.drain(..inner);
    let is_program = words.first().is_some_and(|word| word == "coordinator");
    let is_placeholder = words.get(1).is_some_and(|word| word == "COMMAND");
    (is_program && !is_placeholder).then_some(words)
}

/// The commands of a document with the numbers of their lines.
fn commands(text: &str) -> Vec<(usize, Vec<String>, bool)> {
    let mut found = Vec::new();
    let mut fenced = false;
    let mut shown = false;
    let mut begun = String::new();
    for (index, line) in text.lines().enumerate() {
        if let Some(language) = line.trim_start().strip_prefix("```") {
            fenced = !fenced;
            shown = ["sh", "console", "text", "bash"].contains(&language);
        } else if fenced && shown {
            if let Some(part) = line.strip_suffix('\\') {
                begun.push_str(part);
                continue;
            }
            let whole = std::mem::take(&mut begun) + line;
            let usage = whole.trim_start().starts_with("Usage:");
            let command = if usage { None } else { command_in(&whole) };
            found.extend(command.map(|words| (index + 1, words, false)));
        } else if !fenced {
            for span in line.split('`').skip(1).step_by(2) {
                found.extend(command_in(span).map(|words| (index + 1, words, true)));
            }
        }
    }
    found
}

/// What is wrong with the commands of a document.
fn problems(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (line, words, inline) in commands(text) {
        let shown = words.join(" ");
        let bare = inline && words.iter().all(|word| !word.starts_with('-'));
        if let Err(error) = parse(words) {
            // A sentence may name a command without what goes with it.
            let lacks = [
                ErrorKind::MissingRequiredArgument,
                ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand,
            ];
            if !(bare && lacks.contains(&error.kind())) {
                found.push(format!("{line}: `{shown}`: {error}"));
            }
        }
    }
    found
}

#[test]
fn documents_show_commands_that_can_be_typed() {
    let mut seen = 0;
    for path in documents() {
        let text = read(&path);
        seen += commands(&text).len();
        assert_eq!(problems(&text), [""; 0], "{path}");
    }
    assert!(seen > 100, "only {seen} commands were found");
}

#[test]
fn mistakes_are_seen() {
    for wrong in [
        "`coordinator lisst`",
        "`coordinator list --trouble`",
        "```sh\ncoordinator retry\n```",
        "```sh\nkubectl exec deployment/coordinator -- coordinator overvieww\n```",
        "```sh\ndocker compose exec coordinator coordinator list --trouble\n```",
        "```sh\nA=1 coordinator wait a.near/f --for nothing | cat\n```",
    ] {
        assert_eq!(problems(wrong).len(), 1, "{wrong}");
    }
    for right in [
        "`coordinator retry`",
        "`coordinator hold a.near/f --reason ...`",
        "```sh\ncoordinator wait a.near/f --for gone   # later\n```",
        "```sh\ncoordinator hold a.near/f --reason \"two words | one\"\n```",
        "```sh\ndocker run --rm coordinator config check\n```",
        "```toml\ncoordinator nothing\n```",
        "the coordinator lisst",
    ] {
        assert_eq!(problems(right), [""; 0], "{right}");
    }
}
