//! What is registered, and what is not.

use coordinator::registry::decode::{decode_list, decode_one};
use lifecycle::Desired;
use serde_json::Value;

use super::ask::{LIST, arguments, holds, listed, read, shown, view};
use super::{Case, Outcome, Registration, Subject, list};

pub(super) const CASES: &[Case] = list![
    what_was_never_registered_reads_null,
    what_is_registered_is_listed_and_read_alike,
    every_field_arrives_as_it_was_registered,
    answers_are_understood_by_the_coordinator,
    indexers_of_one_name_in_two_accounts_are_two,
];

async fn what_was_never_registered_reads_null(subject: &dyn Subject, account: &str) -> Outcome {
    let (answer, _) = read(subject, account, "none").await?;
    holds(answer.is_null(), || {
        format!("an unknown account reads {}", shown(&answer))
    })?;
    let other = Registration::new(account, "some", "c");
    subject.register(&[other]).await?;
    let (answer, _) = read(subject, account, "none").await?;
    holds(answer.is_null(), || {
        format!(
            "an unknown name of a known account reads {}",
            shown(&answer)
        )
    })
}

async fn what_is_registered_is_listed_and_read_alike(
    subject: &dyn Subject,
    account: &str,
) -> Outcome {
    let names = ["one", "two"];
    let all = names.map(|name| Registration::new(account, name, name));
    subject.register(&all).await?;
    let (entries, _) = listed(subject, account).await?;
    holds(entries.len() == names.len(), || {
        format!("{} entries are listed", entries.len())
    })?;
    for name in names {
        let (answer, _) = read(subject, account, name).await?;
        let entry = entries.get(name).unwrap_or(&Value::Null);
        holds(answer == *entry && !answer.is_null(), || {
            format!("listed {}, read {}", shown(entry), shown(&answer))
        })?;
    }
    Ok(())
}

async fn every_field_arrives_as_it_was_registered(subject: &dyn Subject, account: &str) -> Outcome {
    let text = "\u{1F600} \"quoted\" \\ \u{1} \r\n\t'''\"\"\" ${x}";
    let registration = Registration {
        code: text.to_owned(),
        schema: format!("-- {text}"),
        affected: "a.near, *.b.near".to_owned(),
        methods: Some("ft_*, set".to_owned()),
        start_height: Some(120_000_000),
        ..Registration::new(account, "f", "")
    };
    subject
        .register(std::slice::from_ref(&registration))
        .await?;
    let (entry, _) = read(subject, account, "f").await?;
    let expected = [
        ("/code", Value::from(registration.code)),
        ("/schema", Value::from(registration.schema)),
        ("/rule/kind", Value::from("ACTION_FUNCTION_CALL")),
        (
            "/rule/affected_account_id",
            Value::from(registration.affected),
        ),
        ("/rule/function", Value::from("ft_*, set")),
        ("/start_block/HEIGHT", Value::from(120_000_000)),
        ("/deleted_at_block_height", Value::Null),
    ];
    for (field, value) in expected {
        holds(entry.pointer(field) == Some(&value), || {
            format!("{field}: expected {value}, read {}", shown(&entry))
        })?;
    }
    Ok(())
}

async fn answers_are_understood_by_the_coordinator(
    subject: &dyn Subject,
    account: &str,
) -> Outcome {
    subject
        .register(&[Registration::new(account, "f", "c")])
        .await?;
    let ask = |method: &'static str, arguments: String| async move {
        let answer = subject.registry().view(method, arguments.as_bytes()).await;
        answer.map_err(|error| format!("{method}: {error}"))
    };
    let listing = ask(LIST, "{}".to_owned()).await?;
    let height = listing.block_height;
    let mut listing = decode_list(&listing.result).map_err(|error| error.to_string())?;
    holds(listing.doubt_versions(height).is_none(), || {
        format!("as of block {height} a version is above that: {listing:?}")
    })?;
    let id = listing
        .indexers
        .keys()
        .find(|id| id.account() == account && id.function() == "f")
        .ok_or("the decoded listing lacks the indexer")?;
    let read = ask(super::ask::READ, arguments(account, "f")).await?;
    let read = decode_one(id, &read.result).map_err(|error| error.to_string())?;
    let listed = listing.indexers.get(id);
    let same = matches!(&read, Desired::Present(spec) if Some(spec) == listed);
    holds(same, || {
        format!("decoded, the listing says {listed:?} and the read {read:?}")
    })
}

async fn indexers_of_one_name_in_two_accounts_are_two(
    subject: &dyn Subject,
    account: &str,
) -> Outcome {
    let other = format!("sub.{account}");
    let both = [
        Registration::new(account, "same", "mine"),
        Registration::new(&other, "same", "theirs"),
    ];
    subject.register(&both).await?;
    for (account, code) in [(account, "mine"), (other.as_str(), "theirs")] {
        let (entry, _) = read(subject, account, "same").await?;
        let found = entry.get("code").and_then(Value::as_str);
        holds(found == Some(code), || {
            format!("{account}: {}", shown(&entry))
        })?;
    }
    let (answer, _) = view(subject, LIST, b"{}").await?;
    let has = |account: &str| answer.pointer(&format!("/{account}/same")).is_some();
    holds(has(account) && has(&other), || {
        "one of two is listed".to_owned()
    })
}
