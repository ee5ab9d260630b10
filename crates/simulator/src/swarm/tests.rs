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

/// Each family is on in half of the runs and each key in half of those: what is
/// in no run of many is in none at all.
#[test]
fn every_key_is_reached_and_none_is_always_there() {
    let everything = Profile::by_name("everything").expect("it is there");
    let mut seen: BTreeMap<String, u32> = BTreeMap::new();
    const RUNS: u32 = 400;
    for seed in 0..RUNS {
        let root = super::scenario(everything, seed.into());
        let mut count = |path: &str| {
            let given = find(&root, path).is_some();
            *seen.entry(path.to_owned()).or_default() += u32::from(given);
        };
        table::KEYS.iter().for_each(|key| count(key.path));
        for knob in KNOBS {
            count(&format!("coordinator.{}", knob.name));
        }
        count("run.quiet");
        count("run.broken");
        count("step");
    }
    for (path, times) in seen {
        assert!((RUNS / 8..RUNS * 3 / 4).contains(&times), "{path}: {times}");
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
