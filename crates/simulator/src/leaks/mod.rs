//! PlantedLeak leaks: ways in which a run can come to depend on more than its scenario
//! and its seed, to see that the determinism check notices them.
//!
//! None of them is in the product. A leak stands before the store that a
//! coordinator is given, is chosen when a run begins, and the build is the same.
//! What it lets in decides how long a write of a record waits: as little as a leak
//! of the product might do.

mod sources;
mod stand_in;

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use coordinator::Ports;

pub use sources::CORPUS;

/// How long the write of a key waits, by what leaks in.
type Source = Box<dyn Fn(&str) -> Duration + Send + Sync>;

/// A leak of the corpus.
#[derive(Clone, Copy)]
pub struct PlantedLeak {
    /// What it is called.
    pub name: &'static str,
    /// What leaks in, in a line.
    pub idea: &'static str,
    open: fn() -> io::Result<Source>,
}

impl fmt::Debug for PlantedLeak {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PlantedLeak").field(&self.name).finish()
    }
}

/// The leak of this name.
///
/// # Errors
/// There is none; says which there are.
pub fn find(name: &str) -> Result<&'static PlantedLeak, String> {
    CORPUS
        .iter()
        .find(|planted| planted.name == name)
        .ok_or_else(|| {
            let names: Vec<&str> = CORPUS.iter().map(|planted| planted.name).collect();
            format!("there is no leak `{name}`; there are {}", names.join(", "))
        })
}

/// A leak that is open. All runs of a process share it, as they would share
/// whatever it stands for.
#[derive(Clone)]
pub struct Leak {
    name: &'static str,
    source: Arc<Source>,
}

impl Leak {
    /// Opens it. To be done outside of any simulation: some of them have threads.
    ///
    /// # Errors
    /// What leaks in is not to be had on this machine.
    pub fn open(planted: &PlantedLeak) -> io::Result<Leak> {
        Ok(Leak {
            name: planted.name,
            source: Arc::new((planted.open)()?),
        })
    }

    /// How long the write of `key` waits.
    fn pause(&self, key: &str) -> Duration {
        (self.source)(key)
    }
}

impl fmt::Debug for Leak {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Leak").field(&self.name).finish()
    }
}

/// `ports` as a coordinator has them through which `leak` gets in.
pub(crate) fn before(ports: Ports, leak: Option<Leak>) -> Ports {
    match leak {
        Some(leak) => stand_in::ports(leak, ports),
        None => ports,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_leak_has_a_name_of_its_own_and_says_what_it_is() {
        let names: BTreeSet<&str> = CORPUS.iter().map(|planted| planted.name).collect();
        assert_eq!(names.len(), CORPUS.len());
        assert!(names.len() >= 12, "only {}", names.len());
        for planted in CORPUS {
            let is_kebab = |byte: u8| byte.is_ascii_lowercase() || byte == b'-';
            assert!(planted.name.bytes().all(is_kebab), "{planted:?}");
            assert!(!planted.idea.is_empty() && !planted.idea.contains('\n'));
            assert_eq!(find(planted.name).map(|found| found.name), Ok(planted.name));
        }
    }

    #[test]
    fn who_asks_for_another_hears_which_there_are() {
        let error = find("no-such-leak").expect_err("there is none");
        assert!(error.contains("no-such-leak") && error.contains("wall-clock"));
    }

    #[test]
    fn every_leak_opens_and_its_pauses_are_short() {
        for planted in CORPUS {
            let leak = Leak::open(planted).expect(planted.name);
            for key in ["a.near/one:state", "b.near/two:state"] {
                assert!(leak.pause(key) <= sources::LONGEST, "{leak:?}");
            }
        }
    }
}
