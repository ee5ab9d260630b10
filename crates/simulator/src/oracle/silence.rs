//! L1, L2 and L8: the world becomes as wanted, nothing is left behind, and then
//! it is quiet.

use lifecycle::Phase;
use sim_node::{IndexerKey, Time};

use super::broken;
use super::desire::{Registered, Switch};
use super::finding::Finding;
use super::indexer::Indexer;
use super::record::{Persisted, Record};
use super::truth::Truth;
use crate::history::{Method, NodeName, RunPhase};

/// L1 and L2. Says of every indexer that is not as wanted what is wrong with it;
/// nothing if all are. Indexers whose record cannot be read are left out, as
/// the coordinator must leave them alone; so is what the network alone has
/// brought about and no call can reach, a worker that went away while its
/// executor goes on to look healthy, and a dead stream that waits for it. Where
/// something is broken for good, only what needs nothing else is looked at.
pub(super) fn unconverged(truth: &Truth, now: Time) -> Vec<String> {
    unconverged_of(truth, now, |_| true)
}

/// The same where a quiet period ends that began at `since`, without those who gave up in
/// it and try again: the long pause after that may just be over.
pub(super) fn never_rested(truth: &Truth, now: Time, since: Time) -> Vec<String> {
    let rested = |at: Time| at >= since;
    unconverged_of(truth, now, |indexer| {
        gave_up(truth, indexer) || !indexer.gave_up_at.is_some_and(rested)
    })
}

fn unconverged_of(truth: &Truth, now: Time, counts: impl Fn(&Indexer) -> bool) -> Vec<String> {
    let mut problems = Vec::new();
    for (number, indexer) in truth.all() {
        if broken::is_excused(truth, number) || !counts(indexer) {
            continue;
        }
        let before = problems.len();
        if truth.core.lacks_a_service() {
            broken::of_half(truth, number, &mut problems);
        } else {
            of_one(truth, now, number, &mut problems);
        }
        for problem in problems.iter_mut().skip(before) {
            *problem = format!("{}: {problem}", indexer.key);
        }
    }
    problems
}

/// Everybody who is not as wanted because something is broken for good, with the
/// first thing that is wrong.
pub(super) fn excused(truth: &Truth, now: Time) -> Vec<(IndexerKey, String)> {
    let mut found = Vec::new();
    for (number, indexer) in truth.all() {
        if !truth.core.lacks_a_service() && !broken::is_excused(truth, number) {
            continue;
        }
        let mut problems = Vec::new();
        of_one(truth, now, number, &mut problems);
        found.extend(
            problems
                .into_iter()
                .next()
                .map(|it| (indexer.key.clone(), it)),
        );
    }
    found
}

/// Whether nothing is wrong with the indexer, as in [`unconverged`].
pub(super) fn is_as_wanted(truth: &Truth, now: Time, number: usize) -> bool {
    let mut problems = Vec::new();
    of_one(truth, now, number, &mut problems);
    problems.is_empty()
}

fn of_one(truth: &Truth, now: Time, number: usize, problems: &mut Vec<String>) {
    let indexer = truth.at(number);
    if indexer.record == Persisted::Corrupt {
        return;
    }
    match indexer.desire.current().registered {
        Registered::Never => {}
        Registered::Deleted => absent(truth, now, number, indexer, problems),
        Registered::Present {
            version, supported, ..
        } => match is_on(indexer) {
            false => suspended(truth, indexer, version, problems),
            true if supported => running(truth, now, indexer, version, problems),
            true => refused(truth, indexer, version, problems),
        },
    }
}

fn is_on(indexer: &Indexer) -> bool {
    let stored = indexer.record.known().map(|record| record.enabled);
    let switch = indexer.desire.current().switch != Switch::Off;
    indexer.desire.acknowledged().or(stored).unwrap_or(switch)
}

/// Tasks and workers that no call reaches, and that the coordinator is to blame for.
fn orphans(indexer: &Indexer, problems: &mut Vec<String>) {
    let world = &indexer.world;
    for stream in world
        .streams
        .iter()
        .filter(|s| s.orphaned_at.is_some() && !s.excused)
    {
        problems.push(format!("stream task {} runs without an owner", stream.task));
    }
    for worker in world
        .workers
        .iter()
        .filter(|worker| worker.orphan && !worker.excused)
    {
        problems.push(format!("worker {} runs without an owner", worker.worker));
    }
}

fn nothing_runs(indexer: &Indexer, problems: &mut Vec<String>) {
    let world = &indexer.world;
    for stream in world
        .streams
        .iter()
        .filter(|stream| stream.orphaned_at.is_none())
    {
        problems.push(format!(
            "stream task {} of version {} runs",
            stream.task, stream.version
        ));
    }
    if let (Some(stream), None) = (world.listed_stream, world.owned_stream()) {
        problems.push(format!(
            "a dead stream of version {} is listed",
            stream.version
        ));
    }
    if let Some(executor) = world.executor {
        problems.push(format!(
            "an executor of version {} is listed",
            executor.version
        ));
    }
    for worker in world.workers.iter().filter(|worker| !worker.orphan) {
        problems.push(format!(
            "worker {} of version {} runs",
            worker.worker, worker.version
        ));
    }
    orphans(indexer, problems);
}

fn in_phase(indexer: &Indexer, phase: Phase, problems: &mut Vec<String>) {
    match &indexer.record {
        Persisted::Known(record) if record.phase != phase => {
            let why = record.repair.as_ref().map_or(String::new(), |repair| {
                format!(" ({}, attempt {})", repair.cause, repair.attempts)
            });
            problems.push(format!(
                "its record says {}{why}, not {phase}",
                record.phase
            ));
        }
        Persisted::Nothing => problems.push("it has no record".to_owned()),
        _ => {}
    }
}

fn suspended(truth: &Truth, indexer: &Indexer, version: u64, problems: &mut Vec<String>) {
    nothing_runs(indexer, problems);
    in_phase(indexer, Phase::Suspended, problems);
    knows(truth, indexer, version, problems);
}

/// What does not run must know what it is registered as: nothing else tells a tombstone of
/// the life before from one of this life. The original has no place for that, and ours has
/// to take its records over.
fn knows(truth: &Truth, indexer: &Indexer, version: u64, problems: &mut Vec<String>) {
    let noted = |record: &Record| record.own || !truth.limits.collects;
    let record = indexer.record.known().filter(|record| noted(record));
    if record.is_some_and(|record| record.registered < Some(version)) {
        problems.push(format!("its record does not know of version {version}"));
    }
}

/// Whether its repair stays put until something changes.
pub(super) fn gave_up(truth: &Truth, indexer: &Indexer) -> bool {
    indexer.record.known().is_some_and(|record| {
        let repair = record.repair.as_ref();
        record.phase == Phase::Repairing
            && repair.is_some_and(|repair| repair.gave_up(truth.limits.attempts_max))
    })
}

fn refused(truth: &Truth, indexer: &Indexer, version: u64, problems: &mut Vec<String>) {
    nothing_runs(indexer, problems);
    knows(truth, indexer, version, problems);
    if !gave_up(truth, indexer) {
        in_phase(indexer, Phase::Repairing, problems);
    }
}

/// Whether the queue stays as it is: there is no worker, or its code fails on the first
/// block of the queue again and again.
fn is_never_emptied(indexer: &Indexer) -> bool {
    indexer.world.vanished || indexer.queue.failing_at.is_some()
}

fn running(truth: &Truth, now: Time, indexer: &Indexer, version: u64, problems: &mut Vec<String>) {
    let world = &indexer.world;
    orphans(indexer, problems);
    if gave_up(truth, indexer) {
        return;
    }
    match world.owned_stream() {
        Some(stream) if stream.version == version => {}
        Some(stream) => {
            problems.push(format!(
                "its stream has version {}, not {version}",
                stream.version
            ));
        }
        // Its health says that the queue is full, and so it is: nobody empties it.
        None if is_never_emptied(indexer) && world.is_listed_as_waiting(version) => {}
        None => problems.push(format!("no stream of version {version} runs")),
    }
    match world.executor {
        Some(executor) if executor.version == version => {}
        Some(executor) => {
            problems.push(format!(
                "its executor has version {}, not {version}",
                executor.version
            ));
        }
        None => problems.push(format!("no executor of version {version} is listed")),
    }
    if world.is_reported_sick(now) {
        problems.push("its stream or its executor says that it is unwell".to_owned());
    }
    let works = world
        .workers
        .iter()
        .any(|worker| !worker.orphan && worker.version == version);
    if !works && !world.vanished {
        problems.push(format!("no worker of version {version} runs"));
    }
    in_phase(indexer, Phase::Running, problems);
}

fn absent(truth: &Truth, now: Time, number: usize, indexer: &Indexer, problems: &mut Vec<String>) {
    nothing_runs(indexer, problems);
    if let Some(record) = indexer.record.known() {
        problems.push(format!(
            "it is deleted, but has a record in phase {}",
            record.phase
        ));
    }
    for task in truth.tasks.iter().filter(|task| task.indexer == number) {
        if now.since(task.since) < truth.limits.provisioning_abandon {
            problems.push(format!("data layer task {} runs", task.id));
        }
    }
    let writes = indexer
        .world
        .streams
        .iter()
        .any(|stream| stream.orphaned_at.is_some());
    // What another program left without a record, and was deleted before anybody took it
    // up, nobody knows of; nor of what the store forgot, if nothing of it runs any more.
    let runs = indexer.world.listed_stream.is_some() || indexer.world.executor.is_some();
    let forgotten =
        indexer.foreign_write && indexer.desire.registered_since() >= indexer.record_at && !runs;
    let unknown = (indexer.taken_over || forgotten) && indexer.record == Persisted::Nothing;
    if !writes && !unknown && !indexer.queue.is_unclear() {
        if indexer.queue.cursor.is_some() {
            problems.push("its cursor is left behind".to_owned());
        }
        if indexer.queue.lowest_waiting().is_some() {
            problems.push("its queue is left behind".to_owned());
        }
    }
}

/// L1 and L8 in the silent part of a run. Verifies that the coordinator changes
/// nothing, and reads nothing but its shared polls. Reads about indexers whose
/// fate the registry does not tell, and about tasks that never end, are allowed.
pub(super) fn call(
    truth: &Truth,
    now: Time,
    number: Option<usize>,
    method: Method,
) -> Option<Finding> {
    if truth.phase != RunPhase::Silence || method.is_shared_poll() {
        return None;
    }
    // A listing that lacked somebody was the last that was heard.
    let cut_off = method == Method::RegistryRead && truth.core.lacks(NodeName::Registry);
    let open = cut_off
        || number.is_some_and(|number| {
            let indexer = truth.at(number);
            let registered = indexer.desire.current().registered;
            indexer.record == Persisted::Corrupt
                || !matches!(registered, Registered::Present { .. })
                || truth.tasks.iter().any(|task| task.indexer == number)
        });
    if open && !method.is_effect() {
        return None;
    }
    // A question about a task names nobody, nor does the record of what is known of
    // a whole account.
    let excused = number.map_or(!truth.core.is_whole(), |number| {
        may_go_on(truth, now, number)
    });
    if excused {
        return None;
    }
    let about = number.map_or("*".to_owned(), |number| truth.at(number).key.to_string());
    let oracle = if method.is_effect() { "L1" } else { "L8" };
    let sentence = format!("{about}: {method:?} is sent although everything is as wanted");
    Some(Finding {
        oracle,
        indexer: number,
        sentence,
    })
}

/// Whether the coordinator may still work on an indexer in the silent part of a run,
/// because something is broken for good, or broke only now.
pub(super) fn may_go_on(truth: &Truth, now: Time, number: usize) -> bool {
    // Without a service even what is well falls ill again: a stream whose blocks
    // nobody executes stands still.
    // So does what meets a block only now that its code cannot take. And whoever waited
    // for a task that never ends goes on once that task counts as dead. A clock that was
    // slow lets signs of life be missing that count as such only now, for as long as
    // they may be missing at all; so does a store or a block streamer that was in trouble
    // when one was due, once the coordinator has lived for long enough to miss it.
    let world = &truth.at(number).world;
    let account = truth.at(number).key.account();
    let patience = truth.limits.heartbeat_limit + truth.limits.observation_delay;
    truth.core.lacks_a_service()
        || broken::is_excused(truth, number)
        || truth.core.blocks(account)
        || (truth.lies.were_heartbeats_wrong() && now.since(truth.phase_since) <= patience)
        || (truth.lies.may_lack_heartbeats()
            && now.since(truth.core.life_since()) >= truth.limits.heartbeat_limit
            && now.since(truth.healed_at) <= patience)
        || (truth.phase == RunPhase::Silence && world.fell_ill_since(truth.phase_since))
}

/// Whether somebody who gave up tries once more in the silent part of a run, because
/// the long pause is over, or what was sick has become well by itself. So does a stream that
/// is dead, while its health is told again and shows no more than that it went on until then.
pub(super) fn tries_again(truth: &Truth, now: Time, number: usize) -> bool {
    let indexer = truth.at(number);
    let is_over = indexer.record.known().is_some_and(|record| {
        let repair = record.repair.as_ref();
        let world = &indexer.world;
        let sick_at = world.stream_sick_at.max(world.executor_sick_at);
        let was_sick = sick_at >= Some(truth.phase_since) || world.owned_stream().is_none();
        let well = !world.is_reported_sick(now) && was_sick;
        repair.is_some_and(|it| now.as_millis() >= it.next_at || (it.cause.is_restart() && well))
    });
    truth.phase == RunPhase::Silence && is_over && gave_up(truth, indexer)
}

/// L1 in the silent part of a run: no record is written.
pub(super) fn write(truth: &Truth, now: Time, number: usize) -> Option<Finding> {
    if truth.phase != RunPhase::Silence || may_go_on(truth, now, number) {
        return None;
    }
    let key = &truth.at(number).key;
    Finding::about(
        "L1",
        number,
        format!("{key}: its record is written although all is as wanted"),
    )
}
