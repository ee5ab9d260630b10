//! An entry of the registry, as listings show it: changes within one block that lead back
//! to what was there cannot be seen.

/// So many changes within one block are remembered.
const EARLIER_KEPT: usize = 64;

/// What the registry says of an indexer. `W` is what somebody waits for because of it.
#[derive(Debug)]
pub(super) struct Entry<W> {
    version: u64,
    /// None if it is deleted.
    content: Option<u64>,
    /// What it said before in the same block, and what was waited for when that changed.
    earlier: Vec<(u64, Option<W>)>,
}

impl<W> Default for Entry<W> {
    fn default() -> Entry<W> {
        Entry {
            version: 0,
            content: None,
            earlier: Vec::new(),
        }
    }
}

impl<W: Copy> Entry<W> {
    /// Whether it is registered.
    pub fn is_there(&self) -> bool {
        self.content.is_some()
    }

    /// It is deleted, while `waiting` is waited for.
    pub fn delete(&mut self, waiting: Option<W>) {
        let said = self.content.take();
        if self.earlier.len() < EARLIER_KEPT {
            self.earlier.extend(said.map(|said| (said, waiting)));
        }
    }

    /// It is registered so, while `waiting` is waited for, of which nobody has heard if it
    /// is `unheard`. Returns what is waited for now if no listing shows a difference.
    pub fn say(
        &mut self,
        version: u64,
        content: u64,
        waiting: Option<W>,
        unheard: bool,
    ) -> Option<Option<W>> {
        if self.version != version {
            (self.version, self.content) = (version, Some(content));
            self.earlier.clear();
            return None;
        }
        if self.content == Some(content) {
            return Some(waiting);
        }
        self.delete(waiting);
        self.content = Some(content);
        let place = self.earlier.iter().position(|(said, _)| *said == content);
        let place = place.filter(|_| unheard)?;
        let before = self.earlier.drain(place..).next();
        before.map(|(_, before)| before)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_leads_back_within_one_block_is_no_news() {
        let mut entry = Entry::default();
        assert_eq!(entry.say(7, 1, None, true), None);
        assert_eq!(entry.say(7, 1, Some("one"), true), Some(Some("one")));
        assert_eq!(entry.say(7, 2, Some("one"), true), None);
        assert_eq!(entry.say(7, 3, Some("two"), true), None);
        assert_eq!(entry.say(7, 1, Some("three"), true), Some(Some("one")));
        entry.delete(None);
        assert!(!entry.is_there());
        assert_eq!(entry.say(7, 1, Some("gone"), true), Some(None));
        // The other one was forgotten with what led back.
        assert_eq!(entry.say(7, 2, None, true), None);
    }

    #[test]
    fn what_was_heard_of_or_is_of_another_block_is_news() {
        let mut entry = Entry::default();
        assert_eq!(entry.say(7, 1, None, true), None);
        entry.delete(None);
        assert_eq!(entry.say(7, 1, Some("gone"), false), None);
        entry.delete(None);
        assert_eq!(entry.say(8, 1, Some("gone"), true), None);
    }
}
