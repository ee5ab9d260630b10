//! The task of a stream: finds blocks, publishes them, keeps the cursor.
//!
//! It goes through two phases. The backfill asks an index for the matching blocks
//! of the past and handles only those; the live phase then handles every block,
//! for as long as the chain goes on.

use std::sync::Arc;

use sim_node::chain::{CompiledRule, Rule};
use sim_node::{Env, Event, IndexerKey, RedisError, Time};

use crate::Config;

/// The index finds the day of the start block by trying so many heights.
const DAY_SEARCH: u64 = 20;
/// Blocks that one step looks through for a match, to keep steps short.
const SCAN_LIMIT: u32 = 512;

/// Which stream the task works for.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    pub(crate) key: IndexerKey,
    pub(crate) task: u64,
    pub(crate) version: u64,
    pub(crate) queue: Arc<str>,
    pub(crate) cursor: Arc<str>,
}

/// A task between two of its await points.
#[derive(Clone, Debug)]
pub(crate) struct Producer {
    rule: CompiledRule,
    phase: Phase,
    /// The second half of a block whose first half is done, or that waits.
    pending: Option<Pending>,
}

#[derive(Clone, Copy, Debug)]
enum Phase {
    Opening {
        start: u64,
        indexed: bool,
    },
    Backfill {
        next: u64,
        until: u64,
        last: u64,
        published: bool,
    },
    Live {
        next: u64,
    },
}

#[derive(Clone, Copy, Debug)]
enum Pending {
    Publish { height: u64, then_set_cursor: bool },
    SetCursor { height: u64 },
}

impl Producer {
    pub(crate) fn new(rule: &Rule, start: u64) -> Producer {
        Producer {
            rule: rule.compile(),
            phase: Phase::Opening {
                start,
                indexed: rule.is_indexed(),
            },
            pending: None,
        }
    }

    /// Does what comes next, and says when to go on; `None` if there will never
    /// be another block.
    ///
    /// # Errors
    /// A Redis command failed; the step can be repeated.
    pub(crate) fn step(
        &mut self,
        identity: &Identity,
        config: &Config,
        env: &mut Env<'_>,
    ) -> Result<Option<Time>, RedisError> {
        match self.pending {
            Some(Pending::Publish {
                height,
                then_set_cursor,
            }) => self.publish(identity, config, env, height, then_set_cursor),
            Some(Pending::SetCursor { height }) => {
                set_cursor(identity, env, height)?;
                self.pending = None;
                Ok(self.next_wake(config, env))
            }
            None => match self.phase {
                Phase::Opening { start, indexed } => {
                    self.phase = opened(start, indexed, env);
                    Ok(Some(env.now))
                }
                Phase::Backfill {
                    next,
                    until,
                    last,
                    published,
                } => self.backfill(identity, config, env, (next, until, last, published)),
                Phase::Live { next } => self.live(identity, config, env, next),
            },
        }
    }

    fn backfill(
        &mut self,
        identity: &Identity,
        config: &Config,
        env: &mut Env<'_>,
        (mut next, until, last, published): (u64, u64, u64, bool),
    ) -> Result<Option<Time>, RedisError> {
        for _ in 0..SCAN_LIMIT {
            let found = env
                .chain
                .first_at_or_after(next)
                .filter(|block| block.height <= until);
            let Some(block) = found else {
                let repeat = config.quirks.handover_twice || !published;
                self.phase = Phase::Live {
                    next: if repeat { last } else { last.saturating_add(1) },
                };
                return Ok(Some(env.now));
            };
            let height = block.height;
            let matches = if config.quirks.backfill_by_receiver {
                self.rule.touches_receiver(block)
            } else {
                self.rule.matches(block)
            };
            next = height.saturating_add(1);
            if matches {
                self.phase = Phase::Backfill {
                    next,
                    until,
                    last: height,
                    published: true,
                };
                return self.publish(identity, config, env, height, true);
            }
        }
        self.phase = Phase::Backfill {
            next,
            until,
            last,
            published,
        };
        Ok(Some(env.now + config.pace()))
    }

    fn live(
        &mut self,
        identity: &Identity,
        config: &Config,
        env: &mut Env<'_>,
        next: u64,
    ) -> Result<Option<Time>, RedisError> {
        let Some(block) = env.chain.first_at_or_after(next) else {
            return Ok(None);
        };
        if block.available_at > env.now {
            return Ok(Some(block.available_at));
        }
        let height = block.height;
        let matches = self.rule.matches(block);
        let publish_first = matches && !config.quirks.cursor_before_publish;
        if !publish_first {
            set_cursor(identity, env, height)?;
        }
        self.phase = Phase::Live {
            next: height.saturating_add(1),
        };
        if publish_first {
            return self.publish(identity, config, env, height, true);
        }
        if matches {
            self.pending = Some(Pending::Publish {
                height,
                then_set_cursor: false,
            });
            return Ok(Some(env.now + config.command_gap));
        }
        Ok(self.next_wake(config, env))
    }

    /// Appends `height` to the queue unless that is full; a full queue is waited
    /// for without limit.
    fn publish(
        &mut self,
        identity: &Identity,
        config: &Config,
        env: &mut Env<'_>,
        height: u64,
        then_set_cursor: bool,
    ) -> Result<Option<Time>, RedisError> {
        self.pending = Some(Pending::Publish {
            height,
            then_set_cursor,
        });
        if env.redis.queue_len(env.now, &identity.queue)? >= config.queue_limit {
            return Ok(Some(env.now + config.full_queue_wait));
        }
        let entry = env.redis.queue_push(env.now, &identity.queue, height)?;
        let (key, task, version) = (identity.key.clone(), identity.task, identity.version);
        env.record(Event::BlockPublished {
            key,
            task,
            version,
            height,
            entry,
        });
        if then_set_cursor {
            self.pending = Some(Pending::SetCursor { height });
            return Ok(Some(env.now + config.command_gap));
        }
        self.pending = None;
        Ok(self.next_wake(config, env))
    }

    /// When the next block can be handled: not before it is there, nor faster
    /// than the stream can go.
    fn next_wake(&self, config: &Config, env: &mut Env<'_>) -> Option<Time> {
        let earliest = env.now + config.pace();
        match self.phase {
            Phase::Opening { .. } | Phase::Backfill { .. } => Some(earliest),
            Phase::Live { next } => env
                .chain
                .first_at_or_after(next)
                .map(|block| block.available_at.max(earliest)),
        }
    }
}

/// The backfill covers what there is at its start. It is skipped if the index
/// cannot answer the rule, or if there is no block near the start height.
fn opened(start: u64, indexed: bool, env: &mut Env<'_>) -> Phase {
    let live = Phase::Live { next: start };
    let Some(until) = env.chain.tip_at(env.now) else {
        return live;
    };
    let day = env.chain.first_at_or_after(start).map(|block| block.height);
    let day_known = day.is_some_and(|height| height <= until && height - start < DAY_SEARCH);
    if indexed && day_known {
        Phase::Backfill {
            next: start,
            until,
            last: start,
            published: false,
        }
    } else {
        live
    }
}

fn set_cursor(identity: &Identity, env: &mut Env<'_>, height: u64) -> Result<(), RedisError> {
    env.redis.set_number(env.now, &identity.cursor, height)?;
    env.record(Event::CursorSet {
        key: identity.key.clone(),
        task: identity.task,
        height,
    });
    Ok(())
}
