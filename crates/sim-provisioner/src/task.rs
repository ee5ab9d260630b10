//! One task on its way through the stages.

use std::sync::Arc;
use std::time::Duration;

use sim_node::{IndexerKey, TaskKind, Time};

use crate::Stage;
use crate::config::Config;
use crate::layer::{DataLayer, Found, Job};
use crate::names::Names;

/// Pauses before each repetition of [`Stage::Permissions`].
const PERMISSION_PAUSES: [Duration; 5] = [
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::from_secs(8),
    Duration::from_secs(16),
];

pub(crate) struct Task {
    pub(crate) id: Arc<str>,
    pub(crate) key: IndexerKey,
    pub(crate) kind: TaskKind,
    pub(crate) names: Names,
    pub(crate) found: Found,
    pub(crate) has_user_sql: bool,
    pub(crate) user_sql_fails: bool,
    /// Stages not done yet, the current one first.
    pub(crate) ahead: &'static [Stage],
    /// Repetitions of the current stage so far.
    pub(crate) repetitions: usize,
    /// When the current stage is done; `None` if never.
    pub(crate) due: Option<Time>,
}

impl Task {
    pub(crate) fn stage(&self) -> Option<Stage> {
        self.ahead.first().copied()
    }

    pub(crate) fn job<'a>(&'a self, config: &Config) -> Job<'a> {
        Job {
            names: &self.names,
            found: self.found,
            quirks: config.quirks,
            has_user_sql: self.has_user_sql,
            user_sql_fails: self.user_sql_fails,
        }
    }

    /// Goes on to the next stage that has something to do.
    pub(crate) fn step(&mut self, layer: &DataLayer, config: &Config) {
        self.repetitions = 0;
        loop {
            self.ahead = self.ahead.get(1..).unwrap_or_default();
            match self.stage() {
                Some(stage) if !layer.needs(stage, &self.job(config)) => {}
                _ => return,
            }
        }
    }

    /// The pause before the failed stage is tried again, if it is.
    pub(crate) fn pause(&mut self) -> Option<Duration> {
        if self.stage() != Some(Stage::Permissions) {
            return None;
        }
        let pause = PERMISSION_PAUSES.get(self.repetitions).copied();
        self.repetitions += 1;
        pause
    }
}
