//! Questions that have no answer.

use super::ask::{READ, arguments, contract_fails};
use super::{Case, Outcome, Subject, list};

pub(super) const CASES: &[Case] = list![
    an_unknown_method_fails_as_the_contract_does,
    arguments_that_are_none_fail_as_the_contract_does,
    a_malformed_account_fails_as_the_contract_does,
];

async fn an_unknown_method_fails_as_the_contract_does(
    subject: &dyn Subject,
    _account: &str,
) -> Outcome {
    contract_fails(subject, "no_such_method", b"{}").await
}

async fn arguments_that_are_none_fail_as_the_contract_does(
    subject: &dyn Subject,
    _account: &str,
) -> Outcome {
    for bad in ["", "null", "[]", "{}", "{", r#"{"account_id":"a.near"}"#] {
        contract_fails(subject, READ, bad.as_bytes())
            .await
            .map_err(|what| format!("with `{bad}` {what}"))?;
    }
    contract_fails(subject, READ, b"\xff\xfe").await
}

async fn a_malformed_account_fails_as_the_contract_does(
    subject: &dyn Subject,
    _account: &str,
) -> Outcome {
    for account in ["", "a", "A.near", "a..near", "a/b", "a b"] {
        contract_fails(subject, READ, arguments(account, "f").as_bytes())
            .await
            .map_err(|what| format!("for {account:?} {what}"))?;
    }
    Ok(())
}
