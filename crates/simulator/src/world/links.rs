//! The links between the nodes: latency, congestion, cuts.

use std::collections::BTreeMap;
use std::time::Duration;

use sim_node::Rng;

use crate::history::NodeName;
use crate::scenario::DurationRange;

/// All links. A cut or a clog is one-way; both ways are two of them.
pub struct Links {
    latency: DurationRange,
    cuts: BTreeMap<(NodeName, NodeName), u64>,
    clogs: BTreeMap<(NodeName, NodeName), (u64, DurationRange)>,
    held_back: BTreeMap<(NodeName, NodeName), (u64, f64, DurationRange)>,
    rng: Rng,
    /// Who is held back must not shift the latencies.
    rng_order: Rng,
    marks: u64,
}

impl Links {
    /// Healthy links with this latency.
    pub fn new(latency: DurationRange, seed: u64) -> Links {
        let rng = Rng::new(seed, "latency");
        Links {
            latency,
            cuts: BTreeMap::new(),
            clogs: BTreeMap::new(),
            held_back: BTreeMap::new(),
            rng,
            rng_order: Rng::new(seed, "order of messages"),
            marks: 0,
        }
    }

    /// Whether messages of `from` do not reach `to`.
    pub fn is_cut(&self, from: NodeName, to: NodeName) -> bool {
        !self.cuts.is_empty() && self.cuts.contains_key(&(from, to))
    }

    /// The latency of one message.
    pub fn draw(&mut self, from: NodeName, to: NodeName) -> Duration {
        let range = match self.clogs.get(&(from, to)) {
            Some((_, range)) if !self.clogs.is_empty() => *range,
            _ => self.latency,
        };
        self.rng.duration(range.low, range.high) + self.held_back(from, to)
    }

    /// How long a message is kept so that later ones overtake it.
    fn held_back(&mut self, from: NodeName, to: NodeName) -> Duration {
        match self.held_back.get(&(from, to)) {
            Some((_, probability, by)) if self.rng_order.chance(*probability) => {
                self.rng_order.duration(by.low, by.high)
            }
            _ => Duration::ZERO,
        }
    }

    /// Lets messages overtake each other; the mark that is returned is needed to end
    /// exactly this.
    pub fn mix(
        &mut self,
        from: NodeName,
        to: NodeName,
        probability: f64,
        by: DurationRange,
    ) -> u64 {
        self.marks += 1;
        let mixed = (self.marks, probability, by);
        self.held_back.insert((from, to), mixed);
        self.marks
    }

    /// Ends the disorder of a link, unless a later one replaced it.
    pub fn unmix(&mut self, from: NodeName, to: NodeName, mark: u64) {
        let set = self.held_back.get(&(from, to)).map(|(set, ..)| *set);
        if set == Some(mark) {
            self.held_back.remove(&(from, to));
        }
    }

    /// Cuts a link; the mark that is returned is needed to mend exactly this cut.
    pub fn cut(&mut self, from: NodeName, to: NodeName) -> u64 {
        self.marks += 1;
        self.cuts.insert((from, to), self.marks);
        self.marks
    }

    /// Mends a cut, unless a later one replaced it.
    pub fn mend(&mut self, from: NodeName, to: NodeName, mark: u64) {
        if self.cuts.get(&(from, to)) == Some(&mark) {
            self.cuts.remove(&(from, to));
        }
    }

    /// Clogs a link; the mark that is returned is needed to clear exactly this clog.
    pub fn clog(&mut self, from: NodeName, to: NodeName, latency: DurationRange) -> u64 {
        self.marks += 1;
        self.clogs.insert((from, to), (self.marks, latency));
        self.marks
    }

    /// Clears a clog, unless a later one replaced it.
    pub fn unclog(&mut self, from: NodeName, to: NodeName, mark: u64) {
        if self
            .clogs
            .get(&(from, to))
            .is_some_and(|(set, _)| *set == mark)
        {
            self.clogs.remove(&(from, to));
        }
    }

    /// Makes all links healthy.
    pub fn heal(&mut self) {
        self.cuts.clear();
        self.clogs.clear();
        self.held_back.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: NodeName = NodeName::Coordinator;
    const THERE: NodeName = NodeName::Runner;

    fn links() -> Links {
        Links::new(DurationRange::from_millis(1, 5), 7)
    }

    #[test]
    fn some_messages_are_held_back_until_the_mark_ends_it() {
        let (mut links, mut undisturbed) = (self::links(), self::links());
        let by = DurationRange::from_millis(100, 200);
        let mark = links.mix(HERE, THERE, 0.5, by);
        let mut held = 0;
        for _ in 0..1000 {
            let (mixed, plain) = (links.draw(HERE, THERE), undisturbed.draw(HERE, THERE));
            let more = mixed.saturating_sub(plain);
            assert!(
                more.is_zero() || (by.low..=by.high).contains(&more),
                "{more:?}"
            );
            held += u32::from(!more.is_zero());
        }
        assert!((300..700).contains(&held), "{held}");
        assert_eq!(links.draw(THERE, HERE), undisturbed.draw(THERE, HERE));
        links.unmix(HERE, THERE, mark + 1);
        assert!(!links.held_back.is_empty(), "another mark ends nothing");
        links.unmix(HERE, THERE, mark);
        assert_eq!(links.draw(HERE, THERE), undisturbed.draw(HERE, THERE));
    }
}
