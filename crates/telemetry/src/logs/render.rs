//! The formats of the log.

use std::time::Duration;

use serde_json::{Map, Value as Json, json};
use tracing::Level;

use crate::clock;
use crate::logs::escape;
use crate::logs::line::{Line, Value};

/// A format, once it is decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// For people; with colours or without.
    Text { colour: bool },
    /// One JSON object a line.
    Json,
    /// One JSON object a line, under the names that Google Cloud's logging reads.
    Stackdriver,
}

/// The line as written, its end included.
pub(crate) fn render(line: &Line, style: Style, at: Duration) -> String {
    let mut out = match style {
        Style::Text { colour } => text(line, colour, at),
        Style::Json => json_line(line, at).to_string(),
        Style::Stackdriver => stackdriver(line, at).to_string(),
    };
    out.push('\n');
    out
}

fn text(line: &Line, colour: bool, at: Duration) -> String {
    let (dim, strong, end) = match (colour, line.level) {
        (false, _) => ("", "", ""),
        (true, Level::ERROR) => ("\u{1b}[2m", "\u{1b}[31m", "\u{1b}[0m"),
        (true, Level::WARN) => ("\u{1b}[2m", "\u{1b}[33m", "\u{1b}[0m"),
        (true, Level::INFO) => ("\u{1b}[2m", "\u{1b}[32m", "\u{1b}[0m"),
        (true, _) => ("\u{1b}[2m", "\u{1b}[34m", "\u{1b}[0m"),
    };
    let mut out = format!(
        "{dim}{}{end} {strong}{:>5}{end} {dim}{}:{end} ",
        clock::rfc3339(at),
        line.level.as_str(),
        line.target
    );
    escape::push_plain(&mut out, &line.message);
    for (name, value) in line.fields.iter() {
        if !out.ends_with(' ') {
            out.push(' ');
        }
        out.push_str(dim);
        escape::push_plain(&mut out, name);
        out.push('=');
        out.push_str(end);
        match value {
            Value::Bool(value) => out.push_str(&value.to_string()),
            Value::Signed(value) => out.push_str(&value.to_string()),
            Value::Unsigned(value) => out.push_str(&value.to_string()),
            Value::Float(value) => out.push_str(&value.to_string()),
            Value::Text(value) => escape::push_value(&mut out, value),
        }
    }
    out
}

fn to_json(value: &Value) -> Json {
    match value {
        Value::Bool(value) => json!(value),
        Value::Signed(value) => json!(value),
        Value::Unsigned(value) => json!(value),
        // JSON has no word for what is not a finite number.
        Value::Float(value) if !value.is_finite() => json!(value.to_string()),
        Value::Float(value) => json!(value),
        Value::Text(value) => json!(value),
    }
}

/// The fields beside what the format itself says: a field of the same name gets
/// another one and cannot pretend to be it.
fn with_fields(mut object: Map<String, Json>, line: &Line) -> Json {
    for (name, value) in line.fields.iter() {
        let name = if object.contains_key(name) {
            format!("field.{name}")
        } else {
            name.to_owned()
        };
        object.insert(name, to_json(value));
    }
    Json::Object(object)
}

fn json_line(line: &Line, at: Duration) -> Json {
    let mut object = Map::new();
    object.insert("timestamp".to_owned(), json!(clock::rfc3339(at)));
    object.insert("level".to_owned(), json!(line.level.as_str()));
    object.insert("target".to_owned(), json!(line.target));
    object.insert("message".to_owned(), json!(line.message));
    with_fields(object, line)
}

/// Fields by which people search; Google's logging indexes its labels.
const LABELS: [&str; 3] = ["account_id", "function_name", "audit"];

fn stackdriver(line: &Line, at: Duration) -> Json {
    let severity = match line.level {
        Level::ERROR => "ERROR",
        Level::WARN => "WARNING",
        // Between INFO and WARNING: what somebody should be able to look up.
        Level::INFO if line.is_audit() => "NOTICE",
        Level::INFO => "INFO",
        _ => "DEBUG",
    };
    let mut object = Map::new();
    object.insert("severity".to_owned(), json!(severity));
    object.insert("time".to_owned(), json!(clock::rfc3339(at)));
    object.insert("target".to_owned(), json!(line.target));
    object.insert("message".to_owned(), json!(line.message));
    let labels: Map<String, Json> = LABELS
        .iter()
        .filter_map(|name| {
            let text = match line.fields.get(name)? {
                Value::Text(text) => text.clone(),
                Value::Bool(value) => value.to_string(),
                _ => return None,
            };
            Some(((*name).to_owned(), json!(text)))
        })
        .collect();
    if !labels.is_empty() {
        object.insert("logging.googleapis.com/labels".to_owned(), labels.into());
    }
    if let Some((file, number)) = line.place {
        // Both are strings in Google's own words.
        let place = json!({ "file": file, "line": number.to_string() });
        object.insert("logging.googleapis.com/sourceLocation".to_owned(), place);
    }
    with_fields(object, line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logs::line::Fields;

    fn line(level: Level, target: &'static str, fields: &[(&'static str, Value)]) -> Line {
        let mut all = Fields::default();
        for (name, value) in fields {
            all.set(name, value.clone());
        }
        Line {
            level,
            target,
            place: Some(("src/polls.rs", 7)),
            message: "does not\nanswer".to_owned(),
            fields: all,
        }
    }

    fn text_value(text: &str) -> Value {
        Value::Text(text.to_owned())
    }

    const AT: Duration = Duration::from_millis(1_500);

    #[test]
    fn text_is_one_line_whatever_it_says() {
        let fields = [
            ("indexer", text_value("a.near/f\n1970 ERROR forged")),
            ("count", Value::Unsigned(3)),
        ];
        let line = line(Level::WARN, "coordinator::polls", &fields);
        assert_eq!(
            render(&line, Style::Text { colour: false }, AT),
            "1970-01-01T00:00:01.500000Z  WARN coordinator::polls: does not\\nanswer \
             indexer=\"a.near/f\\n1970 ERROR forged\" count=3\n"
        );
        let coloured = render(&line, Style::Text { colour: true }, AT);
        assert!(coloured.contains("\u{1b}[33m WARN\u{1b}[0m"), "{coloured}");
    }

    #[test]
    fn json_keeps_numbers_and_its_own_names() {
        let fields = [
            ("level", text_value("fake")),
            ("share", Value::Float(0.5)),
            ("odd", Value::Float(f64::NAN)),
            ("change", Value::Signed(-3)),
        ];
        let text = render(&line(Level::INFO, "t", &fields), Style::Json, AT);
        assert_eq!(text.matches('\n').count(), 1);
        let parsed: Json = serde_json::from_str(&text).unwrap();
        assert_eq!(
            parsed,
            json!({
                "timestamp": "1970-01-01T00:00:01.500000Z",
                "level": "INFO",
                "target": "t",
                "message": "does not\nanswer",
                "field.level": "fake",
                "share": 0.5,
                "odd": "NaN",
                "change": -3,
            })
        );
    }

    #[test]
    fn stackdriver_uses_google_s_names() {
        let fields = [
            ("account_id", text_value("a.near")),
            ("function_name", text_value("f")),
            ("severity", text_value("fake")),
        ];
        let text = render(&line(Level::WARN, "t", &fields), Style::Stackdriver, AT);
        let parsed: Json = serde_json::from_str(&text).unwrap();
        assert_eq!(
            parsed,
            json!({
                "severity": "WARNING",
                "time": "1970-01-01T00:00:01.500000Z",
                "target": "t",
                "message": "does not\nanswer",
                "logging.googleapis.com/labels": {"account_id": "a.near", "function_name": "f"},
                "logging.googleapis.com/sourceLocation": {"file": "src/polls.rs", "line": "7"},
                "account_id": "a.near",
                "function_name": "f",
                "field.severity": "fake",
            })
        );
        let severity = |level, target| {
            let text = render(&line(level, target, &[]), Style::Stackdriver, AT);
            let parsed: Json = serde_json::from_str(&text).unwrap();
            parsed["severity"].as_str().unwrap().to_owned()
        };
        assert_eq!(severity(Level::ERROR, "t"), "ERROR");
        assert_eq!(severity(Level::INFO, "t"), "INFO");
        assert_eq!(severity(Level::INFO, "audit"), "NOTICE");
        assert_eq!(severity(Level::TRACE, "t"), "DEBUG");
    }
}
