//! Calls to the coordinator, and what their failures mean to people.

mod channel;
mod failures;

use std::collections::BTreeMap;
use std::time::Duration;

use proto::coordinator::operations_client::OperationsClient;
use proto::coordinator::{
    DisableIndexerRequest, EnableIndexerRequest, GetIndexerRequest, GetOverviewRequest,
    GetShadowReportRequest, HoldIndexerRequest, Indexer, IndexerFilter, ListIndexersRequest,
    Overview, Recalled, ReleaseIndexerRequest, RetryIndexerRequest, ShadowReport,
    WatchIndexersRequest, WatchIndexersResponse,
};
use tokio::time::timeout;
use tonic::codegen::InterceptedService;
use tonic::transport::Channel;
use tonic::{Request, Response, Status, Streaming};

use crate::args::{Connection, Name};
use crate::exit::{Exit, Failure};
use channel::Bearer;

/// Pages of 500 indexers may hold names of 64 KiB.
const ANSWER_MAX: usize = 64 << 20;
/// The most indexers that are taken in; beyond that the server makes no sense.
const INDEXERS_MAX: usize = 1_000_000;
const PAGE_SIZE: u32 = 500;
/// The most pages of one listing that bring nothing new. The coordinator looks at some
/// thousand indexers for a page and gives it also if none of them is wanted: this is
/// far beyond the largest registry, and ends one that makes no sense.
const FRUITLESS_MAX: usize = 1_000;

/// How it is said that nobody knows whether a change was made.
const OPEN: &str = "may or may not";
/// What a message says that knows that it was not.
const CLOSED: &str = "nothing is changed";

/// One change asked of an indexer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Enable,
    Disable,
    Retry,
    Hold(String),
    Release,
}

impl Change {
    pub fn word(&self) -> &'static str {
        match self {
            Change::Enable => "enable",
            Change::Disable => "disable",
            Change::Retry => "retry",
            Change::Hold(_) => "hold",
            Change::Release => "release",
        }
    }
}

/// A page, or all pages that were wanted.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    /// By name.
    pub indexers: Vec<Indexer>,
    /// There are more.
    pub has_more: bool,
    /// Set if the store could not be read for some of it.
    pub recalled: Option<Recalled>,
}

/// Of two marks the one of the higher age.
fn older(one: Option<Recalled>, other: Option<Recalled>) -> Option<Recalled> {
    let age = |mark: &Recalled| mark.age_seconds;
    one.into_iter().chain(other).max_by_key(age)
}

/// Where a listing has come to.
#[derive(Debug, Default)]
struct Progress {
    /// Of the page that is asked for next; empty for the first.
    token: String,
    /// How many indexers there were before the last page.
    before: usize,
    /// Pages so far that brought nothing new.
    fruitless: usize,
}

impl Progress {
    /// Goes on with the page of `token`, now that there are `found` indexers; false if
    /// that would never end.
    fn goes_on(&mut self, token: String, found: usize) -> bool {
        if found == self.before {
            self.fruitless += 1;
        }
        let stands = token == self.token;
        self.before = found;
        self.token = token;
        !stands && self.fruitless <= FRUITLESS_MAX && found <= INDEXERS_MAX
    }
}

/// A connection to one coordinator.
pub(crate) struct Client {
    inner: OperationsClient<InterceptedService<Channel, Bearer>>,
    /// Its address, for messages.
    server: String,
    deadline: Duration,
}

impl Client {
    /// Connects.
    ///
    /// # Errors
    /// The settings make no sense, or nobody answers.
    pub async fn connect(connection: &Connection) -> Result<Client, Failure> {
        let server = connection.address()?;
        let bearer = channel::bearer(connection, &server)?;
        let channel = channel::open(connection, &server).await?;
        let inner = OperationsClient::with_interceptor(channel, bearer)
            .max_decoding_message_size(ANSWER_MAX);
        Ok(Client {
            inner,
            server,
            deadline: connection.request_timeout,
        })
    }

    pub async fn get(&self, name: &Name) -> Result<Indexer, Failure> {
        let request = self.request(GetIndexerRequest {
            name: name.message(),
        });
        let mut call = self.inner.clone();
        self.answer(&name.to_string(), call.get_indexer(request))
            .await
    }

    /// Indexers by name; `limit` 0 stands for all.
    pub async fn list(&self, filter: IndexerFilter, limit: usize) -> Result<Listing, Failure> {
        let limit = if limit == 0 { usize::MAX } else { limit };
        let mut found = BTreeMap::new();
        let mut recalled = None;
        let mut progress = Progress::default();
        loop {
            let missing = u32::try_from(limit.saturating_sub(found.len())).unwrap_or(u32::MAX);
            let request = self.request(ListIndexersRequest {
                page_size: missing.min(PAGE_SIZE),
                page_token: progress.token.clone(),
                filter: Some(filter.clone()),
            });
            let mut call = self.inner.clone();
            let page = self
                .answer("the list of indexers", call.list_indexers(request))
                .await?;
            recalled = older(recalled, page.recalled);
            for indexer in page.indexers {
                found.insert(Name::of(indexer.name.as_ref()), indexer);
            }
            let has_more = !page.next_page_token.is_empty();
            if !has_more || found.len() >= limit {
                let surplus = found.len() > limit;
                return Ok(Listing {
                    indexers: found.into_values().take(limit).collect(),
                    has_more: has_more || surplus,
                    recalled,
                });
            }
            if !progress.goes_on(page.next_page_token, found.len()) {
                return Err(self.endless("the list of indexers"));
            }
        }
    }

    pub async fn change(&self, change: &Change, name: &Name) -> Result<Indexer, Failure> {
        let what = name.to_string();
        let mut call = self.inner.clone();
        let name = name.message();
        let answer = match change {
            Change::Enable => {
                let request = self.request(EnableIndexerRequest { name });
                self.answer(&what, call.enable_indexer(request)).await
            }
            Change::Disable => {
                let request = self.request(DisableIndexerRequest { name });
                self.answer(&what, call.disable_indexer(request)).await
            }
            Change::Retry => {
                let request = self.request(RetryIndexerRequest { name });
                self.answer(&what, call.retry_indexer(request)).await
            }
            Change::Hold(reason) => {
                let reason = reason.clone();
                let request = self.request(HoldIndexerRequest { name, reason });
                self.answer(&what, call.hold_indexer(request)).await
            }
            Change::Release => {
                let request = self.request(ReleaseIndexerRequest { name });
                self.answer(&what, call.release_indexer(request)).await
            }
        };
        answer.map_err(|failure| match failure.is_uncertain {
            // The coordinator says so itself where it knows no more.
            true if [OPEN, CLOSED].iter().any(|it| failure.message.contains(it)) => failure,
            true => Failure::uncertain(
                failure.exit,
                format!("{failure} It {OPEN} have been carried out; to repeat it does no harm."),
            ),
            false => failure,
        })
    }

    /// Changes until the server or the reader leaves. The deadline holds for the
    /// beginning only.
    pub async fn watch(
        &self,
        filter: IndexerFilter,
        changes_only: bool,
    ) -> Result<Streaming<WatchIndexersResponse>, Failure> {
        // A deadline in the request would end the stream.
        let request = Request::new(WatchIndexersRequest {
            filter: Some(filter),
            changes_only,
        });
        let mut call = self.inner.clone();
        self.answer("the watch", call.watch_indexers(request)).await
    }

    pub async fn overview(&self) -> Result<Overview, Failure> {
        let request = self.request(GetOverviewRequest {});
        let mut call = self.inner.clone();
        self.answer("the overview", call.get_overview(request))
            .await
    }

    /// The report with the indexers of all pages.
    pub async fn shadow(&self, disagreements_only: bool) -> Result<ShadowReport, Failure> {
        let what = "the shadow report";
        let mut indexers = BTreeMap::new();
        let mut progress = Progress::default();
        loop {
            let request = self.request(GetShadowReportRequest {
                disagreements_only,
                page_size: PAGE_SIZE,
                page_token: progress.token.clone(),
            });
            let mut call = self.inner.clone();
            let page = self.answer(what, call.get_shadow_report(request)).await?;
            for indexer in page.indexers {
                indexers.insert(Name::of(indexer.name.as_ref()), indexer);
            }
            if page.next_page_token.is_empty() {
                return Ok(ShadowReport {
                    indexers: indexers.into_values().collect(),
                    ..page
                });
            }
            if !progress.goes_on(page.next_page_token, indexers.len()) {
                return Err(self.endless(what));
            }
        }
    }

    /// What the end of a watch means.
    pub fn failure(&self, what: &str, status: &Status) -> Failure {
        failures::of_status(what, &self.server, status)
    }

    pub fn server(&self) -> &str {
        &self.server
    }

    fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.set_timeout(self.deadline);
        request
    }

    /// The server may not keep the deadline, so it is kept here too.
    async fn answer<T>(
        &self,
        what: &str,
        call: impl Future<Output = Result<Response<T>, Status>>,
    ) -> Result<T, Failure> {
        match timeout(self.deadline, call).await {
            Ok(Ok(answer)) => Ok(answer.into_inner()),
            Ok(Err(status)) => Err(self.failure(what, &status)),
            Err(_) => Err(failures::late(what, &self.server, self.deadline)),
        }
    }

    fn endless(&self, what: &str) -> Failure {
        Failure::new(
            Exit::Failed,
            format!("{what}: {} sends pages without end.", self.server),
        )
    }
}
