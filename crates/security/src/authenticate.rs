//! Who calls.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use http::HeaderMap;
use http::header::AUTHORIZATION;
use tonic::Status;

use crate::bind::is_loopback;
use crate::client_roles::ClientRoles;
use crate::incoming::PeerInfo;
use crate::role::{Forbidden, How, Principal, Role, authorise};
use crate::throttle::{Throttle, Turn};
use crate::tokens::Tokens;

/// What callers may do that do not prove who they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anonymous {
    /// Nothing.
    Refused,
    /// What this role allows.
    Allowed(Role),
}

impl Anonymous {
    /// The default of a server on `address`: as with the original, whoever
    /// reaches it may operate it, if only this machine can reach it and nothing
    /// was configured by which callers could prove who they are.
    pub fn default_for(address: SocketAddr, authentication: bool) -> Anonymous {
        if is_loopback(address) && !authentication {
            Anonymous::Allowed(Role::Operate)
        } else {
            Anonymous::Refused
        }
    }
}

/// Why a request is not served.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The caller did not try to prove who it is.
    #[error("{0}")]
    NoCredentials(String),
    /// The `authorization` header makes no sense.
    #[error("the authorization header must be `Bearer` and a token, and there must be one only")]
    Malformed,
    /// The token is nobody's.
    #[error("the token is not known here; it may have been withdrawn")]
    UnknownToken,
    /// The client certificate is genuine, and its owner may do nothing.
    #[error(
        "{0} (certificate) has no role here; an operator of the coordinator can give it one in \
         the file of client roles"
    )]
    NoRole(String),
    /// The caller may not do this.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// Too many attempts from there failed.
    #[error("too many failed attempts came from your address; try again in a minute")]
    Throttled,
}

impl From<&Refusal> for Status {
    fn from(refusal: &Refusal) -> Status {
        let message = refusal.to_string();
        match refusal {
            Refusal::NoCredentials(_) | Refusal::Malformed | Refusal::UnknownToken => {
                Status::unauthenticated(message)
            }
            Refusal::NoRole(_) | Refusal::Forbidden(_) => Status::permission_denied(message),
            Refusal::Throttled => Status::resource_exhausted(message),
        }
    }
}

/// Knows callers.
pub struct Authenticator {
    tokens: Option<Arc<Tokens>>,
    client_roles: Option<Arc<ClientRoles>>,
    anonymous: Anonymous,
    /// Peers that sent wrong tokens.
    wrong: Throttle,
    /// Peers that sent no credentials. They are counted apart, so that they do
    /// not slow down those who have some.
    silent: Throttle,
}

impl Authenticator {
    /// Knows callers by `tokens` and by the certificates that `client_roles`
    /// give a role. Without both, every caller is anonymous.
    pub fn new(
        tokens: Option<Arc<Tokens>>,
        client_roles: Option<Arc<ClientRoles>>,
        anonymous: Anonymous,
    ) -> Authenticator {
        Authenticator {
            tokens,
            client_roles,
            anonymous,
            wrong: Throttle::default(),
            silent: Throttle::default(),
        }
    }

    /// Who calls, by the request's headers, else by the connection's client
    /// certificate. A token that was sent must be right; it is not made good by
    /// a certificate, nor by the right to be anonymous.
    ///
    /// # Errors
    /// Nobody that is known.
    pub async fn authenticate(
        &self,
        headers: &HeaderMap,
        peer: Option<&PeerInfo>,
    ) -> Result<Principal, Refusal> {
        let address = peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.remote.ip());
        if let Some(tokens) = &self.tokens
            && headers.contains_key(AUTHORIZATION)
        {
            return slowed(&self.wrong, address, || by_token(tokens, headers)).await;
        }
        if let Some(roles) = &self.client_roles
            && let Some(certificate) = peer.and_then(|peer| peer.certificate.as_ref())
        {
            let name = certificate.display_name();
            return match roles.current().role(certificate) {
                Some(role) => Ok(Principal {
                    name: name.into(),
                    role,
                    how: How::Certificate,
                }),
                None => Err(Refusal::NoRole(name)),
            };
        }
        match self.anonymous {
            Anonymous::Allowed(role) => Ok(Principal {
                name: "anonymous".into(),
                role,
                how: How::Anonymous,
            }),
            Anonymous::Refused => {
                let refused = || Err(Refusal::NoCredentials(self.ways()));
                slowed(&self.silent, address, refused).await
            }
        }
    }

    /// Who calls, if it may do what needs `role`.
    ///
    /// # Errors
    /// Nobody that is known or, together with who it is, somebody that may not.
    pub async fn authorise(
        &self,
        headers: &HeaderMap,
        peer: Option<&PeerInfo>,
        role: Role,
    ) -> Result<Principal, (Option<Principal>, Refusal)> {
        let principal = self.authenticate(headers, peer).await;
        let principal = principal.map_err(|refusal| (None, refusal))?;
        match authorise(&principal, role) {
            Ok(()) => Ok(principal),
            Err(forbidden) => Err((Some(principal), forbidden.into())),
        }
    }

    /// By what callers can prove who they are.
    fn ways(&self) -> String {
        let way = match (&self.tokens, &self.client_roles) {
            (Some(_), Some(_)) => "a token (`authorization: Bearer TOKEN`) or a client certificate",
            (Some(_), None) => "a token (`authorization: Bearer TOKEN`)",
            (None, Some(_)) => "a client certificate",
            (None, None) => "credentials, and none are configured here",
        };
        format!("this takes {way}")
    }
}

/// The outcome of `check`. Whoever passes is never slowed, whatever others do
/// from the same address; a failure is told later, or not looked at more closely,
/// if too many have failed from there. It is remembered and, now and then, logged.
async fn slowed(
    throttle: &Throttle,
    address: IpAddr,
    check: impl FnOnce() -> Result<Principal, Refusal>,
) -> Result<Principal, Refusal> {
    let refusal = match check() {
        Ok(principal) => return Ok(principal),
        Err(refusal) => refusal,
    };
    match throttle.turn(address) {
        Turn::Now => {}
        Turn::Later(wait) => wait.wait().await,
        Turn::Never => return Err(Refusal::Throttled),
    }
    if let Some(unlogged) = throttle.failed(address) {
        tracing::warn!(
            peer = %address, %refusal, unlogged,
            "a caller was turned away; unlogged is how many more there were from its address \
             since the last such line"
        );
    }
    Err(refusal)
}

fn by_token(tokens: &Tokens, headers: &HeaderMap) -> Result<Principal, Refusal> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return Err(Refusal::Malformed);
    };
    let mut parts = value.as_bytes().splitn(2, |byte| *byte == b' ');
    let (Some(scheme), Some(token)) = (parts.next(), parts.next()) else {
        return Err(Refusal::Malformed);
    };
    if !scheme.eq_ignore_ascii_case(b"bearer") {
        return Err(Refusal::Malformed);
    }
    let known = tokens.current().verify(token.trim_ascii());
    let (name, role) = known.ok_or(Refusal::UnknownToken)?;
    let how = How::Token;
    Ok(Principal { name, role, how })
}
