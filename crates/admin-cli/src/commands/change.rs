//! The commands that change something.

use proto::coordinator::Indexer;
use tokio::time::{Instant, sleep_until};

use super::wait::PAUSE;
use crate::args::{Format, Mutation, Name};
use crate::client::{Change, Client};
use crate::console::Console;
use crate::exit::{Exit, Failure};
use crate::text;
use crate::view::{json, name_line};

/// What became of one change.
struct Outcome {
    name: Name,
    result: Result<Indexer, Failure>,
    /// The indexer was there when it was changed, and is not any more: `result` holds
    /// what was seen of it last.
    is_gone: bool,
}

impl Outcome {
    /// Whether there is anything left to wait for.
    fn is_settled(&self, change: &Change) -> bool {
        self.is_gone
            || match &self.result {
                Ok(indexer) => at_rest(change, indexer),
                Err(_) => true,
            }
    }
}

pub(crate) async fn change(
    args: Mutation,
    change: Change,
    console: &mut Console,
    names: Vec<Name>,
) -> Result<Exit, Failure> {
    if args.dry_run {
        let shown = would(&change, &names, args.common.output)?;
        console.data(&shown)?;
        return Ok(Exit::Done);
    }
    if names.is_empty() {
        // A list of what is troubled is empty when all is well.
        console.talk("the list on stdin names no indexer: nothing to do");
        tell(&[], &[], &change, args.common.output, console)?;
        return Ok(Exit::Done);
    }
    let client = Client::connect(&args.common.connection).await?;
    let format = args.common.output;
    // Whoever interrupts this shall know how far it came.
    let tells_at_once = format != Format::Json && !args.wait;
    let mut outcomes: Vec<Outcome> = Vec::with_capacity(names.len());
    let mut stopped = false;
    for name in &names {
        let result = client.change(&change, name).await;
        // The next ones would fare no better.
        stopped = result
            .as_ref()
            .is_err_and(|it| matches!(it.exit, Exit::Unavailable | Exit::Refused));
        let outcome = Outcome {
            name: name.clone(),
            result,
            is_gone: false,
        };
        if tells_at_once {
            tell(
                std::slice::from_ref(&outcome),
                &[],
                &change,
                format,
                console,
            )?;
        }
        outcomes.push(outcome);
        if stopped {
            break;
        }
    }
    if args.wait {
        let deadline = Instant::now() + args.timeout;
        for outcome in &mut outcomes {
            settle(outcome, &change, &client, deadline).await;
        }
    }
    let left = names.get(outcomes.len()..).unwrap_or_default();
    let untold = if tells_at_once {
        &[]
    } else {
        outcomes.as_slice()
    };
    tell(untold, left, &change, format, console)?;
    if stopped && !left.is_empty() {
        let left = text::count(left.len(), "further indexer");
        console.talk(&format!("{left} not tried"));
    }
    let late: Vec<&Outcome> = outcomes
        .iter()
        .filter(|it| !it.is_settled(&change))
        .collect();
    if args.wait && !late.is_empty() {
        let waited = humantime::format_duration(args.timeout);
        for outcome in &late {
            let what = match &change {
                Change::Hold(_) => "held, but what was begun before has not ended",
                _ => "not in effect",
            };
            console.talk(&format!(
                "error: {}: {what} after {waited}; it is done as soon as the coordinator can.",
                outcome.name
            ));
        }
    }
    Ok(exit(&outcomes, args.wait && !late.is_empty()))
}

/// Asks before several indexers are changed. Called before anything else is
/// under way, so that Ctrl-C ends the process as it always does.
pub(crate) fn is_confirmed(
    args: &Mutation,
    change: &Change,
    names: &[Name],
    console: &mut Console,
) -> bool {
    let nobody_to_ask = !console.is_interactive || args.indexers.reads_input();
    if args.yes || args.dry_run || nobody_to_ask || names.len() < 2 {
        return true;
    }
    for name in names.iter().take(10) {
        console.talk(&format!("  {name}"));
    }
    if names.len() > 10 {
        console.talk(&format!("  and {} more", names.len() - 10));
    }
    console.confirm(&format!(
        "{} {}?",
        change.word(),
        text::count(names.len(), "indexer")
    ))
}

/// Success, the one kind of failure there was, or the general one.
fn exit(outcomes: &[Outcome], is_late: bool) -> Exit {
    let mut exits: Vec<Exit> = outcomes
        .iter()
        .filter_map(|it| it.result.as_ref().err().map(|failure| failure.exit))
        .collect();
    if is_late {
        exits.push(Exit::Failed);
    }
    exits.sort_unstable();
    exits.dedup();
    match exits.as_slice() {
        [] => Exit::Done,
        [one] => *one,
        _ => Exit::Failed,
    }
}

/// Looks until the change has taken effect.
async fn settle(outcome: &mut Outcome, change: &Change, client: &Client, deadline: Instant) {
    let mut next = Instant::now();
    while !outcome.is_settled(change) && next < deadline {
        next = (next + PAUSE).min(deadline);
        sleep_until(next).await;
        match client.get(&outcome.name).await {
            // The coordinator may be restarting; the change is durable.
            Err(failure) if failure.exit == Exit::Unavailable => {}
            Err(failure) if failure.exit == Exit::Failed => {}
            Err(failure) if failure.exit == Exit::NotFound && ends_with_it(change) => {
                outcome.is_gone = true;
            }
            result => outcome.result = result,
        }
    }
}

/// Whether a change has nothing more to do once its indexer has been deleted: what was
/// to be stopped or let go on is over. Nothing can be held or kept running then.
fn ends_with_it(change: &Change) -> bool {
    match change {
        Change::Disable | Change::Retry | Change::Release => true,
        Change::Enable | Change::Hold(_) => false,
    }
}

/// Whether the world is as the change wants it, not only the record.
fn in_effect(change: &Change, indexer: &Indexer) -> bool {
    let phase = indexer.phase.as_str();
    let state = indexer.state.as_str();
    match change {
        Change::Enable => indexer.enabled && !matches!(phase, "Suspending" | "Suspended"),
        Change::Disable => !indexer.enabled && phase == "Suspended",
        Change::Retry if indexer.hold.is_some() => false,
        Change::Retry => indexer.failure.is_none() && !matches!(state, "Retry" | "GaveUp"),
        // It is acknowledged when nothing of the indexer begins any more.
        Change::Hold(_) => indexer.hold.is_some(),
        Change::Release => indexer.hold.is_none() && state != "Held",
    }
}

/// Whether it is in effect, and nothing that was begun before it goes on.
fn at_rest(change: &Change, indexer: &Indexer) -> bool {
    let ended = match change {
        Change::Hold(_) => indexer.state == "Held",
        _ => true,
    };
    // What was, is no proof of what is.
    ended && indexer.recalled.is_none() && in_effect(change, indexer)
}

/// What was done, and whether it shows.
fn sentence(change: &Change, name: &Name, indexer: &Indexer, is_gone: bool) -> String {
    let done = match change {
        Change::Enable => "enabled",
        Change::Disable => "disabled",
        Change::Retry if indexer.hold.is_some() => "to be tried again once it is released",
        Change::Retry => "tried again",
        Change::Hold(_) => "held",
        Change::Release => "released",
    };
    if is_gone {
        let done = match change {
            Change::Retry => "tried again",
            _ => done,
        };
        return format!("{name}: {done}, in effect (it is gone: it was deleted)\n");
    }
    let place = match (
        text::sentence(&indexer.phase),
        text::sentence(&indexer.state),
    ) {
        (phase, state) if phase.is_empty() => format!("no record yet, {state}"),
        (phase, state) => format!("{phase}, {state}"),
    };
    if at_rest(change, indexer) {
        return format!("{name}: {done}, in effect ({place})\n");
    }
    if in_effect(change, indexer) {
        return format!("{name}: {done}, in effect; a step begun before may still end ({place})\n");
    }
    let why = match text::sentence(&indexer.explanation) {
        said if said.is_empty() => String::new(),
        said => format!(": {}", text::clip(&said, 200)),
    };
    format!("{name}: {done}, not in effect yet ({place}){why}\n")
}

fn would(change: &Change, names: &[Name], format: Format) -> Result<String, Failure> {
    let entry = |name| entry(name, change, "dry_run", None, None);
    match format {
        Format::Table | Format::Wide => Ok(names
            .iter()
            .map(|name| match change {
                Change::Hold(reason) => {
                    let reason = text::sentence(reason);
                    format!("would hold {name}: {reason}\n")
                }
                _ => format!("would {} {name}\n", change.word()),
            })
            .collect()),
        Format::Json => json::pretty(&json::Changes {
            changes: names.iter().map(entry).collect(),
        }),
        Format::Jsonl => super::read::lines(names.iter().map(entry)),
        Format::Name => Ok(names.iter().map(name_line).collect()),
    }
}

fn entry<'a>(
    name: &'a Name,
    change: &Change,
    result: &'static str,
    indexer: Option<&'a Indexer>,
    error: Option<&'a str>,
) -> json::Changed<'a> {
    json::Changed {
        account: &name.account,
        function: &name.function,
        command: change.word(),
        result,
        in_effect: indexer.map(|indexer| in_effect(change, indexer)),
        error,
        indexer: indexer.map(json::Indexer::of),
    }
}

/// Shows what became of some changes, and tells of the failures among them.
fn tell(
    outcomes: &[Outcome],
    left: &[Name],
    change: &Change,
    format: Format,
    console: &mut Console,
) -> Result<(), Failure> {
    let shown = report(outcomes, left, change, format)?;
    if !shown.is_empty() {
        console.data(&shown)?;
    }
    for outcome in outcomes {
        if let Err(failure) = &outcome.result {
            console.talk(&format!("error: {failure}"));
        }
    }
    Ok(())
}

fn report(
    outcomes: &[Outcome],
    left: &[Name],
    change: &Change,
    format: Format,
) -> Result<String, Failure> {
    let done = || {
        outcomes
            .iter()
            .filter_map(|it| it.result.as_ref().ok().map(|indexer| (it, indexer)))
    };
    let entries = || {
        let tried = outcomes.iter().map(|it| match &it.result {
            Ok(_) if it.is_gone => json::Changed {
                in_effect: Some(true),
                ..entry(&it.name, change, "done", None, None)
            },
            Ok(indexer) => entry(&it.name, change, "done", Some(indexer), None),
            Err(failure) => entry(&it.name, change, "failed", None, Some(&failure.message)),
        });
        let rest = left
            .iter()
            .map(|name| entry(name, change, "not_tried", None, None));
        tried.chain(rest)
    };
    match format {
        Format::Table | Format::Wide => {
            let sentences =
                done().map(|(it, indexer)| sentence(change, &it.name, indexer, it.is_gone));
            Ok(sentences.collect())
        }
        Format::Json => json::pretty(&json::Changes {
            changes: entries().collect(),
        }),
        Format::Jsonl => super::read::lines(entries()),
        Format::Name => Ok(done().map(|(it, _)| name_line(&it.name)).collect()),
    }
}
