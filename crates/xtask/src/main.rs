//! The workspace's own commands. `cargo verify` passes every check there is, in
//! the order in which they are cheapest to fail.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "it talks to a terminal"
)]

mod install;
mod mutation;
mod preflight;
mod runner;
mod steps;

use std::{env, process::ExitCode};

use mutation::Part;

const USAGE: &str = "\
Usage: cargo verify [STEP...]
       cargo mutation [tests] [simulation] [report]

verify passes all checks, or only the named steps, and stops at the first that fails.

  --list   list the steps with their commands
  --help   print this

mutation changes the decisions, one place at a time, and shows who notices; it takes
hours. Its parts can be done one by one, see docs/mutation-testing.md.

Environment: GITHUB_SHA, the commit whose hash seeds the short exploration.";

/// What the command line asks for.
#[derive(Debug, PartialEq, Eq)]
enum Request {
    Help,
    List,
    /// The named steps, or all if none is named.
    Verify(Vec<String>),
    /// The named parts, or all if none is named.
    Mutation(Vec<Part>),
}

fn parse(arguments: &[String]) -> Result<Request, String> {
    match arguments.split_first() {
        Some((command, rest)) if command == "verify" => parse_verify(rest),
        Some((command, rest)) if command == "mutation" => parse_mutation(rest),
        Some((command, _)) if command == "--help" || command == "-h" => Ok(Request::Help),
        Some((command, _)) => Err(format!("unknown command `{command}`")),
        None => Err("no command given".to_owned()),
    }
}

fn parse_verify(arguments: &[String]) -> Result<Request, String> {
    let mut names = Vec::new();
    for argument in arguments {
        match argument.as_str() {
            "--help" | "-h" => return Ok(Request::Help),
            "--list" => return Ok(Request::List),
            flag if flag.starts_with('-') => return Err(format!("unknown option `{flag}`")),
            name => names.push(name.to_owned()),
        }
    }
    Ok(Request::Verify(names))
}

fn parse_mutation(arguments: &[String]) -> Result<Request, String> {
    let mut parts = Vec::new();
    for argument in arguments {
        match (argument.as_str(), Part::named(argument)) {
            ("--help" | "-h", _) => return Ok(Request::Help),
            (_, Some(part)) => parts.push(part),
            (unknown, None) => return Err(format!("unknown part `{unknown}`")),
        }
    }
    if parts.is_empty() {
        parts.extend(mutation::PARTS);
    }
    Ok(Request::Mutation(parts))
}

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let steps = steps::all(env::var("GITHUB_SHA").ok());
    match parse(&arguments) {
        Ok(Request::Help) => {
            println!("{USAGE}");
            ExitCode::SUCCESS
        }
        Ok(Request::List) => {
            for step in &steps {
                println!("{:12} {}", step.name, step.shown());
            }
            ExitCode::SUCCESS
        }
        Ok(Request::Verify(names)) => match steps::select(steps, &names) {
            Ok(chosen) => runner::verify(&chosen),
            Err(problem) => refuse(&problem),
        },
        Ok(Request::Mutation(parts)) => mutation::run(&parts),
        Err(problem) => refuse(&problem),
    }
}

fn refuse(problem: &str) -> ExitCode {
    eprintln!("error: {problem}\n\n{USAGE}");
    ExitCode::from(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(words: &[&str]) -> Result<Request, String> {
        parse(
            &words
                .iter()
                .map(|word| (*word).to_owned())
                .collect::<Vec<_>>(),
        )
    }

    #[test]
    fn arguments_are_understood() {
        assert_eq!(request(&["verify"]), Ok(Request::Verify(vec![])));
        assert_eq!(
            request(&["verify", "doc"]),
            Ok(Request::Verify(vec!["doc".to_owned()]))
        );
        assert_eq!(request(&["verify", "--list"]), Ok(Request::List));
        assert_eq!(request(&["verify", "doc", "--help"]), Ok(Request::Help));
        let parts = |words: &[&str]| request(&[&["mutation"][..], words].concat());
        assert_eq!(parts(&[]), Ok(Request::Mutation(mutation::PARTS.to_vec())));
        assert_eq!(
            parts(&["report", "tests"]),
            Ok(Request::Mutation(vec![Part::Report, Part::Tests]))
        );
        assert_eq!(parts(&["tests", "--help"]), Ok(Request::Help));
    }

    #[test]
    fn unknown_arguments_are_refused() {
        assert!(request(&[]).is_err());
        assert!(request(&["verfy"]).is_err());
        assert!(request(&["mutation", "all"]).is_err());
        assert!(
            request(&["verify", "--quick"])
                .unwrap_err()
                .contains("--quick")
        );
    }
}
