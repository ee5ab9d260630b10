//! Columns.

use anstyle::{AnsiColor, Style};
use comfy_table::{ContentArrangement, Table, presets::NOTHING};
use proto::coordinator::{Indexer, Resource, ShadowIndexer};

use super::recalled::{is_record_unknown, is_unread};
use crate::args::Name;
use crate::moment;
use crate::text;

const NAME_WIDTH: usize = 48;
const WIDE_NAME_WIDTH: usize = 96;
const WORDS_WIDTH: usize = 72;
const WIDE_WORDS_WIDTH: usize = 200;
const WORD_WIDTH: usize = 24;

/// How a line is to be seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    Plain,
    Quiet,
    Warning,
    Alarm,
}

impl Tone {
    /// How an indexer is to be seen.
    pub fn of(indexer: &Indexer) -> Tone {
        match (indexer.state.as_str(), indexer.phase.as_str()) {
            _ if !indexer.unreadable.is_empty() => Tone::Alarm,
            ("GaveUp" | "Trouble" | "Unreadable", _) => Tone::Alarm,
            ("Retry" | "ServiceDown" | "Held" | "NotInRegistry" | "StaleRegistry", _)
            | (_, "Repairing") => Tone::Warning,
            ("Suspended", _) => Tone::Quiet,
            _ => Tone::Plain,
        }
    }

    pub fn paint(self, line: &str) -> String {
        let style = match self {
            Tone::Plain => return line.to_owned(),
            Tone::Quiet => Style::new().dimmed(),
            Tone::Warning => Style::new().fg_color(Some(AnsiColor::Yellow.into())),
            Tone::Alarm => Style::new().bold().fg_color(Some(AnsiColor::Red.into())),
        };
        format!("{style}{line}{style:#}")
    }
}

/// What programs and people call by this name stands out.
pub(crate) fn bold(text: &str) -> String {
    let style = Style::new().bold();
    format!("{style}{text}{style:#}")
}

/// A cell: one line of at most `width` columns, `-` if there is nothing.
fn cell(text: &str, width: usize) -> String {
    match text.trim() {
        "" => "-".to_owned(),
        text => text::clip(&text::sentence(text), width).into_owned(),
    }
}

fn number(number: u64) -> String {
    match number {
        0 => "-".to_owned(),
        _ => number.to_string(),
    }
}

/// A resource in a few words: `Fine 12`, `absent`, `unknown`.
pub(crate) fn resource(resource: Option<&Resource>) -> String {
    let Some(resource) = resource else {
        return "-".to_owned();
    };
    match resource.seen.as_str() {
        "Present" => format!(
            "{} {}",
            cell(&resource.health, WORD_WIDTH),
            number(resource.version)
        ),
        "" => "-".to_owned(),
        seen => cell(seen, WORD_WIDTH).to_lowercase(),
    }
}

/// Rows under a header, with its line ends; nothing for no rows.
fn render(header: &[&str], rows: &[(Tone, Vec<String>)]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let mut table = Table::new();
    table.load_style(NOTHING);
    table.set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(header.iter().copied());
    for (_, cells) in rows {
        table.add_row(cells);
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    let tones = std::iter::once(None).chain(rows.iter().map(|(tone, _)| Some(*tone)));
    let mut text = String::new();
    for (line, tone) in table.lines().zip(tones) {
        let line = line.trim_end();
        text.push_str(&tone.map_or_else(|| bold(line), |tone| tone.paint(line)));
        text.push('\n');
    }
    text
}

/// Indexers, one a line.
pub(crate) fn indexers<'a>(
    indexers: impl Iterator<Item = &'a Indexer>,
    is_wide: bool,
    now: u64,
) -> String {
    let rows: Vec<_> = indexers
        .map(|indexer| {
            let cells = if is_wide {
                wide_row(indexer, now)
            } else {
                row(indexer, now)
            };
            (Tone::of(indexer), cells)
        })
        .collect();
    if is_wide {
        let header = [
            "INDEXER",
            "ENABLED",
            "PHASE",
            "STATE",
            "FOR",
            "VERSION",
            "WANTED",
            "STREAM",
            "EXECUTOR",
            "TRIES",
            "NEXT LOOK",
            "EXPLANATION",
        ];
        render(&header, &rows)
    } else {
        render(&["INDEXER", "PHASE", "STATE", "FOR", "EXPLANATION"], &rows)
    }
}

fn name(indexer: &Indexer, width: usize) -> String {
    let name = Name::of(indexer.name.as_ref()).to_string();
    text::clip(&name, width).into_owned()
}

/// Its phase; a question mark where nobody knows whether it has one.
fn phase(indexer: &Indexer) -> &str {
    match indexer.phase.as_str() {
        "" if is_unread(indexer) => "?",
        phase => phase,
    }
}

fn row(indexer: &Indexer, now: u64) -> Vec<String> {
    vec![
        name(indexer, NAME_WIDTH),
        cell(phase(indexer), WORD_WIDTH),
        cell(&indexer.state, WORD_WIDTH),
        moment::age(now, indexer.state_since_ms),
        cell(said(indexer), WORDS_WIDTH),
    ]
}

fn wide_row(indexer: &Indexer, now: u64) -> Vec<String> {
    let wanted = indexer.wanted.as_ref();
    let wanted = wanted.map_or_else(String::new, |wanted| match wanted.version {
        0 => wanted.kind.clone(),
        version => format!("{} {version}", wanted.kind),
    });
    let tries = indexer.failure.as_ref().map_or(0, |it| it.attempts);
    vec![
        name(indexer, WIDE_NAME_WIDTH),
        match indexer.enabled {
            _ if is_record_unknown(indexer) => "?",
            true => "yes",
            false => "no",
        }
        .to_owned(),
        cell(phase(indexer), WORD_WIDTH),
        cell(&indexer.state, WORD_WIDTH),
        moment::age(now, indexer.state_since_ms),
        number(indexer.running_version),
        cell(&wanted, WORD_WIDTH * 2),
        resource(indexer.stream.as_ref()),
        resource(indexer.executor.as_ref()),
        number(u64::from(tries)),
        match indexer.next_look_ms {
            0 => "on news".to_owned(),
            next => moment::relative(now, next),
        },
        cell(said(indexer), WIDE_WORDS_WIDTH),
    ]
}

/// What stands in the last column. The coordinator begins with a sentence on name
/// and phase, which stand in columns of their own: the reason comes after it.
fn said(indexer: &Indexer) -> &str {
    if !indexer.unreadable.is_empty() {
        return &indexer.unreadable;
    }
    let name = Name::of(indexer.name.as_ref());
    let rest = indexer
        .explanation
        .strip_prefix(name.account.as_str())
        .and_then(|rest| rest.strip_prefix('/'))
        .and_then(|rest| rest.strip_prefix(name.function.as_str()))
        .and_then(|rest| rest.split_once(". "));
    match rest {
        Some((_, reason)) => reason,
        None => &indexer.explanation,
    }
}

/// One line about a change.
pub(crate) fn change(indexer: &Indexer, is_wide: bool, now: u64) -> String {
    let words = if is_wide {
        WIDE_WORDS_WIDTH
    } else {
        WORDS_WIDTH
    };
    let line = format!(
        "{}  {}  {} / {}  {}",
        clock(now),
        name(indexer, WIDE_NAME_WIDTH),
        cell(phase(indexer), WORD_WIDTH),
        cell(&indexer.state, WORD_WIDTH),
        cell(said(indexer), words),
    );
    format!("{}\n", Tone::of(indexer).paint(&line))
}

/// One line about an indexer that is gone.
pub(crate) fn removal(name: &Name, now: u64) -> String {
    let line = format!("{}  {name}  gone", clock(now));
    format!("{}\n", Tone::Quiet.paint(&line))
}

fn clock(now: u64) -> String {
    let date = moment::date(now).unwrap_or_default();
    date.split_once('T')
        .map(|(_, time)| time.to_owned())
        .unwrap_or_default()
}

/// What a shadow found, one indexer a line.
pub(crate) fn shadow(indexers: &[ShadowIndexer], is_wide: bool, now: u64) -> String {
    let (name_width, words) = if is_wide {
        (WIDE_NAME_WIDTH, WIDE_WORDS_WIDTH)
    } else {
        (NAME_WIDTH, WORDS_WIDTH)
    };
    let row = |indexer: &ShadowIndexer| {
        let name = Name::of(indexer.name.as_ref()).to_string();
        let tone = match indexer.verdict.as_str() {
            "Disagrees" => Tone::Alarm,
            "Pending" | "Unknown" => Tone::Warning,
            _ => Tone::Plain,
        };
        let mut cells = vec![
            text::clip(&name, name_width).into_owned(),
            cell(&indexer.verdict, WORD_WIDTH),
            moment::age(now, indexer.since_ms),
            cell(&indexer.phase, WORD_WIDTH),
            cell(&indexer.shadow_phase, WORD_WIDTH),
            cell(&indexer.would, words),
        ];
        if is_wide {
            cells.push(cell(&indexer.unexpected.join("; "), words));
        }
        (tone, cells)
    };
    let rows: Vec<_> = indexers.iter().map(row).collect();
    let mut header = vec![
        "INDEXER",
        "VERDICT",
        "FOR",
        "PHASE",
        "SHADOW PHASE",
        "WOULD",
    ];
    if is_wide {
        header.push("UNEXPECTED");
    }
    render(&header, &rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proto::coordinator::IndexerName;

    #[test]
    fn the_reason_is_shown_rather_than_the_name_once_more() {
        let mut indexer = Indexer {
            name: Some(IndexerName {
                account_id: "alice.near".to_owned(),
                function_name: "feed. x".to_owned(),
            }),
            ..Indexer::default()
        };
        for (explanation, shown) in [
            (
                "alice.near/feed. x is running. All is well. So it stays.",
                "All is well. So it stays.",
            ),
            (
                "alice.near/feed. x is running.",
                "alice.near/feed. x is running.",
            ),
            ("All is well. So it stays.", "All is well. So it stays."),
            ("", ""),
        ] {
            indexer.explanation = explanation.to_owned();
            assert_eq!(said(&indexer), shown);
        }
        indexer.unreadable = "no JSON".to_owned();
        assert_eq!(said(&indexer), "no JSON");
    }
}
