//! Commands that change a record.

use lifecycle::{Hold, IndexerId, Record, Timestamp};
use near_account_id::AccountIdRef;
use tokio::time::Instant;

use super::registration::Registration;
use super::{AdminError, AdminService, named, unavailable};
use crate::sentence::{printable, shown};
use crate::shared::lock;
use crate::store::{Commit, LoadError, StoreError, Stored};

/// The longest function name in a command, in bytes.
pub const NAME_LEN_MAX: usize = 64 << 10;

/// The longest reason of a hold, in bytes.
pub const HOLD_REASON_LEN_MAX: usize = 500;

/// For so many answers of the store a command waits for others about the same indexer.
const TURN_PATIENCE: u32 = 2;

/// What is to become of a record.
enum Command {
    Switch { enabled: bool },
    Retry,
    Hold(Hold),
    Release,
}

impl Command {
    fn name(&self) -> &'static str {
        match self {
            Command::Switch { enabled: true } => "enable",
            Command::Switch { enabled: false } => "disable",
            Command::Retry => "retry",
            Command::Hold(_) => "hold",
            Command::Release => "release",
        }
    }

    /// The record after it, given `now`; `None` if it is so already.
    fn on(&self, record: &Record, now: Timestamp) -> Option<Record> {
        let next = match self {
            Command::Switch { enabled } => Record {
                enabled: *enabled,
                ..record.clone()
            },
            Command::Retry => record.retried(now)?,
            Command::Hold(hold) => Record {
                hold: Some(hold.clone()),
                ..record.clone()
            },
            Command::Release => Record {
                hold: None,
                ..record.clone()
            },
        };
        (next != *record).then_some(next)
    }

    /// Refuses what makes no sense of itself, whichever indexer it is about.
    fn check(&self) -> Result<(), AdminError> {
        match self {
            Command::Hold(Hold { reason, .. })
                if reason.is_empty() || reason.len() > HOLD_REASON_LEN_MAX =>
            {
                Err(AdminError::InvalidArgument(format!(
                    "a hold needs a reason of 1 to {HOLD_REASON_LEN_MAX} bytes, for other operators"
                )))
            }
            _ => Ok(()),
        }
    }

    /// Whether it makes a record where there is none.
    fn creates(&self) -> bool {
        matches!(self, Command::Switch { .. } | Command::Hold(_))
    }
}

impl AdminService {
    /// Lets an indexer run; durable when it returns. `caller` goes to the audit
    /// log.
    ///
    /// # Errors
    /// See [`AdminError`]. After `Unavailable` it may have been carried out.
    pub async fn enable(
        &self,
        caller: &str,
        account: &str,
        function: &str,
    ) -> Result<(), AdminError> {
        let command = Command::Switch { enabled: true };
        self.command(caller, account, function, command).await
    }

    /// Keeps an indexer from running; durable when it returns. `caller` goes to
    /// the audit log.
    ///
    /// # Errors
    /// See [`AdminError`]. After `Unavailable` it may have been carried out.
    pub async fn disable(
        &self,
        caller: &str,
        account: &str,
        function: &str,
    ) -> Result<(), AdminError> {
        let command = Command::Switch { enabled: false };
        self.command(caller, account, function, command).await
    }

    /// Forgets past failures, so that what is due is tried at once; durable when
    /// it returns. `caller` goes to the audit log.
    ///
    /// # Errors
    /// See [`AdminError`]; `NotFound` if there is no record.
    pub async fn retry(
        &self,
        caller: &str,
        account: &str,
        function: &str,
    ) -> Result<(), AdminError> {
        self.command(caller, account, function, Command::Retry)
            .await
    }

    /// Leaves an indexer alone until it is released: once this returns no effect
    /// of it begins any more. `caller` goes to the audit log and, with `reason`,
    /// into the record.
    ///
    /// # Errors
    /// See [`AdminError`]; `InvalidArgument` if `reason` is empty or longer than
    /// [`HOLD_REASON_LEN_MAX`].
    pub async fn hold(
        &self,
        caller: &str,
        account: &str,
        function: &str,
        reason: &str,
    ) -> Result<(), AdminError> {
        let reason = reason.trim();
        let end = caller.floor_char_boundary(HOLD_REASON_LEN_MAX);
        let hold = Hold {
            by: caller.get(..end).unwrap_or_default().to_owned(),
            reason: reason.to_owned(),
            since: self.shared.now(),
        };
        self.command(caller, account, function, Command::Hold(hold))
            .await
    }

    /// Ends a hold; durable when it returns. `caller` goes to the audit log.
    ///
    /// # Errors
    /// See [`AdminError`]; `NotFound` if there is no record.
    pub async fn release(
        &self,
        caller: &str,
        account: &str,
        function: &str,
    ) -> Result<(), AdminError> {
        self.command(caller, account, function, Command::Release)
            .await
    }

    async fn command(
        &self,
        caller: &str,
        account: &str,
        function: &str,
        command: Command,
    ) -> Result<(), AdminError> {
        let result = self.carry_out(account, function, &command).await;
        let command = command.name();
        match &result {
            Ok(()) => {
                tracing::info!(target: "audit", caller, command, account, function, "done");
            }
            Err(error) => tracing::info!(
                target: "audit", caller, command, account, function, %error, "not acknowledged"
            ),
        }
        result
    }

    async fn carry_out(
        &self,
        account: &str,
        function: &str,
        command: &Command,
    ) -> Result<(), AdminError> {
        command.check()?;
        let id = named(account, function)?;
        if self.shared.shadow {
            return Err(AdminError::FailedPrecondition(format!(
                "this coordinator only observes (shadow mode); ask the active one to {} {}",
                command.name(),
                shown(&id)
            )));
        }
        let mut registration = Registration::default();
        let knobs = &self.shared.knobs;
        let patience = knobs.store_deadline * TURN_PATIENCE + knobs.registry_patience;
        let asked = async {
            if matches!(command, Command::Switch { .. }) {
                registration.ask(&self.shared, &id).await;
            }
        };
        // The place in line first: who came earlier is not to write later.
        let (turn, ()) = tokio::join!(self.shared.turns.take(&id, patience), asked);
        let Some(_turn) = turn else {
            return Err(AdminError::NotNow(format!(
                "nothing is changed: other commands about {} are before it, and take longer than \
                 {patience:?}",
                shown(&id)
            )));
        };
        let changed = self.write(&id, command, registration).await?;
        if matches!(command, Command::Hold(_)) {
            self.shared.note_hold(&id);
        }
        if matches!(command, Command::Retry) {
            self.shared.note_retry(&id);
        }
        if changed {
            let now = self.shared.now();
            lock(&self.shared.log).note_command(&id, now);
            // A start in flight may be for something that is not wanted any more.
            self.shared.wake_goal(&id);
        } else {
            self.shared.wake(&id);
        }
        Ok(())
    }

    /// Changes what the command is about and nothing else, on whatever the record
    /// has become; true if it may have been otherwise before.
    async fn write(
        &self,
        id: &IndexerId,
        command: &Command,
        mut registration: Registration,
    ) -> Result<bool, AdminError> {
        let records = &self.shared.records;
        let mut last_failure = None;
        let tries_max = self.shared.knobs.command_tries_max.max(1);
        for _ in 0..tries_max {
            let stored = self.load(id, last_failure.as_ref()).await?;
            if stored.is_none() && !command.creates() {
                return Err(AdminError::NotFound(format!(
                    "{} has no record, so there is nothing to {}",
                    shown(id),
                    command.name()
                )));
            }
            // What may have been written already cannot be refused any more.
            if last_failure.is_none() {
                if stored.is_none() {
                    registration.ask(&self.shared, id).await;
                }
                let record = stored.as_ref().map(|stored| &stored.record);
                registration.judge(&self.shared, id, record)?;
            }
            let fresh;
            let before = match &stored {
                Some(stored) => &stored.record,
                None => {
                    let first = records.first_record(id, None).await;
                    let first = first.map_err(|error| undone(&error, last_failure.as_ref()))?;
                    if last_failure.is_none()
                        && let Some(height) = registration.newer_deletion(&self.shared, id, &first)
                    {
                        return Err(AdminError::NotNow(format!(
                            "{id}: nothing is changed, since it has no record, and another \
                             coordinator has heard of the registry since: it carried out a \
                             deletion of block {height}",
                            id = shown(id)
                        )));
                    }
                    fresh = first.record;
                    &fresh
                }
            };
            let altered = command.on(before, self.shared.now());
            // Already so, or written by an earlier try whose answer was lost.
            let is_so = altered.is_none() && stored.is_some();
            // It is written all the same: what is acknowledged was written, and not only
            // read, maybe from a replica that is behind. A former order whose fate nobody
            // knows, still on its way to the store, finds another record then than it
            // expects. So does whoever is about to remove the record, or one of the two
            // conflicts.
            let next = altered.unwrap_or_else(|| before.clone());
            let next = match registration.version(&self.shared, id) {
                Some(version) => next.knowing(version),
                None => next,
            };
            let changed = !is_so || next != *before || last_failure.is_some();
            match records.commit(id, stored.as_ref(), &next).await {
                Ok(Commit::Written(written)) => {
                    let raw = Some(&written.raw);
                    self.shared.note_record(id, raw, Instant::now());
                    return Ok(changed);
                }
                Ok(Commit::Conflict) => {}
                Err(error @ StoreError::Indefinite(_)) => last_failure = Some(error),
                Err(error) => return Err(undone(&error, last_failure.as_ref())),
            }
        }
        Err(last_failure.map_or_else(
            || {
                AdminError::NotNow(format!(
                    "nothing is changed: the record of {id} changed during each of {tries_max} \
                     tries",
                    id = shown(id)
                ))
            },
            unavailable,
        ))
    }

    async fn load(
        &self,
        id: &IndexerId,
        earlier: Option<&StoreError>,
    ) -> Result<Option<Stored>, AdminError> {
        self.shared
            .records
            .look(id)
            .await
            .map_err(|error| match error {
                LoadError::Store(error) => undone(&error, earlier),
                LoadError::Corrupt(corrupt) => AdminError::Unreadable(format!(
                    "{id}: nothing is changed: its record, under the key `{}` of the store, is set \
                     aside because it cannot be read ({}), and what runs of it is left alone; \
                     restore that value from a backup, or delete it, and a new record is made, \
                     switched on",
                    printable(&corrupt.key),
                    corrupt.why,
                    id = shown(id)
                )),
            })
    }
}

/// A command that `error` ended. What the store refused, did not get or only read did
/// not happen, unless an `earlier` try of the command may have.
fn undone(error: &StoreError, earlier: Option<&StoreError>) -> AdminError {
    match earlier {
        None => AdminError::NotNow(format!("nothing is changed: {error}")),
        Some(earlier) => AdminError::Unavailable(format!("{earlier}; then {error}")),
    }
}

/// The indexer that a command is about.
pub(super) fn checked_name(account: &str, function: &str) -> Result<IndexerId, AdminError> {
    if function.len() > NAME_LEN_MAX {
        return Err(AdminError::InvalidArgument(format!(
            "a function name of {} bytes is longer than {NAME_LEN_MAX}",
            function.len()
        )));
    }
    let end = account.floor_char_boundary(80);
    let shown = account.get(..end).unwrap_or_default();
    AccountIdRef::new(account).map_err(|error| {
        AdminError::InvalidArgument(format!("`{}` is no account id: {error}", printable(shown)))
    })?;
    IndexerId::new(account, function)
        .map_err(|error| AdminError::InvalidArgument(error.to_string()))
}
