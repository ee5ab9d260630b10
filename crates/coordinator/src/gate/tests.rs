//! The gate step by step, and against a model that walks over everything.

use proptest::prelude::*;

use super::*;

const OVERDUE: Duration = Duration::from_secs(600);

const IN_FLIGHT_FACTOR: usize = 4;

const START: Timestamp = Timestamp(1_000_000);

fn id(text: &str) -> IndexerId {
    IndexerId::parse(text).unwrap()
}

fn gate(places: usize) -> ProvisioningGate {
    ProvisioningGate::new(places, IN_FLIGHT_FACTOR, OVERDUE)
}

fn enters(gate: &mut ProvisioningGate, text: &str) -> bool {
    gate.try_enter(&id(text), START)
}

#[test]
fn one_task_per_account_and_the_next_is_woken() {
    let mut gate = gate(8);
    assert!(enters(&mut gate, "a.near/one"));
    assert_eq!(
        gate.look(&id("a.near/two")),
        Gate::AccountBusy(id("a.near/one"))
    );
    assert!(!enters(&mut gate, "a.near/two"));
    assert_eq!(gate.look(&id("b.near/one")), Gate::Open);
    assert_eq!(gate.release(&id("a.near/one")), vec![id("a.near/two")]);
    assert!(enters(&mut gate, "a.near/two"));
}

#[test]
fn whoever_is_called_and_does_not_come_gives_its_turn_to_the_next() {
    let mut gate = gate(8);
    assert!(enters(&mut gate, "a.near/one"));
    for waits in ["a.near/two", "a.near/three", "a.near/four"] {
        gate.look(&id(waits));
    }
    assert_eq!(gate.release(&id("a.near/one")), vec![id("a.near/four")]);
    assert!(
        gate.decline(&id("a.near/two")).is_empty(),
        "it was not called"
    );
    assert_eq!(gate.look(&id("a.near/four")), Gate::Open);
    assert_eq!(gate.decline(&id("a.near/four")), vec![id("a.near/three")]);
    assert!(
        gate.decline(&id("a.near/four")).is_empty(),
        "once is enough"
    );
    assert!(enters(&mut gate, "a.near/three"));
    assert!(gate.decline(&id("a.near/three")).is_empty(), "it came");
}

#[test]
fn accounts_that_share_a_database_take_turns() {
    let mut gate = gate(8);
    assert!(enters(&mut gate, "a-b.near/one"));
    assert_eq!(
        gate.look(&id("a.b.near/one")),
        Gate::AccountBusy(id("a-b.near/one"))
    );
    assert_eq!(gate.look(&id("ab.near/one")), Gate::Open);
}

#[test]
fn the_number_of_tasks_is_bounded() {
    let mut gate = gate(1);
    assert!(enters(&mut gate, "a.near/one"));
    assert_eq!(gate.look(&id("b.near/one")), Gate::Full);
    assert_eq!(gate.release(&id("a.near/one")), vec![id("b.near/one")]);
    assert!(
        gate.release(&id("a.near/one")).is_empty(),
        "a second release is none"
    );
}

#[test]
fn tasks_found_in_records_count_beyond_the_limits() {
    let mut gate = gate(1);
    gate.hold(&id("a.near/one"), START);
    gate.hold(&id("a.near/two"), START);
    assert_eq!(
        gate.look(&id("a.near/one")),
        Gate::AccountBusy(id("a.near/two"))
    );
    gate.release(&id("a.near/two"));
    assert_eq!(gate.look(&id("a.near/one")), Gate::Open);
}

#[test]
fn a_release_calls_no_more_than_can_enter() {
    let mut gate = gate(2);
    assert!(enters(&mut gate, "a.near/1") && enters(&mut gate, "b.near/1"));
    for n in 0..100 {
        assert_eq!(gate.look(&id(&format!("x{n:02}.near/1"))), Gate::Full);
    }
    assert_eq!(gate.release(&id("a.near/1")), vec![id("x00.near/1")]);
    assert_eq!(gate.release(&id("b.near/1")).len(), 2);
}

#[test]
fn who_does_not_come_when_called_keeps_nobody_out() {
    let mut gate = gate(1);
    assert!(enters(&mut gate, "z.near/1"));
    let all = ["a.near/1", "b.near/1", "b.near/2", "c.near/1"].map(id);
    for waiting in &all {
        assert_eq!(gate.look(waiting), Gate::Full);
    }
    let mut called = gate.release(&id("z.near/1"));
    for _ in 0..5 {
        called.extend(gate.call_at(START));
    }
    let [a, b1, b2, c] = all;
    let expected = [&a, &b1, &c, &a, &b2, &c].map(Clone::clone);
    assert_eq!(called, expected);
    for waiting in [&a, &b1, &b2, &c] {
        gate.release(waiting);
    }
    assert!(
        gate.call_at(START).is_empty(),
        "who has no more need of it is not called"
    );
}

#[test]
fn of_one_account_one_is_called() {
    let mut gate = gate(8);
    assert!(enters(&mut gate, "a.near/1"));
    for n in 2..6 {
        gate.look(&id(&format!("a.near/{n}")));
    }
    assert_eq!(gate.release(&id("a.near/1")), vec![id("a.near/2")]);
}

#[test]
fn an_overdue_task_keeps_out_its_account_and_nobody_else() {
    let mut gate = gate(1);
    assert!(enters(&mut gate, "hangs.near/1"));
    assert_eq!(gate.look(&id("well.near/1")), Gate::Full);
    let busy = Gate::AccountBusy(id("hangs.near/1"));
    assert_eq!(gate.look(&id("hangs.near/2")), busy);
    let late = START + OVERDUE;
    assert!(gate.call_at(Timestamp(late.0 - 1)).is_empty());
    assert_eq!(gate.call_at(late), [id("well.near/1")]);
    assert_eq!(gate.look(&id("hangs.near/2")), busy);
    // The next round of its loop says again what the record says.
    gate.hold(&id("hangs.near/1"), START);
    assert!(gate.try_enter(&id("well.near/1"), late));
    assert!(gate.release(&id("well.near/1")).is_empty());
    assert_eq!(gate.release(&id("hangs.near/1")), [id("hangs.near/2")]);
}

#[test]
fn a_task_that_began_later_than_was_said_has_its_place_again() {
    let mut gate = gate(1);
    gate.hold(&id("a.near/1"), START);
    let late = START + OVERDUE;
    gate.call_at(late);
    assert_eq!(gate.look(&id("b.near/1")), Gate::Open);
    gate.hold(&id("a.near/1"), late);
    assert_eq!(gate.look(&id("b.near/1")), Gate::Full);
    assert_eq!(gate.call_at(late + OVERDUE), [id("b.near/1")]);
}

#[test]
fn what_hangs_in_all_is_bounded() {
    const PLACES: usize = 3;
    let mut gate = gate(PLACES);
    let mut now = START;
    let mut hanging: Vec<IndexerId> = (0..1_000).map(|n| id(&format!("x{n}.near/f"))).collect();
    let mut in_flight = Vec::new();
    for _ in 0..100 {
        let (inside, outside) = hanging
            .into_iter()
            .partition(|id| gate.look(id) == Gate::Open && gate.try_enter(id, now));
        assert!(Vec::len(&inside) <= PLACES);
        in_flight.extend(inside);
        hanging = outside;
        now = now + OVERDUE;
        gate.call_at(now);
    }
    assert_eq!(in_flight.len(), PLACES * IN_FLIGHT_FACTOR);
    assert_eq!(gate.look(&id("well.near/f")), Gate::Full);
    let called: Vec<_> = in_flight.iter().map(|id| gate.release(id).len()).collect();
    assert_eq!(called[0], 1, "whoever is abandoned makes room");
}

/// The same gate without any index.
#[derive(Default)]
struct Model {
    places: usize,
    holders: BTreeMap<IndexerId, (Timestamp, bool)>,
    waiting: BTreeSet<IndexerId>,
}

impl Model {
    fn free(&self) -> usize {
        let placed = self.holders.values().filter(|(_, placed)| *placed).count();
        let most = self.places * IN_FLIGHT_FACTOR;
        let places = self.places.saturating_sub(placed);
        places.min(most.saturating_sub(self.holders.len()))
    }

    fn judge(&self, id: &IndexerId) -> Gate {
        let mates = |other: &&IndexerId| *other != id && database(other) == database(id);
        match self.holders.keys().find(mates) {
            Some(other) => Gate::AccountBusy(other.clone()),
            None if self.free() == 0 && !self.holders.contains_key(id) => Gate::Full,
            None => Gate::Open,
        }
    }

    fn look(&mut self, id: &IndexerId) -> Gate {
        let answer = self.judge(id);
        self.waiting.remove(id);
        if answer != Gate::Open && !self.holders.contains_key(id) {
            self.waiting.insert(id.clone());
        }
        answer
    }

    fn hold(&mut self, id: &IndexerId, since: Timestamp) {
        self.waiting.remove(id);
        let before = self.holders.get(id);
        let placed = before.is_none_or(|(before, placed)| *before != since || *placed);
        self.holders.insert(id.clone(), (since, placed));
    }

    /// What any call must keep to, and that nobody is forgotten: as many are
    /// called as there are places and databases for.
    fn check(&self, called: &[IndexerId]) {
        let mut databases = BTreeSet::new();
        for id in called {
            assert!(self.waiting.contains(id), "{id} does not wait");
            assert_eq!(self.judge(id), Gate::Open, "{id}");
            assert!(databases.insert(database(id)), "two of one account");
        }
        let open = |id: &&IndexerId| self.judge(id) == Gate::Open;
        let ready: BTreeSet<_> = self.waiting.iter().filter(open).map(database).collect();
        assert_eq!(called.len(), self.free().min(ready.len()));
    }
}

#[derive(Clone, Debug)]
enum Step {
    Look(usize),
    Enter(usize),
    Hold(usize),
    Release(usize),
    Pass(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let who = 0..12_usize;
    let step = prop_oneof![
        4 => who.clone().prop_map(Step::Look),
        4 => who.clone().prop_map(Step::Enter),
        1 => who.clone().prop_map(Step::Hold),
        3 => who.prop_map(Step::Release),
        2 => (0..400_000_u64).prop_map(Step::Pass),
    ];
    prop::collection::vec(step, 0..120)
}

proptest! {
    #[test]
    fn the_gate_does_what_the_model_does(places in 1..4_usize, steps in steps()) {
        // Some share an account, some only a database.
        let accounts = ["a.b", "a-b", "c", "d", "e", "f"];
        let names: Vec<_> = (0..12)
            .map(|n| id(&format!("{}/{}", accounts[n % accounts.len()], n / accounts.len())))
            .collect();
        let mut gate = gate(places);
        let mut model = Model { places, ..Model::default() };
        let mut now = START;
        for step in steps {
            match step {
                Step::Look(n) => prop_assert_eq!(gate.look(&names[n]), model.look(&names[n])),
                Step::Enter(n) => {
                    let open = model.judge(&names[n]) == Gate::Open;
                    if open {
                        model.hold(&names[n], now);
                    }
                    prop_assert_eq!(gate.try_enter(&names[n], now), open);
                }
                Step::Hold(n) => {
                    model.hold(&names[n], now);
                    gate.hold(&names[n], now);
                }
                Step::Release(n) => {
                    let called = gate.release(&names[n]);
                    model.waiting.remove(&names[n]);
                    match model.holders.remove(&names[n]) {
                        Some(_) => model.check(&called),
                        None => prop_assert!(called.is_empty()),
                    }
                }
                Step::Pass(millis) => {
                    now = now + Duration::from_millis(millis);
                    for (since, placed) in model.holders.values_mut() {
                        *placed &= now.since(*since) < OVERDUE;
                    }
                    model.check(&gate.call_at(now));
                }
            }
        }
        // Everybody who waits is called in the end, though nobody comes.
        for name in &names {
            if model.holders.remove(name).is_some() {
                gate.release(name);
            }
        }
        let mut left = model.waiting;
        for _ in 0..24 {
            for called in gate.call_at(now) {
                left.remove(&called);
            }
        }
        prop_assert!(left.is_empty(), "{:?} never called", left);
    }
}
