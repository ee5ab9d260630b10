//! Seeds as people give them.

/// The digits of a commit's hash in full.
const COMMIT_DIGITS: usize = 40;
/// The digits of it that make the seed.
const SEED_DIGITS: usize = 16;

/// Reads a seed: decimal, hexadecimal after `0x`, or a commit's full hash, of
/// which the first 16 digits count.
///
/// # Errors
/// It is none of them; says what was expected.
pub fn parse(text: &str) -> Result<u64, String> {
    let expected = || {
        format!(
            "`{text}` is no seed: expected a number up to {}, hexadecimal after 0x, or the 40 \
             digits of a commit",
            u64::MAX
        )
    };
    let is_commit =
        text.len() == COMMIT_DIGITS && text.chars().all(|digit| digit.is_ascii_hexdigit());
    let hexadecimal = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) => Some(digits),
        None if is_commit => text.get(..SEED_DIGITS),
        None => None,
    };
    let is_plain = |digits: &str| !digits.is_empty() && !digits.starts_with(['+', '-']);
    match hexadecimal {
        Some(digits) if is_plain(digits) => u64::from_str_radix(digits, 16).ok(),
        Some(_) => None,
        None if is_plain(text) => text.parse().ok(),
        None => None,
    }
    .ok_or_else(expected)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_come_in_three_forms() {
        assert_eq!(parse("0"), Ok(0));
        assert_eq!(parse("18446744073709551615"), Ok(u64::MAX));
        assert_eq!(parse("0x10"), Ok(16));
        assert_eq!(parse("0XfF"), Ok(255));
        assert_eq!(parse("00000000000000ff0123456789012345678901ab"), Ok(255));
        assert_eq!(
            parse("ffffffffffffffff000000000000000000000000"),
            Ok(u64::MAX)
        );
    }

    #[test]
    fn what_is_no_seed_is_refused_with_what_was_expected() {
        for text in [
            "",
            "-1",
            "+1",
            "1.5",
            "ff",
            "0x",
            "0x-1",
            "0x10000000000000000",
            "18446744073709551616",
            "00000000000000ff0123456789012345678901a",
            "g0000000000000ff0123456789012345678901ab",
        ] {
            let error = parse(text).expect_err(text);
            assert!(error.contains("expected a number"), "{error}");
        }
    }
}
