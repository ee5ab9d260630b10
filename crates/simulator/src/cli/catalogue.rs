//! What can be done to the system.

use serde::Serialize;

use super::args::{Faults, Listing};
use super::exit::Exit;
use super::out::Out;
use super::table::{self, Tone, words};
use crate::report::SCHEMA_VERSION;
use crate::scenario::catalogue::{self, FaultFamily};

/// A family, for programs.
#[derive(Serialize)]
struct Line<'a> {
    schema_version: u32,
    #[serde(flatten)]
    family: &'a FaultFamily,
}

/// Lists the fault families.
pub fn faults(arguments: &Faults, out: &mut Out) -> Exit {
    match arguments.output {
        Listing::Markdown => out.data(catalogue::markdown().trim_end()),
        Listing::Table => {
            let row = |family: &FaultFamily| {
                let cells = [family.name, family.group.title(), family.summary];
                (Tone::Plain, cells.map(str::to_owned).to_vec())
            };
            let rows: Vec<_> = catalogue::families().map(row).collect();
            let columns = [words("fault"), words("of"), words("what happens")];
            out.data(&table::render(&columns, &rows, false));
            out.talk("`cargo sim explain NAME` tells more about one");
        }
        Listing::Json => {
            for family in catalogue::families() {
                let line = Line {
                    schema_version: SCHEMA_VERSION,
                    family,
                };
                match serde_json::to_string(&line) {
                    Ok(line) => out.data(&line),
                    Err(error) => {
                        out.error(&error.to_string());
                        return Exit::Harness;
                    }
                }
            }
        }
    }
    Exit::Passed
}
