//! "Did you mean": the nearest of some known names.

/// The candidate that `word` was probably meant to be, if any is near.
pub(super) fn nearest<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    nearest_few(word, candidates, 1).pop()
}

/// Up to `most` candidates that `word` may have been meant to be, the nearest first.
pub fn nearest_few<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
    most: usize,
) -> Vec<&'a str> {
    // A third of the letters may be wrong, and two always.
    let tolerated = (word.chars().count() / 3).max(2);
    let mut near: Vec<_> = candidates
        .into_iter()
        .map(|candidate| (distance(word, candidate), candidate))
        .filter(|(distance, candidate)| {
            *distance <= tolerated && *distance < candidate.chars().count()
        })
        .collect();
    near.sort_by_key(|(distance, _)| *distance);
    near.into_iter()
        .map(|(_, candidate)| candidate)
        .take(most)
        .collect()
}

/// The number of letters to insert, remove or replace to turn `a` into `b`.
fn distance(a: &str, b: &str) -> usize {
    // Names are short; absurdly long words are near to nothing.
    if a.len() > 200 || b.len() > 200 {
        return usize::MAX;
    }
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        let mut next = vec![left];
        for (to, above) in b.iter().zip(row.iter().skip(1)) {
            let cost = usize::from(from != *to);
            left = (diagonal + cost).min(above + 1).min(left + 1);
            diagonal = *above;
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_edits() {
        let cases = [
            ("", "", 0),
            ("a", "", 1),
            ("kitten", "sitting", 3),
            ("kill", "kil", 1),
        ];
        for (a, b, expected) in cases {
            assert_eq!(distance(a, b), expected, "{a} {b}");
            assert_eq!(distance(b, a), expected, "{b} {a}");
        }
    }

    #[test]
    fn finds_near_names_only() {
        let names = ["coordinator", "block_streamer", "runner", "store"];
        assert_eq!(nearest("blockstreamer", names), Some("block_streamer"));
        assert_eq!(nearest("runer", names), Some("runner"));
        assert_eq!(nearest("zebra", names), None);
        assert_eq!(nearest("", names), None);
        let bugs = ["lost-start", "late-start", "last-start", "nothing"];
        let few = nearest_few("lost-starts", bugs, 2);
        assert_eq!(few, ["lost-start", "last-start"]);
    }
}
