//! Who may provision: one task per account, a bounded number in all.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use lifecycle::{Gate, IndexerId};

/// Keeps account of the provisioning tasks in flight. It mirrors the records:
/// whoever loads or writes a record tells the gate whether it holds a task.
///
/// Those who wait are called in turn, as many as there are free places: calling
/// all of them at each release would cost the square of their number.
#[derive(Debug)]
pub struct ProvisioningGate {
    holders: BTreeMap<String, BTreeSet<IndexerId>>,
    in_flight: usize,
    parallel: usize,
    waiting: BTreeSet<IndexerId>,
    /// Who was called last; the next in the order of names comes after.
    called: Option<IndexerId>,
}

impl ProvisioningGate {
    /// A gate that lets `parallel` tasks be in flight, at least one.
    pub fn new(parallel: usize) -> ProvisioningGate {
        ProvisioningGate {
            holders: BTreeMap::new(),
            in_flight: 0,
            parallel: parallel.max(1),
            waiting: BTreeSet::new(),
            called: None,
        }
    }

    /// What the gate says to `id`. If it does not let it in, `id` is among
    /// those to be called when there is a place.
    pub fn look(&mut self, id: &IndexerId) -> Gate {
        let answer = self.judge(id);
        if answer == Gate::Open {
            self.waiting.remove(id);
        } else {
            self.waiting.insert(id.clone());
        }
        answer
    }

    /// Lets `id` in if the gate is open; true if it is in now.
    pub fn try_enter(&mut self, id: &IndexerId) -> bool {
        let open = self.judge(id) == Gate::Open;
        if open {
            self.hold(id);
        }
        open
    }

    /// Takes note that the record of `id` holds a task, whatever the limits.
    pub fn hold(&mut self, id: &IndexerId) {
        if self
            .holders
            .entry(database(id))
            .or_default()
            .insert(id.clone())
        {
            self.in_flight += 1;
        }
        self.waiting.remove(id);
    }

    /// Takes note that `id` has no task and does not wait for one; returns who
    /// should look again.
    pub fn release(&mut self, id: &IndexerId) -> Vec<IndexerId> {
        self.waiting.remove(id);
        let Some(holders) = self.holders.get_mut(&database(id)) else {
            return Vec::new();
        };
        if !holders.remove(id) {
            return Vec::new();
        }
        if holders.is_empty() {
            self.holders.remove(&database(id));
        }
        self.in_flight -= 1;
        self.call()
    }

    /// Who of those who wait could enter now, at most one for each free place and
    /// one of each account. They go on waiting until they look or enter, and are
    /// called again in turn: whoever is called may not come.
    pub fn call(&mut self) -> Vec<IndexerId> {
        let places = self.parallel.saturating_sub(self.in_flight);
        if places == 0 || self.waiting.is_empty() {
            return Vec::new();
        }
        let after = self
            .called
            .as_ref()
            .map_or(Bound::Unbounded, Bound::Excluded);
        let until = self
            .called
            .as_ref()
            .map_or(Bound::Unbounded, Bound::Included);
        let later = self
            .waiting
            .range::<IndexerId, _>((after, Bound::Unbounded));
        let earlier = self
            .waiting
            .range::<IndexerId, _>((Bound::Unbounded, until));
        let wrapped = self
            .called
            .is_some()
            .then_some(earlier)
            .into_iter()
            .flatten();
        let mut called: Vec<IndexerId> = Vec::new();
        let mut accounts = BTreeSet::new();
        for id in later.chain(wrapped) {
            if called.len() == places {
                break;
            }
            if self.judge(id) == Gate::Open && accounts.insert(database(id)) {
                called.push(id.clone());
            }
        }
        if let Some(last) = called.last() {
            self.called = Some(last.clone());
        }
        called
    }

    fn judge(&self, id: &IndexerId) -> Gate {
        let mut holders = self.holders.get(&database(id)).into_iter().flatten();
        match holders.find(|holder| *holder != id) {
            Some(other) => Gate::AccountBusy(other.clone()),
            None if self.in_flight >= self.parallel && !self.holds(id) => Gate::Full,
            None => Gate::Open,
        }
    }

    fn holds(&self, id: &IndexerId) -> bool {
        self.holders
            .get(&database(id))
            .is_some_and(|holders| holders.contains(id))
    }
}

/// The database that the provisioner keeps an account's schemas in: every
/// character of the account outside `[A-Za-z0-9]` becomes `_`, so that `a-b.near`
/// and `a.b.near` share one, and may not be provisioned at the same time either.
fn database(id: &IndexerId) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    id.account().chars().map(plain).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> IndexerId {
        IndexerId::parse(text).unwrap()
    }

    #[test]
    fn one_task_per_account_and_the_next_is_woken() {
        let mut gate = ProvisioningGate::new(8);
        assert!(gate.try_enter(&id("a.near/one")));
        assert_eq!(
            gate.look(&id("a.near/two")),
            Gate::AccountBusy(id("a.near/one"))
        );
        assert!(!gate.try_enter(&id("a.near/two")));
        assert_eq!(gate.look(&id("b.near/one")), Gate::Open);
        assert_eq!(gate.release(&id("a.near/one")), vec![id("a.near/two")]);
        assert!(gate.try_enter(&id("a.near/two")));
    }

    #[test]
    fn accounts_that_share_a_database_take_turns() {
        let mut gate = ProvisioningGate::new(8);
        assert!(gate.try_enter(&id("a-b.near/one")));
        assert_eq!(
            gate.look(&id("a.b.near/one")),
            Gate::AccountBusy(id("a-b.near/one"))
        );
        assert_eq!(gate.look(&id("ab.near/one")), Gate::Open);
    }

    #[test]
    fn the_number_of_tasks_is_bounded() {
        let mut gate = ProvisioningGate::new(1);
        assert!(gate.try_enter(&id("a.near/one")));
        assert_eq!(gate.look(&id("b.near/one")), Gate::Full);
        assert_eq!(gate.release(&id("a.near/one")), vec![id("b.near/one")]);
        assert!(
            gate.release(&id("a.near/one")).is_empty(),
            "a second release is none"
        );
    }

    #[test]
    fn tasks_found_in_records_count_beyond_the_limits() {
        let mut gate = ProvisioningGate::new(1);
        gate.hold(&id("a.near/one"));
        gate.hold(&id("a.near/two"));
        assert_eq!(
            gate.look(&id("a.near/one")),
            Gate::AccountBusy(id("a.near/two"))
        );
        gate.release(&id("a.near/two"));
        assert_eq!(gate.look(&id("a.near/one")), Gate::Open);
    }

    #[test]
    fn a_release_calls_no_more_than_can_enter() {
        let mut gate = ProvisioningGate::new(2);
        assert!(gate.try_enter(&id("a.near/1")) && gate.try_enter(&id("b.near/1")));
        for n in 0..100 {
            assert_eq!(gate.look(&id(&format!("x{n:02}.near/1"))), Gate::Full);
        }
        assert_eq!(gate.release(&id("a.near/1")), vec![id("x00.near/1")]);
        assert_eq!(gate.release(&id("b.near/1")).len(), 2);
    }

    #[test]
    fn who_does_not_come_when_called_keeps_nobody_out() {
        let mut gate = ProvisioningGate::new(1);
        assert!(gate.try_enter(&id("z.near/1")));
        let all = ["a.near/1", "b.near/1", "c.near/1"].map(id);
        for waiting in &all {
            assert_eq!(gate.look(waiting), Gate::Full);
        }
        let mut called = gate.release(&id("z.near/1"));
        called.extend(gate.call());
        called.extend(gate.call());
        called.extend(gate.call());
        let [a, b, c] = all;
        assert_eq!(called, [a.clone(), b.clone(), c.clone(), a.clone()]);
        gate.release(&a);
        gate.release(&b);
        gate.release(&c);
        assert!(
            gate.call().is_empty(),
            "who has no more need of it is not called"
        );
    }

    #[test]
    fn of_one_account_one_is_called() {
        let mut gate = ProvisioningGate::new(8);
        assert!(gate.try_enter(&id("a.near/1")));
        for n in 2..6 {
            gate.look(&id(&format!("a.near/{n}")));
        }
        assert_eq!(gate.release(&id("a.near/1")), vec![id("a.near/2")]);
    }
}
