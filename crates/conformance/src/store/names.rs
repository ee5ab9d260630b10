//! Names of keys: users choose the names of their functions, and these go into
//! keys verbatim.

use super::check::{absent, applied, done, head, members, same, text};
use super::{Case, Outcome, Subject, list};

pub(super) const CASES: &[Case] = list![
    odd_names_are_names_like_any_other,
    similar_names_are_different_keys,
    names_of_64_kib_are_kept_whole,
];

const ODD: [&str; 16] = [
    "",
    " ",
    "a b",
    "a.near/f/g:h:state",
    "::state",
    "//",
    "*",
    "h[ae]llo?",
    "{tag}",
    "\"quoted\" 'twice' `thrice`",
    "back\\slash",
    "a\0b",
    "line\r\nbreak\ttab",
    "\u{1b}[31mred\u{7f}",
    "gr\u{fc}n/\u{6f22}\u{5b57}/\u{1f980}",
    "\u{202e}backwards\u{feff}",
];

async fn odd_names_are_names_like_any_other(subject: &dyn Subject, prefix: &str) -> Outcome {
    let named = |kind: &str, name: &str| format!("{prefix}{kind}/{name}");
    for name in ODD {
        let key = named("text", name);
        applied(subject, &key, (None, Some(name.as_bytes())), "writing").await?;
        done(
            subject.store().set_add(&named("set", name), name).await,
            "adding",
        )?;
        done(
            subject.queue_push(&named("queue", name), 1).await,
            "pushing",
        )?;
    }
    for name in ODD {
        let key = named("text", name);
        text(subject, &key, Some(name.as_bytes()), name).await?;
        members(subject, &named("set", name), &[name], name).await?;
        head(subject, &named("queue", name), Some(1), name).await?;
    }
    let keys: Vec<String> = ["text", "set", "queue"]
        .iter()
        .flat_map(|kind| ODD.map(|name| named(kind, name)))
        .collect();
    done(subject.store().delete(&keys).await, "deleting")?;
    for key in &keys {
        absent(subject, key, key).await?;
    }
    Ok(())
}

async fn similar_names_are_different_keys(subject: &dyn Subject, prefix: &str) -> Outcome {
    let similar = [
        "feed",
        "Feed",
        "feed ",
        " feed",
        "feed\0",
        "fee",
        "feedd",
        "gr\u{fc}n",
        "gru\u{308}n",
        "a/b:c",
        "a:b/c",
        "a/b",
        "a//b",
    ];
    let keys = similar.map(|name| format!("{prefix}{name}"));
    for (key, name) in keys.iter().zip(similar) {
        applied(subject, key, (None, Some(name.as_bytes())), "writing").await?;
    }
    let expected: Vec<_> = similar
        .iter()
        .map(|name| Some(bytes::Bytes::from_static(name.as_bytes())))
        .collect();
    let got = subject.store().get_many(&keys).await;
    same(got, &expected, "all of them")
}

async fn names_of_64_kib_are_kept_whole(subject: &dyn Subject, prefix: &str) -> Outcome {
    let stem = "n".repeat((64 << 10) - 1);
    let [first, second] = ["a", "b"].map(|last| format!("{prefix}{stem}{last}"));
    applied(subject, &first, (None, Some(b"1")), "writing").await?;
    text(subject, &second, None, "one that differs at its end").await?;
    applied(subject, &second, (None, Some(b"2")), "writing").await?;
    text(subject, &first, Some(b"1"), "the first").await?;
    text(subject, &second, Some(b"2"), "the second").await?;
    let set = format!("{prefix}set");
    done(subject.store().set_add(&set, &first).await, "listing it")?;
    members(subject, &set, &[&first], "the listing").await
}
