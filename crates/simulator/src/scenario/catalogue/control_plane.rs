//! What the coordinator goes by, and other coordinators.

use super::{FaultFamily, Group};

pub(super) const FAMILIES: &[FaultFamily] = &[
    FaultFamily {
        name: "wrong_listing",
        group: Group::ControlPlane,
        summary: "a service's listing lacks entries, is in another order, or is empty",
        story: "A listing is one answer about everybody. Whoever starts what it lacks meets \
            ALREADY_EXISTS at best and has two at worst; whoever believes that everything is \
            gone restarts the world. A point read tells the truth.",
        source: "a precaution: what stands in between may cut an answer, or page it",
        steps: &[
            r#"{ list_fault = { list = "streams", kind = "partial", share = 0.5, for = "1m" } }"#,
            r#"{ list_fault = { list = "executors", kind = "shuffled", for = "1m" } }"#,
            r#"{ list_fault = { list = "executors", kind = "empty", times = 3 } }"#,
        ],
        sections: "",
        random: "lists = { partial = 0.05, shuffled = 0.05, empty = 0.02 }",
        noticed_by: &["S6", "S1", "S2", "S12"],
    },
    FaultFamily {
        name: "quota",
        group: Group::ControlPlane,
        summary: "a service takes on no more than so many streams, executors or tasks",
        story: "Every start beyond the quota is answered with RESOURCE_EXHAUSTED. Those within \
            it must be left alone, those beyond it tried again now and then, and nobody may be \
            given up: a quota is lifted without notice.",
        source: "observed at the original: restart loops exhausted the database's connections",
        steps: &[
            r#"{ quota = { of = "executors", limit = 1, for = "2m" } }"#,
            r#"{ quota = { of = "tasks", limit = 0, for = "1m" } }"#,
        ],
        sections: "",
        random: "control_plane = { quota = 0.2 }",
        noticed_by: &["S12", "L3", "L1"],
    },
    FaultFamily {
        name: "second_writer",
        group: Group::ControlPlane,
        summary: "a second writer changes the record right before a compare-and-set",
        story: "The race is lost for real: what is there now is another record, with a field \
            that the coordinator does not know. Writing again what was meant for the old one \
            undoes the other's work; dropping the field loses it.",
        source: "operators' tools, and a later release that keeps more in the record",
        steps: &[r#"{ store_fault = { kind = "rival", for = "20s", probability = 0.5 } }"#],
        sections: "",
        random: "store_calls = { rival = 0.05 }",
        noticed_by: &["S3", "S8", "S12", "L1"],
    },
    FaultFamily {
        name: "hidden_change",
        group: Group::ControlPlane,
        summary: "something changes and changes back before anybody can have looked",
        story: "A switch off and on, a deletion and a new registration, an update and the way \
            back: between two polls nobody sees the first half. What the new life or version \
            asks for must come about all the same, once.",
        source: "two transactions in one block; the registry tells the last state only",
        steps: &[
            r#"{ hidden_change = { indexer = "alice.near/feed", kind = "life" } }"#,
            r#"{ hidden_change = { indexer = "random", kind = "content", gap = "700ms" } }"#,
            r#"{ hidden_change = { indexer = "bob.near/feed", kind = "switch" } }"#,
        ],
        sections: "[workload]\nhidden_change = 0.5",
        random: "",
        noticed_by: &["S5", "S11", "S9", "L1"],
    },
    FaultFamily {
        name: "churn",
        group: Group::ControlPlane,
        summary: "one configuration changes many times within seconds",
        story: "Each version that is acted upon costs two stops, a clearing and two starts. Only \
            the last one matters, and nobody else may wait for it.",
        source: "deployment scripts in a loop; the contract does not limit updates",
        steps: &[r#"{ churn = { indexer = "alice.near/feed", times = 20, within = "2s" } }"#],
        sections: "[workload]\nchurn = 0.2",
        random: "",
        noticed_by: &["S12", "S15", "S11", "L5"],
    },
    FaultFamily {
        name: "second_coordinator",
        group: Group::ControlPlane,
        summary: "a second coordinator starts while the first is frozen or simply lives on",
        story: "A machine that stood still, a rollout that overlaps. The first one does not know \
            that it was replaced: calls under way arrive, and it goes on where it stood. Nodes \
            carry out what anybody sends, so only the compare-and-set on the record keeps the \
            two apart.",
        source: "virtual machines that are migrated, containers that are frozen; rolling updates",
        steps: &[
            r#"{ second_coordinator = { frozen = "30s", lives_on = "1m" } }"#,
            r#"{ second_coordinator = { lives_on = "2m" } }"#,
        ],
        sections: "",
        random: "control_plane = { second_coordinator = 0.2 }",
        noticed_by: &["S3", "S8", "S17", "L1"],
    },
    FaultFamily {
        name: "downgrade",
        group: Group::ControlPlane,
        summary: "another program runs for a while and leaves the records in its own form",
        story: "A rollback to the original, to an earlier release or to a later one, and back. \
            Whatever that program does not know is lost or must be kept; what runs goes on \
            running all the time.",
        source: "the formats that the original wrote since its first release",
        steps: &[
            r#"{ downgrade = { format = "original", down = "20s" } }"#,
            r#"{ downgrade = { format = "later", indexer = "bob.near/feed", down = "20s" } }"#,
        ],
        sections: "",
        random: "control_plane = { downgrade = 0.1 }",
        noticed_by: &["S14", "S6", "S3", "L1"],
    },
    FaultFamily {
        name: "broken_service",
        group: Group::ControlPlane,
        summary: "a service fails, hangs or refuses every time, for long or for good",
        story: "Nothing that the coordinator does can help, and everything that it does costs \
            somebody. Tries must become rare, operators and the registry must still be obeyed, \
            and the day the service is mended all must come back by itself.",
        source: "observed at the original: restart loops that made an outage worse",
        steps: &[
            r#"{ broken = { defect = "starts_fail", for = "5m" } }"#,
            r#"{ broken = { defect = "tasks_hang" } }"#,
        ],
        sections: "",
        random: "",
        noticed_by: &["S12", "L3", "L4", "S17"],
    },
];
