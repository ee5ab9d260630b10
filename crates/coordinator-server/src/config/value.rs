//! From text to values, by the kind of a setting.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use near_account_id::AccountId;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use crate::config::problem::{closest, quoted};
use crate::settings::Kind;

/// URLs of one setting at the most.
const URLS_MAX: usize = 16;

/// A word that is never shown.
#[derive(Clone)]
pub struct Secret(SecretString);

impl Secret {
    /// Keeps `text`.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Secret {
        Secret(SecretString::from(text.into()))
    }

    /// The word itself, for whoever sends it.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// The same for the clients that take it over.
    #[must_use]
    pub fn into_inner(self) -> SecretString {
        self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Secret) -> bool {
        self.expose() == other.expose()
    }
}

/// A URL that may hold a key or a password; shown without them.
#[derive(Clone, PartialEq)]
pub struct HiddenUrl(Url);

impl HiddenUrl {
    /// Keeps `url`.
    #[must_use]
    pub fn new(url: Url) -> HiddenUrl {
        HiddenUrl(url)
    }

    /// The URL itself, for whoever connects to it.
    #[must_use]
    pub fn expose(&self) -> &Url {
        &self.0
    }
}

impl fmt::Display for HiddenUrl {
    /// Scheme, host and port; the rest may be a key, as providers of RPC put it
    /// into the path or the query. Of a Redis the number of the database is shown,
    /// or the path of its socket.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = &self.0;
        write!(f, "{}://", url.scheme())?;
        if !url.username().is_empty() || url.password().is_some() {
            write!(f, "***@")?;
        }
        write!(f, "{}", url.host_str().unwrap_or_default())?;
        if let Some(port) = url.port() {
            write!(f, ":{port}")?;
        }
        let path = url.path().trim_start_matches('/');
        let is_known = match url.scheme() {
            // The path of a socket.
            "unix" => true,
            "redis" | "rediss" => path.len() <= 5 && path.bytes().all(|byte| byte.is_ascii_digit()),
            _ => false,
        };
        match path {
            "" => {}
            _ if is_known => write!(f, "/{path}")?,
            _ => write!(f, "/***")?,
        }
        if url.query().is_some() {
            write!(f, "?***")?;
        }
        Ok(())
    }
}

impl fmt::Debug for HiddenUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A value of the right form.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Of a switch.
    Bool(bool),
    /// A whole number; also a port.
    Count(u64),
    /// A fraction.
    Share(f64),
    /// A duration.
    Duration(Duration),
    /// Text, a word, an account.
    Text(String),
    /// A path as it was written.
    Path(PathBuf),
    /// Where to listen.
    Address(SocketAddr),
    /// URLs.
    Urls(Vec<HiddenUrl>),
    /// A secret.
    Secret(Secret),
}

/// The value that `text` stands for.
///
/// # Errors
/// A sentence about the text, without the text if it may be a secret.
pub fn parse(kind: Kind, text: &str) -> Result<Value, String> {
    let text = text.trim();
    match kind {
        Kind::Switch | Kind::Presence => switch(text),
        Kind::Count { least, most } => count(text, least, most),
        Kind::Port => port(text),
        Kind::Share { least, most } => share(text, least, most),
        Kind::Duration { least, most } => duration(text, least, most),
        Kind::Text => one_line(text).map(|text| Value::Text(text.to_owned())),
        Kind::Choice(words) => choice(text, words),
        Kind::InputFile | Kind::Folder => {
            one_line(text).map(|text| Value::Path(PathBuf::from(text)))
        }
        Kind::Address => address(text),
        Kind::ServiceUrl => service_url(text).map(|url| Value::Urls(vec![url])),
        Kind::HttpUrls => http_urls(text),
        Kind::RedisUrl => redis_url(text).map(|url| Value::Urls(vec![url])),
        Kind::Account => match text.parse::<AccountId>() {
            Ok(account) => Ok(Value::Text(account.to_string())),
            Err(error) => Err(format!("{} is no NEAR account: {error}", quoted(text))),
        },
        Kind::Secret => {
            if text.is_empty() || text.chars().any(char::is_control) {
                return Err("it is empty or holds control characters".to_owned());
            }
            Ok(Value::Secret(Secret::new(text)))
        }
    }
}

fn switch(text: &str) -> Result<Value, String> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Ok(Value::Bool(true)),
        "false" | "0" | "no" | "off" => Ok(Value::Bool(false)),
        _ => Err(format!("{} is neither true nor false", quoted(text))),
    }
}

fn count(text: &str, least: u64, most: u64) -> Result<Value, String> {
    match text.parse::<u64>() {
        Ok(number) if (least..=most).contains(&number) => Ok(Value::Count(number)),
        Ok(_) => Err(format!("{text} is out of range: {least} to {most}")),
        Err(_) => Err(format!(
            "{} is no whole number from {least} to {most}",
            quoted(text)
        )),
    }
}

fn port(text: &str) -> Result<Value, String> {
    if text.starts_with("tcp://") {
        return Err(format!(
            "{} is no port; Kubernetes sets such a value for a Service of that name: \
             give the pod `enableServiceLinks: false`, or set another address",
            quoted(text)
        ));
    }
    match text.parse::<u16>() {
        Ok(port) => Ok(Value::Count(port.into())),
        Err(_) => Err(format!("{} is no port from 0 to 65535", quoted(text))),
    }
}

fn share(text: &str, least: f64, most: f64) -> Result<Value, String> {
    match text.parse::<f64>() {
        Ok(number) if (least..=most).contains(&number) => Ok(Value::Share(number)),
        _ => Err(format!(
            "{} is no number from {least} to {most}",
            quoted(text)
        )),
    }
}

fn duration(text: &str, least: Duration, most: Duration) -> Result<Value, String> {
    let Ok(duration) = humantime::parse_duration(text) else {
        return Err(format!(
            "{} is no duration with a unit such as `500ms`, `5s` or `2m`",
            quoted(text)
        ));
    };
    if !(least..=most).contains(&duration) {
        let (least, most) = (
            humantime::format_duration(least),
            humantime::format_duration(most),
        );
        return Err(format!(
            "{} is out of range: {least} to {most}",
            quoted(text)
        ));
    }
    Ok(Value::Duration(duration))
}

fn one_line(text: &str) -> Result<&str, String> {
    if text.is_empty() {
        return Err("it is empty".to_owned());
    }
    if text.chars().any(char::is_control) {
        return Err("it holds control characters".to_owned());
    }
    Ok(text)
}

fn choice(text: &str, words: &[&'static str]) -> Result<Value, String> {
    let lower = text.to_ascii_lowercase();
    if let Some(word) = words.iter().find(|word| **word == lower) {
        return Ok(Value::Text((*word).to_owned()));
    }
    let hint = match closest(&lower, words.iter().copied()) {
        Some(word) => format!("; did you mean `{word}`?"),
        None => String::new(),
    };
    let known = words.join(", ");
    Err(format!("{} is none of: {known}{hint}", quoted(text)))
}

fn address(text: &str) -> Result<Value, String> {
    if let Ok(address) = text.parse::<SocketAddr>() {
        return Ok(Value::Address(address));
    }
    let local = text.strip_prefix("localhost:").map(str::parse::<u16>);
    match local {
        Some(Ok(port)) => Ok(Value::Address((Ipv4Addr::LOCALHOST, port).into())),
        _ => Err(format!(
            "{} is no IP address with a port such as `127.0.0.1:9003`, `0.0.0.0:9003` or \
             `[::]:9003`",
            quoted(text)
        )),
    }
}

/// The text is not repeated: it may hold a password.
fn url(text: &str, schemes: [&str; 2]) -> Result<Url, String> {
    let [plain, encrypted] = schemes;
    let url = Url::parse(text)
        .map_err(|error| format!("it is no {plain}:// or {encrypted}:// URL: {error}"))?;
    if !schemes.contains(&url.scheme()) {
        return Err(format!("it is no {plain}:// or {encrypted}:// URL"));
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err("it names no host".to_owned());
    }
    if url.fragment().is_some() {
        return Err("it has a part after `#`, which means nothing here".to_owned());
    }
    Ok(url)
}

fn service_url(text: &str) -> Result<HiddenUrl, String> {
    let url = url(text, ["http", "https"])?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("it holds a user or a password, which gRPC has no use for".to_owned());
    }
    if url.query().is_some() || !matches!(url.path(), "" | "/") {
        return Err("it has more than scheme, host and port".to_owned());
    }
    Ok(HiddenUrl::new(url))
}

fn http_urls(text: &str) -> Result<Value, String> {
    let mut urls: Vec<HiddenUrl> = Vec::new();
    for part in text
        .split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty())
    {
        if urls.len() == URLS_MAX {
            return Err(format!("it holds more than {URLS_MAX} URLs"));
        }
        let position = urls.len() + 1;
        let parsed = url(part, ["http", "https"]).map_err(|message| match position {
            1 => message,
            _ => format!("number {position}: {message}"),
        })?;
        urls.push(HiddenUrl::new(parsed));
    }
    match urls.is_empty() {
        true => Err("it holds no URL".to_owned()),
        false => Ok(Value::Urls(urls)),
    }
}

fn redis_url(text: &str) -> Result<HiddenUrl, String> {
    if text.starts_with("unix:") {
        let url = Url::parse(text).map_err(|error| format!("it is no unix:// URL: {error}"))?;
        return match url.path() {
            "" | "/" => Err("it names no socket, as in unix:///run/redis.sock".to_owned()),
            _ => Ok(HiddenUrl::new(url)),
        };
    }
    let url = url(text, ["redis", "rediss"])?;
    let database = url.path().trim_start_matches('/');
    if !database.bytes().all(|byte| byte.is_ascii_digit()) || database.len() > 5 {
        return Err("what follows the host must be the number of a database".to_owned());
    }
    Ok(HiddenUrl::new(url))
}
