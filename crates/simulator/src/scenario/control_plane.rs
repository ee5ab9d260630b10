//! Steps about what the coordinator goes by: listings, quotas, records, other
//! coordinators, and changes that come too fast to be seen.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use sim_node::human_duration;

use super::values::{Selector, optional_duration};

/// Which listing of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Listing {
    /// The block streamer's.
    Streams,
    /// The executor service's.
    Executors,
}

/// What a successful listing is instead of the truth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ListFaultKind {
    /// Entries are missing.
    Partial,
    /// The entries come in another order than usual.
    Shuffled,
    /// It has no entry.
    Empty,
}

/// What the services list. With neither `times` nor `for` it is the next listing;
/// with both, whichever ends first.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListFault {
    /// Which listing.
    pub list: Listing,
    /// What it is like.
    pub kind: ListFaultKind,
    /// How many listings.
    pub times: Option<u64>,
    /// How long.
    #[serde(default, with = "optional_duration")]
    pub r#for: Option<Duration>,
    /// Of `partial`: the probability of each entry to be missing; 0.5 if not given.
    pub share: Option<f64>,
    /// Of `partial`: the entry that is missing, instead of a share of all.
    pub indexer: Option<Selector>,
    /// The probability that a listing is affected; 1 if not given.
    #[serde(default = "certain")]
    pub probability: f64,
}

/// What a service can have too many of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Resource {
    /// Streams that the block streamer lists.
    Streams,
    /// Executors that the executor service lists.
    Executors,
    /// Data layer tasks that run.
    Tasks,
}

impl Resource {
    /// All of them, in a fixed order.
    pub const ALL: [Resource; 3] = [Resource::Streams, Resource::Executors, Resource::Tasks];
}

/// A quota: while a service has so many of something, it answers every start of
/// another with RESOURCE_EXHAUSTED. What runs already goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quota {
    /// What is limited.
    pub of: Resource,
    /// How many there may be; 0 refuses every start.
    pub limit: u64,
    /// How long; until the faults of the run end if not given.
    #[serde(default, with = "optional_duration")]
    pub r#for: Option<Duration>,
}

/// What changes and changes back before anybody can have looked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum HiddenKind {
    /// It is disabled and enabled.
    Switch,
    /// It is deleted and registered again.
    Life,
    /// It is updated, and updated back to what it was.
    Content,
}

impl HiddenKind {
    /// All of them, in a fixed order.
    pub const ALL: [HiddenKind; 3] = [HiddenKind::Switch, HiddenKind::Life, HiddenKind::Content];
}

/// A change and its contrary in quick succession.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HiddenChange {
    /// Of whom.
    pub indexer: Selector,
    /// Of what.
    pub kind: HiddenKind,
    /// How much later the contrary comes; at once if not given.
    #[serde(default, with = "human_duration")]
    pub gap: Duration,
}

/// Many updates of one indexer within a short time, at random moments.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Churn {
    /// Whose configuration.
    pub indexer: Selector,
    /// How many updates; 10 if not given.
    #[serde(default = "ten")]
    pub times: u64,
    /// Within which time; 3 s if not given.
    #[serde(default = "three_seconds", with = "human_duration")]
    pub within: Duration,
}

/// A second coordinator is started while the first one is not dead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecondCoordinator {
    /// How long the first one is frozen from the moment the second starts, before
    /// it goes on as if nothing had happened; not at all if not given.
    #[serde(default, with = "human_duration")]
    pub frozen: Duration,
    /// How long the first one lives on after that; through healing and silence to
    /// the end of the run if not given. A frozen one thaws when the run heals.
    #[serde(default, with = "optional_duration")]
    pub lives_on: Option<Duration>,
}

/// How another program leaves the records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordFormat {
    /// The original's last release: five fields, nothing of ours.
    Original,
    /// The same, by an original that died before it noted that the stream was started.
    Unacknowledged,
    /// The same, where it had noted the start of an older version.
    Overtaken,
    /// Before that: suspending and suspended were called stopping and stopped.
    Stopping,
    /// With a provisioning state, that may name a task, in place of the lifecycle.
    ProvisionedState,
    /// With the indexer's name and the switch only.
    Named,
    /// With the switch only.
    Enabled,
    /// With the version of the stream only.
    Synced,
    /// No record, but a key with the version of the stream.
    VersionKey,
    /// An earlier release of this coordinator: some fields do not exist yet.
    Earlier,
    /// A later release of this coordinator: there are fields that nobody knows.
    Later,
}

impl RecordFormat {
    /// All of them, from the newest to the oldest of each program.
    pub const ALL: [RecordFormat; 11] = [
        RecordFormat::Original,
        RecordFormat::Unacknowledged,
        RecordFormat::Overtaken,
        RecordFormat::Stopping,
        RecordFormat::ProvisionedState,
        RecordFormat::Named,
        RecordFormat::Enabled,
        RecordFormat::Synced,
        RecordFormat::VersionKey,
        RecordFormat::Earlier,
        RecordFormat::Later,
    ];
}

/// The coordinator is replaced by another program, which leaves the records as it
/// writes them, and then comes back.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Downgrade {
    /// What the records look like afterwards. Whatever a format cannot say is lost;
    /// records of indexers that are not running stay as the original would write
    /// them where a format knows running ones only.
    pub format: RecordFormat,
    /// Whose records; those of all if not given.
    #[serde(default = "everybody")]
    pub indexer: Selector,
    /// How long the coordinator is away; 10 s if not given.
    #[serde(default = "ten_seconds", with = "human_duration")]
    pub down: Duration,
}

/// What a service does with every request of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Defect {
    /// Every start of an executor fails after it was acknowledged.
    StartsFail,
    /// Every start of an executor is acknowledged and never comes to an end.
    StartsHang,
    /// Every start of an executor is refused.
    StartsRefused,
    /// Every data layer task that begins never ends.
    TasksHang,
}

/// A service that is broken for some time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Defective {
    /// What it does.
    pub defect: Defect,
    /// How long; until the faults of the run end if not given.
    #[serde(default, with = "optional_duration")]
    pub r#for: Option<Duration>,
}

/// Random faults of listings: probabilities per listing, together at most 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ListRates {
    /// See [`ListFaultKind::Partial`]; half of the entries are missing.
    pub partial: f64,
    /// See [`ListFaultKind::Shuffled`].
    pub shuffled: f64,
    /// See [`ListFaultKind::Empty`].
    pub empty: f64,
}

/// Random events per minute that concern what the coordinator goes by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ControlRates {
    /// A quota, of a random resource and limit, for as long as a crashed node is down.
    pub quota: f64,
    /// A second coordinator, beside a first one that is frozen for as long as a
    /// crashed node is down, or not at all, and ends as long after that.
    pub second_coordinator: f64,
    /// A downgrade to a random format.
    pub downgrade: f64,
}

fn certain() -> f64 {
    1.0
}

fn ten() -> u64 {
    10
}

fn three_seconds() -> Duration {
    Duration::from_secs(3)
}

fn ten_seconds() -> Duration {
    Duration::from_secs(10)
}

fn everybody() -> Selector {
    Selector::All
}
