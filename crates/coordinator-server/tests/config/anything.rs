//! No value and no file, however odd, does more than cause a problem.

use coordinator_server::config::{self, Environment, Flags, Sources};
use coordinator_server::settings;
use proptest::prelude::*;

use crate::support::Folder;

/// Text near what is expected, and text that is not.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[a-z]{0,6}:?/{0,3}[a-z0-9.@:%\\[\\]#?,-]{0,20}",
        "-?[0-9]{0,25}(ms|s|m|h|d|y| )?",
        "[0-9.:\\[\\]]{0,24}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_value_is_used_or_refused(text in text()) {
        for setting in settings::all() {
            if let Err(message) = config::parse(setting.kind, &text) {
                prop_assert!(!message.is_empty());
                prop_assert!(!message.contains(|c: char| c.is_control()), "{:?}", message);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_file_is_used_or_refused(lines in prop::collection::vec(
        prop_oneof![any::<String>(), "[a-z_]{1,12} = [\"\\[{a-z0-9_.]{0,12}"], 0..6,
    )) {
        let folder = Folder::new();
        let path = folder.write("any.toml", &lines.join("\n"));
        let sources = Sources { config: Some(path), ..Sources::default() };
        prop_assert!(config::load(&sources).config.is_none());
    }

    #[test]
    fn any_environment_is_used_or_refused(texts in prop::collection::vec(text(), 60)) {
        let named = settings::all().into_iter().map(|setting| setting.env.to_owned());
        let without_nul = texts.into_iter().map(|text| text.replace('\0', "").into());
        let env: Environment = named.zip(without_nul).collect();
        let sources = Sources { flags: Flags::new(), config: None, env };
        let loaded = config::load(&sources);
        prop_assert_eq!(loaded.config.is_some(), loaded.problems.is_empty());
        let report = loaded.into_config().err().unwrap_or_default();
        prop_assert!(!report.contains(|c: char| c.is_control() && c != '\n'), "{:?}", report);
    }
}
