//! Indexers, a page at a time.

use std::time::Duration;

use lifecycle::{IndexerId, Phase};

use super::recalled::Recalled;
use super::report::IndexerReport;
use crate::health::why_unread;
use crate::shared::{Shared, lock};
use crate::store::StoreError;

/// The most indexers of a page; more are not given, whatever is asked for.
pub const PAGE_MAX: usize = 1_000;

/// The most indexers that are looked at for one page.
const LOOKED_AT_MAX: usize = 5_000;

/// How many records are read at a time.
const CHUNK: usize = 500;

/// Which indexers are wanted; all conditions that are set must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Of this account only.
    pub account: Option<String>,
    /// In one of these phases, if there are any; `None` stands for those without a
    /// record that can be read.
    pub phases: Vec<Option<Phase>>,
    /// Only those in trouble (see [`IndexerReport::troubled`]).
    pub troubled: bool,
}

impl Filter {
    /// Whether `report` is wanted. One whose phase is not known may be in any.
    pub fn passes(&self, report: &IndexerReport) -> bool {
        let account = self.account.as_deref();
        let phase = report.record.as_ref().map(|record| record.phase);
        account.is_none_or(|account| account == report.id.account())
            && (self.phases.is_empty() || self.phases.contains(&phase) || report.is_unread())
            && (!self.troubled || report.troubled())
    }
}

/// Some of all indexers.
#[derive(Clone, Debug)]
pub struct Page {
    /// In the order of names.
    pub reports: Vec<IndexerReport>,
    /// Where the next page begins: after this one. `None` if this is the last.
    pub next: Option<IndexerId>,
    /// Set if the store could not be read: then who passed goes by what was last known.
    /// The age is the highest of those looked at; `None` if none of them was ever read.
    pub recalled: Option<Recalled>,
}

/// What was looked at for a page.
#[derive(Default)]
struct Looks {
    /// Why the store could not be read. Once it did not answer it is not waited for again.
    away: Option<String>,
    /// Whether it was asked at all.
    asked: bool,
    /// The highest age of what was recalled.
    age: Option<Duration>,
}

impl Looks {
    fn note(&mut self, report: &IndexerReport) {
        let age = report.recalled.as_ref().and_then(|recalled| recalled.age);
        self.age = self.age.max(age);
    }

    fn page(self, shared: &Shared, reports: Vec<IndexerReport>, next: Option<IndexerId>) -> Page {
        // A store that had nothing to be asked may be known to be away all the same.
        let why = match self.asked {
            true => self.away,
            false => lock(&shared.health).store_problem.clone(),
        };
        let age = self.age;
        Page {
            reports,
            next,
            recalled: why.map(|why| Recalled { why, age }),
        }
    }
}

pub(super) async fn page(
    shared: &Shared,
    after: Option<&IndexerId>,
    limit: usize,
    filter: &Filter,
) -> Result<Page, StoreError> {
    let limit = limit.clamp(1, PAGE_MAX);
    let mut reports = Vec::new();
    let mut reached = after.cloned();
    // Where all of them pass no more are read than are wanted.
    let all_pass = filter.phases.is_empty() && !filter.troubled && filter.account.is_none();
    let mut looks = Looks::default();
    let chunk = if all_pass { CHUNK.min(limit) } else { CHUNK };
    for _ in 0..LOOKED_AT_MAX / CHUNK {
        let ids = shared.owned_after(reached.as_ref(), chunk);
        let last = ids.len() < chunk;
        // Unwanted accounts cost no read.
        let wanted: Vec<IndexerId> = ids
            .iter()
            .filter(|id| {
                filter
                    .account
                    .as_deref()
                    .is_none_or(|it| it == id.account())
            })
            .cloned()
            .collect();
        for report in shared.reports(wanted, &mut looks).await? {
            looks.note(&report);
            if filter.passes(&report) {
                reports.push(report);
            }
            if reports.len() == limit {
                let next = reports.last().map(|report| report.id.clone());
                return Ok(looks.page(shared, reports, next));
            }
        }
        if last {
            return Ok(looks.page(shared, reports, None));
        }
        reached = ids.last().cloned();
    }
    Ok(looks.page(shared, reports, reached))
}

impl Shared {
    /// What is known of `ids`, in their order. Without the store, which is away by the
    /// `looks` before or turns out to be, it is what was last known.
    async fn reports(
        &self,
        ids: Vec<IndexerId>,
        looks: &mut Looks,
    ) -> Result<Vec<IndexerReport>, StoreError> {
        let recalled = |ids: Vec<IndexerId>, why: &str| {
            let ids = ids.into_iter();
            ids.map(|id| self.report_without_store(id, why)).collect()
        };
        if let Some(why) = &looks.away {
            return Ok(recalled(ids, why));
        }
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        looks.asked = true;
        match self.looking(self.records.raw_many(&ids)).await {
            Ok(values) => {
                let read = ids.into_iter().zip(values);
                let reports = read.map(|(id, value)| {
                    let stored = self.decoded(&id, value);
                    self.report(id, stored)
                });
                Ok(reports.collect())
            }
            Err(error) if self.recalls_anything() => {
                let why = looks.away.insert(why_unread(&error));
                Ok(recalled(ids, why))
            }
            Err(error) => Err(error),
        }
    }
}
