//! An entry of the registry, as listings show it: changes within one block that lead back
//! to what was there cannot be seen.

use sim_node::Time;

/// So many changes within one block are remembered.
const EARLIER_KEPT: usize = 64;

/// What an entry said before in the same block.
#[derive(Debug)]
struct Said<W> {
    content: u64,
    until: Time,
    /// What was waited for when that changed.
    waiting: Option<W>,
}

/// What the registry says of an indexer. `W` is what somebody waits for because of it.
#[derive(Debug)]
pub(super) struct Entry<W> {
    version: u64,
    /// None if it is deleted.
    content: Option<u64>,
    earlier: Vec<Said<W>>,
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

impl<W> Entry<W> {
    /// Whether it is registered.
    pub fn is_there(&self) -> bool {
        self.content.is_some()
    }

    /// It is deleted, while `waiting` is waited for.
    pub fn delete(&mut self, now: Time, waiting: Option<W>) {
        let said = self.content.take().map(|content| Said {
            content,
            until: now,
            waiting,
        });
        if self.earlier.len() < EARLIER_KEPT {
            self.earlier.extend(said);
        }
    }

    /// It is registered so, while `waiting` is waited for; the newest answer that was heard
    /// is from `heard`. Returns what is waited for now if no answer shows a difference.
    pub fn say(
        &mut self,
        now: Time,
        (version, content): (u64, u64),
        waiting: Option<W>,
        heard: Option<Time>,
    ) -> Option<Option<W>> {
        if self.version != version {
            (self.version, self.content) = (version, Some(content));
            self.earlier.clear();
            return None;
        }
        if self.content == Some(content) {
            return Some(waiting);
        }
        self.delete(now, waiting);
        self.content = Some(content);
        let place = self.earlier.iter().position(|said| said.content == content);
        let place = place.filter(|place| heard <= Some(self.earlier[*place].until))?;
        self.earlier.drain(place..).next().map(|said| said.waiting)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_leads_back_within_one_block_is_no_news() {
        let (mut entry, early) = (Entry::default(), Some(Time(1)));
        let mut say = |at, content, waiting| entry.say(Time(at), (7, content), waiting, early);
        assert_eq!(say(1, 1, None), None);
        assert_eq!(say(2, 1, Some("one")), Some(Some("one")));
        assert_eq!(say(3, 2, Some("one")), None);
        assert_eq!(say(4, 3, Some("two")), None);
        assert_eq!(say(5, 1, Some("three")), Some(Some("one")));
        entry.delete(Time(6), None);
        assert!(!entry.is_there());
        let mut say = |at, content, waiting| entry.say(Time(at), (7, content), waiting, early);
        assert_eq!(say(7, 1, Some("gone")), Some(None));
        // The other one was forgotten with what led back.
        assert_eq!(say(8, 2, None), None);
    }

    #[test]
    fn what_was_heard_of_is_news_whether_or_not_it_still_waits() {
        for (heard, waiting) in [(2, Some("two")), (4, Some("two")), (4, None)] {
            let mut entry = Entry::default();
            let mut say = |at, content, waiting, heard| {
                entry.say(Time(at), (7, content), waiting, Some(Time(heard)))
            };
            assert_eq!(say(1, 1, None, 0), None);
            assert_eq!(say(3, 2, Some("one"), 2), None);
            let back = say(5, 1, waiting, heard);
            assert_eq!(back, (heard < 3).then_some(Some("one")));
        }
    }

    #[test]
    fn what_is_of_another_block_is_news() {
        let mut entry = Entry::default();
        assert_eq!(entry.say(Time(1), (7, 1), None, None), None);
        entry.delete(Time(2), None);
        assert_eq!(entry.say(Time(3), (8, 1), Some("gone"), None), None);
    }
}
