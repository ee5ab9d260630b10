//! The contract on a real port, behind NEAR JSON-RPC.
//!
//! Block heights advance with the wall clock, one a second. Beside the protocol
//! there is a control endpoint under `/control`, through which tests register,
//! delete and make things go wrong:
//!
//! | request | what it does |
//! | --- | --- |
//! | `POST /control/register` | registers (as the contract's record, with its names) |
//! | `POST /control/delete` | deletes: `account`, `function` |
//! | `POST /control/advance` | skips `blocks` heights |
//! | `POST /control/fault` | makes calls fail: a [`RequestFault`] |
//! | `POST /control/entry` | spoils one entry: `undecodable`, `unlisted` or `null` |
//! | `POST /control/heal` | ends all faults |
//! | `GET /control/state` | height, calls, records, the file's last error |

mod control;
mod fault;
mod file;
mod host;
mod human;
mod rpc;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use real_tokio::net::TcpListener;

pub use fault::{Fault, RequestFault};
pub use file::{Watched, watch};
pub use host::{Host, Settings};

/// The largest request, in bytes: registrations bring code along.
const REQUEST_LEN_MAX: usize = 128 << 20;

/// The protocol on every path, the control endpoint under `/control`.
pub fn router(host: Arc<Host>) -> Router {
    Router::new()
        .route("/control/register", post(control::register))
        .route("/control/delete", post(control::delete))
        .route("/control/advance", post(control::advance))
        .route("/control/fault", post(control::fault))
        .route("/control/entry", post(control::entry))
        .route("/control/heal", post(control::heal))
        .route("/control/state", get(control::state))
        .fallback(post(rpc::query))
        .layer(DefaultBodyLimit::max(REQUEST_LEN_MAX))
        .with_state(host)
}

/// Serves `host` on `listener` until `shutdown` completes. Calls that hang are
/// not waited for.
///
/// # Errors
/// The listener broke.
pub async fn serve(
    listener: TcpListener,
    host: Arc<Host>,
    shutdown: impl Future<Output = ()>,
) -> std::io::Result<()> {
    let served = axum::serve(listener, router(host));
    real_tokio::select! {
        biased;
        () = shutdown => Ok(()),
        result = served.into_future() => result,
    }
}
