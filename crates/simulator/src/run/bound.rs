//! How long a healed world may take to converge, from the knobs alone.

use std::time::Duration;

use coordinator::Knobs;
use lifecycle::{Backoff, Policy};

use crate::scenario::{Action, Breakage, Indexer, Scenario, Step};

/// Stages of a provisioning task, generously.
const STAGES: u32 = 20;

/// Who tries in vain for longer before it gives up is not waited for.
pub(super) const PATIENCE: Duration = Duration::from_secs(3 * 3600);

/// The longest time in which a healed world must converge: what may have to be
/// waited for, one after the other.
pub(super) fn convergence(scenario: &Scenario, knobs: &Knobs) -> Duration {
    let policy = &knobs.policy;
    let health = scenario.nodes.block_streamer.health_interval;
    let hopeless = has_hopeless(scenario) || may_be_torn(scenario);
    Duration::from_secs(30)
        + reaction(scenario, knobs)
        + crowd(scenario, knobs)
        + policy.retry.cap
        + health * 2
        + knobs.heartbeat_limit
        + policy.restart.cap
        + policy.failing_grace
        + policy.executor_start_grace
        + policy.provisioning_settle
        + if hangs(scenario) {
            policy.provisioning_abandon
        } else {
            policy.provisioning_timeout
        }
        + match hopeless {
            true => exhaustion(policy).min(PATIENCE),
            false => Duration::ZERO,
        }
}

/// How long it takes until everything that is to be seen was seen, and a dozen steps
/// were taken one after the other.
fn reaction(scenario: &Scenario, knobs: &Knobs) -> Duration {
    let policy = &knobs.policy;
    let call = knobs
        .call_deadline
        .min(scenario.net.latency.high * 4 + SLOW_CALL);
    // A registry in trouble is asked less often.
    knobs.tick * (2 * knobs.registry_pause_ticks)
        + policy.recheck * 4
        + policy.provisioning_poll * 4
        + knobs.store_pause * knobs.store_pause_growth
        + patience(knobs)
        + knobs.panic_pause
        + (knobs.read_deadline + knobs.list_deadline + knobs.store_deadline) * 2
        + call * 12
        + knobs.rescan * 2
        + knobs.confirm_pause_max * 2
        + knobs.listing_hold
        + scenario.registry.lag
        + scenario.nodes.block_streamer.start_delay
        + scenario.nodes.block_streamer.stop_delay * 2
        + (scenario.nodes.executor.start_delay + scenario.nodes.executor.thread_boot) * 2
}

/// How much longer than by default a loop may sleep, hold something back, or go by
/// what it believes.
fn patience(knobs: &Knobs) -> Duration {
    let usual = Knobs::default();
    let more = |now: Duration, usual: Duration| now.saturating_sub(usual);
    more(knobs.sleep_max, usual.sleep_max)
        + more(knobs.freeze, usual.freeze) * 4
        + more(knobs.clock_tolerance, usual.clock_tolerance)
        + more(knobs.disbelief, usual.disbelief) * 2
        + more(knobs.repeat.cap, usual.repeat.cap) * 2
        + more(knobs.start_slot_kept, usual.start_slot_kept)
        + more(
            knobs.policy.executor_start_timeout,
            usual.policy.executor_start_timeout,
        )
}

/// The longest call that waits for nothing in particular.
const SLOW_CALL: Duration = Duration::from_secs(3);

/// How long many may have to wait for one another: for the budget of starts, and for
/// the one task of an account or the few of all accounts.
fn crowd(scenario: &Scenario, knobs: &Knobs) -> Duration {
    let many = u32::try_from(scenario.indexers.len()).unwrap_or(u32::MAX);
    let provisioner = &scenario.nodes.provisioner;
    let task = provisioner
        .stage_time
        .mul_f64(provisioner.slow.clamp(0.0, 1e5))
        * STAGES
        + knobs.policy.provisioning_poll * 2;
    task * many + Duration::from_secs(4) * many / knobs.starts_per_second.max(1)
}

/// How long somebody tries who never succeeds.
pub(super) fn exhaustion(policy: &Policy) -> Duration {
    let nominal = |backoff: &Backoff, tries: u32| {
        let doubled = backoff.first.saturating_mul(1 << tries.min(20));
        doubled.min(backoff.cap)
    };
    (0..policy.attempts_max.min(1_000))
        .map(|tries| {
            nominal(&policy.retry, tries)
                + nominal(&policy.restart, tries)
                + policy.failing_grace
                + policy.recheck
        })
        .sum()
}

/// Whether those who try in vain do so for too long to be waited for, or rest for so
/// short a time before they try again that hardly ever all of them rest.
pub(super) fn never_rest_together(scenario: &Scenario, policy: &Policy) -> bool {
    let tries = exhaustion(policy);
    let hopeless = |indexer: &&Indexer| is_hopeless(scenario, indexer);
    let many = scenario.indexers.iter().filter(hopeless).count();
    let many = u32::try_from(many).unwrap_or(u32::MAX);
    tries > PATIENCE || tries.saturating_mul(many) > policy.attempts_window
}

/// Whether somebody may try for longer than is waited for to make a data layer that
/// was torn.
pub(super) fn may_try_torn_layers_for_long(scenario: &Scenario, policy: &Policy) -> bool {
    may_be_torn(scenario) && exhaustion(policy) > PATIENCE
}

/// Whether a provisioning task of `scenario` may never end, or nobody may hear of it.
fn hangs(scenario: &Scenario) -> bool {
    // A record that cannot be read may have spoken of a task.
    let by_step = |step: &Step| {
        matches!(
            step.action,
            Action::HangNext(_)
                | Action::Broken(_)
                | Action::CorruptRecord(_)
                | Action::SetRecord(_)
        )
    };
    let for_good = |broken: &crate::scenario::Broken| broken.is == Breakage::ProvisioningHangs;
    scenario.steps.iter().any(by_step)
        || scenario.faults.tasks.hang_next > 0.0
        || scenario.run.broken.iter().any(for_good)
}

/// Whether somebody may try in vain.
fn has_hopeless(scenario: &Scenario) -> bool {
    scenario
        .indexers
        .iter()
        .any(|indexer| is_hopeless(scenario, indexer))
}

/// Whether what is asked for can never run: its code throws, its schema is none, or
/// the provisioner folds its name.
pub(super) fn is_hopeless(scenario: &Scenario, indexer: &Indexer) -> bool {
    let nodes = &scenario.nodes;
    let holds = |text: &str, part: &String| !part.is_empty() && text.contains(part);
    let throws = nodes
        .executor
        .failing
        .iter()
        .any(|it| holds(&indexer.code, it));
    let folded = nodes.provisioner.quirks.folded_schema_names
        && indexer.key.function().chars().any(char::is_uppercase);
    throws || folded || holds(&indexer.schema, &nodes.provisioner.failing_schema)
}

/// Whether what is asked for runs with one stumble after the other.
pub(super) fn stumbles(scenario: &Scenario, indexer: &Indexer) -> bool {
    let markers = &scenario.nodes.executor.failing_once;
    markers
        .iter()
        .any(|it| !it.is_empty() && indexer.code.contains(it))
}

/// Whether a provisioning task may be cut off where it can never be repeated.
fn may_be_torn(scenario: &Scenario) -> bool {
    let quirks = &scenario.nodes.provisioner.quirks;
    let faults = &scenario.faults;
    let tasks = &faults.tasks;
    let random = faults.kill.runner + faults.kill.coordinator + tasks.fail_next + faults.partition;
    let random = random
        + faults
            .calls
            .each()
            .iter()
            .map(|(_, rate)| rate)
            .sum::<f64>();
    quirks.unretryable_windows && (random > 0.0 || !scenario.steps.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scenario(text: &str) -> Scenario {
        let text = format!(
            "property = \"p\"\n{text}\n[[indexer]]\naccount = \"a.near\"\nfunction = \"f\"\n"
        );
        Scenario::parse("bound", &text).expect("it is sound")
    }

    #[test]
    fn what_may_have_to_be_waited_for_adds_to_the_bound() {
        let knobs = Knobs::default();
        let plain = convergence(&scenario(""), &knobs);
        assert!(plain > knobs.policy.provisioning_timeout + knobs.heartbeat_limit);
        assert!(plain < Duration::from_secs(3600), "{plain:?}");
        for more in [
            "[registry]\nlag = \"5m\"",
            "[nodes.provisioner]\nstage_time = \"20s\"",
            "[faults.tasks]\nhang_next = 0.1",
            "[run]\nbroken = [{ indexer = \"random\", is = \"provisioning_hangs\" }]",
            "[nodes.executor]\nfailing = [\"insert\"]",
            "[faults.kill]\nrunner = 1",
        ] {
            assert!(convergence(&scenario(more), &knobs) > plain, "{more}");
        }
        let slow = Knobs {
            tick: Duration::from_secs(60),
            ..Knobs::default()
        };
        assert!(convergence(&scenario(""), &slow) > plain);
        // An executor whose start hangs is not seen to be sick before.
        let mut patient = Knobs::default();
        patient.policy.executor_start_timeout = Duration::from_secs(7_200);
        let start = patient.policy.executor_start_timeout;
        assert!(convergence(&scenario(""), &patient) > start);
    }

    #[test]
    fn those_who_rest_for_a_moment_only_are_not_waited_for() {
        let text = "[nodes.executor]\nfailing = [\"insert\"]";
        let hopeless = scenario(&format!(
            "{text}\n[[indexer]]\naccount = \"b.near\"\nfunction = \"g\""
        ));
        let mut policy = Policy::default();
        let tries = exhaustion(&policy);
        policy.attempts_window = tries * 3;
        assert!(!never_rest_together(&hopeless, &policy));
        policy.attempts_window = tries * 3 / 2;
        assert!(never_rest_together(&hopeless, &policy));
        assert!(!never_rest_together(&scenario(""), &policy));
    }

    #[test]
    fn torn_layers_are_left_out_where_they_are_tried_for_very_long() {
        let torn = scenario("[faults.kill]\nrunner = 1");
        let mut policy = Policy {
            attempts_max: 1,
            ..Policy::default()
        };
        assert!(!may_try_torn_layers_for_long(&torn, &policy));
        policy.attempts_max = 1_000;
        assert!(may_try_torn_layers_for_long(&torn, &policy));
        assert!(!may_try_torn_layers_for_long(&scenario(""), &policy));
    }

    #[test]
    fn trying_in_vain_ends_after_the_last_try() {
        let mut policy = Policy::default();
        let all = exhaustion(&policy);
        policy.attempts_max -= 1;
        let last = policy.retry.cap.min(policy.retry.first * 128)
            + policy.restart.cap
            + policy.failing_grace
            + policy.recheck;
        assert_eq!(all, exhaustion(&policy) + last);
    }
}
