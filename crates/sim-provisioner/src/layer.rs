//! What the database holds. It outlives every process.

use std::collections::{BTreeMap, BTreeSet};

use sim_node::IndexerKey;

use crate::config::Quirks;
use crate::names::Names;
use crate::stage::Stage;

/// A statement that the database or the query service refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("database \"{0}\" already exists")]
    DatabaseExists(String),
    #[error("role \"{0}\" already exists")]
    UserExists(String),
    #[error("schema \"{0}\" already exists")]
    SchemaExists(String),
    #[error("`{0}` does not exist")]
    Missing(String),
    #[error("zero-length delimited identifier")]
    Nameless,
    #[error("the user's SQL fails")]
    UserSql,
}

/// How much of an indexer's data layer exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Completeness {
    /// Nothing of the indexer; the account may have a database for others.
    Absent,
    /// A part. Whether a repetition can complete it depends on the part.
    Partial,
    /// All but the cron jobs: works for a day or so, then has no log partitions.
    WithoutCron,
    /// Everything.
    Complete,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Account {
    database: bool,
    user: bool,
    granted: bool,
    source: bool,
    cron_access: bool,
    /// By their real names, which may be folded.
    schemas: BTreeMap<String, Schema>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Schema {
    metadata: bool,
    logs: bool,
    system_tracked: bool,
    user_tables: bool,
    user_tracked: bool,
    permissions: bool,
    status_writes: u64,
}

/// Databases, users, schemas and jobs of all accounts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DataLayer {
    accounts: BTreeMap<String, Account>,
    /// Schemas whose two jobs are scheduled. They live in a database of their own.
    cron_jobs: BTreeSet<String>,
}

/// What a task found when it began; it never looks again.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Found {
    pub(crate) database: bool,
    pub(crate) user: bool,
    pub(crate) source: bool,
    pub(crate) schema: bool,
    pub(crate) tracked: bool,
    pub(crate) metadata: bool,
    pub(crate) logs: bool,
    pub(crate) user_tables: bool,
    /// Another task was at work on the same database.
    pub(crate) rivals: bool,
}

/// What a task wants done.
pub(crate) struct Job<'a> {
    pub(crate) names: &'a Names,
    pub(crate) found: Found,
    pub(crate) quirks: Quirks,
    /// The user's SQL, and whether it can run.
    pub(crate) has_user_sql: bool,
    pub(crate) user_sql_fails: bool,
}

impl DataLayer {
    /// How much of the indexer's data layer exists.
    pub fn completeness(&self, key: &IndexerKey) -> Completeness {
        let names = Names::of(key);
        let Some(account) = self.accounts.get(&names.database) else {
            return Completeness::Absent;
        };
        let folded = names.schema.to_ascii_lowercase();
        let whole = account.database && account.user && account.source;
        let Some(schema) = account.schemas.get(&names.schema) else {
            let half = !whole || account.schemas.contains_key(&folded);
            return if half {
                Completeness::Partial
            } else {
                Completeness::Absent
            };
        };
        let usable = whole && schema.system_tracked && schema.permissions;
        if !usable {
            Completeness::Partial
        } else if self.cron_jobs.contains(&names.schema) {
            Completeness::Complete
        } else {
            Completeness::WithoutCron
        }
    }

    /// How often the indexer's user-visible status was set to PROVISIONING. More
    /// than once means that users of a working indexer were told so.
    pub fn status_writes(&self, key: &IndexerKey) -> u64 {
        let names = Names::of(key);
        let schema = self
            .accounts
            .get(&names.database)
            .and_then(|account| account.schemas.get(&names.schema));
        schema.map_or(0, |schema| schema.status_writes)
    }

    /// True if nothing at all exists, for any account.
    pub fn is_empty(&self) -> bool {
        self.accounts.is_empty() && self.cron_jobs.is_empty()
    }

    /// What an operator does by hand when a repetition cannot succeed: removes
    /// the indexer's schema and jobs, and the account's database and user unless
    /// other indexers use them.
    pub fn clean_up(&mut self, key: &IndexerKey) {
        let names = Names::of(key);
        self.cron_jobs.remove(&names.schema);
        if let Some(account) = self.accounts.get_mut(&names.database) {
            account.schemas.remove(&names.schema);
            account.schemas.remove(&names.schema.to_ascii_lowercase());
            if account.schemas.is_empty() {
                self.accounts.remove(&names.database);
            }
        }
    }

    /// An indexer from before there were system tables: its own tables work, it
    /// has neither metadata nor logs nor jobs.
    pub fn insert_legacy(&mut self, key: &IndexerKey) {
        let names = Names::of(key);
        let account = self.accounts.entry(names.database).or_default();
        account.database = true;
        account.user = true;
        account.granted = true;
        account.source = true;
        let schema = account.schemas.entry(names.schema).or_default();
        schema.user_tables = true;
        schema.user_tracked = true;
        schema.permissions = true;
    }

    pub(crate) fn inspect(&self, names: &Names) -> Found {
        let Some(account) = self.accounts.get(&names.database) else {
            return Found::default();
        };
        let schema = account.schemas.get(&names.schema);
        let has = |what: fn(&Schema) -> bool| schema.is_some_and(what);
        Found {
            database: account.database,
            user: account.user,
            source: account.source,
            schema: schema.is_some(),
            // Only what belongs to a source is tracked.
            tracked: account.source && has(|schema| schema.system_tracked || schema.user_tracked),
            metadata: has(|schema| schema.metadata),
            logs: has(|schema| schema.logs),
            user_tables: has(|schema| schema.user_tables),
            rivals: false,
        }
    }

    /// Whether `stage` has anything to do for `job`.
    pub(crate) fn needs(&self, stage: Stage, job: &Job<'_>) -> bool {
        let found = job.found;
        let account = self.accounts.get(&job.names.database);
        let schema = account.and_then(|account| account.schemas.get(&job.names.schema));
        // The real service goes by what it found; without its quirk a stage also
        // makes up for what is missing by now.
        let tolerant = !job.quirks.unretryable_windows;
        let lost = |held: fn(&Account) -> bool| tolerant && !account.is_some_and(held);
        let lost_table = |held: fn(&Schema) -> bool| tolerant && !schema.is_some_and(held);
        match stage {
            Stage::CreateDatabase => !found.source || lost(|account| account.database),
            Stage::CreateUser => !found.source || lost(|account| account.user),
            Stage::Grant => !found.source || lost(|account| account.granted),
            Stage::AddSource => !found.source || lost(|account| account.source),
            Stage::CreateSchema => !found.tracked || lost_table(|_| true),
            Stage::CreateMetadata => !found.metadata || lost_table(|schema| schema.metadata),
            Stage::CreateLogs => !found.logs || lost_table(|schema| schema.logs),
            Stage::GrantCron => !found.logs || lost(|account| account.cron_access),
            Stage::ScheduleCron => {
                !found.logs || (tolerant && !self.cron_jobs.contains(&job.names.schema))
            }
            Stage::CreateUserTables => {
                job.has_user_sql && (!found.user_tables || lost_table(|schema| schema.user_tables))
            }
            Stage::DropSource | Stage::DropDatabase | Stage::RevokeCron | Stage::DropUser => {
                account.is_none_or(|account| account.schemas.is_empty())
            }
            Stage::Inspect
            | Stage::SetStatus
            | Stage::TrackSystem
            | Stage::TrackUserTables
            | Stage::Permissions
            | Stage::DropSchema
            | Stage::UnscheduleCron => true,
        }
    }

    /// Performs `stage` for `job`, wholly or not at all.
    pub(crate) fn perform(&mut self, stage: Stage, job: &Job<'_>) -> Result<(), Refusal> {
        match stage {
            Stage::Inspect => Ok(()),
            Stage::CreateDatabase
            | Stage::CreateUser
            | Stage::Grant
            | Stage::AddSource
            | Stage::CreateSchema => self.provide_account(stage, job),
            Stage::ScheduleCron => {
                self.schema(job)?;
                self.cron_jobs.insert(job.names.schema.clone());
                Ok(())
            }
            Stage::GrantCron => {
                self.account(job)?.cron_access = true;
                Ok(())
            }
            Stage::CreateMetadata
            | Stage::SetStatus
            | Stage::CreateLogs
            | Stage::TrackSystem
            | Stage::CreateUserTables
            | Stage::TrackUserTables
            | Stage::Permissions => self.provide_tables(stage, job),
            Stage::DropSchema
            | Stage::UnscheduleCron
            | Stage::DropSource
            | Stage::DropDatabase
            | Stage::RevokeCron
            | Stage::DropUser => self.drop_part(stage, job),
        }
    }

    fn provide_account(&mut self, stage: Stage, job: &Job<'_>) -> Result<(), Refusal> {
        let name = &job.names.database;
        if name.is_empty() {
            return Err(Refusal::Nameless);
        }
        // What was there at the beginning, with nobody at work on it, is left over
        // from a task that ended midway; else it is a rival's.
        let refuses = |found_before: bool| {
            if found_before && !job.found.rivals {
                job.quirks.unretryable_windows
            } else {
                job.quirks.account_conflicts
            }
        };
        if stage == Stage::CreateDatabase {
            let account = self.accounts.entry(name.clone()).or_default();
            if account.database && refuses(job.found.database) {
                return Err(Refusal::DatabaseExists(name.clone()));
            }
            account.database = true;
            return Ok(());
        }
        let account = self.account(job)?;
        match stage {
            Stage::CreateUser if account.user && refuses(job.found.user) => {
                return Err(Refusal::UserExists(name.clone()));
            }
            Stage::CreateUser => account.user = true,
            Stage::Grant => account.granted = true,
            Stage::AddSource => account.source = true,
            _ => {
                let mut schema = job.names.schema.clone();
                if job.quirks.folded_schema_names {
                    schema.make_ascii_lowercase();
                }
                if account.schemas.contains_key(&schema) && refuses(job.found.schema) {
                    return Err(Refusal::SchemaExists(schema));
                }
                account.schemas.entry(schema).or_default();
            }
        }
        Ok(())
    }

    fn provide_tables(&mut self, stage: Stage, job: &Job<'_>) -> Result<(), Refusal> {
        let schema = self.schema(job)?;
        match stage {
            Stage::CreateMetadata => schema.metadata = true,
            Stage::SetStatus => schema.status_writes = schema.status_writes.saturating_add(1),
            Stage::CreateLogs => schema.logs = true,
            Stage::TrackSystem => schema.system_tracked = true,
            Stage::CreateUserTables if job.user_sql_fails => return Err(Refusal::UserSql),
            Stage::CreateUserTables => schema.user_tables = true,
            Stage::TrackUserTables => schema.user_tracked = schema.user_tables,
            _ => schema.permissions = true,
        }
        Ok(())
    }

    fn drop_part(&mut self, stage: Stage, job: &Job<'_>) -> Result<(), Refusal> {
        let Names { database, schema } = job.names;
        let strict = job.quirks.deprovision_once;
        let gone = |there: bool, what: &str| {
            if there || !strict {
                Ok(())
            } else {
                Err(Refusal::Missing(what.to_owned()))
            }
        };
        if stage == Stage::UnscheduleCron {
            return gone(self.cron_jobs.remove(schema), schema);
        }
        let Some(account) = self.accounts.get_mut(database) else {
            return gone(false, database);
        };
        match stage {
            Stage::DropSchema => {
                // The statement says IF EXISTS, but needs a source to run on.
                gone(account.source, database)?;
                let mut name = schema.clone();
                if job.quirks.folded_schema_names {
                    name.make_ascii_lowercase();
                }
                account.schemas.remove(&name);
            }
            Stage::DropSource => gone(std::mem::take(&mut account.source), database)?,
            Stage::DropDatabase => {
                // Also throws out whoever uses it.
                account.granted = false;
                account.schemas.clear();
                gone(std::mem::take(&mut account.database), database)?;
            }
            Stage::RevokeCron => account.cron_access = false,
            _ => {
                gone(std::mem::take(&mut account.user), database)?;
                if !account.database && !account.source {
                    self.accounts.remove(database);
                }
            }
        }
        Ok(())
    }

    fn account(&mut self, job: &Job<'_>) -> Result<&mut Account, Refusal> {
        let name = &job.names.database;
        match self.accounts.get_mut(name) {
            Some(account) if account.database => Ok(account),
            _ => Err(Refusal::Missing(name.clone())),
        }
    }

    /// The schema as spelled, on a database that the query service knows.
    fn schema(&mut self, job: &Job<'_>) -> Result<&mut Schema, Refusal> {
        let account = self.account(job)?;
        if !account.source {
            return Err(Refusal::Missing(job.names.database.clone()));
        }
        let missing = || Refusal::Missing(job.names.schema.clone());
        account
            .schemas
            .get_mut(&job.names.schema)
            .ok_or_else(missing)
    }
}
