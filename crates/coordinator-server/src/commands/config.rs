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
    if let Err(message) = try_parts(&config).and_then(|()| try_registry(&config)) {
        console.talk(&message);
        return Exit::Config;
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

/// Whether all of the registry's file can be used, if it is one. The service starts
/// also if only a part of it can; whoever asks beforehand wants to know.
fn try_registry(config: &Config) -> Result<(), String> {
    let RegistryConfig::File(path) = &config.registry else {
        return Ok(());
    };
    let problems = registry_file::check(path, boot::now()).problems;
    if problems.is_empty() {
        return Ok(());
    }
    let lines = boot::registry_problems(&problems, path);
    Err(format!(
        "error: {}\n\nThe service would start with what can be read, and go on with what it read \
         of the rest before.\n",
        lines.join("\nerror: ")
    ))
}

fn talk_of_warnings(warnings: &[Problem], console: &mut Console<'_>) {
    for warning in warnings {
        console.talk(&format!("warning: {}\n", warning.one_line()));
    }
}
