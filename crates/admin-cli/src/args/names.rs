//! Which indexers are meant.

use std::collections::BTreeSet;
use std::fmt;

use clap::Args;
use proto::coordinator::IndexerName;

use crate::console::Console;
use crate::exit::Failure;
use crate::text;

/// The most indexers that one command takes.
const NAMES_MAX: usize = 100_000;

/// The name of an indexer. Its `Display` is fit for a terminal.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Name {
    pub account: String,
    pub function: String,
}

impl Name {
    /// The name in a message.
    pub fn of(name: Option<&IndexerName>) -> Name {
        name.map_or_else(
            || Name {
                account: String::new(),
                function: String::new(),
            },
            |name| Name {
                account: name.account_id.clone(),
                function: name.function_name.clone(),
            },
        )
    }

    pub fn message(&self) -> Option<IndexerName> {
        Some(IndexerName {
            account_id: self.account.clone(),
            function_name: self.function.clone(),
        })
    }

    /// As it is typed behind a command.
    pub fn typed(&self) -> String {
        text::shell_word(&format!("{}/{}", self.account, self.function))
    }

    fn parse(full: &str) -> Result<Name, Failure> {
        match full.split_once('/') {
            // A function may be called anything, also nothing.
            Some((account, function)) if !account.is_empty() => Ok(Name {
                account: account.to_owned(),
                function: function.to_owned(),
            }),
            _ => Err(Failure::usage(format!(
                "`{}` does not name an indexer; write ACCOUNT/FUNCTION, or give the account by \
                 --account",
                text::sentence(full)
            ))),
        }
    }

    fn within(account: &str, text: &str) -> Result<Name, Failure> {
        let prefixed = text
            .strip_prefix(account)
            .and_then(|rest| rest.strip_prefix('/'));
        // Nothing at all is more likely a variable that is not set.
        let is_empty = text.is_empty();
        let function = prefixed.unwrap_or(text);
        if account.is_empty() || account.contains('/') || is_empty {
            return Err(Failure::usage(format!(
                "`{}` of account `{}` does not name an indexer",
                text::sentence(text),
                text::sentence(account)
            )));
        }
        Ok(Name {
            account: account.to_owned(),
            function: function.to_owned(),
        })
    }
}

impl fmt::Display for Name {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let full = format!("{}/{}", self.account, self.function);
        formatter.write_str(&text::clip(&text::escape(&full), 200))
    }
}

/// Indexers named on the command line.
#[derive(Args, Clone, Debug)]
pub struct Named {
    /// Indexers, each as ACCOUNT/FUNCTION; or one as two words
    ///
    /// `alice.near/feed`, or `alice.near feed`, or with `--account alice.near` simply
    /// `feed`.
    #[arg(verbatim_doc_comment)]
    #[arg(value_name = "INDEXER", required = true, num_args = 1..)]
    pub names: Vec<String>,

    /// The account of the indexers, which are then named without it
    #[arg(short = 'n', long)]
    pub account: Option<String>,
}

/// Indexers named on the command line or by a list.
#[derive(Args, Clone, Debug)]
pub struct Listed {
    /// Indexers, each as ACCOUNT/FUNCTION; or one as two words; `-` reads a list
    ///
    /// `alice.near/feed`, or `alice.near feed`, or with `--account alice.near` simply
    /// `feed`. With `-` or `--stdin` further names are read from stdin, one a line, as
    /// `-o name` prints them; empty lines and lines that begin with `#` do not count.
    #[arg(verbatim_doc_comment)]
    #[arg(value_name = "INDEXER", required_unless_present = "stdin", num_args = 1..)]
    pub names: Vec<String>,

    /// Read further names from stdin, one a line
    #[arg(long)]
    pub stdin: bool,

    /// The account of the indexers, which are then named without it
    #[arg(short = 'n', long)]
    pub account: Option<String>,
}

impl Named {
    pub(crate) fn resolve(&self) -> Result<Vec<Name>, Failure> {
        let words: Vec<&str> = self.names.iter().map(String::as_str).collect();
        distinct(resolve(&words, self.account.as_deref())?)
    }
}

impl Listed {
    pub(crate) fn reads_input(&self) -> bool {
        self.stdin || self.names.iter().any(|name| name == "-")
    }

    pub(crate) fn resolve(&self, console: &mut Console) -> Result<Vec<Name>, Failure> {
        let account = self.account.as_deref();
        let words: Vec<&str> = self
            .names
            .iter()
            .map(String::as_str)
            .filter(|word| *word != "-")
            .collect();
        let mut names = resolve(&words, account)?;
        if self.reads_input() {
            names.extend(from_list(&console.read_input()?, account)?);
        }
        distinct(names)
    }
}

/// In the order given, each once.
fn distinct(names: Vec<Name>) -> Result<Vec<Name>, Failure> {
    if names.len() > NAMES_MAX {
        return Err(Failure::usage(format!(
            "{} indexers are more than the {NAMES_MAX} that one command takes; split the list",
            names.len()
        )));
    }
    let mut seen = BTreeSet::new();
    Ok(names
        .into_iter()
        .filter(|name| seen.insert(name.clone()))
        .collect())
}

fn resolve(words: &[&str], account: Option<&str>) -> Result<Vec<Name>, Failure> {
    match (account, words) {
        (Some(account), words) => words.iter().map(|w| Name::within(account, w)).collect(),
        (None, [account, function]) if !account.contains('/') => {
            Ok(vec![Name::within(account, function)?])
        }
        (None, words) => words.iter().map(|word| Name::parse(word)).collect(),
    }
}

fn from_list(list: &str, account: Option<&str>) -> Result<Vec<Name>, Failure> {
    let mut names = Vec::new();
    // A line is a name to its last space: without that, another indexer is meant.
    for (number, line) in list.lines().enumerate() {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let name = text::unescape(line)
            .ok_or_else(|| Failure::usage("a backslash is written `\\\\`"))
            .and_then(|line| match account {
                Some(account) => Name::within(account, &line),
                None => Name::parse(&line),
            })
            .map_err(|failure| Failure::usage(format!("stdin:{}: {failure}", number + 1)))?;
        names.push(name);
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::view::name_line;

    fn shown(words: &[&str], account: Option<&str>) -> Result<Vec<String>, String> {
        resolve(words, account)
            .map(|names| names.iter().map(Name::to_string).collect())
            .map_err(|failure| failure.message)
    }

    #[test]
    fn names_are_understood_in_every_way_they_are_written() {
        let feed = Ok(vec!["alice.near/feed".to_owned()]);
        assert_eq!(shown(&["alice.near/feed"], None), feed);
        assert_eq!(shown(&["alice.near", "feed"], None), feed);
        assert_eq!(shown(&["feed"], Some("alice.near")), feed);
        assert_eq!(shown(&["alice.near/feed"], Some("alice.near")), feed);
        assert_eq!(
            shown(&["alice.near/a/b", "bob.near/c"], None),
            Ok(vec!["alice.near/a/b".to_owned(), "bob.near/c".to_owned()])
        );
        assert_eq!(
            shown(&["a", "b", "c/d"], Some("alice.near")).map(|names| names.len()),
            Ok(3)
        );
    }

    #[test]
    fn a_function_without_a_name_can_be_named() {
        let nameless = Ok(vec!["mallory.near/".to_owned()]);
        assert_eq!(shown(&["mallory.near/"], None), nameless);
        assert_eq!(shown(&["mallory.near/"], Some("mallory.near")), nameless);
        let listed = from_list("mallory.near/\n", None).unwrap();
        assert_eq!(listed[0].to_string(), "mallory.near/");
        assert_eq!(listed[0].typed(), "mallory.near/");
        let slash = resolve(&["mallory.near//"], None).unwrap();
        assert_eq!(slash[0].function, "/");
    }

    #[test]
    fn what_names_nothing_is_refused() {
        for (words, account) in [
            (&["feed"][..], None),
            (&["/feed"], None),
            (&["alice.near/feed", "feed"], None),
            (&["alice.near", ""], None),
            (&["/"], None),
            (&["a", "b", "c"], None),
            (&[""], Some("alice.near")),
            (&["feed"], Some("")),
            (&["feed"], Some("a/b")),
        ] {
            let message = shown(words, account).unwrap_err();
            assert!(message.contains("does not name an indexer"), "{message}");
        }
    }

    #[test]
    fn a_list_may_have_remarks_and_escaped_names() {
        let list = "# all of them\n\nalice.near/feed\nbob.near/a\\u{1b}b\r\n";
        let names = from_list(list, None).unwrap();
        assert_eq!(names.len(), 2);
        assert_eq!(names[1].function, "a\u{1b}b");
        let failure = from_list("alice.near/feed\nfeed\n", None).unwrap_err();
        assert!(failure.message.starts_with("stdin:2: `feed`"), "{failure}");
        let failure = from_list("a/b\\x", None).unwrap_err();
        assert!(
            failure.message.starts_with("stdin:1: a backslash"),
            "{failure}"
        );
    }

    #[test]
    fn a_name_in_a_list_keeps_its_spaces() {
        for (list, account, function) in [
            ("alice.near/feed \n", None, "feed "),
            ("alice.near/feed  \r\n", None, "feed  "),
            ("alice.near/feed\t", None, "feed\t"),
            ("alice.near/ \n", None, " "),
            ("alice.near/\u{3000}\n", None, "\u{3000}"),
            ("  y\n", Some("alice.near"), "  y"),
            (" # no remark\n", Some("alice.near"), " # no remark"),
        ] {
            let names = from_list(list, account).unwrap();
            assert_eq!(names.len(), 1, "{list:?}");
            assert_eq!(names[0].account, "alice.near", "{list:?}");
            assert_eq!(names[0].function, function, "{list:?}");
        }
    }

    /// What a function may be called by those who mean no good.
    fn hostile() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            Just(" "),
            Just("\t"),
            Just("\n"),
            Just("\r"),
            Just("\r\n"),
            Just("\\"),
            Just("\\u{20}"),
            Just("/"),
            Just("#"),
            Just("-"),
            Just("\0"),
            Just("\u{1b}[2J"),
            Just("\u{85}"),
            Just("\u{a0}"),
            Just("\u{301}"),
            Just("\u{2028}"),
            Just("\u{202e}"),
            Just("\u{3000}"),
            Just("\u{feff}"),
            Just("alice.near/"),
            Just("feed"),
        ]
        .prop_map(str::to_owned);
        let any = any::<char>().prop_map(String::from);
        proptest::collection::vec(prop_oneof![3 => piece, 1 => any], 0..8)
            .prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn a_list_that_was_printed_is_read_back_as_it_was(
            functions in proptest::collection::vec(hostile(), 0..6),
            is_of_account in any::<bool>(),
        ) {
            let account = "alice.near".to_owned();
            let names: Vec<Name> = functions
                .into_iter()
                .map(|function| Name { account: account.clone(), function })
                .collect();
            let list: String = names.iter().map(name_line).collect();
            let named = is_of_account.then_some(account.as_str());
            prop_assert_eq!(from_list(&list, named).unwrap(), names.clone());
            // Programs in between may end lines as Windows does, or cut off blanks.
            let handed: String = list.lines().map(|line| format!("{}\r\n", line.trim())).collect();
            prop_assert_eq!(from_list(&handed, named).unwrap(), names);
        }
    }

    #[test]
    fn each_is_taken_once_and_in_order() {
        let names = resolve(&["b/b", "a/a", "b/b"], None).unwrap();
        let names: Vec<_> = distinct(names)
            .unwrap()
            .iter()
            .map(Name::to_string)
            .collect();
        assert_eq!(names, ["b/b", "a/a"]);
    }

    #[test]
    fn a_name_is_typed_so_that_a_shell_understands_it() {
        let name = Name::parse("alice.near/my feed").unwrap();
        assert_eq!(name.typed(), "'alice.near/my feed'");
    }
}
