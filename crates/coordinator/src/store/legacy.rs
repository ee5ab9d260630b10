//! What records meant before they were this coordinator's own.
//!
//! The original wrote, over time: no record but a key with the version of the
//! stream; then a record with only `block_stream_synced_at`; then also
//! `enabled`; then the indexer's names; then `provisioned_state`; and at last
//! `lifecycle_state` in its place, whose `Stopping` and `Stopped` were later
//! renamed. All of them are read, for ever.
//!
//! The original's own upgrade took every record without `lifecycle_state` for
//! running, even where provisioning had failed. Here that holds for records
//! without any provisioning state and for `Provisioned`; all other provisioning
//! states are provisioned again, which is harmless where nothing is missing and
//! heals where something is.

use std::fmt;

use lifecycle::{IndexerId, Phase, Record, Run, Target};
use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, Unexpected, Visitor};

/// The values that `lifecycle_state` ever had.
#[derive(Clone, Copy, serde::Deserialize)]
pub(super) enum LifecycleState {
    Initializing,
    Running,
    #[serde(alias = "Stopping")]
    Suspending,
    #[serde(alias = "Stopped")]
    Suspended,
    Repairing,
    Deleting,
    Deleted,
}

/// The record of an indexer of which there is only the version of its stream.
pub(super) fn first_format(id: &IndexerId, version: u64) -> Record {
    Record {
        phase: Phase::Running,
        synced_at: Some(version),
        provisioned: true,
        run: run_of(Some(version)),
        ..Record::new(id.clone())
    }
}

impl From<LifecycleState> for Phase {
    fn from(state: LifecycleState) -> Phase {
        match state {
            LifecycleState::Initializing => Phase::Initializing,
            LifecycleState::Running => Phase::Running,
            LifecycleState::Suspending => Phase::Suspending,
            LifecycleState::Suspended => Phase::Suspended,
            LifecycleState::Repairing => Phase::Repairing,
            // A deletion that is over is checked once more, then removed.
            LifecycleState::Deleting | LifecycleState::Deleted => Phase::Deleting,
        }
    }
}

/// What `provisioned_state` says. It was a name, or an object with a name as its
/// only field and the id of a task in it; tasks that old are not taken over.
#[derive(Clone, Copy)]
pub(super) enum ProvisionedState {
    /// The data layer exists.
    Provisioned,
    /// It may be missing, in part or as a whole.
    Uncertain,
}

impl<'de> Deserialize<'de> for ProvisionedState {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<ProvisionedState, D::Error> {
        struct StateVisitor;

        impl<'de> Visitor<'de> for StateVisitor {
            type Value = ProvisionedState;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a provisioning state")
            }

            fn visit_str<E: Error>(self, name: &str) -> Result<ProvisionedState, E> {
                match name {
                    "Provisioned" => Ok(ProvisionedState::Provisioned),
                    "Unprovisioned" | "Failed" | "Provisioning" | "Deprovisioning" => {
                        Ok(ProvisionedState::Uncertain)
                    }
                    other => Err(E::invalid_value(Unexpected::Str(other), &self)),
                }
            }

            fn visit_map<A: MapAccess<'de>>(
                self,
                mut map: A,
            ) -> Result<ProvisionedState, A::Error> {
                let Some(name) = map.next_key::<String>()? else {
                    return Err(Error::invalid_length(0, &self));
                };
                map.next_value::<IgnoredAny>()?;
                if map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {
                    return Err(Error::invalid_length(2, &self));
                }
                self.visit_str(&name)
            }
        }

        deserializer.deserialize_any(StateVisitor)
    }
}

/// The phase of a record without `lifecycle_state`.
pub(super) fn phase_of(provisioned: Option<ProvisionedState>) -> Phase {
    match provisioned {
        None | Some(ProvisionedState::Provisioned) => Phase::Running,
        Some(ProvisionedState::Uncertain) => Phase::Initializing,
    }
}

/// Whether the data layer exists, by the phase that the original left behind.
/// Its `Repairing` means that provisioning went wrong. What is switched off and has never
/// run may have been so before it had a data layer: this coordinator allows that, and an
/// original in between passes on the phase alone. Provisioning again does no harm.
pub(super) fn provisioned_in(phase: Phase, synced_at: Option<u64>) -> bool {
    match phase {
        Phase::Initializing | Phase::Repairing => false,
        Phase::Suspending | Phase::Suspended => synced_at.is_some(),
        Phase::Running | Phase::Deleting | Phase::Deleted => true,
    }
}

/// The run that the original left behind. It knew the version only.
pub(super) fn run_of(synced_at: Option<u64>) -> Option<Run> {
    synced_at.map(|version| Run {
        target: Target {
            version,
            hash: None,
        },
        start: None,
        prepared: true,
    })
}
