//! What a run without faults tells about its sites.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sim_node::IndexerKey;

use super::site::{Place, Site};
use crate::history::Method;

/// Answers that a stale read can be given: the oldest of the last so many.
const KEPT: usize = 8;

/// A site of a recorded run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recorded {
    /// Which.
    pub site: Site,
    /// When, in microseconds since the start of the run.
    pub at_micros: u64,
    /// Of a read: the one before and the one after it got the same answer, and
    /// nothing was changed in between.
    pub repeated: bool,
    /// Of a read: an earlier answer would have said something else.
    pub news: bool,
}

/// What a sweep learns from a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Swept {
    /// The sites in the order in which they came up, if they were recorded.
    pub sites: Vec<Recorded>,
    /// The sites of the plan that came up.
    pub reached: Vec<Site>,
    /// What calls did to the nodes and the data of each indexer, in order, if they were
    /// counted: the call and the version in it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub courses: BTreeMap<String, Vec<String>>,
}

impl Swept {
    /// Whether nothing was learned.
    pub fn is_empty(&self) -> bool {
        self.sites.is_empty() && self.reached.is_empty() && self.courses.is_empty()
    }
}

type Question = (Method, Option<IndexerKey>);

/// One read: which of the sites, what it said, and how many effects there were
/// before it.
#[derive(Clone, Copy, Debug)]
struct Read {
    place: usize,
    answer: Option<u64>,
    news: Option<bool>,
    effects: u64,
}

/// Collects the sites of a run.
#[derive(Clone, Debug, Default)]
pub struct Recorder {
    sites: Vec<Recorded>,
    effects: u64,
    reads: BTreeMap<Question, Vec<Read>>,
}

impl Recorder {
    /// Takes note of a site.
    pub fn note(&mut self, site: Site, at_micros: u64) {
        if let Place::Call(method) = site.place {
            if method.is_effect() {
                self.effects += 1;
            } else {
                let read = Read {
                    place: self.sites.len(),
                    answer: None,
                    news: None,
                    effects: self.effects,
                };
                let question = (method, site.indexer.clone());
                self.reads.entry(question).or_default().push(read);
            }
        }
        self.sites.push(Recorded {
            site,
            at_micros,
            repeated: false,
            news: false,
        });
    }

    /// Takes note of what the `nth` read of its kind was told, as a hash. `news`:
    /// whether an old answer would have said something else; if not given, that
    /// is found out from the answers before it.
    pub fn answered(
        &mut self,
        method: Method,
        indexer: Option<&IndexerKey>,
        nth: u64,
        hash: u64,
        news: Option<bool>,
    ) {
        let question = (method, indexer.cloned());
        let nth = usize::try_from(nth).unwrap_or(usize::MAX);
        let reads = self.reads.get_mut(&question);
        let read = reads.and_then(|reads| reads.get_mut(nth.checked_sub(1)?));
        if let Some(read) = read {
            read.answer = Some(hash);
            read.news = news;
        }
    }

    /// All sites, in the order in which they came up.
    pub fn finish(mut self) -> Vec<Recorded> {
        for reads in self.reads.values() {
            for (number, read) in reads.iter().enumerate() {
                let Some(recorded) = self.sites.get_mut(read.place) else {
                    continue;
                };
                let same = |other: Option<&Read>| {
                    let same = |it: &Read| it.answer == read.answer && it.effects == read.effects;
                    read.answer.is_some() && other.is_some_and(same)
                };
                let before = number.checked_sub(1).and_then(|before| reads.get(before));
                recorded.repeated = same(before) && same(reads.get(number + 1));
                let oldest = reads.get(number.saturating_sub(KEPT));
                let differs = oldest.is_some_and(|oldest| oldest.answer != read.answer);
                recorded.news = read.news.unwrap_or(differs);
            }
        }
        self.sites
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(method: Method, nth: u64) -> Site {
        Site {
            place: Place::Call(method),
            indexer: IndexerKey::parse("a.near/x"),
            nth,
        }
    }

    /// A run in which one read is made again and again; `None` is an effect.
    fn finish(answers: &[Option<u64>]) -> Vec<Recorded> {
        let key = IndexerKey::parse("a.near/x");
        let mut recorder = Recorder::default();
        let (mut reads, mut effects) = (0, 0);
        for (at, answer) in (0..).zip(answers) {
            match answer {
                Some(hash) => {
                    reads += 1;
                    recorder.note(call(Method::GetStream, reads), at);
                    recorder.answered(Method::GetStream, key.as_ref(), reads, *hash, None);
                }
                None => {
                    effects += 1;
                    recorder.note(call(Method::StartStream, effects), at);
                }
            }
        }
        recorder.finish()
    }

    fn repeated(sites: &[Recorded]) -> Vec<bool> {
        sites.iter().map(|site| site.repeated).collect()
    }

    #[test]
    fn sites_keep_their_order_and_numbers() {
        let sites = finish(&[Some(1), None, Some(1), None]);
        let texts: Vec<String> = sites.iter().map(|one| one.site.to_string()).collect();
        let expected = [
            "GetStream@a.near/x#1",
            "StartStream@a.near/x#1",
            "GetStream@a.near/x#2",
            "StartStream@a.near/x#2",
        ];
        assert_eq!(texts, expected);
        assert_eq!(sites.last().map(|site| site.at_micros), Some(3));
    }

    #[test]
    fn of_reads_that_say_the_same_the_first_and_the_last_count() {
        let same = [Some(1); 5];
        assert_eq!(repeated(&finish(&same)), [false, true, true, true, false]);
        let changing = [Some(1), Some(1), Some(2), Some(2)];
        assert_eq!(repeated(&finish(&changing)), [false; 4]);
    }

    #[test]
    fn a_read_after_an_effect_repeats_nothing() {
        let sites = finish(&[Some(1), Some(1), None, Some(1), Some(1), Some(1)]);
        assert_eq!(repeated(&sites), [false, false, false, false, true, false]);
    }

    #[test]
    fn an_old_answer_is_news_until_it_is_forgotten() {
        let mut answers = vec![Some(1)];
        answers.extend([Some(2); 10]);
        let news: Vec<bool> = finish(&answers).iter().map(|site| site.news).collect();
        let mut expected = vec![false];
        expected.extend([true; 8]);
        expected.extend([false; 2]);
        assert_eq!(news, expected);
    }

    #[test]
    fn who_knows_what_an_old_answer_would_be_is_believed() {
        let key = IndexerKey::parse("a.near/x");
        let mut recorder = Recorder::default();
        for (nth, news) in [(1, true), (2, false)] {
            recorder.note(call(Method::RegistryRead, nth), nth);
            recorder.answered(Method::RegistryRead, key.as_ref(), nth, nth, Some(news));
        }
        let news: Vec<bool> = recorder.finish().iter().map(|site| site.news).collect();
        assert_eq!(news, [true, false]);
    }

    #[test]
    fn a_read_that_nobody_answered_counts() {
        let mut recorder = Recorder::default();
        for nth in 1..=3 {
            recorder.note(call(Method::GetStream, nth), nth);
        }
        assert_eq!(repeated(&recorder.finish()), [false; 3]);
    }
}
