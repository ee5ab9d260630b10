//! Single values, each of the right form, and what is wrong with them.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::config::file::open;
use crate::config::model::IdentityFiles;
use crate::config::source::{Gathered, located};
use crate::config::value::{self, HiddenUrl, Secret, Value};
use crate::config::{Origin, Problem};
use crate::settings::{self as set, Fallback, Setting};

/// Values of the right form, defaults included.
pub(super) struct Values {
    given: BTreeMap<&'static str, (Value, Origin)>,
    /// The folder of the configuration file.
    base: Option<PathBuf>,
    pub(super) problems: Vec<Problem>,
    pub(super) warnings: Vec<Problem>,
}

impl Values {
    pub(super) fn new(gathered: Gathered) -> Values {
        let mut problems = gathered.problems;
        let mut given = BTreeMap::new();
        for setting in set::all() {
            let (text, origin) = match (gathered.values.get(setting.name), setting.default) {
                (Some(value), _) => (value.text.as_str(), value.origin.clone()),
                (None, Fallback::Value(text)) => (text, Origin::Default),
                (None, _) => continue,
            };
            match value::parse(setting.kind, text) {
                Ok(value) => {
                    given.insert(setting.name, (value, origin));
                }
                Err(message) => problems.push(Problem::with_value(setting, &origin, message)),
            }
        }
        Values {
            given,
            base: gathered
                .file
                .as_deref()
                .and_then(Path::parent)
                .map(Path::to_owned),
            problems,
            warnings: gathered.warnings,
        }
    }

    /// Its value, or its default's.
    pub(super) fn get(&self, setting: &Setting) -> Option<&Value> {
        self.given.get(setting.name).map(|(value, _)| value)
    }

    pub(super) fn origin(&self, setting: &Setting) -> Origin {
        self.given
            .get(setting.name)
            .map_or(Origin::Default, |(_, origin)| origin.clone())
    }

    /// Whether anybody set it.
    pub(super) fn is_set(&self, setting: &Setting) -> bool {
        self.origin(setting) != Origin::Default
    }

    /// Whether it was set, be it to something unusable.
    pub(super) fn is_mentioned(&self, setting: &Setting) -> bool {
        self.is_set(setting) || self.problems.iter().any(|one| one.subject == setting.key())
    }

    pub(super) fn switch(&self, setting: &Setting) -> bool {
        matches!(self.get(setting), Some(Value::Bool(true)))
    }

    pub(super) fn count(&self, setting: &Setting) -> Option<u64> {
        match self.get(setting) {
            Some(Value::Count(number)) => Some(*number),
            _ => None,
        }
    }

    pub(super) fn port(&self, setting: &Setting) -> u16 {
        self.count(setting)
            .and_then(|number| u16::try_from(number).ok())
            .unwrap_or_default()
    }

    pub(super) fn duration(&self, setting: &Setting) -> Option<Duration> {
        match self.get(setting) {
            Some(Value::Duration(duration)) => Some(*duration),
            _ => None,
        }
    }

    pub(super) fn text(&self, setting: &Setting) -> Option<&str> {
        match self.get(setting) {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }

    pub(super) fn address(&self, setting: &Setting) -> Option<SocketAddr> {
        match self.get(setting) {
            Some(Value::Address(address)) => Some(*address),
            _ => None,
        }
    }

    pub(super) fn secret(&self, setting: &Setting) -> Option<Secret> {
        match self.get(setting) {
            Some(Value::Secret(secret)) => Some(secret.clone()),
            _ => None,
        }
    }

    pub(super) fn urls(&self, setting: &Setting) -> Vec<HiddenUrl> {
        match self.get(setting) {
            Some(Value::Urls(urls)) => urls.clone(),
            _ => Vec::new(),
        }
    }

    pub(super) fn url(&self, setting: &Setting) -> Option<HiddenUrl> {
        self.urls(setting).into_iter().next()
    }

    pub(super) fn path(&self, setting: &Setting) -> Option<PathBuf> {
        let (value, origin) = self.given.get(setting.name)?;
        let Value::Path(path) = value else {
            return None;
        };
        Some(located(path.to_str()?, origin, self.base.as_deref()))
    }

    /// A file or a folder, which need not be there yet.
    pub(super) fn file_or_folder(&mut self, setting: &Setting) -> Option<PathBuf> {
        let path = self.path(setting)?;
        match std::fs::metadata(&path) {
            Ok(metadata) if !metadata.is_dir() && !metadata.is_file() => self.file(setting),
            _ => Some(path),
        }
    }

    /// A file that must be readable.
    pub(super) fn file(&mut self, setting: &Setting) -> Option<PathBuf> {
        let path = self.path(setting)?;
        if let Err(why) = open(&path) {
            self.reject(setting, format!("the file {} {why}", path.display()));
        }
        Some(path)
    }

    pub(super) fn reject(&mut self, setting: &Setting, message: impl Into<String>) {
        let origin = self.origin(setting);
        let problem = match origin {
            Origin::Default => Problem::missing(setting, message),
            origin => Problem::with_value(setting, &origin, message),
        };
        self.problems.push(problem);
    }

    pub(super) fn require(&mut self, setting: &Setting) {
        if !self.is_mentioned(setting) {
            let message = format!("it is needed and not set: {}", setting.help);
            self.problems.push(Problem::missing(setting, message));
        }
    }

    pub(super) fn warn(&mut self, setting: &Setting, message: impl Into<String>) {
        let problem = Problem::elsewhere(setting.key(), message).at(self.origin(setting));
        self.warnings.push(problem);
    }

    /// Two settings that only make sense together.
    pub(super) fn pair(&mut self, cert: &Setting, key: &Setting) -> Option<IdentityFiles> {
        for (there, absent) in [(cert, key), (key, cert)] {
            if self.is_mentioned(there) && !self.is_mentioned(absent) {
                self.reject(there, format!("`{}` has to be set with it", absent.key()));
            }
        }
        let (cert, key) = (self.file(cert), self.file(key));
        Some(IdentityFiles {
            cert: cert?,
            key: key?,
        })
    }
}
