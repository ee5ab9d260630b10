//! What operators see who use the command line.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use admin_cli::{Command, Console, Exit};
use clap::Parser;

use crate::support::{Api, Setup, until};
use crate::world::World;

#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Clone, Default)]
struct Caught(Arc<Mutex<Vec<u8>>>);

impl Caught {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Caught {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Runs a command line; returns how it ended, and what went to stdout and stderr.
async fn run(api: &Api, line: &str) -> (Exit, String, String) {
    let server = format!("http://{}", api.address);
    let words = ["coordinator"].into_iter().chain(line.split(' '));
    let words = words.chain(["--server", &server]);
    let command = Cli::try_parse_from(words).unwrap().command;
    let (data, talk) = (Caught::default(), Caught::default());
    let mut console = Console {
        data: Box::new(data.clone()),
        talk: Box::new(talk.clone()),
        ..Console::standard(admin_cli::Color::Never)
    };
    console.is_interactive = false;
    let exit = admin_cli::run_until(command, &mut console, std::future::pending()).await;
    (exit, data.text(), talk.text())
}

#[tokio::test]
async fn a_release_of_what_was_deleted_meanwhile_is_waited_for_to_its_end() {
    let world = World::new();
    world.register("a.near", "f");
    let api = Setup::local(&world).start();
    api.reaches("a.near", "f", "Steady").await;
    let held = run(&api, "hold a.near/f --reason why --wait").await;
    assert_eq!(held.0, Exit::Done, "{held:?}");
    world.unregister("a.near", "f");
    until(async || {
        let shown = run(&api, "get a.near/f -o json").await.1;
        shown.contains(r#""kind": "Deleted""#).then_some(())
    })
    .await;
    let released = run(&api, "release a.near/f --wait").await;
    assert_eq!(released.0, Exit::Done, "{released:?}");
    assert!(
        released.1.starts_with("a.near/f: released, in effect"),
        "{released:?}"
    );
    let gone = run(&api, "wait a.near/f --for gone").await;
    assert_eq!(gone.0, Exit::Done, "{gone:?}");
    assert_eq!(world.record("a.near", "f"), "");
    api.end().await;
}

#[tokio::test]
async fn an_operator_stops_what_is_known_while_the_registry_is_away() {
    let world = World::new();
    world.register("a.near", "f");
    let api = Setup::local(&world).start();
    api.reaches("a.near", "f", "Steady").await;
    world.set_registry_away(true);
    let disabled = run(&api, "disable a.near/f --wait").await;
    assert_eq!(disabled.0, Exit::Done, "{disabled:?}");
    let unknown = run(&api, "disable a.near/g").await;
    assert_eq!(unknown.0, Exit::Unavailable, "{unknown:?}");
    assert!(unknown.2.contains("nothing is changed"), "{unknown:?}");
    assert!(!unknown.2.contains("may or may not"), "{unknown:?}");
    api.end().await;
}

#[tokio::test]
async fn nobody_is_left_in_doubt_about_a_record_that_cannot_be_read() {
    let world = World::new();
    world.register("a.near", "f");
    world.store.put("a.near/f:state", "garbage");
    let api = Setup::local(&world).start();
    for line in [
        "disable a.near/f",
        "hold a.near/f --reason why",
        "release a.near/f",
        "retry a.near/f",
    ] {
        let refused = run(&api, line).await;
        assert_eq!(refused.0, Exit::Failed, "{refused:?}");
        assert!(refused.2.contains("a.near/f:state"), "{refused:?}");
        assert!(refused.2.contains("nothing is changed"), "{refused:?}");
        assert!(!refused.2.contains("may or may not"), "{refused:?}");
        assert!(refused.2.contains("from a backup"), "{refused:?}");
    }
    api.end().await;
}
