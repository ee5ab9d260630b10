//! How much a registry holds.

use serde_json::Value;

use super::ask::{holds, listed, read};
use super::{Case, Outcome, Registration, Subject, list};

pub(super) const CASES: &[Case] = list![a_mebibyte_of_code_arrives_whole, ten_thousand_are_listed];

const MANY: usize = 10_000;

async fn a_mebibyte_of_code_arrives_whole(subject: &dyn Subject, account: &str) -> Outcome {
    let line = "await context.db.Posts.insert({ h: block.blockHeight }); // \u{e9}\n";
    let code = line.repeat((1 << 20) / line.len() + 1);
    subject
        .register(&[Registration::new(account, "f", &code)])
        .await?;
    let (entries, _) = listed(subject, account).await?;
    let (entry, _) = read(subject, account, "f").await?;
    for found in [entries.get("f"), Some(&entry)] {
        let text = found
            .and_then(|entry| entry.get("code"))
            .and_then(Value::as_str);
        holds(text == Some(&code), || {
            format!("of {} bytes {:?} arrived", code.len(), text.map(str::len))
        })?;
    }
    Ok(())
}

async fn ten_thousand_are_listed(subject: &dyn Subject, account: &str) -> Outcome {
    let all: Vec<_> = (0..MANY)
        .map(|n| Registration::new(account, &format!("f{n}"), "c"))
        .collect();
    subject.register(&all).await?;
    let (entries, _) = listed(subject, account).await?;
    holds(entries.len() == MANY, || {
        format!("{} of {MANY} are listed", entries.len())
    })?;
    let (entry, _) = read(subject, account, "f9999").await?;
    holds(entries.get("f9999") == Some(&entry), || {
        "the last one is read otherwise than it is listed".to_owned()
    })
}
