//! What the loops are doing, for operators and reports.

use lifecycle::{Desired, Gate, IndexerId, Phase, Reason, Record, Service, Timestamp, Wait};

use crate::sentence::shown;

/// The last word of one loop.
#[derive(Clone, Debug)]
pub struct LoopStatus {
    /// Whose loop.
    pub id: IndexerId,
    /// The phase in the record, if there is one.
    pub phase: Option<Phase>,
    /// What the loop waits for; `None` while it works.
    pub waiting: Option<Wait>,
    /// When it began to do so.
    pub since: Timestamp,
    /// The last error that is not part of the record (a store failure, an
    /// unreadable record, a panic), if the last round had one.
    pub trouble: Option<String>,
    /// When it tries again after that.
    pub retry_at: Option<Timestamp>,
    /// What it does right now, while it works, as far as it can be said.
    pub doing: Option<String>,
    /// How often the loop panicked and was started again.
    pub panics: u32,
}

impl LoopStatus {
    /// Whether both say the same, whenever it began.
    pub(crate) fn says_the_same_as(&self, other: &LoopStatus) -> bool {
        let reason = |status: &LoopStatus| status.waiting.as_ref().map(|wait| wait.reason.clone());
        self.phase == other.phase
            && self.trouble == other.trouble
            && self.doing == other.doing
            && self.panics == other.panics
            && reason(self) == reason(other)
    }

    /// Whether it is known when the loop looks again by itself.
    pub(crate) fn looks_again(&self) -> bool {
        self.waiting
            .as_ref()
            .is_some_and(|wait| wait.until.is_some())
    }

    /// Whether the loop says that everything is as wanted.
    pub(crate) fn is_steady(&self) -> bool {
        let waits = self.waiting.as_ref();
        self.trouble.is_none() && waits.is_some_and(|wait| wait.reason == Reason::Steady)
    }

    /// Whether what the loop said contradicts `record`, which a command or the loop
    /// itself has changed since, or what is `desired`: it was woken, and has not come to
    /// an end yet. A loop that waits has told of the phase that it waits in.
    pub(crate) fn is_overtaken_by(&self, record: &Record, desired: &Desired) -> bool {
        if self.waiting.is_some() && self.phase != Some(record.phase) {
            return true;
        }
        let held = record.hold.is_some();
        let ends = match desired {
            // A newer version runs on.
            Desired::Deleted { version, .. } => record.known_version() <= Some(*version),
            _ => record.phase == Phase::Deleting,
        };
        match self.waiting.as_ref().map(|wait| &wait.reason) {
            Some(Reason::Steady) => held || !record.enabled || ends,
            Some(Reason::Suspended) => held || record.enabled || ends,
            Some(Reason::Held { .. }) => !held,
            // What ends may have a task in flight.
            Some(
                Reason::Provisioning { .. }
                | Reason::ProvisioningUncertain { .. }
                | Reason::AccountBusy { .. }
                | Reason::ProvisioningFull
                | Reason::StartBudget,
            ) if matches!(
                record.phase,
                Phase::Initializing | Phase::Running | Phase::Repairing
            ) =>
            {
                held || !record.enabled || ends
            }
            _ => false,
        }
    }

    /// Whether it waits for its turn to be provisioned.
    pub(crate) fn is_in_line(&self) -> bool {
        let reason = self.waiting.as_ref().map(|wait| &wait.reason);
        self.trouble.is_none()
            && matches!(
                reason,
                Some(Reason::AccountBusy { .. } | Reason::ProvisioningFull)
            )
    }

    /// The same, while it waits for its turn, and the gate says this now: a loop hears of
    /// it only when its turn comes.
    pub(crate) fn seen_by(mut self, gate: Gate) -> LoopStatus {
        match (gate, &mut self.waiting) {
            (Gate::AccountBusy(by), Some(wait)) => wait.reason = Reason::AccountBusy { by },
            (Gate::Full, Some(wait)) => wait.reason = Reason::ProvisioningFull,
            (Gate::Open, _) => return self.at_work(),
            (_, None) => {}
        }
        self
    }

    /// The same, since when `record` tells that it has been so: the loop may have begun
    /// anew meanwhile, with the whole process.
    pub(crate) fn since_by(mut self, record: &Record) -> LoopStatus {
        let known = match self.waiting.as_ref().map(|wait| &wait.reason) {
            Some(Reason::Held { .. }) => record.hold.as_ref().map(|hold| hold.since),
            Some(Reason::Provisioning { since } | Reason::ProvisioningUncertain { since }) => {
                Some(*since)
            }
            Some(Reason::Retry { cause, .. } | Reason::GaveUp { cause, .. }) => record
                .repair
                .as_ref()
                .filter(|repair| repair.cause == *cause)
                .map(|repair| repair.first_at),
            _ => None,
        };
        self.since = known.map_or(self.since, |known| known.min(self.since));
        self
    }

    /// The same loop, of which it is only known that it has something to do.
    pub(crate) fn at_work(self) -> LoopStatus {
        LoopStatus {
            waiting: None,
            ..self
        }
    }

    /// The same, since there was `news` that the loop has not said itself.
    pub(crate) fn since_news(mut self, news: Option<Timestamp>) -> LoopStatus {
        self.since = news.map_or(self.since, |news| news.max(self.since));
        self
    }

    /// The same, as it is to be told while `down` does not answer: a loop that had
    /// nothing to do is not woken by that, so it does not say it.
    pub(crate) fn beside(self, down: Option<(Service, Timestamp)>) -> LoopStatus {
        let Some((service, since)) = down.filter(|_| self.is_steady()) else {
            return self;
        };
        let until = self.waiting.and_then(|wait| wait.until);
        let reason = Reason::ServiceDown { service, since };
        LoopStatus {
            waiting: Some(Wait { reason, until }),
            since: self.since.max(since),
            ..self
        }
    }

    /// The same, as it is to be told of one that is `kept` without being listed: its
    /// loop has nothing to do, and all is not as wanted. That became known with the last
    /// `news`.
    pub(crate) fn while_kept(mut self, kept: bool, news: Option<Timestamp>) -> LoopStatus {
        if let Some(wait) = self
            .waiting
            .as_mut()
            .filter(|wait| kept && self.trouble.is_none() && wait.reason == Reason::Steady)
        {
            wait.reason = Reason::NotInRegistry;
            return self.since_news(news);
        }
        self
    }

    /// The same, as it is to be told while all answers of the registry are too old, since
    /// `late`: before, it had not answered.
    pub(crate) fn while_late(mut self, late: Option<Timestamp>) -> LoopStatus {
        let reason = self.waiting.as_ref().map(|wait| &wait.reason);
        if let (Some(late), Some(Reason::RegistryUnknown)) = (late, reason) {
            self.since = self.since.max(late);
        }
        self
    }

    /// A word for programs: what the loop waits for (see
    /// [`lifecycle::Reason::name`]), or `Working`, or `Trouble`.
    pub fn state(&self) -> &'static str {
        match (&self.trouble, &self.waiting) {
            (Some(_), _) => "Trouble",
            (None, Some(wait)) => wait.reason.name(),
            (None, None) => "Working",
        }
    }

    /// One sentence for people.
    pub fn sentence(&self) -> String {
        let phase = self
            .phase
            .map_or("no record".to_owned(), |phase| phase.to_string());
        let doing = match (&self.trouble, &self.waiting) {
            (Some(trouble), _) => trouble.clone(),
            (None, Some(wait)) => told(&wait.reason, &self.id),
            (None, None) => "working".to_owned(),
        };
        format!("{}: {phase}: {doing}", self.id)
    }
}

/// Why `id` waits, for people.
pub(crate) fn told(reason: &Reason, id: &IndexerId) -> String {
    match reason {
        Reason::AccountBusy { by } if by.account() != id.account() => format!(
            "{}, whose account has the same database, is provisioned first",
            shown(by)
        ),
        reason => reason.to_string(),
    }
}
