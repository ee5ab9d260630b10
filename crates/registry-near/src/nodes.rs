//! Which node to ask next.

use std::cmp::Reverse;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::lag::{Heard, Progress};

/// The pause after a first failure; each further one doubles it.
const PAUSE_FIRST: Duration = Duration::from_secs(1);

/// The longest pause after failures.
const PAUSE_MAX: Duration = Duration::from_secs(60);

/// The pause after a limit without a time, and after a refused key.
const PAUSE_LONG: Duration = Duration::from_secs(10);

/// The longest time that a node can ask to be left alone: it is asked again at
/// least this often, whatever it said.
const LIMIT_MAX: Duration = Duration::from_secs(600);

#[derive(Clone, Copy, Debug, Default)]
struct Node {
    failures: u32,
    rest: Option<Rest>,
    progress: Progress,
}

impl Node {
    fn is_rested(&self, now: Instant) -> bool {
        self.rest.is_none_or(|rest| rest.until <= now)
    }

    fn is_in_step(&self, now: Instant) -> bool {
        self.is_rested(now) && !self.progress.is_passed_over(now)
    }
}

#[derive(Clone, Copy, Debug)]
struct Rest {
    until: Instant,
    /// The node asked for it itself.
    asked: bool,
}

#[derive(Debug)]
struct All {
    nodes: Vec<Node>,
    /// The height that whoever asks has said to know of already.
    known: u64,
}

/// Which nodes are left alone or passed over, and until when. Nodes are known by
/// their place in the list, the preferred one first.
#[derive(Debug)]
pub(crate) struct Nodes(Mutex<All>);

impl Nodes {
    pub(crate) fn new(count: usize) -> Nodes {
        let nodes = vec![Node::default(); count];
        Nodes(Mutex::new(All { nodes, known: 0 }))
    }

    /// The preferred one of those that are not `tried`, not left alone and not passed
    /// over; if there is none, the newest of those that are passed over. If all
    /// are left alone and nothing was tried, the failed one whose time comes
    /// first, since any answer is better than none; a node that asked for fewer
    /// calls is never asked early.
    pub(crate) fn next(&self, tried: &[usize], now: Instant) -> Option<usize> {
        let all = self.lock();
        let untried = || {
            all.nodes
                .iter()
                .enumerate()
                .filter(|(at, _)| !tried.contains(at))
        };
        if let Some((at, _)) = untried().find(|(_, node)| node.is_in_step(now)) {
            return Some(at);
        }
        let newest = untried()
            .filter(|(_, node)| node.is_rested(now))
            .min_by_key(|(_, node)| Reverse(node.progress.height()));
        if let Some((at, _)) = newest {
            return Some(at);
        }
        if !tried.is_empty() {
            return None;
        }
        untried()
            .filter_map(|(at, node)| {
                let rest = node.rest?;
                (!rest.asked).then_some((rest.until, at))
            })
            .min()
            .map(|(_, at)| at)
    }

    /// The preferred one of those that are not `tried`, not left alone and not passed
    /// over.
    pub(crate) fn next_in_step(&self, tried: &[usize], now: Instant) -> Option<usize> {
        let all = self.lock();
        let mut nodes = all.nodes.iter().enumerate();
        let found = nodes.find(|(at, node)| !tried.contains(at) && node.is_in_step(now));
        found.map(|(at, _)| at)
    }

    /// It answered. Returns whether it had failed before.
    pub(crate) fn answered(&self, at: usize) -> bool {
        let mut all = self.lock();
        let Some(node) = all.nodes.get_mut(at) else {
            return false;
        };
        let (failures, rest) = (std::mem::take(&mut node.failures), node.rest.take());
        failures > 0 || rest.is_some()
    }

    /// It answered as of `height`. Somebody who is alone is never late.
    pub(crate) fn heard(&self, at: usize, height: u64, now: Instant) -> Heard {
        let mut all = self.lock();
        if all.nodes.len() < 2 {
            return Heard::InStep;
        }
        let others = all.nodes.iter().enumerate().filter(|(one, _)| *one != at);
        let best = others.map(|(_, node)| node.progress.height()).max();
        let best = best.unwrap_or(0).max(all.known);
        match all.nodes.get_mut(at) {
            Some(node) => node.progress.heard(height, best, now),
            None => Heard::InStep,
        }
    }

    /// Whoever asks knows of `height` already: older answers are of no use.
    pub(crate) fn known(&self, height: u64) {
        let mut all = self.lock();
        all.known = all.known.max(height);
    }

    /// Whoever asks knows of `known`, and does not believe answers as of `height`.
    /// Returns who gave such, and for how long they are passed over. Somebody who is
    /// alone never is.
    pub(crate) fn disbelieved(
        &self,
        height: u64,
        known: u64,
        now: Instant,
    ) -> Vec<(usize, Duration)> {
        let mut all = self.lock();
        if all.known >= height {
            // It was believed at first.
            all.known = known;
        }
        if all.nodes.len() < 2 {
            return Vec::new();
        }
        let nodes = all.nodes.iter_mut().enumerate();
        nodes
            .filter_map(|(at, node)| Some((at, node.progress.disbelieve(height, now)?)))
            .collect()
    }

    /// It failed. Returns for how long it is left alone.
    pub(crate) fn failed(&self, at: usize, now: Instant) -> Duration {
        self.rest(at, now, None)
    }

    /// It does not know the caller: that does not change quickly.
    pub(crate) fn refused(&self, at: usize, now: Instant) -> Duration {
        self.rest(at, now, Some((PAUSE_MAX, false)))
    }

    /// It asked for fewer calls. Returns for how long it is left alone.
    pub(crate) fn limited(&self, at: usize, pause: Option<Duration>, now: Instant) -> Duration {
        let pause = pause.unwrap_or(PAUSE_LONG).min(LIMIT_MAX);
        self.rest(at, now, Some((pause, true)))
    }

    fn rest(&self, at: usize, now: Instant, given: Option<(Duration, bool)>) -> Duration {
        let mut all = self.lock();
        let Some(node) = all.nodes.get_mut(at) else {
            return Duration::ZERO;
        };
        let doubled = PAUSE_FIRST.saturating_mul(1 << node.failures.min(10));
        let (pause, asked) = given.unwrap_or((doubled.min(PAUSE_MAX), false));
        node.failures = node.failures.saturating_add(1);
        // Of calls in flight at the same time the last to fail must not cut
        // short what another one was told.
        let until = now + pause;
        let later = node.rest.filter(|rest| rest.asked && rest.until > until);
        node.rest = Some(later.unwrap_or(Rest { until, asked }));
        pause
    }

    fn lock(&self) -> MutexGuard<'_, All> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    #[test]
    fn the_preferred_node_is_asked_and_returned_to() {
        let (nodes, now) = (Nodes::new(3), Instant::now());
        assert_eq!(nodes.next(&[], now), Some(0));
        assert_eq!(nodes.failed(0, now), seconds(1));
        assert_eq!(nodes.next(&[0], now), Some(1));
        assert_eq!(nodes.next(&[], now), Some(1));
        assert_eq!(nodes.next(&[], now + seconds(1)), Some(0));
    }

    #[test]
    fn pauses_double_up_to_a_minute_and_an_answer_ends_them() {
        let (nodes, now) = (Nodes::new(1), Instant::now());
        let pauses: Vec<u64> = (0..9).map(|_| nodes.failed(0, now).as_secs()).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
        assert!(nodes.answered(0));
        assert!(!nodes.answered(0));
        assert_eq!(nodes.failed(0, now), seconds(1));
    }

    #[test]
    fn if_all_failed_the_one_whose_time_comes_first_is_asked_once() {
        let (nodes, now) = (Nodes::new(2), Instant::now());
        nodes.failed(0, now);
        nodes.failed(0, now);
        nodes.failed(1, now);
        assert_eq!(nodes.next(&[], now), Some(1));
        assert_eq!(nodes.next(&[1], now), None);
    }

    #[test]
    fn a_node_that_asked_for_it_is_left_alone() {
        let (nodes, now) = (Nodes::new(1), Instant::now());
        assert_eq!(nodes.limited(0, Some(seconds(30)), now), seconds(30));
        assert_eq!(nodes.next(&[], now + seconds(29)), None);
        // A failure of a call that was under way does not shorten it.
        nodes.failed(0, now + seconds(5));
        assert_eq!(nodes.next(&[], now + seconds(29)), None);
        assert_eq!(nodes.next(&[], now + seconds(30)), Some(0));
        assert_eq!(nodes.limited(0, Some(seconds(1_000_000)), now), LIMIT_MAX);
        assert_eq!(nodes.limited(0, None, now), PAUSE_LONG);
    }

    #[test]
    fn a_refused_caller_waits_long_but_asks_if_there_is_nobody_else() {
        let (nodes, now) = (Nodes::new(2), Instant::now());
        assert_eq!(nodes.refused(0, now), PAUSE_MAX);
        assert_eq!(nodes.next(&[], now), Some(1));
        nodes.limited(1, None, now);
        assert_eq!(nodes.next(&[], now), Some(0));
    }

    /// The node at `at` hears as of `height` until it is passed over.
    fn is_late(nodes: &Nodes, at: usize, height: u64, now: Instant) -> bool {
        let mut heard = (0..3).map(|_| nodes.heard(at, height, now));
        heard.any(|heard| matches!(heard, Heard::Late { .. }))
    }

    #[test]
    fn a_node_that_lags_is_passed_over_and_returned_to() {
        let (nodes, now) = (Nodes::new(2), Instant::now());
        nodes.heard(1, 1000, now);
        assert!(is_late(&nodes, 0, 900, now));
        assert_eq!(nodes.next(&[], now), Some(1));
        assert_eq!(nodes.next_in_step(&[1], now), None);
        // If the other one fails, late answers are better than none.
        assert_eq!(nodes.next(&[1], now), Some(0));
        assert_eq!(nodes.next(&[], now + seconds(60)), Some(0));
    }

    #[test]
    fn of_nodes_that_all_lag_the_newest_is_asked() {
        let (nodes, now) = (Nodes::new(3), Instant::now());
        nodes.known(5000);
        for (at, height) in [(0, 900), (1, 1000), (2, 990)] {
            assert!(is_late(&nodes, at, height, now));
        }
        assert_eq!(nodes.next(&[], now), Some(1));
        nodes.failed(1, now);
        assert_eq!(nodes.next(&[], now), Some(2));
    }

    #[test]
    fn an_untrue_height_makes_nobody_else_late_for_long() {
        let (nodes, now) = (Nodes::new(2), Instant::now());
        nodes.heard(0, 9_000_000, now);
        assert!(is_late(&nodes, 1, 1000, now));
        assert_eq!(nodes.disbelieved(9_000_000, 5000, now), [(0, seconds(60))]);
        assert_eq!(nodes.next(&[], now), Some(1));
        assert_eq!(nodes.heard(1, 1001, now), Heard::CaughtUp);
    }

    #[test]
    fn what_was_known_by_an_untrue_height_is_forgotten_with_it() {
        let (nodes, now) = (Nodes::new(2), Instant::now());
        nodes.heard(0, 9_000_000, now);
        nodes.known(9_000_000);
        assert!(is_late(&nodes, 1, 1000, now));
        nodes.disbelieved(9_000_000, 1000, now);
        for height in 1001..1010 {
            assert!(!is_late(&nodes, 1, height, now), "{height}");
        }
        nodes.disbelieved(9_000_000, 7, now);
        assert!(
            is_late(&nodes, 1, 900, now),
            "only what is not true is forgotten"
        );
    }

    #[test]
    fn who_is_alone_is_never_passed_over() {
        let (nodes, now) = (Nodes::new(1), Instant::now());
        nodes.known(5000);
        assert!(!is_late(&nodes, 0, 7, now));
        assert!(!is_late(&nodes, 0, 7, now + seconds(600)));
        assert!(nodes.disbelieved(7, 6, now).is_empty());
        assert_eq!(nodes.next_in_step(&[], now), Some(0));
    }
}
