//! Where the next page begins, as a text that says nothing to clients.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use lifecycle::IndexerId;
use tonic::Status;

/// Which form of token this is; another form gets another one.
const FORM: &str = "1.";
/// The longest token that is looked at: twice the longest name.
const LENGTH_MAX: usize = 256 * 1024;

/// The token of the page after `last`; empty if there is none.
pub(crate) fn encode(last: Option<&IndexerId>) -> String {
    last.map_or_else(String::new, |last| {
        format!("{FORM}{}", URL_SAFE_NO_PAD.encode(last.as_str()))
    })
}

/// What `token` says: the last indexer of the page before, or that there was
/// none. It need not exist any more.
///
/// # Errors
/// It is no token of ours.
pub(crate) fn decode(token: &str) -> Result<Option<IndexerId>, Status> {
    if token.is_empty() {
        return Ok(None);
    }
    let id = token
        .strip_prefix(FORM)
        .filter(|body| body.len() <= LENGTH_MAX)
        .and_then(|body| URL_SAFE_NO_PAD.decode(body).ok())
        .and_then(|name| String::from_utf8(name).ok())
        .and_then(|name| IndexerId::parse(&name).ok());
    id.map(Some).ok_or_else(|| {
        Status::invalid_argument(
            "the page token is not one that this coordinator gave out; begin without one",
        )
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tonic::Code;

    use super::*;

    proptest! {
        #[test]
        fn a_token_leads_back(account in "[a-z.]{1,20}", function in "\\PC{0,50}") {
            let id = IndexerId::new(&account, &function).unwrap();
            prop_assert_eq!(decode(&encode(Some(&id))).unwrap(), Some(id));
        }

        #[test]
        fn anything_else_is_refused(token in "(1\\.)?\\PC{1,50}") {
            match decode(&token) {
                Ok(id) => prop_assert_eq!(encode(id.as_ref()), token),
                Err(status) => prop_assert_eq!(status.code(), Code::InvalidArgument),
            }
        }
    }

    #[test]
    fn none_is_the_beginning() {
        assert_eq!(decode("").unwrap(), None);
        assert_eq!(encode(None), "");
    }

    #[test]
    fn what_is_foreign_or_huge_is_refused() {
        let name = URL_SAFE_NO_PAD.encode("a.near/f");
        let huge = format!("1.{}", "A".repeat(LENGTH_MAX + 4));
        for token in [&name, &format!("2.{name}"), "1.", "1.!", "1.YQ", &huge] {
            assert!(decode(token).is_err(), "{}", token.len());
        }
    }
}
