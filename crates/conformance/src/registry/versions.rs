//! Versions: the heights of registrations.

use serde_json::Value;

use super::ask::{height_in, holds, read, shown, version};
use super::{Case, Outcome, Registration, Subject, list};

pub(super) const CASES: &[Case] = list![
    a_change_makes_the_version_grow_and_keeps_the_creation,
    every_part_of_a_registration_counts_as_a_change,
    a_version_is_a_height_that_has_been_reached,
    changes_of_others_leave_the_version,
];

const CREATED: &str = "created_at_block_height";

async fn a_change_makes_the_version_grow_and_keeps_the_creation(
    subject: &dyn Subject,
    account: &str,
) -> Outcome {
    let mut last: Option<Value> = None;
    for code in ["one", "two", "three", "one"] {
        subject.next_block().await?;
        subject
            .register(&[Registration::new(account, "f", code)])
            .await?;
        let (entry, _) = read(subject, account, "f").await?;
        holds(
            entry.get("code").and_then(Value::as_str) == Some(code),
            || format!("expected code {code}: {}", shown(&entry)),
        )?;
        if let Some(last) = &last {
            holds(version(last)? < version(&entry)?, || {
                format!("{} came after {}", shown(&entry), shown(last))
            })?;
            holds(
                height_in(last, CREATED) == height_in(&entry, CREATED),
                || format!("the creation of {} moved: {}", shown(last), shown(&entry)),
            )?;
        }
        last = Some(entry);
    }
    Ok(())
}

async fn every_part_of_a_registration_counts_as_a_change(
    subject: &dyn Subject,
    account: &str,
) -> Outcome {
    let first = Registration::new(account, "f", "c");
    let changes = [
        first.clone(),
        Registration {
            schema: "other".to_owned(),
            ..first.clone()
        },
        Registration {
            affected: "other.near".to_owned(),
            ..first.clone()
        },
        Registration {
            methods: Some("set".to_owned()),
            ..first.clone()
        },
        Registration {
            start_height: Some(7),
            ..first
        },
    ];
    let mut last = 0;
    for change in changes {
        subject.next_block().await?;
        subject.register(std::slice::from_ref(&change)).await?;
        let (entry, _) = read(subject, account, "f").await?;
        holds(version(&entry)? > last, || {
            format!("version {last} did not grow: {}", shown(&entry))
        })?;
        last = version(&entry)?;
    }
    Ok(())
}

async fn a_version_is_a_height_that_has_been_reached(
    subject: &dyn Subject,
    account: &str,
) -> Outcome {
    for code in ["one", "two"] {
        subject.next_block().await?;
        subject
            .register(&[Registration::new(account, "f", code)])
            .await?;
        let (entry, height) = read(subject, account, "f").await?;
        holds(version(&entry)? <= height, || {
            format!("above height {height}: {}", shown(&entry))
        })?;
    }
    Ok(())
}

async fn changes_of_others_leave_the_version(subject: &dyn Subject, account: &str) -> Outcome {
    subject
        .register(&[Registration::new(account, "still", "c")])
        .await?;
    let (before, _) = read(subject, account, "still").await?;
    for code in ["one", "two"] {
        subject.next_block().await?;
        subject
            .register(&[Registration::new(account, "busy", code)])
            .await?;
    }
    let (after, _) = read(subject, account, "still").await?;
    holds(before == after, || {
        format!("it was {} and became {}", shown(&before), shown(&after))
    })
}
