//! Several coordinators at once: a former one that does not know that it has been
//! replaced.

use std::time::Duration;

use sim_node::Time;

use super::life::Life;
use super::stage::Stage;
use super::timeline::{Doing, Later};
use crate::history::{Event, FormerState, Incarnation, NodeName, NodeState};
use crate::scenario::SecondCoordinator;

/// The most former coordinators at a time.
const MOST: usize = 4;

/// A coordinator that was replaced and still lives.
pub struct Former {
    life: Life,
    /// Since when it is frozen, if it is.
    frozen_at: Option<Time>,
    /// When it ends; with the run if never.
    lives_on: Option<Duration>,
}

impl Stage {
    /// Starts a second coordinator; the first goes on, maybe after a pause.
    pub(super) fn start_second(&mut self, second: &SecondCoordinator) {
        let up = self.world.enter().condition(NodeName::Coordinator).state == NodeState::Up;
        if !up || self.former.len() >= MOST {
            return;
        }
        let Some(life) = self.life.take() else {
            return;
        };
        let (incarnation, now) = (life.incarnation(), self.now());
        self.world.enter().fault(format!(
            "a second coordinator starts; the first one, life {incarnation}, is not dead"
        ));
        let mut former = Former {
            life,
            frozen_at: None,
            lives_on: second.lives_on,
        };
        if second.frozen.is_zero() {
            self.outlive(&former);
        } else {
            former.life.pause();
            former.frozen_at = Some(now);
            self.tell(incarnation, FormerState::Frozen);
            let thaw = Doing::Later(Later::ThawFormer(incarnation));
            self.timeline.add(now + second.frozen, thaw);
        }
        self.former.push(former);
        self.life = Some(Life::start(
            &self.world,
            &self.knobs,
            self.planted,
            self.logic,
        ));
    }

    fn tell(&self, incarnation: Incarnation, state: FormerState) {
        self.world
            .enter()
            .record(Event::Former { incarnation, state });
    }

    /// Plans the end of a former coordinator that is not frozen.
    fn outlive(&mut self, former: &Former) {
        if let Some(span) = former.lives_on {
            let end = Doing::Later(Later::EndFormer(former.life.incarnation()));
            let at = self.now() + span;
            self.timeline.add(at, end);
        }
    }

    /// A former coordinator that was frozen goes on where it stood.
    pub(super) fn thaw_former(&mut self, incarnation: Incarnation) {
        let place = (self.former.iter()).position(|one| one.life.incarnation() == incarnation);
        let Some(place) = place else { return };
        let mut former = self.former.swap_remove(place);
        if let Some(since) = former.frozen_at.take() {
            self.tell(incarnation, FormerState::Thawed { since });
            former.life.resume();
            self.outlive(&former);
        }
        self.former.push(former);
    }

    /// A former coordinator ends.
    pub(super) fn end_former(&mut self, incarnation: Incarnation) {
        let place = (self.former.iter()).position(|one| one.life.incarnation() == incarnation);
        let Some(place) = place else { return };
        let former = self.former.swap_remove(place);
        former.life.end();
        self.tell(incarnation, FormerState::Ended);
    }

    /// Ends all former coordinators.
    pub(super) fn end_formers(&mut self) {
        for former in std::mem::take(&mut self.former) {
            self.tell(former.life.incarnation(), FormerState::Ended);
            former.life.end();
        }
    }

    /// Healing thaws whoever is frozen; whose end was planned ends now, since what
    /// was planned is dropped. The others live on.
    pub(super) fn heal_formers(&mut self) {
        let all: Vec<(Incarnation, bool)> = (self.former.iter())
            .map(|one| (one.life.incarnation(), one.lives_on.is_some()))
            .collect();
        for (incarnation, ends) in all {
            self.thaw_former(incarnation);
            if ends {
                self.end_former(incarnation);
            }
        }
    }
}
