//! Files that do not have the shape of a scenario.

/// What follows the line `property = "x"`, and the mistakes.
pub(super) const TABLE: &[(&str, &[&str])] = &[
    (
        r#"proprety = 2"#,
        &[r#"2:1: unknown key `proprety`; did you mean `property`?"#],
    ),
    (
        r#"[runn]
duration = "1m""#,
        &[r#"2:2: unknown key `runn`; did you mean `run`?"#],
    ),
    (
        r#"[run]
duration = 5"#,
        &[r#"3:12: invalid type: integer `5`; expected a string"#],
    ),
    (
        r#"[run]
duration = "-5s""#,
        &[r#"3:12: `-5s` is negative"#],
    ),
    (
        r#"[run]
duration = "10""#,
        &[
            "3:12: `10` is not a duration (time unit needed, for example 10sec or 10ms); \
             write it like \"90s\", \"250ms\" or \"1h 30m\"",
        ],
    ),
    (
        r#"[run]
duration = "1m"
silense = "1h""#,
        &[r#"4:1: unknown key `silense`; did you mean `silence`?"#],
    ),
    (
        r#"[run
duration = "1m""#,
        &[r#"2:5: unclosed table; expected `]`"#],
    ),
    (r#"property = "again""#, &[r#"2:1: duplicate key"#]),
    (
        r#"defends = "S1""#,
        &[r#"2:11: invalid type: string "S1"; expected a list"#],
    ),
    (r#"step = 1"#, &[r#"2:8: `step` is a list: write [[step]]"#]),
    (
        r#"[step]
at = "1s""#,
        &[r#"2:1: `step` is a list: write [[step]]"#],
    ),
    (
        r#"[[step]]
at = "1s""#,
        &[r#"2:1: missing key `do`"#],
    ),
    (
        r#"[[step]]
att = "1s"
do = { kill = { node = "runner" } }"#,
        &[r#"3:1: unknown key `att`; did you mean `at`?"#],
    ),
    (
        r#"[[step]]
at = "1s"
do = { kil = { node = "runner" } }"#,
        &[r#"4:8: unknown name `kil`; did you mean `kill`?"#],
    ),
    (
        r#"[[step]]
at = "1s"
do = { kill = { nod = "runner" } }"#,
        &[r#"4:17: unknown key `nod`; did you mean `node`?"#],
    ),
    (
        r#"[[step]]
at = "1s"
do = { kill = {} }"#,
        &[r#"4:15: missing key `node`"#],
    ),
    (
        r#"[[step]]
at = "1s"
do = { kill = { node = "executor" } }"#,
        &[r#"4:24: unknown name `executor`; did you mean `runner`?"#],
    ),
    (
        r#"[[step]]
at = "1s"
do = { kill = { node = "database" } }"#,
        &[
            "4:24: unknown name `database`; expected one of: coordinator, block_streamer, \
             runner, store, registry",
        ],
    ),
    (
        r#"[[step]]
at = "1s"
do = "kill""#,
        &[r#"4:6: the name alone is not enough; write { name = { key = value } }"#],
    ),
    (
        r#"[[step]]
at = "1s"
do = { kill = { node = "store" }, pause = { node = "store" } }"#,
        &[r#"4:6: exactly one key is possible here"#],
    ),
    (
        r#"[[step]]
at = "1s"
[step.do.kill]
node = "runer""#,
        &[r#"5:8: unknown name `runer`; did you mean `runner`?"#],
    ),
    (
        r#"[[step]]
at = "1s"
do = { enable = { indexer = "feed" } }"#,
        &[r#"4:29: `feed` names no indexer; write `account/function`, `all` or `random`"#],
    ),
    (
        r#"[[step]]
at = "1s"
do = { call_fault = { method = "StartStreams", outcome = "hang" } }"#,
        &[r#"4:32: unknown name `StartStreams`; did you mean `StartStream`?"#],
    ),
    (
        r#"[[step]]
at = "1s"
do = { call_fault = { method = "*", outcome = "lost" } }"#,
        &[
            "4:47: unknown name `lost`; expected one of: refused, error_before, \
             error_after, answer_lost, late, duplicate, stale, hang, half_open, \
             black_hole",
        ],
    ),
    (
        r#"[net]
latency = ["1s"]"#,
        &[r#"3:11: invalid length 1; expected an array of length 2"#],
    ),
    (
        r#"[net]
latency = ["5s", "2s"]"#,
        &[r#"3:11: the range runs backwards: 5s to 2s"#],
    ),
    (
        r#"[faults]
calls = { refusd = 0.5 }"#,
        &[r#"3:11: unknown key `refusd`; did you mean `refused`?"#],
    ),
    (
        r#"[faults]
calls = { refused = "often" }"#,
        &[r#"3:21: invalid type: string "often"; expected a number"#],
    ),
    (
        r#"[nodes.exector]
start_delay = "1s""#,
        &[r#"2:8: unknown node `exector`; did you mean `executor`?"#],
    ),
    (
        r#"[nodes.executor]
start_dely = "1s""#,
        &[r#"3:1: unknown key `start_dely`; did you mean `start_delay`?"#],
    ),
    (
        r#"[nodes.executor.quirks]
none = true"#,
        &[
            "3:1: unknown key `none`; expected one of: stop_during_start_leaks_worker, \
             failed_fetch_is_final, failed_start_stays_listed, \
             crashed_worker_stays_listed, silent_exit_freezes_state",
        ],
    ),
    (
        r#"[nodes.block_streamer]
health_interval = "0s""#,
        &[r#"3:19: `health_interval` must be at least 1ms"#],
    ),
    (
        r#"[store]
max_memory = -3"#,
        &[r#"3:14: invalid value: integer `-3`; expected a whole number, not negative"#],
    ),
    (
        r#"[chain]
skip = 1.5"#,
        &[r#"3:8: `skip` must be between 0 and 1"#],
    ),
    (
        r#"[coordinator]
tick = [1]"#,
        &[
            "3:8: knob `tick` has the wrong type: array; expected a duration like \
             \"30s\", a number or a boolean",
        ],
    ),
    (
        r#"[[indexer]]
account = "alice.near""#,
        &[r#"2:1: missing key `function`"#],
    ),
    (
        r#"[[indexer]]
account = "alice.near"
function = "f"
start = "newest""#,
        &[r#"5:9: unknown name `newest`; expected one of: latest, continue, height, history"#],
    ),
    (
        r#"[[indexer]]
account = "alice.near"
function = "f"
start = { height = -1 }"#,
        &[r#"5:20: invalid value: integer `-1`; expected a whole number, not negative"#],
    ),
    (
        r#"[[indexer]]
account = "alice.near"
function = "f"
registered = "soon""#,
        &[
            "5:14: `soon` is not a duration (expected number at 0); write it like \
             \"90s\", \"250ms\" or \"1h 30m\", or `never`",
        ],
    ),
    (
        r#"[[indexer]]
account = "alice.near"
function = "f"
rule = { action_any = { affected = "x", status = "good" } }"#,
        &[r#"5:50: unknown name `good`; expected one of: any, success, fail"#],
    ),
];
