//! Scenarios as the user gives them: files, folders, built-in ones, real data.

use std::fs;
use std::path::{Path, PathBuf};

use coordinator::Knobs;

use super::built_in;
use super::sets;
use crate::report::Logic;
use crate::run::knobs;
use crate::scenario::{self, Diagnostic, LONGEST, Scenario};
use crate::swarm::{self, Override, Profile};

/// The project's folder of scenarios.
const FOLDER: &str = "scenarios";
/// Where it is if not in the current folder.
const BUILT_FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../scenarios");
/// What the name of a swarm begins with; the name of its profile follows.
pub const SWARM: &str = "swarm:";
/// Folders within folders that are followed.
const DEEPEST: usize = 16;

/// What to run, without the seed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Given {
    /// The scenario's file, or its name if it is built in or made by a swarm.
    pub name: String,
    /// Real blocks, if given on the command line.
    pub blocks: Option<PathBuf>,
    /// A real registry, if given on the command line.
    pub registry: Option<PathBuf>,
    /// Values set on the command line, whatever the scenario says.
    pub sets: Vec<Override>,
    /// The bug that the coordinator has.
    pub planted: Option<String>,
    /// Whose logic the coordinator follows.
    pub coordinator: Logic,
    /// Whether it says that it defends restart equivalence.
    pub defends_equivalence: bool,
}

impl Given {
    /// A scenario without further data.
    pub fn of(name: impl Into<String>) -> Given {
        Given {
            name: name.into(),
            ..Given::default()
        }
    }

    /// A swarm of this profile.
    pub fn swarm(profile: &Profile, sets: Vec<Override>) -> Given {
        Given {
            sets,
            ..Given::of(format!("{SWARM}{}", profile.name))
        }
    }

    /// The profile, if it is a swarm.
    pub fn profile(&self) -> Option<&'static Profile> {
        Profile::by_name(self.name.strip_prefix(SWARM)?)
    }

    /// The same, with a coordinator that follows `logic`. What a crash at each effect
    /// leads to is not asked of the original, which makes an effect every second.
    pub fn under(&self, logic: Logic) -> Given {
        Given {
            coordinator: logic,
            defends_equivalence: self.defends_equivalence && logic.is_ours(),
            ..self.clone()
        }
    }

    /// As [`Given::load_for`], with some seed if the scenario depends on it.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn load(&self) -> Result<Scenario, Vec<Diagnostic>> {
        self.load_for(1)
    }

    /// Its text with the values that were set, if it is not the one in its file.
    ///
    /// # Errors
    /// A value cannot be set where it shall be.
    pub fn text(&self, seed: u64) -> Result<Option<String>, Vec<Diagnostic>> {
        self.text_with(seed, &self.sets)
    }

    fn text_with(&self, seed: u64, sets: &[Override]) -> Result<Option<String>, Vec<Diagnostic>> {
        let fixed = || built_in::text(&self.name);
        let mut root = match self.profile() {
            Some(profile) => swarm::scenario(profile, seed),
            None if sets.is_empty() => return Ok(fixed()),
            None => {
                let text = fixed().or_else(|| fs::read_to_string(&self.name).ok());
                match text.and_then(|text| toml::from_str(&text).ok()) {
                    Some(root) => root,
                    // What is wrong with it is found out by whoever reads it.
                    None => return Ok(fixed()),
                }
            }
        };
        for set in sets {
            let of_file = |message| vec![Diagnostic::of_file(&self.name, message)];
            set.apply(&mut root).map_err(of_file)?;
        }
        Ok(Some(swarm::render(&root)))
    }

    /// Reads and checks it, the coordinator's knobs included.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn load_for(&self, seed: u64) -> Result<Scenario, Vec<Diagnostic>> {
        let check =
            |name: &str, value: &toml::Value| knobs::set(&mut Knobs::default(), name, value);
        let names = knobs::names();
        let knobs = Some(scenario::Knobs {
            names: &names,
            check: &check,
        });
        let parse = |sets: &[Override]| {
            let text = self.text_with(seed, sets).map_err(|found| (found, None))?;
            match text {
                Some(text) => Scenario::parse_with(&self.name, &text, knobs)
                    .map_err(|found| (found, Some(text))),
                None => {
                    Scenario::load_with(Path::new(&self.name), knobs).map_err(|found| (found, None))
                }
            }
        };
        let mut scenario = sets::blame(&self.name, &self.sets, parse)?;
        let data = &mut scenario.data;
        data.blocks = self.blocks.clone().or_else(|| data.blocks.take());
        data.registry = self.registry.clone().or_else(|| data.registry.take());
        if let (built_in::CRASHES, Some(folder)) = (&*self.name, &data.blocks) {
            let whole = data.interval.saturating_mul(entries(folder));
            scenario.run.duration = scenario.run.duration.max(whole).min(LONGEST);
        }
        let data = &scenario.data;
        let blocks = data.blocks.as_deref().filter(|path| !path.is_dir());
        let registry = data.registry.as_deref().filter(|path| !path.is_file());
        let missing: Vec<Diagnostic> = [
            blocks.map(|path| format!("there is no folder of blocks {}", path.display())),
            registry.map(|path| format!("there is no registry file {}", path.display())),
        ]
        .into_iter()
        .flatten()
        .map(|message| Diagnostic::of_file(&self.name, message))
        .collect();
        if missing.is_empty() {
            Ok(scenario)
        } else {
            Err(missing)
        }
    }
}

/// How many entries a folder has; none if it cannot be read, which is found out
/// elsewhere.
fn entries(folder: &Path) -> u32 {
    let count = fs::read_dir(folder).map_or(0, Iterator::count);
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// The scenario files that `paths` name, folders searched, each once and in
/// order, and swarms; the project's own if `paths` is empty.
///
/// # Errors
/// A path leads nowhere or cannot be read; says which.
pub fn find(paths: &[PathBuf]) -> Result<Vec<Given>, String> {
    let own = [own_folder()];
    let paths = if paths.is_empty() { &own[..] } else { paths };
    let mut found = Vec::new();
    for path in paths {
        let swarm = path.to_str().map(Given::of);
        if let Some(swarm) = swarm.filter(|swarm| swarm.profile().is_some()) {
            found.push(swarm);
            continue;
        }
        let mut files = Vec::new();
        collect(path, 0, &mut files)?;
        files.sort();
        for file in files {
            let name = file.display().to_string();
            if found.iter().all(|given: &Given| given.name != name) {
                found.push(Given::of(name));
            }
        }
    }
    Ok(found)
}

fn own_folder() -> PathBuf {
    let here = PathBuf::from(FOLDER);
    if here.is_dir() {
        return here;
    }
    let built = fs::canonicalize(BUILT_FOLDER).unwrap_or_else(|_| PathBuf::from(BUILT_FOLDER));
    match std::env::current_dir().and_then(fs::canonicalize) {
        Ok(current) => built
            .strip_prefix(&current)
            .map(Path::to_path_buf)
            .unwrap_or(built),
        Err(_) => built,
    }
}

fn collect(path: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<(), String> {
    let cannot = |error: std::io::Error| format!("cannot read {}: {error}", path.display());
    if !fs::metadata(path).map_err(cannot)?.is_dir() {
        files.push(path.to_path_buf());
        return Ok(());
    }
    if depth == DEEPEST {
        return Err(format!("{} lies too deep", path.display()));
    }
    for entry in fs::read_dir(path).map_err(cannot)? {
        let inner = entry.map_err(cannot)?.path();
        let is_hidden = inner
            .file_name()
            .is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        let is_scenario = inner.extension().is_some_and(|ending| ending == "toml");
        if !is_hidden && (inner.is_dir() || is_scenario) {
            collect(&inner, depth + 1, files)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_searched_in_order_and_nothing_comes_twice() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        fs::create_dir(path("b")).expect("a folder within");
        for name in ["c.toml", "b/a.toml", "a.toml", "notes.md", ".hidden.toml"] {
            fs::write(path(name), "").expect("a file");
        }
        let both = [folder.path().to_path_buf(), path("a.toml")];
        let found = find(&both).expect("they are there");
        let names: Vec<_> = found
            .iter()
            .map(|given| PathBuf::from(&given.name))
            .collect();
        assert_eq!(names, [path("a.toml"), path("b/a.toml"), path("c.toml")]);
    }

    #[test]
    fn a_path_that_leads_nowhere_is_named() {
        let error = find(&[PathBuf::from("no/such.toml")]).expect_err("it is not there");
        assert!(error.contains("no/such.toml"), "{error}");
    }

    #[test]
    fn missing_data_is_a_mistake_of_the_scenario() {
        let given = Given {
            name: built_in::CRASHES.to_owned(),
            blocks: Some(PathBuf::from("no/blocks")),
            registry: Some(PathBuf::from("no/registry.json")),
            ..Given::default()
        };
        let found = given.load().expect_err("neither is there");
        assert_eq!(found.len(), 2);
        assert!(found[0].to_string().contains("no/blocks"));
    }

    #[test]
    fn without_a_scenario_the_run_is_as_long_as_the_blocks_are() {
        let lake = tempfile::tempdir().expect("a folder");
        let given = Given {
            blocks: Some(lake.path().to_path_buf()),
            ..Given::of(built_in::CRASHES)
        };
        let seconds = || given.load().map(|scenario| scenario.run.duration.as_secs());
        assert_eq!(seconds(), Ok(180));
        for height in 0..100 {
            fs::create_dir(lake.path().join(format!("{height:012}"))).expect("a block");
        }
        assert_eq!(seconds(), Ok(500));
    }

    #[test]
    fn unknown_knobs_are_found() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("x.toml");
        fs::write(&file, "property = \"p\"\n[coordinator]\ntikc = \"1s\"\n").expect("a file");
        let found = Given::of(file.display().to_string())
            .load()
            .expect_err("a typing error");
        assert!(
            found
                .iter()
                .any(|one| one.line == 3 && one.message.contains("tikc")),
            "{found:?}"
        );
    }
}
