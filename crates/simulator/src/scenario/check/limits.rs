//! Settings that are sound by themselves and leave the coordinator no way to do what it
//! is judged by: what comes of them says nothing about it.

use std::time::Duration;

use coordinator::{HEIGHT_MAX, Knobs};

use super::super::diagnostic::Report;
use super::super::tree::Place;
use super::super::{SLOWEST_TICK, Scenario};
use super::shown;

/// A look in which the chain makes no block must be rarer than this: there are hundreds
/// of looks in a run, and many runs.
const RARE: f64 = 1e-5;

/// So many heights in a row always hold a block.
const HEIGHTS_WITH_A_BLOCK: u32 = 64;

/// Heights and looks do not begin at one moment: two of them are surely within a look
/// what one is not.
const LEAST_HEIGHTS: u32 = 2;

/// How long a world may take to be as wanted after the run, generously.
const CONVERGING: Duration = Duration::from_secs(24 * 3600);

/// Checks settings against one another, and against what the coordinator can do.
pub(super) fn check<'a>(
    scenario: &Scenario,
    section: impl Fn(&str) -> Place<'a>,
    report: &mut Report,
) {
    round_trips(scenario, &section, report);
    tick(scenario, &section, report);
    // A folder of blocks is no synthetic chain.
    if scenario.data.blocks.is_some() || scenario.chain.check().is_err() {
        return;
    }
    heights(scenario, &section, report);
    if scenario.nodes.block_streamer.check().is_ok() {
        stalls(scenario, &section, report);
    }
}

/// A time that the scenario gives to a knob; `None` if it gives none, or a wrong one.
fn given(scenario: &Scenario, name: &str) -> Option<Duration> {
    let mut knobs = scenario.coordinator.iter();
    let (_, value) = knobs.find(|(knob, _)| knob == name)?;
    humantime::parse_duration(value.get_ref().as_str()?).ok()
}

/// Every call must have time for its way there and back.
fn round_trips<'a>(scenario: &Scenario, section: &impl Fn(&str) -> Place<'a>, report: &mut Report) {
    if scenario.net.latency.low > scenario.net.latency.high {
        return;
    }
    let usual = Knobs::default();
    let trip = scenario.net.latency.high.saturating_mul(2);
    let mut shortest: Option<(&str, Duration)> = None;
    for (name, usual) in [
        ("call_deadline", usual.call_deadline),
        ("read_deadline", usual.read_deadline),
        ("list_deadline", usual.list_deadline),
        ("store_deadline", usual.store_deadline),
    ] {
        let place = section("coordinator").get(name);
        match given(scenario, name) {
            Some(deadline) if deadline <= trip => {
                let message = format!(
                    "knob `{name}`: {} may be over before an answer can be there: by `latency` \
                     in [net] the way there and back takes up to {}",
                    shown(deadline),
                    shown(trip)
                );
                let help = format!("it must be longer than {}", shown(trip));
                report.add_with(place.span(), message, Some(help));
            }
            None if !place.is_given() && usual <= trip => {
                let least = shortest.is_none_or(|(_, other)| usual < other);
                shortest = least.then_some((name, usual)).or(shortest);
            }
            _ => {}
        }
    }
    let Some((name, deadline)) = shortest else {
        return;
    };
    let message = format!(
        "the way there and back takes up to {}, and the coordinator gives a call up after {} \
         (`{name}`)",
        shown(trip),
        shown(deadline)
    );
    let help = format!(
        "`latency` must stay below {}, or the deadlines in [coordinator] be longer",
        shown(deadline / 2)
    );
    report.add_with(section("net").at(&["latency"]).span(), message, Some(help));
}

/// A coordinator that looks too seldom is still asking when it counts as settled.
fn tick<'a>(scenario: &Scenario, section: &impl Fn(&str) -> Place<'a>, report: &mut Report) {
    let Some(tick) = given(scenario, "tick").filter(|tick| *tick > SLOWEST_TICK) else {
        return;
    };
    let message = format!(
        "knob `tick`: {} is too long: who has asked nothing for {} counts as settled, and so \
         must have looked by then",
        shown(tick),
        shown(SLOWEST_TICK)
    );
    let help = format!("it must be at most {}", shown(SLOWEST_TICK));
    let place = section("coordinator").at(&["tick"]);
    report.add_with(place.span(), message, Some(help));
}

/// The coordinator believes no height that no chain has reached.
fn heights<'a>(scenario: &Scenario, section: &impl Fn(&str) -> Place<'a>, report: &mut Report) {
    let (chain, run) = (&scenario.chain, &scenario.run);
    let longest = run
        .duration
        .saturating_add(run.silence)
        .saturating_add(CONVERGING);
    let made = longest.as_nanos() / chain.interval.as_nanos().max(1);
    let above = chain
        .history
        .saturating_add(u64::try_from(made).unwrap_or(u64::MAX));
    let highest = HEIGHT_MAX.saturating_sub(above);
    if chain.first_height > highest {
        let message = format!(
            "`first_height` is too high: the coordinator believes no height above {HEIGHT_MAX}, \
             and the run may make {above} above the first"
        );
        let help = format!("it must be at most {highest}");
        let place = section("chain").at(&["first_height"]);
        report.add_with(place.span(), message, Some(help));
    }
}

/// A stream that meets no block between two looks of its monitor is reported as STALLED,
/// and the coordinator asks about it.
fn stalls<'a>(scenario: &Scenario, section: &impl Fn(&str) -> Place<'a>, report: &mut Report) {
    let chain = &scenario.chain;
    let look = scenario.nodes.block_streamer.health_interval;
    let is_rare = |heights: &u32| chain.skip.powi(heights.cast_signed()) < RARE;
    let heights = (LEAST_HEIGHTS..HEIGHTS_WITH_A_BLOCK)
        .find(is_rare)
        .unwrap_or(HEIGHTS_WITH_A_BLOCK);
    if chain.interval.saturating_mul(heights) <= look {
        return;
    }
    let message = format!(
        "with a height each {} and a share of {} without a block, the block streamer may see \
         none between two looks ({}, `health_interval`), and reports a stream that is well as \
         STALLED",
        shown(chain.interval),
        chain.skip,
        shown(look)
    );
    let millis = u64::try_from(look.as_millis()).unwrap_or(u64::MAX) / u64::from(heights);
    let help = match millis {
        0 => "`health_interval` must be longer".to_owned(),
        _ => format!(
            "`interval` must be at most {}, or `health_interval` longer",
            shown(Duration::from_millis(millis))
        ),
    };
    let (chain, nodes) = (section("chain"), section("nodes"));
    let places = [chain.get("interval"), chain.get("skip")];
    let given = places.into_iter().find(|place| place.is_given());
    let place = given.unwrap_or_else(|| nodes.at(&["block_streamer", "health_interval"]));
    report.add_with(place.span(), message, Some(help));
}
