//! What happens by itself, and what is done to the process from outside.

use sim_node::{Env, Event, IndexerKey, Node, TaskStopReason, Time};

use crate::BlockStreamer;
use crate::stream::Stream;

/// What a stream has to do at a point in time; at equal times in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Job {
    /// The cancelled task ends.
    End,
    /// The task goes on.
    Step,
    /// The health monitor looks.
    Look,
}

impl Node for BlockStreamer {
    fn advance(&mut self, env: &mut Env<'_>) {
        while let Some(&(time, serial, job)) = self.agenda.first() {
            if time > env.now {
                break;
            }
            self.agenda.pop_first();
            match job {
                Job::End => self.end(env, serial, TaskStopReason::Cancelled),
                Job::Step => self.step(env, serial),
                Job::Look => self.look(env, serial),
            }
        }
    }

    fn next_event(&self) -> Option<Time> {
        self.agenda.first().map(|&(time, _, _)| time)
    }
}

/// Faults.
impl BlockStreamer {
    /// Makes the task of the indexer's stream panic. The stream stays listed, and
    /// stopping it answers INTERNAL. False if no listed task runs.
    pub fn panic_task(&mut self, env: &mut Env<'_>, key: &IndexerKey) -> bool {
        self.fail_task(env, key, TaskStopReason::Panicked)
    }

    /// Ends the task of the indexer's stream as a Redis error does. The stream
    /// stays listed. False if no listed task runs.
    pub fn kill_task(&mut self, env: &mut Env<'_>, key: &IndexerKey) -> bool {
        self.fail_task(env, key, TaskStopReason::RedisError)
    }

    /// The process dies: all tasks end, those without an owner included, and
    /// everything is forgotten but the count of serial numbers. What is left is
    /// the same as a process that has just started.
    pub fn die(&mut self, env: &mut Env<'_>) {
        for (task, stream) in std::mem::take(&mut self.streams) {
            if stream.producer.is_some() {
                let reason = TaskStopReason::NodeDied;
                env.record(Event::StreamEnded {
                    key: stream.identity.key,
                    task,
                    reason,
                });
            }
        }
        self.listed.clear();
        self.agenda.clear();
    }

    fn fail_task(&mut self, env: &mut Env<'_>, key: &IndexerKey, reason: TaskStopReason) -> bool {
        let id = sim_node::stream_id(key);
        let Some(serial) = self.listed.get(id.as_str()).copied() else {
            return false;
        };
        let runs = self
            .streams
            .get(&serial)
            .is_some_and(|stream| stream.producer.is_some());
        if runs {
            self.end(env, serial, reason);
        }
        runs
    }
}

impl BlockStreamer {
    pub(crate) fn schedule(&mut self, serial: u64, job: Job, time: Option<Time>) {
        if let Some(time) = time {
            self.agenda.insert((time, serial, job));
        }
    }

    fn step(&mut self, env: &mut Env<'_>, serial: u64) {
        let Some(stream) = self.streams.get_mut(&serial) else {
            return;
        };
        let Some(producer) = stream.producer.as_mut() else {
            return;
        };
        match producer.step(&stream.identity, &self.config, env) {
            Ok(next) => stream.next_step = next,
            Err(_) if self.config.quirks.redis_error_ends_task => {
                stream.next_step = None;
                self.end(env, serial, TaskStopReason::RedisError);
                return;
            }
            Err(_) => stream.next_step = Some(env.now + self.config.full_queue_wait),
        }
        let next = stream.next_step;
        self.schedule(serial, Job::Step, next);
    }

    fn look(&mut self, env: &mut Env<'_>, serial: u64) {
        let Some(stream) = self.streams.get_mut(&serial) else {
            return;
        };
        let Some(monitor) = stream.monitor.as_mut() else {
            return;
        };
        let identity = &stream.identity;
        let limit = self.config.queue_limit;
        if let Some(verdict) = monitor.look(env, &identity.cursor, &identity.queue, limit) {
            if verdict.state != stream.verdict.state {
                let state = verdict.state.into();
                env.record(Event::StreamHealth {
                    key: identity.key.clone(),
                    state,
                });
            }
            stream.verdict = verdict.told_by(self.clock_error);
        }
        stream.next_look = Some(env.now + self.config.health_interval);
        let next = stream.next_look;
        self.schedule(serial, Job::Look, next);
    }

    /// The task of `serial` ends now.
    pub(crate) fn end(&mut self, env: &mut Env<'_>, serial: u64, reason: TaskStopReason) {
        let Some(stream) = self.streams.get_mut(&serial) else {
            return;
        };
        if stream.producer.take().is_none() {
            return;
        }
        stream.ended = Some(reason);
        let key = stream.identity.key.clone();
        let step = stream.next_step.take();
        let end = stream.ends_at.take();
        let stays = stream.listed && self.config.quirks.ended_streams_stay_listed;
        self.cancel(serial, Job::Step, step);
        self.cancel(serial, Job::End, end);
        env.record(Event::StreamEnded {
            key,
            task: serial,
            reason,
        });
        if !stays {
            self.unlist(serial);
            self.streams.remove(&serial);
        }
    }

    /// The task of `serial`, cancelled, ends at `time`.
    pub(crate) fn end_at(&mut self, serial: u64, time: Time) {
        if let Some(stream) = self.streams.get_mut(&serial) {
            stream.ends_at = Some(time);
            self.schedule(serial, Job::End, Some(time));
        }
    }

    /// A second stream takes the place of `serial`, whose task goes on.
    pub(crate) fn orphan(&mut self, env: &mut Env<'_>, serial: u64) {
        self.unlist(serial);
        if let Some(Stream { identity, .. }) = self.streams.get(&serial) {
            env.record(Event::StreamOrphaned {
                key: identity.key.clone(),
                task: serial,
            });
        }
    }

    /// Takes `serial` out of the map, and with it its health monitor; forgets it
    /// altogether unless its task goes on.
    pub(crate) fn unlist(&mut self, serial: u64) {
        let Some(stream) = self.streams.get_mut(&serial) else {
            return;
        };
        if !std::mem::take(&mut stream.listed) {
            return;
        }
        self.listed.remove(&stream.id);
        let look = stream.next_look.take();
        let gone = stream.producer.is_none();
        self.cancel(serial, Job::Look, look);
        if gone {
            self.streams.remove(&serial);
        }
    }

    fn cancel(&mut self, serial: u64, job: Job, time: Option<Time>) {
        if let Some(time) = time {
            self.agenda.remove(&(time, serial, job));
        }
    }
}
