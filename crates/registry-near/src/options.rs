//! Where the registry is asked, and how patiently.

use std::fmt;
use std::time::Duration;

use coordinator::registry::decode::ANSWER_LEN_MAX;
use near_account_id::AccountId;
use reqwest::header::{AUTHORIZATION, HeaderName, HeaderValue};
use rustls_pki_types::CertificateDer;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

/// The most nodes that are asked.
const ENDPOINTS_MAX: usize = 16;

/// Settings of a [`crate::NearRegistry`].
#[derive(Clone, Debug)]
pub struct Options {
    /// The nodes, the preferred one first; at least one.
    pub endpoints: Vec<Endpoint>,
    /// The account that the contract is deployed to.
    pub contract: AccountId,
    /// Limit of a whole call, over all nodes and including the wait for a place.
    pub timeout: Duration,
    /// Limit of one node's answer, to its last byte, while another node is left that can
    /// be asked after it; the last one has all that is left of the call.
    pub attempt_timeout: Duration,
    /// Limit of connecting to a node.
    pub connect_timeout: Duration,
    /// The most questions about single indexers at a time; others wait. At least one is
    /// assumed. Listings have places of their own, so that they wait for none of them.
    pub concurrent: usize,
    /// What the nodes are told about who asks.
    pub user_agent: String,
    /// The largest HTTP body, in bytes. A byte of the contract's answer takes up
    /// to four bytes of it.
    pub wire_len_max: usize,
    /// Certificates of authorities to trust beside the system's.
    pub extra_roots: Vec<CertificateDer<'static>>,
}

impl Options {
    /// Settings that suit public nodes.
    pub fn new(endpoints: Vec<Endpoint>, contract: AccountId) -> Options {
        Options {
            endpoints,
            contract,
            timeout: Duration::from_secs(9),
            attempt_timeout: Duration::from_secs(6),
            connect_timeout: Duration::from_secs(3),
            concurrent: 8,
            user_agent: concat!("coordinator/", env!("CARGO_PKG_VERSION")).to_owned(),
            wire_len_max: 4 * ANSWER_LEN_MAX + (1 << 20),
            extra_roots: Vec::new(),
        }
    }

    pub(crate) fn check(&self) -> Result<(), OptionsError> {
        match self.endpoints.len() {
            0 => Err(OptionsError::NoEndpoint),
            1..=ENDPOINTS_MAX => Ok(()),
            count => Err(OptionsError::TooManyEndpoints(count)),
        }
    }
}

/// Settings that make no sense. The text repeats no part of an address or key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OptionsError {
    /// There is nobody to ask.
    #[error("no address of an RPC node is given, for example https://rpc.mainnet.near.org")]
    NoEndpoint,
    /// There are more nodes than is sensible.
    #[error("{0} addresses of RPC nodes are given, more than {ENDPOINTS_MAX}")]
    TooManyEndpoints(usize),
    /// An address is none.
    #[error("address {position} of the RPC nodes is no http:// or https:// URL: {why}")]
    BadUrl {
        /// Its place in the list, from 1.
        position: usize,
        /// What is wrong.
        why: String,
    },
    /// The name of the header for the key is none.
    #[error("`{0}` is no name of an HTTP header, for example Authorization or x-api-key")]
    BadHeader(String),
    /// The key cannot stand in a header.
    #[error("the RPC API key is empty or holds characters that no HTTP header may hold")]
    BadKey,
    /// No TLS client could be made.
    #[error("TLS for the RPC nodes cannot be set up: {0}")]
    Tls(String),
    /// No HTTP client could be made.
    #[error("the HTTP client for the RPC nodes cannot be set up: {0}")]
    Client(String),
}

/// A node.
#[derive(Clone)]
pub struct Endpoint {
    pub(crate) url: Url,
    pub(crate) key: Option<ApiKey>,
}

impl Endpoint {
    /// The node at `url`, which may hold a user, a password, a path and a query.
    ///
    /// # Errors
    /// It is no `http` or `https` URL with a host.
    pub fn parse(url: &str) -> Result<Endpoint, OptionsError> {
        Endpoint::at(1, url)
    }

    /// The nodes of a list separated by commas, the preferred one first.
    ///
    /// # Errors
    /// As [`Endpoint::parse`], or the list is empty or too long.
    pub fn parse_list(urls: &str) -> Result<Vec<Endpoint>, OptionsError> {
        let urls: Vec<&str> = urls
            .split(',')
            .map(str::trim)
            .filter(|url| !url.is_empty())
            .collect();
        match urls.len() {
            0 => Err(OptionsError::NoEndpoint),
            1..=ENDPOINTS_MAX => urls
                .iter()
                .enumerate()
                .map(|(at, url)| Endpoint::at(at + 1, url))
                .collect(),
            count => Err(OptionsError::TooManyEndpoints(count)),
        }
    }

    /// The same node, to which `key` is shown. A key is shown to the nodes it
    /// was given for, and to nobody that they redirect to.
    #[must_use]
    pub fn with_key(mut self, key: ApiKey) -> Endpoint {
        self.key = Some(key);
        self
    }

    /// Scheme, host and port: all of the address that may be shown.
    pub fn label(&self) -> String {
        let host = self.url.host_str().unwrap_or_default();
        let port = self
            .url
            .port()
            .map(|port| format!(":{port}"))
            .unwrap_or_default();
        format!("{}://{host}{port}", self.url.scheme())
    }

    /// Whether a key travels where anybody on the way can read it.
    pub(crate) fn exposes_key(&self) -> bool {
        let loopback = match self.url.host() {
            Some(url::Host::Domain(name)) => name == "localhost",
            Some(url::Host::Ipv4(address)) => address.is_loopback(),
            Some(url::Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        };
        self.key.is_some() && self.url.scheme() == "http" && !loopback
    }

    fn at(position: usize, text: &str) -> Result<Endpoint, OptionsError> {
        let bad = |why: String| OptionsError::BadUrl { position, why };
        let url = Url::parse(text.trim()).map_err(|error| bad(error.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(bad("it has another scheme".to_owned()));
        }
        if !url.has_host() {
            return Err(bad("it names no host".to_owned()));
        }
        Ok(Endpoint { url, key: None })
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Endpoint({})", self.label())
    }
}

/// The key of a provider's customer, and the header it is shown in.
#[derive(Clone)]
pub struct ApiKey {
    pub(crate) header: HeaderName,
    key: SecretString,
}

impl ApiKey {
    /// A key for the header `header`. In `Authorization` it stands behind the
    /// word `Bearer`, unless it brings a scheme of its own. White space around
    /// the key, such as the end of a file's line, is dropped.
    ///
    /// # Errors
    /// The header's name or the key has characters that cannot be sent.
    pub fn new(header: &str, key: &SecretString) -> Result<ApiKey, OptionsError> {
        let name: HeaderName = header
            .trim()
            .parse()
            .map_err(|_| OptionsError::BadHeader(header.chars().take(64).collect()))?;
        let text = key.expose_secret().trim();
        if text.is_empty() {
            return Err(OptionsError::BadKey);
        }
        let text = if name == AUTHORIZATION && !text.contains(' ') {
            format!("Bearer {text}")
        } else {
            text.to_owned()
        };
        let key = ApiKey {
            header: name,
            key: SecretString::from(text),
        };
        key.value().ok_or(OptionsError::BadKey)?;
        Ok(key)
    }

    /// A key for the header `Authorization`.
    ///
    /// # Errors
    /// As [`ApiKey::new`].
    pub fn bearer(key: &SecretString) -> Result<ApiKey, OptionsError> {
        ApiKey::new("authorization", key)
    }

    pub(crate) fn value(&self) -> Option<HeaderValue> {
        let mut value = HeaderValue::from_str(self.key.expose_secret()).ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "ApiKey(in {})", self.header)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> SecretString {
        SecretString::from(text)
    }

    #[test]
    fn lists_are_read_in_order_and_shown_without_secrets() {
        let list = "https://user:pw@a.example/v1/KEY?apiKey=SECRET, http://[::1]:3030 ,,";
        let endpoints = Endpoint::parse_list(list).unwrap();
        let labels: Vec<String> = endpoints.iter().map(Endpoint::label).collect();
        assert_eq!(labels, ["https://a.example", "http://[::1]:3030"]);
        let shown = format!("{endpoints:?}");
        for secret in ["user", "pw", "KEY", "SECRET"] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }

    #[test]
    fn bad_addresses_are_refused_by_their_place() {
        for (list, part) in [
            ("", "no address"),
            (" , ", "no address"),
            ("http://a, SECRET/x", "address 2"),
            ("ftp://a/SECRET", "another scheme"),
            ("https://", "address 1"),
            ("http://a:port/SECRET", "address 1"),
        ] {
            let error = Endpoint::parse_list(list).unwrap_err().to_string();
            assert!(error.contains(part), "{list}: {error}");
            assert!(!error.contains("SECRET"), "{error}");
        }
        let many = vec!["http://a"; ENDPOINTS_MAX + 1].join(",");
        assert_eq!(
            Endpoint::parse_list(&many).unwrap_err(),
            OptionsError::TooManyEndpoints(ENDPOINTS_MAX + 1)
        );
    }

    #[test]
    fn keys_stand_where_the_provider_wants_them() {
        for (header, given, sent) in [
            ("Authorization", "abc\n", "Bearer abc"),
            ("authorization", "Basic abc", "Basic abc"),
            ("x-api-key", " abc ", "abc"),
        ] {
            let key = ApiKey::new(header, &key(given)).unwrap();
            assert_eq!(key.value().unwrap().to_str().unwrap(), sent);
            assert!(!format!("{key:?} {:?}", key.value()).contains("abc"));
        }
        let error = ApiKey::new("x api key", &key("abc")).unwrap_err();
        assert!(error.to_string().contains("x api key"));
        for bad in ["", " ", "a\nb", "\u{1}"] {
            let error = ApiKey::bearer(&key(bad)).unwrap_err();
            assert_eq!(error, OptionsError::BadKey, "{bad:?}");
        }
    }

    #[test]
    fn a_key_over_plain_http_is_noticed_unless_it_stays_on_the_machine() {
        let with_key = |url: &str| {
            let key = ApiKey::bearer(&key("abc")).unwrap();
            Endpoint::parse(url).unwrap().with_key(key)
        };
        for exposed in ["http://a.example", "http://10.0.0.1:3030"] {
            assert!(with_key(exposed).exposes_key(), "{exposed}");
            assert!(!Endpoint::parse(exposed).unwrap().exposes_key());
        }
        for fine in [
            "https://a.example",
            "http://127.0.0.1",
            "http://localhost:1",
            "http://[::1]",
        ] {
            assert!(!with_key(fine).exposes_key(), "{fine}");
        }
    }
}
