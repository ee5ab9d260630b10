//! The names of keys, shared with the data plane and with the original
//! coordinator. The function's name goes in verbatim.

use lifecycle::{IndexerId, InvalidId};

/// The set that holds every record's key.
pub const LISTED: &str = "indexer_states";

/// The newest registry height that was acted upon; decimal.
pub const REGISTRY_HEIGHT: &str = "coordinator:registry_height";

const STATE_SUFFIX: &str = ":state";

/// The record of an indexer.
pub fn state(id: &IndexerId) -> String {
    format!("{id}{STATE_SUFFIX}")
}

/// The queue between an indexer's stream and its executor.
pub fn queue(id: &IndexerId) -> String {
    format!("{id}:block_stream")
}

/// The cursor: the last block that the stream has processed.
pub fn cursor(id: &IndexerId) -> String {
    format!("{id}:last_published_block")
}

/// Where the original's first format kept the version of a stream; nothing writes
/// it any more.
pub fn first_format(id: &IndexerId) -> String {
    format!("{id}:block_stream:version")
}

/// Whose queue and cursor lie beside it, where they are not in the store of the
/// records: what they were cleared for last. Belongs to the data plane's store.
pub fn data_of(id: &IndexerId) -> String {
    format!("{id}:{DATA_OF}")
}

/// How the names of [`data_of`] end, and no other key's.
pub const DATA_OF: &str = "coordinator_data_of";

/// Whose record lies under `key`.
///
/// # Errors
/// It is no key of a record; the error holds the whole key.
pub fn indexer_of(key: &str) -> Result<IndexerId, InvalidId> {
    key.strip_suffix(STATE_SUFFIX)
        .ok_or_else(|| InvalidId(key.to_owned()))
        .and_then(IndexerId::parse)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_those_of_the_data_plane() {
        let id = IndexerId::new("a.near", "f/g:h").unwrap();
        assert_eq!(state(&id), "a.near/f/g:h:state");
        assert_eq!(queue(&id), "a.near/f/g:h:block_stream");
        assert_eq!(cursor(&id), "a.near/f/g:h:last_published_block");
        assert_eq!(indexer_of(&state(&id)), Ok(id));
    }

    #[test]
    fn only_keys_of_records_name_an_indexer() {
        for key in [
            "",
            ":state",
            "a.near:state",
            "/f:state",
            "a.near/f",
            "a.near/f:status",
        ] {
            assert!(indexer_of(key).is_err(), "{key}");
        }
        assert_eq!(
            indexer_of("a.near/:state").map(|id| id.to_string()),
            Ok("a.near/".into())
        );
    }
}
