//! One question to one node.

use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use coordinator::registry::ViewAnswer;
use reqwest::header::{
    ACCEPT, CONTENT_ENCODING, CONTENT_TYPE, DATE, HeaderMap, HeaderValue, LOCATION, RETRY_AFTER,
};
use reqwest::{Client, Response, StatusCode, redirect};
use rustls::{ClientConfig, RootCertStore, crypto};
use rustls_platform_verifier::Verifier;

use crate::body;
use crate::octets::Text;
use crate::options::{Endpoint, Options, OptionsError};
use crate::places::told;
use crate::rpc_error::Meaning;

/// The largest body of a refusal that is looked at, in bytes.
const REFUSAL_LEN_MAX: usize = 64 << 10;

/// What became of a question.
#[derive(Debug)]
pub(crate) enum Outcome {
    Answer(ViewAnswer),
    /// The contract's failure.
    Contract(String),
    /// The node asks for fewer calls, perhaps saying for how long.
    RateLimited(Option<Duration>),
    /// The node does not know the caller.
    Refused(String),
    /// The node failed in some other way.
    Failed(String),
    /// It answers with more than is read.
    TooLarge(String),
}

pub(crate) struct HttpClient {
    client: Client,
    wire_len_max: usize,
}

impl HttpClient {
    pub(crate) fn new(options: &Options) -> Result<HttpClient, OptionsError> {
        let client = Client::builder()
            .tls_backend_preconfigured(tls(options)?)
            .user_agent(&options.user_agent)
            .connect_timeout(options.connect_timeout)
            // A key must not travel to wherever a node points.
            .redirect(redirect::Policy::none())
            .referer(false)
            .no_proxy()
            .build()
            .map_err(|error| OptionsError::Client(chain(error)))?;
        Ok(HttpClient {
            client,
            wire_len_max: options.wire_len_max,
        })
    }

    /// Asks `endpoint` the question `id`, whose text is `body`, for at most
    /// `timeout`.
    pub(crate) async fn ask(
        &self,
        endpoint: &Endpoint,
        id: &str,
        body: &[u8],
        timeout: Duration,
    ) -> Outcome {
        let answer = tokio::time::timeout(timeout, self.ask_unlimited(endpoint, id, body));
        answer.await.unwrap_or_else(|_| {
            Outcome::Failed(format!("gave no whole answer in {}", told(timeout)))
        })
    }

    async fn ask_unlimited(&self, endpoint: &Endpoint, id: &str, body: &[u8]) -> Outcome {
        let mut request = self
            .client
            .post(endpoint.url.clone())
            .header(CONTENT_TYPE, "application/json")
            .header(ACCEPT, "application/json")
            .body(body.to_vec());
        if let Some(key) = &endpoint.key
            && let Some(value) = key.value()
        {
            request = request.header(&key.header, value);
        }
        match request.send().await {
            Ok(response) => self.judge(response, id).await,
            Err(error) => Outcome::Failed(chain(error)),
        }
    }

    async fn judge(&self, response: Response, id: &str) -> Outcome {
        let status = response.status();
        let headers = response.headers();
        match status {
            StatusCode::TOO_MANY_REQUESTS => Outcome::RateLimited(retry_after(headers)),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Outcome::Refused(format!(
                "refuses the caller (HTTP {}): check the API key",
                status.as_u16()
            )),
            _ if status.is_redirection() => Outcome::Failed(format!(
                "redirects {} (HTTP {}), which is not followed: give the final address",
                target(headers),
                status.as_u16()
            )),
            _ if !status.is_success() => refusal(response, id).await,
            _ => match improper(headers) {
                Some(why) => Outcome::Failed(why),
                None => body::decode(response, id, self.wire_len_max).await.into(),
            },
        }
    }
}

impl From<Result<ViewAnswer, Meaning>> for Outcome {
    fn from(result: Result<ViewAnswer, Meaning>) -> Outcome {
        match result {
            Ok(answer) => Outcome::Answer(answer),
            Err(Meaning::Contract(text)) => Outcome::Contract(text),
            Err(Meaning::RateLimited) => Outcome::RateLimited(None),
            Err(Meaning::Node(text)) => Outcome::Failed(text),
            Err(Meaning::TooLarge(text)) => Outcome::TooLarge(text),
        }
    }
}

/// Newer nodes send the protocol's errors with statuses of their own.
async fn refusal(response: Response, id: &str) -> Outcome {
    let status = response.status();
    let pause = retry_after(response.headers());
    let plain = format!("answers HTTP {}", status.as_u16());
    let json = response.headers().get(CONTENT_TYPE).is_some_and(is_json);
    let said = if json && improper(response.headers()).is_none() {
        match body::decode(response, id, REFUSAL_LEN_MAX).await {
            Err(Meaning::Contract(text)) => return Outcome::Contract(text),
            Err(Meaning::RateLimited) => return Outcome::RateLimited(pause),
            Err(Meaning::Node(text) | Meaning::TooLarge(text)) => format!("{plain}: {text}"),
            Ok(_) => plain,
        }
    } else {
        plain
    };
    match pause {
        // A node under repair says for how long.
        Some(pause) => Outcome::RateLimited(Some(pause)),
        None => Outcome::Failed(said),
    }
}

fn is_json(kind: &HeaderValue) -> bool {
    kind.to_str()
        .is_ok_and(|kind| kind.to_ascii_lowercase().contains("json"))
}

/// Why the body cannot be what was asked for, if so.
fn improper(headers: &HeaderMap) -> Option<String> {
    match headers.get(CONTENT_ENCODING).map(HeaderValue::to_str) {
        None | Some(Ok("" | "identity")) => {}
        _ => return Some("sends a compressed body that was not asked for".to_owned()),
    }
    match headers.get(CONTENT_TYPE) {
        None => None,
        Some(kind) if is_json(kind) => None,
        Some(kind) => Some(format!(
            "answers with `{}` instead of JSON: is it the address of an RPC node?",
            Text::new(kind.to_str().unwrap_or("?")).as_str()
        )),
    }
}

/// How long to wait before the next call. A date is compared with the sender's
/// own clock, since ours may be wrong.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let then = httpdate::parse_http_date(text).ok()?;
    let now = httpdate::parse_http_date(headers.get(DATE)?.to_str().ok()?).ok()?;
    Some(then.duration_since(now).unwrap_or_default())
}

/// Where to, in words, without anything that may be a secret.
fn target(headers: &HeaderMap) -> String {
    headers
        .get(LOCATION)
        .and_then(|location| location.to_str().ok())
        .and_then(|location| Endpoint::parse(location).ok())
        .map_or_else(
            || "elsewhere".to_owned(),
            |endpoint| format!("to {}", Text::new(&endpoint.label()).as_str()),
        )
}

fn tls(options: &Options) -> Result<ClientConfig, OptionsError> {
    let failed = |error: rustls::Error| OptionsError::Tls(error.to_string());
    let provider = Arc::new(crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(failed)?;
    let encrypted = options
        .endpoints
        .iter()
        .any(|endpoint| endpoint.url.scheme() == "https");
    if !encrypted {
        // A machine without certificates can do without them.
        let builder = builder.with_root_certificates(RootCertStore::empty());
        return Ok(builder.with_no_client_auth());
    }
    let roots = options.extra_roots.iter().cloned();
    let verifier = Verifier::new_with_extra_roots(roots, provider).map_err(failed)?;
    Ok(builder
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth())
}

/// The error and its causes in one line, without the address.
pub(crate) fn chain(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let said = cause.to_string();
        if !text.ends_with(&said) {
            text = format!("{text}: {said}");
        }
        source = cause.source();
    }
    Text::new(&text).0
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderName;

    use super::*;

    fn headers(pairs: &[(HeaderName, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (name.clone(), HeaderValue::from_str(value).unwrap()))
            .collect()
    }

    #[test]
    fn the_pause_is_given_in_seconds_or_by_a_date() {
        let date = (DATE, "Sun, 06 Nov 1994 08:49:37 GMT");
        let pause = |text: &str| retry_after(&headers(&[(RETRY_AFTER, text), date.clone()]));
        assert_eq!(pause("17"), Some(Duration::from_secs(17)));
        assert_eq!(
            pause("Sun, 06 Nov 1994 08:51:37 GMT"),
            Some(Duration::from_secs(120))
        );
        assert_eq!(pause("Sun, 06 Nov 1994 08:00:00 GMT"), Some(Duration::ZERO));
        for nonsense in ["", "soon", "-1", "1.5", "99999999999999999999999"] {
            assert_eq!(pause(nonsense), None, "{nonsense}");
        }
        let alone = headers(&[(RETRY_AFTER, "Sun, 06 Nov 1994 08:51:37 GMT")]);
        assert_eq!(retry_after(&alone), None, "without a clock to compare with");
        assert_eq!(retry_after(&HeaderMap::new()), None);
    }

    #[test]
    fn a_redirect_is_told_without_its_secrets() {
        let to = |location| target(&headers(&[(LOCATION, location)]));
        assert_eq!(
            to("https://u:p@b.example/x?apiKey=1"),
            "to https://b.example"
        );
        assert_eq!(to("/elsewhere?apiKey=1"), "elsewhere");
    }
}
