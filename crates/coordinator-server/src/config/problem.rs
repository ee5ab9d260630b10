//! What is wrong with a configuration, said to people.

use std::fmt::Write;

use crate::config::Origin;
use crate::settings::Setting;
use crate::text::visible;

/// One thing that is wrong, or that had better be changed. Its text never holds
/// a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What it is about: the name of a setting as in the file, or a place.
    pub subject: String,
    /// Where the value comes from, if there is one.
    pub origin: Option<Origin>,
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub example: Option<String>,
}

impl Problem {
    /// A problem with the value that `origin` gave to `setting`.
    #[must_use]
    pub fn with_value(setting: &Setting, origin: &Origin, message: impl Into<String>) -> Problem {
        Problem {
            subject: setting.key(),
            origin: Some(origin.clone()),
            message: message.into(),
            example: Some(example(setting, Some(origin))),
        }
    }

    /// `setting` is needed and nobody set it.
    #[must_use]
    pub fn missing(setting: &Setting, message: impl Into<String>) -> Problem {
        Problem {
            subject: setting.key(),
            origin: None,
            message: message.into(),
            example: Some(example(setting, None)),
        }
    }

    /// A problem with something that is no setting's value.
    #[must_use]
    pub fn elsewhere(subject: impl Into<String>, message: impl Into<String>) -> Problem {
        Problem {
            subject: subject.into(),
            origin: None,
            message: message.into(),
            example: None,
        }
    }

    /// The same at a place in a file or environment.
    #[must_use]
    pub fn at(mut self, origin: Origin) -> Problem {
        self.origin = Some(origin);
        self
    }

    /// As one line: where, what, without the example.
    #[must_use]
    pub fn one_line(&self) -> String {
        match &self.origin {
            Some(origin) => format!("{} ({origin}): {}", self.subject, self.message),
            None => format!("{}: {}", self.subject, self.message),
        }
    }
}

/// How a good value of `setting` is written where `origin` wrote a bad one.
fn example(setting: &Setting, origin: Option<&Origin>) -> String {
    let value = setting.example;
    match origin {
        Some(Origin::Flag(flag)) if is_variant(setting, flag) => format!("{flag}=FILE"),
        Some(Origin::Flag(flag)) => format!("{flag}={value}"),
        Some(Origin::File { .. }) => format!("{} = {}", setting.key(), toml_value(setting)),
        Some(Origin::Env(name)) if *name == setting.file_env() => format!("{name}=FILE"),
        Some(Origin::Env(name)) => format!("{name}={value}"),
        Some(Origin::Default) | None => format!("{}={value}", setting.env),
    }
}

/// Whether `flag` names the file with the value.
fn is_variant(setting: &Setting, flag: &str) -> bool {
    flag.strip_prefix("--") == Some(setting.file_name().as_str())
}

fn toml_value(setting: &Setting) -> String {
    use crate::settings::Kind;
    match setting.kind {
        Kind::Switch | Kind::Presence | Kind::Count { .. } | Kind::Share { .. } | Kind::Port => {
            setting.example.to_owned()
        }
        _ => format!("\"{}\"", setting.example),
    }
}

/// Everything that is wrong, in one message.
#[must_use]
pub fn report(problems: &[Problem]) -> String {
    let number = match problems.len() {
        1 => "there is a problem with it".to_owned(),
        many => format!("there are {many} problems with it"),
    };
    let mut text = format!("error: the configuration cannot be used: {number}\n");
    for problem in problems {
        // Writing to a string cannot fail.
        let _ = match &problem.origin {
            Some(origin) => writeln!(text, "\n  {} ({origin})", problem.subject),
            None => writeln!(text, "\n  {}", problem.subject),
        };
        for line in problem.message.lines() {
            let _ = writeln!(text, "    {line}");
        }
        if let Some(example) = &problem.example {
            let _ = writeln!(text, "    example: {example}");
        }
    }
    text.push_str(
        "\nNothing was started. `coordinator run --help` describes every setting, \
         `coordinator config print` shows what is set where.\n",
    );
    text
}

/// A value made fit to be shown: short, on one line, without control characters.
#[must_use]
pub fn quoted(text: &str) -> String {
    const LONGEST: usize = 80;
    let mut shown = visible(text.chars().take(LONGEST));
    if text.chars().nth(LONGEST).is_some() {
        shown.push_str("...");
    }
    format!("`{shown}`")
}

/// The one of `known` that `word` was probably meant to be.
#[must_use]
pub fn closest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|name| (strsim::jaro_winkler(word, name), name))
        .filter(|(likeness, _)| *likeness > 0.85)
        .max_by(|(left, _), (right, _)| left.total_cmp(right))
        .map(|(_, name)| name)
}
