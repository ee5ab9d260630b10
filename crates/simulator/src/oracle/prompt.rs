//! L4 and L5: a change of what is wanted is acted upon at once, and nobody is
//! kept waiting behind others for long.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use lifecycle::Phase;
use sim_node::Time;

use super::Limits;
use super::broken;
use super::desire::{Registered, Switch};
use super::entry::Entry;
use super::fair::Fair;
use super::finding::Finding;
use super::indexer::Indexer;
use super::line;
use super::marks::Marks;
use super::silence;
use super::truth::Truth;
use crate::history::{AdminCommand, AnswerKind, Change, Event, Incarnation, Method};

/// How long after it was heard of a lone change may be left alone.
const REACTION: Duration = Duration::from_secs(2);

/// What one of many changes may take besides its share of the start budget.
const QUEUEING: Duration = Duration::from_secs(5);

/// What follows the end of a time in which absences were held to be an error.
const BELIEF: Duration = Duration::from_secs(2);

/// So many deletions are remembered.
const DELETIONS_KEPT: usize = 1_000;

/// Only the end of a hold that lasted so long is judged: what was begun before it
/// has come to its end by then.
const LONG_HOLD: Duration = Duration::from_secs(15);

/// A change that has had no consequence yet.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    changed_at: Time,
    /// A lagging registry may have told of it already.
    rumoured: bool,
    /// When the coordinator came to know.
    heard_at: Option<Time>,
    due: Time,
    crowd: usize,
    /// It was deleted, and the registry has said so when it was asked.
    told: bool,
    /// How the switch stood before the command, if it is about one.
    switched_from: Option<bool>,
    /// The registry has changed, rather than an operator's mind.
    by_registry: bool,
    /// It was not registered before.
    begins: bool,
}

/// L4: a change of what is wanted leads to a call that changes the indexer's world or
/// its record shortly after the coordinator heard of it, in whatever phase and wait; so
/// does the end of a hold, and an ordered retry of something that failed, if what is
/// missing can be seen. A deletion first leads to a question, and its answer to the rest.
/// L5: if many changed at once, within a time that grows with their number only. A look
/// is no reaction. Verified only in calm times, if the indexer was not as wanted all the
/// while, and if nothing legitimate holds it up, such as a hold.
#[derive(Default)]
pub(super) struct Prompt {
    waiting: BTreeMap<usize, Waiting>,
    /// How the stored switch stood when the first command under way was sent, by whose
    /// coordinator it is answered: with that one it dies.
    switches: BTreeMap<(usize, Incarnation), Option<bool>>,
    /// When the hold that lasts was acknowledged.
    holds: BTreeMap<usize, Time>,
    /// For whom a retry was sent while the record told of a repair.
    retries: BTreeSet<(usize, Incarnation)>,
    /// What the registry says of each, or said last.
    entries: BTreeMap<usize, Entry<Waiting>>,
    /// When indexers were deleted lately, in order.
    deletions: VecDeque<Time>,
    next_due: Option<Time>,
}

impl Prompt {
    /// Takes note of a change of what is wanted, of the coordinator hearing of one,
    /// and of calls. `ended` tells whom a call that just ended was about.
    pub fn observe(
        &mut self,
        truth: &mut Truth,
        fair: &Fair,
        marks: &mut Marks,
        now: Time,
        event: &Event,
        ended: Option<usize>,
    ) {
        match event {
            Event::Registry {
                key, change: what, ..
            } => {
                let number = truth.intern(key);
                let entry = self.entries.get(&number);
                let was_there = entry.is_some_and(Entry::is_there);
                if self.is_said_again(truth, now, number, what) {
                    return;
                }
                let unheard = self.waiting.get(&number).copied();
                let unheard = unheard.filter(|it| it.heard_at.is_none() && !it.rumoured);
                let begins = unheard.map_or(!was_there, |it| it.begins);
                if matches!(what, Change::Deleted { .. }) && unheard.is_some_and(|it| it.begins) {
                    // It was there between two listings, and is away as before.
                    self.waiting.remove(&number);
                    return;
                }
                if matches!(what, Change::Deleted { .. }) {
                    self.deletions.push_back(now);
                    self.deletions
                        .drain(..self.deletions.len().saturating_sub(DELETIONS_KEPT));
                }
                let change = Waiting {
                    changed_at: now,
                    rumoured: false,
                    heard_at: None,
                    due: now,
                    crowd: 1,
                    told: false,
                    switched_from: None,
                    by_registry: true,
                    begins,
                };
                self.waiting.insert(number, change);
            }
            Event::AdminSent { key, command, by } => {
                let number = truth.intern(key);
                self.command_sent(truth, (number, *by), *command);
            }
            Event::RecordTampered { key } | Event::RecordTranslated { key } => {
                let number = truth.intern(key);
                self.waiting.remove(&number);
                self.holds.remove(&number);
            }
            Event::AdminAnswered {
                key,
                command,
                by,
                error,
            } => {
                let whose = (truth.intern(key), *by);
                self.command_answered(truth, now, whose, *command, error.is_none());
            }
            Event::CallAnswered {
                method: Method::RegistryListAll,
                answer: AnswerKind::Ok,
                ..
            } => self.listed(truth, now),
            Event::CallAnswered { method, .. } => {
                self.resume(now, ended);
                if let Some(number) = ended.filter(|_| *method == Method::RegistryRead) {
                    self.told(truth, now, number);
                }
            }
            Event::CallSent {
                method,
                key: Some(key),
                ..
            } if !method.is_shared_poll() => {
                let number = truth.intern(key);
                // Who is no longer listed is asked about first.
                let asks = *method == Method::RegistryRead
                    && truth.at(number).desire.current().registered == Registered::Deleted
                    && self.waiting.get(&number).is_some_and(|it| !it.told);
                if asks || method.is_effect() {
                    self.acted(truth, fair, marks, now, number);
                }
            }
            Event::CoordinatorEnded { .. } => self.waiting.clear(),
            _ => {}
        }
    }

    /// Whether a listing shows no difference; then whatever waited before waits again.
    fn is_said_again(&mut self, truth: &Truth, now: Time, number: usize, change: &Change) -> bool {
        let waiting = self.waiting.get(&number).copied();
        let entry = self.entries.entry(number).or_default();
        let Change::Registered {
            version, content, ..
        } = *change
        else {
            entry.delete(now, waiting);
            return false;
        };
        let heard = truth.list_heard().max(truth.at(number).read_heard);
        let Some(before) = entry.say(now, (version, content), waiting, heard) else {
            return false;
        };
        self.waiting.remove(&number);
        self.waiting.extend(before.map(|before| (number, before)));
        true
    }

    fn command_sent(&mut self, truth: &Truth, whose: (usize, Incarnation), command: AdminCommand) {
        let number = whose.0;
        let stored = truth.at(number).record.known();
        match command {
            AdminCommand::Enable | AdminCommand::Disable => {
                // A change of mind before anything was done leaves nothing to do.
                let undone = self.waiting.remove(&number).and_then(|it| it.switched_from);
                let enabled = undone.or(stored.map(|record| record.enabled));
                self.switches.entry(whose).or_insert(enabled);
            }
            AdminCommand::Hold => {
                self.waiting.remove(&number);
            }
            AdminCommand::Release => {}
            AdminCommand::Retry => {
                if stored.is_some_and(|record| record.phase == Phase::Repairing) {
                    self.retries.insert(whose);
                }
            }
        }
    }

    fn command_answered(
        &mut self,
        truth: &Truth,
        now: Time,
        whose: (usize, Incarnation),
        command: AdminCommand,
        carried_out: bool,
    ) {
        let number = whose.0;
        let indexer = truth.at(number);
        match command {
            AdminCommand::Enable | AdminCommand::Disable => {
                let before = self.switches.remove(&whose).flatten();
                let after = indexer.desire.acknowledged();
                if before.is_some() && after.is_some() && before != after {
                    self.commanded(truth, now, number, before);
                }
            }
            AdminCommand::Hold => {
                if indexer.desire.promised_hold() == Some(true) {
                    self.holds.entry(number).or_insert(now);
                }
            }
            AdminCommand::Release => {
                let since = self.holds.remove(&number);
                let long = since.is_some_and(|since| now.since(since) >= LONG_HOLD);
                match self.waiting.get_mut(&number) {
                    // What was heard of during the hold counts from its end.
                    Some(waiting) => {
                        if let Some(heard) = waiting.heard_at {
                            waiting.due = now + waiting.due.since(heard);
                            waiting.heard_at = Some(now);
                        }
                    }
                    None if carried_out && long && misses_something(truth, number) => {
                        self.commanded(truth, now, number, None);
                    }
                    None => {}
                }
            }
            AdminCommand::Retry => {
                let failed = self.retries.remove(&whose);
                if failed && carried_out && misses_something(truth, number) {
                    self.commanded(truth, now, number, None);
                }
            }
        }
    }

    fn commanded(&mut self, truth: &Truth, now: Time, number: usize, switched_from: Option<bool>) {
        if silence::is_as_wanted(truth, now, number) {
            return;
        }
        let waiting = Waiting {
            changed_at: now,
            rumoured: true,
            heard_at: Some(now),
            due: now,
            crowd: 1,
            told: false,
            switched_from,
            by_registry: false,
            begins: false,
        };
        self.waiting.insert(number, waiting);
        self.crowd(truth, now);
    }

    /// The registry's answer about one indexer arrived: from now on it is known to be
    /// deleted, if it is.
    fn told(&mut self, truth: &Truth, now: Time, number: usize) {
        let indexer = truth.at(number);
        let changed_at = indexer.desire.registered_since();
        let deleted = indexer.desire.current().registered == Registered::Deleted;
        // An answer that is older than the last listing is not believed.
        let current = truth.limits.replica_lag.is_zero();
        let knows = current && indexer.read_heard.is_some_and(|heard| heard > changed_at);
        let again = self.waiting.get(&number).is_some_and(|it| it.told);
        if !deleted || !knows || again || silence::is_as_wanted(truth, now, number) {
            return;
        }
        let waiting = Waiting {
            changed_at,
            rumoured: true,
            heard_at: Some(now),
            due: now,
            crowd: 1,
            told: true,
            switched_from: None,
            by_registry: true,
            begins: false,
        };
        self.waiting.insert(number, waiting);
        self.crowd(truth, now);
    }

    /// The registry's answer arrived.
    fn listed(&mut self, truth: &Truth, now: Time) {
        let Some(heard) = truth.list_heard() else {
            return;
        };
        let mut news = false;
        let lag = truth.limits.replica_lag;
        self.waiting.retain(|number, waiting| {
            waiting.rumoured |= heard > waiting.changed_at;
            if waiting.heard_at.is_some() || heard <= waiting.changed_at + lag {
                return true;
            }
            news = true;
            waiting.heard_at = Some(now);
            waiting.due = now;
            !silence::is_as_wanted(truth, now, *number)
        });
        if news {
            self.crowd(truth, now);
        }
    }

    /// Sets when those whose change was just heard of are due.
    fn crowd(&mut self, truth: &Truth, now: Time) {
        let heard = |waiting: &&Waiting| waiting.heard_at.is_some();
        let crowd = self.waiting.values().filter(heard).count();
        let rate = truth.limits.start_budget_per_second.max(1);
        let limits = &truth.limits;
        // What one listing shows as absent went away between two of them. Whoever
        // follows while it is doubted is doubted, too.
        let lately = limits.replica_lag + limits.tick + REACTION + limits.absences_held;
        let gone =
            |number: usize| truth.at(number).desire.current().registered == Registered::Deleted;
        let recent = |at: &&Time| now.since(**at) <= lately;
        // After a silence of the registry one listing tells of all that went meanwhile.
        let together = self.waiting.iter();
        let together = together.filter(|(number, one)| one.heard_at.is_some() && gone(**number));
        let absences = (self.deletions.iter().filter(recent).count()).max(together.count());
        for (number, waiting) in &mut self.waiting {
            // A listing that lacked much of what is there is doubted as well.
            let told_less = !truth.lies.none_since(now - lately);
            let doubted = told_less || absences >= limits.absences_doubted;
            if waiting.heard_at != Some(now) {
                // Whoever is asked about later than others are missed waits for both.
                if doubted && waiting.heard_at.is_some() && gone(*number) && !waiting.told {
                    let end = now + REACTION + limits.absences_held + BELIEF + limits.replica_lag;
                    waiting.due = waiting.due.max(end);
                }
                continue;
            }
            let mut allowed = REACTION;
            if crowd > 1 {
                let share = u32::try_from(crowd).unwrap_or(u32::MAX);
                allowed = QUEUEING + Duration::from_secs(1) * share / rate;
            }
            if doubted && gone(*number) {
                allowed += limits.absences_held + BELIEF;
            }
            // Replicas that are behind are asked again after pauses that grow.
            if gone(*number) && !waiting.told {
                allowed += limits.replica_lag;
            }
            waiting.crowd = crowd;
            waiting.due = now + allowed;
        }
        self.plan();
    }

    fn plan(&mut self) {
        let heard = self.waiting.values().filter(|w| w.heard_at.is_some());
        self.next_due = heard.map(|waiting| waiting.due).min();
    }

    /// A call under way when a change was heard of has ended: time counts from now.
    fn resume(&mut self, now: Time, ended: Option<usize>) {
        if let Some(waiting) = ended.and_then(|number| self.waiting.get_mut(&number))
            && let Some(heard) = waiting.heard_at
        {
            waiting.due = now + waiting.due.since(heard);
            waiting.heard_at = Some(now);
        }
    }

    fn acted(&mut self, truth: &Truth, fair: &Fair, marks: &mut Marks, now: Time, number: usize) {
        let Some(waiting) = self.waiting.get(&number).copied() else {
            return;
        };
        let lag = truth.limits.replica_lag;
        let read = truth.at(number).read_heard;
        // Whoever asked the registry about it alone need not wait for the listing.
        let told = read.is_some_and(|heard| heard > waiting.changed_at + lag);
        if !waiting.rumoured && !told {
            return;
        }
        self.waiting.remove(&number);
        let heard = waiting.heard_at.unwrap_or(now);
        if fair.is_calm(number, heard, now) && !is_excused(truth, now, number) {
            marks.named(judged(waiting.crowd));
        }
    }

    /// The first whose time is over.
    pub fn overdue(
        &mut self,
        truth: &Truth,
        fair: &Fair,
        marks: &mut Marks,
        now: Time,
    ) -> Option<Finding> {
        if self.next_due.is_none_or(|due| now <= due) {
            return None;
        }
        let late: Vec<usize> = self
            .waiting
            .iter()
            .filter(|(_, waiting)| waiting.heard_at.is_some() && now > waiting.due)
            .map(|(number, _)| *number)
            .collect();
        let mut found = None;
        for number in late {
            let patience = truth.limits.observation_delay;
            let tasked = line::is_tasked(truth.at(number), now);
            if fair.is_asking(number, now, &truth.limits)
                || (tasked && fair.is_asking_about_a_task(now, patience))
            {
                continue;
            }
            let Some(waiting) = self.waiting.remove(&number) else {
                continue;
            };
            let heard = waiting.heard_at.unwrap_or(now);
            let changed = waiting.by_registry && is_changed_already(truth.at(number));
            let fair = fair.is_calm(number, heard, now)
                && !changed
                && !is_excused(truth, now, number)
                && !line::stands_still(truth, fair, heard, number)
                && !silence::is_as_wanted(truth, now, number);
            if fair {
                marks.named(judged(waiting.crowd));
                found = found.or_else(|| objection(truth, number, &waiting, heard));
            }
        }
        self.plan();
        found
    }
}

fn judged(crowd: usize) -> &'static str {
    if crowd > 1 { "judged L5" } else { "judged L4" }
}

fn objection(truth: &Truth, number: usize, waiting: &Waiting, heard: Time) -> Option<Finding> {
    let key = &truth.at(number).key;
    let patience = humantime::format_duration(waiting.due.since(heard));
    if waiting.crowd > 1 {
        let others = waiting.crowd - 1;
        let sentence = format!(
            "{key}: nothing is done about it for {patience} after its change was heard of, \
             together with {others} others"
        );
        return Finding::about("L5", number, sentence);
    }
    let sentence =
        format!("{key}: nothing is done about it for {patience} after its change was heard of");
    Finding::about("L4", number, sentence)
}

/// Whether something that the coordinator must wait for holds the indexer up, or
/// nobody can say how it stands.
pub(super) fn is_excused(truth: &Truth, now: Time, number: usize) -> bool {
    let indexer = truth.at(number);
    let wanted = indexer.desire.current();
    // What has no record yet may be refused for reasons that nobody sees here.
    let unclear = truth.limits.tick > Limits::default().tick
        || broken::is_excused(truth, number)
        || indexer.relaxed
        || indexer.record.known().is_none()
        || is_being_deleted(indexer)
        || now < indexer.unsure_until
        || truth.is_misled(number, now)
        || indexer.is_held()
        || wanted.switch == Switch::Unsure;
    let ends = wanted.registered == Registered::Deleted || wanted.switch == Switch::Off;
    let refused = matches!(
        wanted.registered,
        Registered::Present {
            supported: false,
            ..
        }
    );
    let began = indexer.world.began_at;
    let is_starting = indexer.world.starting_for(now).is_some()
        || began.is_some_and(|at| now.since(at) <= truth.limits.tick + REACTION);
    let queues =
        line::is_account_busy(truth, now, number) || line::is_provisioning_full(truth, now);
    unclear || refused || is_starting || (!ends && queues)
}

/// Whether its deletion was begun, be it by another coordinator: how soon that ends is up
/// to whatever it waits for.
fn is_being_deleted(indexer: &Indexer) -> bool {
    indexer.desire.current().registered == Registered::Deleted
        && indexer.record.phase() == Some(Phase::Deleting)
}

/// Whether both services list the version that is wanted: a point read told of it before
/// any listing, and what ails it is another matter.
fn is_changed_already(indexer: &Indexer) -> bool {
    let version = indexer.desire.version();
    let world = &indexer.world;
    let listed = [
        world.listed_stream.map(|stream| stream.version),
        world.executor.map(|executor| executor.version),
    ];
    version.is_some() && indexer.record.phase() == Some(Phase::Running) && listed == [version; 2]
}

/// Whether the indexer lacks, or has too much of, something that everybody sees who
/// looks at the services' listings, and nothing but a command kept it so.
fn misses_something(truth: &Truth, number: usize) -> bool {
    let indexer = truth.at(number);
    let Some(record) = indexer.record.known() else {
        return false;
    };
    let Registered::Present {
        version,
        supported: true,
        ..
    } = indexer.desire.current().registered
    else {
        return false;
    };
    let heard = truth.list_heard().is_some_and(|at| {
        let lag = truth.limits.replica_lag;
        at > indexer.desire.registered_since() + lag
    });
    let world = &indexer.world;
    let differs = match (record.phase, record.enabled) {
        (Phase::Running, true) => {
            world.listed_stream.map(|stream| stream.version) != Some(version)
                || world.executor.map(|executor| executor.version) != Some(version)
        }
        (Phase::Initializing, true) => truth.is_nothing_provisioned(),
        (Phase::Running | Phase::Suspending, false) => {
            world.listed_stream.is_some() || world.executor.is_some()
        }
        _ => false,
    };
    heard && differs
}
