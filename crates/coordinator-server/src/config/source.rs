//! Collects what flags, environment and file say, and which of them wins.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::config::file::{self, FileValues, read_bounded};
use crate::config::problem::{closest, quoted};
use crate::config::{Given, Origin, Problem};
use crate::settings::{self, Kind, Setting};

/// The environment variable that names the configuration file.
pub const CONFIG_ENV: &str = "COORDINATOR_CONFIG";

/// The largest file with a secret, in bytes.
const SECRET_LEN_MAX: u64 = 64 << 10;

/// Names that belong to the command line of operators, not to the service.
const OTHERS: [&str; 7] = [
    CONFIG_ENV,
    "COORDINATOR_SERVER",
    "COORDINATOR_TOKEN_FILE",
    "COORDINATOR_CA",
    "COORDINATOR_CERT",
    "COORDINATOR_KEY",
    "COORDINATOR_REQUEST_TIMEOUT",
];

/// Environment variables by name. Empty ones count as not set, except where
/// presence alone matters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environment(BTreeMap<String, OsString>);

impl Environment {
    /// The environment of this process.
    #[must_use]
    pub fn of_process() -> Environment {
        std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
            .collect()
    }

    /// The value of `name`, empty or not.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&OsString> {
        self.0.get(name)
    }

    /// The path that `name` holds, if it holds one.
    #[must_use]
    pub fn path(&self, name: &str) -> Option<PathBuf> {
        self.get(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    }
}

impl FromIterator<(String, OsString)> for Environment {
    fn from_iter<I: IntoIterator<Item = (String, OsString)>>(pairs: I) -> Environment {
        Environment(pairs.into_iter().collect())
    }
}

/// Flags by the setting's name, or the name of its `-file` variant.
pub type Flags = BTreeMap<String, OsString>;

/// Everything from which a configuration is made.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// What the command line says.
    pub flags: Flags,
    /// The file that the command line names.
    pub config: Option<PathBuf>,
    /// What the environment says.
    pub env: Environment,
}

/// What was set, by the setting's name. A secret that is given by a file is
/// already read.
#[derive(Debug, Default)]
pub struct Gathered {
    /// The values that win.
    pub values: BTreeMap<&'static str, Given>,
    /// The configuration file.
    pub file: Option<PathBuf>,
    /// What is wrong.
    pub problems: Vec<Problem>,
    /// What had better be changed.
    pub warnings: Vec<Problem>,
}

impl Gathered {
    /// Collects everything from `sources`.
    #[must_use]
    pub fn new(sources: &Sources) -> Gathered {
        let path = sources
            .config
            .clone()
            .or_else(|| sources.env.path(CONFIG_ENV));
        let (file, problems) = match &path {
            Some(path) => file::read(path),
            None => (FileValues::default(), Vec::new()),
        };
        let mut gathered = Gathered {
            values: BTreeMap::new(),
            file: path,
            problems,
            warnings: strange_names(&sources.env),
        };
        for setting in settings::all() {
            if let Some(given) = gathered.pick(setting, sources, &file) {
                gathered.values.insert(setting.name, given);
            }
        }
        gathered
    }

    /// The value of `setting` from the first of the sources that has one.
    fn pick(
        &mut self,
        setting: &'static Setting,
        sources: &Sources,
        file: &FileValues,
    ) -> Option<Given> {
        let variant = setting.file_name();
        let levels = [
            (
                self.flag(setting, setting.name, sources),
                self.flag(setting, &variant, sources),
            ),
            (
                self.env(setting, setting.env, sources),
                self.env(setting, &setting.file_env(), sources),
            ),
            (
                file.values.get(setting.name).cloned(),
                file.values.get(&variant).cloned(),
            ),
        ];
        let base = file.path.as_deref().and_then(Path::parent);
        for (value, from_file) in levels {
            match (value, from_file.filter(|_| setting.is_secret())) {
                (None, None) => {}
                (Some(value), None) => return Some(value),
                (Some(value), Some(other)) => {
                    let message = format!("it is also given by {}; keep one", other.origin);
                    let problem = Problem::with_value(setting, &value.origin, message);
                    self.problems.push(problem);
                    return Some(value);
                }
                (None, Some(path)) => return self.read_secret(setting, path, base),
            }
        }
        None
    }

    fn flag(&mut self, setting: &Setting, name: &str, sources: &Sources) -> Option<Given> {
        let origin = Origin::Flag(format!("--{name}"));
        let value = sources.flags.get(name)?.clone();
        self.text(setting, value, origin)
    }

    fn env(&mut self, setting: &Setting, name: &str, sources: &Sources) -> Option<Given> {
        let origin = Origin::Env(name.to_owned());
        let value = sources.env.get(name)?.clone();
        if setting.kind == Kind::Presence {
            return Some(self.presence(setting, &value, origin));
        }
        if value.is_empty() {
            return None;
        }
        self.text(setting, value, origin)
    }

    /// The original looked only whether the variable was there.
    fn presence(&mut self, setting: &Setting, value: &OsString, origin: Origin) -> Given {
        let text = value.to_string_lossy();
        if ["false", "0", "no", "off"].contains(&text.to_ascii_lowercase().as_str()) {
            let message = format!(
                "it is on because the variable is there; {} does not turn it off, unset it",
                quoted(&text)
            );
            let problem = Problem::elsewhere(setting.key(), message).at(origin.clone());
            self.warnings.push(problem);
        }
        let text = "true".to_owned();
        Given { text, origin }
    }

    fn text(&mut self, setting: &Setting, value: OsString, origin: Origin) -> Option<Given> {
        match value.into_string() {
            Ok(text) => Some(Given { text, origin }),
            Err(_) => {
                let problem = Problem::with_value(setting, &origin, "it is not UTF-8 text");
                self.problems.push(problem);
                None
            }
        }
    }

    fn read_secret(
        &mut self,
        setting: &Setting,
        path: Given,
        base: Option<&Path>,
    ) -> Option<Given> {
        let origin = path.origin;
        let file = located(&path.text, &origin, base);
        let content = read_bounded(&file, SECRET_LEN_MAX).and_then(|text| {
            let line = text.trim_end_matches(['\r', '\n']);
            match line.is_empty() {
                true => Err("it is empty".to_owned()),
                false => Ok(line.to_owned()),
            }
        });
        match content {
            Ok(text) => Some(Given { text, origin }),
            Err(message) => {
                let message = format!("the file {}: {message}", file.display());
                self.problems
                    .push(Problem::with_value(setting, &origin, message));
                None
            }
        }
    }
}

/// Where the file named by `text` is: a name in the configuration file is
/// relative to the folder of that file, any other to the working folder.
#[must_use]
pub fn located(text: &str, origin: &Origin, base: Option<&Path>) -> PathBuf {
    match (origin, base) {
        (Origin::File { .. }, Some(base)) => base.join(text),
        _ => PathBuf::from(text),
    }
}

/// Variables that look like ours and mean nothing: they are mistyped.
fn strange_names(env: &Environment) -> Vec<Problem> {
    let mut known: Vec<String> = OTHERS.iter().map(|&name| name.to_owned()).collect();
    for setting in settings::all() {
        known.push(setting.env.to_owned());
        if setting.is_secret() {
            known.push(setting.file_env());
        }
    }
    env.0
        .keys()
        .filter(|name| name.starts_with("COORDINATOR_") && !known.contains(name))
        // Kubernetes sets these for a Service that is called `coordinator`.
        .filter(|name| !name.starts_with("COORDINATOR_SERVICE_"))
        .filter(|name| !name.starts_with("COORDINATOR_PORT"))
        .map(|name| {
            let hint = match closest(name, known.iter().map(String::as_str)) {
                Some(known) => format!("; did you mean {known}?"),
                None => String::new(),
            };
            let message = format!("it is set, but means nothing here{hint}");
            Problem::elsewhere(format!("{name} in the environment"), message)
        })
        .collect()
}
