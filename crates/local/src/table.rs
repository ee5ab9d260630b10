//! The table of indexers.

use anstyle::{AnsiColor, Style};
use proto::coordinator::Indexer;

use crate::counts::{Count, Flow};
use crate::status::name_of;

/// The narrowest explanation that is worth showing.
const EXPLANATION_MIN: usize = 16;

/// One indexer as it is shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// `account/function`, fit for a terminal.
    pub name: String,
    /// Where it is, and what its control loop does.
    pub state: String,
    /// The version that runs.
    pub version: String,
    /// First block of the run.
    pub start: String,
    /// Last block that was streamed.
    pub cursor: String,
    /// Blocks that wait.
    pub queued: String,
    /// Blocks that were executed.
    pub executed: String,
    /// Why.
    pub explanation: String,
}

impl Row {
    /// What is known of `indexer`.
    pub fn new(indexer: &Indexer, flow: Flow, count: &Count) -> Row {
        let number = |number: Option<u64>| number.map_or("-".to_owned(), |n| n.to_string());
        let state = match (indexer.phase.as_str(), indexer.state.as_str()) {
            ("", state) => state.to_owned(),
            (phase, "") => phase.to_owned(),
            (phase, state) if phase == state => phase.to_owned(),
            (phase, state) => format!("{phase}, {state}"),
        };
        let runs = Some(indexer.running_version).filter(|version| *version > 0);
        let name = name_of(indexer);
        let explanation = admin_cli::sentence(&indexer.explanation);
        Row {
            name: admin_cli::escape(&name),
            state: admin_cli::sentence(&state),
            version: number(runs),
            start: number(indexer.start_height),
            cursor: number(flow.cursor),
            queued: flow.queued.to_string(),
            executed: count.executed.to_string(),
            explanation: reason(&admin_cli::sentence(&name), &explanation).to_owned(),
        }
    }

    fn cells(&self) -> [&str; 8] {
        [
            &self.name,
            &self.state,
            &self.version,
            &self.start,
            &self.cursor,
            &self.queued,
            &self.executed,
            &self.explanation,
        ]
    }

    fn style(&self) -> Style {
        let color = match self.state.as_str() {
            "Running, Steady" => AnsiColor::Green,
            state if state.starts_with("Suspend") || state.starts_with("Delet") => {
                AnsiColor::BrightBlack
            }
            state if state.contains("Repairing") || state.contains("GaveUp") => AnsiColor::Red,
            _ => AnsiColor::Yellow,
        };
        Style::new().fg_color(Some(color.into()))
    }
}

/// An explanation without its first sentence, if that only says of `name` what the
/// other columns say.
fn reason<'a>(name: &str, explanation: &'a str) -> &'a str {
    let told = explanation.starts_with(name);
    match explanation.split_once(". ") {
        Some((_, rest)) if told => rest,
        _ => explanation,
    }
}

const TITLES: [&str; 8] = [
    "INDEXER", "STATE", "VERSION", "START", "CURSOR", "QUEUE", "EXECUTED", "WHY",
];

/// Columns that hold numbers.
const RIGHT: [bool; 8] = [false, false, true, true, true, true, true, false];

/// The table as lines of at most `width` columns.
pub fn lines(rows: &[Row], width: usize) -> Vec<String> {
    let mut widths = TITLES.map(str::len);
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row.cells()) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let [columns @ .., explanation] = &mut widths;
    let used: usize = columns.iter().map(|column| *column + 2).sum();
    *explanation = width.saturating_sub(used);
    if *explanation < EXPLANATION_MIN {
        *explanation = 0;
    }
    let title = Style::new().bold();
    let mut lines = vec![line(&TITLES, &widths, [title; 8], width)];
    let room = widths.last().copied().unwrap_or(0);
    for row in rows {
        let plain = Style::new();
        let mut styles = [plain; 8];
        let [_, state, ..] = &mut styles;
        *state = row.style();
        let mut cells = row.cells();
        if let Some(explanation) = cells.last_mut() {
            *explanation = whole_sentences(explanation, room);
        }
        lines.push(line(&cells, &widths, styles, width));
    }
    lines
}

/// As many sentences of `text` as there is room for; all of it if not even the
/// first one fits.
fn whole_sentences(text: &str, room: usize) -> &str {
    if text.chars().count() <= room {
        return text;
    }
    let ends = text.match_indices(". ").map(|(at, _)| at + 1);
    ends.filter_map(|end| text.get(..end))
        .take_while(|part| part.chars().count() <= room)
        .last()
        .unwrap_or(text)
}

fn line(cells: &[&str; 8], widths: &[usize; 8], styles: [Style; 8], width: usize) -> String {
    let mut text = String::new();
    let mut used = 0;
    let columns = cells.iter().zip(widths).zip(styles).zip(RIGHT);
    for (((cell, wanted), style), right) in columns {
        let between = if used == 0 { "" } else { "  " };
        let room = width.saturating_sub(used + between.len()).min(*wanted);
        if room == 0 {
            break;
        }
        let cell = clipped(cell, room);
        let gap = " ".repeat(room.saturating_sub(cell.chars().count()));
        let (before, after) = if right { (&*gap, "") } else { ("", &*gap) };
        text.push_str(&format!("{between}{before}{style}{cell}{style:#}{after}"));
        used += between.len() + room;
    }
    text.trim_end().to_owned()
}

/// `text` in at most `room` columns, on one line.
pub fn clipped(text: &str, room: usize) -> String {
    let flat = text.replace(['\n', '\r', '\t', '\u{1b}'], " ");
    if flat.chars().count() <= room {
        return flat;
    }
    match room {
        0 => String::new(),
        room => flat.chars().take(room - 1).chain(['…']).collect(),
    }
}

#[cfg(test)]
mod tests {
    use proto::coordinator::IndexerName;

    use super::*;

    fn row() -> Row {
        let indexer = Indexer {
            phase: "Running".to_owned(),
            state: "Steady".to_owned(),
            running_version: 130_004_999,
            start_height: Some(130_004_000),
            explanation: "everything is as wanted\nand has been for an hour".to_owned(),
            ..Indexer::default()
        };
        let flow = Flow {
            cursor: Some(130_005_001),
            queued: 3,
        };
        let mut row = Row::new(&indexer, flow, &Count::default());
        row.name = "alice.near/transfers".to_owned();
        row
    }

    fn bare(line: &str) -> String {
        anstream::adapter::strip_str(line).to_string()
    }

    #[test]
    fn columns_line_up_and_no_line_is_too_long() {
        for width in [20, 60, 80, 100, 132, 200] {
            let lines: Vec<_> = lines(&[row()], width)
                .iter()
                .map(|line| bare(line))
                .collect();
            for line in &lines {
                assert!(line.chars().count() <= width, "{width}: {line}");
            }
            assert_eq!(lines.len(), 2);
            assert!(lines[1].starts_with("alice.near/"), "{}", lines[1]);
        }
        let lines = lines(&[row()], 200);
        let (title, row) = (bare(&lines[0]), bare(&lines[1]));
        assert_eq!(title.find("STATE"), row.find("Running, Steady"));
        let end = |text: &str, part: &str| text.find(part).unwrap() + part.len();
        assert_eq!(end(&title, "CURSOR"), end(&row, "130005001"));
        assert!(row.ends_with("everything is as wanted and has been for an hour"));
    }

    #[test]
    fn what_the_columns_say_is_not_said_again() {
        let text = "a.near/f is running version 7 from block 9. Everything is as wanted. So it is.";
        assert_eq!(
            reason("a.near/f", text),
            "Everything is as wanted. So it is."
        );
        assert_eq!(reason("b.near/f", text), text);
        assert_eq!(reason("a.near/f", "a.near/f is new."), "a.near/f is new.");
    }

    #[test]
    fn sentences_that_fit_are_shown_whole() {
        let text = "It waits. Its turn comes. Then it starts.";
        assert_eq!(whole_sentences(text, 100), text);
        assert_eq!(whole_sentences(text, 30), "It waits. Its turn comes.");
        assert_eq!(whole_sentences(text, 9), "It waits.");
        assert_eq!(whole_sentences(text, 8), text);
    }

    #[test]
    fn what_cannot_be_seen_is_spelt_out() {
        let indexer = Indexer {
            name: Some(IndexerName {
                account_id: "mallory.near".to_owned(),
                function_name: "\u{1b}[2Jf\u{202e}".to_owned(),
            }),
            explanation: "mallory.near/\u{1b}[2Jf\u{202e} is new. It \u{7} waits.".to_owned(),
            ..Indexer::default()
        };
        let row = Row::new(&indexer, Flow::default(), &Count::default());
        assert_eq!(row.name, r"mallory.near/\u{1b}[2Jf\u{202e}");
        assert_eq!(row.explanation, r"It \u{7} waits.");
    }

    #[test]
    fn what_is_cut_shows_it() {
        assert_eq!(clipped("abc", 3), "abc");
        assert_eq!(clipped("abcd", 3), "ab…");
        assert_eq!(clipped("abcd", 0), "");
        assert_eq!(clipped("a\u{1b}[2J\nb", 10), "a [2J b");
    }
}
