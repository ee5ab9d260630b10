//! From text to a [`Scenario`].

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use sim_node::chain::ChainConfig;
use toml::Spanned;
use toml::de::DeTable;

use super::check::{self, Checked};
use super::diagnostic::{Diagnostic, Report};
use super::schema::{Data, IndexerEntry, Net, Run, StepEntry};
use super::tree::{Place, entries, explain, unknown};
use super::{Faults, LARGEST_FILE, LONGEST, Nodes, Scenario, Workload};

/// The keys at the top of a file.
const TOP: &[&str] = &[
    "property",
    "defends",
    "original",
    "run",
    "coordinator",
    "nodes",
    "store",
    "registry",
    "chain",
    "data",
    "net",
    "indexer",
    "step",
    "faults",
    "workload",
];

/// The nodes that have settings.
const NODES: &[&str] = &["block_streamer", "executor", "provisioner"];

/// The coordinator's knobs, so that `[coordinator]` can be checked by who owns
/// them.
#[derive(Clone, Copy)]
pub struct Knobs<'a> {
    /// The names there are.
    pub names: &'a [&'a str],
    /// Whether a knob can have a value; the error says what was expected.
    pub check: &'a dyn Fn(&str, &toml::Value) -> Result<(), String>,
}

impl Scenario {
    /// Reads and checks a scenario file, but not the names and values of the
    /// coordinator's knobs.
    ///
    /// # Errors
    /// Everything that is wrong with it, in the order of the file.
    pub fn load(path: &Path) -> Result<Scenario, Vec<Diagnostic>> {
        Scenario::load_with(path, None)
    }

    /// As [`Scenario::load`], with the coordinator's knobs checked too.
    ///
    /// # Errors
    /// Everything that is wrong with it, in the order of the file.
    pub fn load_with(path: &Path, knobs: Option<Knobs<'_>>) -> Result<Scenario, Vec<Diagnostic>> {
        let shown = path.display().to_string();
        match read(path) {
            Ok(text) => Scenario::parse_with(&shown, &text, knobs),
            Err(message) => Err(vec![Diagnostic::of_file(&shown, message)]),
        }
    }

    /// Checks the text of a scenario; `name` is what mistakes call the file.
    ///
    /// # Errors
    /// Everything that is wrong with it, in the order of the text.
    pub fn parse(name: &str, text: &str) -> Result<Scenario, Vec<Diagnostic>> {
        Scenario::parse_with(name, text, None)
    }

    /// As [`Scenario::parse`], with the coordinator's knobs checked too.
    ///
    /// # Errors
    /// Everything that is wrong with it, in the order of the text.
    pub fn parse_with(
        name: &str,
        text: &str,
        knobs: Option<Knobs<'_>>,
    ) -> Result<Scenario, Vec<Diagnostic>> {
        let mut report = Report::new(name, text);
        let (root, mistakes) = DeTable::parse_recoverable(text);
        for mistake in &mistakes {
            let span = mistake.span().unwrap_or(text.len()..text.len());
            explain(&mut report, span, mistake.message());
        }
        // What follows a syntax error may be read wrongly; its mistakes would mislead.
        let scenario = match mistakes.is_empty() {
            true => decode(Path::new(name), root.get_ref(), knobs, &mut report),
            false => None,
        };
        match scenario {
            Some(scenario) if report.is_clean() => Ok(scenario),
            _ => Err(report.finish()),
        }
    }
}

fn read(path: &Path) -> Result<String, String> {
    let cannot = |error: std::io::Error| format!("cannot read the scenario: {error}");
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(cannot)?;
    file.take(LARGEST_FILE + 1)
        .read_to_end(&mut bytes)
        .map_err(cannot)?;
    if bytes.len() as u64 > LARGEST_FILE {
        return Err(format!("the scenario is larger than {LARGEST_FILE} bytes"));
    }
    String::from_utf8(bytes).map_err(|error| format!("the scenario is not UTF-8: {error}"))
}

/// Decodes section by section, so that one mistake does not hide the others.
fn decode(
    path: &Path,
    root: &DeTable<'_>,
    knobs: Option<Knobs<'_>>,
    report: &mut Report,
) -> Option<Scenario> {
    for (key, span, _) in entries(root) {
        if !TOP.contains(&key) {
            unknown(report, span, "key", key, TOP);
        }
    }
    let section = |name: &str| Place::section(root, name);
    let property = property(section("property"), report);
    let defends: Vec<String> = section("defends").decode(report).unwrap_or_default();
    let original: Option<String> = section("original").decode(report);
    // What comes after the end of a run of unknown length is not known.
    let run = match (section("run").is_given(), section("run").decode(report)) {
        (true, None) => Run {
            duration: LONGEST,
            ..Run::default()
        },
        (_, run) => run.unwrap_or_default(),
    };
    let coordinator = coordinator(section("coordinator"), knobs, report);
    let nodes = nodes(section("nodes"), report);
    let store: sim_store::Config = section("store").decode(report).unwrap_or_default();
    let registry: sim_registry::Config = section("registry").decode(report).unwrap_or_default();
    let chain: ChainConfig = section("chain").decode(report).unwrap_or_default();
    let mut data: Data = section("data").decode(report).unwrap_or_default();
    let net: Net = section("net").decode(report).unwrap_or_default();
    let faults: Faults = section("faults").decode(report).unwrap_or_default();
    let workload: Workload = section("workload").decode(report).unwrap_or_default();
    let indexers = items::<IndexerEntry>(section("indexer"), "indexer", report);
    let steps = items::<StepEntry>(section("step"), "step", report);
    relative_to(path, &mut data);

    let mut scenario = Scenario {
        name: path
            .file_stem()
            .map_or_else(String::new, |stem| stem.to_string_lossy().into()),
        path: path.to_path_buf(),
        property,
        defends,
        original,
        run,
        coordinator,
        nodes,
        store,
        registry,
        chain,
        data,
        net,
        indexers: Vec::new(),
        steps: Vec::new(),
        faults,
        workload,
    };
    let whole = report.is_clean();
    let found = Checked {
        root,
        indexers,
        steps,
        whole,
    };
    check::check(&mut scenario, &found, report);
    Some(scenario)
}

fn property(place: Place<'_>, report: &mut Report) -> String {
    if !place.is_given() {
        let help = "write one sentence on the property it defends".to_owned();
        report.add_with(0..0, "missing key `property`", Some(help));
    }
    let property: Option<String> = place.decode(report);
    if property
        .as_ref()
        .is_some_and(|property| property.trim().is_empty())
    {
        report.add(place.span(), "`property` is empty");
    }
    property.unwrap_or_default()
}

/// The elements of `[[name]]` that can be decoded, each with its place.
fn items<'a, T: serde::de::DeserializeOwned>(
    place: Place<'a>,
    name: &str,
    report: &mut Report,
) -> Vec<(T, Place<'a>)> {
    if place.is_given() && !place.is_array() {
        report.add(
            place.span(),
            format!("`{name}` is a list: write [[{name}]]"),
        );
    }
    let items = place.items().into_iter();
    items
        .filter_map(|item| item.decode(report).map(|decoded| (decoded, item)))
        .collect()
}

fn coordinator(
    place: Place<'_>,
    knobs: Option<Knobs<'_>>,
    report: &mut Report,
) -> Vec<(String, Spanned<toml::Value>)> {
    if place.is_given() && !place.is_table() {
        report.add(
            place.span(),
            "`coordinator` is a table of knobs: write [coordinator]",
        );
    }
    let mut found = Vec::new();
    for (name, name_span, value_place) in place.entries() {
        let Some(value) = value_place.decode::<toml::Value>(report) else {
            continue;
        };
        let span = value_place.span();
        if !(value.is_str() || value.is_integer() || value.is_float() || value.is_bool()) {
            let message = format!("knob `{name}` has the wrong type: {}", value.type_str());
            let help = "expected a duration like \"30s\", a number or a boolean".to_owned();
            report.add_with(span, message, Some(help));
            continue;
        }
        if let Some(knobs) = knobs {
            if !knobs.names.contains(&name) {
                unknown(report, name_span, "knob", name, knobs.names);
                continue;
            }
            if let Err(message) = (knobs.check)(name, &value) {
                report.add(span.clone(), format!("knob `{name}`: {message}"));
            }
        }
        found.push((name.to_owned(), Spanned::new(span, value)));
    }
    found
}

fn nodes(place: Place<'_>, report: &mut Report) -> Nodes {
    if place.is_given() && !place.is_table() {
        report.add(place.span(), "`nodes` is a table: write [nodes.executor]");
    }
    for (name, span, _) in place.entries() {
        if !NODES.contains(&name) {
            unknown(report, span, "node", name, NODES);
        }
    }
    Nodes {
        block_streamer: place
            .get("block_streamer")
            .decode(report)
            .unwrap_or_default(),
        executor: place.get("executor").decode(report).unwrap_or_default(),
        provisioner: place.get("provisioner").decode(report).unwrap_or_default(),
    }
}

/// Paths in a scenario start from the folder it lies in.
fn relative_to(scenario: &Path, data: &mut Data) {
    let folder = scenario.parent().unwrap_or_else(|| Path::new(""));
    let resolve = |path: &mut Option<PathBuf>| {
        if let Some(path) = path {
            *path = folder.join(&*path);
        }
    };
    resolve(&mut data.blocks);
    resolve(&mut data.registry);
}
