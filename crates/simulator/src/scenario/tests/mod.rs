//! Tests of the language as a whole.

mod bad;
mod bad_limits;
mod bad_shape;
mod good;

use proptest::prelude::*;

use super::{Diagnostic, Scenario};

/// The mistakes in `text`, one a line, without the file's name.
fn mistakes(text: &str) -> String {
    let found = Scenario::parse("f", text).err().unwrap_or_default();
    let lines: Vec<String> = found
        .iter()
        .map(|mistake| {
            mistake
                .to_string()
                .trim_start_matches("f:")
                .replacen(" error:", "", 1)
        })
        .collect();
    lines.join("\n")
}

/// What every mistake must satisfy, whatever the text.
fn is_sound(mistakes: &[Diagnostic], text: &str) {
    assert!(!mistakes.is_empty());
    for mistake in mistakes {
        assert!(mistake.line >= 1 && mistake.line <= text.matches('\n').count() + 1);
        assert!(mistake.column >= 1);
        assert!(!mistake.message.is_empty());
        assert!(mistake.render(true).contains("error"));
        assert!(mistake.render(false).contains("error"));
    }
}

proptest! {
    #[test]
    fn arbitrary_text_never_panics(text in "\\PC{0,200}|[a-z\\[\\]={}\"'.\\n ]{0,200}") {
        if let Err(found) = Scenario::parse("f", &text) {
            is_sound(&found, &text);
        }
    }

    #[test]
    fn a_damaged_scenario_never_panics(
        from in 0usize..10_000,
        length in 0usize..60,
        patch in "[\\[\\]={}\"'.\\na0-9 \\-]{0,6}|nan|inf|\"9999y\"|-1|18446744073709551616",
    ) {
        let mut text = good::FULL.to_owned();
        let from = text.floor_char_boundary(from % text.len());
        let to = text.ceil_char_boundary(from + length);
        text.replace_range(from..to, &patch);
        if let Err(found) = Scenario::parse("f", &text) {
            is_sound(&found, &text);
        }
    }
}
