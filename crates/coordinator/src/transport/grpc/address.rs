//! Addresses of services.

use tonic::transport::Uri;

/// An address that no connection can be made to. It does not repeat the
/// address, which may hold credentials.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// It is no URL.
    #[error("it is no URL of the form `http://host:port` or `https://host:port`: {0}")]
    Malformed(String),
    /// It has another scheme than `http` and `https`.
    #[error("its scheme is `{0}`, expected `http` or `https`")]
    Scheme(String),
    /// It names no host.
    #[error("it names no host, expected `http://host:port` or `https://host:port`")]
    NoHost,
    /// It holds a user or a password, which gRPC has no use for.
    #[error("it holds a user or a password: remove them, gRPC sends neither")]
    Credentials,
    /// It goes on behind the port.
    #[error("it has a path or a query, expected nothing behind `host:port`")]
    Path,
}

/// A usable address.
#[derive(Clone, Debug)]
pub(super) struct Address {
    pub(super) uri: Uri,
    /// Whether the connection is encrypted.
    pub(super) encrypted: bool,
}

impl Address {
    pub(super) fn parse(url: &str) -> Result<Address, AddressError> {
        let uri: Uri = url
            .parse()
            .map_err(|error| AddressError::Malformed(format!("{error}")))?;
        let encrypted = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            Some(other) => return Err(AddressError::Scheme(other.to_owned())),
            None => return Err(AddressError::Malformed("it has no scheme".to_owned())),
        };
        let authority = uri.authority().ok_or(AddressError::NoHost)?;
        if authority.as_str().contains('@') {
            return Err(AddressError::Credentials);
        }
        if authority.host().is_empty() {
            return Err(AddressError::NoHost);
        }
        if uri
            .path_and_query()
            .is_some_and(|rest| rest.as_str() != "/")
        {
            return Err(AddressError::Path);
        }
        Ok(Address { uri, encrypted })
    }
}
