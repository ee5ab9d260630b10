//! What is waited for.

use std::fmt;
use std::str::FromStr;

use clap::ValueEnum;
use proto::coordinator::Indexer;

use super::Phase;

/// The states that the control loops report.
pub(crate) const STATES: [&str; 21] = [
    "Steady",
    "Suspended",
    "Held",
    "Observing",
    "RegistryUnknown",
    "NotInRegistry",
    "StaleRegistry",
    "ServiceDown",
    "Unseen",
    "Provisioning",
    "ProvisioningUncertain",
    "AccountBusy",
    "ProvisioningFull",
    "StartBudget",
    "ExecutorStarting",
    "Retry",
    "GaveUp",
    "Working",
    "Trouble",
    "Idle",
    "Unreadable",
];

/// What is waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Goal {
    /// It is in the phase Running.
    Running,
    /// It is in the phase Suspended.
    Suspended,
    /// Everything is as wanted.
    Steady,
    /// The coordinator knows it no more.
    Gone,
    /// It is in this phase.
    Phase(Phase),
    /// Its control loop is in this state.
    State(&'static str),
}

impl Goal {
    /// Whether `indexer` is there.
    pub(crate) fn is_reached(&self, indexer: &Indexer) -> bool {
        match self {
            Goal::Running => indexer.phase == "Running",
            Goal::Suspended => indexer.phase == "Suspended",
            Goal::Steady => indexer.state == "Steady",
            Goal::Gone => false,
            Goal::Phase(phase) => phase.is_of(indexer),
            Goal::State(state) => indexer.state == *state,
        }
    }
}

impl fmt::Display for Goal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Goal::Running => formatter.write_str("running"),
            Goal::Suspended => formatter.write_str("suspended"),
            Goal::Steady => formatter.write_str("steady"),
            Goal::Gone => formatter.write_str("gone"),
            Goal::Phase(Phase::None) => formatter.write_str("without a record"),
            Goal::Phase(phase) => write!(formatter, "in phase {}", phase.word()),
            Goal::State(state) => write!(formatter, "in state {state}"),
        }
    }
}

impl FromStr for Goal {
    type Err = String;

    fn from_str(text: &str) -> Result<Goal, String> {
        match text.split_once('=') {
            None => match text.to_ascii_lowercase().as_str() {
                "running" => Ok(Goal::Running),
                "suspended" => Ok(Goal::Suspended),
                "steady" => Ok(Goal::Steady),
                "gone" => Ok(Goal::Gone),
                _ => Err(
                    "expected running, suspended, steady, gone, phase=PHASE or state=STATE"
                        .to_owned(),
                ),
            },
            Some(("phase", word)) => Phase::from_str(word, true)
                .map(Goal::Phase)
                .map_err(|_| unknown("phase", word, &Phase::WORDS)),
            Some(("state", word)) => STATES
                .into_iter()
                .find(|state| state.eq_ignore_ascii_case(word))
                .map(Goal::State)
                .ok_or_else(|| unknown("state", word, &STATES)),
            Some((kind, _)) => Err(format!("`{kind}` is neither `phase` nor `state`")),
        }
    }
}

fn unknown(kind: &str, word: &str, known: &[&str]) -> String {
    let meant = known
        .iter()
        .map(|candidate| (distance(candidate, word), candidate))
        .min()
        .filter(|(distance, _)| *distance <= 3)
        .map(|(_, candidate)| format!("; did you mean {candidate}?"))
        .unwrap_or_default();
    format!("there is no {kind} `{word}`{meant} ({})", known.join(", "))
}

/// How many letters must be put in, left out or replaced, whatever their case.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.to_lowercase().chars().take(64).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.to_lowercase().chars().enumerate() {
        let mut next = vec![i + 1];
        for ((to, above_left), above) in b.iter().zip(&row).zip(row.iter().skip(1)) {
            let left = next.last().copied().unwrap_or(0);
            let replaced = above_left + usize::from(*to != from);
            next.push(replaced.min(above + 1).min(left + 1));
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goals_are_understood_in_any_case() {
        for (text, goal) in [
            ("running", Goal::Running),
            ("GONE", Goal::Gone),
            ("phase=repairing", Goal::Phase(Phase::Repairing)),
            ("phase=none", Goal::Phase(Phase::None)),
            ("state=gaveup", Goal::State("GaveUp")),
        ] {
            assert_eq!(text.parse(), Ok(goal));
        }
    }

    #[test]
    fn a_slip_of_the_pen_is_pointed_out() {
        let message = "state=Stedy".parse::<Goal>().unwrap_err();
        assert!(message.contains("did you mean Steady?"), "{message}");
        let message = "phase=Suspendet".parse::<Goal>().unwrap_err();
        assert!(message.contains("did you mean Suspended?"), "{message}");
        let message = "phase=xyzxyzxyz".parse::<Goal>().unwrap_err();
        assert!(!message.contains("did you mean"), "{message}");
        assert!("nothing".parse::<Goal>().is_err());
        assert!("colour=red".parse::<Goal>().is_err());
    }

    #[test]
    fn distances_are_counted_in_letters() {
        assert_eq!(distance("Steady", "steady"), 0);
        assert_eq!(distance("Steady", "Stedy"), 1);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("abc", ""), 3);
    }
}
