//! Which node to ask next.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

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
}

#[derive(Clone, Copy, Debug)]
struct Rest {
    until: Instant,
    /// The node asked for it itself.
    asked: bool,
}

/// Which nodes are left alone, and until when. Nodes are known by their place
/// in the list, the preferred one first.
#[derive(Debug)]
pub(crate) struct Nodes(Mutex<Vec<Node>>);

impl Nodes {
    pub(crate) fn new(count: usize) -> Nodes {
        Nodes(Mutex::new(vec![Node::default(); count]))
    }

    /// The preferred one of those that are not `tried` and not left alone. If all
    /// are left alone and nothing was tried, the failed one whose time comes
    /// first, since any answer is better than none; a node that asked for fewer
    /// calls is never asked early.
    pub(crate) fn next(&self, tried: &[usize], now: Instant) -> Option<usize> {
        let nodes = self.lock();
        let untried = || {
            nodes
                .iter()
                .enumerate()
                .filter(|(at, _)| !tried.contains(at))
        };
        let rested = |node: &Node| node.rest.is_none_or(|rest| rest.until <= now);
        if let Some((at, _)) = untried().find(|(_, node)| rested(node)) {
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

    /// It answered. Returns whether it had failed before.
    pub(crate) fn answered(&self, at: usize) -> bool {
        let mut nodes = self.lock();
        let before = nodes.get_mut(at).map(std::mem::take);
        before.is_some_and(|node| node.failures > 0 || node.rest.is_some())
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
        let mut nodes = self.lock();
        let Some(node) = nodes.get_mut(at) else {
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

    fn lock(&self) -> MutexGuard<'_, Vec<Node>> {
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
}
