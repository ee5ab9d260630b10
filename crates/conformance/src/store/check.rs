//! Comparing answers, and saying what differs.

use std::fmt::Debug;

use bytes::Bytes;
use coordinator::store::{CasOutcome, StoreError};

use super::{Outcome, Subject};

/// The most characters of an answer in a report.
const SHOWN_MAX: usize = 200;

type Answer<T> = Result<T, StoreError>;

fn shown(value: &impl Debug) -> String {
    let text = format!("{value:?}");
    match text.char_indices().nth(SHOWN_MAX) {
        Some((end, _)) => format!(
            "{}... ({} bytes)",
            text.get(..end).unwrap_or(""),
            text.len()
        ),
        None => text,
    }
}

/// The answer must be this one.
pub(super) fn same<T: PartialEq + Debug>(got: Answer<T>, expected: &T, what: &str) -> Outcome {
    match got {
        Ok(got) if got == *expected => Ok(()),
        other => Err(format!(
            "{what}: expected {}, got {}",
            shown(expected),
            shown(&other)
        )),
    }
}

/// The command must succeed.
pub(super) fn done(got: Answer<()>, what: &str) -> Outcome {
    same(got, &(), what)
}

/// The command must be refused, and not as a matter of reaching the store.
pub(super) fn refused<T: Debug>(got: Answer<T>, what: &str) -> Outcome {
    match got {
        Err(StoreError::Rejected(_)) => Ok(()),
        other => Err(format!("{what}: expected a refusal, got {}", shown(&other))),
    }
}

/// What must hold whatever the store answered.
pub(super) fn holds(condition: bool, what: impl FnOnce() -> String) -> Outcome {
    if condition { Ok(()) } else { Err(what()) }
}

/// One key's text must be this one.
pub(super) async fn text(
    subject: &dyn Subject,
    key: &str,
    expected: Option<&[u8]>,
    what: &str,
) -> Outcome {
    let got = subject.store().get_many(&[key.to_owned()]).await;
    same(got, &vec![expected.map(Bytes::copy_from_slice)], what)
}

/// The set must have exactly these members, in any order.
pub(super) async fn members(
    subject: &dyn Subject,
    key: &str,
    expected: &[&str],
    what: &str,
) -> Outcome {
    let got = subject.store().set_members(key).await.map(|mut members| {
        members.sort_unstable();
        members
    });
    let mut expected: Vec<String> = expected.iter().map(|&member| member.to_owned()).collect();
    expected.sort_unstable();
    same(got, &expected, what)
}

/// The queue must begin with this height.
pub(super) async fn head(
    subject: &dyn Subject,
    key: &str,
    expected: Option<u64>,
    what: &str,
) -> Outcome {
    same(subject.store().queue_head(key).await, &expected, what)
}

/// A compare-and-set must be carried out.
pub(super) async fn applied(
    subject: &dyn Subject,
    key: &str,
    (expected, new): (Option<&[u8]>, Option<&[u8]>),
    what: &str,
) -> Outcome {
    let got = subject
        .store()
        .compare_and_set(key, expected, new, None)
        .await;
    same(got, &CasOutcome::Applied, what)
}

/// A compare-and-set must meet `found` instead, and leave it alone.
pub(super) async fn conflict(
    subject: &dyn Subject,
    key: &str,
    (expected, new): (Option<&[u8]>, Option<&[u8]>),
    found: Option<&[u8]>,
    what: &str,
) -> Outcome {
    let got = subject
        .store()
        .compare_and_set(key, expected, new, None)
        .await;
    let meets = CasOutcome::Conflict(found.map(Bytes::copy_from_slice));
    same(got, &meets, what)?;
    text(subject, key, found, &format!("{what}, afterwards")).await
}

/// Something no key of these held before must now be absent in every respect.
pub(super) async fn absent(subject: &dyn Subject, key: &str, what: &str) -> Outcome {
    text(subject, key, None, &format!("{what}: its text")).await?;
    members(subject, key, &[], &format!("{what}: its members")).await?;
    head(subject, key, None, &format!("{what}: its oldest entry")).await
}
