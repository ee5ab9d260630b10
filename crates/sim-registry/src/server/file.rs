//! A registry file that is followed: what is edited there is registered and
//! deleted here.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::host::{Host, Inner};
use super::human::{self, Named};
use crate::{Entry, MAX_FILE_BYTES, parse};

/// Time between two looks at the file.
const PAUSE: Duration = Duration::from_millis(200);

/// A registry file, and what was last taken over from it.
#[derive(Debug)]
pub struct Watched {
    path: PathBuf,
    text: Option<String>,
}

impl Watched {
    /// The file at `path`: the contract's JSON if its name ends in `.json`, else
    /// TOML.
    pub fn new(path: PathBuf) -> Watched {
        Watched { path, text: None }
    }

    /// Takes over what has changed. Entries of the file are registered if they
    /// differ from what is there; what is registered and not in the file is
    /// deleted. A file that cannot be read changes nothing.
    ///
    /// # Errors
    /// What is wrong with the file, with its name.
    pub fn apply(&mut self, host: &Host) -> Result<(), String> {
        let result = self.changed().and_then(|changed| match changed {
            Some(text) => {
                let content = Content::parse(&self.path, &text)?;
                content.apply(&mut host.lock())?;
                self.text = Some(text);
                Ok(())
            }
            None => Ok(()),
        });
        host.lock().file_error = result.as_ref().err().cloned();
        result
    }

    /// The file's text, if it is another than before.
    fn changed(&self) -> Result<Option<String>, String> {
        let shown = self.path.display();
        let problem = |error: std::io::Error| format!("{shown}: {error}");
        if std::fs::metadata(&self.path).map_err(problem)?.len() > MAX_FILE_BYTES {
            return Err(format!("{shown}: it has more than {MAX_FILE_BYTES} bytes"));
        }
        let text = std::fs::read_to_string(&self.path).map_err(problem)?;
        Ok((self.text.as_ref() != Some(&text)).then_some(text))
    }
}

enum Content {
    /// With the contract's heights.
    Dump(Vec<Entry>),
    Human(Vec<Named>),
}

impl Content {
    fn parse(path: &Path, text: &str) -> Result<Content, String> {
        let name = path.display().to_string();
        if path.extension().is_some_and(|kind| kind == "json") {
            let entries = parse(&name, text).map_err(|error| error.to_string())?;
            return Ok(Content::Dump(entries));
        }
        let entries = human::parse(text).map_err(|error| format!("{name}: {error}"))?;
        Ok(Content::Human(entries))
    }

    fn apply(self, inner: &mut Inner) -> Result<(), String> {
        let height = inner.height();
        let model = &mut inner.model;
        let fresh = model.records_at(height).next().is_none();
        let wanted = match self {
            // A dump is the state of a registry that has a past.
            Content::Dump(entries) if fresh => {
                model.restore(entries);
                return Ok(());
            }
            Content::Dump(entries) => entries
                .into_iter()
                .filter(|entry| !entry.record.is_deleted())
                .map(|entry| (entry.account, entry.function, entry.record.registration))
                .collect(),
            Content::Human(wanted) => wanted,
        };
        let mut gone: BTreeSet<(String, String)> = model
            .records_at(height)
            .filter(|(_, _, record)| !record.is_deleted())
            .map(|(account, function, _)| (account.to_owned(), function.to_owned()))
            .collect();
        for (account, function, registration) in wanted {
            let kept = gone.remove(&(account.clone(), function.clone()));
            let same = model
                .record_at(&account, &function, height)
                .is_some_and(|record| record.registration == registration);
            if kept && same {
                continue;
            }
            model
                .register(&account, &function, registration, height)
                .map_err(|error| format!("{account}/{function}: {error}"))?;
        }
        for (account, function) in gone {
            // It was listed a moment ago, so it can be removed.
            let _removed = model.remove(&account, &function, height);
        }
        Ok(())
    }
}

/// Follows the file for as long as the future is polled; `report` gets each new
/// error once.
pub async fn watch(mut file: Watched, host: Arc<Host>, mut report: impl FnMut(&str)) {
    let mut last = None;
    loop {
        real_tokio::time::sleep(PAUSE).await;
        let error = file.apply(&host).err();
        if error != last {
            if let Some(error) = &error {
                report(error);
            }
            last = error;
        }
    }
}
