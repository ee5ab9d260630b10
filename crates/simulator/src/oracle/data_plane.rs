//! Events about blocks and cursors.

use sim_node::Time;

use super::blocks::Executed;
use super::queue::Published;
use super::{Oracles, consulted};
use crate::history::Event;

impl Oracles {
    /// Handles events about blocks and cursors, which are by far the most; false
    /// if it is another.
    pub(super) fn data_plane(&mut self, now: Time, event: &Event, node: &sim_node::Event) -> bool {
        match node {
            sim_node::Event::CursorSet { key, task, height } => {
                let number = self.truth.intern(key);
                self.truth.cursor_set(now, number, *task, *height);
            }
            sim_node::Event::BlockPublished {
                key,
                task,
                version,
                height,
                entry,
            } => {
                let number = self.truth.intern(key);
                let published = Published {
                    entry: *entry,
                    height: *height,
                    version: *version,
                    task: *task,
                    executed: false,
                    excused: false,
                };
                self.truth.published(number, published);
            }
            sim_node::Event::BlockExecuted {
                key,
                worker,
                version,
                height,
                entry,
            } => {
                let number = self.truth.intern(key);
                consulted::executed(&self.truth, &mut self.marks, number);
                let executed = Executed {
                    worker: *worker,
                    version: *version,
                    height: *height,
                    entry: *entry,
                };
                let found = self.blocks.executed(&mut self.truth, now, number, executed);
                if found.is_some() {
                    self.report(found, Some(event));
                }
            }
            sim_node::Event::BlockFailed { key, height, .. } => {
                let number = self.truth.intern(key);
                let queue = &mut self.truth.at_mut(number).queue;
                if queue.failing_at == Some(*height) {
                    self.marks.named("executor fails on one block for long");
                }
                queue.failing_at = Some(*height);
                self.marks.named("block failed");
            }
            _ => return false,
        }
        true
    }
}
