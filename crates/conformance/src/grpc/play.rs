//! Plays a case in a world.

use std::future::Future;
use std::pin::pin;
use std::task::Poll;

use coordinator::transport::CallResult;
use futures_util::future::{Either, join, join_all, poll_fn, select};
use tokio::time::timeout;

use super::ask::{Ask, Ids, Said};
use super::case::{Applied, Case, Ending, Ends, Step};
use super::{Act, Fault, Transports, World};

/// Calls tried until a service counts as unable to recover.
const RECOVERY_TRIES: usize = 3;

/// Plays `case` in `world`, which must be fresh.
///
/// # Errors
/// What went otherwise than the case says: its name, the step, and what happened
/// instead.
pub async fn play(case: &Case, world: &dyn World) -> Result<(), String> {
    let mut player = Player {
        to: world.transports(),
        world,
        ids: Ids::default(),
    };
    for (number, step) in case.steps.iter().enumerate() {
        player.step(step).await.map_err(|problem| {
            let number = number + 1;
            format!("{}: step {number}, {step:?}: {problem}", case.name)
        })?;
    }
    Ok(())
}

struct Player<'a> {
    world: &'a dyn World,
    to: Transports,
    ids: Ids,
}

impl Player<'_> {
    async fn step(&mut self, step: &Step) -> Result<(), String> {
        match step {
            Step::Do(act) => self.world.act(*act).await,
            Step::Call(ask, ends) => {
                let ending = self.call(ask, ends).await;
                fits(ends, &ending)?;
            }
            Step::Befall(fault, ask, ends) => {
                self.world.befall(*fault).await;
                let ending = self.call(ask, ends).await;
                self.world.relent().await;
                fits(ends, &ending)?;
            }
            Step::During(ask, acts, ends) => self.during(None, ask, acts, ends).await?,
            Step::BefallDuring(fault, ask, acts, ends) => {
                self.during(Some(*fault), ask, acts, ends).await?;
            }
            Step::DropAtOnce(ask) => {
                let mut call = pin!(ask.make(&self.to, &self.ids));
                let ended = poll_fn(|cx| Poll::Ready(call.as_mut().poll(cx).is_ready())).await;
                if ended {
                    return Err("it ended before it was waited for".to_owned());
                }
            }
            Step::DropTaken(ask) => self.drop_taken(ask).await?,
            Step::Together(calls) => self.together(calls).await?,
            Step::OneOf {
                asks,
                succeed,
                others,
            } => {
                let calls = asks.iter().map(|ask| self.ending(ask, &Ends::Well));
                let endings = join_all(calls).await;
                let well = endings.iter().filter(|ending| Ends::Well.fits(ending));
                let failed = Ends::Status(*others);
                let other = endings.iter().filter(|ending| failed.fits(ending)).count();
                if (well.count(), other) != (*succeed, asks.len() - succeed) {
                    return Err(format!("they ended so: {endings:?}"));
                }
            }
            Step::Recover(ask) => self.recover(ask).await?,
            Step::Applied(expected) => {
                let applied = self.world.applied(expected.len()).await;
                if applied != *expected {
                    return Err(format!("the services have applied {applied:?}"));
                }
            }
            Step::AppliedAtMost(most) => {
                let least = most.len().saturating_sub(1);
                let applied = self.world.applied(least).await;
                if !most.starts_with(&applied) || applied.len() < least {
                    return Err(format!("the services have applied {applied:?}"));
                }
            }
            Step::Count(kind, expected) => {
                let applied = self.world.applied(*expected).await;
                let done = |one: &&Applied| one.kind == *kind && one.code == tonic::Code::Ok;
                let count = applied.iter().filter(done).count();
                if count != *expected {
                    return Err(format!("there were {count}"));
                }
            }
            Step::Metadata(name, beginning) => {
                let metadata = self.world.metadata().await;
                let found = metadata
                    .iter()
                    .any(|(key, value)| key == name && value.starts_with(beginning));
                if !found {
                    return Err(format!("the service saw {metadata:?}"));
                }
            }
        }
        Ok(())
    }

    /// How a call ends that must end so; learns what its answer says.
    async fn call(&mut self, ask: &Ask, ends: &Ends) -> Ending {
        let ending = self.ending(ask, ends).await;
        if let Ending::Answer(said) = &ending {
            self.ids.learn(ask, said);
        }
        ending
    }

    async fn ending(&self, ask: &Ask, ends: &Ends) -> Ending {
        let deadline = match ends {
            Ends::TooLate => self.world.deadline(),
            _ => self.world.patience(),
        };
        match timeout(deadline, ask.make(&self.to, &self.ids)).await {
            Ok(result) => ended(result),
            Err(_) => Ending::TooLate,
        }
    }

    async fn during(
        &mut self,
        fault: Option<Fault>,
        ask: &Ask,
        acts: &[Act],
        ends: &Ends,
    ) -> Result<(), String> {
        if let Some(fault) = fault {
            self.world.befall(fault).await;
        }
        let world = self.world;
        let before = world.requests();
        let meanwhile = async {
            world.more_requests(before).await;
            for act in acts {
                world.act(*act).await;
            }
        };
        let (ending, ()) = join(self.ending(ask, ends), meanwhile).await;
        if fault.is_some() {
            self.world.relent().await;
        }
        if let Ending::Answer(said) = &ending {
            self.ids.learn(ask, said);
        }
        fits(ends, &ending)
    }

    async fn drop_taken(&mut self, ask: &Ask) -> Result<(), String> {
        let before = self.world.requests();
        let call = pin!(ask.make(&self.to, &self.ids));
        let taken = pin!(self.world.more_requests(before));
        match select(call, taken).await {
            Either::Left((result, _)) => Err(format!("it ended first: {result:?}")),
            Either::Right(_) => Ok(()),
        }
    }

    async fn together(&mut self, calls: &[(Ask, Ends)]) -> Result<(), String> {
        let made = calls.iter().map(|(ask, ends)| self.ending(ask, ends));
        let endings = join_all(made).await;
        for ((ask, ends), ending) in calls.iter().zip(&endings) {
            fits(ends, ending).map_err(|problem| format!("{ask:?}: {problem}"))?;
            if let Ending::Answer(said) = ending {
                self.ids.learn(ask, said);
            }
        }
        Ok(())
    }

    async fn recover(&mut self, ask: &Ask) -> Result<(), String> {
        let mut endings = Vec::new();
        for _ in 0..RECOVERY_TRIES {
            let ending = self.call(ask, &Ends::Well).await;
            if Ends::Well.fits(&ending) {
                return Ok(());
            }
            endings.push(ending);
        }
        Err(format!("it did not: {endings:?}"))
    }
}

fn ended(result: CallResult<Said>) -> Ending {
    match result {
        Ok(said) => Ending::Answer(said),
        Err(error) => Ending::Status {
            code: error.status.code(),
            unsent: error.unsent,
            message: error.status.message().to_owned(),
        },
    }
}

fn fits(ends: &Ends, ending: &Ending) -> Result<(), String> {
    if ends.fits(ending) {
        Ok(())
    } else {
        Err(format!("it ended so: {ending:?}"))
    }
}
