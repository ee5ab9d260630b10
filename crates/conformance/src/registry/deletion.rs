//! Deletion, and coming back from it.

use super::ask::{deleted_at, holds, listed, read, shown, version};
use super::{Case, Outcome, Registration, Subject, list};

pub(super) const CASES: &[Case] = list![
    what_is_deleted_is_unlisted_and_reads_as_a_tombstone,
    a_tombstone_keeps_the_version_and_the_height_of_its_deletion,
    deleting_one_leaves_the_others,
    an_account_whose_indexers_are_all_deleted_breaks_no_listing,
    registering_again_clears_the_tombstone,
];

async fn register(subject: &dyn Subject, account: &str, names: &[&str]) -> Outcome {
    let all: Vec<_> = names
        .iter()
        .map(|name| Registration::new(account, name, "c"))
        .collect();
    subject.register(&all).await
}

async fn what_is_deleted_is_unlisted_and_reads_as_a_tombstone(
    subject: &dyn Subject,
    account: &str,
) -> Outcome {
    register(subject, account, &["gone"]).await?;
    subject.delete(account, "gone").await?;
    let (entries, _) = listed(subject, account).await?;
    holds(entries.is_empty(), || "it is still listed".to_owned())?;
    let (entry, height) = read(subject, account, "gone").await?;
    match deleted_at(&entry) {
        Some(at) if at <= height => Ok(()),
        Some(at) => Err(format!("deleted at {at}, which is above height {height}")),
        None => Err(format!("no tombstone: {}", shown(&entry))),
    }
}

async fn a_tombstone_keeps_the_version_and_the_height_of_its_deletion(
    subject: &dyn Subject,
    account: &str,
) -> Outcome {
    register(subject, account, &["gone"]).await?;
    let before = version(&read(subject, account, "gone").await?.0)?;
    subject.next_block().await?;
    subject.delete(account, "gone").await?;
    let (first, _) = read(subject, account, "gone").await?;
    holds(version(&first)? == before, || {
        format!("version {before} became {}", shown(&first))
    })?;
    holds(deleted_at(&first) > Some(before), || {
        format!("deleted no later than registered: {}", shown(&first))
    })?;
    subject.next_block().await?;
    let (later, _) = read(subject, account, "gone").await?;
    holds(first == later, || {
        format!("it was {} and became {}", shown(&first), shown(&later))
    })
}

async fn deleting_one_leaves_the_others(subject: &dyn Subject, account: &str) -> Outcome {
    register(subject, account, &["gone", "kept"]).await?;
    let (kept, _) = read(subject, account, "kept").await?;
    subject.delete(account, "gone").await?;
    let (entries, _) = listed(subject, account).await?;
    let names: Vec<&str> = entries.keys().map(String::as_str).collect();
    holds(names == ["kept"], || format!("listed are {names:?}"))?;
    let (after, _) = read(subject, account, "kept").await?;
    holds(after == kept, || {
        format!("it was {} and became {}", shown(&kept), shown(&after))
    })
}

async fn an_account_whose_indexers_are_all_deleted_breaks_no_listing(
    subject: &dyn Subject,
    account: &str,
) -> Outcome {
    let other = format!("other.{account}");
    register(subject, account, &["gone"]).await?;
    register(subject, &other, &["kept"]).await?;
    subject.delete(account, "gone").await?;
    // The account may be listed with nothing in it, or not at all.
    let (entries, _) = listed(subject, account).await?;
    holds(entries.is_empty(), || "it is still listed".to_owned())?;
    let (entries, _) = listed(subject, &other).await?;
    holds(entries.len() == 1, || "another account is gone".to_owned())
}

async fn registering_again_clears_the_tombstone(subject: &dyn Subject, account: &str) -> Outcome {
    register(subject, account, &["back"]).await?;
    let before = version(&read(subject, account, "back").await?.0)?;
    subject.next_block().await?;
    subject.delete(account, "back").await?;
    let (tombstone, _) = read(subject, account, "back").await?;
    subject.next_block().await?;
    // With the same content: it is a new registration all the same.
    register(subject, account, &["back"]).await?;
    let (entry, _) = read(subject, account, "back").await?;
    holds(deleted_at(&entry).is_none(), || {
        format!("it is still deleted: {}", shown(&entry))
    })?;
    holds(version(&entry)? > before, || {
        format!("its version {before} did not grow: {}", shown(&entry))
    })?;
    holds(deleted_at(&tombstone) < Some(version(&entry)?), || {
        format!("{} is older than {}", shown(&entry), shown(&tombstone))
    })?;
    let (entries, _) = listed(subject, account).await?;
    holds(entries.contains_key("back"), || {
        "it is not listed".to_owned()
    })
}
