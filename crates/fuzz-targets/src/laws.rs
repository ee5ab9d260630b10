//! Laws that several readers keep.

/// The longest sentence about something that is wrong, in bytes. Readers have
/// bounds of their own, this one is for all of them: a log line, not a page.
pub(crate) const SENTENCE_LEN_MAX: usize = 4096;

/// A sentence for people is there, and is no longer than a sentence.
#[track_caller]
pub(crate) fn sentence(text: &str) {
    assert!(
        !text.trim().is_empty(),
        "something is wrong, and nobody says what"
    );
    assert!(
        text.len() <= SENTENCE_LEN_MAX,
        "a sentence has {} bytes: {}...",
        text.len(),
        text.chars().take(200).collect::<String>()
    );
}

/// A sentence that may stand in a log.
#[track_caller]
pub(crate) fn told(text: &str) {
    sentence(text);
    printable(text);
}

/// A text may go to a terminal: it holds no control character but line ends.
#[track_caller]
pub(crate) fn printable(text: &str) {
    assert!(
        !text.contains(|c: char| c.is_control() && c != '\n'),
        "control characters reach a terminal: {text:?}"
    );
}

/// A place that is told lies within the bytes, or one line behind their end.
#[track_caller]
pub(crate) fn line_within(line: usize, bytes: &[u8]) {
    let lines = bytes.iter().filter(|byte| **byte == b'\n').count() + 1;
    assert!(line <= lines, "line {line} of {lines}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic(expected = "nobody says what")]
    fn silence_breaks_the_law() {
        told(" \n");
    }

    #[test]
    #[should_panic(expected = "a sentence has 4097 bytes")]
    fn a_page_breaks_the_law() {
        told(&"x".repeat(SENTENCE_LEN_MAX + 1));
    }

    #[test]
    #[should_panic(expected = "control characters")]
    fn an_escape_breaks_the_law() {
        told("\u{1b}[31m");
    }

    #[test]
    #[should_panic(expected = "line 3 of 2")]
    fn a_place_behind_the_end_breaks_the_law() {
        line_within(3, b"a\nb");
    }

    #[test]
    fn a_line_of_plain_words_keeps_the_laws() {
        told("line 2: it takes three words");
        line_within(2, b"a\nb");
    }
}
