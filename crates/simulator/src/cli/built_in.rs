//! Scenarios that need no file.

/// Every node crashes once in mid-run; for real data given on the command line.
pub const CRASHES: &str = "built-in:crashes";
/// Fifty indexers and a coordinator at its usual pace.
pub const CALLS: &str = "built-in:calls";
/// The same with a coordinator that looks at everything twenty times a second.
pub const HURRY: &str = "built-in:hurry";
/// Five indexers under faults.
pub const FAULTS: &str = "built-in:faults";
/// Eight indexers, for a moment, while nothing fails.
pub const SMALL: &str = "built-in:small";

/// The blocks come to an end, and a health monitor that looked after that would
/// say that streams stall: it never looks.
const CRASHES_TEXT: &str = r#"
property = "A crash of every node in turn loses no block of any indexer"
defends = ["P1", "P2", "L1"]

[run]
duration = "3m"

[data]
interval = "5s"

[nodes.block_streamer]
health_interval = "7days"

[coordinator]
heartbeat_limit = "14days"

[[step]]
at = "6s"
do = { crash = { node = "block_streamer", down = "3s" } }

[[step]]
at = "26s"
do = { crash = { node = "runner", down = "3s" } }

[[step]]
at = "46s"
do = { crash = { node = "coordinator", down = "3s" } }

[[step]]
at = "66s"
do = { crash = { node = "store", down = "3s" } }

[[step]]
at = "86s"
do = { crash = { node = "registry", down = "3s" } }
"#;

const CALLS_TEXT: &str = r#"
property = "Speed: fifty indexers and a coordinator at its usual pace"

[run]
duration = "15m"
silence = "45m"

[[indexer]]
account = "user{n}.near"
function = "feed"
count = 50
"#;

const HURRY_TEXT: &str = r#"
property = "Speed: fifty indexers and a coordinator in a hurry"

[run]
duration = "5m"
silence = "5m"

[coordinator]
tick = "50ms"

[[indexer]]
account = "user{n}.near"
function = "feed"
count = 50
"#;

const FAULTS_TEXT: &str = r#"
property = "Speed: five indexers while everything fails now and then"

[run]
duration = "1h"
silence = "1h"

[[indexer]]
account = "user{n}.near"
function = "feed"
count = 5

[faults]
kill = { coordinator = 0.2, block_streamer = 0.2, runner = 0.2 }
partition = 0.2
clog = 0.2
calls = { error_before = 0.01, answer_lost = 0.01, late = 0.01 }
"#;

const SMALL_TEXT: &str = r#"
property = "Eight indexers are started"

[run]
duration = "10s"
silence = "10s"

[[indexer]]
account = "user{n}.near"
function = "feed"
count = 8
"#;

/// The text of the scenario of that name, if it is built in.
pub fn text(name: &str) -> Option<String> {
    let text = match name {
        CRASHES => CRASHES_TEXT,
        CALLS => CALLS_TEXT,
        HURRY => HURRY_TEXT,
        FAULTS => FAULTS_TEXT,
        SMALL => SMALL_TEXT,
        _ => return None,
    };
    Some(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::given::Given;
    use super::*;

    #[test]
    fn all_are_sound() {
        for name in [CRASHES, CALLS, HURRY, FAULTS, SMALL] {
            let scenario = Given::of(name).load();
            assert!(scenario.is_ok(), "{:?}", scenario.err());
        }
        assert!(text("scenarios/x.toml").is_none());
    }
}
