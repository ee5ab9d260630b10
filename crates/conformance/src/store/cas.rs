//! Compare-and-set: the one way in which records change.

use super::check::{absent, applied, conflict, done, text};
use super::{Case, Outcome, Subject, list};

pub(super) const CASES: &[Case] = list![
    setting_creates_only_what_is_absent,
    setting_replaces_only_the_expected,
    setting_deletes_only_the_expected,
    empty_is_not_absent,
    absent_for_absent_changes_nothing,
    the_same_for_the_same_is_carried_out,
    every_byte_is_compared,
    texts_of_other_programs_are_compared_too,
    a_value_that_came_back_is_expected_again,
    a_deleted_key_can_be_created_again,
];

async fn setting_creates_only_what_is_absent(subject: &dyn Subject, prefix: &str) -> Outcome {
    let key = format!("{prefix}k");
    applied(subject, &key, (None, Some(b"1")), "creating").await?;
    text(subject, &key, Some(b"1"), "what was created").await?;
    let again = (None, Some(&b"2"[..]));
    conflict(subject, &key, again, Some(b"1"), "creating what exists").await?;
    let same = (None, Some(&b"1"[..]));
    conflict(subject, &key, same, Some(b"1"), "creating the same").await
}

async fn setting_replaces_only_the_expected(subject: &dyn Subject, prefix: &str) -> Outcome {
    let key = format!("{prefix}k");
    let change = (Some(&b"1"[..]), Some(&b"2"[..]));
    conflict(subject, &key, change, None, "replacing what is absent").await?;
    applied(subject, &key, (None, Some(b"1")), "creating").await?;
    applied(subject, &key, change, "replacing").await?;
    text(subject, &key, Some(b"2"), "what replaced it").await?;
    conflict(subject, &key, change, Some(b"2"), "replacing it again").await
}

async fn setting_deletes_only_the_expected(subject: &dyn Subject, prefix: &str) -> Outcome {
    let key = format!("{prefix}k");
    let removal = (Some(&b"1"[..]), None);
    conflict(subject, &key, removal, None, "deleting what is absent").await?;
    applied(subject, &key, (None, Some(b"2")), "creating").await?;
    conflict(subject, &key, removal, Some(b"2"), "deleting another value").await?;
    applied(subject, &key, (Some(b"2"), None), "deleting").await?;
    absent(subject, &key, "what was deleted").await?;
    conflict(subject, &key, (Some(b"2"), None), None, "deleting it again").await
}

async fn empty_is_not_absent(subject: &dyn Subject, prefix: &str) -> Outcome {
    let key = format!("{prefix}k");
    let from_empty = (Some(&b""[..]), Some(&b"1"[..]));
    conflict(subject, &key, from_empty, None, "absent is not empty").await?;
    applied(subject, &key, (None, Some(b"")), "creating an empty text").await?;
    text(subject, &key, Some(b""), "the empty text").await?;
    let creation = (None, Some(&b"1"[..]));
    conflict(subject, &key, creation, Some(b""), "empty is not absent").await?;
    let nothing = (None, None);
    conflict(subject, &key, nothing, Some(b""), "nor to a deletion").await?;
    applied(subject, &key, from_empty, "replacing an empty text").await?;
    applied(subject, &key, (Some(b"1"), Some(b"")), "emptying").await?;
    text(subject, &key, Some(b""), "emptied, not deleted").await?;
    applied(subject, &key, (Some(b""), None), "deleting the empty text").await?;
    text(subject, &key, None, "deleted").await
}

async fn absent_for_absent_changes_nothing(subject: &dyn Subject, prefix: &str) -> Outcome {
    let key = format!("{prefix}k");
    applied(subject, &key, (None, None), "absent for absent").await?;
    absent(subject, &key, "afterwards").await?;
    applied(subject, &key, (None, Some(b"1")), "creating").await?;
    conflict(subject, &key, (None, None), Some(b"1"), "once it is there").await
}

async fn the_same_for_the_same_is_carried_out(subject: &dyn Subject, prefix: &str) -> Outcome {
    let key = format!("{prefix}k");
    applied(subject, &key, (None, Some(b"1")), "creating").await?;
    applied(subject, &key, (Some(b"1"), Some(b"1")), "1 for 1").await?;
    text(subject, &key, Some(b"1"), "afterwards").await
}

async fn every_byte_is_compared(subject: &dyn Subject, prefix: &str) -> Outcome {
    let value: &[u8] = b"{\"enabled\":true,\"n\":10}\0\xff";
    let key = format!("{prefix}k");
    applied(subject, &key, (None, Some(value)), "creating").await?;
    let longer = [value, b"\0"].concat();
    let shorter = value.split_last().map_or(value, |(_, rest)| rest);
    let upper = value.to_ascii_uppercase();
    let spaced = [b" ", value].concat();
    let lossy = String::from_utf8_lossy(value).into_owned().into_bytes();
    for other in [&longer[..], shorter, &upper, &spaced, &lossy, b""] {
        let change = (Some(other), Some(&b"x"[..]));
        conflict(subject, &key, change, Some(value), "a near miss").await?;
    }
    let number = format!("{prefix}number");
    applied(subject, &number, (None, Some(b"1")), "creating").await?;
    for other in [&b"01"[..], b"1.0", b"+1", b"1e0", b"1 "] {
        let change = (Some(other), Some(&b"x"[..]));
        conflict(subject, &number, change, Some(b"1"), "an equal number").await?;
    }
    Ok(())
}

async fn texts_of_other_programs_are_compared_too(subject: &dyn Subject, prefix: &str) -> Outcome {
    let key = format!("{prefix}k");
    applied(subject, &key, (None, Some(b"ours")), "creating").await?;
    let written = subject.set_raw(&key, b"theirs").await;
    done(written, "writing from outside")?;
    let change = (Some(&b"ours"[..]), Some(&b"next"[..]));
    conflict(subject, &key, change, Some(b"theirs"), "our old text").await?;
    applied(subject, &key, (Some(b"theirs"), Some(b"next")), "theirs").await
}

async fn a_value_that_came_back_is_expected_again(subject: &dyn Subject, prefix: &str) -> Outcome {
    let key = format!("{prefix}k");
    applied(subject, &key, (None, Some(b"a")), "creating").await?;
    applied(subject, &key, (Some(b"a"), Some(b"b")), "there").await?;
    applied(subject, &key, (Some(b"b"), Some(b"a")), "and back").await?;
    applied(subject, &key, (Some(b"a"), Some(b"c")), "it is bytes").await
}

async fn a_deleted_key_can_be_created_again(subject: &dyn Subject, prefix: &str) -> Outcome {
    let key = format!("{prefix}k");
    for round in [&b"1"[..], b"2", b"3"] {
        applied(subject, &key, (None, Some(round)), "creating").await?;
        let stale = (Some(&b"stale"[..]), None);
        conflict(subject, &key, stale, Some(round), "a stale deletion").await?;
        applied(subject, &key, (Some(round), None), "deleting").await?;
    }
    text(subject, &key, None, "at the end").await
}
