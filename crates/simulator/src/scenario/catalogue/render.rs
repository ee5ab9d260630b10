//! The families and the oracles as pages.

use std::fmt::Write as _;

use super::{FaultFamily, Group, families};
use crate::oracle::catalogue::{PROPERTIES, Property};

/// What stands at the top of the page of all faults.
const HEAD: &str = "# Faults

What the simulator can do to the system, and what must hold all the same. This page is printed by
`cargo sim faults -o markdown`; `cargo sim explain NAME` prints one entry. A test keeps it as it is
in the code.

A fault is written as a step that happens at a time (`[[step]]`, `at` and `do`), or as a rate under
`[faults]`: events per minute, or a probability per call. Whatever a scenario breaks is whole again
when its quiet periods begin and at the end of its faults; then the world must become as wanted.
";

/// What stands above the oracles.
const ORACLES: &str = "
## Oracles

What must hold. `S`: nothing bad happens, judged at every event. `L`: the good comes about, judged
when all is healed. `P`: what becomes of the blocks.
";

/// The page of all faults and oracles.
pub fn markdown() -> String {
    let mut page = HEAD.to_owned();
    let mut group: Option<Group> = None;
    for family in families() {
        if group != Some(family.group) {
            group = Some(family.group);
            let _ = write!(page, "\n## {}\n", family.group.title());
        }
        entry(&mut page, family);
    }
    page.push_str(ORACLES);
    page.push_str("\n| oracle | what it says |\n|---|---|\n");
    for property in PROPERTIES {
        let _ = writeln!(
            page,
            "| {} {} | {} |",
            property.id, property.name, property.words
        );
    }
    page
}

fn entry(page: &mut String, family: &FaultFamily) {
    let _ = write!(page, "\n### {}\n\n", family.name);
    let summary = sentence(family.summary);
    for line in wrapped(&format!("{summary} {}", family.story), 100) {
        let _ = writeln!(page, "{line}");
    }
    let _ = write!(page, "\n```toml\n{}```\n\n", family.as_toml());
    let _ = writeln!(page, "- Noticed by {}.", family.noticed_by.join(", "));
    let source = format!("Source: {}.", family.source);
    let mut mark = '-';
    for line in wrapped(&source, 98) {
        let _ = writeln!(page, "{mark} {line}");
        mark = ' ';
    }
}

impl FaultFamily {
    /// How a scenario writes it: steps, sections and rates, ready to be pasted.
    pub fn as_toml(&self) -> String {
        let mut text = String::new();
        for (number, step) in self.steps.iter().enumerate() {
            let seconds = (number + 1) * 30;
            let _ = write!(text, "[[step]]\nat = \"{seconds}s\"\ndo = {step}\n\n");
        }
        if !self.sections.is_empty() {
            let _ = write!(text, "{}\n\n", self.sections);
        }
        if !self.random.is_empty() {
            let _ = write!(text, "[faults]\n{}\n\n", self.random);
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
        text
    }

    /// The entry as text for a terminal of 80 columns.
    pub fn explained(&self) -> String {
        let mut text = format!("{}: {}\n\n", self.name, self.summary);
        for line in wrapped(self.story, 80) {
            let _ = writeln!(text, "{line}");
        }
        text.push('\n');
        for line in wrapped(&format!("Source: {}.", self.source), 80) {
            let _ = writeln!(text, "{line}");
        }
        text.push_str("\nIn a scenario:\n\n");
        for line in self.as_toml().lines() {
            let indent = if line.is_empty() { "" } else { "  " };
            let _ = writeln!(text, "{indent}{line}");
        }
        let _ = writeln!(text, "\nUsually noticed by:");
        for property in PROPERTIES {
            if self.noticed_by.contains(&property.id) {
                let _ = writeln!(text, "  {:<3} {}", property.id, property.name);
            }
        }
        text.truncate(text.trim_end().len());
        text
    }
}

impl Property {
    /// The property as text for a terminal of 80 columns, with the families that
    /// it usually notices.
    pub fn explained(&self) -> String {
        let mut text = format!("{}: {}\n\n", self.id, self.name);
        for line in wrapped(self.words, 80) {
            let _ = writeln!(text, "{line}");
        }
        let noticed = families()
            .filter(|family| family.noticed_by.contains(&self.id))
            .map(|family| family.name);
        let noticed: Vec<&str> = noticed.collect();
        if !noticed.is_empty() {
            let _ = writeln!(text, "\nOften broken by:");
            for line in wrapped(&noticed.join(", "), 78) {
                let _ = writeln!(text, "  {line}");
            }
        }
        text.truncate(text.trim_end().len());
        text
    }
}

/// `text` as a sentence: with a capital at its start and a stop at its end.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    match letters.next() {
        Some(first) => format!("{}{}.", first.to_uppercase(), letters.as_str()),
        None => String::new(),
    }
}

/// `text` in lines of at most `width` columns, broken between words.
pub fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let full = lines.last().is_some_and(|line| {
            !line.is_empty() && line.chars().count() + 1 + word.chars().count() > width
        });
        if full {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines
}
