//! The output for programs. Fields are only ever added; `schema_version` grows
//! if one must change its meaning. Times are RFC 3339, or null for never.

use std::collections::BTreeMap;

use proto::coordinator as wire;
use serde::Serialize;

use crate::args::Name;
use crate::exit::{Exit, Failure};
use crate::moment::exact_date;

/// Of everything below.
const SCHEMA_VERSION: u32 = 1;

/// A document with its version.
#[derive(Serialize)]
struct Document<'a, T> {
    schema_version: u32,
    #[serde(flatten)]
    content: &'a T,
}

/// One document over several lines.
pub(crate) fn pretty<T: Serialize>(content: &T) -> Result<String, Failure> {
    written(serde_json::to_string_pretty(&document(content)))
}

/// One document in one line.
pub(crate) fn line<T: Serialize>(content: &T) -> Result<String, Failure> {
    written(serde_json::to_string(&document(content)))
}

fn document<T>(content: &T) -> Document<'_, T> {
    Document {
        schema_version: SCHEMA_VERSION,
        content,
    }
}

fn written(json: Result<String, serde_json::Error>) -> Result<String, Failure> {
    json.map(|mut json| {
        json.push('\n');
        json
    })
    .map_err(|error| Failure::new(Exit::Failed, format!("no JSON can be made of it: {error}")))
}

fn some(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

fn set(number: u64) -> Option<u64> {
    (number != 0).then_some(number)
}

#[derive(Serialize)]
pub(crate) struct IndexerList<'a> {
    pub indexers: Vec<Indexer<'a>>,
    pub has_more: bool,
    /// Set if the store could not be read: then who is shown goes by what was last known.
    pub recalled: Option<Recalled<'a>>,
}

/// Those that were named.
#[derive(Serialize)]
pub(crate) struct IndexersShown<'a> {
    pub indexers: Vec<Indexer<'a>>,
    pub has_more: bool,
}

/// One indexer.
#[derive(Serialize)]
pub(crate) struct Indexer<'a> {
    account: &'a str,
    function: &'a str,
    enabled: bool,
    hold: Option<Hold<'a>>,
    phase: Option<&'a str>,
    state: &'a str,
    state_since: Option<String>,
    explanation: &'a str,
    next_look: Option<String>,
    failure: Option<Problem<'a>>,
    wanted: Option<Wanted<'a>>,
    running_version: Option<u64>,
    start_height: Option<u64>,
    cursor: Option<u64>,
    queue_head: Option<u64>,
    stream: Option<Resource<'a>>,
    executor: Option<Resource<'a>>,
    provisioning_task: Option<&'a str>,
    provisioned: bool,
    panics: u32,
    unreadable: Option<&'a str>,
    recalled: Option<Recalled<'a>>,
}

/// Set if the store could not be read: it is what was last known.
#[derive(Serialize)]
pub(crate) struct Recalled<'a> {
    why: &'a str,
    /// Null if the record was never read.
    age_seconds: Option<u64>,
}

#[derive(Serialize)]
struct Hold<'a> {
    reason: &'a str,
    since: Option<String>,
    by: &'a str,
}

#[derive(Serialize)]
struct Problem<'a> {
    cause: &'a str,
    description: &'a str,
    detail: &'a str,
    attempts: u32,
    first: Option<String>,
    last: Option<String>,
    next: Option<String>,
    given_up: bool,
}

#[derive(Serialize)]
struct Wanted<'a> {
    kind: &'a str,
    version: Option<u64>,
    start_block: Option<&'a str>,
    rule: Option<&'a str>,
    deleted_at: Option<u64>,
}

#[derive(Serialize)]
struct Resource<'a> {
    seen: &'a str,
    id: Option<&'a str>,
    version: Option<u64>,
    health: Option<&'a str>,
}

impl<'a> Indexer<'a> {
    pub fn of(indexer: &'a wire::Indexer) -> Indexer<'a> {
        let name = indexer.name.as_ref();
        Indexer {
            account: name.map_or("", |name| &name.account_id),
            function: name.map_or("", |name| &name.function_name),
            enabled: indexer.enabled,
            hold: indexer.hold.as_ref().map(|hold| Hold {
                reason: &hold.reason,
                since: exact_date(hold.since_ms),
                by: &hold.by,
            }),
            phase: some(&indexer.phase),
            state: &indexer.state,
            state_since: exact_date(indexer.state_since_ms),
            explanation: &indexer.explanation,
            next_look: exact_date(indexer.next_look_ms),
            failure: indexer.failure.as_ref().map(Problem::of),
            wanted: indexer.wanted.as_ref().map(|wanted| Wanted {
                kind: &wanted.kind,
                version: set(wanted.version),
                start_block: some(&wanted.start_block),
                rule: some(&wanted.rule),
                deleted_at: set(wanted.deleted_at),
            }),
            running_version: set(indexer.running_version),
            start_height: indexer.start_height,
            cursor: indexer.cursor,
            queue_head: indexer.queue_head,
            stream: indexer.stream.as_ref().map(Resource::of),
            executor: indexer.executor.as_ref().map(Resource::of),
            provisioning_task: some(&indexer.provisioning_task),
            provisioned: indexer.provisioned,
            panics: indexer.panics,
            unreadable: some(&indexer.unreadable),
            recalled: indexer.recalled.as_ref().map(Recalled::of),
        }
    }
}

impl<'a> Recalled<'a> {
    pub fn of(recalled: &'a wire::Recalled) -> Recalled<'a> {
        Recalled {
            why: &recalled.why,
            age_seconds: recalled.age_seconds,
        }
    }
}

impl<'a> Problem<'a> {
    fn of(failure: &'a wire::Failure) -> Problem<'a> {
        Problem {
            cause: &failure.cause,
            description: &failure.description,
            detail: &failure.detail,
            attempts: failure.attempts,
            first: exact_date(failure.first_ms),
            last: exact_date(failure.last_ms),
            next: exact_date(failure.next_ms),
            given_up: failure.given_up,
        }
    }
}

impl<'a> Resource<'a> {
    fn of(resource: &'a wire::Resource) -> Resource<'a> {
        Resource {
            seen: &resource.seen,
            id: some(&resource.id),
            version: set(resource.version),
            health: some(&resource.health),
        }
    }
}

/// What a watch tells.
#[derive(Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(crate) enum Event<'a> {
    /// It is now like this.
    Indexer { indexer: Box<Indexer<'a>> },
    /// It is gone.
    Removed { account: &'a str, function: &'a str },
    /// What there was has been told; changes follow.
    Synced,
}

impl<'a> Event<'a> {
    pub fn removed(name: &'a Name) -> Event<'a> {
        Event::Removed {
            account: &name.account,
            function: &name.function,
        }
    }
}

/// What became of one change that was asked for.
#[derive(Serialize)]
pub(crate) struct Changed<'a> {
    pub account: &'a str,
    pub function: &'a str,
    pub command: &'static str,
    /// `done`, `failed`, `not_tried` or `dry_run`.
    pub result: &'static str,
    pub in_effect: Option<bool>,
    pub error: Option<&'a str>,
    pub indexer: Option<Indexer<'a>>,
}

#[derive(Serialize)]
pub(crate) struct Changes<'a> {
    pub changes: Vec<Changed<'a>>,
}

/// What came of waiting.
#[derive(Serialize)]
pub(crate) struct Waited<'a> {
    pub account: &'a str,
    pub function: &'a str,
    pub goal: String,
    pub reached: bool,
    pub indexer: Option<Indexer<'a>>,
}

#[derive(Serialize)]
pub(crate) struct WaitedList<'a> {
    pub waits: Vec<Waited<'a>>,
}

/// An indexer with what there is to say about it.
#[derive(Serialize)]
pub(crate) struct Explained<'a> {
    pub indexer: Indexer<'a>,
    pub r#where: &'a str,
    pub why: &'a [String],
    pub next: &'a str,
    pub operator: Vec<Advice<'a>>,
}

#[derive(Serialize)]
pub(crate) struct Advice<'a> {
    pub command: &'a str,
    pub effect: &'a str,
}

#[derive(Serialize)]
pub(crate) struct ExplainedList<'a> {
    pub explanations: Vec<Explained<'a>>,
}

#[derive(Serialize)]
pub(crate) struct Overview<'a> {
    version: &'a str,
    started: Option<String>,
    shadow: bool,
    phases: BTreeMap<&'a str, u64>,
    states: BTreeMap<&'a str, u64>,
    registered: u64,
    registry_height: Option<u64>,
    registry_answered: Option<String>,
    quarantined: Vec<SetAside<'a>>,
    unreadable: Vec<SetAside<'a>>,
    down: Vec<Down<'a>>,
    loaded: bool,
    panics: u64,
    suspicious_listings: u64,
    answers_dropped: u64,
    quarantined_count: u64,
    unreadable_count: u64,
    registry_problem: Option<&'a str>,
    store_problem: Option<&'a str>,
}

#[derive(Serialize)]
struct SetAside<'a> {
    name: &'a str,
    why: &'a str,
}

#[derive(Serialize)]
struct Down<'a> {
    service: &'a str,
    since: Option<String>,
}

impl<'a> Overview<'a> {
    pub fn of(whole: &'a wire::Overview) -> Overview<'a> {
        let aside = |it: &'a wire::Quarantined| SetAside {
            name: &it.name,
            why: &it.why,
        };
        let down = |it: &'a wire::ServiceDown| Down {
            service: &it.service,
            since: exact_date(it.since_ms),
        };
        Overview {
            version: &whole.version,
            started: exact_date(whole.started_ms),
            shadow: whole.shadow,
            phases: counts(&whole.phases),
            states: counts(&whole.states),
            registered: whole.registered,
            registry_height: set(whole.registry_height),
            registry_answered: exact_date(whole.registry_answered_ms),
            quarantined: whole.quarantined.iter().map(aside).collect(),
            unreadable: whole.unreadable.iter().map(aside).collect(),
            down: whole.down.iter().map(down).collect(),
            loaded: whole.loaded,
            panics: whole.panics,
            suspicious_listings: whole.suspicious_listings,
            answers_dropped: whole.answers_dropped,
            quarantined_count: whole.quarantined_count,
            unreadable_count: whole.unreadable_count,
            registry_problem: some(&whole.registry_problem),
            store_problem: some(&whole.store_problem),
        }
    }
}

/// An indexer without a record has no phase; JSON wants a word.
fn counts<'a>(pairs: impl IntoIterator<Item = (&'a String, &'a u64)>) -> BTreeMap<&'a str, u64> {
    let word = |word: &'a String| if word.is_empty() { "none" } else { word };
    pairs
        .into_iter()
        .map(|(key, number)| (word(key), *number))
        .collect()
}

#[derive(Serialize)]
pub(crate) struct ShadowReport<'a> {
    pub observed: u64,
    pub disagreements: u64,
    pub unknown: u64,
    pub planned_actions: u64,
    pub indexers: Vec<Shadow<'a>>,
}

/// One indexer in the shadow's eyes.
#[derive(Serialize)]
pub(crate) struct Shadow<'a> {
    account: &'a str,
    function: &'a str,
    phase: Option<&'a str>,
    shadow_phase: Option<&'a str>,
    would: &'a str,
    verdict: &'a str,
    since: Option<String>,
    unexpected: &'a [String],
}

impl<'a> Shadow<'a> {
    pub fn of(indexer: &'a wire::ShadowIndexer) -> Shadow<'a> {
        let name = indexer.name.as_ref();
        Shadow {
            account: name.map_or("", |name| &name.account_id),
            function: name.map_or("", |name| &name.function_name),
            phase: some(&indexer.phase),
            shadow_phase: some(&indexer.shadow_phase),
            would: &indexer.would,
            verdict: &indexer.verdict,
            since: exact_date(indexer.since_ms),
            unexpected: &indexer.unexpected,
        }
    }
}
