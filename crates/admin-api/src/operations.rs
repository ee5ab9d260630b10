//! What operators need beyond the original.

use std::pin::Pin;
use std::sync::Arc;

use coordinator::admin::{Filter, PAGE_MAX};
use futures_util::Stream;
use lifecycle::Phase;
use prost::Message;
use proto::coordinator as pb;
use proto::coordinator::operations_server::Operations;
use security::Standing;
use tonic::{Request, Response, Status};

use crate::calls::{Calls, Command, Named, opened};
use crate::status::{self, Dialect};
use crate::{convert, page_token, watch};

/// What a page holds if nothing is asked for.
const PAGE_DEFAULT: usize = 500;

/// What stands in a filter for the phase of what has no record.
const NO_PHASE: &str = "none";

/// About the most bytes of a page: clients accept 4 MiB unless told otherwise.
const PAGE_BYTES: usize = 3 << 20;

/// `coordinator.v1.Operations`.
pub(crate) struct Operator(pub Arc<Calls>);

impl Operator {
    async fn command(
        &self,
        extensions: &http::Extensions,
        name: Option<pb::IndexerName>,
        command: Command,
    ) -> Result<Response<pb::Indexer>, Status> {
        let named = named(name)?;
        let enabled = !matches!(command, Command::Disable);
        let calls = &self.0;
        calls
            .command(extensions, &named, command, Dialect::Operations)
            .await?;
        // It is done, whatever comes of looking at it.
        let indexer = self.get(&named).await.unwrap_or_else(|error| pb::Indexer {
            name: Some(pb::IndexerName {
                account_id: named.account,
                function_name: named.function,
            }),
            enabled,
            explanation: format!(
                "The command is carried out; the indexer cannot be shown now: {}.",
                error.message()
            ),
            ..pb::Indexer::default()
        });
        Ok(Response::new(indexer))
    }

    async fn get(&self, named: &Named) -> Result<pb::Indexer, Status> {
        let look = async {
            let report = self.0.admin.get(&named.account, &named.function).await;
            report.map_err(|error| status::of_look(&error, &named.shown()))
        };
        Ok(convert::indexer(&self.0.look(look).await?))
    }
}

/// Which indexer is meant.
fn named(name: Option<pb::IndexerName>) -> Result<Named, Status> {
    let name = name.ok_or_else(|| {
        Status::invalid_argument("which indexer is meant? `name` needs account_id, function_name")
    })?;
    Ok(Named {
        account: name.account_id,
        function: name.function_name,
    })
}

fn page_size(asked: u32) -> usize {
    match usize::try_from(asked) {
        Ok(0) => PAGE_DEFAULT,
        Ok(asked) => asked.min(PAGE_MAX),
        Err(_) => PAGE_MAX,
    }
}

/// What is asked for.
fn filter(asked: Option<pb::IndexerFilter>) -> Result<Filter, Status> {
    let asked = asked.unwrap_or_default();
    let mut phases = Vec::new();
    for name in &asked.phases {
        let known = Phase::ALL.into_iter().find(|phase| phase.name() == name);
        let phase = match known {
            None if name == NO_PHASE => None,
            None => {
                let names = Phase::ALL.iter().map(|phase| phase.name());
                let names: Vec<_> = names.chain([NO_PHASE]).collect();
                return Err(Status::invalid_argument(format!(
                    "there is no such phase; it is one of {names:?}"
                )));
            }
            known => known,
        };
        if !phases.contains(&phase) {
            phases.push(phase);
        }
    }
    Ok(Filter {
        account: Some(asked.account_id).filter(|account| !account.is_empty()),
        phases,
        troubled: asked.troubled,
    })
}

/// As many of `messages` as fit into a page, at least one.
fn fitting<M: Message>(messages: impl Iterator<Item = M>) -> Vec<M> {
    let mut room = PAGE_BYTES;
    let mut page = Vec::new();
    for message in messages {
        let size = message.encoded_len();
        if size > room && !page.is_empty() {
            break;
        }
        room = room.saturating_sub(size);
        page.push(message);
    }
    page
}

#[tonic::async_trait]
impl Operations for Operator {
    async fn get_indexer(
        &self,
        request: Request<pb::GetIndexerRequest>,
    ) -> Result<Response<pb::Indexer>, Status> {
        let named = named(request.into_inner().name)?;
        Ok(Response::new(self.get(&named).await?))
    }

    async fn list_indexers(
        &self,
        request: Request<pb::ListIndexersRequest>,
    ) -> Result<Response<pb::ListIndexersResponse>, Status> {
        let request = request.into_inner();
        let after = page_token::decode(&request.page_token)?;
        let filter = filter(request.filter)?;
        let limit = page_size(request.page_size);
        let look = async {
            let page = self.0.admin.page(after.as_ref(), limit, &filter).await;
            page.map_err(|error| status::of_look(&error, "the list"))
        };
        let page = self.0.look(look).await?;
        let indexers = fitting(page.reports.iter().map(convert::indexer));
        let next = match page.reports.get(indexers.len()) {
            // The next page begins with what did not fit.
            Some(_) => indexers
                .len()
                .checked_sub(1)
                .and_then(|last| page.reports.get(last)),
            None => None,
        };
        let next = next.map(|report| &report.id).or(page.next.as_ref());
        Ok(Response::new(pb::ListIndexersResponse {
            next_page_token: page_token::encode(next),
            indexers,
            recalled: page.recalled.as_ref().map(convert::recalled),
        }))
    }

    type WatchIndexersStream =
        Pin<Box<dyn Stream<Item = Result<pb::WatchIndexersResponse, Status>> + Send>>;

    async fn watch_indexers(
        &self,
        request: Request<pb::WatchIndexersRequest>,
    ) -> Result<Response<Self::WatchIndexersStream>, Status> {
        let (extensions, request) = opened(request);
        let filter = filter(request.filter)?;
        let standing = extensions.get::<Standing>().cloned();
        let events = watch::events(&self.0, filter, request.changes_only, standing)?;
        Ok(Response::new(Box::pin(events)))
    }

    async fn enable_indexer(
        &self,
        request: Request<pb::EnableIndexerRequest>,
    ) -> Result<Response<pb::Indexer>, Status> {
        let (extensions, message) = opened(request);
        self.command(&extensions, message.name, Command::Enable)
            .await
    }

    async fn disable_indexer(
        &self,
        request: Request<pb::DisableIndexerRequest>,
    ) -> Result<Response<pb::Indexer>, Status> {
        let (extensions, message) = opened(request);
        self.command(&extensions, message.name, Command::Disable)
            .await
    }

    async fn retry_indexer(
        &self,
        request: Request<pb::RetryIndexerRequest>,
    ) -> Result<Response<pb::Indexer>, Status> {
        let (extensions, message) = opened(request);
        self.command(&extensions, message.name, Command::Retry)
            .await
    }

    async fn hold_indexer(
        &self,
        request: Request<pb::HoldIndexerRequest>,
    ) -> Result<Response<pb::Indexer>, Status> {
        let (extensions, message) = opened(request);
        let command = Command::Hold(message.reason);
        self.command(&extensions, message.name, command).await
    }

    async fn release_indexer(
        &self,
        request: Request<pb::ReleaseIndexerRequest>,
    ) -> Result<Response<pb::Indexer>, Status> {
        let (extensions, message) = opened(request);
        self.command(&extensions, message.name, Command::Release)
            .await
    }

    async fn get_overview(
        &self,
        _request: Request<pb::GetOverviewRequest>,
    ) -> Result<Response<pb::Overview>, Status> {
        let overview = self.0.look(async { Ok(self.0.admin.overview()) }).await?;
        Ok(Response::new(convert::overview(overview, &self.0.about)))
    }

    async fn get_shadow_report(
        &self,
        request: Request<pb::GetShadowReportRequest>,
    ) -> Result<Response<pb::ShadowReport>, Status> {
        let request = request.into_inner();
        let after = page_token::decode(&request.page_token)?;
        let limit = page_size(request.page_size);
        if !self.0.admin.overview().shadow {
            return Err(Status::failed_precondition(
                "this coordinator is the active one; only one in shadow mode has a report",
            ));
        }
        let only = request.disagreements_only;
        let look = async { Ok(self.0.admin.shadow_report(after.as_ref(), limit, only)) };
        let report = self.0.look(look).await?;
        let indexers = fitting(report.entries.iter().map(convert::shadow));
        let next = match report.entries.get(indexers.len()) {
            Some(_) => indexers
                .len()
                .checked_sub(1)
                .and_then(|last| report.entries.get(last)),
            None => None,
        };
        let next = next.map(|entry| &entry.id).or(report.next.as_ref());
        Ok(Response::new(pb::ShadowReport {
            next_page_token: page_token::encode(next),
            indexers,
            observed: convert::count(report.observed),
            disagreements: convert::count(report.disagreements),
            unknown: convert::count(report.unknown),
            planned_actions: report.planned_actions,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn page_sizes_are_bounded() {
        for (asked, size) in [
            (0, 500),
            (1, 1),
            (1000, 1000),
            (1001, 1000),
            (u32::MAX, 1000),
        ] {
            assert_eq!(page_size(asked), size, "{asked}");
        }
    }

    #[test]
    fn a_filter_names_phases_that_exist() {
        let asked = |phases: &[&str]| {
            filter(Some(pb::IndexerFilter {
                account_id: String::new(),
                phases: phases.iter().map(|phase| (*phase).to_owned()).collect(),
                troubled: false,
            }))
        };
        assert_eq!(filter(None).unwrap(), Filter::default());
        let both = asked(&["Running", "Repairing", "Running"]).unwrap();
        assert_eq!(both.phases, [Some(Phase::Running), Some(Phase::Repairing)]);
        assert_eq!(asked(&["none"]).unwrap().phases, [None]);
        assert!(asked(&["None"]).is_err());
        assert!(asked(&[""]).is_err());
        let status = asked(&["running"]).unwrap_err();
        assert!(
            status.message().contains("\"Running\""),
            "{}",
            status.message()
        );
    }

    #[test]
    fn a_page_has_a_bounded_size_and_at_least_one_entry() {
        let name = |length: usize| pb::IndexerName {
            account_id: "a".repeat(length),
            function_name: String::new(),
        };
        let page = fitting((0..100).map(|_| name(64 << 10)));
        assert_eq!(page.len(), 47);
        assert_eq!(fitting([name(5 << 20), name(1)].into_iter()).len(), 1);
        assert_eq!(fitting((0..3).map(name)).len(), 3);
    }
}
