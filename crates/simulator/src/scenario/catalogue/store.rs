//! The store.

use super::{FaultFamily, Group};

pub(super) const FAMILIES: &[FaultFamily] = &[
    FaultFamily {
        name: "conflict",
        group: Group::Store,
        summary: "a compare-and-set loses a race that never was",
        story: "Somebody else wrote the record: an operator's tool, or another coordinator. The \
            loser must read again before it does anything.",
        source: "the price of optimistic locking; operators edit records by hand",
        steps: &[r#"{ store_fault = { kind = "conflict", times = 5 } }"#],
        sections: "",
        random: "store_calls = { conflict = 0.05 }",
        noticed_by: &["S8", "S9", "L1"],
    },
    FaultFamily {
        name: "store_error_before",
        group: Group::Store,
        summary: "a command to the store fails and has done nothing",
        story: "A connection that was closed before the command went out. Nothing is known of \
            the record; whoever goes on with an effect acts without having committed it.",
        source: "documented behaviour of Redis clients that reconnect",
        steps: &[r#"{ store_fault = { kind = "error_before", for = "20s" } }"#],
        sections: "",
        random: "store_calls = { error_before = 0.05 }",
        noticed_by: &["S8", "P6", "L1"],
    },
    FaultFamily {
        name: "store_error_after",
        group: Group::Store,
        summary: "a command to the store is done and fails all the same",
        story: "The write may have happened. Who repeats it blindly loses what others wrote in \
            between, and who takes it for undone sees a conflict with himself.",
        source: "documented behaviour of Redis clients whose connection breaks mid-command",
        steps: &[r#"{ store_fault = { kind = "error_after", times = 5 } }"#],
        sections: "",
        random: "store_calls = { error_after = 0.05 }",
        noticed_by: &["S8", "S9", "S17"],
    },
    FaultFamily {
        name: "read_only",
        group: Group::Store,
        summary: "the store refuses writes, as a replica does",
        story: "After a failover a client may talk to a replica. Reads go on, so everything \
            looks well; no record can be committed, so nothing may be begun. What runs goes on.",
        source: "documented behaviour of Redis: READONLY",
        steps: &[r#"{ store_fault = { kind = "read_only", for = "1m" } }"#],
        sections: "",
        random: "",
        noticed_by: &["S8", "P6", "L1"],
    },
    FaultFamily {
        name: "out_of_memory",
        group: Group::Store,
        summary: "the store refuses writes that need memory",
        story: "Queues fill the database while workers fail. Records cannot be written either, \
            deletions still can.",
        source: "documented behaviour of Redis: OOM with maxmemory",
        steps: &[r#"{ store_fault = { kind = "oom", for = "1m" } }"#],
        sections: "[store]\nmax_memory = 1_000_000",
        random: "",
        noticed_by: &["S8", "L1"],
    },
    FaultFamily {
        name: "lose_tail",
        group: Group::Store,
        summary: "a crash of the store loses its last seconds of writes",
        story: "What was acknowledged is not there any more: records go back to an older state, \
            cursors and queues too, while streams and executors run on.",
        source: "documented behaviour of Redis: `save 60 1` loses up to a minute",
        steps: &[r#"{ store_fault = { kind = "lose_tail", window = "5s" } }"#],
        sections: "",
        random: "",
        noticed_by: &["P1", "S11", "L1", "S17"],
    },
    FaultFamily {
        name: "failover",
        group: Group::Store,
        summary: "a replica takes over that lacks the last seconds of writes",
        story: "Replication is asynchronous. The coordinator meets records that are older than \
            what it has done since: a run that it has replaced, a deletion that it has finished.",
        source: "documented behaviour of Redis replication; the original's store was such a pair",
        steps: &[r#"{ store_fault = { kind = "failover", window = "8s" } }"#],
        sections: "",
        random: "",
        noticed_by: &["P1", "S4", "S11", "L1"],
    },
    FaultFamily {
        name: "empty_store",
        group: Group::Store,
        summary: "the store restarts with nothing",
        story: "No record, no cursor, no queue, while everything runs. What runs must not be \
            torn down for it, and operators' switches are gone.",
        source: "documented behaviour of Redis without persistence",
        steps: &[r#"{ store_fault = { kind = "empty" } }"#],
        sections: "",
        random: "",
        noticed_by: &["L1", "S7", "S12"],
    },
    FaultFamily {
        name: "corrupt_record",
        group: Group::Store,
        summary: "an indexer's record cannot be read any more, or is in an older format",
        story: "A half-written value, a hand edit, the format of an earlier release. One record \
            that cannot be read must concern one indexer only, and must not be overwritten.",
        source: "observed at the original: one unreadable record ended it at every start (14)",
        steps: &[
            r#"{ corrupt_record = { indexer = "alice.near/feed", value = "garbage" } }"#,
            r#"{ set_record = { indexer = "bob.near/feed", value = '{"enabled":true}' } }"#,
        ],
        sections: "",
        random: "",
        noticed_by: &["S16", "S10", "S14", "L1"],
    },
];
