//! The suite finds what is wrong: a model that passes, and the same with one
//! defect each.

use std::collections::BTreeMap;
use std::sync::Mutex;

use bytes::Bytes;
use coordinator::registry::{RegistryError, ViewAnswer};
use serde_json::{Map, Value, json};

use super::*;

/// A way to be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Defect {
    None,
    NullForTombstones,
    TombstonesListed,
    VersionStays,
    TombstoneStays,
    HeightMissing,
    HeightGoesBack,
    NamesTrimmed,
    UnknownMethodUnavailable,
    CodeCut,
    ListingCut,
    NullForAll,
}

#[derive(Default)]
struct Model {
    height: u64,
    reads: u64,
    entries: BTreeMap<(String, String), Value>,
}

struct Fake {
    defect: Defect,
    model: Mutex<Model>,
}

impl Fake {
    fn new(defect: Defect) -> Fake {
        let model = Mutex::new(Model {
            height: 100,
            ..Model::default()
        });
        Fake { defect, model }
    }

    fn name(&self, function: &str) -> String {
        match self.defect {
            Defect::NamesTrimmed => function.trim().to_owned(),
            _ => function.to_owned(),
        }
    }

    fn entry(&self, new: &Registration, old: Option<&Value>, height: u64) -> Value {
        let deleted = old.map_or(Value::Null, |old| old["deleted_at_block_height"].clone());
        let created = old.map_or(json!(height), |old| old["created_at_block_height"].clone());
        let updated = match (old, self.defect) {
            (None, _) | (_, Defect::VersionStays) => Value::Null,
            (Some(_), _) => json!(height),
        };
        let code = match self.defect {
            Defect::CodeCut => new.code.chars().take(1000).collect(),
            _ => new.code.clone(),
        };
        let rule = match &new.methods {
            None => json!({ "kind": "ACTION_ANY" }),
            Some(methods) => json!({ "kind": "ACTION_FUNCTION_CALL", "function": methods }),
        };
        let mut entry = json!({
            "code": code, "schema": new.schema, "rule": rule,
            "start_block": new.start_height.map_or(json!("LATEST"), |h| json!({ "HEIGHT": h })),
            "created_at_block_height": created, "updated_at_block_height": updated,
            "deleted_at_block_height":
                if self.defect == Defect::TombstoneStays { deleted } else { Value::Null },
        });
        entry["rule"]["affected_account_id"] = json!(new.affected);
        entry["rule"]["status"] = json!("ANY");
        entry
    }

    fn list(&self, model: &Model) -> Value {
        let mut accounts = Map::new();
        for ((account, function), entry) in &model.entries {
            let functions = accounts
                .entry(account.as_str())
                .or_insert_with(|| json!({}));
            let hidden = !entry["deleted_at_block_height"].is_null()
                && self.defect != Defect::TombstonesListed;
            let full = self.defect == Defect::ListingCut
                && functions.as_object().is_some_and(|all| all.len() == 5000);
            if !hidden && !full {
                functions[function] = entry.clone();
            }
        }
        Value::Object(accounts)
    }

    fn read(&self, model: &Model, arguments: &[u8]) -> Option<Value> {
        let arguments: Value = serde_json::from_slice(arguments).ok()?;
        let account = arguments.get("account_id")?.as_str()?;
        let function = self.name(arguments.get("function_name")?.as_str()?);
        let valid = account.len() > 1
            && !account.contains("..")
            && account
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '.');
        let entry = model.entries.get(&(account.to_owned(), function));
        valid.then(|| match (entry, self.defect) {
            (_, Defect::NullForAll) => Value::Null,
            (Some(entry), Defect::NullForTombstones)
                if !entry["deleted_at_block_height"].is_null() =>
            {
                Value::Null
            }
            (entry, _) => entry.cloned().unwrap_or_default(),
        })
    }
}

#[async_trait]
impl RegistryTransport for Fake {
    async fn view(&self, method: &str, arguments: &[u8]) -> Result<ViewAnswer, RegistryError> {
        let mut model = self.model.lock().unwrap();
        model.reads += 1;
        let panicked = || RegistryError::Contract("panicked".to_owned());
        let value = match method {
            "list_all" => self.list(&model),
            "read_indexer_function" => self.read(&model, arguments).ok_or_else(panicked)?,
            _ if self.defect == Defect::UnknownMethodUnavailable => {
                return Err(RegistryError::Unavailable("HTTP 404".to_owned()));
            }
            _ => return Err(panicked()),
        };
        Ok(ViewAnswer {
            result: Bytes::from(value.to_string()),
            block_height: match self.defect {
                Defect::HeightMissing => 0,
                Defect::HeightGoesBack => model.height - model.reads % 2,
                _ => model.height,
            },
        })
    }
}

#[async_trait]
impl Subject for Fake {
    fn registry(&self) -> &dyn RegistryTransport {
        self
    }

    async fn register(&self, registrations: &[Registration]) -> Result<(), String> {
        let mut model = self.model.lock().unwrap();
        for new in registrations {
            let key = (new.account.clone(), self.name(&new.function));
            let entry = self.entry(new, model.entries.get(&key), model.height);
            model.entries.insert(key, entry);
        }
        Ok(())
    }

    async fn delete(&self, account: &str, function: &str) -> Result<(), String> {
        let mut model = self.model.lock().unwrap();
        let height = model.height;
        let key = (account.to_owned(), self.name(function));
        let entry = model.entries.get_mut(&key).ok_or("there is none")?;
        entry["deleted_at_block_height"] = json!(height);
        Ok(())
    }

    async fn next_block(&self) -> Result<(), String> {
        self.model.lock().unwrap().height += 1;
        Ok(())
    }

    fn exempt(&self) -> &[(&'static str, &'static str)] {
        match self.defect {
            Defect::NamesTrimmed => &[("no_such_case", "to see it noticed")],
            _ => &[],
        }
    }
}

#[tokio::test]
async fn a_good_model_passes() {
    assert_eq!(run_all(&Fake::new(Defect::None)).await, []);
}

#[tokio::test]
async fn every_defect_is_found() {
    for (defect, case) in [
        (
            Defect::NullForTombstones,
            "what_is_deleted_is_unlisted_and_reads_as_a_tombstone",
        ),
        (
            Defect::TombstonesListed,
            "what_is_deleted_is_unlisted_and_reads_as_a_tombstone",
        ),
        (
            Defect::VersionStays,
            "a_change_makes_the_version_grow_and_keeps_the_creation",
        ),
        (
            Defect::TombstoneStays,
            "registering_again_clears_the_tombstone",
        ),
        (
            Defect::HeightMissing,
            "every_answer_has_a_height_and_heights_never_go_back",
        ),
        (
            Defect::HeightGoesBack,
            "every_answer_has_a_height_and_heights_never_go_back",
        ),
        (Defect::NamesTrimmed, "odd_names_are_kept_apart"),
        (Defect::NamesTrimmed, "no_such_case"),
        (
            Defect::UnknownMethodUnavailable,
            "an_unknown_method_fails_as_the_contract_does",
        ),
        (Defect::CodeCut, "a_mebibyte_of_code_arrives_whole"),
        (Defect::ListingCut, "ten_thousand_are_listed"),
        (
            Defect::NullForAll,
            "what_is_registered_is_listed_and_read_alike",
        ),
    ] {
        let failures = run_all(&Fake::new(defect)).await;
        let found = failures.iter().any(|failure| failure.case == case);
        assert!(found, "{defect:?}: {failures:#?}");
    }
}

#[test]
fn names_of_cases_are_unique() {
    let mut names: Vec<&str> = cases().map(|case| case.name).collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
}
