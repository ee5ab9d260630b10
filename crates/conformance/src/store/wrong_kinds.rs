//! Commands on a key that holds another kind of value: refused, without effect.

use super::check::{applied, done, head, members, refused, text};
use super::{Case, Outcome, Subject, list};

pub(super) const CASES: &[Case] = list![
    a_text_is_no_set_and_no_queue,
    a_set_is_no_text_and_no_queue,
    a_queue_is_no_text_and_no_set,
];

async fn a_text_is_no_set_and_no_queue(subject: &dyn Subject, prefix: &str) -> Outcome {
    let (key, store) = (format!("{prefix}text"), subject.store());
    applied(subject, &key, (None, Some(b"1")), "writing").await?;
    refused(store.set_add(&key, "m").await, "adding to a text")?;
    refused(store.set_remove(&key, "m").await, "removing from a text")?;
    refused(store.set_members(&key).await, "members of a text")?;
    refused(store.queue_head(&key).await, "the head of a text")?;
    refused(subject.queue_push(&key, 1).await, "pushing to a text")?;
    text(subject, &key, Some(b"1"), "afterwards").await
}

async fn a_set_is_no_text_and_no_queue(subject: &dyn Subject, prefix: &str) -> Outcome {
    let (key, store) = (format!("{prefix}set"), subject.store());
    done(store.set_add(&key, "m").await, "adding")?;
    for (expected, new) in every_change() {
        let answer = store.compare_and_set(&key, expected, new).await;
        refused(answer, "compare-and-set of a set")?;
    }
    refused(store.queue_head(&key).await, "the head of a set")?;
    refused(subject.queue_push(&key, 1).await, "pushing to a set")?;
    members(subject, &key, &["m"], "afterwards").await
}

async fn a_queue_is_no_text_and_no_set(subject: &dyn Subject, prefix: &str) -> Outcome {
    let (key, store) = (format!("{prefix}queue"), subject.store());
    done(subject.queue_push(&key, 7).await, "pushing")?;
    for (expected, new) in every_change() {
        let answer = store.compare_and_set(&key, expected, new).await;
        refused(answer, "compare-and-set of a queue")?;
    }
    refused(store.set_add(&key, "m").await, "adding to a queue")?;
    refused(store.set_remove(&key, "m").await, "removing from a queue")?;
    refused(store.set_members(&key).await, "members of a queue")?;
    head(subject, &key, Some(7), "afterwards").await
}

type Change = (Option<&'static [u8]>, Option<&'static [u8]>);

fn every_change() -> [Change; 4] {
    [
        (None, Some(b"1")),
        (None, None),
        (Some(b"1"), Some(b"2")),
        (Some(b"1"), None),
    ]
}
