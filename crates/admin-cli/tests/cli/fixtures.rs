//! Indexers in various situations.

use proto::coordinator::*;

use crate::fake::World;
use crate::harness::NOW;

pub fn name(account: &str, function: &str) -> Option<IndexerName> {
    Some(IndexerName {
        account_id: account.to_owned(),
        function_name: function.to_owned(),
    })
}

/// An indexer that says nothing but where it is.
pub fn bare(account: &str, function: &str, phase: &str, state: &str) -> Indexer {
    Indexer {
        name: name(account, function),
        enabled: true,
        phase: phase.to_owned(),
        state: state.to_owned(),
        state_since_ms: NOW - 180_000,
        ..Indexer::default()
    }
}

fn resource(id: &str, health: &str) -> Option<Resource> {
    Some(Resource {
        seen: "Present".to_owned(),
        id: id.to_owned(),
        version: 120_000_000,
        health: health.to_owned(),
    })
}

fn wanted() -> Option<Wanted> {
    Some(Wanted {
        kind: "Present".to_owned(),
        version: 120_000_000,
        start_block: "LATEST".to_owned(),
        rule: "any action on social.near that succeeded".to_owned(),
        deleted_at: 0,
    })
}

/// All is well.
pub fn steady(account: &str, function: &str) -> Indexer {
    Indexer {
        explanation: "Everything is as wanted.".to_owned(),
        wanted: wanted(),
        running_version: 120_000_000,
        start_height: Some(120_000_000),
        cursor: Some(120_450_000),
        queue_head: Some(120_449_990),
        stream: resource("8a1f", "Fine"),
        executor: resource("c2d0", "Fine"),
        provisioned: true,
        ..bare(account, function, "Running", "Steady")
    }
}

/// Something failed and is tried again.
pub fn retrying(account: &str, function: &str) -> Indexer {
    Indexer {
        explanation: "The block stream could not be started; it is tried again soon.".to_owned(),
        next_look_ms: NOW + 40_000,
        failure: Some(Failure {
            cause: "StreamNotStarted".to_owned(),
            description: "the block stream could not be started".to_owned(),
            detail: "connection refused".to_owned(),
            attempts: 3,
            first_ms: NOW - 300_000,
            last_ms: NOW - 20_000,
            next_ms: NOW + 40_000,
            given_up: false,
        }),
        stream: Some(Resource {
            seen: "Absent".to_owned(),
            ..Resource::default()
        }),
        ..Indexer {
            phase: "Repairing".to_owned(),
            state: "Retry".to_owned(),
            ..steady(account, function)
        }
    }
}

pub fn gave_up(account: &str, function: &str) -> Indexer {
    let mut indexer = retrying(account, function);
    indexer.state = "GaveUp".to_owned();
    indexer.explanation = "The executor keeps failing on one block.".to_owned();
    let failure = indexer.failure.as_mut().unwrap();
    failure.cause = "ExecutorFailing".to_owned();
    failure.description = "the executor keeps failing on one block".to_owned();
    failure.detail = "TypeError: block is undefined".to_owned();
    failure.attempts = 8;
    failure.given_up = true;
    failure.next_ms = NOW + 6 * 3_600_000;
    indexer.next_look_ms = failure.next_ms;
    indexer
}

pub fn held(account: &str, function: &str) -> Indexer {
    Indexer {
        hold: Some(Hold {
            reason: "database migration".to_owned(),
            since_ms: NOW - 3_600_000,
            by: "ops".to_owned(),
        }),
        state: "Held".to_owned(),
        explanation: "Held by ops: database migration.".to_owned(),
        ..steady(account, function)
    }
}

pub fn suspended(account: &str, function: &str) -> Indexer {
    Indexer {
        enabled: false,
        explanation: "Disabled by an operator.".to_owned(),
        stream: None,
        executor: None,
        cursor: None,
        queue_head: None,
        phase: "Suspended".to_owned(),
        state: "Suspended".to_owned(),
        ..steady(account, function)
    }
}

/// One of each.
pub fn world() -> World {
    let mut world = World::with(vec![
        steady("alice.near", "feed"),
        retrying("alice.near", "stats"),
        gave_up("bob.near", "likes"),
        held("bob.near", "posts"),
        suspended("carol.near", "区块"),
        Indexer {
            unreadable: "the record is no JSON at line 1".to_owned(),
            panics: 2,
            ..bare("dave.near", "broken", "", "Trouble")
        },
    ]);
    world.overview = overview();
    world.shadow = shadow();
    world
}

fn overview() -> Overview {
    let counts = |pairs: &[(&str, u64)]| {
        let pairs = pairs.iter();
        pairs.map(|(word, n)| ((*word).to_owned(), *n)).collect()
    };
    let aside = |name: &str, why: &str| Quarantined {
        name: name.to_owned(),
        why: why.to_owned(),
    };
    Overview {
        version: "0.1.0".to_owned(),
        started_ms: NOW - 3 * 3_600_000,
        shadow: false,
        phases: counts(&[("Running", 3), ("Repairing", 2), ("", 1)]),
        states: counts(&[("Steady", 2), ("Retry", 1), ("GaveUp", 1)]),
        registered: 6,
        quarantined: (1..=12)
            .map(|n| aside(&format!("eve.near/bad{n}"), "the rule is no object"))
            .collect(),
        unreadable: vec![aside("dave.near/broken", "the record is no JSON at line 1")],
        registry_height: 120_450_001,
        registry_answered_ms: NOW - 2_000,
        down: vec![ServiceDown {
            service: "block streamer".to_owned(),
            since_ms: NOW - 200_000,
        }],
        loaded: true,
        panics: 1,
        suspicious_listings: 2,
        answers_dropped: 31,
        // More than are named.
        quarantined_count: 14,
        unreadable_count: 1,
        registry_problem: String::new(),
        store_problem: String::new(),
    }
}

fn shadow() -> ShadowReport {
    let indexer = |function: &str, verdict: &str, would: &str| ShadowIndexer {
        name: name("alice.near", function),
        phase: "Running".to_owned(),
        shadow_phase: "Repairing".to_owned(),
        would: would.to_owned(),
        verdict: verdict.to_owned(),
        since_ms: NOW - 65_000,
        unexpected: vec!["the stream was started twice".to_owned()],
    };
    ShadowReport {
        indexers: vec![
            indexer("feed", "Agrees", "nothing: everything is as wanted"),
            indexer("stats", "Disagrees", "restart the stream"),
        ],
        next_page_token: String::new(),
        observed: 2,
        disagreements: 1,
        unknown: 0,
        planned_actions: 7,
    }
}
