//! Clocks.

use super::{FaultFamily, Group};

pub(super) const FAMILIES: &[FaultFamily] = &[
    FaultFamily {
        name: "clock_skew",
        group: Group::Clocks,
        summary: "a node's clock is wrong by a fixed amount",
        story: "A machine that starts before it has reached a time server, or one whose zone is \
            set wrong. The coordinator writes times into its records, and another machine with \
            another clock may take over: it reads of repairs in the future, and of tasks that \
            seem to be hours old. The block streamer stamps the health of its streams: by the \
            coordinator's clock these stamps are old, or not yet due.",
        source: "documented behaviour of machines without a battery clock; observed at the \
            original: it compares the streamer's stamps with its own clock",
        steps: &[
            r#"{ clock_skew = { node = "coordinator", by = "2h", back = true, for = "5m" } }"#,
            r#"{ clock_skew = { node = "block_streamer", by = "10m" } }"#,
        ],
        sections: "",
        random: "",
        noticed_by: &["S17", "L1", "L3", "S12", "S6"],
    },
    FaultFamily {
        name: "clock_jump",
        group: Group::Clocks,
        summary: "a node's clock jumps forward or back",
        story: "A time server corrects it, an operator sets it, a virtual machine wakes up. \
            Every deadline that was noted as a time of day is over at once, or hours away: a \
            provisioning task that runs counts as dead, and a second one is started beside it; a \
            repair waits for a time that comes tomorrow.",
        source: "documented behaviour of time daemons that step; suspended virtual machines",
        steps: &[
            r#"{ clock_jump = { node = "coordinator", by = "35m" } }"#,
            r#"{ clock_jump = { node = "block_streamer", by = "3h", back = true, for = "1m" } }"#,
        ],
        sections: "",
        random: "clock_jump = { coordinator = 0.2, block_streamer = 0.2 }\n\
            clock_jump_by = [\"1s\", \"1h\"]\nclock_jump_for = [\"10s\", \"10m\"]",
        noticed_by: &["S17", "L1", "L3", "S12"],
    },
    FaultFamily {
        name: "clock_drift",
        group: Group::Clocks,
        summary: "a node's clock runs too fast or too slow",
        story: "A bad oscillator, a starved virtual machine, a time daemon that slews. Nothing \
            jumps, but an hour on one machine is forty minutes on another.",
        source: "documented behaviour of virtual machines and of time daemons",
        steps: &[r#"{ clock_drift = { node = "coordinator", rate = 1.5, for = "5m" } }"#],
        sections: "",
        random: "clock_drift = { coordinator = 0.1, block_streamer = 0.1 }\n\
            clock_drift_for = [\"10s\", \"10m\"]",
        noticed_by: &["S12", "S17", "L1"],
    },
];
