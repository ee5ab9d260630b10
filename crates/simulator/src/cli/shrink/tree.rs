//! A scenario as a tree of values, and what can be cut off it.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use toml::{Table, Value};

use super::list::lower;

/// One step on the way to a value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// The entry of a table.
    Name(String),
    /// The element of a list.
    Nth(usize),
}

/// The way to a value.
pub type Path = Vec<Key>;

/// Sections whose single keys go back to their defaults.
const SETTINGS: &[&str] = &[
    "faults",
    "workload",
    "net",
    "coordinator",
    "nodes",
    "registry",
    "store",
    "chain",
];
/// How long the way to an indexer or a step is.
const ITEM: usize = 2;
/// The most copies of an indexer whose names are looked for.
const MOST_COPIES: i64 = 1_000;

/// Where the length of a run stands.
pub const LENGTH: [&str; 2] = ["run", "duration"];

/// The step to an entry of a table.
pub fn name(key: &str) -> Key {
    Key::Name(key.to_owned())
}

/// The value at the end of `path`.
pub fn at<'a>(root: &'a Table, path: &[Key]) -> Option<&'a Value> {
    let (first, rest) = path.split_first()?;
    let Key::Name(first) = first else { return None };
    rest.iter()
        .try_fold(root.get(first)?, |here, key| match key {
            Key::Name(name) => here.get(name),
            Key::Nth(number) => here.get(*number),
        })
}

/// The same with another value at the end of `path`, if there is one.
pub fn with(root: &Table, path: &[Key], value: Value) -> Option<Table> {
    let mut root = root.clone();
    let (first, rest) = path.split_first()?;
    let Key::Name(first) = first else { return None };
    let found = rest
        .iter()
        .try_fold(root.get_mut(first)?, |here, key| match key {
            Key::Name(name) => here.get_mut(name),
            Key::Nth(number) => here.get_mut(*number),
        })?;
    *found = value;
    Some(root)
}

/// The same without what is at the ends of these paths; a table or a list that is
/// empty then goes, too.
pub fn without(root: &Table, gone: &BTreeSet<Path>) -> Table {
    strip_table(root, gone, &mut Vec::new())
}

fn strip_table(table: &Table, gone: &BTreeSet<Path>, here: &mut Path) -> Table {
    let mut left = Table::new();
    for (key, value) in table {
        here.push(name(key));
        if let Some(value) = strip(value, gone, here) {
            left.insert(key.clone(), value);
        }
        here.pop();
    }
    left
}

fn strip(value: &Value, gone: &BTreeSet<Path>, here: &mut Path) -> Option<Value> {
    if gone.contains(here) {
        return None;
    }
    match value {
        Value::Table(table) if !table.is_empty() => {
            let left = strip_table(table, gone, here);
            (!left.is_empty()).then_some(Value::Table(left))
        }
        Value::Array(items) if !items.is_empty() => {
            let mut left = Vec::new();
            for (number, item) in items.iter().enumerate() {
                here.push(Key::Nth(number));
                left.extend(strip(item, gone, here));
                here.pop();
            }
            (!left.is_empty()).then_some(Value::Array(left))
        }
        other => Some(other.clone()),
    }
}

/// The elements of a list of tables.
pub fn items(root: &Table, list: &[&str]) -> Vec<Path> {
    let path: Path = list.iter().map(|key| name(key)).collect();
    let count = at(root, &path)
        .and_then(Value::as_array)
        .map_or(0, Vec::len);
    let item = |number| path.iter().cloned().chain([Key::Nth(number)]).collect();
    (0..count).map(item).collect()
}

/// Everything that stands in place of a default, section by section.
pub fn settings(root: &Table) -> Vec<Path> {
    let mut found = Vec::new();
    for section in SETTINGS {
        if let Some(value) = root.get(*section) {
            leaves(value, &mut vec![name(section)], &mut found);
        }
    }
    found.extend(items(root, &["run", "broken"]));
    found.extend(items(root, &["run", "quiet"]));
    found.extend(
        at(root, &[name("run"), name("shadow")]).map(|_| vec![name("run"), name("shadow")]),
    );
    found
}

/// What indexers and steps say beyond what they must.
pub fn details(root: &Table) -> Vec<Path> {
    let mut found = Vec::new();
    for list in ["indexer", "step"] {
        if let Some(value) = root.get(list) {
            leaves(value, &mut vec![name(list)], &mut found);
        }
    }
    let needed = ["account", "function"].map(name);
    found.retain(|path| !path.last().is_some_and(|last| needed.contains(last)));
    // A table may be needed as a whole or not at all.
    let whole = |path: &Path| -> Vec<Path> {
        let lengths = ITEM + 1..path.len();
        lengths
            .map(|length| path.iter().take(length).cloned().collect())
            .collect()
    };
    let tables: BTreeSet<Path> = found.iter().flat_map(whole).collect();
    found.extend(tables);
    found
}

/// The ends of all ways through `value`.
fn leaves(value: &Value, here: &mut Path, found: &mut Vec<Path>) {
    match value {
        Value::Table(table) if !table.is_empty() => {
            for (key, value) in table {
                here.push(name(key));
                leaves(value, here, found);
                here.pop();
            }
        }
        Value::Array(items) if items.iter().any(Value::is_table) => {
            for (number, value) in items.iter().enumerate() {
                here.push(Key::Nth(number));
                leaves(value, here, found);
                here.pop();
            }
        }
        _ => found.push(here.clone()),
    }
}

/// Times and numbers that may be lower: how long the run is, and what steps and
/// indexers are about. Rates and knobs are not: they go, or stay as they are.
pub fn sizes(root: &Table) -> Vec<Path> {
    let mut found = Vec::new();
    for section in ["run", "step", "indexer"] {
        if let Some(value) = root.get(section) {
            leaves(value, &mut vec![name(section)], &mut found);
        }
    }
    found.retain(|path| at(root, path).is_some_and(|value| !lowered(value).is_empty()));
    found
}

/// Lower values in place of one, the lowest first; none if it has no size.
pub fn lowered(value: &Value) -> Vec<Value> {
    match value {
        Value::Integer(number) => {
            let values = lower(u64::try_from(*number).unwrap_or_default());
            let values = values.into_iter().filter_map(|one| i64::try_from(one).ok());
            values.map(Value::Integer).collect()
        }
        Value::String(text) => {
            let Ok(time) = humantime::parse_duration(text) else {
                return Vec::new();
            };
            let millis = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
            let mut values: Vec<u64> = lower(millis).into_iter().map(plain).collect();
            values.dedup();
            values.into_iter().map(self::time).collect()
        }
        _ => Vec::new(),
    }
}

/// Whole seconds where nobody would count less.
fn plain(millis: u64) -> u64 {
    match millis {
        0..1_000 => millis,
        1_000..10_000 => millis - millis % 100,
        _ => millis - millis % 1_000,
    }
}

/// A duration as scenarios write it.
pub fn time(millis: u64) -> Value {
    let text = humantime::format_duration(Duration::from_millis(millis));
    Value::String(text.to_string())
}

/// The duration at the end of a path of names.
pub fn duration(root: &Table, path: &[&str]) -> Option<Duration> {
    let path: Path = path.iter().map(|key| name(key)).collect();
    humantime::parse_duration(at(root, &path)?.as_str()?).ok()
}

/// When a step happens, if it happens once.
fn moment(step: &Value) -> Option<Duration> {
    humantime::parse_duration(step.get("at")?.as_str()?).ok()
}

/// The same with a duration of so many milliseconds, and without the steps and
/// quiet times after it.
pub fn ending(root: &Table, millis: u64) -> Table {
    let end = Duration::from_millis(millis);
    let late = |path: &Path| {
        let step = at(root, path);
        step.and_then(moment).is_some_and(|moment| moment >= end)
    };
    let all = items(root, &["step"]).into_iter();
    let gone = all.chain(items(root, &["run", "quiet"])).filter(late);
    let root = without(root, &gone.collect());
    with(&root, &LENGTH.map(name), time(millis)).unwrap_or(root)
}

/// As [`ending`], at a value of `run.duration`.
pub fn ending_at(root: &Table, length: &Value) -> Option<Table> {
    let length = humantime::parse_duration(length.as_str()?).ok()?;
    Some(ending(root, u64::try_from(length.as_millis()).ok()?))
}

/// The same with times at the places of how long the run and its silence last, and
/// without a word on the original's logic, which holds for the whole scenario alone.
pub fn with_lengths(root: &Table, duration: Duration, silence: Duration) -> Table {
    let mut root = root.clone();
    root.remove("original");
    let run = root
        .entry("run")
        .or_insert_with(|| Value::Table(Table::new()));
    if let Value::Table(run) = run {
        for (key, length) in [("duration", duration), ("silence", silence)] {
            let millis = u64::try_from(length.as_millis()).unwrap_or(u64::MAX);
            run.entry(key).or_insert_with(|| time(millis));
        }
    }
    root
}

/// Everything from a step on, and the end of the run, comes so much earlier as a
/// pause before it can be shorter: candidates for each pause.
pub fn hurried(root: &Table) -> Vec<Table> {
    let steps = items(root, &["step"]);
    let mut moments: Vec<u64> = steps
        .iter()
        .filter_map(|path| moment(at(root, path)?))
        .filter_map(|moment| u64::try_from(moment.as_millis()).ok())
        .collect();
    moments.sort_unstable();
    moments.dedup();
    let before = std::iter::once(0).chain(moments.iter().copied());
    let pauses = before.zip(&moments).map(|(before, after)| after - before);
    let mut found = Vec::new();
    for (pause, from) in pauses.zip(&moments) {
        for left in lower(pause) {
            found.push(earlier(root, &steps, *from, pause - plain(left)));
        }
    }
    found
}

fn earlier(root: &Table, steps: &[Path], from: u64, by: u64) -> Table {
    let mut root = root.clone();
    for path in steps {
        let millis = at(&root, path).and_then(moment).map(|it| it.as_millis());
        let Some(millis) = millis.and_then(|millis| u64::try_from(millis).ok()) else {
            continue;
        };
        let path: Path = path.iter().cloned().chain([name("at")]).collect();
        if millis >= from
            && let Some(changed) = with(&root, &path, time(millis.saturating_sub(by)))
        {
            root = changed;
        }
    }
    let length = duration(&root, &LENGTH).unwrap_or_default();
    let length = u64::try_from(length.as_millis()).unwrap_or(u64::MAX);
    with(&root, &LENGTH.map(name), time(length.saturating_sub(by))).unwrap_or(root)
}

/// The names of the indexers that an entry declares.
fn declared(entry: &Value) -> Vec<String> {
    let word = |key: &str| entry.get(key).and_then(Value::as_str).unwrap_or_default();
    let count = entry.get("count").and_then(Value::as_integer);
    let full = format!("{}/{}", word("account"), word("function"));
    (0..count.unwrap_or(1).min(MOST_COPIES))
        .map(|number| full.replace("{n}", &number.to_string()))
        .collect()
}

/// Whether one of the names stands anywhere in `value`.
fn mentions(value: &Value, names: &BTreeSet<String>) -> bool {
    match value {
        Value::String(text) => names.contains(text),
        Value::Array(items) => items.iter().any(|item| mentions(item, names)),
        Value::Table(table) => table.values().any(|value| mentions(value, names)),
        _ => false,
    }
}

/// The same without these entries of indexers, and without the steps about them.
pub fn without_indexers(root: &Table, gone: &BTreeSet<Path>) -> Table {
    let entries = gone.iter().filter_map(|path| at(root, path));
    let names: BTreeSet<String> = entries.flat_map(declared).collect();
    let steps = items(root, &["step"]).into_iter();
    let steps = steps.chain(items(root, &["run", "broken"]));
    let about = steps.filter(|path| at(root, path).is_some_and(|step| mentions(step, &names)));
    without(root, &about.chain(gone.iter().cloned()).collect())
}

/// The entries of all indexers but the one of that name.
pub fn others(root: &Table, wanted: &str) -> BTreeSet<Path> {
    let is_other = |path: &Path| {
        let names = at(root, path).map(declared).unwrap_or_default();
        names.iter().all(|name| name != wanted)
    };
    let all = items(root, &["indexer"]).into_iter();
    all.filter(is_other).collect()
}

/// How much there is of a scenario.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Size {
    /// Entries of steps.
    pub steps: usize,
    /// Indexers, copies counted.
    pub indexers: usize,
    /// Keys that stand in place of a default.
    pub settings: usize,
}

impl Size {
    /// Of a scenario.
    pub fn of(root: &Table) -> Size {
        let entries = items(root, &["indexer"]);
        let entries = entries.iter().filter_map(|path| at(root, path));
        Size {
            steps: items(root, &["step"]).len(),
            indexers: entries.map(|entry| declared(entry).len()).sum(),
            settings: settings(root).len(),
        }
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Size {
            steps,
            indexers,
            settings,
        } = self;
        write!(f, "{steps} steps, {indexers} indexers, {settings} settings")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "
property = 'p'
[run]
duration = '10m'
[faults.kill]
runner = 1.5
[faults.calls]
late = 0.1
refused = 0.2
[[indexer]]
account = 'user{n}.near'
function = 'feed'
count = 3
[[indexer]]
account = 'bob.near'
function = 'feed'
code = 'throw_once'
[[step]]
at = '30s'
do = { delete = { indexer = 'user1.near/feed' } }
[[step]]
at = '5m'
do = { crash = { node = 'runner', down = '5s' } }
";

    fn root() -> Table {
        toml::from_str(TEXT).expect("a table")
    }

    fn path(text: &str) -> Path {
        let key = |key: &str| key.parse().map_or_else(|_| name(key), Key::Nth);
        text.split('.').map(key).collect()
    }

    fn gone(texts: &[&str]) -> BTreeSet<Path> {
        texts.iter().map(|text| path(text)).collect()
    }

    #[test]
    fn what_is_empty_goes_with_its_last_value() {
        let left = without(&root(), &gone(&["faults.kill.runner", "step.0", "step.1"]));
        assert!(at(&left, &path("faults.kill")).is_none());
        assert!(at(&left, &path("faults.calls.late")).is_some());
        assert!(!left.contains_key("step"));
    }

    #[test]
    fn settings_and_details_are_counted_one_by_one() {
        let expected = [
            "faults.calls.late",
            "faults.calls.refused",
            "faults.kill.runner",
        ];
        let mut found = settings(&root());
        found.sort();
        assert_eq!(found, expected.map(path));
        let found = details(&root());
        assert!(found.contains(&path("indexer.1.code")), "{found:?}");
        assert!(!found.contains(&path("indexer.1.account")), "{found:?}");
        assert!(found.contains(&path("step.1.do.crash")), "{found:?}");
        assert!(!found.contains(&path("step.1")), "{found:?}");
        let size = Size {
            steps: 2,
            indexers: 4,
            settings: 3,
        };
        assert_eq!(Size::of(&root()), size);
    }

    #[test]
    fn steps_about_an_indexer_go_with_it() {
        let left = without_indexers(&root(), &gone(&["indexer.0"]));
        assert_eq!(items(&left, &["step"]).len(), 1);
        assert_eq!(items(&left, &["indexer"]).len(), 1);
        assert_eq!(others(&root(), "bob.near/feed"), gone(&["indexer.0"]));
        assert_eq!(others(&root(), "user2.near/feed"), gone(&["indexer.1"]));
        assert_eq!(others(&root(), "eve.near/feed").len(), 2);
    }

    #[test]
    fn a_shorter_run_has_no_later_steps() {
        let left = ending(&root(), 60_000);
        assert_eq!(duration(&left, &LENGTH), Some(Duration::from_secs(60)));
        assert_eq!(items(&left, &["step"]).len(), 1);
        let hour = Duration::from_secs(3_600);
        let given = with_lengths(&left, hour, hour);
        assert_eq!(duration(&given, &LENGTH), Some(Duration::from_secs(60)));
        assert_eq!(duration(&given, &["run", "silence"]), Some(hour));
    }

    #[test]
    fn a_shorter_pause_moves_all_that_follows() {
        let found = hurried(&root());
        let moments = |root: &Table| {
            let at = |text: &str| {
                at(root, &path(text))
                    .and_then(Value::as_str)
                    .map(str::to_owned)
            };
            (at("step.0.at"), at("step.1.at"), at("run.duration"))
        };
        let text = |text: &str| Some(text.to_owned());
        let all: Vec<_> = found.iter().map(moments).collect();
        assert_eq!(all[0], (text("0s"), text("4m 30s"), text("9m 30s")));
        assert!(
            all.contains(&(text("30s"), text("30s"), text("5m 30s"))),
            "{all:?}"
        );
    }

    #[test]
    fn sizes_are_times_and_whole_numbers() {
        let found = sizes(&root());
        for text in [
            "run.duration",
            "step.0.at",
            "step.1.do.crash.down",
            "indexer.0.count",
        ] {
            assert!(found.contains(&path(text)), "{text}");
        }
        assert_eq!(found.len(), 5);
        let values = lowered(&Value::from("1m 30s 500ms"));
        assert_eq!(values.first(), Some(&Value::from("0s")));
        assert_eq!(values.last(), Some(&Value::from("1m 7s")));
        assert_eq!(lowered(&Value::from(2)), [0, 1].map(Value::from));
        assert!(lowered(&Value::from("throw_once")).is_empty());
        assert!(lowered(&Value::from(0.5)).is_empty());
    }
}
