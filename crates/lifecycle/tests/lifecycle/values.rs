//! The small values: names, hashes, times, pauses.

use std::collections::BTreeSet;
use std::time::Duration;

use lifecycle::{
    Action, Backoff, Cause, ContentHash, IndexerId, Phase, Reason, Run, Service, TRANSITIONS,
    Timestamp, jitter, may_follow,
};

use crate::support::*;

#[test]
fn a_name_is_told_apart_into_its_parts() {
    let name = IndexerId::new("alice.near", "feed").unwrap();
    assert_eq!(name.account(), "alice.near");
    assert_eq!(name.function(), "feed");
    assert_eq!(name.as_str(), "alice.near/feed");
    assert_eq!(name.to_string(), "alice.near/feed");
    assert_eq!(format!("{name:?}"), "alice.near/feed");
}

#[test]
fn a_name_ends_its_account_at_the_first_slash() {
    let name = IndexerId::parse("alice.near/a/b").unwrap();
    assert_eq!((name.account(), name.function()), ("alice.near", "a/b"));
    assert_eq!(name, IndexerId::new("alice.near", "a/b").unwrap());
    let nameless = IndexerId::parse("alice.near/").unwrap();
    assert_eq!(
        (nameless.account(), nameless.function()),
        ("alice.near", "")
    );
}

#[test]
fn what_names_no_indexer_is_refused_in_full() {
    for text in ["", "alice.near", "/feed", "/"] {
        let refusal = IndexerId::parse(text).unwrap_err();
        assert_eq!(refusal.0, text);
        assert_eq!(
            refusal.to_string(),
            format!("`{text}` does not name an indexer: expected `account/function`")
        );
    }
    assert_eq!(IndexerId::new("a/b", "f").unwrap_err().0, "a/b/f");
}

#[test]
fn a_content_hash_is_shown_with_all_its_digits() {
    let shown = ContentHash(0xab).to_string();
    assert_eq!(shown, "000000000000000000000000000000ab");
    assert_eq!(ContentHash(u128::MAX).to_string(), "f".repeat(32));
}

#[test]
fn times_add_up_without_running_over() {
    assert_eq!(NOW + secs(3), Timestamp(NOW.0 + 3_000));
    assert_eq!((NOW + secs(3)).since(NOW), secs(3));
    assert_eq!(NOW.since(NOW + secs(3)), Duration::ZERO);
    assert_eq!(Timestamp(u64::MAX) + secs(1), Timestamp(u64::MAX));
    assert_eq!(NOW + Duration::MAX, Timestamp(u64::MAX));
}

fn indexers() -> impl Iterator<Item = IndexerId> {
    (0..200).map(|n| IndexerId::new("a.near", &n.to_string()).unwrap())
}

#[test]
fn jitter_is_spread_over_its_whole_span() {
    let span = secs(1000);
    let draws: BTreeSet<Duration> = indexers().map(|it| jitter(&it, 1, span)).collect();
    assert!(draws.len() > 150, "only {} different ones", draws.len());
    assert!(draws.first().is_some_and(|least| *least < span / 20));
    assert!(
        draws
            .last()
            .is_some_and(|most| *most > span / 20 * 19 && *most <= span)
    );
    let others: BTreeSet<Duration> = (1..100).map(|salt| jitter(&id(), salt, span)).collect();
    assert!(others.len() > 80, "only {} different ones", others.len());
}

#[test]
fn jitter_depends_on_nothing_but_its_input() {
    assert_eq!(jitter(&id(), 7, secs(100)), jitter(&id(), 7, secs(100)));
    assert_eq!(jitter(&id(), 7, Duration::ZERO), Duration::ZERO);
}

#[test]
fn those_that_fail_together_do_not_retry_together() {
    let pauses = Backoff {
        first: secs(100),
        cap: secs(300),
    };
    for (attempts, nominal) in [(0, 100), (1, 100), (2, 200), (3, 300), (u32::MAX, 300)] {
        let delays: BTreeSet<Duration> = indexers().map(|it| pauses.delay(&it, attempts)).collect();
        assert!(delays.len() > 150, "only {} different ones", delays.len());
        let (least, most) = (delays.first().unwrap(), delays.last().unwrap());
        assert!(*least >= secs(nominal) / 2 && *least < secs(nominal) / 9 * 5);
        assert!(*most <= secs(nominal) && *most > secs(nominal) / 9 * 8);
    }
}

#[test]
fn a_phase_follows_only_where_the_table_says_so() {
    for from in Phase::ALL {
        assert!(may_follow(from, from), "{from} may stay");
        for to in Phase::ALL {
            let listed = TRANSITIONS.contains(&(from, to));
            assert_eq!(may_follow(from, to), listed || from == to, "{from} -> {to}");
        }
    }
    assert!(!may_follow(Phase::Deleted, Phase::Running));
    assert!(!may_follow(Phase::Running, Phase::Suspended));
}

/// Each reason with the word for programs and the sentence for people.
#[track_caller]
fn told(reasons: &[(Reason, &str, &str)]) {
    for (reason, word, sentence) in reasons {
        assert_eq!(reason.name(), *word);
        assert_eq!(reason.to_string(), *sentence);
    }
}

#[test]
fn reasons_of_users_and_operators_are_told() {
    told(&[
        (Reason::Steady, "Steady", "everything is as wanted"),
        (Reason::Suspended, "Suspended", "disabled by an operator"),
        (
            Reason::Held {
                by: "olga".to_owned(),
                why: "a test".to_owned(),
            },
            "Held",
            "held by olga: a test",
        ),
        (
            Reason::Observing {
                would: "stop stream S".to_owned(),
            },
            "Observing",
            "only observing; would stop stream S",
        ),
        (
            Reason::RegistryUnknown,
            "RegistryUnknown",
            "the registry has not answered yet",
        ),
        (
            Reason::NotInRegistry,
            "NotInRegistry",
            "the registry neither lists nor deleted it",
        ),
        (
            Reason::StaleRegistry {
                running: 9,
                answered: 8,
            },
            "StaleRegistry",
            "the registry answered version 8, older than 9 which is known already",
        ),
    ]);
}

#[test]
fn reasons_of_services_are_told() {
    let since = NOW;
    let (cause, attempts, detail) = (Cause::StreamNotStarted, 3, "refused".to_owned());
    told(&[
        (
            Reason::ServiceDown {
                service: Service::Registry,
                since,
            },
            "ServiceDown",
            "the registry does not answer",
        ),
        (
            Reason::Unseen(Service::Store),
            "Unseen",
            "the store could not be asked",
        ),
        (
            Reason::Provisioning { since },
            "Provisioning",
            "the data layer is being created",
        ),
        (
            Reason::ProvisioningUncertain { since },
            "ProvisioningUncertain",
            "it is not known whether provisioning started; giving it time to end",
        ),
        (
            Reason::AccountBusy { by: id() },
            "AccountBusy",
            "a.near/f, of the same account or database, is provisioned first",
        ),
        (
            Reason::ProvisioningFull,
            "ProvisioningFull",
            "too many provisioning tasks are in flight",
        ),
        (
            Reason::StartBudget,
            "StartBudget",
            "starts are spread over time",
        ),
        (
            Reason::ExecutorStarting,
            "ExecutorStarting",
            "the executor is still starting; it is stopped when that is over",
        ),
        (
            Reason::Retry {
                cause,
                attempts,
                detail: detail.clone(),
            },
            "Retry",
            "the block stream could not be started (attempt 3): refused",
        ),
        (
            Reason::GaveUp {
                cause,
                attempts,
                detail,
            },
            "GaveUp",
            "the block stream could not be started, 3 times; \
             waiting for an update or an operator: refused",
        ),
    ]);
}

#[test]
fn what_is_followed_by_a_start_is_not_stopped_before_that_can_be_written_down() {
    let stops = [
        Action::StopStream("s".to_owned()),
        Action::StopExecutor("e".to_owned()),
    ];
    for phase in Phase::ALL {
        for prepared in [true, false] {
            let run = Run {
                prepared,
                ..run(&latest(5), 120)
            };
            let world = in_phase(phase).has_run(run);
            let record = world.seen.record.unwrap();
            let goes_on = matches!(phase, Phase::Running | Phase::Repairing) && prepared;
            for stop in &stops {
                assert_eq!(stop.ends_unannounced(&record), goes_on, "{phase}");
            }
            assert!(!Action::ClearData.ends_unannounced(&record));
            let start = Action::StartExecutor(latest(5));
            assert!(!start.ends_unannounced(&record));
        }
    }
}
