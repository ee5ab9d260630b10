//! The control endpoint.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::fault::RequestFault;
use super::host::Host;
use crate::{ContractError, Registration, RegistryRule, StartBlock};

type Answer = Result<Json<Value>, (StatusCode, String)>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Register {
    account: String,
    function: String,
    code: String,
    #[serde(default)]
    schema: String,
    rule: RegistryRule,
    start_block: StartBlock,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Name {
    account: String,
    function: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Advance {
    blocks: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EntryFault {
    account: String,
    function: String,
    undecodable: Option<bool>,
    unlisted: Option<bool>,
    null: Option<bool>,
}

pub(super) async fn register(State(host): State<Arc<Host>>, Json(new): Json<Register>) -> Answer {
    let registration = Registration {
        code: new.code,
        schema: new.schema,
        rule: new.rule,
        start_block: new.start_block,
        forked_from: None,
    };
    host.with(|model, height| {
        let version = model
            .register(&new.account, &new.function, registration, height)
            .map_err(refused)?;
        Ok(Json(json!({ "version": version })))
    })
}

pub(super) async fn delete(State(host): State<Arc<Host>>, Json(name): Json<Name>) -> Answer {
    host.with(|model, height| {
        model
            .remove(&name.account, &name.function, height)
            .map_err(refused)?;
        Ok(Json(json!({ "deleted_at": height })))
    })
}

pub(super) async fn advance(State(host): State<Arc<Host>>, Json(by): Json<Advance>) -> Answer {
    Ok(Json(json!({ "height": host.advance(by.blocks) })))
}

pub(super) async fn fault(
    State(host): State<Arc<Host>>,
    Json(fault): Json<RequestFault>,
) -> Answer {
    host.fault(fault);
    Ok(Json(json!({})))
}

pub(super) async fn entry(State(host): State<Arc<Host>>, Json(about): Json<EntryFault>) -> Answer {
    host.with(|model, _| {
        let (account, function) = (&about.account, &about.function);
        if let Some(on) = about.undecodable {
            model.undecodable(account, function, on);
        }
        if let Some(on) = about.unlisted {
            model.unlisted(account, function, on);
        }
        if let Some(on) = about.null {
            model.null_for(account, function, on);
        }
    });
    Ok(Json(json!({})))
}

pub(super) async fn heal(State(host): State<Arc<Host>>) -> Answer {
    host.heal();
    Ok(Json(json!({})))
}

pub(super) async fn state(State(host): State<Arc<Host>>) -> Answer {
    let mut inner = host.lock();
    let height = inner.height();
    let records: Vec<Value> = inner
        .model
        .records_at(height)
        .map(|(account, function, record)| {
            json!({
                "account": account,
                "function": function,
                "version": record.version(),
                "deleted_at": record.deleted_at,
            })
        })
        .collect();
    Ok(Json(json!({
        "height": height,
        "calls": inner.calls,
        "records": records,
        "file_error": inner.file_error,
    })))
}

fn refused(error: ContractError) -> (StatusCode, String) {
    (StatusCode::UNPROCESSABLE_ENTITY, error.to_string())
}
