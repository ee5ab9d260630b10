//! Many calls at once.

use futures_util::future::join_all;
use serde_json::Value;

use super::ask::{holds, listed, read, shown};
use super::{Case, Outcome, Registration, Subject, list};

pub(super) const CASES: &[Case] = list![
    calls_at_the_same_time_are_all_answered_each_with_its_own,
    reads_beside_a_change_see_the_old_or_the_new,
];

const COUNT: usize = 64;

async fn calls_at_the_same_time_are_all_answered_each_with_its_own(
    subject: &dyn Subject,
    account: &str,
) -> Outcome {
    let names: Vec<String> = (0..COUNT).map(|n| format!("f{n}")).collect();
    let all: Vec<_> = names
        .iter()
        .map(|name| Registration::new(account, name, name))
        .collect();
    subject.register(&all).await?;
    let reads = names.iter().map(|name| async move {
        let (entry, _) = read(subject, account, name).await?;
        holds(
            entry.get("code").and_then(Value::as_str) == Some(name),
            || format!("{name} reads {}", shown(&entry)),
        )
    });
    let listings = (0..8).map(|_| async {
        let (entries, _) = listed(subject, account).await?;
        holds(entries.len() == COUNT, || {
            format!("{} entries are listed", entries.len())
        })
    });
    let (reads, listings) = futures_util::join!(join_all(reads), join_all(listings));
    reads.into_iter().chain(listings).collect()
}

async fn reads_beside_a_change_see_the_old_or_the_new(
    subject: &dyn Subject,
    account: &str,
) -> Outcome {
    subject
        .register(&[Registration::new(account, "f", "old")])
        .await?;
    let new = [Registration::new(account, "f", "new")];
    let reads = join_all((0..COUNT).map(|_| read(subject, account, "f")));
    let (changed, reads) = futures_util::join!(subject.register(&new), reads);
    changed?;
    for answer in reads {
        let (entry, _) = answer?;
        let code = entry.get("code").and_then(Value::as_str);
        holds(matches!(code, Some("old" | "new")), || {
            format!("it reads {}", shown(&entry))
        })?;
    }
    let (entry, _) = read(subject, account, "f").await?;
    holds(
        entry.get("code").and_then(Value::as_str) == Some("new"),
        || format!("after the change it reads {}", shown(&entry)),
    )
}
