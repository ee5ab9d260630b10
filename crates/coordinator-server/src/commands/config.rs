//! `config check` and `config print`.

use crate::boot;
use crate::cli::ConfigFormat;
use crate::commands::Console;
use crate::config::{self, Config, Loaded, Problem, RegistryConfig, Sources};
use crate::exit::Exit;

/// `config check`: whether the service would start, and with what.
pub fn check(sources: &Sources, console: &mut Console<'_>) -> Exit {
    let loaded = config::load(sources);
    let (config, warnings, _) = match loaded.into_config() {
        Ok(usable) => usable,
        Err(message) => {
            console.talk(&message);
            return Exit::Config;
        }
    };
    match (try_registry(&config), try_parts(&config)) {
        (Ok(()), Ok(())) => {}
        (registry, Err(parts)) => {
            if let Err(Unusable { lines, .. }) = registry {
                console.talk(&format!("error: {lines}\n\n"));
            }
            console.talk(&parts);
            return Exit::Config;
        }
        (Err(Unusable { lines, outlook }), Ok(())) => {
            console.talk(&format!("error: {lines}\n\n{outlook}\n"));
            return Exit::Config;
        }
    }
    let mut text = String::from("The configuration can be used.\n\n");
    for (what, how) in config.summary() {
        text.push_str(&format!("  {what:<16} {how}\n"));
    }
    talk_of_warnings(&warnings, console);
    console.data(&text)
}

/// `config print`: every setting, its value and its source. Prints what it can
/// if something is wrong.
pub fn print(sources: &Sources, format: ConfigFormat, console: &mut Console<'_>) -> Exit {
    let Loaded {
        config,
        problems,
        warnings,
        rows,
        ..
    } = config::load(sources);
    let written = match format {
        ConfigFormat::Toml => console.data(&config::toml(&rows)),
        ConfigFormat::Json => console.data(&config::json(&rows, &problems, &warnings)),
    };
    talk_of_warnings(&warnings, console);
    match config {
        Some(_) => written,
        None => {
            console.talk(&config::report(&problems));
            Exit::Config
        }
    }
}

/// Whether everything can be made that is made before the service runs.
fn try_parts(config: &Config) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("error: the parts cannot be tried: {error}\n"))?;
    let _guard = runtime.enter();
    match boot::prepare(config) {
        Ok(_) => Ok(()),
        Err(problems) => Err(config::report(&problems)),
    }
}

/// What is wrong with the registry's file, and what the service would do with it.
struct Unusable {
    lines: String,
    outlook: &'static str,
}

/// Whether all of the registry's file can be used, if it is one. The service starts
/// also if it cannot; whoever asks beforehand wants to know.
fn try_registry(config: &Config) -> Result<(), Unusable> {
    let RegistryConfig::File(path) = &config.registry else {
        return Ok(());
    };
    let checked = registry_file::check(path, boot::now());
    if checked.problems.is_empty() {
        return Ok(());
    }
    let lines = boot::registry_problems(&checked.problems, path);
    let outlook = match checked.indexers.is_empty() {
        true => {
            "The service would start, and be as without a registry until it can be read: it would \
             not be ready, and neither start nor delete anything."
        }
        false => {
            "The service would start with what can be read, and go on with what it read of the \
             rest before."
        }
    };
    let lines = lines.join("\nerror: ");
    Err(Unusable { lines, outlook })
}

fn talk_of_warnings(warnings: &[Problem], console: &mut Console<'_>) {
    for warning in warnings {
        console.talk(&format!("warning: {}\n", warning.one_line()));
    }
}
