//! Tables: with lines for people, with blanks for pipes.

use comfy_table::presets::{NOTHING, UTF8_FULL_CONDENSED};
use comfy_table::{CellAlignment, ContentArrangement, Table};

use super::out::{green, red};

/// How a row is to be seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tone {
    /// As it is.
    #[default]
    Plain,
    /// In green.
    Good,
    /// In red.
    Bad,
}

/// One column.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// What stands above it.
    pub title: &'static str,
    /// Whether it holds numbers.
    pub is_number: bool,
}

/// A column of words.
pub const fn words(title: &'static str) -> Column {
    Column {
        title,
        is_number: false,
    }
}

/// A column of numbers.
pub const fn numbers(title: &'static str) -> Column {
    Column {
        title,
        is_number: true,
    }
}

/// The table as text without a line end at its end. Cells are single lines.
pub fn render(columns: &[Column], rows: &[(Tone, Vec<String>)], for_people: bool) -> String {
    let mut table = Table::new();
    table.load_style(if for_people {
        UTF8_FULL_CONDENSED
    } else {
        NOTHING
    });
    table.set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(columns.iter().map(|column| column.title));
    for (_, cells) in rows {
        table.add_row(cells.iter().map(|cell| cell.replace(['\n', '\r'], " ")));
    }
    for (number, column) in columns.iter().enumerate() {
        if let (true, Some(shown)) = (column.is_number, table.column_mut(number)) {
            shown.set_cell_alignment(CellAlignment::Right);
        }
    }
    let above = if for_people { 3 } else { 1 };
    let lines = table.lines().enumerate().map(|(number, line)| {
        let line = line.trim_end().to_owned();
        let row = number.checked_sub(above).and_then(|row| rows.get(row));
        match row.map(|(tone, _)| tone) {
            Some(Tone::Good) => green(&line),
            Some(Tone::Bad) => red(&line),
            _ => line,
        }
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(tone: Tone) -> Vec<(Tone, Vec<String>)> {
        let row = |tone, cells: [&str; 3]| (tone, cells.map(str::to_owned).to_vec());
        vec![
            row(Tone::Plain, ["a.toml", "4", "passed"]),
            row(tone, ["longer.toml", "1,000", "safety\nS7"]),
        ]
    }

    const COLUMNS: [Column; 3] = [words("scenario"), numbers("seeds"), words("verdict")];

    #[test]
    fn pipes_get_aligned_blanks() {
        let expected = [
            " scenario     seeds  verdict",
            " a.toml           4  passed",
            " longer.toml  1,000  safety S7",
        ];
        assert_eq!(
            render(&COLUMNS, &sample(Tone::Plain), false),
            expected.join("\n")
        );
    }

    #[test]
    fn people_get_lines() {
        let expected = [
            "┌─────────────┬───────┬───────────┐",
            "│ scenario    ┆ seeds ┆ verdict   │",
            "╞═════════════╪═══════╪═══════════╡",
            "│ a.toml      ┆     4 ┆ passed    │",
            "│ longer.toml ┆ 1,000 ┆ safety S7 │",
            "└─────────────┴───────┴───────────┘",
        ];
        assert_eq!(
            render(&COLUMNS, &sample(Tone::Plain), true),
            expected.join("\n")
        );
    }

    #[test]
    fn only_the_bad_row_is_red() {
        for for_people in [false, true] {
            let table = render(&COLUMNS, &sample(Tone::Bad), for_people);
            let red: Vec<&str> = table
                .lines()
                .filter(|line| line.contains('\u{1b}'))
                .collect();
            assert_eq!(red.len(), 1);
            assert!(red[0].contains("longer.toml"), "{table}");
        }
    }
}
