//! Files that are wrong, each with exactly what is said about it.

use super::{bad_shape, mistakes};

/// What follows the line `property = "x"`, and the mistakes: files of the right
/// shape that make no sense.
const TABLE: &[(&str, &[&str])] = &[
    (
        r#"defends = ["S1", "S13", "p1", "S1"]"#,
        &[
            "2:18: unknown oracle `S13`; expected one of: S1, S2, S3, S4, S5, S6, S7, S8, S9, \
             S10, S11, S12, S14, S15, S16, S17, S18, L1, L2, L3, L4, L5, L6, L8, L9, P1, P2, P3, \
             P4, P5, P6",
            r#"2:25: unknown oracle `p1`; did you mean `P1`?"#,
            r#"2:31: oracle `S1` is named twice"#,
        ],
    ),
    (
        r#"[run]
duration = "8days""#,
        &[r#"3:12: 8days is longer than 7days"#],
    ),
    (
        r#"[run]
duration = "0s""#,
        &[r#"3:12: `duration` must be longer than zero"#],
    ),
    (
        r#"[run]
quiet = [{ at = "9m", for = "2m" }, { at = "1m", for = "1m" }]"#,
        &[
            r#"3:10: a quiet period ends after the run (10m)"#,
            r#"3:44: a quiet period begins before the one above it ends"#,
        ],
    ),
    (
        r#"[run]
broken = [
  { node = "coordinator", is = "down" },
  { node = "store", is = "stale" },
  { node = "store", is = "never_starting" },
  { indexer = "random", is = "frozen" },
]"#,
        &[
            r#"4:12: without the coordinator nothing can be expected"#,
            r#"5:26: only the registry can be stale"#,
            r#"6:3: missing key `indexer`; this befalls an indexer: say which"#,
            r#"6:12: this befalls an indexer, not a node"#,
            r#"6:12: `store` is broken already"#,
            r#"7:3: missing key `node`; this befalls a node: say which"#,
            r#"7:15: this befalls a node, not an indexer"#,
            r#"7:15: the scenario has no indexers; declare one with [[indexer]]"#,
        ],
    ),
    (
        r#"[faults]
start = "11m"
kill = { store = -1 }
partition = nan
calls = { hang = 2 }"#,
        &[
            r#"3:9: `start` is after the end of the run (10m)"#,
            r#"4:18: -1 is no rate per minute: it must be in 0..=10000"#,
            r#"5:13: NaN is no rate per minute: it must be in 0..=10000"#,
            r#"6:18: 2 is no probability: it must be in 0..=1"#,
        ],
    ),
    (
        r#"[faults]
start = "2m"
stop = "1m"
calls = { hang = 0.7, late = 0.7 }"#,
        &[
            r#"4:8: `stop` is before `start`"#,
            r#"5:9: the probabilities add up to 1.400, more than 1"#,
        ],
    ),
    (
        r#"[[step]]
at = "1s"
do = { clock_jump = { node = "runner", by = "0s" } }
[[step]]
at = "1s"
do = { clock_drift = { node = "coordinator", rate = 11, for = "0s" } }
[[step]]
at = "1s"
do = { lose_nodes = { nodes = ["store"], down = ["2s", "1s"] } }
[[step]]
at = "1s"
do = { swizzle = { kind = "cut", nodes = ["store", "runner", "store"] } }
[[step]]
at = "1s"
do = { reorder = { from = "runner", to = "registry", by = ["1s", "2s"], probability = 2 } }
[[step]]
at = "2s"
do = { slow_node = { node = "store", by = ["8days", "8days"] } }
[faults]
swizzle = -1
clock_jump = { coordinator = nan }
slow_node_by = ["2s", "1s"]"#,
        &[
            "4:30: `runner` tells nobody the time; the clocks of `coordinator` and \
             `block_streamer` can be wrong",
            r#"4:45: `by` must be longer than zero"#,
            r#"7:53: 11 is no rate of a clock: it must be in 0.1..=10"#,
            r#"7:63: `for` must be longer than zero"#,
            r#"10:31: `nodes` must name two nodes at least"#,
            r#"10:49: the range runs backwards: 2s to 1s"#,
            r#"13:62: `store` is named twice"#,
            r#"16:42: `runner` and `registry` never talk"#,
            r#"16:87: 2 is no probability: it must be in 0..=1"#,
            r#"19:43: 8days is longer than 7days"#,
            r#"21:11: -1 is no rate per minute: it must be in 0..=10000"#,
            r#"22:30: NaN is no rate per minute: it must be in 0..=10000"#,
            r#"23:16: the range runs backwards: 2s to 1s"#,
        ],
    ),
    (
        r#"[workload]
update = 1e9
stop = "1h""#,
        &[
            r#"3:10: 1000000000 is no rate per minute: it must be in 0..=10000"#,
            r#"4:8: `stop` is after the end of the run (10m)"#,
        ],
    ),
    (
        r#"[[indexer]]
account = "Alice.near"
function = "f""#,
        &[
            "3:11: `Alice.near` is no NEAR account; expected 2 to 64 of a-z and 0-9, \
             joined by single `.`, `-` or `_`",
        ],
    ),
    (
        r#"[[indexer]]
account = "alice.near"
function = "f"
count = 2"#,
        &[r#"5:9: 2 copies would have one name; write {n} in `account` or `function`"#],
    ),
    (
        r#"[[indexer]]
account = "a{n}.near"
function = "f"
count = 0"#,
        &[r#"5:9: `count` must be at least 1"#],
    ),
    (
        r#"[[indexer]]
account = "a{n}.near"
function = "f"
count = 2000"#,
        &[r#"5:9: there are more than 1000 indexers"#],
    ),
    (
        r#"[[indexer]]
account = "aa.near"
function = "f"
[[indexer]]
account = "aa.near"
function = "f""#,
        &[r#"7:12: `aa.near/f` is declared twice"#],
    ),
    (
        r#"[[indexer]]
account = "aa.near"
function = "f"
rule = { action_any = { affected = " " } }
start = { history = 300 }
registered = "1h""#,
        &[
            r#"5:36: `affected` is empty"#,
            "6:21: the chain has only 200 heights behind it at the start; raise `history` \
             in [chain]",
            r#"7:14: `registered` is after the end of the run (10m)"#,
        ],
    ),
    (
        r#"[[step]]
do = { kill = { node = "store" } }"#,
        &[r#"2:1: the step has neither `at` nor `every`; write at = "30s" or every = "20s""#],
    ),
    (
        r#"[[step]]
at = "11m"
do = { kill = { node = "store" } }"#,
        &[r#"3:6: `at` is after the end of the run (10m)"#],
    ),
    (
        r#"[[step]]
at = "1m"
times = 2
do = { kill = { node = "store" } }"#,
        &[r#"4:9: `times` goes with `every`"#],
    ),
    (
        r#"[[step]]
every = "0s"
times = 0
do = { hang_start = {} }
[[indexer]]
account = "aa.near"
function = "f""#,
        &[
            r#"3:9: `every` must be longer than zero"#,
            r#"4:9: `times` must be between 1 and 1000000"#,
        ],
    ),
    (
        r#"[[step]]
every = "1ms"
do = { store_fault = { kind = "oom" } }"#,
        &[r#"2:1: there are more than 10000 steps"#],
    ),
    (
        r#"[run]
quiet = [{ at = "2m", for = "1m" }]
[[step]]
at = "2m 30s"
do = { kill = { node = "store" } }"#,
        &[r#"5:6: the step falls in the quiet period from 2m to 3m"#],
    ),
    (
        r#"[[step]]
at = "2m"
do = { kill = { node = "runner" } }
[[step]]
at = "1m"
do = { kill = { node = "runner" } }"#,
        &[r#"4:24: `runner` is already dead then"#],
    ),
    (
        r#"[[step]]
every = "1m"
do = { kill = { node = "runner" } }"#,
        &[r#"4:24: `runner` is already dead then"#],
    ),
    (
        r#"[[step]]
at = "1m"
do = { crash = { node = "runner", down = "10s" } }
[[step]]
at = "65s"
do = { restart = { node = "runner" } }
[[step]]
at = "66s"
do = { crash = { node = "runner" } }"#,
        &[
            r#"7:27: `runner` comes back by itself at 1m 10s"#,
            r#"10:25: `runner` is down until 1m 10s"#,
        ],
    ),
    (
        r#"[[step]]
at = "1m"
do = { restart = { node = "store" } }
[[step]]
at = "2m"
do = { resume = { node = "store" } }"#,
        &[
            r#"4:27: `store` is alive then"#,
            r#"7:26: `store` is not paused then"#,
        ],
    ),
    (
        r#"[[step]]
at = "1m"
do = { kill = { node = "store" } }
[[step]]
at = "2m"
do = { pause = { node = "store" } }"#,
        &[r#"7:25: `store` is dead then"#],
    ),
    (
        r#"[[step]]
at = "1m"
do = { kill = { node = "coordinator" } }
[[step]]
at = "2m"
do = { crash_coordinator_at_effect = { k = 0 } }"#,
        &[
            r#"7:38: `coordinator` is already dead then"#,
            r#"7:44: `k` must be between 1 and 1000000"#,
        ],
    ),
    (
        r#"[[step]]
at = "1m"
do = { partition = { from = "runner", to = "block_streamer" } }
[[step]]
at = "1m"
do = { clog = { from = "store", to = "store", latency = ["2s", "1s"], for = "0s" } }"#,
        &[
            r#"4:44: `runner` and `block_streamer` never talk"#,
            r#"7:38: `store` has no link to itself"#,
            r#"7:57: the range runs backwards: 2s to 1s"#,
            r#"7:77: `for` must be longer than zero"#,
        ],
    ),
    (
        r#"[[step]]
at = "1m"
do = { enable = { indexer = "all" } }"#,
        &[r#"4:29: the scenario has no indexers; declare one with [[indexer]]"#],
    ),
    (
        r#"[[indexer]]
account = "alice.near"
function = "feed"
[[step]]
at = "1m"
do = { update = { indexer = "alice.near/fed" } }
[[step]]
at = "1m"
do = { update = { indexer = "carol.near/other" } }"#,
        &[
            r#"7:29: unknown indexer `alice.near/fed`; did you mean `alice.near/feed`?"#,
            r#"10:29: unknown indexer `carol.near/other`; declare it with [[indexer]]"#,
        ],
    ),
    (
        r#"[[indexer]]
account = "aa.near"
function = "f"
registered = "2m"
[[step]]
at = "1m"
do = { delete = { indexer = "aa.near/f" } }
[[step]]
at = "3m"
do = { register = { indexer = "aa.near/f" } }
[[step]]
at = "4m"
do = { delete = { indexer = "aa.near/f" } }
[[step]]
at = "5m"
do = { update = { indexer = "aa.near/f" } }"#,
        &[
            r#"8:29: `aa.near/f` is not registered yet"#,
            r#"11:31: `aa.near/f` is already registered then: use `update`"#,
            r#"17:29: `aa.near/f` has been deleted by then: use `reregister`"#,
        ],
    ),
    (
        r#"[run]
quiet = [{ at = "4m", for = "1m" }]
[[indexer]]
account = "aa.near"
function = "f"
[[step]]
at = "1m"
do = { release = { indexer = "aa.near/f" } }
[[step]]
at = "2m"
do = { hold = { indexer = "all" } }
[[step]]
at = "3m"
do = { release = { indexer = "aa.near/f" } }
[[step]]
at = "3m"
do = { hold = { indexer = "aa.near/g" } }
[[step]]
at = "3m"
do = { hold = { indexer = "aa.near/f" } }
[[step]]
at = "6m"
do = { release = { indexer = "aa.near/f" } }
[workload]
retry = -1"#,
        &[
            r#"9:30: `aa.near/f` is not held then"#,
            r#"18:27: unknown indexer `aa.near/g`; did you mean `aa.near/f`?"#,
            r#"24:30: `aa.near/f` is not held then"#,
            r#"26:9: -1 is no rate per minute: it must be in 0..=10000"#,
        ],
    ),
    (
        r#"[[indexer]]
account = "aa.near"
function = "f"
[[step]]
at = "1m"
do = { retry = { indexer = "aa.near/f", node = "runner" } }
[[step]]
at = "1m"
do = { hold = {} }"#,
        &[
            r#"7:41: unknown key `node`; expected one of: indexer"#,
            r#"10:15: missing key `indexer`"#,
        ],
    ),
    (
        r#"[[indexer]]
account = "aa.near"
function = "f"
[[step]]
at = "1m"
do = { call_fault = { method = "ListStreams", outcome = "hang", indexer = "all", probability = 2 } }
[[step]]
at = "1m"
do = { call_fault = { method = "StopStream", outcome = "stale", times = 0 } }"#,
        &[
            r#"7:75: a listing is about all indexers: leave `indexer` out"#,
            r#"7:96: 2 is no probability: it must be in 0..=1"#,
            r#"10:56: only the answer to a read can be stale"#,
            r#"10:73: `times` must be between 1 and 1000000"#,
        ],
    ),
    (
        r#"[[step]]
at = "1m"
do = { store_fault = { kind = "failover" } }
[[step]]
at = "1m"
do = { store_fault = { kind = "empty", for = "1s", window = "1s" } }"#,
        &[
            r#"4:22: missing key `window`; how much is forgotten, such as window = "5s""#,
            r#"7:46: `for` means nothing for this kind of fault"#,
            r#"7:61: `window` means nothing for this kind of fault"#,
        ],
    ),
    (
        r#"[[indexer]]
account = "a.near"
function = "f"
[[step]]
at = "1m"
do = { list_fault = { list = "streams", kind = "empty", share = 0.5 } }
[[step]]
at = "1m"
do = { list_fault = { list = "streams", kind = "partial", share = 2.0, indexer = "a.near/f" } }
[[step]]
at = "1m"
do = { hidden_change = { indexer = "a.near/f", kind = "life", gap = "6s" } }
[[step]]
at = "1m"
do = { churn = { indexer = "a.near/f", times = 2000, within = "0s" } }
[[step]]
at = "2m"
do = { downgrade = { format = "original", down = "1m" } }
[[step]]
at = "150s"
do = { second_coordinator = { lives_on = "0s" } }"#,
        &[
            r#"7:65: `share` means nothing for this kind of fault"#,
            r#"10:67: 2 is no probability: it must be in 0..=1"#,
            r#"10:67: `share` means nothing where `indexer` says who is missing"#,
            r#"13:69: `gap` is longer than 5s: write two steps instead"#,
            r#"16:48: `times` is more than 1000 updates of one indexer"#,
            r#"16:63: `within` must be longer than zero"#,
            r#"22:29: the first coordinator is not up then"#,
            r#"22:42: `lives_on` must be longer than zero"#,
        ],
    ),
    (
        r#"[store]
undo_window = "1s"
[[step]]
at = "1m"
do = { store_fault = { kind = "lose_tail", window = "5s" } }"#,
        &[
            "3:15: `undo_window` is shorter than the `window` of a step (5s); leave it \
             out: it follows from the steps",
        ],
    ),
    (
        r#"[[step]]
at = "1m"
do = { registry_fault = { kind = "stale" } }
[[step]]
at = "1m"
do = { registry_fault = { kind = "error", lag = "1s", probability = 1.5 } }"#,
        &[
            r#"4:25: missing key `lag`; how old the answers are, such as lag = "30s""#,
            r#"7:49: `lag` means nothing for this kind of fault"#,
            r#"7:69: 1.5 is no probability: it must be in 0..=1"#,
        ],
    ),
    (
        r#"[[step]]
at = "1m"
do = { fail_next = { stage = "create_shema" } }"#,
        &[r#"4:30: unknown stage `create_shema`; did you mean `create_schema`?"#],
    ),
    (
        r#"[run]
duration = 5
[[step]]
at = "20m"
do = { kill = { node = "store" } }
[[step]]
at = "21m"
do = { restart = { nod = "store" } }
[[step]]
at = "22m"
do = { kill = { node = "store" } }
[[step]]
at = "1s"
do = { enable = { indexer = "aa.near/f" } }
[[indexer]]
account = "aa.near""#,
        &[
            r#"3:12: invalid type: integer `5`; expected a string"#,
            r#"9:20: unknown key `nod`; did you mean `node`?"#,
            r#"16:1: missing key `function`"#,
        ],
    ),
];

#[test]
fn mistakes_are_named_with_their_place() {
    for (text, expected) in bad_shape::TABLE.iter().chain(TABLE) {
        let text = format!("property = \"x\"\n{text}\n");
        assert_eq!(mistakes(&text), expected.join("\n"), "in\n{text}");
    }
}

#[test]
fn a_missing_or_wrong_property_is_named() {
    assert_eq!(
        mistakes(""),
        "1:1: missing key `property`; write one sentence on the property it defends"
    );
    assert_eq!(
        mistakes("property = 1"),
        "1:12: invalid type: integer `1`; expected a string"
    );
    assert_eq!(mistakes("property = \" \""), "1:12: `property` is empty");
}
