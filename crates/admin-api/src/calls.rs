//! How calls are carried out: bounded in number and time, and to the end.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use coordinator::admin::{AdminError, AdminService};
use http::Extensions;
use security::{Principal, Role, authorise};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::{Code, Request, Status};

use crate::audit::{Ticket, caller_of};
use crate::server::{About, ApiLimits};
use crate::status::{self, Dialect};
use crate::text::printable;

/// How long a call may wait for others to end.
pub(crate) const QUEUE: Duration = Duration::from_secs(5);

/// What all calls share.
pub(crate) struct Calls {
    pub admin: Arc<AdminService>,
    pub about: About,
    pub limits: ApiLimits,
    /// Cancelled when the server is to end: streams end.
    pub shutdown: CancellationToken,
    /// Commands that were begun.
    pub commands: TaskTracker,
    in_flight: Arc<Semaphore>,
    /// Listings of everything: each asks the registry.
    listings: Arc<Semaphore>,
    watchers: Arc<Semaphore>,
}

/// A command.
#[derive(Clone, Debug)]
pub(crate) enum Command {
    Enable,
    Disable,
    Retry,
    Hold(String),
    Release,
}

/// The names in a request.
#[derive(Clone, Debug)]
pub(crate) struct Named {
    pub account: String,
    pub function: String,
}

impl Named {
    /// `account/function`, for messages.
    pub(crate) fn shown(&self) -> String {
        printable(&format!("{}/{}", self.account, self.function), 200)
    }
}

impl Calls {
    pub(crate) fn new(
        admin: Arc<AdminService>,
        about: About,
        limits: ApiLimits,
        shutdown: CancellationToken,
    ) -> Calls {
        let semaphore = |permits: usize| Arc::new(Semaphore::new(permits));
        Calls {
            in_flight: semaphore(limits.calls),
            listings: semaphore(limits.listings),
            watchers: semaphore(limits.watchers),
            commands: TaskTracker::new(),
            admin,
            about,
            limits,
            shutdown,
        }
    }

    /// A look at something: in turn, and in time.
    pub(crate) async fn look<T>(
        &self,
        look: impl Future<Output = Result<T, Status>>,
    ) -> Result<T, Status> {
        let _turn = self.turn(&self.in_flight).await?;
        self.in_time(look).await
    }

    /// A look at everything at once.
    pub(crate) async fn listing<T>(
        &self,
        look: impl Future<Output = Result<T, Status>>,
    ) -> Result<T, Status> {
        let _turn = self.turn(&self.listings).await?;
        self.in_time(look).await
    }

    /// A place for a watcher.
    pub(crate) fn watcher(&self) -> Result<OwnedSemaphorePermit, Status> {
        let permit = Arc::clone(&self.watchers).try_acquire_owned();
        permit.map_err(|_| {
            let limit = self.limits.watchers;
            Status::resource_exhausted(format!("{limit} watch already, and no more may"))
        })
    }

    async fn turn(&self, turns: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, Status> {
        match timeout(QUEUE, Arc::clone(turns).acquire_owned()).await {
            Ok(Ok(permit)) => Ok(permit),
            _ => Err(Status::resource_exhausted(
                "the coordinator is busy with other calls; try again in a moment",
            )),
        }
    }

    async fn in_time<T>(&self, look: impl Future<Output = Result<T, Status>>) -> Result<T, Status> {
        let limit = self.limits.server.request_time;
        timeout(limit, look).await.unwrap_or_else(|_| {
            Err(Status::deadline_exceeded(format!(
                "no answer within {limit:?}; the coordinator still waits for the store or the \
                 registry"
            )))
        })
    }

    /// Carries out a command. Once begun it is finished, whether or not its
    /// caller still waits, and it is in the audit log.
    pub(crate) async fn command(
        &self,
        extensions: &Extensions,
        named: &Named,
        command: Command,
        dialect: Dialect,
    ) -> Result<(), Status> {
        let caller = commander(extensions)?;
        let turn = self.turn(&self.in_flight).await?;
        if let Some(ticket) = extensions.get::<Ticket>() {
            ticket.hand_over();
        }
        let admin = Arc::clone(&self.admin);
        let Named { account, function } = named.clone();
        let work = self.commands.spawn(async move {
            let _turn = turn;
            carry_out(&admin, &caller, &account, &function, command).await
        });
        let limit = self.limits.server.request_time;
        match timeout(limit, work).await {
            Ok(Ok(Ok(()))) => Ok(()),
            Ok(Ok(Err(error))) => Err(status::of_command(&error, &named.shown(), dialect)),
            Ok(Err(_)) => Err(status::status(
                Code::Internal,
                &format!(
                    "{}: the command failed; see the coordinator's log",
                    named.shown()
                ),
            )),
            Err(_) => Err(status::status(
                Code::DeadlineExceeded,
                &format!(
                    "{}: not done within {limit:?}; it is still being tried, so look before \
                     asking again",
                    named.shown()
                ),
            )),
        }
    }
}

async fn carry_out(
    admin: &AdminService,
    caller: &str,
    account: &str,
    function: &str,
    command: Command,
) -> Result<(), AdminError> {
    match command {
        Command::Enable => admin.enable(caller, account, function).await,
        Command::Disable => admin.disable(caller, account, function).await,
        Command::Retry => admin.retry(caller, account, function).await,
        Command::Hold(reason) => admin.hold(caller, account, function, &reason).await,
        Command::Release => admin.release(caller, account, function).await,
    }
}

/// Who commands, and may. The layers in front have made sure of it; a server
/// without them changes nothing.
fn commander(extensions: &Extensions) -> Result<String, Status> {
    let Some(principal) = extensions.get::<Principal>() else {
        return Err(Status::unauthenticated("nobody has asked who you are"));
    };
    authorise(principal, Role::Operate)
        .map_err(|forbidden| Status::permission_denied(forbidden.to_string()))?;
    Ok(caller_of(extensions))
}

/// The extensions and the message of a request.
pub(crate) fn opened<T>(request: Request<T>) -> (Extensions, T) {
    let (_, extensions, message) = request.into_parts();
    (extensions, message)
}
