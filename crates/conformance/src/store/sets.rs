//! Sets: the listing of records.

use super::check::{absent, applied, done, members};
use super::{Case, Outcome, Subject, list};

pub(super) const CASES: &[Case] = list![
    a_set_holds_each_member_once,
    removing_is_idempotent,
    an_emptied_set_is_gone,
    sets_do_not_touch_each_other,
    a_set_holds_five_hundred_members,
    members_are_exact,
];

async fn a_set_holds_each_member_once(subject: &dyn Subject, prefix: &str) -> Outcome {
    let key = format!("{prefix}set");
    for member in ["one", "two", "one", "two", "one"] {
        done(subject.store().set_add(&key, member).await, "adding")?;
    }
    members(subject, &key, &["one", "two"], "after five additions").await
}

async fn removing_is_idempotent(subject: &dyn Subject, prefix: &str) -> Outcome {
    let key = format!("{prefix}set");
    for member in ["one", "two"] {
        done(subject.store().set_add(&key, member).await, "adding")?;
    }
    for member in ["one", "one", "stranger"] {
        done(subject.store().set_remove(&key, member).await, "removing")?;
        members(subject, &key, &["two"], "after a removal").await?;
    }
    done(subject.store().set_add(&key, "one").await, "adding again")?;
    members(subject, &key, &["one", "two"], "after adding again").await
}

async fn an_emptied_set_is_gone(subject: &dyn Subject, prefix: &str) -> Outcome {
    let key = format!("{prefix}set");
    done(subject.store().set_add(&key, "one").await, "adding")?;
    done(subject.store().set_remove(&key, "one").await, "removing")?;
    absent(subject, &key, "the emptied set").await?;
    applied(
        subject,
        &key,
        (None, Some(b"1")),
        "its name is free for a text",
    )
    .await
}

async fn sets_do_not_touch_each_other(subject: &dyn Subject, prefix: &str) -> Outcome {
    let [first, second] = ["a", "ab"].map(|name| format!("{prefix}{name}"));
    done(subject.store().set_add(&first, "b").await, "adding")?;
    done(subject.store().set_add(&first, "bb").await, "adding")?;
    done(subject.store().set_add(&second, "b").await, "adding")?;
    let deleted = subject.store().delete(std::slice::from_ref(&first)).await;
    done(deleted, "deleting one")?;
    members(subject, &first, &[], "the deleted one").await?;
    members(subject, &second, &["b"], "the other one").await
}

async fn a_set_holds_five_hundred_members(subject: &dyn Subject, prefix: &str) -> Outcome {
    let key = format!("{prefix}set");
    let names: Vec<String> = (0..500).map(|n| format!("a{n}.near/feed:state")).collect();
    for name in &names {
        done(subject.store().set_add(&key, name).await, "adding")?;
    }
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    members(subject, &key, &names, "all of them").await
}

async fn members_are_exact(subject: &dyn Subject, prefix: &str) -> Outcome {
    let key = format!("{prefix}set");
    let odd = [
        "",
        " ",
        "a",
        "A",
        "a ",
        "a\0b",
        "a\r\nb",
        "a.near/f g:h/i:state",
        "gr\u{fc}n",
        "gru\u{308}n",
        "\u{1f980}",
    ];
    for member in odd {
        done(subject.store().set_add(&key, member).await, "adding")?;
    }
    members(subject, &key, &odd, "odd members").await?;
    for (gone, member) in odd.iter().enumerate() {
        done(subject.store().set_remove(&key, member).await, "removing")?;
        let left = odd.get(gone + 1..).unwrap_or_default();
        members(subject, &key, left, "what is left").await?;
    }
    Ok(())
}
