//! Facts, one a line.

use std::collections::BTreeMap;

use proto::coordinator::{Indexer, Overview, Quarantined};

use super::recalled::{is_record_unknown, is_unread};
use super::table::{Tone, bold, resource};
use crate::args::Name;
use crate::moment;
use crate::text;

/// What is shown of a list unless everything is wanted.
const LISTED: usize = 10;

/// Lines of a label and what it says.
#[derive(Default)]
struct Card(Vec<(&'static str, String)>);

impl Card {
    fn add(&mut self, label: &'static str, said: impl Into<String>) {
        self.0.push((label, said.into()));
    }

    fn render(&self) -> String {
        let width = self.0.iter().map(|(label, _)| label.len()).max();
        let width = width.unwrap_or(0) + 2;
        let mut shown = String::new();
        for (label, said) in &self.0 {
            let gap = " ".repeat(width - label.len());
            for (number, line) in said.lines().enumerate() {
                if number == 0 {
                    shown.push_str(&format!("  {label}{gap}{line}\n"));
                } else {
                    shown.push_str(&format!("  {}{line}\n", " ".repeat(width)));
                }
            }
        }
        shown
    }
}

fn or_dash(text: &str) -> String {
    match text::sentence(text) {
        said if said.is_empty() => "-".to_owned(),
        said => said,
    }
}

fn height(height: Option<u64>) -> String {
    height.map_or("-".to_owned(), |height| height.to_string())
}

/// What is known of one indexer.
pub(crate) fn indexer(indexer: &Indexer, is_wide: bool, now: u64) -> String {
    let mut card = Card::default();
    let phase = match indexer.phase.as_str() {
        "" if is_unread(indexer) => "not known".to_owned(),
        "" if !indexer.unreadable.is_empty() => "none, its record cannot be read".to_owned(),
        "" => "none, it has no record".to_owned(),
        phase => text::sentence(phase),
    };
    let switch = match indexer.enabled {
        _ if is_record_unknown(indexer) => "not known",
        true => "yes",
        false => "no",
    };
    card.add("Enabled", switch);
    if let Some(hold) = &indexer.hold {
        card.add(
            "Held",
            format!(
                "by {} {}: {}",
                or_dash(&hold.by),
                moment::lasting(now, hold.since_ms),
                or_dash(&hold.reason)
            ),
        );
    }
    card.add("Phase", phase);
    card.add(
        "State",
        match indexer.state_since_ms {
            0 => or_dash(&indexer.state),
            since => format!(
                "{} {}",
                or_dash(&indexer.state),
                moment::lasting(now, since)
            ),
        },
    );
    card.add("Explanation", or_dash(&indexer.explanation));
    if !indexer.unreadable.is_empty() {
        card.add(
            "Unreadable",
            Tone::Alarm.paint(&or_dash(&indexer.unreadable)),
        );
    }
    if let Some(failure) = &indexer.failure {
        card.add("Failure", failure_line(failure, now));
        card.add("Last error", or_dash(&failure.detail));
    }
    if let Some(wanted) = &indexer.wanted {
        card.add("Wanted", wanted_line(wanted));
        if is_wide || !wanted.rule.is_empty() {
            card.add("Rule", or_dash(&wanted.rule));
        }
    }
    card.add(
        "Runs",
        match indexer.running_version {
            _ if is_unread(indexer) => "not known".to_owned(),
            0 => "nothing was decided yet".to_owned(),
            version => format!(
                "version {version} from block {}",
                height(indexer.start_height)
            ),
        },
    );
    if is_wide || indexer.cursor.is_some() || indexer.queue_head.is_some() {
        card.add("Cursor", height(indexer.cursor));
        card.add("Oldest queued", height(indexer.queue_head));
    }
    for (label, it) in [("Stream", &indexer.stream), ("Executor", &indexer.executor)] {
        let id = it.as_ref().map_or("", |it| &it.id);
        let id = match text::sentence(id) {
            id if id.is_empty() => String::new(),
            id => format!(", id {}", text::clip(&id, 80)),
        };
        card.add(label, format!("{}{id}", resource(it.as_ref())));
    }
    let provisioned = match indexer.provisioned {
        _ if is_record_unknown(indexer) => "not known",
        true => "created",
        false => "not created",
    };
    let task = match text::sentence(&indexer.provisioning_task) {
        task if task.is_empty() => String::new(),
        task => format!(", task {task} in flight"),
    };
    card.add("Data layer", format!("{provisioned}{task}"));
    card.add("Next look", next_look(indexer, now));
    if is_wide || indexer.panics > 0 {
        card.add("Panics", indexer.panics.to_string());
    }
    let name = Name::of(indexer.name.as_ref()).to_string();
    format!("{}\n{}", bold(&name), card.render())
}

fn next_look(indexer: &Indexer, now: u64) -> String {
    match indexer.next_look_ms {
        0 => "on news".to_owned(),
        next => moment::both(now, next),
    }
}

fn failure_line(failure: &proto::coordinator::Failure, now: u64) -> String {
    let what = match text::sentence(&failure.description) {
        said if said.is_empty() => or_dash(&failure.cause),
        said => format!("{said} ({})", or_dash(&failure.cause)),
    };
    let tries = text::count(failure.attempts as usize, "time");
    let next = match (failure.given_up, failure.next_ms) {
        (_, 0) => "not tried again by itself".to_owned(),
        (true, next) => format!("given up until {}", moment::both(now, next)),
        (false, next) => format!("tried again {}", moment::both(now, next)),
    };
    format!(
        "{what}\n{tries}, first {}, last {}\n{next}",
        moment::both(now, failure.first_ms),
        moment::both(now, failure.last_ms)
    )
}

fn wanted_line(wanted: &proto::coordinator::Wanted) -> String {
    let mut said = match wanted.kind.as_str() {
        "SetAside" => "SetAside, its entry cannot be read".to_owned(),
        kind => or_dash(kind),
    };
    if wanted.version != 0 {
        said.push_str(&format!(", version {}", wanted.version));
    }
    if !wanted.start_block.is_empty() {
        said.push_str(&format!(", start block {}", or_dash(&wanted.start_block)));
    }
    if wanted.deleted_at != 0 {
        said.push_str(&format!(", deleted in block {}", wanted.deleted_at));
    }
    said
}

/// The coordinator as a whole.
pub(crate) fn overview(whole: &Overview, is_wide: bool, now: u64) -> String {
    let mut card = Card::default();
    card.add(
        "Version",
        format!(
            "{}, started {}",
            or_dash(&whole.version),
            moment::both(now, whole.started_ms)
        ),
    );
    card.add(
        "Mode",
        if whole.shadow {
            "shadow: it only observes"
        } else {
            "active"
        },
    );
    card.add(
        "Records",
        if whole.loaded {
            "read".to_owned()
        } else {
            Tone::Warning.paint("still being read: nothing is decided yet")
        },
    );
    card.add(
        "Registry",
        match whole.registry_answered_ms {
            0 if whole.registry_problem.is_empty() => "has not answered yet".to_owned(),
            0 => "no listing of it could be used yet".to_owned(),
            answered => format!(
                "{}, height {}, answered {}",
                text::count(whole.registered as usize, "indexer"),
                whole.registry_height,
                moment::both(now, answered)
            ),
        },
    );
    if !whole.registry_problem.is_empty() {
        let problem = or_dash(&whole.registry_problem);
        card.add(
            "Problem",
            Tone::Warning.paint(&format!("of the registry: {problem}")),
        );
    }
    if !whole.store_problem.is_empty() {
        let problem = or_dash(&whole.store_problem);
        card.add(
            "Problem",
            Tone::Warning.paint(&format!("of the store: {problem}")),
        );
    }
    if is_wide || whole.suspicious_listings > 0 {
        let times = times(whole.suspicious_listings);
        let said = format!("{times} since the start: far fewer indexers than before were listed");
        card.add("Suspicious", said);
    }
    if is_wide || whole.answers_dropped > 0 {
        let times = times(whole.answers_dropped);
        let said = format!("{times} since the start: an answer was older than one before it");
        card.add("Dropped", said);
    }
    card.add("Phases", counts(&whole.phases, "no record"));
    card.add("States", counts(&whole.states, "none"));
    let down: Vec<String> = whole
        .down
        .iter()
        .map(|down| {
            let line = format!(
                "the {} {}",
                or_dash(&down.service),
                moment::lasting(now, down.since_ms)
            );
            Tone::Alarm.paint(&line)
        })
        .collect();
    card.add(
        "Down",
        if down.is_empty() {
            "nothing".to_owned()
        } else {
            down.join("\n")
        },
    );
    if is_wide || whole.panics > 0 {
        let said = format!("{} of control loops since the start", whole.panics);
        card.add("Panics", said);
    }
    let (entries, all) = (&whole.quarantined, whole.quarantined_count);
    card.add("Set aside", set_aside(entries, all, is_wide));
    let (entries, all) = (&whole.unreadable, whole.unreadable_count);
    card.add("Unreadable", set_aside(entries, all, is_wide));
    format!("{}\n{}", bold("Coordinator"), card.render())
}

fn counts<'a>(pairs: impl IntoIterator<Item = (&'a String, &'a u64)>, empty: &str) -> String {
    let sorted: BTreeMap<_, _> = pairs.into_iter().collect();
    let words = sorted.into_iter().map(|(word, number)| {
        let word = if word.is_empty() {
            empty.to_owned()
        } else {
            text::sentence(word)
        };
        format!("{word} {number}")
    });
    match words.collect::<Vec<_>>().join(", ") {
        said if said.is_empty() => "-".to_owned(),
        said => said,
    }
}

fn times(number: u64) -> String {
    text::count(usize::try_from(number).unwrap_or(usize::MAX), "time")
}

/// `all` counts those as well that the coordinator does not name.
fn set_aside(entries: &[Quarantined], all: u64, is_wide: bool) -> String {
    let all = usize::try_from(all).unwrap_or(usize::MAX);
    if entries.is_empty() && all == 0 {
        return "nothing".to_owned();
    }
    let shown = if is_wide { entries.len() } else { LISTED };
    let mut lines: Vec<String> = entries
        .iter()
        .take(shown)
        .map(|it| {
            let name = text::escape(&it.name);
            let line = format!("{}: {}", text::clip(&name, 96), or_dash(&it.why));
            Tone::Warning.paint(&line)
        })
        .collect();
    if entries.len() > shown {
        let more = all.max(entries.len()) - shown;
        lines.push(format!("and {more} more, see -o wide"));
    } else if all > entries.len() {
        let more = all - entries.len();
        lines.push(format!("and {more} more that it does not name"));
    }
    lines.join("\n")
}
