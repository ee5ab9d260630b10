//! Texts: what is read is what was written, byte for byte and key by key.

use bytes::Bytes;
use coordinator::store::CasOutcome;

use super::check::{absent, applied, done, same, text};
use super::{Case, Outcome, Subject, list};

/// The most keys that the coordinator reads at once.
const MANY: usize = 500;

/// The largest record that the coordinator writes, in bytes.
const LARGE: usize = 1 << 20;

pub(super) const CASES: &[Case] = list![
    absent_keys_are_absent,
    texts_are_byte_exact,
    large_texts_are_kept_whole,
    texts_of_other_programs_are_seen,
    reading_many_keeps_order_gaps_and_repeats,
    reading_nothing_answers_nothing,
    reading_many_reads_five_hundred,
    reading_shows_other_kinds_as_absent,
    keys_do_not_touch_each_other,
    deleting_takes_every_kind,
    deleting_is_idempotent,
    deleting_nothing_does_nothing,
    deleting_many_deletes_exactly_those,
    deleting_under_a_condition_deletes_only_then,
];

async fn absent_keys_are_absent(subject: &dyn Subject, prefix: &str) -> Outcome {
    let key = format!("{prefix}none");
    absent(subject, &key, "a key that never was").await?;
    done(subject.store().set_remove(&key, "m").await, "removing")?;
    let deleted = subject.store().delete(std::slice::from_ref(&key)).await;
    done(deleted, "deleting")?;
    absent(subject, &key, "a key that never was, afterwards").await
}

async fn texts_are_byte_exact(subject: &dyn Subject, prefix: &str) -> Outcome {
    let every_byte: Vec<u8> = (0..=u8::MAX).chain((0..=u8::MAX).rev()).collect();
    let odd: [&[u8]; 8] = [
        b"",
        b"\0",
        b"\r\n$3\r\nfoo\r\n",
        b" {\"a\": 1.10} \n",
        b"\xff\xfe\xc3\x28",
        "\u{feff}gr\u{fc}n \u{1f980}".as_bytes(),
        b"18446744073709551615",
        &every_byte,
    ];
    for (number, value) in odd.into_iter().enumerate() {
        let key = format!("{prefix}{number}");
        applied(subject, &key, (None, Some(value)), "writing").await?;
        text(subject, &key, Some(value), "reading").await?;
        applied(subject, &key, (Some(value), Some(b"x")), "replacing").await?;
    }
    Ok(())
}

async fn large_texts_are_kept_whole(subject: &dyn Subject, prefix: &str) -> Outcome {
    let key = format!("{prefix}large");
    let first: Vec<u8> = (0..LARGE).map(|at| (at % 251) as u8).collect();
    let mut second = first.clone();
    if let Some(last) = second.last_mut() {
        *last = last.wrapping_add(1);
    }
    applied(subject, &key, (None, Some(&first)), "writing").await?;
    text(subject, &key, Some(&first), "reading").await?;
    let got = subject
        .store()
        .compare_and_set(&key, Some(&second), Some(b"x"), None);
    let meets = coordinator::store::CasOutcome::Conflict(Some(Bytes::from(first.clone())));
    same(got.await, &meets, "expecting another last byte")?;
    applied(subject, &key, (Some(&first), Some(&second)), "replacing").await?;
    text(subject, &key, Some(&second), "reading again").await
}

async fn texts_of_other_programs_are_seen(subject: &dyn Subject, prefix: &str) -> Outcome {
    let key = format!("{prefix}k");
    applied(subject, &key, (None, Some(b"ours")), "writing").await?;
    done(
        subject.set_raw(&key, b"theirs").await,
        "writing from outside",
    )?;
    text(subject, &key, Some(b"theirs"), "reading").await?;
    let queue = format!("{prefix}queue");
    done(subject.queue_push(&queue, 1).await, "pushing")?;
    done(subject.set_raw(&queue, b"text").await, "writing over it")?;
    text(subject, &queue, Some(b"text"), "what was a queue").await
}

async fn reading_many_keeps_order_gaps_and_repeats(subject: &dyn Subject, prefix: &str) -> Outcome {
    let [first, gap, last] = ["a", "b", "c"].map(|name| format!("{prefix}{name}"));
    applied(subject, &last, (None, Some(b"3")), "writing").await?;
    applied(subject, &first, (None, Some(b"1")), "writing").await?;
    let keys = [last.clone(), gap.clone(), first.clone(), gap, last];
    let one = || Some(Bytes::from_static(b"1"));
    let three = || Some(Bytes::from_static(b"3"));
    let expected = vec![three(), None, one(), None, three()];
    same(
        subject.store().get_many(&keys).await,
        &expected,
        "reading five",
    )
}

async fn reading_nothing_answers_nothing(subject: &dyn Subject, _prefix: &str) -> Outcome {
    same(
        subject.store().get_many(&[]).await,
        &Vec::new(),
        "reading no key",
    )
}

async fn reading_many_reads_five_hundred(subject: &dyn Subject, prefix: &str) -> Outcome {
    let keys: Vec<String> = (0..MANY).map(|n| format!("{prefix}{n}")).collect();
    let mut expected = vec![None; MANY];
    for (number, (key, value)) in keys.iter().zip(&mut expected).enumerate() {
        if number % 7 == 3 {
            let text = format!("value of {number}");
            done(subject.set_raw(key, text.as_bytes()).await, "writing")?;
            *value = Some(Bytes::from(text));
        }
    }
    let got = subject.store().get_many(&keys).await;
    same(got, &expected, "reading five hundred keys")
}

async fn reading_shows_other_kinds_as_absent(subject: &dyn Subject, prefix: &str) -> Outcome {
    let [plain, set, queue] = ["text", "set", "queue"].map(|name| format!("{prefix}{name}"));
    applied(subject, &plain, (None, Some(b"1")), "writing").await?;
    done(subject.store().set_add(&set, "m").await, "adding")?;
    done(subject.queue_push(&queue, 1).await, "pushing")?;
    let expected = vec![None, Some(Bytes::from_static(b"1")), None];
    let got = subject.store().get_many(&[set, plain, queue]).await;
    same(got, &expected, "a set, a text and a queue")
}

async fn keys_do_not_touch_each_other(subject: &dyn Subject, prefix: &str) -> Outcome {
    let [short, long, longer] = ["a", "ab", "ab:state"].map(|name| format!("{prefix}{name}"));
    for key in [&short, &long, &longer] {
        applied(subject, key, (None, Some(key.as_bytes())), "writing").await?;
    }
    let deleted = subject.store().delete(std::slice::from_ref(&long)).await;
    done(deleted, "deleting")?;
    text(subject, &short, Some(short.as_bytes()), "its beginning").await?;
    text(subject, &long, None, "the deleted key").await?;
    text(subject, &longer, Some(longer.as_bytes()), "its extension").await
}

async fn deleting_takes_every_kind(subject: &dyn Subject, prefix: &str) -> Outcome {
    let [plain, set, queue] = ["text", "set", "queue"].map(|name| format!("{prefix}{name}"));
    applied(subject, &plain, (None, Some(b"")), "writing").await?;
    done(subject.store().set_add(&set, "m").await, "adding")?;
    done(subject.queue_push(&queue, 1).await, "pushing")?;
    done(subject.queue_push(&queue, 2).await, "pushing")?;
    let keys = [plain, set, queue];
    done(subject.store().delete(&keys).await, "deleting all three")?;
    for key in &keys {
        absent(subject, key, "a deleted key").await?;
    }
    Ok(())
}

async fn deleting_is_idempotent(subject: &dyn Subject, prefix: &str) -> Outcome {
    let [there, gone] = ["there", "gone"].map(|name| format!("{prefix}{name}"));
    applied(subject, &there, (None, Some(b"1")), "writing").await?;
    let keys = [gone.clone(), there.clone(), there.clone(), gone];
    done(subject.store().delete(&keys).await, "deleting, with gaps")?;
    done(subject.store().delete(&keys).await, "deleting again")?;
    text(subject, &there, None, "afterwards").await
}

async fn deleting_nothing_does_nothing(subject: &dyn Subject, prefix: &str) -> Outcome {
    let key = format!("{prefix}k");
    applied(subject, &key, (None, Some(b"1")), "writing").await?;
    done(subject.store().delete(&[]).await, "deleting no key")?;
    text(subject, &key, Some(b"1"), "afterwards").await
}

async fn deleting_many_deletes_exactly_those(subject: &dyn Subject, prefix: &str) -> Outcome {
    let keys: Vec<String> = (0..MANY / 10).map(|n| format!("{prefix}{n}")).collect();
    for key in &keys {
        done(subject.set_raw(key, b"1").await, "writing")?;
    }
    let (deleted, kept) = keys.split_at(keys.len() / 2);
    done(subject.store().delete(deleted).await, "deleting half")?;
    let mut expected = vec![None; deleted.len()];
    expected.extend(kept.iter().map(|_| Some(Bytes::from_static(b"1"))));
    same(subject.store().get_many(&keys).await, &expected, "the rest")
}

async fn deleting_under_a_condition_deletes_only_then(
    subject: &dyn Subject,
    prefix: &str,
) -> Outcome {
    let [guard, none, data, queue] =
        ["guard", "none", "data", "queue"].map(|name| format!("{prefix}{name}"));
    applied(subject, &guard, (None, Some(b"1")), "writing").await?;
    applied(subject, &data, (None, Some(b"x")), "writing").await?;
    done(subject.queue_push(&queue, 1).await, "pushing")?;
    let keys = [data.clone(), queue.clone()];
    let store = subject.store();
    let another = CasOutcome::Conflict(Some(Bytes::from_static(b"1")));
    let got = store.delete_if(&guard, b"0", &keys).await;
    same(got, &another, "the guard is another")?;
    let got = store.delete_if(&none, b"", &keys).await;
    same(got, &CasOutcome::Conflict(None), "the guard is absent")?;
    text(subject, &data, Some(b"x"), "nothing was deleted").await?;
    same(store.queue_head(&queue).await, &Some(1), "nor the queue")?;
    for what in ["deleting", "deleting again"] {
        let got = store.delete_if(&guard, b"1", &keys).await;
        same(got, &CasOutcome::Applied, what)?;
        absent(subject, &data, what).await?;
        absent(subject, &queue, what).await?;
    }
    let got = store.delete_if(&guard, b"1", &[]).await;
    same(got, &CasOutcome::Applied, "deleting no key")?;
    text(subject, &guard, Some(b"1"), "the guard stays").await
}
