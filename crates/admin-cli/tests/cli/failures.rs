//! What goes wrong is told in the same way by all commands.

use std::io::{self, ErrorKind, Write};

use admin_cli::Exit;
use tonic::Code;

use crate::fake::Fake;
use crate::fixtures::world;
use crate::harness::{Wire, desk, golden, parse, run, until};

/// Every command that asks once.
const COMMANDS: [&[&str]; 10] = [
    &["list"],
    &["get", "alice.near/feed"],
    &["enable", "alice.near/feed"],
    &["disable", "alice.near/feed"],
    &["retry", "alice.near/feed"],
    &["hold", "alice.near/feed", "--reason", "why not"],
    &["release", "alice.near/feed"],
    &["explain", "alice.near/feed"],
    &["overview"],
    &["shadow"],
];

const FORMATS: [&str; 5] = ["table", "wide", "json", "jsonl", "name"];

#[tokio::test]
async fn every_command_ends_as_the_failure_asks_for() {
    let fake = Fake::start(world()).await;
    for (code, exit) in [
        (Code::NotFound, Exit::NotFound),
        (Code::PermissionDenied, Exit::Refused),
        (Code::Unauthenticated, Exit::Refused),
        (Code::Unavailable, Exit::Unavailable),
        (Code::DeadlineExceeded, Exit::Failed),
        (Code::Internal, Exit::Failed),
        (Code::Unknown, Exit::Failed),
        (Code::Unimplemented, Exit::Failed),
        (Code::ResourceExhausted, Exit::Failed),
        (Code::FailedPrecondition, Exit::Failed),
        (Code::Aborted, Exit::Failed),
        (Code::InvalidArgument, Exit::Usage),
    ] {
        fake.world().fault = Some((code, "as it was told"));
        for words in COMMANDS {
            for format in FORMATS {
                let mut words = words.to_vec();
                words.extend(["-o", format]);
                let ran = run(&fake.url(), &words).await;
                assert_eq!(ran.exit, exit, "{words:?} {code} {ran:?}");
                assert!(ran.talk.starts_with("error: "), "{words:?} {ran:?}");
                assert!(ran.talk.contains("as it was told"), "{words:?} {ran:?}");
            }
        }
    }
}

#[tokio::test]
async fn nobody_there_is_told_with_what_to_do() {
    let mut fake = Fake::start(world()).await;
    fake.stop().await;
    for words in COMMANDS {
        let ran = run(&fake.url(), words).await;
        assert_eq!((ran.exit.code(), ran.data.as_str()), (69, ""));
        assert_eq!(
            ran.talk,
            format!(
                "error: no coordinator answers at {}: Connection refused. Is it running there? \
                 Otherwise set --server or COORDINATOR_SERVER.\n",
                fake.url()
            )
        );
    }
}

#[tokio::test]
async fn a_server_that_never_answers_is_given_up() {
    let fake = Fake::start(world()).await;
    fake.world().hangs = true;
    let mut running = tokio::task::JoinSet::new();
    for words in COMMANDS {
        let url = fake.url();
        let mut words = words.to_vec();
        words.extend(["--request-timeout", "1s"]);
        running.spawn(async move { run(&url, &words).await });
    }
    while let Some(ran) = running.join_next().await {
        let ran = ran.unwrap();
        assert_eq!(ran.exit, Exit::Failed, "{ran:?}");
        let said = ["did not answer in time", "no answer from"];
        assert!(said.iter().any(|words| ran.talk.contains(words)), "{ran:?}");
        assert!(ran.talk.contains("--request-timeout"), "{ran:?}");
    }
    let ran = run(&fake.url(), &["watch", "--request-timeout", "1s"]).await;
    assert_eq!(ran.exit, Exit::Failed);
}

#[tokio::test]
async fn a_connection_that_is_cut_leaves_it_open_what_was_done() {
    for words in COMMANDS {
        let fake = Fake::start(world()).await;
        fake.world().hangs = true;
        let wire = Wire::to(fake.port()).await;
        let url = wire.url.clone();
        let script = async {
            until("a call", || !fake.world().calls.is_empty()).await;
            wire.cut().await;
        };
        let (ran, ()) = tokio::join!(run(&url, words), script);
        assert_eq!(ran.exit, Exit::Unavailable, "{words:?} {ran:?}");
        assert!(ran.talk.contains("was lost"), "{words:?} {ran:?}");
        let changes = ["enable", "disable", "retry", "hold", "release"];
        let is_open = ran.talk.contains("may or may not have been carried out");
        assert_eq!(is_open, changes.contains(&words[0]), "{ran:?}");
    }
}

#[tokio::test]
async fn failures_are_sentences() {
    let fake = Fake::start(world()).await;
    let mut all = String::new();
    for (code, message) in [
        (Code::NotFound, "alice.near/feed is not registered"),
        (Code::PermissionDenied, "the role read may not disable"),
        (Code::Unauthenticated, "a token is needed."),
        (Code::Unavailable, "shutting down"),
        (
            Code::Unavailable,
            "the store does not answer; it may or may not have been done, and it may safely be \
             asked again",
        ),
        (
            Code::Unavailable,
            "alice.near/feed: nothing is changed, since nobody says whether it is registered: the \
             registry cannot be reached",
        ),
        (Code::DeadlineExceeded, "took longer than 10 s"),
        (Code::Internal, "the record\nis broken \u{1b}[2J"),
        (Code::Unimplemented, ""),
        (Code::ResourceExhausted, "too many watchers"),
        (Code::FailedPrecondition, "it does not run in shadow mode"),
        (Code::InvalidArgument, "`A` is no account id"),
        (Code::Cancelled, ""),
        (Code::Unknown, ""),
    ] {
        fake.world().fault = Some((code, message));
        for verb in ["get", "disable"] {
            let ran = run(&fake.url(), &[verb, "alice.near/feed"]).await;
            let port = format!(":{}", fake.port());
            all.push_str(&ran.talk.replace(&port, ":PORT"));
        }
    }
    golden("failures.txt", &all);
}

/// A stream that takes nothing.
struct Broken(ErrorKind);

impl Write for Broken {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::Error::new(self.0, "it is full"))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn output_that_cannot_be_written_is_a_failure() {
    let fake = Fake::start(world()).await;
    let url = fake.url();
    let mut commands: Vec<Vec<&str>> = COMMANDS.iter().map(|words| words.to_vec()).collect();
    commands.push(vec!["watch"]);
    commands.push(vec!["wait", "alice.near/feed", "--for", "running"]);
    commands.push(vec!["disable", "a/b", "--dry-run"]);
    for words in commands {
        for (kind, exit, said) in [
            (ErrorKind::BrokenPipe, Exit::OutputClosed, ""),
            (
                ErrorKind::StorageFull,
                Exit::Failed,
                "error: the output could not be written: it is full\n",
            ),
        ] {
            let mut words = words.clone();
            words.extend(["--server", &url]);
            let mut desk = desk("", false);
            desk.console.data = Box::new(Broken(kind));
            let command = parse(&words).unwrap();
            let never = std::future::pending();
            let ended = admin_cli::run_until(command, &mut desk.console, never).await;
            assert_eq!(ended, exit, "{words:?}");
            assert_eq!(desk.talk.text(), said, "{words:?}");
            if words[0] == "watch" {
                continue;
            }
        }
    }
}

#[tokio::test]
async fn talk_that_cannot_be_written_is_no_failure() {
    let fake = Fake::start(world()).await;
    let url = fake.url();
    let mut desk = desk("", false);
    desk.console.talk = Box::new(Broken(ErrorKind::BrokenPipe));
    let command = parse(&["list", "-n", "nobody.near", "--server", &url]).unwrap();
    let exit = admin_cli::run_until(command, &mut desk.console, std::future::pending()).await;
    assert_eq!(exit, Exit::Done);
}

#[test]
fn the_numbers_of_the_exits_never_change() {
    let numbers = [
        (Exit::Done, 0),
        (Exit::Failed, 1),
        (Exit::Usage, 2),
        (Exit::NotFound, 4),
        (Exit::Refused, 5),
        (Exit::Unavailable, 69),
        (Exit::Interrupted, 130),
        (Exit::OutputClosed, 141),
    ];
    for (exit, number) in numbers {
        assert_eq!(exit.code(), number);
    }
}
