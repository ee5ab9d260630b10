//! Compare-and-set that also keeps a set of the keys that have a value.

use futures_util::future::try_join_all;

use super::check::{applied, done, head, holds, members, refused, same, text};
use super::{Case, Outcome, Subject, list};
use coordinator::store::CasOutcome;

pub(super) const CASES: &[Case] = list![
    a_text_is_listed_exactly_while_it_is_there,
    a_conflict_leaves_the_list_alone,
    what_stays_the_same_is_listed_again,
    only_what_is_gone_is_taken_off_the_list,
    a_list_of_another_kind_stops_everything,
    list_and_text_change_in_one_moment,
];

type Change<'a> = (Option<&'a [u8]>, Option<&'a [u8]>);

/// A compare-and-set that keeps the list must be carried out.
async fn swapped(
    subject: &dyn Subject,
    (key, list): (&str, &str),
    (expected, new): Change<'_>,
    what: &str,
) -> Outcome {
    let list = Some(list);
    let got = subject
        .store()
        .compare_and_set(key, expected, new, list)
        .await;
    same(got, &CasOutcome::Applied, what)
}

fn names(prefix: &str) -> [String; 2] {
    ["k", "list"].map(|name| format!("{prefix}{name}"))
}

async fn a_text_is_listed_exactly_while_it_is_there(
    subject: &dyn Subject,
    prefix: &str,
) -> Outcome {
    let [key, list] = &names(prefix);
    let other = &format!("{prefix}other");
    swapped(subject, (other, list), (None, Some(b"o")), "another").await?;
    swapped(subject, (key, list), (None, Some(b"1")), "creating").await?;
    members(subject, list, &[key, other], "once created").await?;
    swapped(subject, (key, list), (Some(b"1"), Some(b"2")), "changing").await?;
    members(subject, list, &[key, other], "once changed").await?;
    swapped(subject, (key, list), (Some(b"2"), None), "deleting").await?;
    members(subject, list, &[other], "once deleted").await?;
    text(subject, key, None, "once deleted").await?;
    swapped(
        subject,
        (other, list),
        (Some(b"o"), None),
        "deleting the last",
    )
    .await?;
    members(subject, list, &[], "once all are deleted").await
}

async fn a_conflict_leaves_the_list_alone(subject: &dyn Subject, prefix: &str) -> Outcome {
    let [key, list] = &names(prefix);
    let store = subject.store();
    let got = store
        .compare_and_set(key, Some(b"1"), Some(b"2"), Some(list))
        .await;
    same(got, &CasOutcome::Conflict(None), "where nothing is")?;
    members(subject, list, &[], "after the first conflict").await?;
    swapped(subject, (key, list), (None, Some(b"1")), "creating").await?;
    let got = store
        .compare_and_set(key, Some(b"2"), None, Some(list))
        .await;
    let found = CasOutcome::Conflict(Some(b"1".as_slice().into()));
    same(got, &found, "where another is")?;
    members(subject, list, &[key], "after the second conflict").await?;
    text(subject, key, Some(b"1"), "after the second conflict").await
}

async fn what_stays_the_same_is_listed_again(subject: &dyn Subject, prefix: &str) -> Outcome {
    let [key, list] = &names(prefix);
    applied(subject, key, (None, Some(b"1")), "creating").await?;
    members(subject, list, &[], "without a list").await?;
    let same_text = (Some(b"1".as_slice()), Some(b"1".as_slice()));
    swapped(subject, (key, list), same_text, "writing the same").await?;
    members(subject, list, &[key], "listed again").await?;
    text(subject, key, Some(b"1"), "listed again").await
}

async fn only_what_is_gone_is_taken_off_the_list(subject: &dyn Subject, prefix: &str) -> Outcome {
    let [key, list] = &names(prefix);
    done(subject.store().set_add(list, key).await, "adding")?;
    swapped(subject, (key, list), (None, None), "unlisting").await?;
    members(subject, list, &[], "unlisted").await?;
    swapped(subject, (key, list), (None, None), "once more").await?;
    swapped(subject, (key, list), (None, Some(b"1")), "creating").await?;
    let got = subject
        .store()
        .compare_and_set(key, None, None, Some(list))
        .await;
    let found = CasOutcome::Conflict(Some(b"1".as_slice().into()));
    same(got, &found, "unlisting what is there")?;
    members(subject, list, &[key], "afterwards").await
}

async fn a_list_of_another_kind_stops_everything(subject: &dyn Subject, prefix: &str) -> Outcome {
    let [key, list] = &names(prefix);
    let (queue, store) = (&format!("{prefix}queue"), subject.store());
    applied(subject, list, (None, Some(b"a text")), "a text").await?;
    done(subject.queue_push(queue, 7).await, "a queue")?;
    for odd in [list, queue] {
        let got = store
            .compare_and_set(key, None, Some(b"1"), Some(odd))
            .await;
        refused(got, "creating")?;
        text(subject, key, None, "what could not be listed").await?;
        applied(subject, key, (None, Some(b"1")), "creating without").await?;
        for new in [Some(b"2".as_slice()), None] {
            let got = store.compare_and_set(key, Some(b"1"), new, Some(odd)).await;
            refused(got, "changing")?;
            text(subject, key, Some(b"1"), "what could not be listed").await?;
        }
        applied(subject, key, (Some(b"1"), None), "deleting without").await?;
    }
    text(subject, list, Some(b"a text"), "afterwards").await?;
    head(subject, queue, Some(7), "afterwards").await
}

async fn list_and_text_change_in_one_moment(subject: &dyn Subject, prefix: &str) -> Outcome {
    const ROUNDS: u32 = 30;
    let [key, list] = &names(prefix);
    // Whoever meets no text sees no name that was there before and after: the two
    // workers take turns, and each turn ends with both as they should be.
    let worker = async || -> Outcome {
        for _ in 0..ROUNDS {
            let store = subject.store();
            let made = store
                .compare_and_set(key, None, Some(b"1"), Some(list))
                .await
                .map_err(|error| format!("creating: {error}"))?;
            if made == CasOutcome::Applied {
                members(subject, list, &[key], "at once").await?;
                swapped(subject, (key, list), (Some(b"1"), None), "deleting").await?;
            }
        }
        Ok(())
    };
    try_join_all((0..4).map(|_| worker())).await?;
    let left = subject.store().set_members(list).await;
    holds(left == Ok(Vec::new()), || {
        format!("a name stayed without a text: {left:?}")
    })
}
