//! S4 and S5: nothing is started that was not wanted, and no older version.

use std::collections::BTreeMap;

use sim_node::Time;

use super::finding::Finding;
use super::truth::Truth;
use crate::history::{CallId, Method};

/// S4. Verifies that whatever is started was wanted within the observation
/// delay before the call was sent: registered in that version, and not
/// disabled. Judges the decision, so a late delivery of a timely call is right.
pub(super) fn no_resurrection(
    truth: &Truth,
    number: usize,
    method: Method,
    version: Option<u64>,
    (call, sent_at): (CallId, Time),
) -> Option<Finding> {
    if truth.may_want(number, version, call, sent_at) {
        return None;
    }
    let key = &truth.at(number).key;
    let what = version.map_or("it".to_owned(), |version| format!("version {version}"));
    let sentence =
        format!("{key}: {method:?}, sent at {sent_at}, took effect while {what} was not wanted");
    Finding::about("S4", number, sentence)
}

/// When calls with a version were first and last sent.
type SentBetween = BTreeMap<u64, (Time, Time)>;

/// What was sent in one life of an indexer.
#[derive(Default)]
struct Sent {
    since: Time,
    versions: SentBetween,
    /// When another program last left its record, as far as was seen.
    left_at: Option<Time>,
}

/// S5. Verifies that within one registration life a call that was sent later
/// never carries an older version, across restarts of the coordinator; and none of
/// an earlier life once the record of this one was begun by whoever knew of it. Says
/// nothing about indexers whose record was lost or tampered with, nor of versions that
/// another program left unmentioned: who finds its record knows the registry alone, whose
/// news may be old.
#[derive(Default)]
pub(super) struct Monotone {
    lives: BTreeMap<usize, Sent>,
}

impl Monotone {
    /// Judges a start that took effect.
    pub fn applied(
        &mut self,
        truth: &Truth,
        number: usize,
        version: u64,
        sent_at: Time,
    ) -> Option<Finding> {
        let indexer = truth.at(number);
        let life = indexer.desire.life_since;
        let sent = self.lives.entry(number).or_default();
        if sent.since != life {
            sent.since = life;
            sent.versions.clear();
        }
        if let Some((at, told)) = indexer.left_by_another
            && sent.left_at.replace(at) != Some(at)
        {
            sent.versions.retain(|version, _| Some(*version) <= told);
        }
        let began = sent.left_at.map_or(life, |at| life.max(at));
        if indexer.relaxed || sent_at < began {
            return None;
        }
        let versions = &mut sent.versions;
        let first = indexer.desire.life_version;
        if version < first && indexer.begun_at.is_some_and(|begun| begun < sent_at) {
            let key = &indexer.key;
            let sentence = format!(
                "{key}: version {version} of an earlier life was started after the life of \
                 version {first} had been begun"
            );
            return Finding::about("S5", number, sentence);
        }
        let newer = versions
            .range(version.saturating_add(1)..)
            .find(|(_, (first, _))| *first < sent_at)
            .map(|(newer, _)| (*newer, version));
        let older = versions
            .range(..version)
            .find(|(_, (_, last))| *last > sent_at)
            .map(|(older, _)| (version, *older));
        let sent = versions.entry(version).or_insert((sent_at, sent_at));
        *sent = (sent.0.min(sent_at), sent.1.max(sent_at));
        let (newer, older) = newer.or(older)?;
        let key = &indexer.key;
        let sentence = format!("{key}: version {older} was started after version {newer} had been");
        Finding::about("S5", number, sentence)
    }
}
