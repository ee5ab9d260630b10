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
    FaultFamily {
        name: "slow_node",
        group: Group::Nodes,
        summary: "a machine is slow: its answers take long, and so does its own work",
        story: "A noisy neighbour, a throttled processor, a disk that is nearly full. Requests \
            wait before they are taken up and answers before they are sent, beyond the \
            coordinator's deadlines at times; streams and executors fall behind. A slow store \
            slows both services. Who takes slow for dead does everything twice.",
        source: "documented behaviour of processor quotas; observed in production under load",
        steps: &[r#"{ slow_node = { node = "runner", by = ["200ms", "7s"], for = "1m" } }"#],
        sections: "",
        random: "slow_node = { runner = 0.1, store = 0.1 }\n\
            slow_node_for = [\"5s\", \"1m\"]\nslow_node_by = [\"50ms\", \"3s\"]",
        noticed_by: &["S1", "S2", "S17", "L1", "L5"],
    },
    FaultFamily {
        name: "lose_nodes",
        group: Group::Nodes,
        summary: "several nodes die in one instant, and come back one by one",
        story: "They share a rack, a host or a zone. The order in which they come back is \
            anybody's guess: a coordinator without a store, services without a queue, a store \
            that is there before anybody asks. Everything has to be started again at the same \
            time, within the start budget.",
        source: "documented outages of zones; the original's services shared a few machines",
        steps: &[r#"{ lose_nodes = { nodes = ["runner", "store"], down = ["1s", "20s"] } }"#],
        sections: "",
        random: "lose_nodes = 0.05\ndown = [\"1s\", \"30s\"]",
        noticed_by: &["S12", "L1", "P1", "S2"],
    },
    FaultFamily {
        name: "swizzle",
        group: Group::Nodes,
        summary: "nodes fail one by one and come back in another order",
        story: "Each is cut off, slowed, frozen or killed while the last one is still gone, and \
            the order of return is not that of failure. That reaches combinations which no \
            single fault reaches: every subset of nodes is away once, and every one of them \
            sees another one return first.",
        source: "a technique of FoundationDB's simulation, which found bugs nothing else found",
        steps: &[
            r#"{ swizzle = { kind = "cut", nodes = ["runner", "store", "registry"] } }"#,
            r#"{ swizzle = { kind = "crash", apart = ["1s", "8s"] } }"#,
        ],
        sections: "",
        random: "swizzle = 0.05\nswizzle_apart = [\"500ms\", \"10s\"]",
        noticed_by: &["L1", "S1", "S2", "S4", "P1"],
    },
];
