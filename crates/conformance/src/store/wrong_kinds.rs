//! Commands on a key that holds another kind of value: refused, without effect.

use bytes::Bytes;

use super::check::{applied, done, head, members, refused, same, text};
use super::{Case, Outcome, Subject, list};

pub(super) const CASES: &[Case] = list![
    a_text_is_no_set_and_no_queue,
    a_set_is_no_text_and_no_queue,
    a_queue_is_no_text_and_no_set,
    another_kind_hides_no_text_of_the_same_read,
    asking_for_members_tells_another_kind_from_nothing,
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
        let answer = store.compare_and_set(&key, expected, new, None).await;
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
        let answer = store.compare_and_set(&key, expected, new, None).await;
        refused(answer, "compare-and-set of a queue")?;
    }
    refused(store.set_add(&key, "m").await, "adding to a queue")?;
    refused(store.set_remove(&key, "m").await, "removing from a queue")?;
    refused(store.set_members(&key).await, "members of a queue")?;
    head(subject, &key, Some(7), "afterwards").await
}

async fn another_kind_hides_no_text_of_the_same_read(
    subject: &dyn Subject,
    prefix: &str,
) -> Outcome {
    let key = |name: &str| format!("{prefix}{name}");
    let keys = [key("set"), key("text"), key("queue"), key("nothing")];
    let [set, a_text, queue, _] = &keys;
    done(subject.store().set_add(set, "m").await, "adding")?;
    done(subject.queue_push(queue, 7).await, "pushing")?;
    applied(subject, a_text, (None, Some(b"1")), "writing").await?;
    let values = vec![None, Some(Bytes::from_static(b"1")), None, None];
    same(
        subject.store().get_many(&keys).await,
        &values,
        "reading all",
    )
}

/// A read of texts passes over other kinds. Whether there is no record or one that
/// cannot be read is therefore asked by another command, and no indexer is begun
/// anew because of something that only looks like nothing.
async fn asking_for_members_tells_another_kind_from_nothing(
    subject: &dyn Subject,
    prefix: &str,
) -> Outcome {
    let record = |name: &str| format!("{prefix}{name}:state");
    let (set, queue, nothing) = (record("set"), record("queue"), record("nothing"));
    done(subject.store().set_add(&set, "m").await, "adding")?;
    done(subject.queue_push(&queue, 7).await, "pushing")?;
    let keys = [set.clone(), queue.clone(), nothing.clone()];
    let values = vec![None; 3];
    same(
        subject.store().get_many(&keys).await,
        &values,
        "reading all",
    )?;
    members(subject, &set, &["m"], "a set in a record's place").await?;
    let answer = subject.store().set_members(&queue).await;
    refused(answer, "members of a queue in a record's place")?;
    members(subject, &nothing, &[], "no record").await
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
