//! The files, the book, and the answers that follow from them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use coordinator::registry::decode::{ANSWER_LEN_MAX, ENTRIES_MAX};

use crate::book::Book;
use crate::entry::{Key, shown, to_json};
use crate::files::{Stamp, list, stamp};
use crate::heights::{Belief, Chain, Course, RISE_MAX, height_at};
use crate::merge::{Absence, Merged, Source, Sources, merge, name_of};
use crate::problem::{PROBLEMS_MAX, Problem};
use crate::rest::Rest;
use crate::source::{Loaded, load};

/// A file changed within this time of being read, in milliseconds, may change
/// again without showing it: clocks of file systems are coarse.
const YOUNG: u64 = 2_000;

/// The longest time between two looks, and the furthest that a clock goes back by itself,
/// in milliseconds; beyond it, somebody has set the clock.
const JITTER: u64 = 10 * 60_000;

/// The most indexers that are named in a line of the log.
const NAMED_MAX: usize = 10;

/// What is answered about one indexer.
#[derive(Clone, Debug)]
pub(crate) enum Point {
    Entry(Bytes),
    /// No answer can be given, for this reason.
    Withheld(String),
}

/// The answers, until something changes.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    /// `None` as long as nothing could be read.
    pub(crate) listing: Option<Bytes>,
    pub(crate) points: BTreeMap<Key, Point>,
    pub(crate) chain: Option<Chain>,
    /// What is believed, as of when it was taken over.
    pub(crate) belief: Belief,
    /// No answer is of a lower height.
    pub(crate) floor: u64,
}

/// All that is known of the registry at `root`.
pub(crate) struct State {
    root: PathBuf,
    book_path: PathBuf,
    settle: u64,
    sources: Sources,
    rest: Rest,
    book: Book,
    /// Why the file or folder cannot be looked at.
    root_problem: Option<Problem>,
    /// Problems of all files together, and of taking them over.
    common: Vec<Problem>,
    /// A change was not written to the book.
    dirty: bool,
    /// The lowest height that is not believed and keeps an entry from counting, or somebody
    /// from being deleted.
    stuck: Option<u64>,
    /// When it was last looked, in milliseconds since 1970.
    looked: u64,
    answers: Arc<Answers>,
}

impl State {
    pub(crate) fn new(root: PathBuf, book_path: PathBuf, book: Book, settle: u64) -> State {
        State {
            root,
            book_path,
            settle,
            sources: Sources::new(),
            rest: Rest::new(settle),
            book,
            root_problem: None,
            common: Vec::new(),
            dirty: true,
            stuck: None,
            looked: 0,
            answers: Arc::default(),
        }
    }

    pub(crate) fn answers(&self) -> Arc<Answers> {
        self.answers.clone()
    }

    /// Everything that is wrong at the moment, ordered.
    pub(crate) fn problems(&self) -> Vec<Problem> {
        let of_files = self.sources.values().flat_map(|source| &source.problems);
        let of_all = self.root_problem.iter().chain(&self.common);
        let mut all: Vec<Problem> = of_files.chain(of_all).cloned().collect();
        all.sort();
        all.dedup();
        all
    }

    /// Looks at all files, at `now` in milliseconds since 1970, and takes over
    /// what has changed.
    pub(crate) fn refresh(&mut self, now: u64) {
        self.notice_clock(now);
        self.rest.not_after(now);
        let mut changed = self.dirty;
        match list(&self.root) {
            Ok(paths) => {
                self.root_problem = None;
                changed |= self.look_at(&paths, now);
            }
            Err(problem) => {
                self.root_problem = Some(problem);
                self.rest.stir(now);
                for source in self.sources.values_mut() {
                    changed |= std::mem::replace(&mut source.present, false);
                }
            }
        }
        if changed || self.is_freed(now) || self.rest.is_over_for_any(now) {
            self.common = Vec::new();
            if let Err(problem) = self.take_over(now) {
                self.common.push(problem);
            }
        }
    }

    /// What is believed at `now`. A start believes whatever the chain can have reached; from
    /// then on one false height, by which all answers would leap, would shut out everybody.
    fn belief(&self, now: u64) -> Belief {
        let most = self.answers.listing.is_some().then(|| {
            let height = height_at(self.answers.chain, self.book.began, now);
            height.max(self.answers.floor).saturating_add(RISE_MAX)
        });
        Belief {
            most,
            ..self.book.belief(now)
        }
    }

    /// The same with the files as they are now: where [chain] is put right, what counts
    /// goes with it.
    fn belief_to_come(&self, now: u64) -> Belief {
        let belief = self.belief(now);
        let height = height_at(merge(&self.sources, &belief).chain, self.book.began, now);
        Belief {
            most: belief.most.map(|most| most.max(height)),
            ..belief
        }
    }

    /// Whether an entry that was refused may count, or a deletion that was stuck may be
    /// carried out: time alone makes heights believable.
    fn is_freed(&self, now: u64) -> bool {
        let bound = || self.belief(now).bound(self.answers.chain);
        self.stuck.is_some_and(|lowest| lowest <= bound())
    }

    /// Notices a clock that was put right, or wrong: which heights are believed depends
    /// on it, so everything is looked at again.
    fn notice_clock(&mut self, now: u64) {
        let before = std::mem::replace(&mut self.looked, now);
        if now.abs_diff(before) <= JITTER || before == 0 {
            return;
        }
        self.rest.begin_anew(now);
        self.dirty = true;
        if now < before {
            // What is put back while somebody looks was wrong before, and so is what was
            // written by it.
            tracing::warn!("the clock was put back; what rests on its time is looked at again");
            let book = &mut self.book;
            book.written = book.written.min(now);
            book.unchained = book.unchained.min(height_at(None, 0, now));
        }
    }

    /// Returns whether anything is to be taken over.
    fn look_at(&mut self, paths: &[PathBuf], now: u64) -> bool {
        let mut changed = false;
        let mut written = false;
        let there: BTreeSet<&PathBuf> = paths.iter().collect();
        for (path, source) in &mut self.sources {
            let present = there.contains(path);
            changed |= std::mem::replace(&mut source.present, present) != present;
        }
        for path in paths {
            let source = self.sources.entry(path.clone()).or_default();
            changed |= !std::mem::replace(&mut source.present, true);
            let seen = stamp(path);
            written |= std::mem::replace(&mut source.seen, seen) != seen;
            if unchanged(source, now) {
                continue;
            }
            changed |= source.look(path, now, self.settle);
        }
        let mut sources = self.sources.values();
        if changed || written || sources.any(|one| one.is_restless()) {
            self.rest.stir(now);
        }
        changed
    }

    /// Makes what the files say the answers, or nothing of it.
    fn take_over(&mut self, now: u64) -> Result<(), Problem> {
        self.dirty = true;
        self.forget_missing(&self.belief(now));
        let belief = self.belief_to_come(now);
        let merged = merge(&self.sources, &belief);
        if let Some(course) = self.course(&merged, now)
            && let Some(why) =
                course.objection(merged.chain, height_at(merged.chain, self.book.began, now))
        {
            // A file that was never read may have it; what is wrong with it is told.
            let unread = self.sources.values().any(|one| one.good.is_none());
            return match unread || self.root_problem.is_some() {
                true => Ok(()),
                false => Err(Problem::of(&self.root, why)),
            };
        }
        self.common.extend(merged.problems.iter().cloned());
        let (chain, bound) = (merged.chain, merged.bound);
        let floor = self.book.highest(bound);
        let height = height_at(chain, self.book.began, now).max(floor);
        let mut book = self.book.clone();
        for (entry, file) in merged.entries.values() {
            book.register(entry, file, height, bound);
        }
        let mut withheld = BTreeMap::new();
        let mut held = Held::new();
        let mut waiting = BTreeSet::new();
        let rest = &mut self.rest;
        let absences = merged.absences(
            &book,
            &self.sources,
            single(&self.root, &self.sources),
            |key| {
                waiting.insert(key.clone());
                rest.is_over(key, now)
            },
        );
        let mut stuck = Vec::new();
        for (key, absence) in absences {
            match absence {
                Absence::Deleted if let Some(height) = book.unbelieved(&key, bound) => {
                    let why = merged.undeletable(height);
                    let message = format!("{}: {why}", shown(&key));
                    stuck.push((height, Problem::of(&self.root, message)));
                    waiting.remove(&key);
                    withheld.insert(key, why);
                }
                Absence::Deleted => delete(&mut book, &key, height),
                Absence::Stays(why) => match self.answers.entry(&key) {
                    Some(json) => {
                        held.insert(key, json.clone());
                    }
                    None => {
                        withheld.insert(key, why);
                    }
                },
                Absence::Withheld(why) => {
                    withheld.insert(key, why);
                }
            }
        }
        self.rest.retain(|key| waiting.contains(key));
        self.stuck = lowest(&stuck, merged.beyond);
        let told = stuck.into_iter().map(|(_, problem)| problem);
        self.common.extend(told.take(PROBLEMS_MAX));
        book.chained = chain.is_some() && !book.is_empty();
        let listing = list_of(&merged, &held, &book).map_err(|why| Problem::of(&self.root, why))?;
        if book != self.book {
            book.written = now;
            // A file that cannot be read may be the one that has it.
            if chain.is_none() && self.sources.values().all(|one| one.problems.is_empty()) {
                book.unchained = book.unchained.max(height);
            }
            book.save(&self.book_path).map_err(|error| {
                let message = format!(
                    "the versions cannot be written, and no change counts before they are: {error}"
                );
                Problem::of(&self.book_path, message)
            })?;
        }
        let read = self.sources.values().any(|source| source.good.is_some());
        // Nothing read and nothing known is an empty folder; nothing read of
        // what is known is a folder that is not there. What was known once stays.
        let before = self.answers.listing.is_some();
        let empty = self.sources.is_empty() && self.root_problem.is_none() && withheld.is_empty();
        tracing::info!(
            indexers = listing.1.len(),
            "the registry's files were taken over"
        );
        self.warn_of(&book, &merged, now);
        self.answers = Arc::new(Answers {
            chain,
            belief,
            floor: book.highest(bound),
            ..answers(listing, &book, withheld, read || empty || before)
        });
        self.book = book;
        self.dirty = false;
        Ok(())
    }

    /// The heights so far, if `merged` has to go on with them. A chain that is there at
    /// the start is believed: nobody knows how long nobody has looked.
    fn course(&self, merged: &Merged<'_>, now: u64) -> Option<Course> {
        let before = &self.answers;
        if before.listing.is_some() {
            let height = height_at(before.chain, self.book.began, now);
            return Some(Course {
                chained: before.chain.is_some(),
                height: height.max(before.floor),
            });
        }
        self.book.course(merged.chain, merged.bound)
    }

    /// Says which heights of the book are not believed, and that a start believes some far
    /// above what is said to be the present one.
    fn warn_of(&self, book: &Book, merged: &Merged<'_>, now: u64) {
        warn_of_unbelieved(book, merged.bound);
        let height = book.highest(merged.bound);
        let said = height_at(merged.chain, book.began, now).max(book.unchained);
        if self.answers.listing.is_none() && height > said.saturating_add(RISE_MAX) {
            tracing::warn!(
                height,
                said,
                "the height of the registry begins at a version far above what the clock and \
                 [chain] say. If it is true, put those right; if not, put the version right and \
                 start again with a copy of the file with the versions from before"
            );
        }
    }

    /// Says of files that are gone what stays of them, and forgets those of which
    /// nothing does.
    fn forget_missing(&mut self, belief: &Belief) {
        let merged = merge(&self.sources, belief);
        let mut left: BTreeMap<&str, usize> = BTreeMap::new();
        for (_, file) in merged.entries.values() {
            *left.entry(file).or_default() += 1;
        }
        // What was taken out of a file counts later, and a file may be gone by then.
        for (key, kept) in self.book.living() {
            let speaks = merged.entries.contains_key(&key) || merged.refused.contains(&key);
            if !speaks && self.answers.entry(&key).is_some() {
                *left.entry(&kept.file).or_default() += 1;
            }
        }
        let chain_in = merged.chain_in.map(Path::to_owned);
        let counts: BTreeMap<PathBuf, usize> = self
            .sources
            .iter()
            .filter(|(_, source)| !source.present)
            .map(|(path, _)| {
                let count = left.get(name_of(path).as_str()).copied();
                (path.clone(), count.unwrap_or(0))
            })
            .collect();
        for (path, count) in counts {
            let has_chain = chain_in.as_ref() == Some(&path);
            if count == 0 && !has_chain {
                self.sources.remove(&path);
            } else if let Some(source) = self.sources.get_mut(&path) {
                source.problems = vec![missing(&path, count, has_chain)];
            }
        }
    }
}

/// The path of the file at `root`, if it is one and no folder.
fn single<'a>(root: &'a Path, sources: &Sources) -> Option<&'a Path> {
    sources.contains_key(root).then_some(root)
}

impl Answers {
    /// The entry of an indexer that is registered, as it was answered so far.
    fn entry(&self, key: &Key) -> Option<&Bytes> {
        match self.points.get(key) {
            Some(Point::Entry(json)) => Some(json),
            _ => None,
        }
    }
}

impl Source {
    /// Whether it is wrong, missing, or changing.
    fn is_restless(&self) -> bool {
        self.pending.is_some() || !self.problems.is_empty()
    }

    /// Reads the file again; returns whether there is something to take over.
    fn look(&mut self, path: &Path, now: u64, settle: u64) -> bool {
        match load(path) {
            Err(problems) => {
                let spoke = self.problems.is_empty();
                self.problems = problems;
                self.pending = None;
                spoke
            }
            Ok(loaded) => {
                let mut changed = !std::mem::take(&mut self.problems).is_empty();
                let known = self.good.as_ref().map(|good| good.digest);
                if known == Some(loaded.digest) || self.settled(&loaded, now, settle) {
                    changed |= known != Some(loaded.digest);
                    self.pending = None;
                    self.good = Some(loaded);
                }
                changed
            }
        }
    }

    /// Whether the new content has been left alone for long enough.
    fn settled(&mut self, loaded: &Loaded, now: u64, settle: u64) -> bool {
        let old = |stamp: Stamp| {
            stamp
                .changed
                .is_some_and(|at| at.saturating_add(settle) <= now)
        };
        let stamps = &loaded.stamps;
        if stamps.iter().all(|(_, stamp)| stamp.is_some_and(old)) {
            return true;
        }
        match self.pending {
            // The clock may have been put back.
            Some((digest, since)) if digest == loaded.digest && since <= now => {
                now - since >= settle
            }
            _ => {
                self.pending = Some((loaded.digest, now));
                settle == 0
            }
        }
    }
}

/// Whether the file cannot have changed since it was read.
fn unchanged(source: &Source, now: u64) -> bool {
    let Some(good) = &source.good else {
        return false;
    };
    let same = |(path, before): &(PathBuf, Option<Stamp>)| {
        before.is_some_and(|before| {
            let old = before
                .changed
                .is_some_and(|at| at.saturating_add(YOUNG) < now);
            old && stamp(path) == Some(before)
        })
    };
    source.problems.is_empty() && source.pending.is_none() && good.stamps.iter().all(same)
}

fn missing(path: &Path, count: usize, has_chain: bool) -> Problem {
    let entries = "to delete them write `indexer = []` (or, in JSON, `{}`) into it";
    let message = match (count, has_chain) {
        (0, _) => "it is missing, and its [chain] stays; put it back, or write [chain] into \
                   another file"
            .to_owned(),
        (_, true) => {
            format!("it is missing, and its [chain] and its {count} indexers stay; {entries}")
        }
        (_, false) => format!("it is missing, and its {count} indexers stay; {entries}"),
    };
    Problem::of(path, message)
}

/// The listing, and where each entry stands in it.
type Listing<'a> = (Bytes, Vec<(&'a Key, Range<usize>)>);

/// Entries that stay as they were though no file has them any more.
type Held = BTreeMap<Key, Bytes>;

fn list_of<'a>(merged: &Merged<'a>, held: &'a Held, book: &Book) -> Result<Listing<'a>, String> {
    let mut text = String::from("{");
    let mut ranges = Vec::new();
    let mut account: Option<&str> = None;
    let keys: BTreeSet<&'a Key> = merged.entries.keys().copied().chain(held.keys()).collect();
    for key in keys {
        let Some(kept) = book.get(key) else { continue };
        if kept.heights().deleted.is_some() {
            continue;
        }
        if account != Some(key.0.as_str()) {
            let close = if account.is_some() { "}," } else { "" };
            // Writing to memory cannot fail.
            let _ = write!(text, "{close}\"{}\":{{", key.0);
            account = Some(&key.0);
        } else {
            text.push(',');
        }
        let name = serde_json::Value::from(key.1.as_str());
        let _ = write!(text, "{name}:");
        let begin = text.len();
        match (merged.entries.get(key), held.get(key)) {
            (Some((entry, _)), _) => text.push_str(&to_json(&entry.body, kept.heights())),
            (None, Some(json)) => text.push_str(&String::from_utf8_lossy(json)),
            (None, None) => text.push_str("null"),
        }
        ranges.push((key, begin..text.len()));
        if text.len() > ANSWER_LEN_MAX || ranges.len() > ENTRIES_MAX {
            return Err(format!(
                "all files together have more than {ENTRIES_MAX} indexers or {ANSWER_LEN_MAX} \
                 bytes; what was there before stays in force"
            ));
        }
    }
    text.push_str(if account.is_some() { "}}" } else { "}" });
    Ok((Bytes::from(text), ranges))
}

fn answers(
    (listing, ranges): Listing<'_>,
    book: &Book,
    withheld: BTreeMap<Key, String>,
    known: bool,
) -> Answers {
    let mut points: BTreeMap<Key, Point> = ranges
        .into_iter()
        .map(|(key, range)| (key.clone(), Point::Entry(listing.slice(range))))
        .collect();
    for (key, kept) in book.iter() {
        if kept.heights().deleted.is_some() {
            // The coordinator looks at nothing but the heights of a tombstone.
            let json = to_json(&BTreeMap::new(), kept.heights());
            points.insert(key, Point::Entry(Bytes::from(json)));
        }
    }
    for (key, why) in withheld {
        points.insert(key, Point::Withheld(why));
    }
    Answers {
        listing: known.then_some(listing),
        points,
        ..Answers::default()
    }
}

fn delete(book: &mut Book, key: &Key, height: u64) {
    tracing::info!(
        indexer = shown(key),
        "an indexer was taken out of the registry file: it is deleted"
    );
    book.delete(key, height);
}

/// The lowest height that is waited for.
fn lowest(stuck: &[(u64, Problem)], beyond: Option<u64>) -> Option<u64> {
    let stuck = stuck.iter().map(|(height, _)| *height);
    stuck.chain(beyond).min()
}

/// Says which heights of the book are not believed.
fn warn_of_unbelieved(book: &Book, bound: u64) {
    let all: Vec<(Key, u64)> = book.beyond(bound).collect();
    if all.is_empty() {
        return;
    }
    let named: Vec<String> = all
        .iter()
        .take(NAMED_MAX)
        .map(|(key, height)| format!("{} ({height})", shown(key)))
        .collect();
    tracing::warn!(
        indexers = all.len(),
        bound,
        "the file with the versions has heights that are not believed: {}; the height of the \
         registry does not follow them. Give such an indexer a `version` of its own, which the \
         chain has reached, or put the clock or [chain] right",
        named.join(", ")
    );
}

/// Reads the registry at `root` once: its files, and what is wrong with each.
pub(crate) fn read_once(root: &Path) -> Result<Sources, Problem> {
    let mut sources = Sources::new();
    for path in list(root)? {
        let mut source = Source {
            present: true,
            ..Source::default()
        };
        match load(&path) {
            Ok(loaded) => source.good = Some(loaded),
            Err(problems) => source.problems = problems,
        }
        sources.insert(path, source);
    }
    Ok(sources)
}
