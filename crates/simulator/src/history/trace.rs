//! The trace: a rolling hash over everything, and as much text as was asked for.

use std::collections::VecDeque;
use std::hash::{Hash, Hasher};

use sim_node::Time;
use xxhash_rust::xxh3::Xxh3;

use super::Event;

/// Lines of text that are always kept for reports.
const KEPT: usize = 60;

/// Feeds the parts of an event into the 128-bit hash.
struct Feed<'a>(&'a mut Xxh3);

impl Hasher for Feed<'_> {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        0
    }
}

/// The trace of one run.
pub struct Trace {
    hash: Xxh3,
    events: u64,
    recent: VecDeque<(Time, Event)>,
    full: Option<Vec<String>>,
}

impl Trace {
    /// An empty trace; it keeps all lines if `full`, else only the last ones.
    pub fn new(full: bool) -> Trace {
        Trace {
            hash: Xxh3::new(),
            events: 0,
            recent: VecDeque::with_capacity(KEPT + 1),
            full: full.then(Vec::new),
        }
    }

    /// Takes note of `event`, which happens at `now`.
    pub fn push(&mut self, now: Time, event: &Event) {
        self.events += 1;
        let mut feed = Feed(&mut self.hash);
        now.hash(&mut feed);
        event.hash(&mut feed);
        if let Some(lines) = &mut self.full {
            lines.push(line(now, event));
        }
        if is_noteworthy(event) {
            if self.recent.len() == KEPT {
                self.recent.pop_front();
            }
            self.recent.push_back((now, event.clone()));
        }
    }

    /// How many events there were.
    pub fn events(&self) -> u64 {
        self.events
    }

    /// The hash over all events so far: 32 hexadecimal digits.
    pub fn digest(&self) -> String {
        format!("{:032x}", self.hash.digest128())
    }

    /// The last noteworthy events, oldest first.
    pub fn recent(&self) -> Vec<String> {
        self.recent
            .iter()
            .map(|(now, event)| line(*now, event))
            .collect()
    }

    /// All lines, if they were kept.
    pub fn lines(&self) -> &[String] {
        self.full.as_deref().unwrap_or_default()
    }
}

fn line(now: Time, event: &Event) -> String {
    format!("{now:>14} {event}")
}

/// Routine that would drown the rest of a report: polls and the data plane's hum.
fn is_noteworthy(event: &Event) -> bool {
    match event {
        Event::CallSent { .. } | Event::CallAnswered { .. } => false,
        Event::CallApplied { method, .. } => method.is_effect(),
        Event::Node(event) => !matches!(
            event,
            sim_node::Event::CursorSet { .. }
                | sim_node::Event::BlockPublished { .. }
                | sim_node::Event::BlockExecuted { .. }
        ),
        _ => true,
    }
}
