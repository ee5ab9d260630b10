//! What is written of a smaller run.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use toml::Table;

use super::super::figures;
use super::super::outcome::Outcome;
use super::tree::Size;
use crate::swarm;

/// Where it goes if nobody says so.
const FOLDER: &str = ".sim/shrunk";
/// Files of one name beside each other.
const MOST_ALIKE: u32 = 1_000;

/// How much smaller it became.
#[derive(Clone, Copy, Debug)]
pub struct Change {
    /// Before.
    pub before: (Size, u64),
    /// After; beside the size the virtual time in microseconds.
    pub after: (Size, u64),
}

impl std::fmt::Display for Change {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (before, after) = (self.before.0, self.after.0);
        write!(
            f,
            "steps {} -> {}, indexers {} -> {}, settings {} -> {}, virtual time {} -> {}",
            before.steps,
            after.steps,
            before.indexers,
            after.indexers,
            before.settings,
            after.settings,
            figures::micros(self.before.1),
            figures::micros(self.after.1),
        )
    }
}

/// The scenario as a file, which begins with where it comes from. `original` is the
/// command that repeats what it was made of, `command` the one that made it.
pub fn text(
    root: &Table,
    outcome: &Outcome,
    original: &str,
    command: &str,
    change: Change,
) -> String {
    let mut lines = vec![
        format!("Made smaller by: {command}"),
        format!("from: {original}"),
        format!(
            "With seed {} it comes to: {}",
            outcome.job.seed,
            outcome.verdict()
        ),
    ];
    let sentence = outcome.report.violation.as_ref();
    lines.extend(sentence.map(|violation| violation.sentence.clone()));
    lines.push(change.to_string());
    let comment: String = lines
        .iter()
        .flat_map(|line| line.lines())
        .map(|line| format!("# {line}\n"))
        .collect();
    format!("{comment}\n{}", swarm::render(root))
}

/// A file below [`FOLDER`] that does not exist yet.
///
/// # Errors
/// There cannot be such a folder.
pub fn place(name: &str, seed: u64) -> io::Result<PathBuf> {
    fs::create_dir_all(FOLDER)?;
    let name = name.trim_end_matches(".toml");
    let (_, below) = name.rsplit_once("scenarios/").unwrap_or(("", name));
    let plain = |letter: char| match letter.is_ascii_alphanumeric() {
        true => letter,
        false => '-',
    };
    let flat: String = below.chars().map(plain).collect();
    let flat = flat.trim_matches('-');
    (1..MOST_ALIKE)
        .map(|number| match number {
            1 => format!("{flat}-{seed}.toml"),
            _ => format!("{flat}-{seed}-{number}.toml"),
        })
        .map(|file| Path::new(FOLDER).join(file))
        .find(|path| !path.exists())
        .ok_or_else(|| ErrorKind::AlreadyExists.into())
}

/// Whether a new file can be written there, as far as that can be known before.
///
/// # Errors
/// It cannot; says why.
pub fn is_free(path: &Path) -> Result<(), String> {
    let shown = path.display();
    if path.exists() {
        return Err(format!("cannot write {shown}: it exists"));
    }
    let folder = path.parent().filter(|it| !it.as_os_str().is_empty());
    match folder.filter(|folder| !folder.is_dir()) {
        Some(folder) => Err(format!(
            "cannot write {shown}: there is no folder {}",
            folder.display()
        )),
        None => Ok(()),
    }
}

/// Writes a new file.
///
/// # Errors
/// It exists, or cannot be written.
pub fn write(path: &Path, text: &str) -> io::Result<()> {
    File::create_new(path).and_then(|mut file| file.write_all(text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::super::super::exit::Exit;
    use super::super::super::outcome::tests::outcome;
    use super::*;

    #[test]
    fn a_file_begins_with_where_it_comes_from() {
        let mut failed = outcome("x.toml", 8, Exit::Safety, "S7");
        if let Some(violation) = &mut failed.report.violation {
            violation.sentence = "one line\nand another".to_owned();
        }
        let size = |steps| Size {
            steps,
            indexers: 12,
            settings: 5,
        };
        let change = Change {
            before: (size(41), 3 * 3_600_000_000),
            after: (size(3), 242_000_000),
        };
        let root = toml::from_str("property = 'p'").expect("a table");
        let text = text(
            &root,
            &failed,
            "cargo sim run y",
            "cargo sim shrink y",
            change,
        );
        let expected = "\
# Made smaller by: cargo sim shrink y
# from: cargo sim run y
# With seed 8 it comes to: safety S7
# one line
# and another
# steps 41 -> 3, indexers 12 -> 12, settings 5 -> 5, virtual time 3h 0m -> 4m 2s

property = \"p\"
";
        assert_eq!(text, expected);
    }

    #[test]
    fn nothing_is_overwritten() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("x.toml");
        assert_eq!(is_free(&path), Ok(()));
        write(&path, "one").expect("it can be written");
        assert!(is_free(&path).is_err_and(|error| error.ends_with("it exists")));
        assert!(write(&path, "two").is_err());
        assert_eq!(fs::read_to_string(&path).ok().as_deref(), Some("one"));
        let lost = folder.path().join("no/x.toml");
        assert!(is_free(&lost).is_err_and(|error| error.contains("there is no folder")));
    }
}
