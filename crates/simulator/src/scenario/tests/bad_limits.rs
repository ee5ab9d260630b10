//! Settings that are sound by themselves, and impossible beside others: the first that
//! is refused, and the last that is not.

use std::time::Duration;

use super::super::Scenario;
use super::mistakes;

/// What follows the line `property = "x"`, and the mistake; none if it can be.
const TABLE: &[(&str, &str)] = &[
    ("[net]\nlatency = [\"1ms\", \"999ms\"]", ""),
    (
        "[net]\nlatency = [\"1ms\", \"1s\"]",
        "3:11: the way there and back takes up to 2s, and the coordinator gives a call up \
         after 2s (`read_deadline`); `latency` must stay below 1s, or the deadlines in \
         [coordinator] be longer",
    ),
    (
        "[net]\nlatency = [\"1ms\", \"2s\"]\n[coordinator]\nread_deadline = \"5s\"\n\
         store_deadline = \"4s\"",
        "6:18: knob `store_deadline`: 4s may be over before an answer can be there: by \
         `latency` in [net] the way there and back takes up to 4s; it must be longer than 4s",
    ),
    (
        "[net]\nlatency = [\"1ms\", \"2s\"]\n[coordinator]\nread_deadline = \"5s\"\n\
         store_deadline = \"5s\"",
        "",
    ),
    ("[coordinator]\nlist_deadline = \"11ms\"", ""),
    (
        "[coordinator]\nlist_deadline = \"10ms\"",
        "3:17: knob `list_deadline`: 10ms may be over before an answer can be there: by \
         `latency` in [net] the way there and back takes up to 10ms; it must be longer than \
         10ms",
    ),
    ("[coordinator]\ntick = \"1m\"", ""),
    (
        "[coordinator]\ntick = \"61s\"",
        "3:8: knob `tick`: 1m 1s is too long: who has asked nothing for 1m counts as settled, \
         and so must have looked by then; it must be at most 1m",
    ),
    ("[chain]\nfirst_height = 999_999_909_200", ""),
    (
        "[chain]\nfirst_height = 999_999_909_201",
        "3:16: `first_height` is too high: the coordinator believes no height above \
         1000000000000, and the run may make 90800 above the first; it must be at most \
         999999909200",
    ),
    ("[chain]\ninterval = \"30s\"", ""),
    ("[chain]\ninterval = \"60s\"\nskip = 0", ""),
    ("[chain]\ninterval = \"1s\"\nskip = 1", ""),
    (
        "[chain]\ninterval = \"31s\"",
        "3:12: with a height each 31s and a share of 0.05 without a block, the block streamer \
         may see none between two looks (2m, `health_interval`), and reports a stream that is \
         well as STALLED; `interval` must be at most 30s, or `health_interval` longer",
    ),
    (
        "[chain]\ninterval = \"25s\"\nskip = 0.3",
        "3:12: with a height each 25s and a share of 0.3 without a block, the block streamer \
         may see none between two looks (2m, `health_interval`), and reports a stream that is \
         well as STALLED; `interval` must be at most 12s, or `health_interval` longer",
    ),
    (
        "[nodes.block_streamer]\nhealth_interval = \"1ms\"",
        "3:19: with a height each 1s and a share of 0.05 without a block, the block streamer \
         may see none between two looks (1ms, `health_interval`), and reports a stream that is \
         well as STALLED; `health_interval` must be longer",
    ),
    ("[chain]\ninterval = \"10m\"\n[data]\nblocks = \"b\"", ""),
    (
        "[chain]\ninterval = \"10m\"\n[nodes.block_streamer]\nhealth_interval = \"1h\"",
        "",
    ),
];

#[test]
fn settings_that_exclude_one_another_are_refused() {
    for (text, expected) in TABLE {
        let text = format!("property = \"x\"\n{text}\n");
        assert_eq!(&mistakes(&text), expected, "in\n{text}");
    }
}

#[test]
fn no_setting_is_too_large_to_be_compared() {
    let text = "property = \"x\"\n[net]\nlatency = [\"1ms\", \"584942417years\"]\n[run]\n\
                duration = \"584942417years\"\nsilence = \"584942417years\"\n[chain]\n\
                first_height = 9223372036854775807\ninterval = \"584942417years\"\n";
    assert!(Scenario::parse("f", text).is_err());
    assert!(super::super::SLOWEST_TICK > Duration::from_secs(30));
}
