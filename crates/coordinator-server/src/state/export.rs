//! Everything that a store holds of the coordinator's own.

use std::sync::Arc;
use std::time::Duration;

use coordinator::store::codec::RECORD_LEN_MAX;
use coordinator::store::{RecordStore, StoreError, StoreTransport, StoredHeight, keys};

use super::lines::{Record, State, fits, shortened};

/// What was taken out of a store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Export {
    /// What goes into the file.
    pub state: State,
    /// What is worth knowing of single records, for people.
    pub remarks: Vec<String>,
}

/// Reads all records and the registry's height out of `store`, whose name is
/// `source`. Queues and cursors belong to the services and stay where they are.
/// Nothing is changed.
///
/// # Errors
/// A read failed, or there are more records than a file may hold.
pub async fn export(
    store: Arc<dyn StoreTransport>,
    deadline: Duration,
    source: &str,
) -> Result<Export, StoreError> {
    let records = RecordStore::new(Arc::clone(&store), deadline);
    let loaded = records.load_all().await?;
    if !fits(loaded.len()) {
        let many = loaded.len();
        return Err(StoreError::Rejected(format!(
            "it lists {many} records, more than a file may hold"
        )));
    }
    let mut export = Export::default();
    export.state.source = source.to_owned();
    let height = records.high_water().await?;
    export.state.registry_height = height.number();
    if let StoredHeight::Unreadable(why) = &height {
        let remark = format!("the registry's height: {why}; it is left out");
        export.remarks.push(remark);
    }
    for (key, stored) in loaded {
        let value = match stored {
            Ok(stored) => stored.raw,
            Err(corrupt) => {
                let why = shortened(&corrupt.to_string());
                let raw = store.get_many(std::slice::from_ref(&key)).await?;
                let raw = raw.into_iter().next().flatten();
                let usable =
                    raw.filter(|raw| raw.len() <= RECORD_LEN_MAX && keys::indexer_of(&key).is_ok());
                match usable {
                    Some(raw) => {
                        export
                            .remarks
                            .push(format!("{why}; it is exported as it is"));
                        raw
                    }
                    None => {
                        export.remarks.push(format!("{why}; it is left out"));
                        continue;
                    }
                }
            }
        };
        let line = 0;
        export.state.records.push(Record { line, key, value });
    }
    Ok(export)
}
