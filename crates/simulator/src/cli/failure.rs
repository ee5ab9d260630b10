//! Failed runs: what they say, where they are kept, and which are alike.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Serialize;

use super::built_in;
use super::figures;
use super::out::red;
use super::outcome::{Job, Outcome};
use crate::report::{Logic, RunReport, Violation};

/// Where reports of failed runs are kept.
const FOLDER: &str = ".sim/failures";
/// Events that are shown of each kind.
const SHOWN: usize = 30;

/// The commit that is checked out in the current folder, short, with `-changed` behind
/// it if files differ from it; `unknown` outside a repository. `cargo sim` builds what
/// lies there before it runs it.
pub fn commit() -> String {
    commit_in(Path::new("."))
}

fn commit_in(folder: &Path) -> String {
    let git = |arguments: &[&str]| {
        let output = Command::new("git")
            .arg("-C")
            .arg(folder)
            .args(arguments)
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .output();
        let output = output.ok().filter(|output| output.status.success())?;
        Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let hash = git(&["rev-parse", "--short", "HEAD"]).filter(|hash| !hash.is_empty());
    let Some(hash) = hash else {
        return "unknown".to_owned();
    };
    // Files that nobody has added may belong to anything: `.sim` is full of them.
    match git(&["status", "--porcelain", "--untracked-files=no"]) {
        Some(changes) if changes.is_empty() => hash,
        _ => format!("{hash}-changed"),
    }
}

/// The command that repeats a run.
pub fn command(job: &Job) -> String {
    let verb = match (job.crash, job.given.profile()) {
        _ if job.plan().is_some() => "cargo sim sweep",
        (Some(_), _) => "cargo sim equivalence",
        (None, Some(_)) => "cargo sim swarm",
        (None, None) => "cargo sim run",
    };
    with_verb(verb, job)
}

/// The command that makes a failed run smaller; none where there is no scenario to make
/// smaller.
pub fn shrinking(job: &Job) -> Option<String> {
    let is_file = job.given.name != built_in::CRASHES;
    is_file.then(|| with_verb("cargo sim shrink", job))
}

fn with_verb(verb: &str, job: &Job) -> String {
    let mut words = vec![verb.to_owned()];
    if let Some(profile) = job.given.profile() {
        words.push(format!("--profile {}", profile.name));
    } else if job.given.name != built_in::CRASHES {
        words.push(quoted(&job.given.name));
    }
    for (option, path) in [
        ("--blocks", &job.given.blocks),
        ("--registry", &job.given.registry),
    ] {
        if let Some(path) = path {
            words.extend([option.to_owned(), quoted(&path.display().to_string())]);
        }
    }
    for set in &job.given.sets {
        words.push(format!("--set {}", quoted(set.text())));
    }
    words.push(format!("--seed {}", job.seed));
    if let Some(planted) = &job.given.planted {
        words.push(format!("--planted {}", quoted(planted)));
    }
    if !job.given.coordinator.is_ours() {
        words.push("--coordinator original".to_owned());
    }
    if let Some(crash) = job.crash {
        words.push(format!("--effect {}", crash.effect));
        words.extend(crash.before.then(|| "--before".to_owned()));
    }
    if let Some(plan) = job.plan() {
        words.push(format!("--plan {}", quoted(&plan.to_string())));
    }
    words.join(" ")
}

/// As one word for a shell.
pub fn quoted(word: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "/._-+:,=@".contains(letter);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// All about a failed run; its last line is the command that repeats it.
pub fn describe(outcome: &Outcome, commit: &str) -> String {
    let report = &outcome.report;
    let mut lines = vec![format!(
        "{} {} with seed {}: {}",
        red("FAILED"),
        report.scenario,
        report.seed,
        outcome.verdict()
    )];
    if let Some(violation) = &report.violation {
        let when = match violation.at.as_str() {
            "" => String::new(),
            at => format!(" (at {at})"),
        };
        lines.push(format!(
            "  violated  {}: {}{when}",
            violation.oracle, violation.sentence
        ));
        section(&mut lines, "evidence", &violation.evidence, false);
        let is_news = report.pending != violation.evidence;
        section(
            &mut lines,
            "pending",
            if is_news { &report.pending } else { &[] },
            false,
        );
    }
    let further: Vec<String> = report.further.iter().map(later).collect();
    section(&mut lines, "violated later, too", &further, false);
    section(&mut lines, "the last events", &report.last_events, true);
    lines.push(format!("  seed      {}", report.seed));
    if let Some(crash) = outcome.job.crash {
        lines.push(format!("  crash     of the coordinator {crash}"));
    }
    if let Some(plan) = outcome.job.plan() {
        lines.push(format!("  plan      {plan}"));
    }
    lines.push(format!("  commit    {commit} (of the current folder)"));
    if !report.trace_hash.is_empty() {
        lines.push(format!("  hash      {}", report.trace_hash));
        lines.push(format!(
            "  lasted    {}",
            figures::micros(report.virtual_micros)
        ));
    }
    if let Some(command) = shrinking(&outcome.job) {
        lines.push("  make it smaller with".to_owned());
        lines.push(command);
    }
    lines.push("  repeat with".to_owned());
    lines.push(command(&outcome.job));
    lines.join("\n")
}

/// A violation in one line.
fn later(violation: &Violation) -> String {
    let Violation {
        oracle,
        sentence,
        at,
        ..
    } = violation;
    format!("{oracle}: {sentence} (at {at})")
}

/// Entries under a title; the first ones, or the last ones, if there are many.
fn section(lines: &mut Vec<String>, title: &str, entries: &[String], last: bool) {
    if entries.is_empty() {
        return;
    }
    let hidden = entries.len().saturating_sub(SHOWN);
    lines.push(format!("  {title}"));
    let skipped = if last { hidden } else { 0 };
    if hidden > 0 && last {
        lines.push(format!("    ({hidden} earlier ones)"));
    }
    lines.extend(
        entries
            .iter()
            .skip(skipped)
            .take(SHOWN)
            .map(|entry| format!("    {entry}")),
    );
    if hidden > 0 && !last {
        lines.push(format!("    ({hidden} more)"));
    }
}

/// What is kept of a failed run.
#[derive(Serialize)]
struct Artifact<'a> {
    schema_version: u32,
    commit: &'a str,
    command: String,
    verdict: String,
    report: &'a RunReport,
}

/// Keeps the report of a failed run under `root`; returns the file.
///
/// # Errors
/// It cannot be written. Nothing half-written is left behind.
pub fn keep(outcome: &Outcome, commit: &str, root: &Path) -> io::Result<PathBuf> {
    let folder = root.join(FOLDER);
    fs::create_dir_all(&folder)?;
    let artifact = Artifact {
        schema_version: outcome.report.schema_version,
        commit,
        command: command(&outcome.job),
        verdict: outcome.verdict(),
        report: &outcome.report,
    };
    let mut json = serde_json::to_vec_pretty(&artifact)?;
    json.push(b'\n');
    let path = folder.join(file_name(&outcome.job));
    let unfinished = path.with_extension("json.part");
    fs::write(&unfinished, json)?;
    fs::rename(&unfinished, &path)?;
    Ok(path)
}

/// The scenario's path below its folder and the seed, as one file name.
fn file_name(job: &Job) -> String {
    let name = job.given.name.trim_end_matches(".toml");
    let (_, below) = name.rsplit_once("scenarios/").unwrap_or(("", name));
    let plain = |letter: char| {
        if letter.is_ascii_alphanumeric() {
            letter
        } else {
            '-'
        }
    };
    let flat: String = below.chars().map(plain).collect();
    let crash = job.crash.map_or(String::new(), |crash| {
        format!("-{}", crash.to_string().replace(' ', "-"))
    });
    let whose = match job.given.coordinator {
        Logic::Ours => "",
        Logic::Original => "-original",
    };
    format!("{}-{}{whose}{crash}.json", flat.trim_matches('-'), job.seed)
}

/// Failed runs of one scenario that violated the same property.
#[derive(Clone, Debug)]
pub struct Alike {
    /// How many there are.
    pub count: u64,
    /// The first of them.
    pub first: Outcome,
}

impl Alike {
    fn holds(&self, outcome: &Outcome) -> bool {
        self.first.job.given == outcome.job.given && self.first.verdict() == outcome.verdict()
    }
}

/// All failed runs so far.
#[derive(Clone, Debug, Default)]
pub struct Failures {
    /// Those that are alike together, in the order in which they came up.
    pub groups: Vec<Alike>,
}

impl Failures {
    /// Adds a failed run; true if it is the first of its kind.
    pub fn add(&mut self, outcome: &Outcome) -> bool {
        if let Some(group) = self.groups.iter_mut().find(|group| group.holds(outcome)) {
            group.count += 1;
            return false;
        }
        self.groups.push(Alike {
            count: 1,
            first: outcome.clone(),
        });
        true
    }

    /// How many of its kind there are so far.
    pub fn alike(&self, outcome: &Outcome) -> u64 {
        let group = self.groups.iter().find(|group| group.holds(outcome));
        group.map_or(0, |group| group.count)
    }

    /// How many runs failed.
    pub fn count(&self) -> u64 {
        self.groups.iter().map(|group| group.count).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::super::exit::Exit;
    use super::super::outcome::CrashPoint;
    use super::super::outcome::tests::{job, outcome};
    use super::*;

    #[test]
    fn a_changed_folder_is_not_its_commit() {
        let folder = tempfile::tempdir().expect("a folder");
        let git = |words: &[&str]| {
            let name = ["-c", "user.name=n", "-c", "user.email=n@example.org"];
            let made = Command::new("git")
                .arg("-C")
                .arg(folder.path())
                .args(name)
                .args(words)
                .stdout(Stdio::null())
                .status();
            assert!(made.expect("git is there").success(), "{words:?}");
        };
        git(&["init", "--quiet"]);
        assert_eq!(commit_in(folder.path()), "unknown");
        let file = folder.path().join("f");
        fs::write(&file, "1").expect("a file");
        git(&["add", "f"]);
        git(&["commit", "--quiet", "-m", "one"]);
        fs::write(folder.path().join("new"), "1").expect("a file");
        let hash = commit_in(folder.path());
        assert!(
            hash.chars().all(|digit| digit.is_ascii_hexdigit()),
            "{hash}"
        );
        fs::write(&file, "2").expect("a file");
        assert_eq!(commit_in(folder.path()), format!("{hash}-changed"));
    }

    #[test]
    fn failures_that_are_alike_are_counted_together() {
        let mut failures = Failures::default();
        let mut add = |name, seed, oracle| failures.add(&outcome(name, seed, Exit::Safety, oracle));
        let news = [
            add("a.toml", 1, "S1"),
            add("a.toml", 2, "S1"),
            add("a.toml", 3, "S2"),
            add("b.toml", 1, "S1"),
            add("a.toml", 4, "S1"),
        ];
        assert_eq!(news, [true, false, true, true, false]);
        assert_eq!(failures.count(), 5);
        assert_eq!(failures.alike(&outcome("a.toml", 9, Exit::Safety, "S1")), 3);
        assert_eq!(failures.alike(&outcome("a.toml", 9, Exit::Safety, "S9")), 0);
        let groups = failures
            .groups
            .iter()
            .map(|group| (group.count, group.first.job.seed));
        assert_eq!(groups.collect::<Vec<_>>(), [(3, 1), (1, 3), (1, 1)]);
    }

    #[test]
    fn a_failed_run_is_described_down_to_the_command_that_repeats_it() {
        let mut failed = outcome("scenarios/x.toml", 9, Exit::Safety, "S7");
        failed.report.trace_hash = "abc".to_owned();
        failed.report.last_events = (0..40).map(|number| format!("event {number}")).collect();
        let text = describe(&failed, "c0ffee");
        for part in [
            "scenarios/x.toml with seed 9: safety S7",
            "violated  S7: something happened twice (at 12.5s)",
            "  evidence\n    first\n    second\n",
            "(10 earlier ones)\n    event 10\n",
            "    event 39\n",
            "commit    c0ffee (of the current folder)",
            "  make it smaller with\ncargo sim shrink scenarios/x.toml --seed 9\n",
        ] {
            assert!(text.contains(part), "{part} is missing in\n{text}");
        }
        let last = text.lines().last();
        assert_eq!(last, Some("cargo sim run scenarios/x.toml --seed 9"));
    }

    #[test]
    fn commands_survive_a_shell() {
        assert_eq!(
            command(&job("my file's.toml", 1)),
            r"cargo sim run 'my file'\''s.toml' --seed 1"
        );
        let mut crashed = job("x.toml", 7);
        crashed.crash = Some(CrashPoint {
            effect: 4,
            before: true,
        });
        assert_eq!(
            command(&crashed),
            "cargo sim equivalence x.toml --seed 7 --effect 4 --before"
        );
        assert_eq!(
            shrinking(&crashed).as_deref(),
            Some("cargo sim shrink x.toml --seed 7 --effect 4 --before")
        );
        assert_eq!(file_name(&crashed), "x-7-before-effect-4.json");
        let mut with_data = job("built-in:crashes", 2);
        let given = std::sync::Arc::make_mut(&mut with_data.given);
        given.blocks = Some("lake dir".into());
        assert_eq!(
            command(&with_data),
            "cargo sim run --blocks 'lake dir' --seed 2"
        );
    }

    #[test]
    fn reports_are_kept_under_a_name_of_their_own() {
        let root = tempfile::tempdir().expect("a folder");
        let failed = outcome("scenarios/crash/x y.toml", 9, Exit::Safety, "S7");
        let path = keep(&failed, "c0ffee", root.path()).expect("it can be written");
        assert_eq!(path, root.path().join(".sim/failures/crash-x-y-9.json"));
        let text = fs::read_to_string(&path).expect("it can be read");
        let json: serde_json::Value = serde_json::from_str(&text).expect("it is JSON");
        assert_eq!(json["report"]["violation"]["oracle"], "S7");
        assert_eq!(json["commit"], "c0ffee");
        assert_eq!(
            fs::read_dir(root.path().join(FOLDER))
                .expect("a folder")
                .count(),
            1
        );
    }
}
