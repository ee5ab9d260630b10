//! The log of a sweep: which plans have passed, so that it can go on where it
//! was interrupted.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;

/// The first word of a log.
const TITLE: &str = "sweep-1";
/// The largest log that is read, in bytes.
const LARGEST: u64 = 256 << 20;

/// A log of plans that have passed. Its first line says what was swept, by whom;
/// every other line is the number of a scenario and the hash of a plan. It only ever
/// grows; a line that was not finished counts for nothing.
#[derive(Debug)]
pub struct Log {
    file: File,
}

/// Plans that have passed: the number of the scenario, and the plan's hash.
pub type Passed = BTreeSet<(usize, u64)>;

impl Log {
    /// Opens the log of the sweep that `identity` stands for, or begins one;
    /// returns what it says, too.
    ///
    /// # Errors
    /// The file cannot be read or written, is no log, or is the log of another
    /// sweep.
    pub fn open(path: &Path, identity: &str) -> Result<(Log, Passed), String> {
        let shown = path.display();
        let cannot = |error: io::Error| format!("cannot use {shown}: {error}");
        let options = &mut OpenOptions::new();
        let mut file = options
            .read(true)
            .append(true)
            .create(true)
            .open(path)
            .map_err(cannot)?;
        let mut text = String::new();
        let mut reader = (&mut file).take(LARGEST);
        reader.read_to_string(&mut text).map_err(cannot)?;
        let title = format!("{TITLE} {identity}");
        if text.is_empty() {
            writeln!(file, "{title}").map_err(cannot)?;
            return Ok((Log { file }, Passed::new()));
        }
        let (first, rest) = text.split_once('\n').unwrap_or((&text, ""));
        if !first.starts_with(TITLE) {
            return Err(format!("{shown} is no log of a sweep"));
        }
        if first != title {
            return Err(format!(
                "{shown} is the log of another sweep: other scenarios, options or another build; \
                 remove it or name another file"
            ));
        }
        let (whole, torn) = rest.rsplit_once('\n').unwrap_or(("", rest));
        if !torn.is_empty() {
            writeln!(file).map_err(cannot)?;
        }
        Ok((Log { file }, whole.lines().filter_map(read).collect()))
    }

    /// Takes note of a plan that has passed.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn add(&mut self, place: usize, plan: u64) -> io::Result<()> {
        let line = format!("{place} {plan:016x}\n");
        self.file.write_all(line.as_bytes())
    }
}

fn read(line: &str) -> Option<(usize, u64)> {
    let (place, plan) = line.split_once(' ')?;
    let plan = (plan.len() == 16).then(|| u64::from_str_radix(plan, 16).ok());
    Some((place.parse().ok()?, plan??))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_passed_is_known_the_next_time() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("log");
        let (mut log, passed) = Log::open(&path, "abc").expect("a new log");
        assert!(passed.is_empty());
        let all = [(0, 7), (1, 0), (0, u64::MAX)];
        for (place, plan) in all {
            log.add(place, plan).expect("it can be written");
        }
        drop(log);
        let (mut log, passed) = Log::open(&path, "abc").expect("the same log");
        assert_eq!(passed, Passed::from(all));
        log.add(2, 2).expect("it can be written");
        drop(log);
        let (_, passed) = Log::open(&path, "abc").expect("the same log");
        assert_eq!(passed.len(), 4);
    }

    #[test]
    fn a_line_that_was_not_finished_counts_for_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("log");
        let text = "sweep-1 abc\n0 0000000000000001\n0 00000000000000";
        std::fs::write(&path, text).expect("a file");
        let (mut log, passed) = Log::open(&path, "abc").expect("a log");
        assert_eq!(passed, Passed::from([(0, 1)]));
        log.add(0, 3).expect("it can be written");
        drop(log);
        let (_, passed) = Log::open(&path, "abc").expect("a log");
        assert_eq!(passed, Passed::from([(0, 1), (0, 3)]));
    }

    #[test]
    fn the_log_of_something_else_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("log");
        drop(Log::open(&path, "abc").expect("a new log"));
        let error = Log::open(&path, "abd").expect_err("it is another sweep");
        assert!(error.contains("another sweep"), "{error}");
        std::fs::write(&path, "my notes\n").expect("a file");
        let error = Log::open(&path, "abc").expect_err("it is no log");
        assert!(error.contains("no log of a sweep"), "{error}");
        let error = Log::open(folder.path(), "abc").expect_err("it is a folder");
        assert!(error.contains("cannot use"), "{error}");
    }
}
