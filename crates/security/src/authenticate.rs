//! Who calls.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use http::HeaderMap;
use http::header::AUTHORIZATION;
use tonic::Status;

use crate::bind::is_loopback;
use crate::certificate::PeerCertificate;
use crate::client_roles::ClientRoles;
use crate::incoming::PeerInfo;
use crate::role::{Forbidden, How, Principal, Role, authorise};
use crate::throttle::{Throttle, Turn};
use crate::tokens::{Hash, Tokens, digest_of};

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
    /// The client certificate is genuine, and its owner, whose name is printable ASCII, may
    /// do nothing.
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

    /// What `principal`, who was let through with `role`, went by: for what goes on
    /// longer than a call, since tokens and roles may be withdrawn meanwhile.
    pub(crate) fn standing(
        self: &Arc<Self>,
        principal: &Principal,
        headers: &HeaderMap,
        peer: Option<&PeerInfo>,
        role: Role,
    ) -> Standing {
        let certificate = || peer.and_then(|peer| peer.certificate.clone());
        let proof = match principal.how {
            How::Token => bearer(headers).ok().map(digest_of).map(Proof::Token),
            How::Certificate => certificate().map(Proof::Certificate),
            How::Anonymous => Some(Proof::None),
        };
        Standing {
            authenticator: Arc::clone(self),
            name: Arc::clone(&principal.name),
            proof,
            role,
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

/// The right of a caller to go on with what it was let through to.
#[derive(Clone)]
pub struct Standing {
    authenticator: Arc<Authenticator>,
    name: Arc<str>,
    /// `None` if it cannot be looked at again; then there is no standing.
    proof: Option<Proof>,
    role: Role,
}

/// What a caller went by.
#[derive(Clone)]
enum Proof {
    Token(Hash),
    Certificate(Arc<PeerCertificate>),
    None,
}

impl Standing {
    /// Looks at it again, by the tokens and roles that are in force now.
    ///
    /// # Errors
    /// The token was withdrawn, or its owner may not do this any more.
    pub fn check(&self) -> Result<(), Refusal> {
        let principal = |name: &Arc<str>, role, how| Principal {
            name: Arc::clone(name),
            role,
            how,
        };
        let principal = match (&self.proof, &self.authenticator) {
            (Some(Proof::Token(hash)), authenticator) => {
                let tokens = authenticator.tokens.as_ref();
                let known = tokens.and_then(|tokens| tokens.current().holder(hash));
                let (name, role) = known.ok_or(Refusal::UnknownToken)?;
                principal(&name, role, How::Token)
            }
            (Some(Proof::Certificate(certificate)), authenticator) => {
                let roles = authenticator.client_roles.as_ref();
                let role = roles.and_then(|roles| roles.current().role(certificate));
                let role = role.ok_or_else(|| Refusal::NoRole(self.name.to_string()))?;
                principal(&self.name, role, How::Certificate)
            }
            (Some(Proof::None), authenticator) => match authenticator.anonymous {
                Anonymous::Allowed(role) => principal(&self.name, role, How::Anonymous),
                Anonymous::Refused => {
                    return Err(Refusal::NoCredentials(authenticator.ways()));
                }
            },
            (None, _) => return Err(Refusal::Malformed),
        };
        Ok(authorise(&principal, self.role)?)
    }
}

impl fmt::Debug for Standing {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Standing")
            .field("name", &self.name)
            .field("role", &self.role)
            .finish_non_exhaustive()
    }
}

/// The token that stands in `headers`.
fn bearer(headers: &HeaderMap) -> Result<&[u8], Refusal> {
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
    Ok(token.trim_ascii())
}

fn by_token(tokens: &Tokens, headers: &HeaderMap) -> Result<Principal, Refusal> {
    let known = tokens.current().verify(bearer(headers)?);
    let (name, role) = known.ok_or(Refusal::UnknownToken)?;
    let how = How::Token;
    Ok(Principal { name, role, how })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watched::Watched;

    const TOKEN: &str = "a-token-that-is-long-enough";

    #[tokio::test]
    async fn a_standing_lasts_as_long_as_what_it_rests_on() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokens");
        let write = |text: &str| std::fs::write(&path, text).unwrap();
        write(&format!("operate olga {TOKEN}\n"));
        let tokens = Arc::new(Tokens::load(&path).unwrap());
        let known = Authenticator::new(Some(Arc::clone(&tokens)), None, Anonymous::Refused);
        let known = Arc::new(known);
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, format!("Bearer {TOKEN}").parse().unwrap());
        let principal = known.authenticate(&headers, None).await.unwrap();
        let standing = |role| known.standing(&principal, &headers, None, role);
        let (reads, operates) = (standing(Role::Read), standing(Role::Operate));
        assert!(!format!("{reads:?}").contains(TOKEN));
        assert_eq!((reads.check(), operates.check()), (Ok(()), Ok(())));

        // Another name and a lesser role for the same token.
        write(&format!("read olga2 {TOKEN}\n"));
        tokens.reload();
        assert_eq!(reads.check(), Ok(()));
        assert!(matches!(operates.check(), Err(Refusal::Forbidden(_))));

        write("operate olga another-token-that-is-long-enough\n");
        tokens.reload();
        assert_eq!(reads.check(), Err(Refusal::UnknownToken));
    }

    #[test]
    fn who_proved_nothing_keeps_what_everybody_may() {
        let open = Arc::new(Authenticator::new(
            None,
            None,
            Anonymous::Allowed(Role::Read),
        ));
        let principal = Principal {
            name: "anonymous".into(),
            role: Role::Read,
            how: How::Anonymous,
        };
        let standing = |role| open.standing(&principal, &HeaderMap::new(), None, role);
        assert_eq!(standing(Role::Read).check(), Ok(()));
        assert!(standing(Role::Operate).check().is_err());
    }

    #[test]
    fn a_certificate_counts_for_what_its_rule_says_now() {
        let certificate = Arc::new(PeerCertificate {
            common_name: Some("olga".to_owned()),
            ..PeerCertificate::default()
        });
        let rules = |text: &str| {
            let rules = crate::RoleRules::parse(text.as_bytes(), None).unwrap();
            let roles = Arc::new(ClientRoles::fixed(rules));
            Standing {
                authenticator: Arc::new(Authenticator::new(None, Some(roles), Anonymous::Refused)),
                name: "olga".into(),
                proof: Some(Proof::Certificate(Arc::clone(&certificate))),
                role: Role::Operate,
            }
        };
        assert_eq!(rules("operate cn:olga\n").check(), Ok(()));
        assert!(matches!(
            rules("read cn:olga\n").check(),
            Err(Refusal::Forbidden(_))
        ));
        assert!(matches!(
            rules("operate cn:otto\n").check(),
            Err(Refusal::NoRole(_))
        ));
    }
}
