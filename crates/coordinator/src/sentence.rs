//! Sentences about bytes from outside: whoever wrote the bytes may have written
//! them for whoever reads the log.

/// The longest sentence, in bytes.
const LEN_MAX: usize = 300;

/// The beginning of `text`, in one line and without control characters.
pub(crate) fn sentence(text: &str) -> String {
    let end = text.floor_char_boundary(LEN_MAX);
    let printable = |c: char| if c.is_control() { ' ' } else { c };
    text.get(..end)
        .unwrap_or_default()
        .chars()
        .map(printable)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_is_short_and_fit_for_a_terminal() {
        assert_eq!(sentence("it is `\u{1b}[31m\n`"), "it is ` [31m `");
        let long = sentence(&"é".repeat(LEN_MAX));
        assert_eq!(long, "é".repeat(LEN_MAX / 2));
        assert_eq!(
            sentence(&format!("a{}", "é".repeat(LEN_MAX))).len(),
            LEN_MAX - 1
        );
    }
}
