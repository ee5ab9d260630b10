//! The stages of a task, in order.

/// One step of a task that leaves something in the database (but for
/// [`Stage::Inspect`], which only looks). They happen wholly or not at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// Reads what exists; all later decisions to skip a stage rest on it.
    Inspect,
    /// CREATE DATABASE for the account.
    CreateDatabase,
    /// CREATE USER for the account.
    CreateUser,
    /// Restricts the user to the database.
    Grant,
    /// Makes the database known to the query service.
    AddSource,
    /// CREATE SCHEMA for the indexer.
    CreateSchema,
    /// Creates the metadata table.
    CreateMetadata,
    /// Writes the user-visible status, over whatever it was.
    SetStatus,
    /// Creates the log table.
    CreateLogs,
    /// Lets the user schedule jobs.
    GrantCron,
    /// Schedules the two jobs that manage the log table's partitions.
    ScheduleCron,
    /// Tracks the metadata and log tables.
    TrackSystem,
    /// Runs the user's own SQL.
    CreateUserTables,
    /// Tracks the user's tables.
    TrackUserTables,
    /// Foreign keys and permissions; repeated five times before giving up.
    Permissions,
    /// Drops the indexer's schema.
    DropSchema,
    /// Removes the two jobs.
    UnscheduleCron,
    /// Removes the source, if the account has no schema any more.
    DropSource,
    /// Drops the database, if the account has no schema any more.
    DropDatabase,
    /// Takes back the right to schedule jobs, likewise.
    RevokeCron,
    /// Drops the user, likewise.
    DropUser,
}

impl Stage {
    /// The stages of creating a data layer.
    pub const PROVISION: &'static [Stage] = &[
        Stage::Inspect,
        Stage::CreateDatabase,
        Stage::CreateUser,
        Stage::Grant,
        Stage::AddSource,
        Stage::CreateSchema,
        Stage::CreateMetadata,
        Stage::SetStatus,
        Stage::CreateLogs,
        Stage::GrantCron,
        Stage::ScheduleCron,
        Stage::TrackSystem,
        Stage::CreateUserTables,
        Stage::TrackUserTables,
        Stage::Permissions,
    ];

    /// The stages of dropping one.
    pub const DEPROVISION: &'static [Stage] = &[
        Stage::DropSchema,
        Stage::UnscheduleCron,
        Stage::DropSource,
        Stage::DropDatabase,
        Stage::RevokeCron,
        Stage::DropUser,
    ];

    /// The stage's name in events and scenarios, such as `create_schema`.
    pub fn name(self) -> &'static str {
        match self {
            Stage::Inspect => "inspect",
            Stage::CreateDatabase => "create_database",
            Stage::CreateUser => "create_user",
            Stage::Grant => "grant",
            Stage::AddSource => "add_source",
            Stage::CreateSchema => "create_schema",
            Stage::CreateMetadata => "create_metadata",
            Stage::SetStatus => "set_status",
            Stage::CreateLogs => "create_logs",
            Stage::GrantCron => "grant_cron",
            Stage::ScheduleCron => "schedule_cron",
            Stage::TrackSystem => "track_system",
            Stage::CreateUserTables => "create_user_tables",
            Stage::TrackUserTables => "track_user_tables",
            Stage::Permissions => "permissions",
            Stage::DropSchema => "drop_schema",
            Stage::UnscheduleCron => "unschedule_cron",
            Stage::DropSource => "drop_source",
            Stage::DropDatabase => "drop_database",
            Stage::RevokeCron => "revoke_cron",
            Stage::DropUser => "drop_user",
        }
    }

    /// The stage with that name.
    pub fn by_name(name: &str) -> Option<Stage> {
        let mut all = Stage::PROVISION.iter().chain(Stage::DEPROVISION);
        all.find(|stage| stage.name() == name).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stage_is_found_by_its_name() {
        for stage in Stage::PROVISION.iter().chain(Stage::DEPROVISION) {
            assert_eq!(Stage::by_name(stage.name()), Some(*stage));
        }
        assert_eq!(Stage::by_name("nonsense"), None);
    }
}
