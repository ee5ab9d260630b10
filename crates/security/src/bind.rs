//! Where a server may listen.
//!
//! The original listened on every address of the port in `GRPC_PORT`, in the
//! clear, and asked nobody who they were: whoever reached the port could switch
//! off every indexer. Its settings still work, but a port alone now stands for a
//! loopback address. To be reached from other machines takes an address that
//! says so, and with it TLS and authentication, or force.

use std::fmt;
use std::net::SocketAddr;

/// How a server would listen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BindRequest {
    /// Where.
    pub address: SocketAddr,
    /// It speaks TLS.
    pub tls: bool,
    /// Callers must prove who they are: by tokens or by client certificates.
    pub authentication: bool,
    /// It is wanted even if that is not safe.
    pub insecure: bool,
}

/// A server that must not listen like that.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{address} can be reached from other machines, and {}: everybody there could {}. Configure \
     {}; or listen on a loopback address; or force it with the insecure flag",
    lack(*tls, *authentication), harm(*authentication), cure(*tls, *authentication)
)]
pub struct BindRefusal {
    /// Where it would have listened.
    pub address: SocketAddr,
    /// It would have spoken TLS.
    pub tls: bool,
    /// Callers would have had to prove who they are.
    pub authentication: bool,
}

/// Other machines can reach it, it is not safe, and it was forced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BindWarning(BindRefusal);

impl fmt::Display for BindWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let BindRefusal {
            address,
            tls,
            authentication,
        } = self.0;
        write!(
            f,
            "{address} can be reached from other machines, and {}: everybody there can {}; it was \
             forced by the insecure flag",
            lack(tls, authentication),
            harm(authentication)
        )
    }
}

/// Whether to listen like that. Loopback is fine as it is; where other machines
/// can reach, it takes TLS and authentication, or force.
///
/// # Errors
/// It is not safe, and was not forced.
pub fn check_bind(request: BindRequest) -> Result<Option<BindWarning>, BindRefusal> {
    let BindRequest {
        address,
        tls,
        authentication,
        insecure,
    } = request;
    if is_loopback(address) || (tls && authentication) {
        return Ok(None);
    }
    let refusal = BindRefusal {
        address,
        tls,
        authentication,
    };
    if insecure {
        Ok(Some(BindWarning(refusal)))
    } else {
        Err(refusal)
    }
}

/// Whether only this machine can reach `address`.
pub(crate) fn is_loopback(address: SocketAddr) -> bool {
    address.ip().to_canonical().is_loopback()
}

fn lack(tls: bool, authentication: bool) -> &'static str {
    match (tls, authentication) {
        (false, false) => "neither encrypts nor knows its callers",
        (false, true) => "does not encrypt",
        (true, _) => "does not know its callers",
    }
}

fn harm(authentication: bool) -> &'static str {
    if authentication {
        "read the tokens and use them"
    } else {
        "control the indexers"
    }
}

fn cure(tls: bool, authentication: bool) -> &'static str {
    match (tls, authentication) {
        (false, false) => "a TLS certificate, and tokens or client certificates",
        (false, true) => "a TLS certificate",
        (true, _) => "tokens or client certificates",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(
        address: &str,
        tls: bool,
        authentication: bool,
        insecure: bool,
    ) -> Result<Option<BindWarning>, BindRefusal> {
        check_bind(BindRequest {
            address: address.parse().unwrap(),
            tls,
            authentication,
            insecure,
        })
    }

    #[test]
    fn loopback_is_fine_as_it_is() {
        for address in [
            "127.0.0.1:1",
            "127.9.9.9:1",
            "[::1]:1",
            "[::ffff:127.0.0.1]:1",
        ] {
            assert_eq!(check(address, false, false, false), Ok(None), "{address}");
        }
    }

    #[test]
    fn elsewhere_it_takes_both_or_force() {
        for address in ["0.0.0.0:1", "[::]:1", "10.0.0.1:1", "[::ffff:10.0.0.1]:1"] {
            for (tls, authentication) in [(false, false), (false, true), (true, false)] {
                let refusal = check(address, tls, authentication, false).unwrap_err();
                assert_eq!((refusal.tls, refusal.authentication), (tls, authentication));
                assert_eq!(
                    check(address, tls, authentication, true),
                    Ok(Some(BindWarning(refusal)))
                );
            }
            assert_eq!(check(address, true, true, false), Ok(None));
            assert_eq!(check(address, true, true, true), Ok(None));
        }
    }

    #[test]
    fn a_refusal_says_what_is_wrong_and_what_to_do() {
        assert_eq!(
            check("0.0.0.0:9003", false, false, false)
                .unwrap_err()
                .to_string(),
            "0.0.0.0:9003 can be reached from other machines, and neither encrypts nor knows its \
             callers: everybody there could control the indexers. Configure a TLS certificate, \
             and tokens or client certificates; or listen on a loopback address; or force it \
             with the insecure flag"
        );
        let warning = check("0.0.0.0:9003", false, true, true).unwrap().unwrap();
        assert_eq!(
            warning.to_string(),
            "0.0.0.0:9003 can be reached from other machines, and does not encrypt: everybody \
             there can read the tokens and use them; it was forced by the insecure flag"
        );
    }
}
