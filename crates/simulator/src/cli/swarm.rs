//! Scenarios made from seeds: one of them looked at, or many run.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use super::Context;
use super::args::Swarm;
use super::exit::Exit;
use super::given::Given;
use super::{failure, many, one};
use crate::swarm::{PROFILES, Profile};

/// What one run is made of if nobody says so.
const USUAL: &str = "everything";

/// Does what `swarm` says.
pub fn run(arguments: &Swarm, context: &mut Context) -> Exit {
    match arguments.seed {
        Some(seed) => single(arguments, seed, context),
        None => several(arguments, context),
    }
}

fn several(arguments: &Swarm, context: &mut Context) -> Exit {
    let wanted = |profile: &&Profile| {
        arguments.profile.is_empty() || arguments.profile.iter().any(|name| name == profile.name)
    };
    let mut givens = Vec::new();
    for profile in PROFILES.iter().filter(wanted) {
        let given = Given::swarm(profile, arguments.set.clone());
        // A value that cannot be set is a mistake of whoever set it: every run
        // would only say so.
        if let Err(found) = given.load_for(arguments.start_seed) {
            context.out.diagnostics(&found);
            return Exit::Usage;
        }
        givens.push(Arc::new(given));
    }
    many::swarm(arguments, &givens, context)
}

fn single(arguments: &Swarm, seed: u64, context: &mut Context) -> Exit {
    let name = match arguments.profile.as_slice() {
        [] => USUAL,
        [name] => name,
        _ => {
            context
                .out
                .error("one run has one profile: name a single one beside --seed");
            return Exit::Usage;
        }
    };
    let Some(profile) = Profile::by_name(name) else {
        context.out.error(&format!("there is no profile `{name}`"));
        return Exit::Usage;
    };
    let given = Given::swarm(profile, arguments.set.clone());
    let text = match given.load_for(seed).and_then(|_| given.text(seed)) {
        Ok(text) => text.unwrap_or_default(),
        Err(found) => {
            context.out.diagnostics(&found);
            return Exit::Usage;
        }
    };
    if let Some(path) = &arguments.save {
        return save(path, &text, seed, context);
    }
    if arguments.print || !arguments.json {
        context.out.data(text.trim_end());
    }
    if arguments.print {
        return Exit::Passed;
    }
    if !arguments.json {
        context.out.data("");
    }
    let wanted = one::Wanted {
        seed,
        trace: arguments.trace,
        json: arguments.json,
        limit: arguments.pace.limit,
    };
    one::play(given, &wanted, context)
}

fn save(path: &Path, text: &str, seed: u64, context: &mut Context) -> Exit {
    let written = File::create_new(path).and_then(|mut file| file.write_all(text.as_bytes()));
    if let Err(error) = written {
        let path = path.display();
        context.out.error(&format!("cannot write {path}: {error}"));
        return Exit::Usage;
    }
    let name = failure::quoted(&path.display().to_string());
    context
        .out
        .talk(&format!("run it with\ncargo sim run {name} --seed {seed}"));
    Exit::Passed
}
