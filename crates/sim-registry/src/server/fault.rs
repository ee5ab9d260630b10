//! What can go wrong with a call.

use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream::{self, StreamExt};
use real_tokio::time::sleep;
use serde::{Deserialize, Serialize};

/// How calls go wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Fault {
    /// An HTTP status with a short text, and perhaps a `Retry-After`.
    Status {
        /// The status, such as 503.
        code: u16,
        /// The header's text, in seconds or as a date.
        retry_after: Option<String>,
    },
    /// An error of the protocol with this cause, such as `UNKNOWN_BLOCK`.
    RpcError {
        /// The cause's name.
        cause: String,
    },
    /// The contract fails with these words.
    Contract {
        /// What it says.
        message: String,
    },
    /// The answer is this many blocks older than it need be.
    Lag {
        /// How many.
        blocks: u64,
    },
    /// A successful answer without a height.
    NoHeight,
    /// A page in HTML with status 200.
    Html,
    /// JSON that is none, with status 200.
    Garbage,
    /// The connection breaks in the middle of the body.
    Truncated,
    /// The body comes a byte a second.
    Slow,
    /// No answer at all.
    Hang,
}

/// A fault, and for how many calls.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequestFault {
    /// What happens.
    pub fault: Fault,
    /// How many calls meet it; until healed if absent.
    pub times: Option<u64>,
    /// Only calls of this method of the contract, if given.
    pub method: Option<String>,
}

/// The faults in force; of several for one call the first counts.
#[derive(Debug, Default)]
pub(super) struct Faults(Vec<RequestFault>);

impl Faults {
    pub(super) fn add(&mut self, fault: RequestFault) {
        self.0.push(fault);
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// What a call of `method` meets.
    pub(super) fn take(&mut self, method: &str) -> Option<Fault> {
        let concerns = |fault: &RequestFault| fault.method.as_deref().is_none_or(|m| m == method);
        let at = self.0.iter().position(concerns)?;
        let found = self.0.get_mut(at)?;
        let fault = found.fault.clone();
        if let Some(left) = &mut found.times {
            *left = left.saturating_sub(1);
            if *left == 0 {
                self.0.remove(at);
            }
        }
        Some(fault)
    }
}

/// `answer` as it looks under `fault`.
pub(super) async fn spoil(fault: Option<Fault>, answer: Bytes) -> Response {
    let json = [(header::CONTENT_TYPE, "application/json")];
    match fault {
        Some(Fault::Status { code, retry_after }) => {
            let status = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            let mut response = (status, status.to_string()).into_response();
            let pause = retry_after.and_then(|text| HeaderValue::from_str(&text).ok());
            if let Some(pause) = pause {
                response.headers_mut().insert(header::RETRY_AFTER, pause);
            }
            response
        }
        Some(Fault::Html) => (
            [(header::CONTENT_TYPE, "text/html")],
            "<html><body>502 Bad Gateway</body></html>",
        )
            .into_response(),
        Some(Fault::Garbage) => {
            (json, "{\"jsonrpc\":\"2.0\",\"result\":{\"result\":[12").into_response()
        }
        Some(Fault::Truncated) => {
            let half = answer.slice(..answer.len() / 2);
            let broken = std::io::Error::other("injected: the connection breaks");
            let body = stream::iter([Ok(half), Err(broken)]);
            (json, Body::from_stream(body)).into_response()
        }
        Some(Fault::Slow) => {
            let body = stream::iter(answer).then(|byte| async move {
                sleep(Duration::from_secs(1)).await;
                Ok::<_, std::io::Error>(Bytes::from(vec![byte]))
            });
            (json, Body::from_stream(body)).into_response()
        }
        Some(Fault::Hang) => std::future::pending().await,
        _ => (json, answer).into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(times: Option<u64>, method: Option<&str>) -> RequestFault {
        RequestFault {
            fault: Fault::Html,
            times,
            method: method.map(str::to_owned),
        }
    }

    #[test]
    fn faults_last_for_their_number_of_calls_of_their_method() {
        let mut faults = Faults::default();
        faults.add(fault(Some(2), Some("a")));
        faults.add(fault(None, Some("b")));
        let calls = ["a", "b", "c", "a", "a", "b"].map(|method| faults.take(method).is_some());
        assert_eq!(calls, [true, true, false, true, false, true]);
        faults.clear();
        assert_eq!(faults.take("b"), None);
    }

    #[test]
    fn faults_are_named_in_json() {
        for (json, fault) in [
            (
                r#"{"fault":{"status":{"code":429,"retry_after":"3"}},"times":1}"#,
                Fault::Status {
                    code: 429,
                    retry_after: Some("3".into()),
                },
            ),
            (r#"{"fault":"hang"}"#, Fault::Hang),
            (
                r#"{"fault":{"lag":{"blocks":9}}}"#,
                Fault::Lag { blocks: 9 },
            ),
        ] {
            let read: RequestFault = serde_json::from_str(json).unwrap();
            assert_eq!(read.fault, fault);
        }
        assert!(serde_json::from_str::<RequestFault>(r#"{"fault":"sulk"}"#).is_err());
        assert!(serde_json::from_str::<RequestFault>(r#"{"fault":"hang","n":1}"#).is_err());
    }
}
