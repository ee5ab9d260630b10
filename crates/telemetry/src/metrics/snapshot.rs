//! What is asked for at each scrape instead of being counted.

use std::collections::BTreeMap;
use std::sync::Arc;

use coordinator::admin::Overview;
use coordinator::{Clock, Coordinator, LoopStatus};
use lifecycle::{Phase, Service, Timestamp};

/// The phase of those without a record, in labels.
pub const NO_PHASE: &str = "None";

/// What a control loop may do or wait for (see [`LoopStatus::state`]).
pub const STATES: [&str; 19] = [
    "AccountBusy",
    "ExecutorStarting",
    "GaveUp",
    "Held",
    "NotInRegistry",
    "Observing",
    "Provisioning",
    "ProvisioningFull",
    "ProvisioningUncertain",
    "RegistryUnknown",
    "Retry",
    "ServiceDown",
    "StaleRegistry",
    "StartBudget",
    "Steady",
    "Suspended",
    "Trouble",
    "Unseen",
    "Working",
];

/// States in which an indexer may stay for ever, or that have an alert of their
/// own.
const SETTLED: [&str; 6] = [
    "GaveUp",
    "Held",
    "NotInRegistry",
    "Observing",
    "Steady",
    "Suspended",
];

/// Whoever knows how the coordinator is doing. Asked at each scrape.
pub trait Source: Send + Sync {
    /// How it is doing now. Quick, and without I/O.
    fn snapshot(&self) -> Snapshot;
}

/// How the coordinator is doing at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Snapshot {
    /// Indexers by the phase of their record; [`NO_PHASE`] for those without one.
    pub phases: BTreeMap<&'static str, u64>,
    /// Control loops by what they do or wait for (see [`LoopStatus::state`]).
    pub states: BTreeMap<&'static str, u64>,
    /// Indexers in the last listing of the registry.
    pub registered: u64,
    /// Entries of that listing which make no sense.
    pub quarantined: u64,
    /// Records that cannot be read.
    pub unreadable_records: u64,
    /// By how many blocks all answers of the registry are too old.
    pub registry_behind_blocks: u64,
    /// The highest block height of the registry's answers.
    pub registry_height: u64,
    /// Time since the last usable listing, in seconds; `None` before the first.
    pub registry_answer_age_seconds: Option<f64>,
    /// Answers dropped because they were older than what was known.
    pub answers_dropped_older_total: u64,
    /// Listings that lacked suspiciously much.
    pub suspicious_listings_total: u64,
    /// Panics of control loops.
    pub panics_total: u64,
    /// Whether each service answers nobody, by name.
    pub services_down: BTreeMap<&'static str, bool>,
    /// Indexers that operators asked to leave alone.
    pub held: u64,
    /// The longest time in one state that is not where it should end, in seconds.
    pub unsettled_longest_seconds: f64,
    /// The coordinator only observes.
    pub shadow: bool,
}

impl Snapshot {
    /// What is known of the coordinator at `now`.
    pub fn of(overview: &Overview, statuses: &[LoopStatus], now: Timestamp) -> Snapshot {
        let mut phases: BTreeMap<&'static str, u64> =
            Phase::ALL.iter().map(|phase| (phase.name(), 0)).collect();
        phases.insert(NO_PHASE, 0);
        for (phase, number) in &overview.phases {
            *phases.entry(phase.unwrap_or(NO_PHASE)).or_default() += number;
        }
        let mut states: BTreeMap<&'static str, u64> =
            STATES.iter().map(|state| (*state, 0)).collect();
        for (state, number) in &overview.states {
            *states.entry(state).or_default() += number;
        }
        let held = states.get("Held").copied().unwrap_or(0);
        let unsettled = statuses
            .iter()
            .filter(|status| !SETTLED.contains(&status.state()))
            .map(|status| now.since(status.since));
        let services_down = SERVICES
            .iter()
            .map(|(service, name)| (*name, overview.down.contains_key(service)))
            .collect();
        Snapshot {
            phases,
            states,
            registered: number(overview.registered),
            quarantined: number(overview.quarantined_count),
            unreadable_records: number(overview.unreadable_count),
            registry_behind_blocks: overview.registry_behind_blocks,
            registry_height: overview.registry_height,
            registry_answer_age_seconds: overview
                .registry_answered
                .map(|answered| now.since(answered).as_secs_f64()),
            answers_dropped_older_total: overview.answers_dropped,
            suspicious_listings_total: overview.suspicious_listings,
            panics_total: overview.panics,
            services_down,
            held,
            unsettled_longest_seconds: unsettled.max().unwrap_or_default().as_secs_f64(),
            shadow: overview.shadow,
        }
    }
}

/// The services whose silence the coordinator notices as a whole, by the names
/// that the metrics of calls give them.
const SERVICES: [(Service, &str); 4] = [
    (Service::BlockStreamer, "block_streamer"),
    (Service::Executors, "executors"),
    (Service::Provisioner, "provisioner"),
    (Service::Store, "store"),
];

fn number(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

/// A running coordinator as a source.
pub struct CoordinatorSource {
    coordinator: Arc<Coordinator>,
    clock: Arc<dyn Clock>,
}

impl CoordinatorSource {
    /// `clock` is the one that the coordinator got.
    pub fn new(coordinator: Arc<Coordinator>, clock: Arc<dyn Clock>) -> CoordinatorSource {
        CoordinatorSource { coordinator, clock }
    }
}

impl Source for CoordinatorSource {
    fn snapshot(&self) -> Snapshot {
        Snapshot::of(
            &self.coordinator.admin().overview(),
            &self.coordinator.statuses(),
            self.clock.now(),
        )
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use lifecycle::{Cause, IndexerId, Reason, Wait};

    use super::*;

    fn status(name: &str, reason: Option<Reason>, since: u64) -> LoopStatus {
        LoopStatus {
            id: IndexerId::parse(name).unwrap(),
            phase: Some(Phase::Running),
            waiting: reason.map(|reason| Wait {
                until: None,
                reason,
            }),
            since: Timestamp(since),
            trouble: None,
            retry_at: None,
            doing: None,
            panics: 0,
        }
    }

    #[test]
    fn the_states_are_those_of_the_loops() {
        let (cause, detail) = (Cause::StreamUnhealthy, String::new());
        let id = IndexerId::parse("a.near/f").unwrap();
        let since = Timestamp(0);
        let service = Service::Store;
        let reasons = [
            Reason::Steady,
            Reason::Suspended,
            Reason::Held {
                by: String::new(),
                why: String::new(),
            },
            Reason::Observing {
                would: String::new(),
            },
            Reason::RegistryUnknown,
            Reason::NotInRegistry,
            Reason::StaleRegistry {
                running: 2,
                answered: 1,
            },
            Reason::ServiceDown { service, since },
            Reason::Unseen(service),
            Reason::Provisioning { since },
            Reason::ProvisioningUncertain { since },
            Reason::AccountBusy { by: id },
            Reason::ProvisioningFull,
            Reason::StartBudget,
            Reason::ExecutorStarting,
            Reason::Retry {
                cause,
                attempts: 1,
                detail: detail.clone(),
            },
            Reason::GaveUp {
                cause,
                attempts: 8,
                detail,
            },
        ];
        let trouble = LoopStatus {
            trouble: Some(String::new()),
            ..status("a.near/f", None, 0)
        };
        let mut names: Vec<&str> = reasons
            .into_iter()
            .map(|reason| status("a.near/f", Some(reason), 0).state())
            .chain([status("a.near/f", None, 0).state(), trouble.state()])
            .collect();
        names.sort_unstable();
        assert_eq!(names, STATES);
        assert!(SETTLED.iter().all(|state| STATES.contains(state)));
    }

    #[test]
    fn only_what_should_move_on_is_unsettled() {
        let statuses = [
            status("a.near/steady", Some(Reason::Steady), 0),
            status("a.near/starting", Some(Reason::ExecutorStarting), 70_000),
            status("a.near/working", None, 90_000),
        ];
        let now = Timestamp(100_000);
        let snapshot = Snapshot::of(&Overview::default(), &statuses, now);
        assert_eq!(snapshot.unsettled_longest_seconds, 30.0);
        let quiet = Snapshot::of(&Overview::default(), &statuses[..1], now);
        assert_eq!(quiet.unsettled_longest_seconds, 0.0);
    }

    #[test]
    fn every_phase_and_service_is_there_from_the_start() {
        let overview = Overview {
            phases: BTreeMap::from([(None, 2), (Some("Running"), 3)]),
            states: BTreeMap::from([("Held", 4), ("Provisioning", 1)]),
            down: BTreeMap::from([(Service::Store, Timestamp(5))]),
            registry_answered: Some(Timestamp(1_000)),
            registry_problem: None,
            store_problem: None,
            registered: 7,
            ..Overview::default()
        };
        let now = Timestamp(1_000) + Duration::from_millis(2_500);
        let snapshot = Snapshot::of(&overview, &[], now);
        assert_eq!(snapshot.phases.len(), Phase::ALL.len() + 1);
        assert_eq!(
            (snapshot.phases["None"], snapshot.phases["Running"]),
            (2, 3)
        );
        assert_eq!(
            (snapshot.states["Steady"], snapshot.states["Provisioning"]),
            (0, 1)
        );
        assert_eq!(snapshot.held, 4);
        assert_eq!(snapshot.registered, 7);
        assert_eq!(snapshot.registry_answer_age_seconds, Some(2.5));
        let down: Vec<_> = snapshot.services_down.into_iter().collect();
        assert_eq!(
            down,
            [
                ("block_streamer", false),
                ("executors", false),
                ("provisioner", false),
                ("store", true)
            ]
        );
    }
}
