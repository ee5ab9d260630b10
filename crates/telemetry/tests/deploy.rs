//! The dashboard and the alerts name only what there is.

#![expect(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]

mod promql;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use promql::{Query, queried};
use serde_json::Value as Json;
use telemetry::METRICS;
use telemetry::metrics::{CALLS, NO_PHASE, STATES, find};

/// What the scraper adds to every metric.
const SCRAPED: [&str; 2] = ["job", "instance"];

fn root() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap().parent().unwrap()
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// One rule of the alerts' file, by the layout that it keeps.
#[derive(Debug, Default)]
struct Alert {
    name: String,
    fields: BTreeMap<String, String>,
}

/// Reads the file as what it is: `name: value`, and blocks that are indented.
fn alerts() -> Vec<Alert> {
    let text = read("deploy/prometheus/alerts.yaml");
    let mut alerts: Vec<Alert> = Vec::new();
    let mut block: Option<(usize, String)> = None;
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let indent = line.len() - line.trim_start().len();
        if let Some((outer, name)) = &block
            && indent > *outer
        {
            let field = alerts.last_mut().unwrap().fields.get_mut(name).unwrap();
            field.push_str(line.trim());
            field.push('\n');
            continue;
        }
        block = None;
        let (name, value) = line.trim().split_once(':').unwrap();
        let value = value.trim().trim_matches('"').to_owned();
        match (name, alerts.last_mut()) {
            ("- alert", _) => alerts.push(Alert {
                name: value,
                ..Alert::default()
            }),
            (_, None) => assert!(["groups", "- name", "rules"].contains(&name), "{line}"),
            (name, Some(alert)) => {
                if ["|", ">-"].contains(&value.as_str()) {
                    block = Some((indent, name.to_owned()));
                    alert.fields.insert(name.to_owned(), String::new());
                } else {
                    let before = alert.fields.insert(name.to_owned(), value);
                    assert!(before.is_none(), "{}: {name} stands twice", alert.name);
                }
            }
        }
    }
    alerts
}

fn dashboard() -> Json {
    serde_json::from_str(&read("deploy/grafana/coordinator.json")).unwrap()
}

/// The values of all `key`s in `json`, however deep.
fn every<'a>(json: &'a Json, key: &str, found: &mut Vec<&'a Json>) {
    match json {
        Json::Array(items) => items.iter().for_each(|item| every(item, key, found)),
        Json::Object(map) => {
            found.extend(map.get(key));
            map.values().for_each(|value| every(value, key, found));
        }
        _ => {}
    }
}

fn texts(json: &Json, key: &str) -> Vec<String> {
    let mut found = Vec::new();
    every(json, key, &mut found);
    found
        .iter()
        .filter_map(|text| text.as_str())
        .map(str::to_owned)
        .collect()
}

/// The values that a label can have, where there are few.
fn values_of(label: &str) -> Option<BTreeSet<&'static str>> {
    match label {
        "service" => Some(CALLS.iter().map(|(service, _)| *service).collect()),
        "method" => Some(CALLS.iter().map(|(_, method)| *method).collect()),
        "state" => Some(STATES.into_iter().collect()),
        "phase" => {
            let phases = lifecycle::Phase::ALL.iter().map(|phase| phase.name());
            Some(phases.chain([NO_PHASE]).collect())
        }
        "code" => Some(BTreeSet::from([
            "OK",
            "NOT_FOUND",
            "ALREADY_EXISTS",
            "CONFLICT",
            "UNAVAILABLE",
            "INDEFINITE",
            "REJECTED",
            "ABANDONED",
            "UNAUTHENTICATED",
            "PERMISSION_DENIED",
        ])),
        _ => None,
    }
}

/// What is wrong with a query.
fn problems(query: &Query) -> Vec<String> {
    let mut problems = Vec::new();
    let mut labels: BTreeSet<&str> = SCRAPED.into();
    for (name, matchers) in &query.metrics {
        let mut own: BTreeSet<&str> = SCRAPED.into();
        if name != "up" {
            match find(name) {
                Some(metric) => own.extend(metric.labels),
                None => problems.push(format!("there is no metric {name}")),
            }
            if name.ends_with("_bucket") {
                own.insert("le");
            }
        }
        for (label, value) in matchers {
            if !own.contains(label.as_str()) {
                problems.push(format!("{name} has no label {label}"));
            }
            let known = values_of(label);
            for value in value.split('|').filter(|value| !value.starts_with('$')) {
                if known.as_ref().is_some_and(|known| !known.contains(value)) {
                    problems.push(format!("{label} is never {value}"));
                }
            }
        }
        labels.extend(own);
    }
    for label in &query.grouped {
        if !labels.contains(label.as_str()) {
            problems.push(format!("nothing in the query has the label {label}"));
        }
    }
    if query.metrics.is_empty() {
        problems.push("it asks for no metric".to_owned());
    }
    problems
}

#[test]
fn alerts_ask_for_what_there_is() {
    let alerts = alerts();
    assert!(alerts.len() >= 15, "{}", alerts.len());
    let names: BTreeSet<_> = alerts.iter().map(|alert| &alert.name).collect();
    assert_eq!(names.len(), alerts.len(), "each name stands once");
    for alert in &alerts {
        let query = queried(&alert.fields["expr"]).unwrap();
        assert_eq!(problems(&query), [""; 0], "{}", alert.name);
    }
}

#[test]
fn alerts_say_what_to_do() {
    for alert in alerts() {
        for field in ["for", "severity", "summary", "description", "runbook_url"] {
            let text = alert.fields.get(field).map_or("", |text| text.trim());
            assert!(!text.is_empty(), "{} has no {field}", alert.name);
        }
        let severity = alert.fields["severity"].as_str();
        assert!(
            ["critical", "warning", "info"].contains(&severity),
            "{}",
            alert.name
        );
        let runbook = format!("docs/operations.md#{}", alert.name.to_lowercase());
        assert_eq!(alert.fields["runbook_url"], runbook);
        for text in ["summary", "description"] {
            for label in templated(&alert.fields[text], "$labels.") {
                let query = queried(&alert.fields["expr"]).unwrap();
                let known = query.metrics.iter().any(|(name, _)| {
                    SCRAPED.contains(&label.as_str())
                        || find(name).is_some_and(|metric| metric.labels.contains(&&*label))
                });
                assert!(known, "{} has no label {label}", alert.name);
            }
        }
    }
}

/// The names after `mark` inside `{{ }}`.
fn templated(text: &str, mark: &str) -> Vec<String> {
    let templates = text.split("{{").skip(1);
    let inside = templates.filter_map(|rest| rest.split("}}").next());
    let named = inside.filter_map(|inside| inside.trim().strip_prefix(mark));
    named.map(|name| name.trim().to_owned()).collect()
}

#[test]
fn every_alert_has_its_place_in_the_operators_book() {
    let book = read("docs/operations.md");
    let headings: BTreeSet<String> = book
        .lines()
        .filter(|line| line.starts_with('#'))
        .map(|line| {
            line.trim_start_matches('#')
                .trim()
                .trim_matches('`')
                .to_lowercase()
        })
        .collect();
    for alert in alerts() {
        let heading = alert.name.to_lowercase();
        assert!(
            headings.contains(&heading),
            "docs/operations.md has no `{}`",
            alert.name
        );
    }
}

#[test]
fn the_operators_book_has_the_table_of_metrics() {
    let table = telemetry::metrics::markdown();
    let book = read("docs/operations.md");
    assert!(
        book.contains(&table),
        "docs/operations.md should hold what \
         `cargo run -p telemetry --example metrics_table` prints"
    );
}

#[test]
fn the_dashboard_asks_for_what_there_is() {
    let dashboard = dashboard();
    let expressions = texts(&dashboard, "expr");
    assert!(expressions.len() > 30);
    for expression in &expressions {
        let query = queried(expression).unwrap();
        assert_eq!(problems(&query), [""; 0], "{expression}");
    }
    for variable in texts(&dashboard["templating"], "definition") {
        let inside = variable.strip_prefix("label_values(").unwrap();
        let (metric, label) = inside.trim_end_matches(')').split_once(", ").unwrap();
        let labels = find(metric).unwrap().labels;
        assert!(
            labels.contains(&label) || SCRAPED.contains(&label),
            "{variable}"
        );
    }
}

#[test]
fn the_legends_name_labels_that_are_left() {
    let mut targets = Vec::new();
    let dashboard = dashboard();
    every(&dashboard, "targets", &mut targets);
    for target in targets.iter().flat_map(|list| list.as_array().unwrap()) {
        let query = queried(target["expr"].as_str().unwrap()).unwrap();
        for label in templated(target["legendFormat"].as_str().unwrap(), "") {
            assert!(query.grouped.contains(&label), "{label} in {target}");
        }
    }
}

#[test]
fn the_dashboard_s_panels_lie_side_by_side() {
    let dashboard = dashboard();
    let panels = dashboard["panels"].as_array().unwrap();
    let mut ids = BTreeSet::new();
    let mut taken = BTreeSet::new();
    for panel in panels {
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{panel}");
        let at = |key: &str| panel["gridPos"][key].as_u64().unwrap();
        assert!(at("x") + at("w") <= 24, "{panel}");
        for x in at("x")..at("x") + at("w") {
            for y in at("y")..at("y") + at("h") {
                assert!(taken.insert((x, y)), "{} lies on another", panel["title"]);
            }
        }
    }
}

#[test]
fn every_metric_is_shown_or_watched() {
    let mut used = BTreeSet::new();
    let mut expressions = texts(&dashboard(), "expr");
    expressions.extend(alerts().iter().map(|alert| alert.fields["expr"].clone()));
    for expression in expressions {
        let query = queried(&expression).unwrap();
        used.extend(
            query
                .metrics
                .iter()
                .filter_map(|(name, _)| Some(find(name)?.name)),
        );
    }
    for metric in METRICS {
        assert!(
            used.contains(metric.name),
            "nobody looks at {}",
            metric.name
        );
    }
}

#[test]
fn mistakes_are_seen() {
    for (bad, problem) in [
        (
            "coordinator_nothing",
            "there is no metric coordinator_nothing",
        ),
        (
            "coordinator_loops_total",
            "there is no metric coordinator_loops_total",
        ),
        (
            "coordinator_loops{phase=\"Running\"}",
            "coordinator_loops has no label phase",
        ),
        ("coordinator_loops{state=\"Stedy\"}", "state is never Stedy"),
        (
            "sum by (le) (coordinator_loops)",
            "nothing in the query has the label le",
        ),
        ("1 + 2", "it asks for no metric"),
    ] {
        assert_eq!(problems(&queried(bad).unwrap()), [problem], "{bad}");
    }
}
