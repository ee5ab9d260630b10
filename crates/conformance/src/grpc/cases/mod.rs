//! The cases.

mod answers;
mod broken;
mod crowds;
mod late;
mod wire;

use super::Case;
use super::ask::Ask;

/// All cases. Their names are distinct.
pub fn all() -> Vec<Case> {
    let mut cases = answers::cases();
    cases.extend(late::cases());
    cases.extend(broken::cases());
    cases.extend(crowds::cases());
    cases.extend(wire::cases());
    cases
}

const ALICE: &str = "alice.near";
const BOB: &str = "bob.near";

fn start_stream(account: &str) -> Ask {
    Ask::StartStream(account.to_owned())
}

fn stop_stream(account: &str) -> Ask {
    Ask::StopStream(account.to_owned())
}

fn get_stream(account: &str) -> Ask {
    Ask::GetStream(account.to_owned())
}

fn start_executor(account: &str) -> Ask {
    Ask::StartExecutor(account.to_owned())
}

fn stop_executor(account: &str) -> Ask {
    Ask::StopExecutor(account.to_owned())
}

fn get_executor(account: &str) -> Ask {
    Ask::GetExecutor(account.to_owned())
}

fn start_task(account: &str) -> Ask {
    Ask::StartTask(account.to_owned())
}

fn get_task(account: &str) -> Ask {
    Ask::GetTask(account.to_owned())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::Step;
    use super::*;

    #[test]
    fn there_are_enough_and_each_has_a_name_of_its_own() {
        let cases = all();
        let names: BTreeSet<_> = cases.iter().map(|case| case.name).collect();
        assert_eq!(names.len(), cases.len());
        let everywhere = cases.iter().filter(|case| case.only_on_a_wire.is_none());
        let everywhere = everywhere.count();
        assert!(everywhere >= 80, "{everywhere} cases for every world");
        // What needs HTTP, and nothing else.
        assert!(
            cases.len() - everywhere <= 12,
            "{everywhere} of {}",
            cases.len()
        );
    }

    #[test]
    fn every_case_that_makes_calls_expects_something() {
        for case in all() {
            let judged = case.steps.iter().any(|step| {
                !matches!(step, Step::Do(_) | Step::DropAtOnce(_) | Step::DropTaken(_))
            });
            assert!(judged, "{case}");
        }
    }
}
