//! What went wrong, to what, and what to do.

use std::error::Error;
use std::time::Duration;

use tonic::{Code, Status};

use crate::exit::{Exit, Failure};
use crate::text;

/// What TLS servers say of a caller's certificate (RFC 8446, section 6.2). They say
/// it at the end of the handshake, so nothing of a request was read.
const CERTIFICATE_MISSING: &str = "received fatal alert: CertificateRequired";
const CERTIFICATE_REFUSED: [&str; 8] = [
    "received fatal alert: UnknownCA",
    "received fatal alert: BadCertificate",
    "received fatal alert: CertificateUnknown",
    "received fatal alert: CertificateExpired",
    "received fatal alert: CertificateRevoked",
    "received fatal alert: UnsupportedCertificate",
    "received fatal alert: AccessDenied",
    "received fatal alert: DecryptError",
];

/// No connection.
pub(crate) fn of_transport(server: &str, error: &(dyn Error + 'static)) -> Failure {
    let cause = cause_of(error);
    if let Some(advice) = refusal(&cause) {
        return Failure::new(Exit::Refused, refused(server, &cause, advice));
    }
    let (cause, advice) = advise(server, &cause);
    Failure::new(
        Exit::Unavailable,
        format!("no coordinator answers at {server}: {cause}. {advice}"),
    )
}

/// The innermost cause.
fn cause_of(error: &(dyn Error + 'static)) -> String {
    let mut deepest = error;
    while let Some(inner) = deepest.source() {
        deepest = inner;
    }
    text::sentence(&deepest.to_string())
}

/// What to do if the server did not let the caller in before anything was asked.
fn refusal(cause: &str) -> Option<&'static str> {
    if cause.contains(CERTIFICATE_MISSING) {
        return Some("It wants to know who you are: give --cert and --key.");
    }
    let is_refused = CERTIFICATE_REFUSED
        .iter()
        .any(|words| cause.contains(words));
    is_refused.then_some(
        "It does not accept the certificate that --cert gave: use one that is in force and signed \
         by an authority that it trusts.",
    )
}

fn refused(server: &str, cause: &str, advice: &str) -> String {
    format!("{server} let nobody in: {cause}. {advice}")
}

fn advise(server: &str, cause: &str) -> (String, &'static str) {
    let cause = match cause.split_once(" (os error") {
        Some((words, _)) => words.to_owned(),
        None => cause.to_owned(),
    };
    let has = |words: &[&str]| words.iter().any(|word| cause.contains(word));
    let advice = if has(&["UnknownIssuer", "BadSignature"]) {
        "Its certificate is signed by nobody trusted here: give the authority by --ca."
    } else if has(&["certificate not valid for name", "NotValidForName"]) {
        "Its certificate is made out to another name: ask it by that name with --server."
    } else if has(&["invalid peer certificate", "certificate"]) {
        "Its certificate is not accepted: have it renewed, or see --ca."
    } else if has(&["InvalidContentType", "corrupt message"]) {
        "It does not seem to speak TLS there: try http://."
    } else if has(&[
        "http2",
        "frame",
        "preface",
        "broken pipe",
        "closed",
        "reading a body",
        "was canceled",
    ]) {
        if server.starts_with("https://") {
            "It went away, or does not speak gRPC there: check --server."
        } else {
            "It went away, or does not speak gRPC there, or only by TLS: check --server, or try \
             https://."
        }
    } else {
        "Is it running there? Otherwise set --server or COORDINATOR_SERVER."
    };
    (cause, advice)
}

/// No answer in time.
pub(crate) fn late(what: &str, server: &str, deadline: Duration) -> Failure {
    let deadline = humantime::format_duration(deadline);
    Failure::late(
        Exit::Failed,
        format!(
            "{what}: no answer from {server} within {deadline}. It may be busy: try again, or \
             raise --request-timeout."
        ),
    )
}

/// The server's refusal, or the loss of the connection.
pub(crate) fn of_status(what: &str, server: &str, status: &Status) -> Failure {
    // What tonic says when the deadline of a request is over, on either side.
    let is_late = status.message() == "Timeout expired";
    let is_lost = !is_late
        && matches!(
            status.code(),
            Code::Unavailable | Code::Unknown | Code::Internal | Code::Cancelled
        );
    if is_lost && is_of_transport(status) {
        let cause = match status.source() {
            Some(error) => cause_of(error),
            None => text::sentence(status.message()),
        };
        if let Some(advice) = refusal(&cause) {
            let message = format!("{what}: {}", refused(server, &cause, advice));
            return Failure::new(Exit::Refused, message);
        }
        let (cause, advice) = advise(server, &cause);
        return Failure::uncertain(
            Exit::Unavailable,
            format!("{what}: the connection to {server} was lost: {cause}. {advice}"),
        );
    }
    let said = match text::sentence(status.message()) {
        said if said.is_empty() => status.code().description().to_owned(),
        said => said,
    };
    let said = said.trim_end_matches('.');
    let (exit, advice) = match status.code() {
        Code::NotFound => (
            Exit::NotFound,
            "`coordinator list` shows what there is.".to_owned(),
        ),
        Code::Unauthenticated => (
            Exit::Refused,
            "Say who you are by --token-file, or by --cert and --key.".to_owned(),
        ),
        Code::PermissionDenied => (
            Exit::Refused,
            "Use the token or certificate of somebody who may.".to_owned(),
        ),
        Code::InvalidArgument | Code::OutOfRange => (Exit::Usage, String::new()),
        Code::Unavailable => (
            Exit::Unavailable,
            format!(
                "Something that {server} needs is away, or it is stopping: `coordinator \
                 overview` says what is down; try again in a moment."
            ),
        ),
        Code::DeadlineExceeded => (
            Exit::Failed,
            format!("{server} did not answer in time: try again, or raise --request-timeout."),
        ),
        Code::ResourceExhausted => (
            Exit::Failed,
            "It is too much at once: try again in a moment.".to_owned(),
        ),
        Code::Unimplemented => (
            Exit::Failed,
            format!("{server} is no coordinator, or one of another version."),
        ),
        Code::FailedPrecondition => (Exit::Failed, String::new()),
        Code::Cancelled if is_late => (
            Exit::Failed,
            format!("{server} did not answer in time: try again, or raise --request-timeout."),
        ),
        Code::Cancelled | Code::Aborted => (Exit::Failed, "Try again.".to_owned()),
        _ => (
            Exit::Failed,
            format!("The log of the coordinator at {server} says more."),
        ),
    };
    let advice = if advice.is_empty() {
        String::new()
    } else {
        format!(" {advice}")
    };
    // Servers often name the indexer themselves.
    let message = if said.starts_with(what) {
        format!("{said}.{advice}")
    } else {
        format!("{what}: {said}.{advice}")
    };
    match status.code() {
        Code::Unavailable
        | Code::DeadlineExceeded
        | Code::Cancelled
        | Code::Internal
        | Code::Unknown
        | Code::DataLoss => Failure::uncertain(exit, message),
        _ => Failure::new(exit, message),
    }
}

/// Whether a failure comes from the connection rather than from the server: what
/// a server sends has no source.
fn is_of_transport(status: &Status) -> bool {
    let words = ["h2 protocol error", "transport error"];
    status.source().is_some() || words.iter().any(|word| status.message().starts_with(word))
}
