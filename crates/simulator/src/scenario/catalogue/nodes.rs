//! Processes and machines.

use super::{FaultFamily, Group};

pub(super) const FAMILIES: &[FaultFamily] = &[
    FaultFamily {
        name: "crash",
        group: Group::Nodes,
        summary: "a process ends at once, and is started again later",
        story: "Whatever the process kept in memory is gone. The block streamer and the runner \
            come back with nothing: no streams, no executors, no provisioning tasks, although \
            queues and cursors in Redis survive. Calls under way break, and the coordinator \
            cannot know which of them had an effect. The coordinator itself comes back with \
            nothing but its records.",
        source: "observed at the original: both services forget everything at each deployment",
        steps: &[
            r#"{ crash = { node = "runner", down = "5s" } }"#,
            r#"{ kill = { node = "block_streamer" } }"#,
            r#"{ restart = { node = "block_streamer" } }"#,
        ],
        sections: "",
        random: "kill = { runner = 0.2, coordinator = 0.2 }\ndown = [\"1s\", \"30s\"]",
        noticed_by: &["L1", "P1", "S12", "P3"],
    },
    FaultFamily {
        name: "crash_at_effect",
        group: Group::Nodes,
        summary: "the coordinator dies right before or right after one of its effects",
        story: "Between an effect and the record of it lies an instant in which a crash leaves \
            the one without the other. This fault hits that instant exactly: the effect has \
            happened and nobody knows, or it was announced and has not happened. \
            `cargo sim equivalence` does it at every effect of a run in turn.",
        source: "the classic gap of every controller between an effect and its commit",
        steps: &["{ crash_coordinator_at_effect = { k = 3, before = true, down = \"2s\" } }"],
        sections: "",
        random: "",
        noticed_by: &["S2", "S8", "S17", "P1", "L1"],
    },
    FaultFamily {
        name: "pause",
        group: Group::Nodes,
        summary: "a process freezes: connections stay open, nothing is answered",
        story: "A long garbage collection, a stopped virtual machine, a disk that hangs. Nothing \
            fails: calls wait for their deadlines, requests pile up in the socket and are all \
            carried out when the process thaws, however old they are by then. A frozen \
            coordinator wakes up with an old picture of the world.",
        source: "documented behaviour of TCP; live migration of virtual machines",
        steps: &[
            r#"{ pause = { node = "runner", for = "20s" } }"#,
            r#"{ pause = { node = "store" } }"#,
            r#"{ resume = { node = "store" } }"#,
        ],
        sections: "",
        random: "pause = { runner = 0.1, coordinator = 0.1 }\ndown = [\"1s\", \"30s\"]",
        noticed_by: &["L1", "S4", "S1", "L5"],
    },
];
