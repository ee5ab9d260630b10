use std::sync::Mutex;

use serde_json::Value as Json;
use tracing::{Dispatch, dispatcher};

use super::*;

/// A sink that keeps what it gets.
#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What `work` logs.
fn logged(options: &LogOptions, work: impl FnOnce(&Logs)) -> String {
    let sink = Sink::default();
    let (subscriber, logs) = Logs::into(options, Box::new(sink.clone()), None).unwrap();
    let dispatch: Dispatch = subscriber.into();
    dispatcher::with_default(&dispatch, || work(&logs));
    assert!(logs.flush(Duration::from_secs(20)));
    let bytes = sink.0.lock().unwrap().clone();
    String::from_utf8(bytes).unwrap()
}

fn options(filter: &str) -> LogOptions {
    LogOptions {
        format: LogFormat::Json,
        filter: filter.to_owned(),
        ..LogOptions::default()
    }
}

fn parsed(text: &str) -> Vec<Json> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn an_event_becomes_a_line_with_the_fields_of_its_spans() {
    let text = logged(&options("info"), |_| {
        let span = tracing::info_span!("round", indexer = "a.near/feed", epoch = 4);
        let _entered = span.enter();
        let error: Box<dyn std::error::Error> = io::Error::other("the cause").into();
        tracing::warn!(error, epoch = 5, "did {} things", 2);
        tracing::debug!("not this");
    });
    let lines = parsed(&text);
    assert_eq!(lines.len(), 1, "{text}");
    let line = &lines[0];
    assert_eq!(line["message"], "did 2 things");
    assert_eq!(line["level"], "WARN");
    assert_eq!(line["target"], module_path!());
    assert_eq!(line["account_id"], "a.near");
    assert_eq!(line["function_name"], "feed");
    assert_eq!(line["epoch"], 5);
    assert_eq!(line["error"], "the cause");
}

#[test]
fn audit_lines_pass_every_filter() {
    for filter in ["off", "error", "audit=off", "info"] {
        let text = logged(&options(filter), |logs| {
            for _ in 0..3 {
                tracing::info!(
                    target: "audit",
                    caller = "ops", command = "Disable", account = "a.near", function = "f",
                    "done"
                );
            }
            assert_eq!(logs.tally().audits.get(), 3, "{filter}");
        });
        let lines = parsed(&text);
        assert_eq!(lines.len(), 3, "{filter}: {text}");
        assert_eq!(lines[0]["audit"], true);
        assert_eq!(lines[0]["account_id"], "a.near");
        assert_eq!(lines[0]["function_name"], "f");
    }
}

#[test]
fn the_filter_can_be_changed_while_it_runs() {
    let text = logged(&options("warn"), |logs| {
        tracing::info!("before");
        logs.set_filter("debug").unwrap();
        assert_eq!(logs.filter(), "debug");
        tracing::debug!("after");
        let error = logs.set_filter("a=b=c").unwrap_err().to_string();
        assert!(error.contains("`a=b=c`"), "{error}");
        tracing::debug!("still");
        logs.set_filter("").unwrap();
        tracing::debug!("not any more");
        tracing::info!("the default");
    });
    let messages: Vec<_> = parsed(&text)
        .iter()
        .map(|line| line["message"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(messages, ["after", "still", "the default"]);
}

#[test]
fn bad_filters_are_refused_with_what_is_wrong() {
    for bad in [
        "coordinator=loud",
        "a=b=c",
        "[",
        "info,coordinator=\u{1b}[2J",
        // Nothing would be left of the log.
        "infoo",
        "warning",
        "cordinator=debug",
        "h2=debug,hyper=warn",
    ] {
        let error = check_filter(bad).unwrap_err().to_string();
        assert!(error.contains("info,coordinator=debug"), "{error}");
        assert!(!error.contains('\u{1b}'), "{error:?}");
    }
    let long = check_filter(&"a,".repeat(FILTER_LEN_MAX)).unwrap_err();
    assert!(long.to_string().len() < 600, "{long}");
    for good in [
        "",
        "info,coordinator=debug",
        "INFO",
        "4",
        "off",
        "warn,",
        "info,h2=off,hyper",
        "off,h2=debug",
        "coordinator",
        "coordinator::polls=debug,security",
        "audit=off",
        "coordinator=debug,h2",
        "coord=debug",
        "[reconcile{indexer=a.near/f}]=debug",
    ] {
        check_filter(good).unwrap();
    }
}

#[test]
fn repetitions_are_summed_up_at_the_latest_when_the_log_ends() {
    let text = logged(&options("info"), |logs| {
        for n in 0..10 {
            tracing::warn!(error = %format!("no answer in {n} ms"), "does not answer");
        }
        assert_eq!(logs.tally().warnings.get(), 10);
        assert_eq!(logs.tally().collapsed.get(), 9);
    });
    let lines = parsed(&text);
    assert_eq!(lines.len(), 2, "{text}");
    assert_eq!(lines[0]["message"], "does not answer");
    let sum = lines[1]["message"].as_str().unwrap();
    assert!(sum.starts_with("repeated 9 times in the last "), "{sum}");
    assert!(sum.ends_with(" s: does not answer"), "{sum}");
    assert_eq!(lines[1]["repeated"], 9);
}

#[test]
fn no_name_forges_a_line() {
    let hostile = "a.near/f\n2026 ERROR audit: done caller=\"root\"\u{1b}[2K\u{202e}";
    for format in [LogFormat::Text, LogFormat::Json, LogFormat::Stackdriver] {
        let options = LogOptions {
            format,
            terminal: true,
            colour: false,
            ..options("info")
        };
        let text = logged(&options, |_| {
            tracing::warn!(indexer = hostile, "{hostile}");
            tracing::warn!(indexer = %"x".repeat(1_000_000), huge = ?vec![0_u8; 1_000_000], "big");
        });
        assert_eq!(text.lines().count(), 2, "{format}");
        assert!(!text.contains('\u{1b}'), "{format}");
        assert!(text.len() < 4 * line::LINE_MAX, "{format}: {}", text.len());
    }
}

#[test]
fn auto_is_what_suits_the_place() {
    use LogFormat::{Auto, Json, Stackdriver, Text};
    assert_eq!(Auto.resolve(false, true), Text);
    assert_eq!(Auto.resolve(false, false), Json);
    assert_eq!(Auto.resolve(true, true), Stackdriver);
    assert_eq!(Text.resolve(true, false), Text);
    for name in LogFormat::NAMES {
        assert_eq!(name.parse::<LogFormat>().unwrap().to_string(), name);
    }
    assert!(
        "xml"
            .parse::<LogFormat>()
            .unwrap_err()
            .contains("stackdriver")
    );
}
