//! The registry of the obedient world.

use std::collections::BTreeMap;

use async_trait::async_trait;
use lifecycle::IndexerId;

use super::{Fault, World, pass};
use crate::registry::{RegistryError, RegistryTransport, ViewAnswer};

impl World {
    /// The registry answers as of `height` from now on, and goes on from there.
    pub(crate) fn set_height(&self, height: u64) {
        self.with(|state| state.height = height);
    }

    /// The registry answers, but what has changed cannot be heard because of `why`.
    pub(crate) fn set_unheard(&self, why: Option<&str>) {
        self.with(|state| state.unheard = why.map(str::to_owned));
    }

    /// Asked about `name` alone the registry says `entry`.
    pub(crate) fn answer(&self, name: &str, entry: &str) {
        self.with(|state| state.registry.insert(super::id(name), entry.to_owned()));
    }

    /// Lets `seconds` pass, with a block in each.
    pub(crate) async fn pass_with_blocks(&self, seconds: u64) {
        for _ in 0..seconds {
            self.with(|state| state.height += 1);
            pass(1).await;
        }
    }
}

#[async_trait]
impl RegistryTransport for World {
    async fn view(&self, method: &str, arguments: &[u8]) -> Result<ViewAnswer, RegistryError> {
        match self.call(method).await {
            None => {}
            Some(Fault::Lies) => return Err(RegistryError::Contract("out of gas".into())),
            Some(Fault::TooLarge) => return Err(RegistryError::TooLarge("65 MB".into())),
            Some(_) => return Err(RegistryError::Unavailable("fault".into())),
        }
        self.with(|state| {
            let result = if method == "list_all" {
                state
                    .listing
                    .clone()
                    .unwrap_or_else(|| listing(&state.registry))
            } else {
                let arguments: serde_json::Value = serde_json::from_slice(arguments).unwrap();
                let text = |name: &str| arguments[name].as_str().unwrap().to_owned();
                let id = IndexerId::new(&text("account_id"), &text("function_name")).unwrap();
                state
                    .registry
                    .get(&id)
                    .cloned()
                    .unwrap_or_else(|| "null".to_owned())
            };
            Ok(ViewAnswer {
                result: result.into(),
                block_height: state.height,
            })
        })
    }

    fn unheard(&self) -> Option<String> {
        self.with(|state| state.unheard.clone())
    }
}

pub(super) fn listing(registry: &BTreeMap<IndexerId, String>) -> String {
    let mut accounts: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (id, entry) in registry {
        if !entry.contains("deleted_at") {
            let named = format!("{:?}:{entry}", id.function());
            accounts.entry(id.account()).or_default().push(named);
        }
    }
    let accounts: Vec<String> = accounts
        .iter()
        .map(|(account, entries)| format!("{account:?}:{{{}}}", entries.join(",")))
        .collect();
    format!("{{{}}}", accounts.join(","))
}
