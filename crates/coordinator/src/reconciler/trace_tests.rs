//! What a round that acts leaves in a trace.

use std::fmt::Debug;
use std::sync::Mutex;

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id};
use tracing::{Event, Metadata, Subscriber};

use super::*;
use crate::Knobs;
use crate::testing::{World, pass};

/// The spans of rounds, or else the events, in words.
#[derive(Clone, Default)]
struct Told {
    events: bool,
    words: Arc<Mutex<Vec<String>>>,
}

struct Words(String);

impl Visit for Words {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let value = format!("{value:?}").replace('"', "");
        self.0.push_str(&format!(" {}={value}", field.name()));
    }
}

impl Subscriber for Told {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        // A runtime may have spans of its own.
        metadata.is_event() == self.events && metadata.target().starts_with("coordinator")
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut words = Words(span.metadata().name().to_owned());
        span.record(&mut words);
        self.words.lock().unwrap().push(words.0);
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &tracing::span::Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut words = Words(String::new());
        event.record(&mut words);
        self.words.lock().unwrap().push(words.0);
    }

    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

#[tokio::test(start_paused = true)]
async fn each_action_has_a_span_and_rest_has_none() {
    let spans = Told::default();
    let _guard = tracing::subscriber::set_default(spans.clone());
    let world = World::new();
    world.register("a.near/f");
    let running = world.run(Knobs::default());
    pass(600).await;
    let told = std::mem::take(&mut *spans.words.lock().unwrap());
    let expected = [
        ("Initializing", "StartProvisioning"),
        ("Running", "ClearData"),
        ("Running", "StartExecutor"),
        ("Running", "StartStream"),
    ];
    let expected = expected
        .map(|(phase, action)| format!("reconcile indexer=a.near/f phase={phase} action={action}"));
    assert_eq!(told, expected);
    running.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn each_new_phase_is_told_once() {
    let told = Told {
        events: true,
        ..Told::default()
    };
    let _guard = tracing::subscriber::set_default(told.clone());
    let world = World::new();
    world.register("a.near/f");
    let running = world.run(Knobs::default());
    pass(600).await;
    let told = std::mem::take(&mut *told.words.lock().unwrap());
    let phases = told.iter().filter(|words| words.contains("new phase"));
    assert_eq!(
        phases.collect::<Vec<_>>(),
        [
            " message=new phase indexer=a.near/f from=nothing to=Initializing",
            " message=new phase indexer=a.near/f from=Initializing to=Running",
        ]
    );
    running.shut_down().await;
}
