//! Records as JSON.
//!
//! A record is an object with the five fields of the original coordinator, in
//! its order and with its values, and one more, `coordinator`, that holds what
//! only this one knows. The original skips that field when it reads and leaves
//! it out when it writes; a record without it is therefore the original's, and
//! is read as the module `legacy` says. Fields that nobody here knows are kept.

use bytes::Bytes;
use lifecycle::{IndexerId, Phase, Record};

use super::fields::Fields;
use super::{keys, legacy};
use crate::sentence::sentence;

/// The version of the `coordinator` object.
const FORMAT: u64 = 1;

/// The largest record, in bytes.
pub const RECORD_LEN_MAX: usize = 1 << 20;

const ACCOUNT: &str = "account_id";
const FUNCTION: &str = "function_name";
const SYNCED_AT: &str = "block_stream_synced_at";
const ENABLED: &str = "enabled";
const LIFECYCLE: &str = "lifecycle_state";
const PROVISIONED_STATE: &str = "provisioned_state";
const OWN: &str = "coordinator";
const OUTER: [&str; 7] = [
    ACCOUNT,
    FUNCTION,
    SYNCED_AT,
    ENABLED,
    LIFECYCLE,
    PROVISIONED_STATE,
    OWN,
];
const INNER: [&str; 10] = [
    "format",
    "revision",
    "provisioned",
    "run",
    "task",
    "repair",
    "tombstone",
    "registered",
    "hold",
    "inherited",
];

/// A record together with what the store holds for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The record.
    pub record: Record,
    /// Grows by one with every write of this coordinator; 0 for a record that
    /// the original wrote.
    pub revision: u64,
    /// The bytes in the store; what a compare-and-set expects.
    pub raw: Bytes,
}

/// A value that is no record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the record `{key}` is unreadable: {why}")]
pub struct Corrupt {
    /// Its key.
    pub key: String,
    /// What is wrong with it, for people; bounded.
    pub why: String,
}

/// Reads the value of `key`, in today's form or any earlier one.
///
/// # Errors
/// The key names no indexer, or the value is no record of that indexer, or one
/// of a newer format, or larger than [`RECORD_LEN_MAX`].
pub fn decode(key: &str, raw: &Bytes) -> Result<Stored, Corrupt> {
    let corrupt = |why: String| Corrupt {
        key: key.to_owned(),
        why: sentence(&why),
    };
    let id = keys::indexer_of(key).map_err(|error| corrupt(error.to_string()))?;
    let (record, revision) = decode_value(id, raw).map_err(corrupt)?;
    Ok(Stored {
        record,
        revision,
        raw: raw.clone(),
    })
}

/// The value that `record` is stored as, in place of `previous`.
///
/// # Errors
/// It would be larger than [`RECORD_LEN_MAX`].
pub fn encode(record: &Record, previous: Option<&Stored>) -> Result<Bytes, Corrupt> {
    let raw = encode_value(record, previous).map_err(|error| Corrupt {
        key: keys::state(&record.id),
        why: error.to_string(),
    })?;
    if raw.len() > RECORD_LEN_MAX {
        return Err(Corrupt {
            key: keys::state(&record.id),
            why: too_large(raw.len()),
        });
    }
    Ok(raw.into())
}

fn too_large(len: usize) -> String {
    format!("it has {len} bytes, more than {RECORD_LEN_MAX}")
}

fn decode_value(id: IndexerId, raw: &[u8]) -> Result<(Record, u64), String> {
    if raw.len() > RECORD_LEN_MAX {
        return Err(too_large(raw.len()));
    }
    let mut fields: Fields = serde_json::from_slice(raw).map_err(|error| error.to_string())?;
    if !fields.has_any(&OUTER) {
        return Err("it has no field of a record".to_owned());
    }
    expect_name(&mut fields, ACCOUNT, id.account())?;
    expect_name(&mut fields, FUNCTION, id.function())?;
    let synced_at = fields.take(SYNCED_AT)?;
    let enabled = fields.take(ENABLED)?.unwrap_or(true);
    let provisioned_state = fields.take(PROVISIONED_STATE)?;
    let phase = match fields.take::<legacy::LifecycleState>(LIFECYCLE)? {
        Some(state) => Phase::from(state),
        None => legacy::phase_of(provisioned_state),
    };
    let outer = Record {
        enabled,
        phase,
        synced_at,
        ..Record::new(id)
    };
    match fields.take::<Fields>(OWN)? {
        Some(own) => with_own(outer, own),
        None => Ok((
            Record {
                provisioned: legacy::provisioned_in(phase, synced_at),
                run: legacy::run_of(synced_at),
                inherited: synced_at.is_none(),
                ..outer
            },
            0,
        )),
    }
}

fn with_own(outer: Record, mut own: Fields) -> Result<(Record, u64), String> {
    let format: u64 = required(&mut own, "format")?;
    if format != FORMAT {
        return Err(format!(
            "its format is {format}, this coordinator knows format {FORMAT}"
        ));
    }
    let revision = required(&mut own, "revision")?;
    let record = Record {
        provisioned: required(&mut own, "provisioned")?,
        run: own.take("run")?,
        task: own.take("task")?,
        repair: own.take("repair")?,
        tombstone: own.take("tombstone")?,
        registered: own.take("registered")?,
        hold: own.take("hold")?,
        inherited: own.take("inherited")?.unwrap_or(false),
        ..outer
    };
    Ok((record, revision))
}

fn required<T: serde::de::DeserializeOwned>(own: &mut Fields, name: &str) -> Result<T, String> {
    own.take(name)?
        .ok_or_else(|| format!("its field `{OWN}.{name}` is missing"))
}

/// A record that carries names must carry those of its key.
fn expect_name(fields: &mut Fields, field: &str, expected: &str) -> Result<(), String> {
    match fields.take::<String>(field)? {
        Some(name) if name != expected => Err(format!(
            "its field `{field}` is another than the key's: {}",
            name.chars().take(80).collect::<String>()
        )),
        _ => Ok(()),
    }
}

fn encode_value(record: &Record, previous: Option<&Stored>) -> Result<Vec<u8>, serde_json::Error> {
    let mut kept: Fields = previous
        .and_then(|previous| serde_json::from_slice(&previous.raw).ok())
        .unwrap_or_default();
    let kept_own = kept.take::<Fields>(OWN).ok().flatten().unwrap_or_default();
    let revision = previous.map_or(0, |previous| previous.revision);

    let mut own = Fields::default();
    own.put("format", &FORMAT)?;
    own.put("revision", &revision.saturating_add(1))?;
    own.put("provisioned", &record.provisioned)?;
    own.put_some("run", record.run.as_ref())?;
    own.put_some("task", record.task.as_ref())?;
    own.put_some("repair", record.repair.as_ref())?;
    own.put_some("tombstone", record.tombstone.as_ref())?;
    own.put_some("registered", record.registered.as_ref())?;
    own.put_some("hold", record.hold.as_ref())?;
    let inherited = record.inherited && record.run.is_none();
    own.put_some("inherited", inherited.then_some(&true))?;
    own.append(kept_own.without(&INNER));

    let mut fields = Fields::default();
    fields.put(ACCOUNT, &record.id.account())?;
    fields.put(FUNCTION, &record.id.function())?;
    fields.put(SYNCED_AT, &record.synced_at)?;
    fields.put(ENABLED, &record.enabled)?;
    fields.put(LIFECYCLE, &record.phase)?;
    fields.put(OWN, &own)?;
    fields.append(kept.without(&OUTER));
    serde_json::to_vec(&fields)
}
