//! S14: nothing panics.

use super::finding::Finding;

/// S14. Verifies that product code does not panic, whatever it is told.
pub(super) fn no_panic(message: &str) -> Option<Finding> {
    Some(Finding {
        oracle: "S14",
        indexer: None,
        sentence: format!("a panic: {message}"),
    })
}
