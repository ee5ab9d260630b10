//! Errors as gRPC has them.

use coordinator::admin::AdminError;
use tonic::{Code, Status};

use crate::text::printable;

/// The longest message of a status. It travels in a header, which clients bound.
const MESSAGE_MAX: usize = 1000;

/// A status whose message clients can take and terminals can show.
pub(crate) fn status(code: Code, message: &str) -> Status {
    Status::new(code, printable(message, MESSAGE_MAX))
}

/// The error of a look at `what`, which the message names.
pub(crate) fn of_look(error: &AdminError, what: &str) -> Status {
    let (code, message) = parts(error);
    status(code, &named(message, what))
}

/// Whose client asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// One of the original's service, which must see the codes that it knows.
    Original,
    /// One of the service beside it.
    Operations,
}

/// The error of a command about `what`, which the message names.
pub(crate) fn of_command(error: &AdminError, what: &str, dialect: Dialect) -> Status {
    let (code, message) = parts(error);
    let code = match (error, dialect) {
        (AdminError::Unreadable(_), Dialect::Original) => Code::Internal,
        _ => code,
    };
    let mut message = named(message, what);
    if matches!(error, AdminError::Unavailable(_)) {
        message.push_str("; it may or may not have been done, and it may safely be asked again");
    }
    status(code, &message)
}

fn parts(error: &AdminError) -> (Code, &str) {
    match error {
        AdminError::InvalidArgument(message) => (Code::InvalidArgument, message),
        AdminError::NotFound(message) => (Code::NotFound, message),
        // `Internal` would leave it open whether anything was done.
        AdminError::FailedPrecondition(message) | AdminError::Unreadable(message) => {
            (Code::FailedPrecondition, message)
        }
        AdminError::Unavailable(message) | AdminError::NotNow(message) => {
            (Code::Unavailable, message)
        }
    }
}

/// The longest name in front of a message.
const NAME_MAX: usize = 200;

fn named(message: &str, what: &str) -> String {
    if what.is_empty() || message.contains(what) {
        return message.to_owned();
    }
    format!("{}: {message}", printable(what, NAME_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_say_what_they_are_about_once() {
        let error = AdminError::Unavailable("the store is away".to_owned());
        assert_eq!(
            of_look(&error, "a.near/f").message(),
            "a.near/f: the store is away"
        );
        assert_eq!(
            of_command(&error, "a.near/f", Dialect::Operations).message(),
            "a.near/f: the store is away; it may or may not have been done, and it may safely be \
             asked again"
        );
        let error = AdminError::NotNow("nothing is changed: the registry is away".to_owned());
        let status = of_command(&error, "a.near/f", Dialect::Operations);
        assert_eq!(
            status.message(),
            "a.near/f: nothing is changed: the registry is away"
        );
        assert_eq!(status.code(), Code::Unavailable);
        let error = AdminError::NotFound("a.near/f is not registered".to_owned());
        let status = of_command(&error, "a.near/f", Dialect::Operations);
        assert_eq!(status.message(), "a.near/f is not registered");
        assert_eq!(status.code(), Code::NotFound);
        let error = AdminError::Unreadable("a.near/f: nothing is changed".to_owned());
        for (dialect, code) in [
            (Dialect::Original, Code::Internal),
            (Dialect::Operations, Code::FailedPrecondition),
        ] {
            let status = of_command(&error, "a.near/f", dialect);
            assert_eq!(status.code(), code);
            assert_eq!(status.message(), "a.near/f: nothing is changed");
        }
    }

    #[test]
    fn no_message_is_longer_than_a_header_may_be() {
        let long = "ä\n".repeat(100_000);
        for error in [
            AdminError::NotFound(long.clone()),
            AdminError::Unreadable("short".to_owned()),
        ] {
            let status = of_command(&error, &long, Dialect::Original);
            assert!(
                status.message().len() < 2 * MESSAGE_MAX,
                "{}",
                status.message().len()
            );
            assert!(!status.message().contains('\n'));
        }
    }
}
