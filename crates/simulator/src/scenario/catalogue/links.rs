//! The network between the nodes.

use super::{FaultFamily, Group};

pub(super) const FAMILIES: &[FaultFamily] = &[
    FaultFamily {
        name: "partition",
        group: Group::Links,
        summary: "a link is cut: what is sent over it is lost without an error",
        story: "A cut may be one-way: then requests arrive and have their effect, and no answer \
            ever comes. To the caller both look the same, and both last until the deadline. The \
            fake nodes notice when their own link to Redis is cut: streams and workers fail.",
        source: "documented behaviour of networks: lost routes, dropped packets, firewalls",
        steps: &[
            r#"{ partition = { from = "coordinator", to = "runner", for = "20s" } }"#,
            r#"{ partition = { from = "runner", to = "store", both_ways = false, for = "9s" } }"#,
        ],
        sections: "",
        random: "partition = 0.2\npartition_for = [\"1s\", \"30s\"]",
        noticed_by: &["L1", "P6", "S2", "P1"],
    },
    FaultFamily {
        name: "clog",
        group: Group::Links,
        summary: "a link is slow: every message takes long, in either direction",
        story: "A saturated uplink or a peer in another region. Nothing is lost, but calls come \
            near their deadlines and beyond them, so that what was given up on may still arrive.",
        source: "documented behaviour of networks",
        steps: &[r#"{ clog = { from = "coordinator", to = "store", latency = ["1s", "5s"] } }"#],
        sections: "",
        random: "clog = 0.2\nclog_for = [\"1s\", \"30s\"]\nclog_latency = [\"500ms\", \"5s\"]",
        noticed_by: &["L1", "L5", "S12"],
    },
    FaultFamily {
        name: "latency",
        group: Group::Links,
        summary: "all links have this latency while nothing is wrong with them",
        story: "Services in one zone answer within a millisecond, services in another region \
            within a hundred. The coordinator must keep up with either.",
        source: "measured between cloud zones and regions",
        steps: &[],
        sections: "[net]\nlatency = [\"80ms\", \"300ms\"]",
        random: "",
        noticed_by: &["L4", "L5"],
    },
    FaultFamily {
        name: "reorder",
        group: Group::Links,
        summary: "messages overtake each other",
        story: "Calls go over several connections and through balancers, and each is handled by \
            a task of its own: what was sent first need not arrive first. A stop that was given \
            up arrives after the start that followed it; an answer tells of a world that the \
            next answer, which came earlier, has already replaced.",
        source: "documented behaviour of gRPC: calls of one connection are not ordered",
        steps: &[r#"{ reorder = { from = "coordinator", to = "runner", by = ["1s", "20s"] } }"#],
        sections: "",
        random: "reorder = 0.1\nreorder_for = [\"1s\", \"30s\"]\n\
            reorder_by = [\"100ms\", \"15s\"]",
        noticed_by: &["S1", "S4", "S15", "L1"],
    },
];
