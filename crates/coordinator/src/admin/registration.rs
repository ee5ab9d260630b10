//! Whether there is an indexer that a command may be about.

use std::fmt;

use lifecycle::{Desired, IndexerId, Phase, Record};
use tokio::time::timeout;

use super::{AdminError, IndexerReport};
use crate::registry::RegistryError;
use crate::sentence::shown;
use crate::shared::{Shared, lock};
use crate::store::First;

/// What a command has heard of the registry so far. If the registry does not answer,
/// what it said last and the record decide: an operator must not depend on it to stop
/// what is known.
#[derive(Debug, Default)]
pub(super) struct Registration {
    /// Once is enough for a command.
    doubt: Option<Doubt>,
    /// As what it says that the indexer is registered.
    version: Option<u64>,
    /// As of which height it says so.
    heard: u64,
}

/// Why the registry does not say whether there is such an indexer.
#[derive(Debug)]
enum Doubt {
    /// It did not answer.
    Silence(RegistryError),
    /// It answered that it knows of none. That is no tombstone: an answer that is
    /// behind, or wrong, says the same of what runs.
    Denial,
    /// It answered that what was registered as that version was deleted in that block.
    /// Whether that is an earlier life, the record tells.
    Deletion { version: u64, at: u64 },
}

impl fmt::Display for Doubt {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Doubt::Silence(error) => error.fmt(formatter),
            Doubt::Denial => formatter.write_str("the registry knows nothing of it"),
            Doubt::Deletion { at, .. } => {
                write!(
                    formatter,
                    "the registry says that it was deleted in block {at}"
                )
            }
        }
    }
}

impl Registration {
    /// Asks the registry, unless it has not told of an indexer before.
    pub(super) async fn ask(&mut self, shared: &Shared, id: &IndexerId) {
        if self.doubt.is_some() {
            return;
        }
        self.doubt = Some(match answer(shared, id).await {
            // It says the same of what was deleted since.
            Ok((_, None)) => {
                let why = "the node that answered is behind what the registry said before";
                Doubt::Silence(RegistryError::Unavailable(why.to_owned()))
            }
            Ok((Desired::Present(spec), Some(height))) => {
                (self.version, self.heard) = (Some(spec.version), height);
                return;
            }
            Ok((Desired::Deleted { version, at }, Some(_))) => Doubt::Deletion { version, at },
            Ok((Desired::Missing | Desired::Unknown | Desired::Unlisted(_), Some(_))) => {
                Doubt::Denial
            }
            Err(error) => Doubt::Silence(error),
        });
    }

    /// The height of a deletion that another coordinator carried out since the registry was
    /// heard about `id`, whose record would be the `first` one.
    pub(super) fn newer_deletion(
        &self,
        shared: &Shared,
        id: &IndexerId,
        first: &First,
    ) -> Option<u64> {
        let height = shared.newer_deletion(id, first)?;
        (self.heard < height).then_some(height)
    }

    /// The newest version that the registry told of: what is written down with a command
    /// keeps an older tombstone from taking the command away with the record.
    pub(super) fn version(&self, shared: &Shared, id: &IndexerId) -> Option<u64> {
        let known = match known(shared, id) {
            Desired::Present(spec) | Desired::Unlisted(spec) => Some(spec.version),
            Desired::Deleted { .. } | Desired::Missing | Desired::Unknown => None,
        };
        self.version.max(known)
    }

    /// Says whether a command may be about an indexer with such a `record`, if the
    /// registry does not say that there is one.
    ///
    /// # Errors
    /// It is gone, by what the registry said last, or nobody knows of it.
    pub(super) fn judge(
        &self,
        shared: &Shared,
        id: &IndexerId,
        record: Option<&Record>,
    ) -> Result<(), AdminError> {
        if let Desired::Present(spec) = known(shared, id)
            && let Some(at) = record.and_then(|record| record.tombstone)
            && spec.version < at
        {
            return Err(AdminError::NotNow(format!(
                "{id}: nothing is changed, since it is being deleted, and what the registry \
                 answers is older than that: version {}",
                spec.version,
                id = shown(id)
            )));
        }
        let Some(doubt) = &self.doubt else {
            return Ok(());
        };
        // The record is about to go, and what would be written into it with it, unless
        // it knows of a newer life.
        let ends = |version| record.is_none_or(|it| it.known_version() <= Some(version));
        if let Doubt::Deletion { version, at } = *doubt
            && ends(version)
        {
            return Err(deleted(id, at));
        }
        match (known(shared, id), record.map(|record| record.phase)) {
            (Desired::Present(_), _) => Ok(()),
            (Desired::Deleted { version, at }, _) if ends(version) => Err(deleted(id, at)),
            (_, Some(Phase::Deleting | Phase::Deleted)) => Err(AdminError::NotNow(format!(
                "{id}: nothing is changed, since it is being deleted, and nobody says whether it \
                 has been registered again: {doubt}",
                id = shown(id)
            ))),
            (_, Some(_)) => Ok(()),
            (_, None) if matches!(doubt, Doubt::Denial) => Err(AdminError::NotFound(format!(
                "{} is not registered",
                shown(id)
            ))),
            (_, None) => Err(AdminError::NotNow(format!(
                "{id}: nothing is changed, since nobody says whether it is registered: {doubt}",
                id = shown(id)
            ))),
        }
    }
}

impl Shared {
    /// Lets nobody say that the indexer of `report`, of which there is no trace, does not
    /// exist before the registry has said so, nor while it does not answer: it may have
    /// been registered since.
    ///
    /// # Errors
    /// Nobody says whether it is registered.
    pub(super) fn expect_word(&self, report: &IndexerReport) -> Result<(), AdminError> {
        let problem = lock(&self.health).registry_problem.clone();
        let why = match (&report.desired, problem) {
            (Desired::Deleted { .. }, _) => return Ok(()),
            (_, Some(problem)) => problem,
            (Desired::Unknown, None) => "the registry has not answered since the start".to_owned(),
            (Desired::Missing | Desired::Unlisted(_) | Desired::Present(_), None) => return Ok(()),
        };
        Err(AdminError::NotNow(format!(
            "{}: it has no record, and nobody says whether it is registered: {why}",
            shown(&report.id)
        )))
    }
}

async fn answer(shared: &Shared, id: &IndexerId) -> Result<(Desired, Option<u64>), RegistryError> {
    if !shared.owns(id) && !matches!(known(shared, id), Desired::Present(_)) {
        return shared.ask(id).await;
    }
    let patience = shared.knobs.registry_patience;
    let answer = timeout(patience, shared.ask(id)).await;
    answer.unwrap_or_else(|_| {
        Err(RegistryError::Unavailable(format!(
            "no answer in {patience:?}"
        )))
    })
}

fn known(shared: &Shared, id: &IndexerId) -> Desired {
    lock(&shared.desired).desired(id)
}

fn deleted(id: &IndexerId, at: u64) -> AdminError {
    AdminError::NotFound(format!("{} was deleted in block {at}", shown(id)))
}
