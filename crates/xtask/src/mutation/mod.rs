//! `cargo mutation`: changes the decisions, one place at a time, and shows who
//! notices: first the tests of the crate, then, for what they let pass, the
//! simulator.

mod outcome;

use std::{
    env, fs, io,
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
};

use outcome::{Fate, Fates, Mutant};

/// What is mutated.
struct Subject {
    package: &'static str,
    files: &'static str,
    /// For cargo: only the tests that have a say are built and run.
    tests: &'static str,
}

const SUBJECTS: [Subject; 2] = [
    Subject {
        package: "lifecycle",
        files: "crates/lifecycle/src/**/*.rs",
        tests: "--cargo-arg=--test=lifecycle",
    },
    Subject {
        package: "coordinator",
        files: "crates/coordinator/src/reconciler/**/*.rs",
        tests: "--cargo-arg=--lib",
    },
];

/// How the simulator is built here.
const BUILD: [&str; 7] = [
    "build",
    "--config",
    "build.rustflags=['--cfg','madsim']",
    "--release",
    "-p",
    "simulator",
    "--no-default-features",
];

/// The simulator's judges, the one that notices most first.
const JUDGES: [&[&str]; 2] = [
    &["explore", "scenarios", "--seeds", "1"],
    &["sweep", "scenarios/golden"],
];

/// So long a judge may take, in seconds; what lets it run for ever is noticed.
const JUDGE_LIMIT: &str = "600";

/// Where the survivors are explained.
const PAGE: &str = "docs/mutation-testing.md";

/// Which parts are done; what they leave behind is kept for the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The crates' own tests judge every mutant.
    Tests,
    /// The simulator judges those that survived.
    Simulation,
    /// What came of both is printed, and compared with what is explained.
    Report,
}

/// All parts, in order.
pub const PARTS: [Part; 3] = [Part::Tests, Part::Simulation, Part::Report];

impl Part {
    /// The part of that name.
    pub fn named(name: &str) -> Option<Part> {
        match name {
            "tests" => Some(Part::Tests),
            "simulation" => Some(Part::Simulation),
            "report" => Some(Part::Report),
            _ => None,
        }
    }
}

/// Does the parts, and prints what came of them.
pub fn run(parts: &[Part]) -> ExitCode {
    let site = Site::new();
    for part in parts {
        let done = match part {
            Part::Tests => site.tests(),
            Part::Simulation => site.simulation(),
            Part::Report => site.report(),
        };
        if let Err(problem) = done {
            eprintln!("error: {problem}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

/// Where it is done.
struct Site {
    /// The workspace.
    root: PathBuf,
    /// Whatever is made here.
    place: PathBuf,
    /// A copy of the last commit, for the simulator's builds.
    tree: PathBuf,
}

impl Site {
    fn new() -> Site {
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
        let place = root.join("target/mutation");
        let tree = place.join("tree");
        Site { root, place, tree }
    }

    fn tests(&self) -> Result<(), String> {
        let found = Command::new(cargo())
            .args(["mutants", "--version"])
            .output();
        if !found.is_ok_and(|it| it.status.success()) {
            return Err("cargo-mutants is missing: `cargo install cargo-mutants --locked`".into());
        }
        // `cargo mutants` makes only the last folder of a path.
        fs::create_dir_all(&self.place)
            .map_err(|error| format!("{}: {error}", self.place.display()))?;
        for subject in &SUBJECTS {
            let status = Command::new(cargo())
                .args(["mutants", "-p", subject.package, "-f", subject.files])
                .args([subject.tests, "-o"])
                .arg(self.place.join(subject.package))
                .env("CARGO_TARGET_DIR", self.place.join("tests"))
                // Whoever fails a property need not be the smallest that does.
                .env("PROPTEST_MAX_SHRINK_ITERS", "0")
                .current_dir(&self.root)
                .status()
                .map_err(|error| format!("cargo did not start: {error}"))?;
            // 2 and 3: some were missed, some did not end.
            if !matches!(status.code(), Some(0 | 2 | 3)) {
                return Err(format!("mutating {} failed: {status}", subject.package));
            }
            let _ = fs::remove_file(self.verdicts(subject));
        }
        Ok(())
    }

    fn simulation(&self) -> Result<(), String> {
        self.check_out()?;
        if !self.builds()? || !self.content()? {
            return Err("the simulator is red already, without any change".into());
        }
        for subject in &SUBJECTS {
            let survivors = self.judged_by_tests(subject)?;
            for mutant in survivors.of(Fate::Survived) {
                let noticed = self.simulate(subject, mutant)?;
                let verdict = if noticed { "noticed" } else { "missed" };
                println!("{verdict:8} {}", mutant.shown());
                if noticed {
                    self.append(&self.verdicts(subject), &mutant.shown())?;
                }
            }
        }
        Ok(())
    }

    fn report(&self) -> Result<(), String> {
        let mut all = Fates::default();
        for subject in &SUBJECTS {
            all.0.extend(self.judged_by_tests(subject)?.0);
            let noticed = fs::read_to_string(self.verdicts(subject)).unwrap_or_default();
            all.note(&noticed, Fate::Simulation);
        }
        println!("{}", all.table());
        for mutant in all.of(Fate::Survived) {
            println!("survived {}", mutant.shown());
        }
        let problems = all.problems(&read(&self.root.join(PAGE))?);
        if problems.is_empty() {
            return Ok(());
        }
        Err(format!(
            "{}\nTest it, or explain in {PAGE} why nobody has to notice",
            problems.join("\n")
        ))
    }

    /// Where it is noted whom the simulator noticed.
    fn verdicts(&self, subject: &Subject) -> PathBuf {
        self.place.join(subject.package).join("simulation.txt")
    }

    fn judged_by_tests(&self, subject: &Subject) -> Result<Fates, String> {
        let folder = self.place.join(subject.package).join("mutants.out");
        let mut fates = Fates::default();
        for (file, fate) in [
            ("caught.txt", Fate::Tests),
            ("timeout.txt", Fate::Tests),
            ("missed.txt", Fate::Survived),
            ("unviable.txt", Fate::Unviable),
        ] {
            fates.note(&read(&folder.join(file))?, fate);
        }
        Ok(fates)
    }

    /// Brings the copy to the last commit.
    fn check_out(&self) -> Result<(), String> {
        let changed = output(&self.root, "git", &["status", "--porcelain", "crates"])?;
        if !changed.is_empty() {
            return Err("there are changes in crates: commit them first".into());
        }
        let commit = output(&self.root, "git", &["rev-parse", "HEAD"])?;
        let commit = commit.trim();
        if self.tree.join(".git").exists() {
            let words = ["checkout", "--force", "--detach", commit];
            output(&self.tree, "git", &words)?;
        } else {
            let tree = self.tree.to_string_lossy();
            let words = ["worktree", "add", "--force", "--detach", &tree, commit];
            output(&self.root, "git", &words)?;
        }
        Ok(())
    }

    /// Whether the simulator notices `mutant`.
    fn simulate(&self, subject: &Subject, mutant: &Mutant) -> Result<bool, String> {
        let folder = self.place.join(subject.package).join("mutants.out/diff");
        let diff = find(&folder, mutant)
            .map_err(|error| format!("{}: {error}", folder.display()))?
            .ok_or_else(|| format!("there is no difference for {}", mutant.shown()))?;
        let patch = self.place.join("mutant.patch");
        fs::write(&patch, mutant.patch(&diff))
            .map_err(|error| format!("{}: {error}", patch.display()))?;
        output(&self.tree, "git", &["apply", &patch.to_string_lossy()])?;
        let noticed = self.builds().and_then(|builds| match builds {
            true => Ok(!self.content()?),
            false => Err(format!("the simulator does not build: {}", mutant.shown())),
        });
        output(&self.tree, "git", &["checkout", "--force", "."])?;
        noticed
    }

    fn builds(&self) -> Result<bool, String> {
        let mut build = Command::new(cargo());
        build
            .args(BUILD)
            .arg("--target-dir")
            .arg(self.place.join("simulation"))
            .env("CARGO_INCREMENTAL", "1");
        succeeds(build.current_dir(&self.tree))
    }

    /// Whether every judge of the simulator is content.
    fn content(&self) -> Result<bool, String> {
        for words in JUDGES {
            let mut judge = Command::new("timeout");
            judge
                .arg(JUDGE_LIMIT)
                .arg(self.place.join("simulation/release/simulator"))
                .args(words);
            if !succeeds(judge.current_dir(&self.tree))? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn append(&self, path: &Path, line: &str) -> Result<(), String> {
        let before = fs::read_to_string(path).unwrap_or_default();
        fs::write(path, format!("{before}{line}\n"))
            .map_err(|error| format!("{}: {error}", path.display()))
    }
}

/// The difference of `mutant` among those in `folder`.
fn find(folder: &Path, mutant: &Mutant) -> io::Result<Option<String>> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        if name.to_string_lossy().starts_with(&mutant.diff_stem()) {
            let diff = fs::read_to_string(entry.path())?;
            if mutant.is_told_by(&diff) {
                return Ok(Some(diff));
            }
        }
    }
    Ok(None)
}

fn cargo() -> std::ffi::OsString {
    env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| {
        format!(
            "{}: {error}. Begin with `cargo mutation tests`",
            path.display()
        )
    })
}

/// What a command prints; an error if it fails.
fn output(place: &Path, program: &str, words: &[&str]) -> Result<String, String> {
    let shown = format!("{program} {}", words.join(" "));
    let output = Command::new(program)
        .args(words)
        .current_dir(place)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("`{shown}` did not start: {error}"))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        Err(format!("`{shown}` failed: {}", said.trim()))
    }
}

/// Whether a command succeeds that has nothing to say.
fn succeeds(command: &mut Command) -> Result<bool, String> {
    let status = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    let status = status.map_err(|error| format!("{command:?} did not start: {error}"))?;
    Ok(status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_known_by_name() {
        for (name, part) in ["tests", "simulation", "report"].into_iter().zip(PARTS) {
            assert_eq!(Part::named(name), Some(part));
        }
        assert_eq!(Part::named("everything"), None);
    }

    #[test]
    fn what_is_mutated_is_there() {
        let root = Site::new().root;
        for subject in &SUBJECTS {
            let folder = subject.files.split_once("/**").unwrap().0;
            assert!(root.join(folder).is_dir(), "{folder}");
        }
        assert!(root.join(".cargo/mutants.toml").is_file());
        assert!(root.join(PAGE).is_file());
        assert!(root.join("scenarios/golden").is_dir());
    }

    #[test]
    fn a_difference_is_found_by_place_and_change() {
        let folder = env::temp_dir().join(format!("mutation-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let diff = |change: &str| format!("--- a.rs\n+++ {change}\n@@ -1 +1 @@\n-a\n+b\n");
        for (name, change) in [("", "first"), ("_001", "second")] {
            let path = folder.join(format!("a.rs_line_3_col_4{name}.diff"));
            fs::write(path, diff(change)).unwrap();
        }
        let found = |line| find(&folder, &Mutant::parse(line).unwrap()).unwrap();
        assert_eq!(found("a.rs:3:4: second"), Some(diff("second")));
        assert_eq!(found("a.rs:3:4: third"), None);
        assert_eq!(found("a.rs:4:4: first"), None);
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_command_that_fails_says_what_it_was() {
        let place = Path::new(".");
        assert_eq!(output(place, "echo", &["a", "b"]).unwrap(), "a b\n");
        let problem = output(place, "false", &["x"]).unwrap_err();
        assert!(problem.starts_with("`false x` failed"), "{problem}");
        assert_eq!(succeeds(&mut Command::new("true")), Ok(true));
        assert_eq!(succeeds(&mut Command::new("false")), Ok(false));
        assert!(succeeds(&mut Command::new("no-such-program-anywhere")).is_err());
    }
}
