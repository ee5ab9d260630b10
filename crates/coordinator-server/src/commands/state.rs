//! `state export`, `state import`, `state check` and `state height`.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use coordinator::store::{
    MemoryStore, RecordStore, StoreError, StoreTransport, StoredHeight, keys,
};
use serde::Serialize;

use crate::boot::redis;
use crate::boot::stores::{self, Records};
use crate::cli::StateFormat;
use crate::commands::Console;
use crate::config::{self, Config, Sources, StoreConfig};
use crate::exit::Exit;
use crate::state::{self, Export, Finding, Form, Imported, Mode};
use crate::text::visible;

/// The most lines about single records.
const TOLD_MAX: usize = 20;

/// What is to be done with the records.
#[derive(Debug)]
pub enum StateCommand {
    /// Write them to a file.
    Export {
        /// The file to make; the output if it has no name.
        file: Option<PathBuf>,
        /// Whether the registry's height is written too.
        height: bool,
    },
    /// Read them from a file.
    Import(PathBuf, Mode),
    /// Say what they are fit for.
    Check(StateFormat),
    /// Say, or lower, the height of the registry that was acted upon.
    Height {
        /// Lower it to this; 0 removes it.
        lower_to: Option<u64>,
    },
}

/// Does it, on the store that the settings name.
pub fn state(sources: &Sources, command: &StateCommand, console: &mut Console<'_>) -> Exit {
    let config = match config::load(sources).into_config() {
        Ok((config, _, _)) => config,
        Err(message) => {
            console.talk(&message);
            return Exit::Config;
        }
    };
    // What is wrong with the file is said before the store is touched.
    let state = match command {
        StateCommand::Import(path, _) => match read(path) {
            Ok(state) => Some(state),
            Err(lines) => return told(console, &lines, Exit::Config),
        },
        _ => None,
    };
    let runtime = match tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return failed(console, &error.to_string(), Exit::Failed),
    };
    runtime.block_on(async {
        let target = match open(&config, command).await {
            Ok(target) => target,
            Err((why, exit)) => return failed(console, &why, exit),
        };
        let deadline = config.knobs.store_deadline;
        match (command, state) {
            (StateCommand::Export { file, height }, _) => {
                let export = state::export(Arc::clone(&target.store), deadline, &target.name);
                match export.await {
                    Ok(mut export) => {
                        export.state.registry_height.take_if(|_| !height);
                        saved(&export, file.as_deref(), console)
                    }
                    Err(error) => failed(console, &error.to_string(), Exit::Unavailable),
                }
            }
            (StateCommand::Import(path, mode), state) => {
                if target.shared && !mode.dry_run {
                    // A file is locked by who uses it, a Redis is not.
                    console.talk(
                        "warning: nothing tells whether a coordinator uses this Redis; there \
                         must be none during an import\n",
                    );
                }
                let state = state.unwrap_or_default();
                match state::import(target.store, deadline, &state, *mode).await {
                    Ok(imported) => report(path, *mode, &imported, console),
                    Err(error) => failed(console, &error.to_string(), Exit::Unavailable),
                }
            }
            (StateCommand::Height { lower_to }, _) => {
                let records = RecordStore::new(target.store, deadline);
                match height(&records, *lower_to, target.shared, console).await {
                    Ok((line, true)) => console.data(&line),
                    Ok((line, false)) => {
                        console.data(&line);
                        Exit::Failed
                    }
                    Err(error) => failed(console, &error.to_string(), Exit::Unavailable),
                }
            }
            (StateCommand::Check(format), _) => match state::check(target.store, deadline).await {
                Ok(findings) => findings_told(&findings, *format, console),
                Err(error) => failed(console, &error.to_string(), Exit::Unavailable),
            },
        }
    })
}

/// Says what the height is, or what it has become; and whether it can be read.
async fn height(
    records: &RecordStore,
    lower_to: Option<u64>,
    shared: bool,
    console: &mut Console<'_>,
) -> Result<(String, bool), StoreError> {
    let said = |height: &StoredHeight| match height {
        StoredHeight::Absent => {
            "no height is stored: a coordinator that starts believes the first answer".to_owned()
        }
        StoredHeight::At(height) => format!("the registry was acted upon as of block {height}"),
        StoredHeight::Unreadable(why) => format!(
            "the height under {} cannot be read: {}; a coordinator that starts believes the \
             first answer, and `--lower-to` replaces it",
            keys::REGISTRY_HEIGHT,
            visible(why.chars())
        ),
    };
    let Some(lowered) = lower_to else {
        let height = records.high_water().await?;
        return Ok((format!("{}\n", said(&height)), is_readable(&height)));
    };
    let (before, after) = records.lower_high_water(lowered).await?;
    if before == after {
        let why = "nothing was changed, since it is not above that";
        return Ok((format!("{}; {why}\n", said(&after)), true));
    }
    if shared {
        console.talk(
            "warning: a coordinator that runs on this Redis goes on with the height that it \
             began with; restart it\n",
        );
    }
    let before = match &before {
        StoredHeight::Unreadable(why) => format!("it could not be read: {}", visible(why.chars())),
        before => format!("it was {before}"),
    };
    Ok((format!("{}; {before}\n", said(&after)), true))
}

fn is_readable(height: &StoredHeight) -> bool {
    !matches!(height, StoredHeight::Unreadable(_))
}

fn failed(console: &mut Console<'_>, why: &str, exit: Exit) -> Exit {
    console.talk(&format!("error: {why}\n"));
    exit
}

fn told(console: &mut Console<'_>, lines: &[String], exit: Exit) -> Exit {
    for line in lines {
        console.talk(&format!("error: {line}\n"));
    }
    exit
}

/// The store that is worked on.
struct Target {
    store: Arc<dyn StoreTransport>,
    /// What it is called, without secrets.
    name: String,
    /// Whether others may use it at the same time.
    shared: bool,
}

/// The store of the settings. A file is only made if something goes into it.
async fn open(config: &Config, command: &StateCommand) -> Result<Target, (String, Exit)> {
    let mut name = String::new();
    if let StoreConfig::Embedded { dir, .. } = &config.store {
        let path = stores::file(dir);
        name = path.display().to_string();
        match command {
            _ if path.exists() => {}
            StateCommand::Import(_, Mode { dry_run: false, .. }) => {}
            // It would be made, and be empty.
            StateCommand::Import(..) => {
                return Ok(Target {
                    store: Arc::new(MemoryStore::new()),
                    name,
                    shared: false,
                });
            }
            _ => return Err((format!("there is no store at {name}"), Exit::Unavailable)),
        }
    }
    let deadline = config.knobs.store_deadline;
    let redis = redis(config.store.redis(), deadline)
        .map_err(|problem| (problem.one_line(), Exit::Config))?;
    let records = stores::records(&config.store, &redis, deadline)
        .await
        .map_err(|why| {
            let why = format!("the store cannot be opened: {why}");
            (why, Exit::Unavailable)
        })?;
    let shared = match &records {
        Records::Redis(redis) => {
            name = redis.endpoint().to_owned();
            true
        }
        Records::Embedded(_) => false,
    };
    Ok(Target {
        store: records.transport(),
        name,
        shared,
    })
}

fn saved(export: &Export, path: Option<&Path>, console: &mut Console<'_>) -> Exit {
    let written = match path {
        Some(path) => save(&export.state, path)
            .map_err(|error| format!("{} cannot be written: {error}", path.display())),
        None => state::write(&export.state, console.out)
            .map_err(|error| format!("the output cannot be written: {error}")),
    };
    if let Err(why) = written {
        return failed(console, &why, Exit::Failed);
    }
    for remark in export.remarks.iter().take(TOLD_MAX) {
        console.talk(&format!("warning: {remark}\n"));
    }
    further(export.remarks.len(), console);
    let records = export.state.records.len();
    console.talk(&format!(
        "{records} records were exported from {}\n",
        export.state.source
    ));
    Exit::Ok
}

/// Writes a file that did not exist; one that cannot be completed is removed.
fn save(state: &state::State, path: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    let file = options.open(path)?;
    let mut buffered = io::BufWriter::new(&file);
    let written = state::write(state, &mut buffered).and_then(|()| file.sync_all());
    if written.is_err() {
        // The failure itself is what has to be told.
        let _ = std::fs::remove_file(path);
    }
    written
}

fn read(path: &Path) -> Result<state::State, Vec<String>> {
    let name = path.display();
    let mut bytes = Vec::new();
    let mut limited: Box<dyn Read> = match path.as_os_str() == "-" {
        true => Box::new(io::stdin().take(state::FILE_LEN_MAX + 1)),
        false => match File::open(path) {
            Ok(file) => Box::new(file.take(state::FILE_LEN_MAX + 1)),
            Err(error) => return Err(vec![format!("{name} cannot be read: {error}")]),
        },
    };
    if let Err(error) = limited.read_to_end(&mut bytes) {
        return Err(vec![format!("{name} cannot be read: {error}")]);
    }
    if bytes.len() as u64 > state::FILE_LEN_MAX {
        let max = state::FILE_LEN_MAX;
        return Err(vec![format!("{name} has more than {max} bytes")]);
    }
    state::parse(&bytes).map_err(|mistakes| {
        let lines = mistakes.iter();
        lines
            .map(|mistake| format!("{name}:{}: {}", mistake.line, mistake.why))
            .collect()
    })
}

fn report(path: &Path, mode: Mode, imported: &Imported, console: &mut Console<'_>) -> Exit {
    let name = path.display();
    for refused in imported.refused.iter().take(TOLD_MAX) {
        console.talk(&format!(
            "error: {name}:{}: {}\n",
            refused.line, refused.why
        ));
    }
    further(imported.refused.len(), console);
    let Imported {
        written,
        replaced,
        same,
        ..
    } = imported;
    let (were, nothing) = match mode.dry_run {
        true => ("would be", ""),
        false => ("were", ", nothing was written"),
    };
    let mut text = format!(
        "{written} records {were} written, {replaced} of them in place of others; {same} were \
         there already"
    );
    if !imported.refused.is_empty() {
        let refused = imported.refused.len();
        let nothing = if *written == 0 { nothing } else { "" };
        text.push_str(&format!("; {refused} were refused{nothing}"));
    }
    if let Some(height) = imported.registry_height {
        text.push_str(&format!("; the registry's height is {height}"));
    }
    if let Some(why) = &imported.broken_off {
        console.talk(&format!("{text}\n"));
        let why = format!("broken off: {why}; repeat it, what is written is left alone");
        return failed(console, &why, Exit::Unavailable);
    }
    let exit = console.data(&format!("{text}\n"));
    match imported.is_complete() {
        true => exit,
        false => Exit::Failed,
    }
}

fn further(all: usize, console: &mut Console<'_>) {
    if all > TOLD_MAX {
        console.talk(&format!("and {} more\n", all - TOLD_MAX));
    }
}

#[derive(Serialize)]
struct Page<'a> {
    schema_version: u32,
    records: &'a [Finding],
}

fn findings_told(findings: &[Finding], format: StateFormat, console: &mut Console<'_>) -> Exit {
    let count = |form: Form| findings.iter().filter(|one| one.form == form).count();
    let text = match format {
        StateFormat::Json => {
            let page = Page {
                schema_version: 1,
                records: findings,
            };
            // Strings always have a JSON form.
            serde_json::to_string_pretty(&page).unwrap_or_default() + "\n"
        }
        StateFormat::Text => {
            let mut text = String::new();
            for finding in findings {
                let key = visible(finding.key.chars());
                let line = format!("{:<10}  {key}  {}", finding.form.word(), finding.why);
                text.push_str(line.trim_end());
                text.push('\n');
            }
            text
        }
    };
    let written = console.data(&text);
    let forms = [
        Form::Current,
        Form::Original,
        Form::Historical,
        Form::Unreadable,
    ];
    let counts = forms.map(|form| format!("{} {}", count(form), form.word()));
    console.talk(&format!(
        "{} records: {}\n",
        findings.len(),
        counts.join(", ")
    ));
    match count(Form::Unreadable) {
        0 => written,
        _ => Exit::Failed,
    }
}
