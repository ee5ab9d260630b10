//! What the coordinator tells while it cannot read its store.

use proto::coordinator::{Indexer, Recalled};

use crate::text;

/// The longest reason that is shown, in characters.
const WHY_WIDTH: usize = 200;

/// Whether it is not known if there is a record.
pub(crate) fn is_unread(indexer: &Indexer) -> bool {
    let recalled = indexer.recalled.as_ref();
    recalled.is_some_and(|recalled| recalled.age_seconds.is_none())
}

/// Whether nothing that its record says is known: nobody has read it, or nobody can.
pub(crate) fn is_record_unknown(indexer: &Indexer) -> bool {
    is_unread(indexer) || !indexer.unreadable.is_empty()
}

/// One line for whoever reads `indexers`, if some of them do not come from the store.
pub(crate) fn notice<'a>(indexers: impl IntoIterator<Item = &'a Indexer>) -> Option<String> {
    let (mut why, mut oldest) = (None, None);
    let (mut from_store, mut known, mut unread) = (0, 0, 0);
    for indexer in indexers {
        let Some(recalled) = &indexer.recalled else {
            from_store += 1;
            continue;
        };
        why.get_or_insert(&recalled.why);
        match recalled.age_seconds {
            Some(_) => known += 1,
            None => unread += 1,
        }
        oldest = oldest.max(recalled.age_seconds);
    }
    let mut line = away(why?);
    if let Some(age) = oldest {
        let what = match (from_store, unread) {
            (0, 0) => "this".to_owned(),
            _ => format!("of {} this", text::count(known, "indexer")),
        };
        line.push_str(&format!("; {what} is what the loops knew, {age} s ago"));
    }
    if unread > 0 {
        let count = text::count(unread, "indexer");
        line.push_str(&format!(
            "; of {count} the record was not read since the start: it is not known whether there \
             is one, and what is in it"
        ));
    }
    Some(line)
}

/// One line for whoever reads a list of which nobody shown says that the store is away:
/// who is not shown was chosen without it.
pub(crate) fn page_notice(recalled: &Recalled) -> String {
    let mut line = away(&recalled.why);
    line.push_str("; which indexers match goes by what the loops knew");
    if let Some(age) = recalled.age_seconds {
        line.push_str(&format!(", {age} s ago"));
    }
    line
}

fn away(why: &str) -> String {
    let why = text::sentence(why);
    format!(
        "the store cannot be reached ({})",
        text::clip(&why, WHY_WIDTH)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recalled(why: &str, age_seconds: Option<u64>) -> Indexer {
        Indexer {
            recalled: Some(Recalled {
                why: why.to_owned(),
                age_seconds,
            }),
            ..Indexer::default()
        }
    }

    #[test]
    fn the_oldest_age_is_told_and_what_nobody_knows() {
        assert_eq!(notice(&[Indexer::default()]), None);
        let both = [
            recalled("re\u{1b}fused", Some(3)),
            recalled("late", Some(40)),
        ];
        assert_eq!(
            notice(&both).unwrap(),
            "the store cannot be reached (re\\u{1b}fused); this is what the loops knew, 40 s ago"
        );
        let mixed = [
            Indexer::default(),
            recalled("late", Some(0)),
            recalled("late", None),
        ];
        assert_eq!(
            notice(&mixed).unwrap(),
            "the store cannot be reached (late); of 1 indexer this is what the loops knew, 0 s \
             ago; of 1 indexer the record was not read since the start: it is not known whether \
             there is one, and what is in it"
        );
        assert!(
            notice(&[recalled("x", None)])
                .unwrap()
                .contains("(x); of 1")
        );
    }
}
