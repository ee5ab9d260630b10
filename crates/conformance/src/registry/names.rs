//! Names of functions, for which there is no rule at all.

use std::collections::BTreeSet;

use serde_json::Value;

use super::ask::{deleted_at, holds, listed, read, shown};
use super::{Case, Outcome, Registration, Subject, list};

pub(super) const CASES: &[Case] = list![
    odd_names_are_kept_apart,
    a_name_of_64_kib_is_one,
    an_odd_name_can_be_deleted,
];

const NAMES: [&str; 16] = [
    "",
    " ",
    "/",
    "a/b",
    "a:b",
    "a b",
    "a",
    "A",
    "a\n",
    "\u{0}",
    "\u{7f}",
    "\u{202e}x",
    "ünïcode",
    "\"",
    "\\",
    "..",
];

async fn odd_names_are_kept_apart(subject: &dyn Subject, account: &str) -> Outcome {
    let all: Vec<_> = NAMES
        .iter()
        .enumerate()
        .map(|(at, name)| Registration::new(account, name, &at.to_string()))
        .collect();
    subject.register(&all).await?;
    let (entries, _) = listed(subject, account).await?;
    let found: BTreeSet<&str> = entries.keys().map(String::as_str).collect();
    holds(found == BTreeSet::from(NAMES), || {
        format!("listed are {found:?}")
    })?;
    for (at, name) in NAMES.iter().enumerate() {
        let (entry, _) = read(subject, account, name).await?;
        let code = entry.get("code").and_then(Value::as_str);
        holds(code == Some(at.to_string().as_str()), || {
            format!("{name:?} reads {}", shown(&entry))
        })?;
    }
    Ok(())
}

async fn a_name_of_64_kib_is_one(subject: &dyn Subject, account: &str) -> Outcome {
    let name = "n".repeat(64 << 10);
    subject
        .register(&[Registration::new(account, &name, "c")])
        .await?;
    let (entries, _) = listed(subject, account).await?;
    holds(entries.contains_key(&name), || {
        "it is not listed".to_owned()
    })?;
    let (entry, _) = read(subject, account, &name).await?;
    holds(!entry.is_null(), || "it reads null".to_owned())?;
    let (entry, _) = read(subject, account, &name[1..]).await?;
    holds(entry.is_null(), || "a shorter one is there too".to_owned())
}

async fn an_odd_name_can_be_deleted(subject: &dyn Subject, account: &str) -> Outcome {
    let name = "a/b:c d\n";
    subject
        .register(&[Registration::new(account, name, "c")])
        .await?;
    subject.delete(account, name).await?;
    let (entry, _) = read(subject, account, name).await?;
    holds(deleted_at(&entry).is_some(), || {
        format!("no tombstone: {}", shown(&entry))
    })
}
