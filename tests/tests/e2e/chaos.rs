//! Twenty kills of real processes while users and operators change their minds.
//!
//! The judges, what they are fed with and what they cannot be told here stand in
//! [`crate::judge`].

use std::time::Duration;

use real_tokio::time::sleep;
use sim_node::server::now;
use sim_node::{Event as NodeEvent, IndexerKey, Rng};
use simulator::history::{Event, NodeName, RunPhase};

use crate::course::{check, converge, leftovers};
use crate::judge::{Records, Verdict};
use crate::lab::Lab;
use crate::people::People;

/// Each is killed so many times.
const KILLS: usize = 4;
const FREEZES: u64 = 5;
/// From one disturbance to the next.
const BEAT: Duration = Duration::from_millis(1_700);
const SILENCE: Duration = Duration::from_secs(6);

/// What is done at some time.
#[derive(Clone, Copy, Debug)]
enum Deed {
    Kill(NodeName),
    Start(NodeName),
    Freeze(NodeName),
    Thaw,
    Change,
    Command,
}

/// What is done when, in order, and when it is over.
fn timeline(rng: &mut Rng) -> (Vec<(Duration, Deed)>, Duration) {
    let mut disturbances: Vec<Option<NodeName>> = Vec::new();
    for node in NodeName::ALL {
        disturbances.extend([Some(node); KILLS]);
    }
    disturbances.extend((0..FREEZES).map(|_| None));
    let mut timeline = Vec::new();
    let mut freezes = NodeName::ALL.to_vec();
    let mut at = Duration::from_secs(4);
    while !disturbances.is_empty() {
        let place = rng.below(disturbances.len() as u64) as usize;
        // The longest outage ends before the next disturbance: a call that waits
        // in a frozen process must not outlive the coordinator that sent it.
        let length = rng.duration(Duration::from_millis(1), BEAT * 7 / 10);
        let (begin, end) = match disturbances.swap_remove(place) {
            Some(node) => (Deed::Kill(node), Deed::Start(node)),
            None => {
                let place = rng.below(freezes.len() as u64) as usize;
                (Deed::Freeze(freezes.swap_remove(place)), Deed::Thaw)
            }
        };
        let begins = at + rng.duration(Duration::ZERO, BEAT / 5);
        timeline.push((begins, begin));
        timeline.push((begins + length, end));
        at += BEAT;
    }
    let mut change = Duration::from_secs(2);
    while change < at {
        timeline.push((change, Deed::Change));
        change += rng.duration(Duration::from_millis(100), Duration::from_millis(800));
    }
    let mut command = Duration::from_secs(5);
    while command < at {
        timeline.push((command, Deed::Command));
        command += rng.duration(Duration::from_millis(300), Duration::from_secs(2));
    }
    timeline.sort_by_key(|(at, _)| *at);
    (timeline, at)
}

async fn disturb(lab: &mut Lab, people: &mut People) {
    let mut rng = Rng::new(lab.seed, "disturbances");
    let (timeline, end) = timeline(&mut rng);
    let began = now();
    for (at, deed) in timeline {
        sleep(at.saturating_sub(now().since(began))).await;
        match deed {
            Deed::Kill(node) => lab.kill(node).await,
            Deed::Start(node) => lab.start(node).await,
            Deed::Freeze(node) => lab.freeze(node),
            Deed::Thaw => lab.thaw(),
            Deed::Change if lab.works(NodeName::Registry) => people.change(lab).await,
            Deed::Command => people.command(lab),
            // Nobody is there to tell.
            Deed::Change => {}
        }
    }
    sleep(end.saturating_sub(now().since(began))).await;
}

#[real_tokio::test(crate = "real_tokio", flavor = "multi_thread", worker_threads = 2)]
async fn twenty_kills_lose_no_block_and_leave_nothing_behind() {
    let seed = std::env::var("E2E_SEED").map_or(1, |seed| seed.parse().expect("a number"));
    let mut lab = Lab::new(seed);
    let mut people = People::new(seed);
    let repeat = format!(
        "to repeat: E2E_SEED={seed} cargo test -p workspace-tests --test e2e chaos \
         (logs and ledgers: {})",
        lab.path().display()
    );
    lab.note(Event::Phase(RunPhase::Chaos));
    lab.start_surroundings().await;
    lab.start(NodeName::Coordinator).await;
    people.register_all(&mut lab).await;
    disturb(&mut lab, &mut people).await;
    let carried_out = people.wait_for_commands().await;
    assert!(carried_out > 0, "no command was carried out; {repeat}");
    people.settle(&mut lab).await;

    lab.note(Event::Phase(RunPhase::Healing));
    let verdict = converge(&lab, &people.rules).await;
    check(&verdict, &repeat);
    lab.note(Event::Phase(RunPhase::Silence));
    sleep(SILENCE).await;
    lab.note(Event::Phase(RunPhase::Over));
    let end = now();
    let records = Records::of(&lab).await;
    let verdict = records.judge(&lab, &people.rules, end);
    check(&verdict, &repeat);
    assert_eq!(verdict.stuck, Vec::<String>::new(), "{repeat}");
    let executed: u64 = verdict.executed.values().sum();
    assert!(
        executed > 300,
        "only {executed} blocks were executed; {repeat}"
    );
    assert_eq!(leftovers(&lab), Vec::<String>::new(), "{repeat}");
    let unexecuted = records.unexecuted(&lab);
    assert_eq!(unexecuted, Vec::<String>::new(), "{repeat}");

    let spoil = Spoil {
        lab: &lab,
        people: &people,
        records: &records,
        verdict: &verdict,
    };
    spoil.a_lost_block_is_seen();
    spoil.a_second_stream_is_seen();
    spoil.foreign_code_is_seen();
    spoil.restlessness_is_seen();
    assert!(lab.stop_coordinator().await, "{repeat}");
}

/// The records of a good run with one thing changed: the same judges must see it.
struct Spoil<'a> {
    lab: &'a Lab,
    people: &'a People,
    records: &'a Records,
    verdict: &'a Verdict,
}

impl Spoil<'_> {
    fn judged(&self, records: &Records) -> Option<String> {
        let at = records.events.last().map(|(at, _)| *at).unwrap_or_default();
        let verdict = records.judge(self.lab, &self.people.rules, at);
        verdict.violation.map(|violation| violation.oracle)
    }

    /// The version that an indexer has in the end, for those that executed most.
    fn busiest(&self) -> Vec<(IndexerKey, u64)> {
        let mut busiest: Vec<_> = self.verdict.executed.iter().collect();
        busiest.sort_by_key(|(_, executed)| std::cmp::Reverse(**executed));
        let keys = busiest
            .into_iter()
            .filter_map(|(name, _)| IndexerKey::parse(name));
        keys.filter_map(|key| {
            let known = self.lab.contract.known.get(&key)?;
            (!known.is_deleted()).then_some((key, known.version))
        })
        .collect()
    }

    /// Takes one block out, for each indexer that runs: as if the stream had left
    /// it out, and as if the executor had.
    fn a_lost_block_is_seen(&self) {
        let busiest = self.busiest();
        let (mut left_out, mut unexecuted) = (0, 0);
        for (key, current) in &busiest {
            let height_of = |event: &NodeEvent, published: bool| match event {
                NodeEvent::BlockPublished {
                    version, height, ..
                } if published && event.key() == key => (version == current).then_some(*height),
                NodeEvent::BlockExecuted {
                    version, height, ..
                } if event.key() == key => (version == current).then_some(*height),
                _ => None,
            };
            let mut nodes = self.records.nodes();
            let Some(lost) = nodes.find_map(|(_, event)| height_of(event, false)) else {
                continue;
            };
            let without = |published: bool| {
                let mut records = self.records.clone();
                records.events.retain(|(_, event)| match event {
                    Event::Node(event) => height_of(event, published) != Some(lost),
                    _ => true,
                });
                records
            };
            left_out += u32::from(self.judged(&without(true)).as_deref() == Some("P1"));
            let missed = without(false).unexecuted(self.lab);
            unexecuted += u32::from(missed.iter().any(|line| line.contains(key.as_str())));
        }
        assert!(left_out >= 3, "seen for {left_out} of {busiest:?}");
        assert!(unexecuted >= 3, "seen for {unexecuted} of {busiest:?}");
    }

    /// Starts a stream once more.
    fn a_second_stream_is_seen(&self) {
        let mut records = self.records.clone();
        let twin = records
            .events
            .iter()
            .position(|(_, event)| matches!(event, Event::Node(NodeEvent::StreamStarted { .. })));
        let at = twin.expect("a stream was started");
        let (time, event) = records.events[at].clone();
        let Event::Node(NodeEvent::StreamStarted {
            key,
            version,
            start_height,
            ..
        }) = event
        else {
            panic!("it was one a moment ago");
        };
        let twin = NodeEvent::StreamStarted {
            key,
            task: 1,
            version,
            start_height,
        };
        records.events.insert(at + 1, (time, Event::Node(twin)));
        assert_eq!(self.judged(&records).as_deref(), Some("S1"));
    }

    /// Lets a worker of another version execute a block.
    fn foreign_code_is_seen(&self) {
        let mut records = self.records.clone();
        let published = records
            .events
            .iter_mut()
            .find_map(|(_, event)| match event {
                Event::Node(NodeEvent::BlockPublished { version, .. }) => Some(version),
                _ => None,
            });
        *published.expect("a block was published") += 1;
        assert_eq!(self.judged(&records).as_deref(), Some("S11"));
    }

    /// Lets the coordinator write a record when all is quiet.
    fn restlessness_is_seen(&self) {
        let mut records = self.records.clone();
        let written = |(_, event): &&(_, Event)| matches!(event, Event::RecordWritten { .. });
        let last = records.events.iter().rev().find(written);
        let (_, event) = last.expect("records are written").clone();
        let over = records
            .events
            .iter()
            .position(|(_, event)| *event == Event::Phase(RunPhase::Over))
            .expect("the run is over");
        let (at, _) = records.events[over];
        records.events.insert(over, (at, event));
        assert_eq!(self.judged(&records).as_deref(), Some("L1"));
    }
}
