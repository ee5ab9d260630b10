//! Text that is fit for answers and logs.

/// `text` in at most about `most` bytes; what is cut off is marked.
pub(crate) fn clipped(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    let end = text.floor_char_boundary(most);
    format!("{}…", text.get(..end).unwrap_or_default())
}

/// As [`clipped`], and what could steer a terminal is escaped.
pub(crate) fn printable(text: &str, most: usize) -> String {
    let mut shown = String::new();
    for character in clipped(text, most).chars() {
        if character.is_control() {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_long_is_cut_between_characters() {
        assert_eq!(clipped("abc", 3), "abc");
        assert_eq!(clipped("abcd", 3), "abc…");
        assert_eq!(clipped("aä", 2), "a…");
    }

    #[test]
    fn control_characters_are_escaped() {
        assert_eq!(printable("a\u{1b}[1m\nä", 20), "a\\u{1b}[1m\\nä");
    }
}
