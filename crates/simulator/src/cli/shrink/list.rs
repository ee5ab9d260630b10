//! Leaving out what is not needed of a list: delta debugging.

/// Candidates, the most daring first; taken one by one, maybe by several threads.
pub type Candidates<'a, T> = &'a mut (dyn Iterator<Item = T> + Send);

/// Leaves out of `items` whatever can go while what is left still fails: halves
/// first, then smaller and smaller pieces down to `smallest`; if that is 1, until
/// none can go by itself any more. `first_failing` says which of several candidates is the first
/// that still fails; none does once there is no time left.
pub fn minimal<T: Clone + Send + Sync>(
    mut items: Vec<T>,
    smallest: usize,
    mut first_failing: impl FnMut(Candidates<'_, Vec<T>>) -> Option<usize>,
) -> Vec<T> {
    let mut piece = items.len();
    while piece >= smallest.max(1) && !items.is_empty() {
        let mut from = 0;
        let mut shorter = false;
        while from < items.len() {
            let whole = &items;
            let mut candidates = (from..whole.len()).step_by(piece).map(|at| {
                let (before, rest) = whole.split_at(at);
                let after = rest.iter().skip(piece);
                before.iter().chain(after).cloned().collect::<Vec<T>>()
            });
            let Some(number) = first_failing(&mut candidates) else {
                break;
            };
            from += number * piece;
            let to = (from + piece).min(items.len());
            items.drain(from.min(to)..to);
            shorter = true;
        }
        piece = match piece {
            1 if shorter => 1,
            _ => piece / 2,
        };
    }
    items
}

/// Values below `value` that are worth a try, the lowest first.
pub fn lower(value: u64) -> Vec<u64> {
    let mut found = vec![0, 1, value / 64, value / 8, value / 2, value - value / 4];
    found.retain(|one| *one < value);
    found.sort_unstable();
    found.dedup();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Minimizes, and counts how often it is asked.
    fn shrink(items: Vec<u32>, fails: impl Fn(&[u32]) -> bool) -> (Vec<u32>, usize) {
        let mut asked = 0;
        let found = minimal(items, 1, |candidates| {
            let found = candidates.enumerate().find(|(_, candidate)| {
                asked += 1;
                fails(candidate)
            });
            found.map(|(number, _)| number)
        });
        (found, asked)
    }

    #[test]
    fn only_what_is_needed_is_left() {
        let needs = |wanted: &'static [u32]| {
            move |items: &[u32]| wanted.iter().all(|one| items.contains(one))
        };
        for wanted in [&[][..], &[0], &[99], &[17, 18], &[3, 50, 98]] {
            let (found, asked) = shrink((0..100).collect(), needs(wanted));
            assert_eq!(found, wanted);
            assert!(asked < 120, "{wanted:?}: {asked} runs");
        }
        assert_eq!(shrink(Vec::new(), |_| true).0, Vec::<u32>::new());
        assert_eq!(shrink(vec![7], |_| false).0, [7]);
    }

    #[test]
    fn nothing_that_is_left_can_go_alone() {
        // Which ones can go depends on which others are there.
        let fails = |items: &[u32]| {
            let sum: u32 = items.iter().sum();
            sum >= 200 && (items.contains(&3) || items.len() > 20)
        };
        let (found, _) = shrink((0..60).collect(), fails);
        assert!(fails(&found));
        for gone in 0..found.len() {
            let mut fewer = found.clone();
            fewer.remove(gone);
            assert!(!fails(&fewer), "{found:?} does not need {gone}");
        }
    }

    #[test]
    fn a_first_look_takes_large_pieces_only() {
        let mut asked = 0;
        let found = minimal((0..100).collect(), 25, |candidates| {
            let found = candidates.enumerate().find(|(_, candidate)| {
                asked += 1;
                candidate.contains(&30)
            });
            found.map(|(number, _)| number)
        });
        assert_eq!(found, (25..50).collect::<Vec<u32>>());
        assert!(asked < 10, "{asked}");
    }

    #[test]
    fn out_of_time_everything_stays() {
        let items: Vec<u32> = (0..9).collect();
        assert_eq!(minimal(items.clone(), 1, |_| None), items);
    }

    #[test]
    fn lower_values_end_below() {
        assert!(lower(0).is_empty());
        assert_eq!(lower(1), [0]);
        assert_eq!(lower(100), [0, 1, 12, 50, 75]);
        // Whatever fails from some value on is found in the end.
        let mut value = 1_000_000;
        while let Some(next) = lower(value).into_iter().find(|one| *one >= 12_345) {
            value = next;
        }
        assert!((12_345..16_461).contains(&value), "{value}");
    }
}
