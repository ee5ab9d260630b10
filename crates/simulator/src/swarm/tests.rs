//! What holds of every swarm.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::scenario::{self, Scenario};

fn parsed(profile: &Profile, seed: u64) -> Scenario {
    let text = render(&super::scenario(profile, seed));
    let names = crate::run::knobs::names();
    let check = |name: &str, value: &Value| {
        crate::run::knobs::set(&mut coordinator::Knobs::default(), name, value)
    };
    let knobs = scenario::Knobs {
        names: &names,
        check: &check,
    };
    match Scenario::parse_with("swarm", &text, Some(knobs)) {
        Ok(scenario) => scenario,
        Err(found) => {
            let found: Vec<_> = found.iter().map(ToString::to_string).collect();
            panic!("{} {seed}: {}\n{text}", profile.name, found.join("\n"))
        }
    }
}

#[test]
fn whatever_the_seed_the_scenario_is_sound() {
    for profile in PROFILES {
        for seed in 0..300 {
            parsed(profile, seed);
        }
    }
}

#[test]
fn one_seed_is_one_text_and_each_profile_has_its_own() {
    let texts: Vec<_> = PROFILES
        .iter()
        .map(|profile| render(&super::scenario(profile, 7)))
        .collect();
    for (profile, text) in PROFILES.iter().zip(&texts) {
        assert_eq!(*text, render(&super::scenario(profile, 7)));
        assert_ne!(*text, render(&super::scenario(profile, 8)));
    }
    assert_eq!(texts.iter().collect::<BTreeSet<_>>().len(), PROFILES.len());
}

const RUNS: u32 = 2_000;

/// In how many of [`RUNS`] runs of `profile` each of what `named` names is.
fn shares<N: Ord>(
    profile: &Profile,
    named: impl Fn(u64, &Table) -> BTreeSet<N>,
) -> BTreeMap<N, f64> {
    let mut runs: BTreeMap<N, u32> = BTreeMap::new();
    for seed in 0..RUNS.into() {
        for name in named(seed, &super::scenario(profile, seed)) {
            *runs.entry(name).or_default() += 1;
        }
    }
    let share = |(name, runs)| (name, f64::from(runs) / f64::from(RUNS));
    runs.into_iter().map(share).collect()
}

/// Five times what chance alone makes of a half.
const HALF: std::ops::Range<f64> = 0.44..0.56;

#[test]
fn each_family_of_keys_is_off_in_half_of_the_runs() {
    for profile in PROFILES {
        let families = table::families(profile);
        let shares = shares(profile, |_, root| {
            let given =
                |keys: &[&table::Key]| keys.iter().any(|key| find(root, key.path).is_some());
            let given = families.iter().filter(|(_, keys)| given(keys));
            given.map(|(name, _)| *name).collect()
        });
        for name in families.keys() {
            let share = shares.get(name).copied().unwrap_or_default();
            // A run in which nothing would happen is given one of these.
            let more = if ["calm", "churn"].contains(&profile.name) {
                0.08
            } else {
                0.02
            };
            let more = if name.starts_with("workload.") {
                more
            } else {
                0.0
            };
            let expected = HALF.start..HALF.end + more;
            assert!(
                expected.contains(&share),
                "{} {name}: {share}",
                profile.name
            );
        }
    }
}

#[test]
fn each_disaster_is_off_in_half_of_the_runs() {
    for profile in PROFILES {
        let shares = shares(profile, |_, root| {
            let steps = root.get("step").and_then(Value::as_array);
            let steps = steps.into_iter().flatten();
            steps.filter_map(disasters::family_of).collect()
        });
        for (name, group, _) in disasters::DISASTERS {
            let share = shares.get(name).copied().unwrap_or_default();
            let allowed = profile.groups.contains(group);
            let expected = if allowed {
                HALF
            } else {
                0.0..f64::MIN_POSITIVE
            };
            assert!(
                expected.contains(&share),
                "{} {name}: {share}",
                profile.name
            );
        }
    }
}

/// What must be longer than something else is given in more runs.
#[test]
fn each_knob_and_each_whole_is_off_in_half_of_the_runs() {
    for name in ["knobs", "everything"] {
        let profile = Profile::by_name(name).expect("it is there");
        let mut expected: BTreeSet<String> = KNOBS
            .iter()
            .map(|knob| format!("coordinator.{}", knob.name))
            .collect();
        expected.insert("run.quiet".to_owned());
        if profile.groups.contains(&Group::Broken) {
            expected.insert("run.broken".to_owned());
        }
        let shares = shares(profile, |_, root| {
            let given = expected.iter().filter(|path| find(root, path).is_some());
            given.cloned().collect()
        });
        for path in &expected {
            let share = shares.get(path).copied().unwrap_or_default();
            let made_longer = table::RELATIONS.iter().any(|(_, _, longer)| longer == path);
            let most = if made_longer { 0.95 } else { HALF.end };
            assert!(
                (HALF.start..most).contains(&share),
                "{name} {path}: {share}"
            );
        }
    }
}

/// Groups hang together: some runs have nothing of one, and some have all of it.
#[test]
fn in_a_quarter_of_the_runs_a_group_is_out_and_in_a_quarter_it_is_in() {
    let everything = Profile::by_name("everything").expect("it is there");
    let families = table::families(everything);
    let of = |group| {
        let of_group = |(_, keys): &(&&str, &Vec<&table::Key>)| keys[0].group == group;
        families.iter().filter(of_group).collect::<Vec<_>>()
    };
    for group in [Group::Tasks, Group::Calls, Group::Users, Group::Habits] {
        let all = of(group);
        assert!(all.len() > 5, "{group:?}");
        let shares = shares(everything, |_, root| {
            let given =
                |keys: &[&table::Key]| keys.iter().any(|key| find(root, key.path).is_some());
            let given = all.iter().filter(|(_, keys)| given(keys)).count();
            let whole = [(given == 0, "out"), (given == all.len(), "in")];
            whole
                .iter()
                .filter(|(is, _)| *is)
                .map(|(_, name)| *name)
                .collect()
        });
        for name in ["out", "in"] {
            assert!(
                (0.2..0.32).contains(&shares[name]),
                "{group:?} {name}: {shares:?}"
            );
        }
    }
}

/// Of one family's ways each is there at times, and at times without the others.
#[test]
fn every_way_of_a_family_is_reached_and_none_is_always_there() {
    let everything = Profile::by_name("everything").expect("it is there");
    let shares = shares(everything, |_, root| {
        let keys = table::families(everything).into_values().flatten();
        let given = keys.filter(|key| find(root, key.path).is_some());
        given.map(|key| key.path).collect()
    });
    for keys in table::families(everything).into_values() {
        for key in keys {
            assert!((0.2..0.6).contains(&shares[key.path]), "{}", key.path);
        }
    }
}

#[test]
fn something_happens_in_every_run() {
    for profile in PROFILES {
        for seed in 0..RUNS.into() {
            let root = super::scenario(profile, seed);
            let plan = Plan { profile, seed };
            let shape = Shape::draw(&plan);
            let more = table::enliven(&plan, &shape, &root);
            assert_eq!(more, None, "{} {seed}", profile.name);
        }
    }
}

#[test]
fn a_value_does_not_depend_on_what_else_there_is() {
    let plan = |seed| Plan {
        profile: &PROFILES[0],
        seed,
    };
    for seed in 0..20 {
        let before = plan(seed).stream("net.latency").bits();
        let _ = plan(seed).stream("net.latencies").bits();
        assert_eq!(before, plan(seed).stream("net.latency").bits());
    }
    let set: BTreeSet<u64> = (0..20)
        .map(|seed| plan(seed).stream("net.latency").bits())
        .collect();
    assert_eq!(set.len(), 20);
}

#[test]
fn what_must_be_longer_is_longer() {
    let knobs = Profile::by_name("knobs").expect("it is there");
    for seed in 0..200 {
        let root = super::scenario(knobs, seed);
        for (shorter, times, longer) in table::RELATIONS {
            let time = |path| time_of(&root, path).expect(path);
            // Times are rounded down to a millisecond.
            let least = time(shorter).mul_f64(*times) - Duration::from_millis(1);
            assert!(time(longer) >= least, "{seed}: {shorter} and {longer}");
        }
    }
}
