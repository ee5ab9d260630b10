//! Commands to the simulated Redis.

use std::fmt::Debug;
use std::sync::{Arc, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use coordinator::store::{CasOutcome, StoreError, StoreTransport};
use coordinator::transport::CallError;
use sim_node::{IndexerKey, RedisError, Reply};
use sim_store::Cas;

use super::SimTransport;
use super::call::Meta;
use crate::history::{Event, Method};
use crate::original::Beyond;
use crate::scenario::StoreFaultKind;
use crate::world::World;

/// How the key of a cursor ends.
const CURSOR: &str = ":last_published_block";

fn key_of(name: &str) -> Option<IndexerKey> {
    ["state", "block_stream", "last_published_block"]
        .iter()
        .find_map(|suffix| name.strip_suffix(suffix)?.strip_suffix(':'))
        .and_then(IndexerKey::parse)
}

/// Whether queue and cursor go with these keys: a part of them is no clearing.
fn clears(keys: &[String]) -> bool {
    let ends = [":block_stream", CURSOR];
    (ends.iter()).all(|end| keys.iter().any(|key| key.ends_with(end)))
}

fn translate(error: RedisError) -> StoreError {
    match error {
        RedisError::Unavailable(text) => StoreError::Unavailable(text),
        RedisError::Refused(text) => StoreError::Rejected(text),
    }
}

impl SimTransport {
    /// A command with whatever befalls commands to the store.
    async fn command<R, F>(
        &self,
        method: Method,
        key: Option<IndexerKey>,
        work: F,
    ) -> Result<R, StoreError>
    where
        R: Debug + Send + 'static,
        F: Fn(&mut World) -> Result<R, RedisError> + Send + Sync + 'static,
    {
        let fault = self.befalls(method, key.as_ref());
        self.carry_out(method, key, fault, work).await
    }

    /// What befalls the next such command.
    fn befalls(&self, method: Method, key: Option<&IndexerKey>) -> Option<StoreFaultKind> {
        let mut guard = self.world.enter();
        let world = &mut *guard;
        let fault = world
            .armed
            .on_store(world.now, method, key, &mut world.rng_faults);
        if let Some(kind) = fault {
            world.counters.faults += 1;
            let about = key.map_or("*".into(), ToString::to_string);
            world.record(Event::Fault {
                text: format!("{about}: {method:?} meets {kind:?}"),
            });
        }
        fault
    }

    /// A command with a decided fate.
    async fn carry_out<R, F>(
        &self,
        method: Method,
        key: Option<IndexerKey>,
        fault: Option<StoreFaultKind>,
        work: F,
    ) -> Result<R, StoreError>
    where
        R: Debug + Send + 'static,
        F: Fn(&mut World) -> Result<R, RedisError> + Send + Sync + 'static,
    {
        if fault == Some(StoreFaultKind::ErrorBefore) {
            return Err(StoreError::Unavailable(
                "injected: nothing was done".to_owned(),
            ));
        }
        let probed = self.world.enter().probe(self.by, method, key.as_ref());
        let question = key.clone();
        let sent = self
            .send(Meta::new(method, key), probed.outcome, move |world| {
                let result = work(world);
                if world.records_reads() {
                    world.note_told(method, question.as_ref(), probed.nth, &result, None);
                }
                Reply::now(Ok(result))
            })
            .await;
        let result = match sent {
            Ok(result) => result.map_err(translate),
            Err(CallError {
                status,
                unsent: true,
            }) => Err(StoreError::Unavailable(status.message().to_owned())),
            Err(CallError {
                status,
                unsent: false,
            }) => Err(StoreError::Indefinite(status.message().to_owned())),
        };
        match fault {
            Some(StoreFaultKind::ErrorAfter) => Err(StoreError::Indefinite(
                "injected: it was done all the same".to_owned(),
            )),
            _ => result,
        }
    }

    /// `keys`, as something that a command can hold on to.
    fn shared_keys(&self, keys: &[String]) -> Arc<[String]> {
        let mut last = self
            .asked_keys
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if **last != *keys {
            *last = Arc::from(keys);
        }
        Arc::clone(&last)
    }
}

#[async_trait]
impl Beyond for SimTransport {
    /// To whoever watches this is a write like those of compare-and-set.
    async fn set(&self, key: &str, value: &[u8]) -> Result<(), StoreError> {
        let (name, value) = (key.to_owned(), Bytes::copy_from_slice(value));
        let method = Method::StoreCompareAndSet;
        let about = key_of(key);
        let fault = self.befalls(method, about.as_ref());
        self.carry_out(method, about, fault, move |world| {
            world.store.set(world.now, &name, value.clone())
        })
        .await
    }

    fn remark(&self, about: Option<IndexerKey>, text: String) {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if said.get(&about) != Some(&text) {
            said.insert(about.clone(), text.clone());
            drop(said);
            let event = Event::Remark { key: about, text };
            self.world.enter().record(event);
        }
    }
}

#[async_trait]
impl StoreTransport for SimTransport {
    async fn get_many(&self, keys: &[String]) -> Result<Vec<Option<Bytes>>, StoreError> {
        let about = match keys {
            [one] => key_of(one),
            _ => None,
        };
        let fault = self.befalls(Method::StoreGet, about.as_ref());
        // Whoever reads the cursor knows no more of the record than before.
        let record = about.filter(|_| keys.first().is_some_and(|key| key.ends_with(":state")));
        let keys = self.shared_keys(keys);
        self.carry_out(Method::StoreGet, record, fault, move |world| {
            let names: Vec<&str> = keys.iter().map(String::as_str).collect();
            world.store.get_many(world.now, &names)
        })
        .await
    }

    async fn compare_and_set(
        &self,
        key: &str,
        expected: Option<&[u8]>,
        new: Option<&[u8]>,
        list: Option<&str>,
    ) -> Result<CasOutcome, StoreError> {
        let about = key_of(key);
        let (name, expected, new, list) = (
            key.to_owned(),
            expected.map(<[u8]>::to_vec),
            new.map(Bytes::copy_from_slice),
            list.map(str::to_owned),
        );
        let method = Method::StoreCompareAndSet;
        let fault = self.befalls(method, about.as_ref());
        let conflict = fault == Some(StoreFaultKind::Conflict);
        let rival = fault == Some(StoreFaultKind::Rival);
        self.carry_out(method, about, fault, move |world| {
            let now = world.now;
            if conflict {
                return Ok(CasOutcome::Conflict(world.store.get(now, &name)?));
            }
            if rival {
                world.rival_writes(&name);
            }
            let cas = world.store.compare_and_set_listed(
                now,
                &name,
                expected.as_deref(),
                new.as_deref(),
                list.as_deref(),
            );
            match &cas {
                Ok(Cas::Applied) => world.note_write(true),
                Err(RedisError::Refused(_)) => world.note_write(false),
                _ => {}
            }
            Ok(match cas? {
                Cas::Applied => CasOutcome::Applied,
                Cas::Conflict(current) => CasOutcome::Conflict(current),
            })
        })
        .await
    }

    async fn delete(&self, keys: &[String]) -> Result<(), StoreError> {
        let about = keys.first().and_then(|key| key_of(key));
        let keys = keys.to_vec();
        let cleared = about.clone().filter(|_| clears(&keys));
        self.command(Method::StoreDelete, about, move |world| {
            let names: Vec<&str> = keys.iter().map(String::as_str).collect();
            world.store.delete(world.now, &names)?;
            if let Some(key) = cleared.clone() {
                let cursor = names.iter().any(|name| name.ends_with(CURSOR));
                world.record(match cursor {
                    true => Event::DataCleared { key },
                    false => Event::QueueCleared { key },
                });
            }
            Ok(())
        })
        .await
    }

    async fn delete_if(
        &self,
        guard: &str,
        expected: &[u8],
        keys: &[String],
    ) -> Result<CasOutcome, StoreError> {
        let about = key_of(guard);
        let (guard, expected, keys) = (guard.to_owned(), expected.to_vec(), keys.to_vec());
        let cleared = about.clone().filter(|_| clears(&keys));
        self.command(Method::StoreDelete, about, move |world| {
            let names: Vec<&str> = keys.iter().map(String::as_str).collect();
            let now = world.now;
            Ok(
                match world.store.delete_if(now, &guard, &expected, &names)? {
                    Cas::Applied => {
                        if let Some(key) = &cleared {
                            world.record(Event::DataCleared { key: key.clone() });
                        }
                        CasOutcome::Applied
                    }
                    Cas::Conflict(current) => CasOutcome::Conflict(current),
                },
            )
        })
        .await
    }

    async fn set_members(&self, key: &str) -> Result<Vec<String>, StoreError> {
        let name = key.to_owned();
        self.command(Method::StoreSetMembers, None, move |world| {
            let members = world.store.set_members(world.now, &name)?;
            Ok(members.iter().map(|member| member.to_string()).collect())
        })
        .await
    }

    async fn set_add(&self, key: &str, member: &str) -> Result<(), StoreError> {
        let (name, member) = (key.to_owned(), member.to_owned());
        self.command(Method::StoreSetAdd, key_of(&member), move |world| {
            world.store.set_add(world.now, &name, &member).map(|_| ())
        })
        .await
    }

    async fn set_remove(&self, key: &str, member: &str) -> Result<(), StoreError> {
        let (name, member) = (key.to_owned(), member.to_owned());
        self.command(Method::StoreSetRemove, key_of(&member), move |world| {
            world
                .store
                .set_remove(world.now, &name, &member)
                .map(|_| ())
        })
        .await
    }

    async fn queue_head(&self, key: &str) -> Result<Option<u64>, StoreError> {
        let name = key.to_owned();
        self.command(Method::StoreQueueHead, key_of(key), move |world| {
            world.store.queue_first(world.now, &name)
        })
        .await
    }
}
