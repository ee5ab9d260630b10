//! The contract's state and rules.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use near_account_id::AccountId;

use crate::faults::{Faults, GARBAGE};
use crate::history::{History, Revision};
use crate::json_map::JsonMap;
use crate::load::Entry;
use crate::view::ReadArgs;
use crate::{Config, LIST_METHOD, READ_METHOD, ReadPoint, Record, Registration, View, ViewError};

/// How many different listings are kept ready; lagging replicas read only a few.
const CACHED_LISTINGS: usize = 8;

/// A change that the contract refuses.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ContractError {
    /// Not the name of an account.
    #[error("Account ID {0} is invalid")]
    InvalidAccount(String),
    /// Nothing was ever registered for the account.
    #[error("Account {0} does not have any functions")]
    UnknownAccount(String),
    /// The account never registered this function.
    #[error("Function {function} does not exist on account {account}")]
    UnknownFunction {
        /// The account.
        account: String,
        /// The function it lacks.
        function: String,
    },
    /// The rule selects a whole top-level domain, and the signer is no owner.
    #[error("the rule selects a whole top-level domain, which needs the Owner role")]
    NeedsOwner,
}

type Functions = BTreeMap<Arc<str>, History>;

/// The registry contract with its history.
///
/// Heights of changes never go back: a change at a smaller height than an earlier
/// one counts as being in the newest changed block.
#[derive(Clone, Debug, Default)]
pub struct RegistryModel {
    config: Config,
    accounts: BTreeMap<Arc<str>, Functions>,
    /// Heights of the blocks with changes, ascending, without repeats.
    changes: VecDeque<u64>,
    /// The oldest height that can still be told apart from older ones.
    horizon: u64,
    listings: VecDeque<Listing>,
    faults: Faults,
}

#[derive(Clone, Debug)]
struct Listing {
    /// Height of the last change it contains.
    since: u64,
    json: Bytes,
}

impl RegistryModel {
    /// An empty registry.
    pub fn new(config: Config) -> RegistryModel {
        RegistryModel {
            config,
            ..RegistryModel::default()
        }
    }

    /// Takes over entries that were there before the run begins: they are visible
    /// at every height, with the heights that are written in them. An entry
    /// replaces an older one of the same name.
    pub fn restore(&mut self, entries: impl IntoIterator<Item = Entry>) {
        for Entry {
            account,
            function,
            record,
        } in entries
        {
            let functions = self.accounts.entry(account.into()).or_default();
            let mut history = History::default();
            history.push(0, record);
            functions.insert(function.into(), history);
        }
        self.listings.clear();
    }

    /// Registers, or registers again, `function` of `account` in block `height`;
    /// returns the version. A second registration keeps the height of creation,
    /// sets that of the update, and takes back a deletion.
    ///
    /// # Errors
    /// The account id is malformed; or the rule needs an owner, if
    /// `refuse_owner_rules` is on. Nothing changes then.
    pub fn register(
        &mut self,
        account: &str,
        function: &str,
        registration: Registration,
        height: u64,
    ) -> Result<u64, ContractError> {
        check_account(account)?;
        if self.config.quirks.refuse_owner_rules && registration.rule.needs_owner() {
            return Err(ContractError::NeedsOwner);
        }
        let height = self.note_change(height);
        let functions = self.accounts.entry(account.into()).or_default();
        let history = functions.entry(function.into()).or_default();
        let record = match history.newest() {
            Some(Revision { record: old, .. }) => Record {
                registration,
                created_at: old.created_at,
                updated_at: Some(height),
                deleted_at: None,
            },
            None => Record {
                registration,
                created_at: height,
                updated_at: None,
                deleted_at: None,
            },
        };
        let version = record.version();
        history.push(height, record);
        Ok(version)
    }

    /// Marks `function` of `account` as deleted in block `height`. The version
    /// stays; a repeated deletion overwrites the height of the first.
    ///
    /// # Errors
    /// The account id is malformed, or there is no such registration.
    pub fn remove(
        &mut self,
        account: &str,
        function: &str,
        height: u64,
    ) -> Result<(), ContractError> {
        check_account(account)?;
        let Some(functions) = self.accounts.get(account) else {
            return Err(ContractError::UnknownAccount(account.into()));
        };
        let Some(newest) = functions.get(function).and_then(History::newest) else {
            let (account, function) = (account.into(), function.into());
            return Err(ContractError::UnknownFunction { account, function });
        };
        let mut record = Record::clone(&newest.record);
        let height = self.note_change(height);
        record.deleted_at = Some(height);
        if let Some(history) = self
            .accounts
            .get_mut(account)
            .and_then(|functions| functions.get_mut(function))
        {
            history.push(height, record);
        }
        Ok(())
    }

    /// Answers a view call as of the block `at`. `args` is JSON, as in the query's
    /// `args_base64`.
    ///
    /// # Errors
    /// The contract panicked (malformed account id or arguments), has no such
    /// method, or ran out of gas over a large listing.
    pub fn view(&mut self, method: &str, args: &[u8], at: ReadPoint) -> Result<View, ViewError> {
        let height = at.height.max(self.horizon);
        let result = match method {
            LIST_METHOD => self.list(height)?,
            READ_METHOD => self.read(args, height)?,
            _ => return Err(ViewError::MethodNotFound),
        };
        Ok(View {
            result,
            block_height: at.height,
        })
    }

    /// The record of `function` of `account` as of block `height`, whatever the
    /// faults: the truth that answers are judged by.
    pub fn record_at(&self, account: &str, function: &str, height: u64) -> Option<&Arc<Record>> {
        let history = self.accounts.get(account)?.get(function)?;
        Some(&history.at(height.max(self.horizon))?.record)
    }

    /// All records as of block `height`, deleted ones included, by account and
    /// function in order of their names.
    pub fn records_at(&self, height: u64) -> impl Iterator<Item = (&str, &str, &Arc<Record>)> {
        let height = height.max(self.horizon);
        self.accounts.iter().flat_map(move |(account, functions)| {
            functions.iter().filter_map(move |(function, history)| {
                let revision = history.at(height)?;
                Some((&**account, &**function, &revision.record))
            })
        })
    }

    /// Height of the newest block with a change; 0 if there is none.
    pub fn last_change(&self) -> u64 {
        self.changes.back().copied().unwrap_or(0)
    }

    /// Fault: both views show garbage in place of this indexer's record, until
    /// switched off. The answer as a whole stays valid JSON.
    pub fn undecodable(&mut self, account: &str, function: &str, on: bool) {
        self.faults.undecodable.set(account, function, on);
        self.listings.clear();
    }

    /// Fault: `list_all` leaves this indexer out although it is registered.
    pub fn unlisted(&mut self, account: &str, function: &str, on: bool) {
        self.faults.unlisted.set(account, function, on);
        self.listings.clear();
    }

    /// Fault: the next `times` single reads successfully answer `null`.
    pub fn null_next(&mut self, times: u64) {
        self.faults.null_reads = times;
    }

    /// Fault: single reads of this indexer successfully answer `null`, until
    /// switched off.
    pub fn null_for(&mut self, account: &str, function: &str, on: bool) {
        self.faults.nulls.set(account, function, on);
    }

    /// Fault: all single reads successfully answer `null` until switched off.
    pub fn always_null(&mut self, on: bool) {
        self.faults.always_null = on;
    }

    /// Fault: `list_all` answers an empty map until switched off.
    pub fn empty_list(&mut self, on: bool) {
        self.faults.empty_list = on;
    }

    /// Ends all faults but the gas limit.
    pub fn heal(&mut self) {
        self.faults = Faults::default();
        self.listings.clear();
    }

    /// Fault: a listing of more than `bytes` runs out of gas; `None` lifts it.
    pub fn set_gas_limit(&mut self, bytes: Option<u64>) {
        self.config.gas_limit_bytes = bytes;
    }

    /// The height that a change asked for at `height` gets.
    fn note_change(&mut self, height: u64) -> u64 {
        let newest = self.last_change();
        let height = height.max(newest);
        if height > newest || self.changes.is_empty() {
            self.changes.push_back(height);
        }
        // Only the newest listing can be affected; older blocks stay as they were.
        self.listings.retain(|listing| listing.since < height);
        let kept = self.config.kept_changes.max(1);
        if self.changes.len() >= kept.saturating_mul(2) {
            self.changes
                .drain(..self.changes.len().saturating_sub(kept));
            self.horizon = self.changes.front().copied().unwrap_or(0);
            for history in self.accounts.values_mut().flat_map(BTreeMap::values_mut) {
                history.forget_before(self.horizon);
            }
        }
        height
    }

    fn list(&mut self, height: u64) -> Result<Bytes, ViewError> {
        if self.faults.empty_list {
            return Ok(Bytes::from_static(b"{}"));
        }
        let since = self.changes_until(height);
        let cached = self.listings.iter().find(|listing| listing.since == since);
        let json = match cached {
            Some(listing) => listing.json.clone(),
            None => {
                let json = self.write_listing(height);
                if self.listings.len() >= CACHED_LISTINGS {
                    self.listings.pop_front();
                }
                self.listings.push_back(Listing {
                    since,
                    json: json.clone(),
                });
                json
            }
        };
        match self.config.gas_limit_bytes {
            Some(limit) if json.len() as u64 > limit => Err(ViewError::GasLimitExceeded),
            _ => Ok(json),
        }
    }

    /// The height of the last change that a reader at `height` sees.
    fn changes_until(&self, height: u64) -> u64 {
        let after = self.changes.partition_point(|&change| change <= height);
        after
            .checked_sub(1)
            .and_then(|last| self.changes.get(last))
            .copied()
            .unwrap_or(0)
    }

    fn write_listing(&self, height: u64) -> Bytes {
        let mut json = JsonMap::default();
        for (account, functions) in &self.accounts {
            let mut inner = JsonMap::default();
            let mut known = false;
            for (function, history) in functions {
                let Some(revision) = history.at(height) else {
                    continue;
                };
                known = true;
                if revision.record.is_deleted() {
                    continue;
                }
                if self.faults.unlisted.has(account, function) {
                    continue;
                }
                inner.put(function, self.shown(account, function, revision));
            }
            let hidden = inner.is_empty() && !self.config.quirks.empty_accounts;
            if known && !hidden {
                json.put(account, &inner.finish());
            }
        }
        Bytes::from(json.finish())
    }

    fn read(&mut self, args: &[u8], height: u64) -> Result<Bytes, ViewError> {
        const NULL: Bytes = Bytes::from_static(b"null");
        let ReadArgs {
            account_id,
            function_name,
        } = ReadArgs::parse(args)?;
        check_account(&account_id).map_err(|error| ViewError::Contract {
            message: error.to_string(),
        })?;
        if self.faults.always_null || self.faults.nulls.has(&account_id, &function_name) {
            return Ok(NULL);
        }
        if let Some(left) = self.faults.null_reads.checked_sub(1) {
            self.faults.null_reads = left;
            return Ok(NULL);
        }
        let history = self
            .accounts
            .get(account_id.as_str())
            .and_then(|functions| functions.get(function_name.as_str()));
        match history.and_then(|history| history.at(height)) {
            Some(_) if self.faults.undecodable.has(&account_id, &function_name) => {
                Ok(Bytes::from_static(GARBAGE.as_bytes()))
            }
            Some(revision) => Ok(revision.json.clone()),
            None => Ok(NULL),
        }
    }

    fn shown<'a>(&self, account: &str, function: &str, revision: &'a Revision) -> &'a [u8] {
        if self.faults.undecodable.has(account, function) {
            GARBAGE.as_bytes()
        } else {
            &revision.json
        }
    }
}

fn check_account(account: &str) -> Result<(), ContractError> {
    match account.parse::<AccountId>() {
        Ok(_) => Ok(()),
        Err(_) => Err(ContractError::InvalidAccount(account.into())),
    }
}
