//! What a judge has to say.

/// A violated property.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    /// The property's id.
    pub oracle: &'static str,
    /// Whose; `None` if it is about nobody in particular.
    pub indexer: Option<usize>,
    /// What happened, in words.
    pub sentence: String,
}

impl Finding {
    pub fn about(oracle: &'static str, indexer: usize, sentence: String) -> Option<Finding> {
        Some(Finding {
            oracle,
            indexer: Some(indexer),
            sentence,
        })
    }
}
