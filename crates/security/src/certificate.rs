//! What a client certificate says about its owner.

use std::fmt::Write;

use sha2::{Digest, Sha256};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

/// The most names that are looked at.
const NAMES_MAX: usize = 32;
/// The longest name that is looked at, in bytes.
const NAME_MAX: usize = 512;

/// Names in a client certificate. The handshake has verified that it was issued
/// by an authority that is trusted, and that the peer holds its key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PeerCertificate {
    /// The subject's common name, if there is exactly one.
    pub common_name: Option<String>,
    /// The DNS names, in lower case.
    pub dns: Vec<String>,
    /// The URIs, as in SPIFFE.
    pub uris: Vec<String>,
    /// SHA-256 of the whole certificate, in hexadecimal digits.
    pub fingerprint: String,
}

impl PeerCertificate {
    /// Reads a certificate. What cannot be read has no names.
    pub fn parse(der: &[u8]) -> PeerCertificate {
        let mut names = PeerCertificate {
            fingerprint: fingerprint(der),
            ..PeerCertificate::default()
        };
        let Ok((_, certificate)) = X509Certificate::from_der(der) else {
            return names;
        };
        let mut common_names = certificate.subject().iter_common_name();
        // Which of several would count is anybody's guess.
        if let (Some(name), None) = (common_names.next(), common_names.next()) {
            names.common_name = name
                .as_str()
                .ok()
                .filter(|name| fits(name))
                .map(str::to_owned);
        }
        let Ok(Some(alternatives)) = certificate.subject_alternative_name() else {
            return names;
        };
        for name in alternatives.value.general_names.iter().take(NAMES_MAX) {
            match name {
                GeneralName::DNSName(name) if fits(name) => {
                    names.dns.push(name.to_ascii_lowercase());
                }
                GeneralName::URI(uri) if fits(uri) => names.uris.push((*uri).to_owned()),
                _ => {}
            }
        }
        names
    }

    /// What to call the owner in a log: its common name, else the first URI or
    /// DNS name, else the fingerprint; printable ASCII.
    pub fn display_name(&self) -> String {
        let name = self
            .common_name
            .as_ref()
            .or(self.uris.first())
            .or(self.dns.first())
            .unwrap_or(&self.fingerprint);
        name.escape_default().to_string()
    }
}

fn fits(name: &str) -> bool {
    !name.is_empty() && name.len() <= NAME_MAX
}

fn fingerprint(der: &[u8]) -> String {
    let mut hex = String::with_capacity(64);
    for byte in Sha256::digest(der) {
        // Writing to a string cannot fail.
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use proptest::prelude::*;
    use rcgen::{CertificateParams, DnType, KeyPair, SanType};

    use super::*;

    fn issue(params: CertificateParams) -> PeerCertificate {
        let key = KeyPair::generate().unwrap();
        PeerCertificate::parse(params.self_signed(&key).unwrap().der())
    }

    fn params(common_name: &str) -> CertificateParams {
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params
            .distinguished_name
            .push(DnType::CommonName, common_name);
        params
    }

    #[test]
    fn names_are_read() {
        let mut params = params("alice");
        params.subject_alt_names = vec![
            SanType::DnsName("Ops.Example".try_into().unwrap()),
            SanType::URI("spiffe://example/ops".try_into().unwrap()),
            SanType::IpAddress([127, 0, 0, 1].into()),
        ];
        let names = issue(params);
        assert_eq!(names.common_name.as_deref(), Some("alice"));
        assert_eq!(names.dns, ["ops.example"]);
        assert_eq!(names.uris, ["spiffe://example/ops"]);
        assert_eq!(names.fingerprint.len(), 64);
        assert_eq!(names.display_name(), "alice");
    }

    #[test]
    fn names_are_fit_for_a_log() {
        let names = issue(params("a\u{1b}[31m\nb"));
        assert_eq!(names.display_name(), "a\\u{1b}[31m\\nb");
        let nameless = PeerCertificate::parse(b"no certificate");
        assert_eq!(nameless.display_name(), nameless.fingerprint);
    }

    #[test]
    fn oversized_names_do_not_count() {
        assert_eq!(issue(params(&"x".repeat(600))).common_name, None);
        assert_eq!(issue(params("")).common_name, None);
    }

    static ISSUED: LazyLock<Vec<u8>> = LazyLock::new(|| {
        let key = KeyPair::generate().unwrap();
        params("alice").self_signed(&key).unwrap().der().to_vec()
    });

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..500)) {
            let _ = PeerCertificate::parse(&bytes).display_name();
        }

        #[test]
        fn no_damage_panics(at in 0_usize..1000, with in any::<u8>()) {
            let mut der = ISSUED.clone();
            let at = at % der.len();
            der[at] = with;
            let _ = PeerCertificate::parse(&der).display_name();
        }
    }
}
