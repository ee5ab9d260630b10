//! Wildcards by another hand than the product's, to compare with.

/// Whether `pattern` fits the whole of `text`: `*` stands for any text, `?` for
/// one character. Table by table, with no cleverness to be wrong about.
pub(crate) fn fits(pattern: &str, text: &str) -> bool {
    let text: Vec<char> = text.chars().collect();
    // reachable[n]: what was read of the pattern fits the first n characters.
    let mut reachable = vec![false; text.len() + 1];
    if let Some(first) = reachable.first_mut() {
        *first = true;
    }
    for part in pattern.chars() {
        let mut next = vec![false; text.len() + 1];
        let mut before = false;
        for (at, place) in next.iter_mut().enumerate() {
            let here = reachable.get(at).copied().unwrap_or_default();
            let from = at.checked_sub(1);
            let one_less = from.and_then(|from| reachable.get(from)).copied();
            let one_less = one_less.unwrap_or_default();
            let read = from.and_then(|from| text.get(from)).copied();
            *place = match part {
                '*' => here || before,
                '?' => one_less,
                letter => one_less && read == Some(letter),
            };
            before = *place;
        }
        reachable = next;
    }
    reachable.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn wildcards_mean_what_they_should() {
        for (pattern, text, expected) in [
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
            ("a*b", "ab", true),
            ("a*b", "axxb", true),
            ("a*b", "axxc", false),
            ("?", "ü", true),
            ("?", "", false),
            ("*?*", "", false),
            ("a?c*", "abcd", true),
            ("abc", "abd", false),
        ] {
            assert_eq!(fits(pattern, text), expected, "{pattern} {text}");
        }
    }
}
