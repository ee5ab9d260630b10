//! What the store holds for an indexer, read independently of the coordinator.

use std::collections::BTreeMap;

use lifecycle::{Cause, Phase};
use serde::Deserialize;
use serde::de::IgnoredAny;

/// The current run, as the record claims it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct Run {
    target: Target,
    pub start: Option<u64>,
    pub prepared: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
struct Target {
    version: u64,
}

impl Run {
    pub fn version(&self) -> u64 {
        self.target.version
    }
}

/// The provisioning task.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct Task {
    pub id: Option<String>,
    /// When it was meant, in milliseconds.
    #[serde(default)]
    pub since: u64,
}

/// The retry in progress.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct Repair {
    pub cause: Cause,
    pub limited: bool,
    pub attempts: u32,
    /// When it began, in milliseconds.
    #[serde(default)]
    pub first_at: u64,
    /// Not before this it is tried again, in milliseconds.
    #[serde(default)]
    pub next_at: u64,
}

impl Repair {
    /// Whether it stays put until something changes.
    pub fn gave_up(&self, attempts_max: u32) -> bool {
        let bounded = self.limited || self.cause.is_restart();
        self.cause == Cause::UnsupportedRule || (bounded && self.attempts >= attempts_max)
    }
}

/// A readable record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub phase: Phase,
    pub enabled: bool,
    pub run: Option<Run>,
    /// The newest version that it knows to have been registered.
    pub registered: Option<u64>,
    pub task: Option<Task>,
    pub repair: Option<Repair>,
    /// The version whose stream was started.
    pub synced: Option<u64>,
    /// An operator holds it.
    pub held: bool,
    /// False for one that another coordinator wrote.
    pub own: bool,
    /// The form it is in, as [`crate::marks::FORMATS`] calls it.
    pub format: &'static str,
}

/// What is known of the stored value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Persisted {
    /// Nothing yet, or no more.
    #[default]
    Unknown,
    /// There is none.
    Nothing,
    /// Something that is no record.
    Corrupt,
    /// A record.
    Known(Record),
}

impl Persisted {
    pub fn read(value: Option<&[u8]>) -> Persisted {
        let Some(bytes) = value else {
            return Persisted::Nothing;
        };
        let fields = serde_json::from_slice::<BTreeMap<String, IgnoredAny>>(bytes);
        let is_one = fields.is_ok_and(|fields| FIELDS.iter().any(|it| fields.contains_key(*it)));
        match serde_json::from_slice::<Outer>(bytes)
            .ok()
            .filter(|_| is_one)
            .and_then(Outer::record)
        {
            Some(record) => Persisted::Known(record),
            None => Persisted::Corrupt,
        }
    }

    pub fn known(&self) -> Option<&Record> {
        match self {
            Persisted::Known(record) => Some(record),
            _ => None,
        }
    }

    pub fn phase(&self) -> Option<Phase> {
        self.known().map(|record| record.phase)
    }
}

/// What has none of these is no record, whoever wrote it.
const FIELDS: [&str; 7] = [
    "account_id",
    "function_name",
    "block_stream_synced_at",
    "enabled",
    "lifecycle_state",
    "provisioned_state",
    "coordinator",
];

#[derive(Deserialize)]
struct Outer {
    enabled: Option<bool>,
    lifecycle_state: Option<String>,
    provisioned_state: Option<serde_json::Value>,
    block_stream_synced_at: Option<u64>,
    coordinator: Option<Inner>,
    account_id: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Inner {
    run: Option<Run>,
    registered: Option<u64>,
    task: Option<Task>,
    repair: Option<Repair>,
    hold: Option<IgnoredAny>,
}

impl Outer {
    fn record(self) -> Option<Record> {
        let phase = match self.lifecycle_state.as_deref() {
            Some("Stopping") => Phase::Suspending,
            Some("Stopped") => Phase::Suspended,
            Some("Deleted") => Phase::Deleting,
            Some(name) => Phase::ALL
                .into_iter()
                .find(|phase| phase.to_string() == name)?,
            // Formats older than the lifecycle itself.
            None => match self.provisioned_state.as_ref().map(|state| state.as_str()) {
                None | Some(Some("Provisioned")) => Phase::Running,
                Some(_) => Phase::Initializing,
            },
        };
        let own = self.coordinator.is_some();
        let format = self.format();
        // Other programs know of a run's version only.
        let old_run = self.block_stream_synced_at.map(|version| Run {
            target: Target { version },
            start: None,
            prepared: true,
        });
        let inner = self.coordinator.unwrap_or(Inner {
            run: old_run,
            registered: None,
            task: None,
            repair: None,
            hold: None,
        });
        Some(Record {
            phase,
            enabled: self.enabled.unwrap_or(true),
            run: inner.run,
            registered: inner.registered.max(inner.run.map(|run| run.version())),
            task: inner.task,
            repair: inner.repair,
            synced: self.block_stream_synced_at,
            held: inner.hold.is_some(),
            own,
            format,
        })
    }

    /// Which of the forms that were ever written it is.
    fn format(&self) -> &'static str {
        match self.lifecycle_state.as_deref() {
            _ if self.coordinator.is_some() => "own",
            Some("Stopping" | "Stopped") => "stopping",
            Some(_) => "original",
            None if self.provisioned_state.is_some() => "provisioned",
            None if self.account_id.is_some() => "named",
            None if self.enabled.is_some() => "enabled",
            None => "synced",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_coordinators_records_are_read_and_garbage_is_told_apart() {
        let own = br#"{"account_id":"a.near","function_name":"f","block_stream_synced_at":7,
            "enabled":false,"lifecycle_state":"Repairing","coordinator":{"format":1,"revision":3,
            "provisioned":true,"run":{"target":{"version":7,"hash":null},"start":5,"prepared":true},
            "task":{"id":"t","since":1},"repair":{"from":"Running","cause":"UnsupportedRule",
            "detail":"","limited":true,"attempts":1,"first_at":0,"last_at":0,"next_at":0}}}"#;
        let read = Persisted::read(Some(own));
        let record = read.known().unwrap();
        assert_eq!(
            (record.phase, record.enabled, record.own),
            (Phase::Repairing, false, true)
        );
        assert!(!record.held);
        let held = br#"{"lifecycle_state":"Running","coordinator":{"format":1,"revision":1,
            "provisioned":true,"hold":{"by":"o","reason":"r","since":1}}}"#;
        assert!(Persisted::read(Some(held)).known().unwrap().held);
        assert_eq!(
            record.run.map(|run| (run.version(), run.start)),
            Some((7, Some(5)))
        );
        assert_eq!(record.synced, Some(7));
        assert!(record.repair.as_ref().unwrap().gave_up(8));
        let old = br#"{"enabled":true,"lifecycle_state":"Stopped"}"#;
        assert_eq!(Persisted::read(Some(old)).phase(), Some(Phase::Suspended));
        for garbage in ["{}x", "{}", r#"{"region":1}"#] {
            let read = Persisted::read(Some(garbage.as_bytes()));
            assert_eq!(read, Persisted::Corrupt, "{garbage}");
        }
        assert_eq!(
            Persisted::read(Some(br#"{"lifecycle_state":"What"}"#)),
            Persisted::Corrupt
        );
        assert_eq!(Persisted::read(None), Persisted::Nothing);
    }
}
