//! A service's listing from tick to tick: what of an answer is news.

use std::collections::BTreeMap;

use lifecycle::IndexerId;

use super::ServiceError;

#[cfg(test)]
mod tests;

/// The most entries of a listing.
pub(super) const LISTED_MAX: usize = 200_000;

/// One entry of an answer, as it is on the wire.
pub trait Entry: PartialEq {
    /// What it is in terms of the domain.
    type View;

    /// The account and the function that it names.
    fn name(&self) -> (&str, &str);

    /// What it says.
    fn view(&self) -> Self::View;
}

/// What is new in an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// It cannot be told by entry: everything may be new.
    Anything,
    /// Only the entries at these positions, whose names are those of before.
    At(Vec<usize>),
}

/// The last usable answer.
///
/// Most answers equal the one before; telling so costs no more than comparing.
#[derive(Clone, Debug)]
pub struct Listing<T> {
    entries: Vec<T>,
    /// The names of `entries`; `None` for what names no indexer.
    ids: Vec<Option<IndexerId>>,
    /// Where in `entries` an indexer is; the last one if it is listed twice.
    positions: BTreeMap<IndexerId, usize>,
    /// Whether no indexer is listed twice. Not so before the first answer.
    distinct: bool,
}

impl<T> Default for Listing<T> {
    fn default() -> Listing<T> {
        Listing {
            entries: Vec::new(),
            ids: Vec::new(),
            positions: BTreeMap::new(),
            distinct: false,
        }
    }
}

impl<T: Entry> Listing<T> {
    /// Takes in an answer of `service`. Entries that name no indexer are left
    /// out, and counted in the log when the names change.
    ///
    /// # Errors
    /// It has too many entries; the last usable answer stays.
    pub(super) fn take(
        &mut self,
        service: &'static str,
        answer: Vec<T>,
    ) -> Result<News, ServiceError> {
        let total = answer.len();
        if total > LISTED_MAX {
            return Err(ServiceError(format!(
                "{service}: it lists {total} entries, more than {LISTED_MAX}"
            )));
        }
        if let Some(changed) = self.changed_in(&answer) {
            if !changed.is_empty() {
                self.entries = answer;
            }
            return Ok(News::At(changed));
        }
        self.index(service, answer);
        Ok(News::Anything)
    }

    /// Where `answer` says something else of the same indexer; `None` if the
    /// indexers are not the same, one by one.
    fn changed_in(&self, answer: &[T]) -> Option<Vec<usize>> {
        if !self.distinct || answer.len() != self.entries.len() {
            return None;
        }
        let mut changed = Vec::new();
        for (position, (before, after)) in self.entries.iter().zip(answer).enumerate() {
            if before != after {
                if before.name() != after.name() {
                    return None;
                }
                changed.push(position);
            }
        }
        Some(changed)
    }

    fn index(&mut self, service: &'static str, answer: Vec<T>) {
        self.ids = answer
            .iter()
            .map(|entry| {
                let (account, function) = entry.name();
                IndexerId::new(account, function).ok()
            })
            .collect();
        self.positions = (self.ids.iter().enumerate())
            .filter_map(|(position, id)| Some((id.clone()?, position)))
            .collect();
        let named = self.ids.iter().flatten().count();
        self.distinct = named == self.positions.len();
        let skipped = answer.len() - named;
        self.entries = answer;
        if skipped > 0 {
            tracing::warn!(
                service,
                skipped,
                "a listing has entries that name no indexer"
            );
        }
    }

    /// Everything that is listed; of an indexer that is listed twice the later
    /// entry.
    pub fn all(&self) -> BTreeMap<IndexerId, T::View> {
        self.positions
            .iter()
            .filter_map(|(id, position)| Some((id.clone(), self.entries.get(*position)?.view())))
            .collect()
    }

    /// What is listed at `positions`, without what names no indexer.
    pub fn at(&self, positions: &[usize]) -> Vec<(IndexerId, T::View)> {
        positions
            .iter()
            .filter_map(|position| {
                let id = self.ids.get(*position)?.clone()?;
                Some((id, self.entries.get(*position)?.view()))
            })
            .collect()
    }

    /// What is listed of `id`.
    pub fn of(&self, id: &IndexerId) -> Option<T::View> {
        let position = self.positions.get(id)?;
        self.entries.get(*position).map(Entry::view)
    }
}
