//! docs/configuration.md says what the code does.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use coordinator_server::cli::sentence;
use coordinator_server::settings::{self, Fallback, Group, Setting};

const BEGIN: &str = "<!-- settings: begin -->\n";
const END: &str = "<!-- settings: end -->\n";

fn names(setting: &Setting) -> String {
    let mut names = format!("`{}`", setting.key());
    if setting.is_secret() {
        write!(names, "<br>`{}`", setting.file_name().replace('-', "_")).unwrap();
    }
    names
}

fn variables(setting: &Setting) -> String {
    let mut names = format!("`{}`", setting.env);
    if setting.is_secret() {
        write!(names, "<br>`{}`", setting.file_env()).unwrap();
    }
    names
}

fn fallback(setting: &Setting) -> String {
    match setting.default {
        Fallback::None => "none".to_owned(),
        Fallback::Value(value) => format!("`{value}`"),
        Fallback::Words(words) => words.to_owned(),
    }
}

fn tables() -> String {
    let mut text = String::new();
    for group in Group::ALL {
        writeln!(text, "### {}\n", group.title()).unwrap();
        text.push_str("| name | environment | what it is | value | default |\n");
        text.push_str("| --- | --- | --- | --- | --- |\n");
        for setting in settings::all().into_iter().filter(|one| one.group == group) {
            writeln!(
                text,
                "| {} | {} | {} | {} | {} |",
                names(setting),
                variables(setting),
                sentence(setting.help),
                setting.kind.describe(),
                fallback(setting)
            )
            .unwrap();
        }
        text.push('\n');
    }
    text
}

#[test]
fn the_document_lists_every_setting() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/configuration.md");
    let text = fs::read_to_string(&path).unwrap();
    let (before, rest) = text.split_once(BEGIN).expect("where the tables begin");
    let (within, after) = rest.split_once(END).expect("where the tables end");
    let expected = tables();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, format!("{before}{BEGIN}{expected}{END}{after}")).unwrap();
        return;
    }
    assert!(
        within == expected,
        "the tables of docs/configuration.md are old; UPDATE_GOLDEN=1 writes them anew"
    );
}
