//! Why an indexer is where it is, and what happens next, in sentences.

use lifecycle::{Desired, Phase, Reason, Record, Seen};

use super::report::IndexerReport;
use crate::health::set_aside;
use crate::sentence::{printable, shown};
use crate::status::told;

impl IndexerReport {
    /// Sentences for people: where the indexer stands, why, what happens next,
    /// and what an operator may do. Times are left to whoever shows them.
    pub fn explain(&self) -> String {
        let parts = [self.standing(), self.why(), self.next(), self.reservation()];
        let told: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        told.join(" ")
    }

    /// That it is not known whether all this still holds.
    fn reservation(&self) -> String {
        let Some(recalled) = &self.recalled else {
            return String::new();
        };
        let why = printable(&recalled.why);
        match recalled.age {
            Some(age) => format!(
                "The store cannot be reached ({why}): of its record this is what was known {} s \
                 ago.",
                age.as_secs()
            ),
            None => format!(
                "The store cannot be reached ({why}), and its record was not read since the start."
            ),
        }
    }

    fn standing(&self) -> String {
        let id = shown(&self.id);
        if self.is_unread() {
            return format!("It is not known whether {id} has a record, and what is in it.");
        }
        let Some(record) = &self.record else {
            return match (&self.unreadable, &self.desired) {
                (Some(_), _) => format!("{id} has a record that cannot be read."),
                (None, Desired::Present(_)) => format!("{id} is registered and has no record yet."),
                (None, _) => format!("{id} has no record."),
            };
        };
        let what = match record.phase {
            _ if self.is_kept_by_a_hold() => {
                "was deleted in the registry and is held: it stays as it was".to_owned()
            }
            Phase::Initializing if record.task.is_some() => {
                "is new: its data layer is being created".to_owned()
            }
            Phase::Initializing => "is new: its data layer is not created yet".to_owned(),
            Phase::Running => format!("is running {}", self.running(record)),
            Phase::Suspending if record.enabled => "is being stopped".to_owned(),
            Phase::Suspended if record.enabled => "is stopped".to_owned(),
            Phase::Suspending => "is disabled and is being stopped".to_owned(),
            Phase::Suspended => "is disabled and stopped".to_owned(),
            Phase::Deleting if self.is_registered_again() => format!(
                "was deleted in the registry and registered again: what is left of its earlier \
                 life is stopped first, then its record begins anew{}",
                match record.enabled {
                    true => "",
                    false => "; it stays disabled",
                }
            ),
            Phase::Repairing => "failed and is under repair".to_owned(),
            Phase::Deleting | Phase::Deleted => {
                "was deleted in the registry and is being removed".to_owned()
            }
        };
        format!("{id} {what}.")
    }

    /// Whether only a hold keeps it from being removed.
    pub fn is_kept_by_a_hold(&self) -> bool {
        let Desired::Deleted { version, .. } = self.desired else {
            return false;
        };
        self.record.as_ref().is_some_and(|record| {
            // Else it is of an earlier life, and deletes nothing.
            let ends = record.known_version() <= Some(version);
            ends && record.hold.is_some() && record.phase != Phase::Deleting
        })
    }

    /// Whether it is wanted again since the deletion that is being carried out, which
    /// goes no further then than to stop it.
    fn is_registered_again(&self) -> bool {
        let Desired::Present(spec) = &self.desired else {
            return false;
        };
        let record = self.record.as_ref();
        record.is_some_and(|record| {
            let is_newer = record.tombstone.is_none_or(|at| spec.version >= at);
            record.phase == Phase::Deleting && is_newer && record.registered <= Some(spec.version)
        })
    }

    /// Whether it comes to an end, with a task in flight that leads to nothing.
    fn is_ending(&self) -> bool {
        let phase = self.record.as_ref().map(|record| record.phase);
        matches!(
            phase,
            Some(Phase::Suspending | Phase::Suspended | Phase::Deleting | Phase::Deleted)
        )
    }

    fn running(&self, record: &Record) -> String {
        let Some(run) = record.run else {
            return "nothing yet: no version was decided".to_owned();
        };
        let version = run.target.version;
        let start = run
            .start
            .map_or(String::new(), |start| format!(" from block {start}"));
        let missing = |what: &str, absent: bool| {
            if absent {
                format!("; {what}")
            } else {
                String::new()
            }
        };
        format!(
            "version {version}{start}{}{}",
            missing("its block stream is not there", self.stream == Seen::Absent),
            missing("its executor is not there", self.executor == Seen::Absent),
        )
    }

    fn why(&self) -> String {
        if let Some(why) = &self.unreadable {
            return format!("{}.", printable(why));
        }
        let Some(status) = &self.status else {
            return "No control loop looks after it.".to_owned();
        };
        let said = match (&status.trouble, &status.waiting) {
            (Some(trouble), _) => trouble.clone(),
            (None, Some(wait)) => match &wait.reason {
                // Said already, or says nothing.
                Reason::Steady => return "Everything is as wanted.".to_owned(),
                Reason::Suspended => return String::new(),
                Reason::NotInRegistry if let Some(why) = &self.set_aside => set_aside(why),
                Reason::NotInRegistry if self.is_kept() => {
                    return "The registry no longer lists it, or not so that it can be read, and \
                            nobody says that it was deleted."
                        .to_owned();
                }
                Reason::RegistryUnknown if let Some(behind) = &self.registry_behind => format!(
                    "the registry's answers, up to block {}, are {} block {}",
                    behind.heard,
                    match behind.is_ahead() {
                        true => "far above",
                        false => "older than",
                    },
                    behind.limit()
                ),
                Reason::Provisioning { .. } if self.is_ending() => {
                    "a task that creates its data layer is still in flight".to_owned()
                }
                Reason::ProvisioningUncertain { .. } if self.is_ending() => {
                    "a task that creates its data layer may be in flight".to_owned()
                }
                reason => told(reason, &self.id),
            },
            (None, None) => {
                let doing = status.doing.as_deref();
                let doing = doing.map_or(String::new(), |doing| format!(": {}", printable(doing)));
                return format!("The control loop is working on it right now{doing}.");
            }
        };
        format!("{}.", capitalised(&printable(&said)))
    }

    fn next(&self) -> String {
        if self.unreadable.is_some() {
            return "It is left alone until the record is mended or removed; all other indexers go \
                    on."
                .to_owned();
        }
        let Some(status) = &self.status else {
            return String::new();
        };
        if status.trouble.is_some() {
            return "It is tried again after a pause.".to_owned();
        }
        let Some(wait) = &status.waiting else {
            return String::new();
        };
        if self.is_kept_by_a_hold() {
            return "It is removed, with its data, as soon as it is released.".to_owned();
        }
        match (&wait.reason, &self.registry_behind) {
            (Reason::RegistryUnknown | Reason::StaleRegistry { .. }, Some(behind)) => {
                format!(
                    "What the registry answers cannot be used: {behind}; nothing is stopped \
                     meanwhile."
                )
            }
            (Reason::NotInRegistry, _) if self.set_aside.is_some() && !self.is_kept() => {
                "It is left alone, neither repaired nor started, until the entry can be read; only \
                 an explicit deletion removes it."
                    .to_owned()
            }
            (Reason::NotInRegistry, _) if self.is_kept() => {
                "It is kept as it was last wanted, also if it fails; after a restart of the \
                 coordinator it is only left alone. Only an explicit deletion removes it."
                    .to_owned()
            }
            (Reason::Provisioning { .. } | Reason::ProvisioningUncertain { .. }, _)
                if self.is_ending() =>
            {
                let record = self.record.as_ref();
                let then = match record.is_some_and(|record| record.phase == Phase::Deleting) {
                    true => "then it is removed",
                    false => "it stays so until it is enabled",
                };
                format!("The task is given time to end, and nothing is started; {then}.")
            }
            (reason, _) => next_after(reason).to_owned(),
        }
    }
}

/// What ends a wait, and what an operator may do.
fn next_after(reason: &Reason) -> &'static str {
    match reason {
        Reason::Steady => "Nothing is to be done until something changes.",
        Reason::Suspended => "It stays so until it is enabled.",
        Reason::Held { .. } => "Nothing is done for it, whatever is wanted, until it is released.",
        Reason::Observing { .. } => "Nothing is done by this coordinator.",
        Reason::RegistryUnknown => {
            "It goes on as soon as the registry answers; nothing is stopped meanwhile."
        }
        Reason::NotInRegistry => {
            "The registry is asked again from time to time; only an explicit deletion removes it."
        }
        Reason::StaleRegistry { .. } => {
            "Older answers are ignored; it goes on as soon as the registry has caught up."
        }
        Reason::ServiceDown { .. } => "It goes on as soon as the service answers again.",
        Reason::Unseen(_) => "It is looked at again shortly.",
        Reason::Provisioning { .. } => "It starts as soon as that is done.",
        Reason::ProvisioningUncertain { .. } => {
            "Then provisioning is started again, should it not have been."
        }
        Reason::AccountBusy { .. } => "Its own turn comes when that is done.",
        Reason::ProvisioningFull => "Its turn comes when one of them is done or overdue.",
        Reason::StartBudget => "Its turn comes in a moment.",
        Reason::ExecutorStarting => "",
        Reason::Retry { .. } => {
            "It is tried again at its time; an update, or an order to retry, ends the pause."
        }
        Reason::GaveUp { .. } => {
            "It is tried again after a long pause; an update, or an order to retry, ends it."
        }
    }
}

/// As a sentence begins; the name of an indexer stays as it is.
fn capitalised(text: &str) -> String {
    let first_word = text.split(' ').next().unwrap_or_default();
    if first_word.contains('/') {
        return text.to_owned();
    }
    let mut characters = text.chars();
    match characters.next() {
        Some(first) => first.to_uppercase().chain(characters).collect(),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_begin_with_a_capital_and_names_stay_as_they_are() {
        assert_eq!(capitalised("held by olga"), "Held by olga");
        let busy = "alice.near/feed, of the same account or database, is provisioned first";
        assert_eq!(capitalised(busy), busy);
        assert_eq!(capitalised(""), "");
    }
}
