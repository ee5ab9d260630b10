//! The steps of `cargo verify`: which commands, in which order.

/// Seed of the short exploration where no commit is known.
const DEFAULT_SEED: &str = "0x5eed";

/// How the simulator is built. Release, so that `cargo sim` finds it built.
const SIM_BUILD: [&str; 5] = [
    "--config",
    "build.rustflags=['--cfg','madsim']",
    "--target-dir",
    "target/sim",
    "--release",
];

/// What is linted and tested in the simulator's build: what knows of time. The
/// simulator takes the coordinator without its default features; with them it would
/// be built twice.
const SIM_PACKAGES: [&str; 5] = [
    "-p",
    "simulator",
    "-p",
    "coordinator",
    "--no-default-features",
];

/// What ships is built with default features: its lint and its tests are for what is only
/// there without the optional parts. Nothing else of the workspace is built with it, for
/// features would add up.
const SHIP_PACKAGES: [&str; 4] = ["-p", "coordinator-server", "-p", "telemetry"];

/// One check: a cargo command that must succeed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Names the step on the command line.
    pub name: &'static str,
    /// What a success of the step says.
    pub purpose: &'static str,
    /// Arguments to cargo.
    pub arguments: Vec<String>,
    /// Variables set for the command, beside those it inherits.
    pub variables: Vec<(&'static str, &'static str)>,
}

impl Step {
    fn new(name: &'static str, purpose: &'static str, arguments: &[&str]) -> Self {
        let arguments = arguments
            .iter()
            .map(|&argument| argument.to_owned())
            .collect();
        Self {
            name,
            purpose,
            arguments,
            variables: Vec::new(),
        }
    }

    /// The command as one would type it.
    pub fn shown(&self) -> String {
        let mut words = Vec::new();
        for (name, value) in &self.variables {
            words.push(format!("{name}={}", quoted(value)));
        }
        words.push("cargo".to_owned());
        words.extend(self.arguments.iter().map(|argument| quoted(argument)));
        words.join(" ")
    }
}

fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=,:".contains(c);
    if word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("\"{word}\"")
    }
}

/// Compares runs with a crash at each effect, in scenarios that are short enough.
const EQUIVALENCE: [&str; 5] = [
    "sim",
    "equivalence",
    "scenarios/lifecycle/one-indexer.toml",
    "scenarios/lifecycle/rules.toml",
    "scenarios/changing/two-in-one-block.toml",
];

/// The exploration, from this seed on.
fn explore(seed: &str) -> Step {
    let words = ["sim", "explore", "scenarios", "--seeds", "3"];
    Step::new(
        "explore",
        "every scenario holds under a few seeds",
        &[&words[..], &["--start-seed", seed]].concat(),
    )
}

/// The lint of what ships.
fn ship_lint() -> Step {
    let words = ["--all-targets", "--", "-D", "warnings"];
    Step::new(
        "ship-lint",
        "no lint fires in what ships",
        &[&["clippy"], &SHIP_PACKAGES[..], &words].concat(),
    )
}

/// The tests of what ships: those of its parts, and of the program as a process.
fn ship_test() -> Step {
    let words = ["--lib", "--test", "process"];
    Step::new(
        "ship-test",
        "tests of what ships pass",
        &[&["test"], &SHIP_PACKAGES[..], &words].concat(),
    )
}

/// All steps. The exploration starts at `seed`, a commit's hash, if it is given.
pub fn all(seed: Option<String>) -> Vec<Step> {
    let seed = seed
        .filter(|hash| !hash.is_empty())
        .unwrap_or_else(|| DEFAULT_SEED.to_owned());
    let sim = |verb: &str, rest: &[&str]| -> Vec<String> {
        let words = [&[verb], &SIM_BUILD[..], &SIM_PACKAGES[..], rest].concat();
        words.into_iter().map(str::to_owned).collect()
    };
    let sim_step = |name, purpose, verb, rest: &[&str]| Step {
        arguments: sim(verb, rest),
        ..Step::new(name, purpose, &[])
    };
    vec![
        Step::new(
            "format",
            "sources are formatted",
            &["fmt", "--all", "--check"],
        ),
        Step::new(
            "lint",
            "no lint fires",
            &[
                "clippy",
                "--workspace",
                "--all-targets",
                "--all-features",
                "--",
                "-D",
                "warnings",
            ],
        ),
        Step::new(
            "test",
            "tests and house rules pass",
            &["test", "--workspace", "--all-features"],
        ),
        ship_lint(),
        ship_test(),
        sim_step(
            "sim-lint",
            "no lint fires in the simulator's build",
            "clippy",
            &["--all-targets", "--", "-D", "warnings"],
        ),
        sim_step(
            "sim-test",
            "tests pass in the simulator's build",
            "test",
            &[],
        ),
        Step::new(
            "check",
            "scenarios are well formed",
            &["sim", "check", "scenarios"],
        ),
        Step::new(
            "determinism",
            "every scenario repeats byte for byte",
            &["sim", "determinism", "scenarios", "--seeds", "1"],
        ),
        Step::new(
            "leaks",
            "the determinism check finds whatever it is there for",
            &["sim", "determinism", "--leaks"],
        ),
        Step::new(
            "equivalence",
            "a crash at any effect changes no end",
            &EQUIVALENCE,
        ),
        Step::new(
            "coverage",
            "scenarios reach every situation they shall reach",
            &["sim", "coverage", "--quick"],
        ),
        Step::new(
            "planted",
            "every planted bug is noticed by whom it should be",
            &["sim", "planted", "--known"],
        ),
        Step::new(
            "sweep",
            "no single fault at any place of a golden run does harm",
            &["sim", "sweep", "scenarios/golden"],
        ),
        explore(&seed),
        Step {
            variables: vec![("RUSTDOCFLAGS", "-D warnings")],
            ..Step::new(
                "doc",
                "documentation builds",
                &["doc", "--workspace", "--no-deps"],
            )
        },
    ]
}

/// The named steps in their own order; all of them if none is named.
///
/// # Errors
/// If a name is unknown; the message lists those that exist.
pub fn select(steps: Vec<Step>, names: &[String]) -> Result<Vec<Step>, String> {
    if let Some(unknown) = names
        .iter()
        .find(|&name| steps.iter().all(|step| step.name != *name))
    {
        let known: Vec<_> = steps.iter().map(|step| step.name).collect();
        return Err(format!(
            "unknown step `{unknown}`; there are: {}",
            known.join(", ")
        ));
    }
    let chosen = |step: &Step| names.is_empty() || names.iter().any(|name| step.name == *name);
    Ok(steps.into_iter().filter(chosen).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(name: &str, seed: Option<&str>) -> Step {
        let steps = all(seed.map(str::to_owned));
        steps.into_iter().find(|step| step.name == name).unwrap()
    }

    #[test]
    fn the_simulator_s_build_carries_the_flag_and_its_own_folder() {
        let shown = find("sim-test", None).shown();
        assert_eq!(
            shown,
            "cargo test --config \"build.rustflags=['--cfg','madsim']\" --target-dir target/sim \
             --release -p simulator -p coordinator --no-default-features"
        );
    }

    #[test]
    fn what_ships_is_built_as_it_ships() {
        let shown = ["ship-lint", "ship-test"].map(|name| find(name, None).shown());
        assert_eq!(
            shown,
            [
                "cargo clippy -p coordinator-server -p telemetry --all-targets -- -D warnings",
                "cargo test -p coordinator-server -p telemetry --lib --test process",
            ]
        );
    }

    #[test]
    fn the_exploration_starts_at_the_commit_or_at_a_fixed_seed() {
        let last = |seed| find("explore", seed).arguments.pop();
        assert_eq!(last(Some("c0ffee")).as_deref(), Some("c0ffee"));
        assert_eq!(last(Some("")).as_deref(), Some(DEFAULT_SEED));
        assert_eq!(last(None).as_deref(), Some(DEFAULT_SEED));
    }

    #[test]
    fn documentation_is_built_with_warnings_denied() {
        let shown = find("doc", None).shown();
        assert_eq!(
            shown,
            "RUSTDOCFLAGS=\"-D warnings\" cargo doc --workspace --no-deps"
        );
    }

    #[test]
    fn selection_keeps_the_order_and_refuses_unknown_names() {
        let names = |words: &[&str]| words.iter().map(|&w| w.to_owned()).collect::<Vec<_>>();
        let chosen = select(all(None), &names(&["doc", "format"])).unwrap();
        assert_eq!(
            chosen.iter().map(|step| step.name).collect::<Vec<_>>(),
            ["format", "doc"]
        );
        assert_eq!(select(all(None), &[]).unwrap(), all(None));
        assert!(
            select(all(None), &names(&["docs"]))
                .unwrap_err()
                .contains("sim-lint")
        );
    }
}
