//! The fates of single calls.

use super::{FaultFamily, Group};

pub(super) const FAMILIES: &[FaultFamily] = &[
    FaultFamily {
        name: "refused",
        group: Group::Calls,
        summary: "the connection is refused: certainly no effect, and an error at once",
        story: "The only error that says for certain that nothing happened. It must not count \
            as an indexer's failure: a service that answers nobody is no indexer's fault.",
        source: "documented behaviour of TCP; every restart of a service shows it",
        steps: &[r#"{ call_fault = { method = "StartStream", outcome = "refused", times = 3 } }"#],
        sections: "",
        random: "calls = { refused = 0.02 }",
        noticed_by: &["S12", "L1"],
    },
    FaultFamily {
        name: "error_before",
        group: Group::Calls,
        summary: "the service answers with an error and has done nothing",
        story: "A poisoned lock, a worker that cannot be spawned, an overloaded peer. The error \
            is the same as one after the effect, so only looking again tells.",
        source: "observed at the original: INTERNAL from the streamer's and the runner's start",
        steps: &[r#"{ call_fault = { method = "StartExecutor", outcome = "error_before" } }"#],
        sections: "",
        random: "calls = { error_before = 0.02 }",
        noticed_by: &["L1", "L3", "S12"],
    },
    FaultFamily {
        name: "error_after",
        group: Group::Calls,
        summary: "the service has done it, and answers with an error all the same",
        story: "A stop whose task had panicked answers INTERNAL although the stream is gone. \
            Who believes the error does it twice, or waits for something that has happened.",
        source: "contract of the block streamer: `Failed to cancel` after the entry is removed",
        steps: &[
            r#"{ call_fault = { method = "StopStream", outcome = "error_after", times = 2 } }"#,
        ],
        sections: "",
        random: "calls = { error_after = 0.02 }",
        noticed_by: &["S1", "S2", "S15", "L1"],
    },
    FaultFamily {
        name: "answer_lost",
        group: Group::Calls,
        summary: "the service has done it; the connection breaks before the answer",
        story: "The lost acknowledgement. A provisioning task has been started and its id is \
            lost; a stream runs that nobody asked for a second time.",
        source: "documented behaviour of TCP resets and of proxies that drain",
        steps: &[
            r#"{ call_fault = { method = "StartProvisioningTask", outcome = "answer_lost" } }"#,
        ],
        sections: "",
        random: "calls = { answer_lost = 0.02 }",
        noticed_by: &["S17", "S2", "L1"],
    },
    FaultFamily {
        name: "late",
        group: Group::Calls,
        summary: "the request arrives after its sender has given up",
        story: "A proxy or a full socket kept it. By then the coordinator may have decided \
            otherwise: a stream is started that is no longer wanted, or is stopped that is.",
        source: "observed at the original: effects after the client's timeout",
        steps: &[r#"{ call_fault = { method = "StartStream", outcome = "late", times = 2 } }"#],
        sections: "",
        random: "calls = { late = 0.02 }",
        noticed_by: &["S4", "S1", "L2", "L1"],
    },
    FaultFamily {
        name: "duplicate",
        group: Group::Calls,
        summary: "the request is delivered twice, the second time up to 20 s later",
        story: "A retry inside a proxy or a client library. The second start meets what runs \
            already, or brings back what has just been stopped.",
        source: "documented behaviour of gRPC's transparent retries and of proxies",
        steps: &[r#"{ call_fault = { method = "*", outcome = "duplicate", for = "1m" } }"#],
        sections: "",
        random: "calls = { duplicate = 0.02 }",
        noticed_by: &["S1", "S4", "S17", "L1"],
    },
    FaultFamily {
        name: "stale",
        group: Group::Calls,
        summary: "a read is answered with what was true some time ago",
        story: "A cache, a replica or a balancer between coordinator and service. What is listed \
            may be gone, what is missing may run; only a point read after one's own last action \
            is evidence.",
        source: "documented behaviour of caches and read replicas",
        steps: &[r#"{ call_fault = { method = "ListStreams", outcome = "stale", for = "30s" } }"#],
        sections: "",
        random: "calls = { stale = 0.05 }",
        noticed_by: &["S1", "S12", "S15", "L1"],
    },
    FaultFamily {
        name: "hang",
        group: Group::Calls,
        summary: "the service accepts the request and neither acts nor answers",
        story: "A deadlocked handler. Without a deadline of one's own the caller waits for ever.",
        source: "observed at the original: no call had a deadline (defect 13)",
        steps: &[r#"{ call_fault = { method = "GetStream", outcome = "hang", times = 5 } }"#],
        sections: "",
        random: "calls = { hang = 0.01 }",
        noticed_by: &["L1", "L5", "L3"],
    },
    FaultFamily {
        name: "half_open",
        group: Group::Calls,
        summary: "the request arrives and is done; no answer and no error ever comes",
        story: "The way back is gone and nobody sends a reset. A deadline ends the wait, and \
            says nothing about whether it was done.",
        source: "documented behaviour of half-open TCP connections",
        steps: &[
            r#"{ call_fault = { method = "StopExecutor", outcome = "half_open", times = 2 } }"#,
        ],
        sections: "",
        random: "calls = { half_open = 0.01 }",
        noticed_by: &["S2", "S15", "L1"],
    },
    FaultFamily {
        name: "black_hole",
        group: Group::Calls,
        summary: "nothing arrives, and no error comes",
        story: "Packets are dropped on the way there. It looks exactly like a half-open \
            connection, with the opposite outcome.",
        source: "documented behaviour of firewalls that drop",
        steps: &[r#"{ call_fault = { method = "*", outcome = "black_hole", for = "20s" } }"#],
        sections: "",
        random: "calls = { black_hole = 0.01 }",
        noticed_by: &["L1", "L5"],
    },
];
