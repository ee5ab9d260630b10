//! From events to lines.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::time::Instant;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use crate::clock;
use crate::logs::collapse::Collapser;
use crate::logs::line::{Fields, Line, Value};
use crate::logs::render::{Style, render};
use crate::logs::tally::LogTally;
use crate::logs::writer::{Author, Outlet};

/// Where lines go: repetitions counted, rendered, put into the outlet.
pub(crate) struct Journal {
    style: Style,
    collapser: Mutex<Collapser>,
    pub(crate) outlet: Arc<Outlet>,
    pub(crate) tally: Arc<LogTally>,
}

impl Journal {
    pub(crate) fn new(style: Style, tally: Arc<LogTally>) -> Journal {
        Journal {
            style,
            collapser: Mutex::default(),
            outlet: Arc::default(),
            tally,
        }
    }

    fn take(&self, line: Line) {
        self.tally.saw(line.level, line.is_audit());
        let now = Instant::now();
        // The lock is kept until the lines are put, so that sums and repetitions
        // cannot overtake each other.
        let mut collapser = self
            .collapser
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let out = collapser.take(line, now);
        if out.is_empty() {
            self.tally.collapsed.inc();
        }
        self.write(&out);
        drop(collapser);
    }

    /// Writes the sums that are due; all of them at the end.
    pub(crate) fn sum_up(&self, all: bool) {
        let now = Instant::now();
        let mut collapser = self
            .collapser
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let out = if all {
            collapser.end(now)
        } else {
            collapser.expired(now)
        };
        self.write(&out);
        drop(collapser);
    }

    fn write(&self, lines: &[Line]) {
        let at = clock::since_epoch();
        for line in lines {
            let text = render(line, self.style, at);
            if !self.outlet.put(text, line.is_audit()) {
                self.tally.lost.inc();
            }
        }
    }
}

impl Author for Arc<Journal> {
    fn idle(&self) {
        self.sum_up(false);
    }

    fn lost(&self, lines: u64) {
        self.tally.lost.inc_by(lines);
    }

    fn notice(&self, lines: u64) -> String {
        let mut fields = Fields::default();
        fields.set("lines", Value::Unsigned(lines));
        let line = Line {
            level: Level::WARN,
            target: "telemetry",
            place: None,
            message: "lines of the log were lost: nobody read them in time, or they could not \
                      be written"
                .to_owned(),
            fields,
        };
        render(&line, self.style, clock::since_epoch())
    }
}

/// Writes events to a journal.
pub(crate) struct JournalLayer(pub(crate) Arc<Journal>);

impl<S> Layer<S> for JournalLayer
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if let Some(span) = context.span(id) {
            let mut fields = Fields::default();
            attributes.record(&mut fields);
            span.extensions_mut().insert(fields);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(fields) = span.extensions_mut().get_mut::<Fields>()
        {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut around = Fields::default();
        if let Some(scope) = context.event_scope(event) {
            for span in scope.from_root() {
                if let Some(fields) = span.extensions().get::<Fields>() {
                    around.extend(fields);
                }
            }
        }
        self.0.take(Line::of(event, around));
    }
}
