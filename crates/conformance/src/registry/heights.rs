//! The heights of answers.

use super::ask::{LIST, holds, read, view};
use super::{Case, Outcome, Registration, Subject, list};

pub(super) const CASES: &[Case] = list![
    every_answer_has_a_height_and_heights_never_go_back,
    heights_grow_while_nothing_changes,
];

async fn every_answer_has_a_height_and_heights_never_go_back(
    subject: &dyn Subject,
    account: &str,
) -> Outcome {
    let mut last = 0;
    for turn in 0..5 {
        let code = format!("turn {turn}");
        subject
            .register(&[Registration::new(account, "f", &code)])
            .await?;
        let heights = [
            view(subject, LIST, b"{}").await?.1,
            read(subject, account, "f").await?.1,
            read(subject, account, "none").await?.1,
        ];
        for height in heights {
            holds(height >= last && height > 0, || {
                format!("height {height} came after {last}")
            })?;
            last = height;
        }
        subject.next_block().await?;
    }
    Ok(())
}

async fn heights_grow_while_nothing_changes(subject: &dyn Subject, _account: &str) -> Outcome {
    let (_, before) = view(subject, LIST, b"{}").await?;
    subject.next_block().await?;
    let (_, after) = view(subject, LIST, b"{}").await?;
    holds(after > before, || {
        format!("after a block the height {before} is {after}")
    })
}
