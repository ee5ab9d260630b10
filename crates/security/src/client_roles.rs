//! What the owners of client certificates may do.
//!
//! One line each: role, and a pattern for a name in the certificate. The first
//! line that fits decides; `none` shuts somebody out.
//!
//! ```text
//! none      cn:old-laptop
//! operate   uri:spiffe://example.org/operators/*
//! read      dns:*.monitoring.example.org
//! ```
//!
//! `*` stands for any text, dots and slashes included, `?` for one character.

use std::path::PathBuf;
use std::sync::Arc;

use wildmatch::WildMatch;

use crate::certificate::PeerCertificate;
use crate::lines::{LineError, entries, fault};
use crate::role::Role;
use crate::watched::{LoadError, Outcome, Reloading, Source, Watched};

/// The longest file, in bytes.
const FILE_MAX: u64 = 256 * 1024;
/// The most lines that say something.
const RULES_MAX: usize = 1000;
/// The longest pattern, in bytes.
const PATTERN_MAX: usize = 512;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    CommonName,
    Dns,
    Uri,
}

#[derive(Clone, Debug, PartialEq)]
struct Rule {
    role: Option<Role>,
    kind: Kind,
    pattern: WildMatch,
}

impl Rule {
    fn fits(&self, certificate: &PeerCertificate) -> bool {
        let names = match self.kind {
            Kind::CommonName => certificate.common_name.as_slice(),
            Kind::Dns => &certificate.dns,
            Kind::Uri => &certificate.uris,
        };
        names.iter().any(|name| self.pattern.matches(name))
    }
}

/// Rules that give roles to client certificates.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RoleRules {
    rules: Vec<Rule>,
    /// The role of certificates that no rule fits.
    default: Option<Role>,
}

impl RoleRules {
    /// No rule: every certificate gets the role `default`, or none.
    pub fn all(default: Option<Role>) -> RoleRules {
        let rules = Vec::new();
        RoleRules { rules, default }
    }

    /// Reads the content of a file of client roles.
    ///
    /// # Errors
    /// A line that makes no sense.
    pub fn parse(bytes: &[u8], default: Option<Role>) -> Result<RoleRules, LineError> {
        let mut rules = Vec::new();
        for (line, words) in entries(bytes)? {
            if rules.len() == RULES_MAX {
                return Err(fault(
                    line,
                    format!("there are more than {RULES_MAX} rules"),
                ));
            }
            let &[role, pattern] = words.as_slice() else {
                return Err(fault(line, "it takes two words: role and pattern"));
            };
            let role = match role {
                "none" => None,
                role => Some(role.parse().map_err(|_| {
                    fault(line, "the first word must be `read`, `operate` or `none`")
                })?),
            };
            let (kind, pattern) = split(pattern)
                .ok_or_else(|| fault(line, "a pattern begins with `cn:`, `dns:` or `uri:`"))?;
            if pattern.is_empty() || pattern.len() > PATTERN_MAX {
                let problem = format!("a pattern has 1 to {PATTERN_MAX} bytes");
                return Err(fault(line, problem));
            }
            let pattern = match kind {
                Kind::Dns => WildMatch::new(&pattern.to_ascii_lowercase()),
                Kind::CommonName | Kind::Uri => WildMatch::new(pattern),
            };
            rules.push(Rule {
                role,
                kind,
                pattern,
            });
        }
        Ok(RoleRules { rules, default })
    }

    /// What the owner of `certificate` may do, if anything.
    pub fn role(&self, certificate: &PeerCertificate) -> Option<Role> {
        let fitting = self.rules.iter().find(|rule| rule.fits(certificate));
        fitting.map_or(self.default, |rule| rule.role)
    }
}

fn split(pattern: &str) -> Option<(Kind, &str)> {
    let kinds = [
        ("cn:", Kind::CommonName),
        ("dns:", Kind::Dns),
        ("uri:", Kind::Uri),
    ];
    kinds
        .into_iter()
        .find_map(|(prefix, kind)| Some((kind, pattern.strip_prefix(prefix)?)))
}

/// The rules in force.
pub struct ClientRoles(Inner);

enum Inner {
    Fixed(Arc<RoleRules>),
    File(Reloading<RoleRules>),
}

impl ClientRoles {
    /// Rules that do not change.
    pub fn fixed(rules: RoleRules) -> ClientRoles {
        ClientRoles(Inner::Fixed(Arc::new(rules)))
    }

    /// Rules of a file that may change. A certificate that no rule fits gets the
    /// role `default`, or none.
    ///
    /// # Errors
    /// The file cannot be read, or makes no sense.
    pub fn load(path: impl Into<PathBuf>, default: Option<Role>) -> Result<ClientRoles, LoadError> {
        let source = Source {
            what: "the file of client roles",
            path: path.into(),
            limit: FILE_MAX,
            secret: false,
        };
        let build = {
            let source = source.clone();
            move |contents: &[Vec<u8>], _: Option<&RoleRules>| {
                let content = contents.first().map_or(&[][..], Vec::as_slice);
                RoleRules::parse(content, default).map_err(|error| source.invalid(error))
            }
        };
        let file = Reloading::load("the file of client roles", vec![source], build, describe)?;
        Ok(ClientRoles(Inner::File(file)))
    }

    /// The rules in force.
    pub fn current(&self) -> Arc<RoleRules> {
        match &self.0 {
            Inner::Fixed(rules) => Arc::clone(rules),
            Inner::File(file) => file.current(),
        }
    }
}

impl Watched for ClientRoles {
    fn what(&self) -> &'static str {
        match &self.0 {
            Inner::Fixed(_) => "the client roles",
            Inner::File(file) => file.what(),
        }
    }

    fn poll(&self) -> Outcome {
        match &self.0 {
            Inner::Fixed(_) => Outcome::Unchanged,
            Inner::File(file) => file.poll(),
        }
    }

    fn reload(&self) -> Outcome {
        match &self.0 {
            Inner::Fixed(_) => Outcome::Unchanged,
            Inner::File(file) => file.reload(),
        }
    }

    fn failure(&self) -> Option<String> {
        match &self.0 {
            Inner::Fixed(_) => None,
            Inner::File(file) => file.failure(),
        }
    }
}

fn describe(old: &RoleRules, new: &RoleRules) -> String {
    if old == new {
        "nothing but how it is written".to_owned()
    } else {
        format!("{} rules instead of {}", new.rules.len(), old.rules.len())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FILE: &str = "\
        none    cn:old-*\n\
        operate uri:spiffe://example.org/operators/*\n\
        operate dns:OPS.example.org # exact\n\
        read    cn:*\n";

    fn rules() -> RoleRules {
        RoleRules::parse(FILE.as_bytes(), None).unwrap()
    }

    fn named(cn: Option<&str>, dns: &[&str], uris: &[&str]) -> PeerCertificate {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        PeerCertificate {
            common_name: cn.map(str::to_owned),
            dns: owned(dns),
            uris: owned(uris),
            fingerprint: "f".to_owned(),
        }
    }

    #[test]
    fn the_first_rule_that_fits_decides() {
        let operator = "spiffe://example.org/operators/alice";
        for (certificate, role) in [
            (named(Some("alice"), &[], &[]), Some(Role::Read)),
            (named(Some("alice"), &[], &[operator]), Some(Role::Operate)),
            (named(Some("old-alice"), &[], &[operator]), None),
            (
                named(None, &["x", "ops.example.org"], &[]),
                Some(Role::Operate),
            ),
            (named(None, &["ops.example.org.evil"], &[]), None),
            (named(None, &[operator], &["ops.example.org"]), None),
            (named(None, &[], &["spiffe://example.org/operators"]), None),
        ] {
            assert_eq!(rules().role(&certificate), role, "{certificate:?}");
        }
    }

    #[test]
    fn what_no_rule_fits_gets_the_default() {
        let stranger = named(None, &[], &[]);
        for default in [None, Some(Role::Read), Some(Role::Operate)] {
            let rules = RoleRules::parse(FILE.as_bytes(), default).unwrap();
            assert_eq!(rules.role(&stranger), default);
            assert_eq!(RoleRules::all(default).role(&stranger), default);
        }
        let shut_out = RoleRules::parse(b"none cn:alice", Some(Role::Read)).unwrap();
        assert_eq!(shut_out.role(&named(Some("alice"), &[], &[])), None);
    }

    #[test]
    fn mistakes_are_explained() {
        for (text, expected) in [
            ("read", "line 1: it takes two words"),
            ("read cn:a b", "two words"),
            ("admin cn:a", "`read`, `operate` or `none`"),
            ("read a", "begins with `cn:`"),
            ("read\tcn:", "1 to 512 bytes"),
        ] {
            let error = RoleRules::parse(text.as_bytes(), None).unwrap_err();
            assert!(error.to_string().contains(expected), "{text}: {error}");
        }
        let many = "read cn:a\n".repeat(RULES_MAX + 1);
        assert!(RoleRules::parse(many.as_bytes(), None).is_err());
    }

    proptest! {
        #[test]
        fn no_content_panics(
            bytes in proptest::collection::vec(any::<u8>(), 0..1000),
            text in "((read|operate|none) (cn|dns|uri):[*?a.]{1,20}\n){0,5}",
            name in "[a.]{0,30}",
        ) {
            let _ = RoleRules::parse(&bytes, None);
            let rules = RoleRules::parse(text.as_bytes(), Some(Role::Read)).unwrap();
            let _ = rules.role(&named(Some(&name), &[&name], &[&name]));
        }
    }
}
