//! The file that gives roles to client certificates.

use security::{PeerCertificate, Role, RoleRules};

use crate::{Verdict, glob, laws};

/// The most names that are tried against the rules of one file.
const NAMES_MAX: usize = 4;

/// Reads a file of client roles. The first line that fits decides, by the
/// reckoning of another reader too; who fits no line gets the default.
pub fn client_roles(bytes: &[u8]) -> Verdict {
    let mut verdict = Verdict::Refused;
    for default in [None, Some(Role::Read)] {
        match RoleRules::parse(bytes, default) {
            Ok(rules) => {
                decides_by_the_first_line(bytes, &rules, default);
                verdict = Verdict::Read;
            }
            Err(error) => {
                laws::told(&error.to_string());
                laws::line_within(error.line, bytes);
            }
        }
    }
    verdict
}

struct Line<'a> {
    role: Option<Role>,
    kind: &'a str,
    pattern: String,
}

fn decides_by_the_first_line(bytes: &[u8], rules: &RoleRules, default: Option<Role>) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        panic!("what is no text was read");
    };
    let lines: Vec<Line<'_>> = text
        .strip_prefix('\u{feff}')
        .unwrap_or(text)
        .lines()
        .filter_map(line)
        .collect();
    assert!(lines.len() <= 1000, "rules have no bound");
    for name in names(&lines) {
        for kind in ["cn", "dns", "uri"] {
            let name = match kind {
                "dns" => name.to_ascii_lowercase(),
                _ => name.clone(),
            };
            let fitting = lines
                .iter()
                .find(|line| line.kind == kind && glob::fits(&line.pattern, &name));
            let expected = fitting.map_or(default, |line| line.role);
            let certificate = certificate(kind, name);
            assert_eq!(rules.role(&certificate), expected, "{certificate:?}");
        }
    }
    let nobody = certificate("", String::new());
    assert_eq!(
        rules.role(&nobody),
        default,
        "somebody without a name has a role"
    );
}

fn line(line: &str) -> Option<Line<'_>> {
    let mut words = line.split_whitespace();
    let role = words.next().filter(|word| !word.starts_with('#'))?;
    let (kind, pattern) = words.next()?.split_once(':')?;
    let role = match role {
        "read" => Some(Role::Read),
        "operate" => Some(Role::Operate),
        _ => None,
    };
    let pattern = match kind {
        "dns" => pattern.to_ascii_lowercase(),
        _ => pattern.to_owned(),
    };
    Some(Line {
        role,
        kind,
        pattern,
    })
}

/// Names that fit some patterns, and names that nearly do.
fn names(lines: &[Line<'_>]) -> Vec<String> {
    let of = |line: &Line<'_>| {
        let filled = line.pattern.replace('*', "a.b/c").replace('?', "ü");
        let empty = line.pattern.replace(['*', '?'], "");
        [filled, empty]
    };
    let far = lines.iter().rev().take(NAMES_MAX / 2);
    far.flat_map(of).take(NAMES_MAX).collect()
}

fn certificate(kind: &str, name: String) -> PeerCertificate {
    let mut certificate = PeerCertificate::default();
    match kind {
        "cn" => certificate.common_name = Some(name),
        "dns" => certificate.dns = vec![name],
        "uri" => certificate.uris = vec![name],
        _ => {}
    }
    certificate
}
