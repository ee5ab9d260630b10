//! The configuration as it is used, with the source of each value and without
//! secrets.

use std::fmt::Write;

use serde::Serialize;

use crate::config::model::{Config, LogFormat, StoreConfig};
use crate::config::value::Value;
use crate::config::values::Values;
use crate::config::{Origin, Problem};
use crate::settings::{self, Group, Setting};

/// One setting as it is used.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// Its key in the file.
    pub name: String,
    /// Its value, if it has one. What is secret is `***`.
    pub value: Option<serde_json::Value>,
    /// Where the value was set, in words.
    pub source: String,
    /// Whether something of the value is not shown.
    pub hidden: bool,
    /// Whether what was set cannot be used.
    pub unusable: bool,
    #[serde(skip)]
    group: Group,
}

/// One row per setting; `written` names those that somebody set.
pub(super) fn rows(values: &Values, written: &[&str], config: Option<&Config>) -> Vec<Row> {
    settings::all()
        .into_iter()
        .map(|setting| row(setting, values, written, config))
        .collect()
}

fn row(setting: &Setting, values: &Values, written: &[&str], config: Option<&Config>) -> Row {
    let origin = values.origin(setting);
    let parsed = values.get(setting);
    let unusable = parsed.is_none() && written.contains(&setting.name);
    let (value, source) = match (parsed, origin) {
        (Some(value), origin) if origin != Origin::Default => {
            (Some(plain(value)), origin.to_string())
        }
        (parsed, _) => match config.and_then(|config| derived(setting, config)) {
            Some((value, source)) => (Some(value.into()), source.to_owned()),
            None => (parsed.map(plain), "default".to_owned()),
        },
    };
    let hidden = value
        .as_ref()
        .is_some_and(|value| value.to_string().contains("***"));
    Row {
        name: setting.key(),
        source: match (&value, unusable) {
            (_, true) => "unusable".to_owned(),
            (None, false) => "not set".to_owned(),
            _ => source,
        },
        value,
        hidden,
        unusable,
        group: setting.group,
    }
}

/// What follows from other settings.
fn derived(setting: &Setting, config: &Config) -> Option<(String, &'static str)> {
    let value = match setting.name {
        "store" => {
            let word = match config.store {
                StoreConfig::Redis(_) => "redis",
                StoreConfig::Embedded { .. } => "embedded",
            };
            (word.to_owned(), "default")
        }
        "data-dir" => match &config.store {
            StoreConfig::Embedded { dir, .. } => (dir.display().to_string(), "default"),
            StoreConfig::Redis(_) => return None,
        },
        "provisioner-url" => (config.services.provisioner.to_string(), "runner_url"),
        "listen" => (config.api.listen.to_string(), "grpc_port"),
        "http-listen" => (config.http_listen.to_string(), "metrics_port"),
        "log-format" if config.log.format == LogFormat::Stackdriver => {
            ("stackdriver".to_owned(), "gcp_logging")
        }
        _ => return None,
    };
    Some(value)
}

/// A value as it may be shown.
fn plain(value: &Value) -> serde_json::Value {
    match value {
        Value::Bool(on) => (*on).into(),
        Value::Count(number) => (*number).into(),
        Value::Share(number) => (*number).into(),
        Value::Duration(duration) => humantime::format_duration(*duration).to_string().into(),
        Value::Text(text) => text.clone().into(),
        Value::Path(path) => path.display().to_string().into(),
        Value::Address(address) => address.to_string().into(),
        Value::Urls(urls) => {
            let texts: Vec<String> = urls.iter().map(ToString::to_string).collect();
            texts.join(",").into()
        }
        Value::Secret(_) => "***".into(),
    }
}

/// As TOML that can serve as a configuration file, once the values that are
/// hidden, and thus only comments, are filled in.
#[must_use]
pub fn toml(rows: &[Row]) -> String {
    let mut text = String::from("# What the coordinator uses, and where each value was set.\n");
    for group in Group::ALL {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "\n# {}", group.title());
        for row in rows.iter().filter(|row| row.group == group) {
            let comment = if row.hidden { "# " } else { "" };
            let _ = match &row.value {
                Some(value) => {
                    writeln!(
                        text,
                        "{comment}{} = {}  # {}",
                        row.name,
                        literal(value),
                        row.source
                    )
                }
                None => writeln!(text, "# {}  # {}", row.name, row.source),
            };
        }
    }
    text
}

/// JSON and TOML write numbers and truths alike, and strings nearly so.
fn literal(value: &serde_json::Value) -> String {
    match value.as_str() {
        Some(text) => toml::Value::String(text.to_owned()).to_string(),
        None => value.to_string(),
    }
}

/// As one JSON document.
#[must_use]
pub fn json(rows: &[Row], problems: &[Problem], warnings: &[Problem]) -> String {
    #[derive(Serialize)]
    struct Document<'a> {
        schema_version: u32,
        settings: &'a [Row],
        problems: Vec<String>,
        warnings: Vec<String>,
    }
    let document = Document {
        schema_version: 1,
        settings: rows,
        problems: problems.iter().map(Problem::one_line).collect(),
        warnings: warnings.iter().map(Problem::one_line).collect(),
    };
    // Strings, numbers and truths always have a JSON form.
    let mut text = serde_json::to_string_pretty(&document).unwrap_or_default();
    text.push('\n');
    text
}
