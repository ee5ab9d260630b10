//! What the coordinator knows, as messages.

use coordinator::admin::{IndexerReport, Overview, Recalled};
use coordinator::shadow::ShadowEntry;
use lifecycle::{
    ActionStatus, Desired, Executor, ExecutorState, IndexerId, Progress, Reason, Record, Repair,
    Rule, Seen, Spec, StartBlock, Stream, StreamHealth, Timestamp,
};
use proto::coordinator as pb;

use crate::server::About;
use crate::text::clipped;

/// The most bytes of a sentence that is not ours alone.
const TEXT_MAX: usize = 4096;
/// The most bytes of an id that a service made up.
const ID_MAX: usize = 256;

/// Which indexer.
pub(crate) fn name(id: &IndexerId) -> pb::IndexerName {
    pb::IndexerName {
        account_id: id.account().to_owned(),
        function_name: id.function().to_owned(),
    }
}

/// A number of things.
pub(crate) fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

/// One indexer.
pub(crate) fn indexer(report: &IndexerReport) -> pb::Indexer {
    let record = report.record.as_ref();
    let status = report.status.as_ref();
    let waiting = status.and_then(|status| status.waiting.as_ref());
    let run = record.and_then(|record| record.run);
    let (cursor, queue_head) = match report.progress {
        Progress::Unknown | Progress::Foreign | Progress::Refused => (None, None),
        Progress::Known { cursor, queue_head } => (cursor, queue_head),
    };
    let task = record.and_then(|record| record.task.as_ref());
    let gave_up = waiting.is_some_and(|wait| matches!(wait.reason, Reason::GaveUp { .. }));
    pb::Indexer {
        name: Some(name(&report.id)),
        // As it will be once there is a record.
        enabled: record.is_none_or(|record| record.enabled),
        hold: record.and_then(hold),
        phase: record.map_or_else(String::new, |record| record.phase.to_string()),
        state: report.state().to_owned(),
        state_since_ms: status.map_or(0, |status| status.since.0),
        explanation: clipped(&report.explain(), TEXT_MAX),
        next_look_ms: waiting
            .and_then(|wait| wait.until)
            .or_else(|| status.and_then(|status| status.retry_at))
            .map_or(0, |until| until.0),
        failure: record
            .and_then(|record| record.repair.as_ref())
            .map(|repair| failure(repair, gave_up)),
        wanted: Some(wanted(report)),
        running_version: run.map_or(0, |run| run.target.version),
        start_height: run.and_then(|run| run.start),
        cursor,
        queue_head,
        stream: Some(resource(&report.stream, stream)),
        executor: Some(resource(&report.executor, executor)),
        provisioning_task: task
            .and_then(|task| task.id.as_deref())
            .map_or_else(String::new, |id| clipped(id, ID_MAX)),
        provisioned: record.is_some_and(|record| record.provisioned),
        panics: status.map_or(0, |status| status.panics),
        unreadable: report
            .unreadable
            .as_deref()
            .map_or_else(String::new, |why| clipped(why, TEXT_MAX)),
        recalled: report.recalled.as_ref().map(recalled),
        kept_by_hold: report.is_kept_by_a_hold(),
    }
}

/// That something does not come from the store.
pub(crate) fn recalled(recalled: &Recalled) -> pb::Recalled {
    pb::Recalled {
        why: clipped(&recalled.why, TEXT_MAX),
        age_seconds: recalled.age.map(|age| age.as_secs()),
    }
}

fn hold(record: &Record) -> Option<pb::Hold> {
    let hold = record.hold.as_ref()?;
    Some(pb::Hold {
        reason: clipped(&hold.reason, TEXT_MAX),
        since_ms: hold.since.0,
        by: clipped(&hold.by, TEXT_MAX),
    })
}

fn failure(repair: &Repair, given_up: bool) -> pb::Failure {
    pb::Failure {
        cause: format!("{:?}", repair.cause),
        description: repair.cause.to_string(),
        detail: clipped(&repair.detail, TEXT_MAX),
        attempts: repair.attempts,
        first_ms: repair.first_at.0,
        last_ms: repair.last_at.0,
        next_ms: repair.next_at.0,
        given_up,
    }
}

fn wanted(report: &IndexerReport) -> pb::Wanted {
    let of = |kind: &str, spec: Option<&Spec>| pb::Wanted {
        kind: kind.to_owned(),
        version: spec.map_or(0, |spec| spec.version),
        start_block: spec.map_or_else(String::new, |spec| start_block(spec.start_block)),
        rule: spec.map_or_else(String::new, |spec| clipped(&rule(&spec.rule), TEXT_MAX)),
        deleted_at: 0,
    };
    match &report.desired {
        Desired::Missing if report.set_aside.is_some() => of("SetAside", None),
        Desired::Unlisted(spec) if report.set_aside.is_some() => of("SetAside", Some(spec)),
        Desired::Unknown => of("Unknown", None),
        Desired::Missing => of("Missing", None),
        Desired::Unlisted(spec) => of("Unlisted", Some(spec)),
        Desired::Present(spec) => of("Present", Some(spec)),
        Desired::Deleted { version, at } => pb::Wanted {
            version: *version,
            deleted_at: *at,
            ..of("Deleted", None)
        },
    }
}

fn start_block(start: StartBlock) -> String {
    match start {
        StartBlock::Latest => "LATEST".to_owned(),
        StartBlock::Continue => "CONTINUE".to_owned(),
        StartBlock::Height(height) => height.to_string(),
    }
}

fn rule(rule: &Rule) -> String {
    let outcome = |status: &ActionStatus| match status {
        ActionStatus::Any => "any outcome",
        ActionStatus::Success => "successful only",
        ActionStatus::Fail => "failed only",
    };
    match rule {
        Rule::ActionAny {
            affected_account_id,
            status,
        } => format!(
            "actions that affect {affected_account_id}, {}",
            outcome(status)
        ),
        Rule::ActionFunctionCall {
            affected_account_id,
            status,
            function,
        } => format!(
            "calls of {function} that affect {affected_account_id}, {}",
            outcome(status)
        ),
        Rule::Unsupported(kind) => format!("{kind} (not supported)"),
    }
}

fn resource<T>(seen: &Seen<T>, present: impl Fn(&T) -> pb::Resource) -> pb::Resource {
    let nothing = |seen: &str| pb::Resource {
        seen: seen.to_owned(),
        ..pb::Resource::default()
    };
    match seen {
        Seen::Unknown => nothing("Unknown"),
        Seen::Absent => nothing("Absent"),
        Seen::Present(it) => present(it),
    }
}

fn stream(stream: &Stream) -> pb::Resource {
    let health = match stream.health {
        StreamHealth::Fine => "Fine",
        StreamHealth::Stalled => "Stalled",
        StreamHealth::Frozen => "Frozen",
    };
    pb::Resource {
        seen: "Present".to_owned(),
        id: clipped(&stream.id, ID_MAX),
        version: stream.version,
        health: health.to_owned(),
    }
}

fn executor(executor: &Executor) -> pb::Resource {
    let health = match executor.state {
        ExecutorState::Fine => "Fine",
        ExecutorState::Starting(_) => "Starting",
        ExecutorState::Failing(_) => "Failing",
        ExecutorState::Stalled => "Stalled",
    };
    pb::Resource {
        seen: "Present".to_owned(),
        id: clipped(&executor.id, ID_MAX),
        version: executor.version,
        health: health.to_owned(),
    }
}

/// The coordinator as a whole.
pub(crate) fn overview(overview: Overview, about: &About) -> pb::Overview {
    let set_aside = |name: &str, why: &str| pb::Quarantined {
        name: clipped(name, ID_MAX),
        why: clipped(why, TEXT_MAX),
    };
    let phases = overview.phases.into_iter();
    let states = overview.states.into_iter();
    pb::Overview {
        version: about.version.clone(),
        started_ms: about.started.0,
        shadow: overview.shadow,
        phases: phases
            .map(|(phase, count)| (phase.unwrap_or_default().to_owned(), count))
            .collect(),
        states: states
            .map(|(state, count)| (state.to_owned(), count))
            .collect(),
        registered: count(overview.registered),
        quarantined: overview
            .quarantined
            .iter()
            .map(|entry| set_aside(&entry.name, &entry.why))
            .collect(),
        unreadable: overview
            .unreadable
            .iter()
            .map(|(key, why)| set_aside(key, why))
            .collect(),
        registry_height: overview.registry_height,
        registry_answered_ms: overview.registry_answered.map_or(0, |at: Timestamp| at.0),
        down: overview
            .down
            .iter()
            .map(|(service, since)| pb::ServiceDown {
                service: service.to_string(),
                since_ms: since.0,
            })
            .collect(),
        loaded: overview.loaded,
        panics: overview.panics,
        suspicious_listings: overview.suspicious_listings,
        answers_dropped: overview.answers_dropped,
        quarantined_count: count(overview.quarantined_count),
        unreadable_count: count(overview.unreadable_count),
        registry_problem: overview
            .registry_problem
            .map_or_else(String::new, |why| clipped(&why, TEXT_MAX)),
        store_problem: overview
            .store_problem
            .map_or_else(String::new, |why| clipped(&why, TEXT_MAX)),
    }
}

/// One indexer in the shadow's eyes.
pub(crate) fn shadow(entry: &ShadowEntry) -> pb::ShadowIndexer {
    let phase =
        |phase: Option<lifecycle::Phase>| phase.map_or_else(String::new, |it| it.to_string());
    pb::ShadowIndexer {
        name: Some(name(&entry.id)),
        phase: phase(entry.phase),
        shadow_phase: phase(entry.shadow_phase),
        would: clipped(&entry.would, TEXT_MAX),
        verdict: entry.verdict.name().to_owned(),
        since_ms: entry.since.0,
        unexpected: entry
            .unexpected
            .iter()
            .map(|what| clipped(what, TEXT_MAX))
            .collect(),
    }
}
