//! The files through everything a registry must do.

use std::collections::BTreeMap;
use std::sync::Mutex;

use async_trait::async_trait;
use conformance::registry::{Registration, Subject, run_all};
use coordinator::registry::RegistryTransport;
use registry_file::FileRegistry;
use serde_json::Value;

use crate::desk::Desk;

/// Somebody who keeps one file as it should be.
struct Edited {
    desk: Desk,
    registry: FileRegistry,
    wanted: Mutex<BTreeMap<(String, String), Registration>>,
}

/// A TOML text; JSON escapes all but one of the characters that TOML must.
fn quoted(text: &str) -> String {
    Value::from(text).to_string().replace('\u{7f}', "\\u007f")
}

fn written(new: &Registration) -> String {
    let rule = match &new.methods {
        None => format!("{{ any = {} }}", quoted(&new.affected)),
        Some(methods) => format!(
            "{{ call = {}, function = {} }}",
            quoted(&new.affected),
            quoted(methods)
        ),
    };
    let start = new
        .start_height
        .map_or("\"LATEST\"".to_owned(), |height| height.to_string());
    format!(
        "[[indexer]]\naccount = {}\nfunction = {}\nstart = {start}\nrule = {rule}\n\
         code = {}\nschema = {}\n\n",
        quoted(&new.account),
        quoted(&new.function),
        quoted(&new.code),
        quoted(&new.schema)
    )
}

impl Edited {
    fn write(&self) {
        let wanted = self.wanted.lock().unwrap();
        let mut text = String::from("[chain]\nheight = 100\n\n");
        text.extend(wanted.values().map(written));
        if wanted.is_empty() {
            text.insert_str(0, "indexer = []\n");
        }
        // As an editor does that is careful.
        self.desk.write("new", &text);
        std::fs::rename(self.desk.path("new"), self.desk.path("registry.toml")).unwrap();
    }
}

#[async_trait]
impl Subject for Edited {
    fn registry(&self) -> &dyn RegistryTransport {
        &self.registry
    }

    async fn register(&self, registrations: &[Registration]) -> Result<(), String> {
        for new in registrations {
            let key = (new.account.clone(), new.function.clone());
            self.wanted.lock().unwrap().insert(key, new.clone());
        }
        self.write();
        Ok(())
    }

    async fn delete(&self, account: &str, function: &str) -> Result<(), String> {
        let key = (account.to_owned(), function.to_owned());
        // A file remembers what it has been seen with.
        self.registry
            .view("list_all", b"{}")
            .await
            .map_err(|error| error.to_string())?;
        self.wanted.lock().unwrap().remove(&key);
        self.write();
        let looked = self.registry.view("list_all", b"{}").await;
        looked.map(|_| ()).map_err(|error| error.to_string())
    }

    async fn next_block(&self) -> Result<(), String> {
        self.desk.pass(1);
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_files_conform() {
    let desk = Desk::new();
    let edited = Edited {
        registry: desk.open("registry.toml"),
        desk,
        wanted: Mutex::default(),
    };
    edited.write();
    let failures = run_all(&edited).await;
    assert!(failures.is_empty(), "{failures:#?}");
}
