//! Reads of the simulated registry contract, through RPC nodes that may lag.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use coordinator::registry::{RegistryError, RegistryTransport, ViewAnswer};
use coordinator::transport::CallError;
use sim_node::{IndexerKey, Reply};
use sim_registry::{LIST_METHOD, ReadPoint, ViewError};

use super::SimTransport;
use super::call::Meta;
use crate::history::{Event, Method};
use crate::scenario::{CallOutcome, RegistryFaultKind};
use crate::world::{REGISTRY_LAG, RegistryRule, World};

#[async_trait]
impl RegistryTransport for SimTransport {
    async fn view(&self, method: &str, arguments: &[u8]) -> Result<ViewAnswer, RegistryError> {
        let (kind, key) = if method == LIST_METHOD {
            (Method::RegistryListAll, None)
        } else {
            (Method::RegistryRead, key_of(arguments))
        };
        let (fault, probed) = {
            let mut guard = self.world.enter();
            let world = &mut *guard;
            let key = key.as_ref();
            let probed = world.probe(self.by, kind, key);
            let armed = world
                .armed
                .on_registry(world.now, kind, key, &mut world.rng_faults);
            let is_old = probed.outcome == Some(CallOutcome::Stale);
            let fault = is_old.then(|| RegistryRule::stale(REGISTRY_LAG)).or(armed);
            (fault, probed)
        };
        let outcome = probed
            .outcome
            .filter(|outcome| *outcome != CallOutcome::Stale);
        let (name, arguments) = (method.to_owned(), arguments.to_vec());
        let answer = self
            .send(Meta::new(kind, key.clone()), outcome, move |world| {
                if world.records_reads() {
                    let told = view(world, &name, &arguments, Duration::ZERO);
                    let old = view(world, &name, &arguments, REGISTRY_LAG);
                    let news = Some(told != old);
                    world.note_told(kind, key.as_ref(), probed.nth, &told, news);
                }
                Reply::now(Ok(answer(
                    world,
                    &name,
                    &arguments,
                    kind,
                    key.as_ref(),
                    &fault,
                )))
            })
            .await;
        match answer {
            Ok(answer) => answer,
            Err(CallError { status, .. }) => {
                Err(RegistryError::Unavailable(status.message().to_owned()))
            }
        }
    }
}

/// What the contract said so long ago; nothing if that was an error.
fn view(world: &mut World, name: &str, arguments: &[u8], ago: Duration) -> Option<Bytes> {
    let height = world.chain.tip_at(world.now - ago)?;
    let view = world.registry.view(name, arguments, ReadPoint::at(height));
    view.ok().map(|view| view.result)
}

fn key_of(arguments: &[u8]) -> Option<IndexerKey> {
    let value: serde_json::Value = serde_json::from_slice(arguments).ok()?;
    Some(IndexerKey::new(
        value.get("account_id")?.as_str()?,
        value.get("function_name")?.as_str()?,
    ))
}

fn answer(
    world: &mut World,
    name: &str,
    arguments: &[u8],
    method: Method,
    key: Option<&IndexerKey>,
    fault: &Option<RegistryRule>,
) -> Result<ViewAnswer, RegistryError> {
    if let Some(rule) = fault {
        world.counters.faults += 1;
        let about = key
            .or(rule.about.as_ref())
            .map_or("*".into(), ToString::to_string);
        let text = format!("{about}: {method:?} meets {:?}", rule.kind);
        world.record(Event::Fault { text });
        match rule.kind {
            RegistryFaultKind::Error => {
                return Err(RegistryError::Unavailable("injected: RPC error".to_owned()));
            }
            RegistryFaultKind::RateLimited => return Err(RegistryError::RateLimited),
            RegistryFaultKind::GasLimit => {
                return Err(RegistryError::Contract(
                    ViewError::GasLimitExceeded.to_string(),
                ));
            }
            _ => {}
        }
    }
    let mut lag = world.replicas.choose();
    if let Some(rule) = fault
        && rule.kind == RegistryFaultKind::Stale
    {
        lag = lag.max(rule.lag);
    }
    let first = world.chain.first_height();
    let height = world.chain.tip_at(world.now - lag).unwrap_or(first);
    let special = fault
        .as_ref()
        .and_then(|rule| doctored(world, rule, height));
    if let Some(result) = special {
        return Ok(ViewAnswer {
            result,
            block_height: height,
        });
    }
    match world.registry.view(name, arguments, ReadPoint::at(height)) {
        Ok(view) => Ok(ViewAnswer {
            result: view.result,
            block_height: view.block_height,
        }),
        Err(error) => Err(RegistryError::Contract(error.to_string())),
    }
}

/// A successful answer that does not say the truth.
fn doctored(world: &mut World, rule: &RegistryRule, height: u64) -> Option<Bytes> {
    match rule.kind {
        RegistryFaultKind::Null => return Some(Bytes::from_static(b"null")),
        RegistryFaultKind::Empty => return Some(Bytes::from_static(b"{}")),
        RegistryFaultKind::Undecodable | RegistryFaultKind::DropEntries => {}
        _ => return None,
    }
    // Which entries: the one named, else every second one.
    let keys: Vec<IndexerKey> = world
        .registry
        .records_at(height)
        .map(|(account, function, _)| IndexerKey::new(account, function))
        .collect();
    let chosen: Vec<IndexerKey> = match &rule.about {
        Some(key) => vec![key.clone()],
        None => keys.into_iter().step_by(2).collect(),
    };
    let garble = rule.kind == RegistryFaultKind::Undecodable;
    switch(world, &chosen, garble, true);
    let view = world
        .registry
        .view(LIST_METHOD, b"{}", ReadPoint::at(height));
    switch(world, &chosen, garble, false);
    view.ok().map(|view| view.result)
}

fn switch(world: &mut World, keys: &[IndexerKey], garble: bool, on: bool) {
    for key in keys {
        if garble {
            world
                .registry
                .undecodable(key.account(), key.function(), on);
        } else {
            world.registry.unlisted(key.account(), key.function(), on);
        }
    }
}
