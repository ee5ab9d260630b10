//! What is wrong with the registry's file.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use crate::session::shown;

/// How often a file that is wrong is read again though it is as it was: the code that
/// it mentions may stand in other files.
const AGAIN: Duration = Duration::from_secs(10);

/// The file, and what came of reading it last. It may be large, so it is read only
/// when that could tell something new.
#[derive(Debug)]
pub struct RegistryFile {
    path: PathBuf,
    read: Option<Reading>,
}

#[derive(Debug)]
struct Reading {
    stamp: Option<Stamp>,
    at: Instant,
    wrong: Option<String>,
}

/// When it was changed, and how long it is.
type Stamp = (Option<SystemTime>, u64);

impl RegistryFile {
    /// The file at `path`; nothing is read yet.
    pub fn new(path: PathBuf) -> RegistryFile {
        RegistryFile { path, read: None }
    }

    /// The first thing that is wrong with it, if anything is. Reads files: not for the
    /// runtime's thread.
    pub fn wrong(&mut self, now: Instant) -> Option<String> {
        let metadata = fs::metadata(&self.path).ok();
        let stamp = metadata.map(|found| (found.modified().ok(), found.len()));
        if let Some(read) = &self.read
            && read.stamp == stamp
            && (read.wrong.is_none() || now < read.at + AGAIN)
        {
            return read.wrong.clone();
        }
        let wrong = self.look();
        self.read = Some(Reading {
            stamp,
            at: now,
            wrong: wrong.clone(),
        });
        wrong
    }

    fn look(&self) -> Option<String> {
        let problems =
            registry_file::check(&self.path, sim_node::server::now().as_millis()).problems;
        let first = problems.first()?;
        let place = match &first.place {
            Some(place) => format!("{}:{}:{}", shown(&self.path), place.line, place.column),
            None => shown(&self.path),
        };
        let message = &first.message;
        Some(format!(
            "the registry is wrong and what it said before goes on: {place}: {message}"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registry_that_is_wrong_is_told_with_its_place() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("registry.toml");
        fs::write(&path, "indexer = []\n").unwrap();
        let mut file = RegistryFile::new(path.clone());
        assert_eq!(file.wrong(Instant::now()), None);
        fs::write(&path, "indexer = []\n[chain\n").unwrap();
        let text = file.wrong(Instant::now()).unwrap();
        assert!(text.contains("registry.toml:2:"), "{text}");
        assert!(text.contains("what it said before goes on"), "{text}");
    }

    #[test]
    fn it_is_read_again_only_when_that_could_tell_something_new() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("registry.toml");
        let (good, bad) = ("indexer = []\n", "indexer = [[\n");
        let write = |text: &str, at: u64| {
            fs::write(&path, text).unwrap();
            let file = fs::File::options().write(true).open(&path).unwrap();
            file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(at))
                .unwrap();
        };
        let mut file = RegistryFile::new(path.clone());
        let now = Instant::now();
        write(good, 1);
        assert_eq!(file.wrong(now), None);
        // It looks as before, so it is not read.
        write(bad, 1);
        assert_eq!(file.wrong(now + AGAIN * 2), None);
        write(bad, 2);
        assert!(file.wrong(now).is_some());
        write(good, 2);
        assert!(file.wrong(now + AGAIN / 2).is_some());
        assert_eq!(file.wrong(now + AGAIN), None);
        write(bad, 2);
        fs::remove_file(&path).unwrap();
        assert!(file.wrong(now + AGAIN).is_some());
    }
}
