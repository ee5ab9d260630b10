//! Tokens: who may call, proved by a secret.
//!
//! One line each: role, name, and the token itself or its hash.
//!
//! ```text
//! # role    name       token, or sha256: and its hash (printf %s TOKEN | sha256sum)
//! operate   alice      sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae
//! read      dashboard  u0SgV0XWm7WZlk2cGm1q
//! ```
//!
//! A name may have several tokens, so that a new one can be handed out before
//! the old one is withdrawn.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use subtle::{ConditionallySelectable, ConstantTimeEq};

use crate::lines::{LineError, entries, fault};
use crate::role::Role;
use crate::watched::{LoadError, Outcome, Reloading, Source, Watched};

/// The longest token file, in bytes.
const FILE_MAX: u64 = 256 * 1024;
/// The most tokens of a file.
const TOKENS_MAX: usize = 1000;
/// The shortest token: shorter ones can be guessed.
const TOKEN_MIN: usize = 16;
/// The longest token; what is longer is refused unread.
const TOKEN_MAX: usize = 512;
/// The longest name.
const NAME_MAX: usize = 64;

pub(crate) type Hash = [u8; 32];

#[derive(Clone)]
struct Entry {
    hash: Hash,
    name: Arc<str>,
    role: Role,
}

/// Tokens, as hashes only. A plain hash suffices because a token is long and
/// random, unlike a password.
#[derive(Clone, Default)]
pub struct TokenSet {
    entries: Vec<Entry>,
}

impl TokenSet {
    /// Reads the content of a token file.
    ///
    /// # Errors
    /// A line that makes no sense. Nothing of the line is quoted.
    pub fn parse(bytes: &[u8]) -> Result<TokenSet, LineError> {
        let mut entries_found = Vec::new();
        let mut hashes = BTreeSet::new();
        let mut roles: BTreeMap<Arc<str>, Role> = BTreeMap::new();
        for (line, words) in entries(bytes)? {
            let &[role, name, token] = words.as_slice() else {
                let problem = "it takes three words: role, name and token";
                return Err(fault(line, problem));
            };
            let role: Role = role
                .parse()
                .map_err(|_| fault(line, "the first word must be a role, `read` or `operate`"))?;
            let name = checked_name(name).map_err(|problem| fault(line, problem))?;
            let hash = hash_of(token).map_err(|problem| fault(line, problem))?;
            if !hashes.insert(hash) {
                return Err(fault(line, "the token stands in an earlier line already"));
            }
            if *roles.entry(Arc::clone(&name)).or_insert(role) != role {
                let problem = "an earlier line gives the same name another role";
                return Err(fault(line, problem));
            }
            if entries_found.len() == TOKENS_MAX {
                return Err(fault(
                    line,
                    format!("there are more than {TOKENS_MAX} tokens"),
                ));
            }
            entries_found.push(Entry { hash, name, role });
        }
        if entries_found.is_empty() {
            // More likely a file half written than the wish to lock out everybody.
            return Err(fault(0, "it holds no token"));
        }
        let entries = entries_found;
        Ok(TokenSet { entries })
    }

    /// Whose token this is, and what it may do. It takes the same time whichever
    /// token it is, or none.
    pub fn verify(&self, token: &[u8]) -> Option<(Arc<str>, Role)> {
        if !(TOKEN_MIN..=TOKEN_MAX).contains(&token.len()) {
            return None;
        }
        self.holder(&digest_of(token))
    }

    /// As [`TokenSet::verify`], of a token that was right once.
    pub(crate) fn holder(&self, hash: &Hash) -> Option<(Arc<str>, Role)> {
        let mut found = u32::MAX;
        for (index, entry) in (0_u32..).zip(&self.entries) {
            found.conditional_assign(&index, entry.hash.ct_eq(hash));
        }
        let entry = self.entries.get(usize::try_from(found).ok()?)?;
        Some((Arc::clone(&entry.name), entry.role))
    }

    /// How many tokens there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none; [`TokenSet::parse`] does not make such.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    fn roles(&self) -> BTreeMap<&str, Role> {
        let roles = self.entries.iter().map(|entry| (&*entry.name, entry.role));
        roles.collect()
    }

    fn hashes_of(&self, name: &str) -> BTreeSet<Hash> {
        let own = self.entries.iter().filter(|entry| &*entry.name == name);
        own.map(|entry| entry.hash).collect()
    }
}

impl fmt::Debug for TokenSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.roles()).finish()
    }
}

fn checked_name(name: &str) -> Result<Arc<str>, String> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._@-".contains(&byte);
    if name.len() <= NAME_MAX && name.bytes().all(allowed) {
        Ok(name.into())
    } else {
        Err(format!(
            "a name has up to {NAME_MAX} letters, digits and `.`, `_`, `@`, `-`"
        ))
    }
}

fn hash_of(word: &str) -> Result<Hash, String> {
    if let Some(hex) = word.strip_prefix("sha256:") {
        let problem = "`sha256:` is followed by the 64 hexadecimal digits of a hash";
        return decode_hash(hex.as_bytes()).ok_or_else(|| problem.to_owned());
    }
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
    if !(TOKEN_MIN..=TOKEN_MAX).contains(&word.len()) || !word.bytes().all(allowed) {
        return Err(format!(
            "a token has {TOKEN_MIN} to {TOKEN_MAX} letters, digits and `-._~+/=`, for instance \
             what `openssl rand -hex 32` prints"
        ));
    }
    Ok(Sha256::digest(word).into())
}

fn decode_hash(hex: &[u8]) -> Option<Hash> {
    let mut hash = Hash::default();
    let (pairs, rest) = hex.as_chunks::<2>();
    if pairs.len() != hash.len() || !rest.is_empty() {
        return None;
    }
    for (byte, [high, low]) in hash.iter_mut().zip(pairs) {
        let digit = |digit: u8| char::from(digit).to_digit(16);
        *byte = u8::try_from(digit(*high)? << 4 | digit(*low)?).ok()?;
    }
    Some(hash)
}

/// What stands for a token where it must not be kept.
pub(crate) fn digest_of(token: &[u8]) -> Hash {
    Sha256::digest(token).into()
}

/// The tokens of a file that may change.
pub struct Tokens(Reloading<TokenSet>);

impl Tokens {
    /// Reads the token file. A warning is logged if others may read it.
    ///
    /// # Errors
    /// It cannot be read, or makes no sense.
    pub fn load(path: impl Into<PathBuf>) -> Result<Tokens, LoadError> {
        let source = Source {
            what: "the token file",
            path: path.into(),
            limit: FILE_MAX,
            secret: true,
        };
        let build = {
            let source = source.clone();
            move |contents: &[Vec<u8>], _: Option<&TokenSet>| {
                let content = contents.first().map_or(&[][..], Vec::as_slice);
                TokenSet::parse(content).map_err(|error| source.invalid(error))
            }
        };
        Reloading::load("the token file", vec![source], build, describe).map(Tokens)
    }

    /// The tokens in force.
    pub fn current(&self) -> Arc<TokenSet> {
        self.0.current()
    }
}

impl Watched for Tokens {
    fn what(&self) -> &'static str {
        self.0.what()
    }

    fn poll(&self) -> Outcome {
        self.0.poll()
    }

    fn reload(&self) -> Outcome {
        self.0.reload()
    }

    fn failure(&self) -> Option<String> {
        self.0.failure()
    }
}

/// What the second set changes, by names.
fn describe(old: &TokenSet, new: &TokenSet) -> String {
    let (before, after) = (old.roles(), new.roles());
    let mut changes = Vec::new();
    for (name, role) in &after {
        match before.get(name) {
            None => changes.push(format!("{name} may {role} now")),
            Some(was) if was != role => {
                changes.push(format!("{name} may {role} now instead of {was}"));
            }
            Some(_) if old.hashes_of(name) != new.hashes_of(name) => {
                changes.push(format!("{name} has other tokens"));
            }
            Some(_) => {}
        }
    }
    let gone = before.keys().filter(|name| !after.contains_key(**name));
    changes.extend(gone.map(|name| format!("{name} has none any more")));
    if changes.is_empty() {
        "nothing but how it is written".to_owned()
    } else {
        changes.join("; ")
    }
}

#[cfg(test)]
mod tests;
