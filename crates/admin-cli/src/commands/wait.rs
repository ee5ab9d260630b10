//! Waits until indexers are where they should be.

use std::time::Duration;

use proto::coordinator::Indexer;
use tokio::time::{Instant, sleep_until};

use super::read::lines;
use crate::args::{Format, Goal, Name, Wait};
use crate::client::Client;
use crate::console::Console;
use crate::exit::{Exit, Failure};
use crate::view::explain::Explanation;
use crate::view::recalled::{is_unread, notice};
use crate::view::{json, name_line};
use crate::{moment, text};

/// Between two looks.
pub(crate) const PAUSE: Duration = Duration::from_millis(500);

/// What was seen last.
enum Seen {
    /// It is there.
    Indexer(Box<Indexer>),
    /// There is none.
    Missing,
    /// Nobody answered, or with nonsense.
    Nothing(Failure),
}

struct Waited {
    name: Name,
    seen: Seen,
    is_reached: bool,
}

pub(crate) async fn wait(args: Wait, console: &mut Console) -> Result<Exit, Failure> {
    let names = args.indexers.resolve()?;
    let deadline = Instant::now() + args.timeout;
    let mut waiter = Waiter {
        args: &args,
        deadline,
        client: None,
        has_complained: false,
    };
    let mut waits = Vec::new();
    for name in names {
        waits.push(waiter.wait_for(name, console).await?);
    }
    console.data(&report(&waits, &args.goal, args.common.output)?)?;
    let mut exit = Exit::Done;
    let now = console.now_ms();
    for waited in waits.iter().filter(|waited| !waited.is_reached) {
        exit = exit.max(match &waited.seen {
            Seen::Nothing(_) => Exit::Unavailable,
            Seen::Indexer(indexer) if indexer.recalled.is_some() => Exit::Unavailable,
            Seen::Indexer(_) | Seen::Missing => Exit::Failed,
        });
        let limit = humantime::format_duration(args.timeout);
        let why = why(waited, now);
        let goal = &args.goal;
        console.talk(&format!(
            "error: {}: not {goal} within {limit}: {why}",
            waited.name
        ));
    }
    Ok(exit)
}

struct Waiter<'a> {
    args: &'a Wait,
    deadline: Instant,
    /// Opened when somebody answers.
    client: Option<Client>,
    has_complained: bool,
}

impl Waiter<'_> {
    async fn wait_for(&mut self, name: Name, console: &mut Console) -> Result<Waited, Failure> {
        let goal = &self.args.goal;
        let mut was_there = false;
        loop {
            let look = Instant::now();
            let seen = self.look(&name).await?;
            let is_reached = match &seen {
                // What was, is no proof of what is.
                Seen::Indexer(indexer) if indexer.recalled.is_some() => false,
                Seen::Indexer(indexer) => goal.is_reached(indexer),
                Seen::Missing => *goal == Goal::Gone,
                Seen::Nothing(_) => false,
            };
            if let Seen::Indexer(indexer) = &seen
                && let Some(notice) = notice([indexer.as_ref()])
                && !std::mem::replace(&mut self.has_complained, true)
            {
                console.talk(&format!("still waiting: {notice}"));
            }
            match &seen {
                // Of one that was never read it is not known whether it is there.
                Seen::Indexer(indexer) => was_there |= !is_unread(indexer),
                Seen::Missing if !is_reached && (was_there || !self.args.allow_missing) => {
                    let what = if was_there {
                        "it is gone, so it will never be"
                    } else {
                        "there is no such indexer, so it is not"
                    };
                    return Err(Failure::new(
                        Exit::NotFound,
                        format!(
                            "{name}: {what} {goal}. `coordinator list` shows what there is; \
                             --allow-missing waits for one that is still to come."
                        ),
                    ));
                }
                Seen::Nothing(failure) if !self.has_complained => {
                    self.has_complained = true;
                    console.talk(&format!("still waiting: {failure}"));
                }
                Seen::Missing | Seen::Nothing(_) => {}
            }
            if is_reached || look >= self.deadline {
                return Ok(Waited {
                    name,
                    seen,
                    is_reached,
                });
            }
            sleep_until((look + PAUSE).min(self.deadline)).await;
        }
    }

    /// A coordinator that does not answer may be on its way.
    async fn look(&mut self, name: &Name) -> Result<Seen, Failure> {
        let client = match &self.client {
            Some(client) => client,
            None => match Client::connect(&self.args.common.connection).await {
                Ok(client) => self.client.insert(client),
                Err(failure) if failure.exit == Exit::Unavailable => {
                    return Ok(Seen::Nothing(failure));
                }
                Err(failure) => return Err(failure),
            },
        };
        match client.get(name).await {
            Ok(indexer) => Ok(Seen::Indexer(Box::new(indexer))),
            Err(failure) => match failure.exit {
                Exit::NotFound => Ok(Seen::Missing),
                Exit::Unavailable | Exit::Failed => Ok(Seen::Nothing(failure)),
                _ => Err(failure),
            },
        }
    }
}

/// Why it is not there yet.
fn why(waited: &Waited, now: u64) -> String {
    match &waited.seen {
        Seen::Nothing(failure) => failure.message.clone(),
        Seen::Missing => "the coordinator knows no such indexer yet.".to_owned(),
        Seen::Indexer(indexer) => {
            let said = Explanation::of(indexer, false, now);
            let since = match indexer.state_since_ms {
                0 => String::new(),
                since => format!(" {}", moment::lasting(now, since)),
            };
            let phase = match indexer.phase.as_str() {
                "" => "no phase".to_owned(),
                phase => text::sentence(phase),
            };
            let state = text::sentence(&indexer.state);
            let why = said.why.first().cloned().unwrap_or_default();
            format!("it is {phase}, {state}{since}. {why} {}", said.next)
        }
    }
}

fn report(waits: &[Waited], goal: &Goal, format: Format) -> Result<String, Failure> {
    let reached = || waits.iter().filter(|waited| waited.is_reached);
    let entries = || {
        waits.iter().map(|waited| json::Waited {
            account: &waited.name.account,
            function: &waited.name.function,
            goal: goal.to_string(),
            reached: waited.is_reached,
            indexer: match &waited.seen {
                Seen::Indexer(indexer) => Some(json::Indexer::of(indexer)),
                Seen::Missing | Seen::Nothing(_) => None,
            },
        })
    };
    match format {
        Format::Table | Format::Wide => Ok(reached()
            .map(|waited| format!("{}: {goal}\n", waited.name))
            .collect()),
        Format::Json => json::pretty(&json::WaitedList {
            waits: entries().collect(),
        }),
        Format::Jsonl => lines(entries()),
        Format::Name => Ok(reached().map(|waited| name_line(&waited.name)).collect()),
    }
}
