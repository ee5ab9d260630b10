//! Ending a connection from elsewhere.

use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// Ends the connection that it belongs to, with everything that is under way on it.
/// Its copies belong to the same connection.
#[derive(Clone, Debug, Default)]
pub struct Hangup(CancellationToken);

impl Hangup {
    /// Ends the connection. Calling it again changes nothing.
    pub fn hang_up(&self) {
        self.0.cancel();
    }

    /// Whether the connection was told to end.
    pub fn is_over(&self) -> bool {
        self.0.is_cancelled()
    }

    pub(super) fn wait(&self) -> WaitForCancellationFutureOwned {
        self.0.clone().cancelled_owned()
    }
}

/// Who is at the other end does not depend on how the connection may be ended.
impl PartialEq for Hangup {
    fn eq(&self, _: &Hangup) -> bool {
        true
    }
}

impl Eq for Hangup {}
