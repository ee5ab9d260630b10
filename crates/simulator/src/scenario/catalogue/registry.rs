//! The registry.

use super::{FaultFamily, Group};

pub(super) const FAMILIES: &[FaultFamily] = &[
    FaultFamily {
        name: "registry_null",
        group: Group::Registry,
        summary: "a read of one indexer is answered with a successful null",
        story: "An RPC node that has not caught up, or has lost its state, finds nothing and \
            says so without an error. That is no proof of a deletion.",
        source: "observed in production: live indexers were torn down for it (defect 11)",
        steps: &[r#"{ registry_fault = { kind = "null", times = 3 } }"#],
        sections: "",
        random: "registry_calls = { null = 0.05 }",
        noticed_by: &["S7", "S6", "L1"],
    },
    FaultFamily {
        name: "registry_error",
        group: Group::Registry,
        summary: "the RPC node answers with an error",
        story: "What is wanted is known from before. While the registry is silent, what breaks \
            must be repaired all the same.",
        source: "observed at the original: nothing was repaired meanwhile (defect 12)",
        steps: &[r#"{ registry_fault = { kind = "error", for = "2m" } }"#],
        sections: "",
        random: "registry_calls = { error = 0.05 }",
        noticed_by: &["P6", "L1", "L5"],
    },
    FaultFamily {
        name: "rate_limited",
        group: Group::Registry,
        summary: "the RPC node answers with status 429",
        story: "Public nodes count requests. Who asks once per indexer and second is shut out \
            when there are many indexers.",
        source: "documented behaviour of public RPC nodes",
        steps: &[r#"{ registry_fault = { kind = "rate_limited", for = "2m" } }"#],
        sections: "",
        random: "registry_calls = { rate_limited = 0.05 }",
        noticed_by: &["P6", "L1", "L8"],
    },
    FaultFamily {
        name: "registry_stale",
        group: Group::Registry,
        summary: "the registry answers with what was true some time ago",
        story: "RPC nodes behind a balancer are not equally far. An older answer looks like an \
            update to an older version, and like a registration of what was deleted; only its \
            block height tells.",
        source: "observed in production: consecutive final reads go back (defect 10)",
        steps: &[r#"{ registry_fault = { kind = "stale", lag = "1m", for = "30s" } }"#],
        sections: "[registry]\nreplicas = 5\nlag = \"10s\"",
        random: "registry_calls = { stale = 0.05, lag = \"30s\" }",
        noticed_by: &["S5", "S4", "S6"],
    },
    FaultFamily {
        name: "undecodable",
        group: Group::Registry,
        summary: "one entry of the listing cannot be decoded",
        story: "The contract was upgraded, and somebody registered something of a new kind. One \
            bad entry must hide no good one, and is itself no deletion.",
        source: "observed at the original: one bad entry stopped discovery for all (defect 14)",
        steps: &[r#"{ registry_fault = { kind = "undecodable", indexer = "alice.near/feed" } }"#],
        sections: "",
        random: "registry_calls = { undecodable = 0.05 }",
        noticed_by: &["S7", "S10", "S16", "L1"],
    },
    FaultFamily {
        name: "gas_limit",
        group: Group::Registry,
        summary: "the contract runs out of gas while it lists",
        story: "The listing holds all code and all schemas. Beyond a certain size it does not \
            get slower, it fails, and goes on failing; single reads still work.",
        source: "reported for the contract: HostError(GasLimitExceeded)",
        steps: &[r#"{ registry_fault = { kind = "gas_limit", for = "2m" } }"#],
        sections: "",
        random: "registry_calls = { gas_limit = 0.05 }",
        noticed_by: &["P6", "L1"],
    },
    FaultFamily {
        name: "empty_listing",
        group: Group::Registry,
        summary: "the registry answers with an empty listing",
        story: "A node that has just been reset answers that nobody is registered. Who takes \
            absence for deletion tears everything down at once.",
        source: "documented behaviour of nodes that synchronise anew",
        steps: &[r#"{ registry_fault = { kind = "empty", for = "30s" } }"#],
        sections: "",
        random: "registry_calls = { empty = 0.05 }",
        noticed_by: &["S7", "S6"],
    },
    FaultFamily {
        name: "missing_entries",
        group: Group::Registry,
        summary: "entries are missing in the listing",
        story: "Half a listing looks like many deletions at the same time.",
        source: "observed at the original: absence was not told from deletion",
        steps: &[r#"{ registry_fault = { kind = "drop_entries", for = "30s" } }"#],
        sections: "",
        random: "registry_calls = { drop_entries = 0.05 }",
        noticed_by: &["S7", "S6"],
    },
];
