//! What is served.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Serialize;
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::build::BuildInfo;
use crate::http::Readiness;
use crate::metrics::{CONTENT_TYPE, Metrics};

const TEXT: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json";

const INDEX: &str = "coordinator\n\n\
    /metrics  metrics in the OpenMetrics text format\n\
    /healthz  200 while the process lives\n\
    /readyz   200 if it is ready, else 503, with each check as JSON\n\
    /version  what it was built from, as JSON\n";

/// What is served.
#[derive(Clone, Debug)]
pub struct Pages {
    /// For `/metrics`.
    pub metrics: Metrics,
    /// For `/readyz`.
    pub readiness: Readiness,
    /// For `/version`.
    pub build: BuildInfo,
}

struct Served {
    pages: Pages,
    /// One scrape at a time: a scraper too many waits instead of costing.
    scrape: Mutex<()>,
    patience: Duration,
}

/// The router. A page that is not ready within `patience` is answered with 503.
pub(crate) fn router(pages: Pages, patience: Duration) -> Router {
    let served = Arc::new(Served {
        pages,
        scrape: Mutex::default(),
        patience,
    });
    Router::new()
        .route("/", get(index))
        .route("/metrics", get(metrics))
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/version", get(version))
        .fallback(missing)
        .method_not_allowed_fallback(refused)
        .with_state(served)
}

fn page(status: StatusCode, kind: &'static str, body: impl Into<String>) -> Response {
    let fixed = |name: HeaderName, value: &'static str| (name, HeaderValue::from_static(value));
    let headers = [
        fixed(header::CONTENT_TYPE, kind),
        fixed(header::CACHE_CONTROL, "no-store"),
        fixed(header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (status, headers, body.into()).into_response()
}

fn json(status: StatusCode, value: &impl Serialize) -> Response {
    match serde_json::to_string(value) {
        Ok(text) => page(status, JSON, text + "\n"),
        Err(error) => page(StatusCode::INTERNAL_SERVER_ERROR, TEXT, error.to_string()),
    }
}

async fn index() -> Response {
    page(StatusCode::OK, TEXT, INDEX)
}

async fn missing() -> Response {
    page(
        StatusCode::NOT_FOUND,
        TEXT,
        format!("no such page\n\n{INDEX}"),
    )
}

async fn refused() -> Response {
    page(
        StatusCode::METHOD_NOT_ALLOWED,
        TEXT,
        "only GET and HEAD: commands go to the admin API\n",
    )
}

async fn healthz() -> Response {
    page(StatusCode::OK, TEXT, "alive\n")
}

async fn readyz(State(served): State<Arc<Served>>) -> Response {
    let report = served.pages.readiness.report();
    let status = if report.ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    json(status, &report)
}

async fn version(State(served): State<Arc<Served>>) -> Response {
    json(StatusCode::OK, &served.pages.build)
}

async fn metrics(State(served): State<Arc<Served>>) -> Response {
    let patience = served.patience;
    let encoded = timeout(patience, async {
        let _turn = served.scrape.lock().await;
        let metrics = served.pages.metrics.clone();
        // Of very many indexers it takes a while, in which others must be served.
        tokio::task::spawn_blocking(move || metrics.encode()).await
    });
    match encoded.await {
        Ok(Ok(Ok(text))) => page(StatusCode::OK, CONTENT_TYPE, text),
        Ok(_) => page(
            StatusCode::INTERNAL_SERVER_ERROR,
            TEXT,
            "the metrics could not be gathered; the log says more\n",
        ),
        Err(_) => page(
            StatusCode::SERVICE_UNAVAILABLE,
            TEXT,
            "the metrics could not be gathered in time; try again\n",
        ),
    }
}
