//! What a caller may do, and who it is.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// What a caller may do. The later includes the earlier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Look at everything, change nothing.
    Read,
    /// Change what runs.
    Operate,
}

/// A word that names no role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown role: it is `read` or `operate`")]
pub struct UnknownRole;

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(word: &str) -> Result<Role, UnknownRole> {
        match word {
            "read" => Ok(Role::Read),
            "operate" => Ok(Role::Operate),
            _ => Err(UnknownRole),
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Role::Read => "read",
            Role::Operate => "operate",
        })
    }
}

/// How a caller proved who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum How {
    /// By a token.
    Token,
    /// By a client certificate.
    Certificate,
    /// Not at all, and it was allowed to.
    Anonymous,
}

impl fmt::Display for How {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            How::Token => "token",
            How::Certificate => "certificate",
            How::Anonymous => "anonymous",
        })
    }
}

/// Somebody who calls. The name holds printable ASCII only, so that it can be
/// logged as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// Who. Unique together with `how`.
    pub name: Arc<str>,
    /// What it may do.
    pub role: Role,
    /// How that is known.
    pub how: How,
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.how {
            How::Anonymous => f.write_str("anonymous"),
            how => write!(f, "{} ({how})", self.name),
        }
    }
}

/// Somebody may not do what it asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{principal} has the role {}, this needs the role {needed}", principal.role)]
pub struct Forbidden {
    /// Who asked.
    pub principal: Principal,
    /// The role that would have been enough.
    pub needed: Role,
}

/// Whether `principal` may do what needs the role `needed`.
///
/// # Errors
/// It may not.
pub fn authorise(principal: &Principal, needed: Role) -> Result<(), Forbidden> {
    if principal.role >= needed {
        Ok(())
    } else {
        Err(Forbidden {
            principal: principal.clone(),
            needed,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn principal(role: Role, how: How) -> Principal {
        let name = "alice".into();
        Principal { name, role, how }
    }

    #[test]
    fn operating_includes_reading_and_not_the_reverse() {
        for (has, needs, may) in [
            (Role::Read, Role::Read, true),
            (Role::Read, Role::Operate, false),
            (Role::Operate, Role::Read, true),
            (Role::Operate, Role::Operate, true),
        ] {
            let result = authorise(&principal(has, How::Token), needs);
            assert_eq!(result.is_ok(), may, "{has} for {needs}");
        }
    }

    #[test]
    fn a_refusal_says_who_has_what_and_needs_what() {
        let refusal = authorise(&principal(Role::Read, How::Certificate), Role::Operate);
        assert_eq!(
            refusal.unwrap_err().to_string(),
            "alice (certificate) has the role read, this needs the role operate"
        );
    }

    #[test]
    fn roles_are_read_as_they_are_written() {
        for role in [Role::Read, Role::Operate] {
            assert_eq!(role.to_string().parse(), Ok(role));
        }
        for word in ["", "Read", "admin", "operate "] {
            assert_eq!(word.parse::<Role>(), Err(UnknownRole));
        }
    }
}
