//! Each command leaves one line in the audit log, whatever becomes of it.

use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use super::*;
use crate::Knobs;
use crate::testing::World;

/// The audit log: what was asked, and what was said of it.
#[derive(Clone, Default)]
struct Audit(Arc<Mutex<Vec<[String; 2]>>>);

impl Audit {
    /// The line since the last time, if there is exactly one.
    #[track_caller]
    fn only(&self) -> [String; 2] {
        let lines = std::mem::take(&mut *self.0.lock().unwrap());
        let [line] = lines.as_slice() else {
            panic!("{lines:#?}");
        };
        line.clone()
    }
}

#[derive(Default)]
struct Fields([String; 2]);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let [command, message] = &mut self.0;
        match field.name() {
            "command" => *command = format!("{value:?}").replace('"', ""),
            "message" => *message = format!("{value:?}"),
            _ => {}
        }
    }
}

impl Subscriber for Audit {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "audit"
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        self.0.lock().unwrap().push(fields.0);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[tokio::test(start_paused = true)]
async fn every_command_leaves_exactly_one_line() {
    let audit = Audit::default();
    let _guard = tracing::subscriber::set_default(audit.clone());
    let world = World::new();
    world.register("a.near/f");
    let it = world.run(Knobs::default());
    let admin = it.coordinator.admin();
    let long = "r".repeat(HOLD_REASON_LEN_MAX + 1);
    for (account, reason, done) in [
        ("a.near", "why", true),
        ("a.near", "", false),
        ("a.near", " \n ", false),
        ("a.near", &long, false),
        ("b.near", "why", false),
        ("No Account", "why", false),
    ] {
        let result = admin.hold("olga", account, "f", reason).await;
        assert_eq!(result.is_ok(), done, "{result:?}");
        let said = if done { "done" } else { "not acknowledged" };
        assert_eq!(audit.only(), ["hold", said], "{account} {reason}");
    }
    for (account, said) in [("a.near", "done"), ("b.near", "not acknowledged")] {
        let results = [
            ("release", admin.release("olga", account, "f").await),
            ("disable", admin.disable("olga", account, "f").await),
            ("enable", admin.enable("olga", account, "f").await),
            ("retry", admin.retry("olga", account, "f").await),
        ];
        let lines = std::mem::take(&mut *audit.0.lock().unwrap());
        let expected = results.map(|(command, result)| {
            assert_eq!(result.is_ok(), said == "done", "{command}: {result:?}");
            [command.to_owned(), said.to_owned()]
        });
        assert_eq!(lines, expected);
    }
    it.shut_down().await;
}
