//! What became of the mutants: read from what `cargo mutants` leaves, told in a
//! table, and compared with what is explained.

use std::collections::BTreeMap;
use std::fmt::Write;

/// The least share of the mutants that somebody must notice, in percent.
const CAUGHT_LEAST: usize = 90;

/// One changed place of one file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mutant {
    /// The file's path, from the workspace's root.
    pub file: String,
    /// Line and column.
    pub place: (u32, u32),
    /// The change in words, as `cargo mutants` names it.
    pub change: String,
}

/// What became of a mutant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    /// A test of the crate failed, or did not end.
    Tests,
    /// The tests passed, and the simulator did not.
    Simulation,
    /// Everybody was content.
    Survived,
    /// It does not compile.
    Unviable,
}

impl Mutant {
    /// Reads `FILE:LINE:COLUMN: CHANGE`.
    pub fn parse(line: &str) -> Option<Mutant> {
        let (place, change) = line.split_once(": ")?;
        let mut parts = place.rsplitn(3, ':');
        let column = parts.next()?.parse().ok()?;
        let row = parts.next()?.parse().ok()?;
        Some(Mutant {
            file: parts.next()?.to_owned(),
            place: (row, column),
            change: change.trim_end().to_owned(),
        })
    }

    /// The same line again.
    pub fn shown(&self) -> String {
        let (row, column) = self.place;
        format!("{}:{row}:{column}: {}", self.file, self.change)
    }

    /// How the names of the files begin that hold its difference; several changes
    /// of one place differ in what follows.
    pub fn diff_stem(&self) -> String {
        let (row, column) = self.place;
        let file = self.file.replace('/', "__");
        format!("{file}_line_{row}_col_{column}")
    }

    /// Whether `diff` is the difference of this mutant: its second line says so.
    pub fn is_told_by(&self, diff: &str) -> bool {
        let named = diff.lines().nth(1).and_then(|it| it.strip_prefix("+++ "));
        named == Some(&self.change)
    }

    /// `diff` as a patch that `git apply` takes: both sides name the file.
    pub fn patch(&self, diff: &str) -> String {
        let hunks = diff.split_inclusive('\n').skip(2).collect::<String>();
        format!("--- a/{0}\n+++ b/{0}\n{hunks}", self.file)
    }
}

/// All mutants and their fates.
#[derive(Debug, Default)]
pub struct Fates(pub BTreeMap<Mutant, Fate>);

impl Fates {
    /// Takes note of the mutants that `lines` name.
    pub fn note(&mut self, lines: &str, fate: Fate) {
        let mutants = lines.lines().filter_map(Mutant::parse);
        self.0.extend(mutants.map(|mutant| (mutant, fate)));
    }

    /// Those of one fate.
    pub fn of(&self, fate: Fate) -> Vec<&Mutant> {
        let all = self.0.iter().filter(|(_, is)| **is == fate);
        all.map(|(mutant, _)| mutant).collect()
    }

    /// A table for people, one line for each file, and one for all.
    pub fn table(&self) -> String {
        let mut files: BTreeMap<&str, [usize; 4]> = BTreeMap::new();
        for (mutant, fate) in &self.0 {
            for row in [mutant.file.as_str(), "~"] {
                files.entry(row).or_default()[*fate as usize] += 1;
            }
        }
        let mut text = "| file | mutants | tests | simulation | survived | unviable | caught |\n\
                        |---|---:|---:|---:|---:|---:|---:|\n"
            .to_owned();
        for (file, counts) in files {
            let [tests, simulation, survived, unviable] = counts;
            let name = match file.split_once("/src/") {
                _ if file == "~" => "all".to_owned(),
                Some((_, name)) => format!("`{name}`"),
                None => format!("`{file}`"),
            };
            // Writing to a String cannot fail.
            let _ = writeln!(
                text,
                "| {name} | {} | {tests} | {simulation} | {survived} | {unviable} | {} % |",
                counts.iter().sum::<usize>(),
                share(tests + simulation, survived)
            );
        }
        text
    }

    /// What is not as it shall be: too many survive, or one that `page` does not
    /// explain.
    pub fn problems(&self, page: &str) -> Vec<String> {
        let survivors = self.of(Fate::Survived);
        let noticed = self.of(Fate::Tests).len() + self.of(Fate::Simulation).len();
        let mut problems = Vec::new();
        let percent = share(noticed, survivors.len());
        if percent < CAUGHT_LEAST {
            problems.push(format!(
                "only {percent} % of the mutants are noticed, of {CAUGHT_LEAST} % that shall be"
            ));
        }
        let mut explained: Vec<&str> = page.lines().collect();
        for mutant in survivors {
            let name = mutant.file.rsplit('/').next().unwrap_or_default();
            let explains =
                |line: &&str| line.contains(name) && line.contains(&format!("`{}`", mutant.change));
            // Each line explains one: the same change may be made in two places.
            match explained.iter().position(explains) {
                Some(line) => _ = explained.swap_remove(line),
                None => problems.push(format!("nobody notices, and nothing explains {}", {
                    mutant.shown()
                })),
            }
        }
        problems
    }
}

/// The share of `part` beside `rest` in percent, rounded down.
fn share(part: usize, rest: usize) -> usize {
    (part * 100).checked_div(part + rest).unwrap_or(100)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = "crates/a/src/b.rs:148:57: replace < with <= in put_off";

    fn fates(lines: &[(&str, Fate)]) -> Fates {
        let mut fates = Fates::default();
        for (line, fate) in lines {
            fates.note(line, *fate);
        }
        fates
    }

    #[test]
    fn a_line_names_a_mutant() {
        let mutant = Mutant::parse(LINE).unwrap();
        assert_eq!(mutant.file, "crates/a/src/b.rs");
        assert_eq!(mutant.place, (148, 57));
        assert_eq!(mutant.change, "replace < with <= in put_off");
        assert_eq!(mutant.shown(), LINE);
        let generic = "a.rs:1:2: replace <impl A for B>::c -> d::E with d::E::new()";
        assert_eq!(Mutant::parse(generic).unwrap().shown(), generic);
        assert_eq!(Mutant::parse("no mutant: at all"), None);
        assert_eq!(Mutant::parse(""), None);
    }

    #[test]
    fn a_difference_becomes_a_patch_of_its_file() {
        let mutant = Mutant::parse(LINE).unwrap();
        assert_eq!(mutant.diff_stem(), "crates__a__src__b.rs_line_148_col_57");
        let diff = "--- crates/a/src/b.rs\n+++ replace < with <= in put_off\n@@ -1 +1 @@\n-a\n+b\n";
        assert!(mutant.is_told_by(diff));
        assert!(!mutant.is_told_by(&diff.replace("<=", "==")));
        assert!(!mutant.is_told_by(""));
        assert_eq!(
            mutant.patch(diff),
            "--- a/crates/a/src/b.rs\n+++ b/crates/a/src/b.rs\n@@ -1 +1 @@\n-a\n+b\n"
        );
    }

    #[test]
    fn the_table_counts_by_file_and_in_all() {
        let fates = fates(&[
            ("crates/a/src/b.rs:1:1: x\n", Fate::Tests),
            ("crates/a/src/b.rs:2:1: x\n", Fate::Survived),
            ("crates/a/src/c.rs:1:1: x\n", Fate::Simulation),
            ("crates/a/src/c.rs:2:1: x\n", Fate::Unviable),
        ]);
        let table = fates.table();
        let rows: Vec<&str> = table.lines().skip(2).collect();
        assert_eq!(
            rows,
            [
                "| `b.rs` | 2 | 1 | 0 | 1 | 0 | 50 % |",
                "| `c.rs` | 2 | 0 | 1 | 0 | 1 | 100 % |",
                "| all | 4 | 1 | 1 | 1 | 1 | 66 % |",
            ]
        );
    }

    #[test]
    fn a_later_judge_overrules_an_earlier_one() {
        let fates = fates(&[(LINE, Fate::Survived), (LINE, Fate::Simulation)]);
        assert_eq!(fates.of(Fate::Survived), [] as [&Mutant; 0]);
        assert_eq!(fates.of(Fate::Simulation).len(), 1);
    }

    #[test]
    fn each_survivor_needs_an_explanation_of_its_own() {
        let twice = format!("{LINE}\n{}", LINE.replace("148", "149"));
        let caught: String = (0..20).map(|n| format!("a.rs:{n}:1: x\n")).collect();
        let fates = fates(&[(&caught, Fate::Tests), (&twice, Fate::Survived)]);
        let line = "- `b.rs`, `replace < with <= in put_off`: it does not matter\n";
        assert_eq!(fates.problems(&line.repeat(2)), [] as [String; 0]);
        let problems = fates.problems(line);
        assert_eq!(problems.len(), 1);
        assert!(problems[0].ends_with(&LINE.replace("148", "149")));
        assert_eq!(fates.problems("").len(), 2);
    }

    #[test]
    fn most_must_be_noticed() {
        let caught: String = (0..9).map(|n| format!("a.rs:{n}:1: x\n")).collect();
        let page = format!("- `b.rs`, `{}`", "replace < with <= in put_off");
        let enough = fates(&[(&caught, Fate::Tests), (LINE, Fate::Survived)]);
        assert_eq!(enough.problems(&page), [] as [String; 0]);
        let caught = caught.replace("a.rs:0:1: x\n", "");
        let few = fates(&[(&caught, Fate::Simulation), (LINE, Fate::Survived)]);
        let problems = few.problems(&page);
        assert!(problems[0].contains("88 %"), "{problems:?}");
        assert_eq!(fates(&[]).problems(""), [] as [String; 0]);
    }
}
