//! Places of a run where something can go wrong.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sim_node::IndexerKey;

use crate::history::Method;

/// How a wait is called in the text of a site.
const TIMER: &str = "timer";
/// Stands for the indexer where a call names none.
const NOBODY: &str = "*";
/// Letters that have a meaning in the text of a plan; in names they are written
/// as `%` and two hexadecimal digits.
const SPECIAL: [char; 5] = ['%', ',', '#', ':', '@'];

/// What a site is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// A call of the coordinator.
    Call(Method),
    /// A wait of a loop that runs out.
    Timer,
}

/// A place of a run where something can go wrong. As text:
/// `StartStream@alice.near/feed#1`, `timer@alice.near/feed#3`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Site {
    /// What it is.
    pub place: Place,
    /// The indexer it is about, if it is about one.
    pub indexer: Option<IndexerKey>,
    /// The how-manieth such place about that indexer in the run, from 1.
    pub nth: u64,
}

impl fmt::Display for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place {
            Place::Call(method) => f.write_str(&method.name())?,
            Place::Timer => f.write_str(TIMER)?,
        }
        let name = self.indexer.as_ref().map_or(NOBODY, IndexerKey::as_str);
        write!(f, "@{}#{}", escaped(name), self.nth)
    }
}

fn escaped(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    for letter in name.chars() {
        if SPECIAL.contains(&letter) {
            text.push_str(&format!("%{:02x}", u32::from(letter)));
        } else {
            text.push(letter);
        }
    }
    text
}

fn unescaped(text: &str) -> Result<String, String> {
    let mut name = String::with_capacity(text.len());
    let mut parts = text.split('%');
    name.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let letter = part
            .get(..2)
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match (letter.map(char::from), part.get(2..)) {
            (Some(letter), Some(rest)) if SPECIAL.contains(&letter) => {
                name.push(letter);
                name.push_str(rest);
            }
            _ => return Err(format!("`%{part}` stands for no letter")),
        }
    }
    Ok(name)
}

impl FromStr for Site {
    type Err = String;

    fn from_str(text: &str) -> Result<Site, String> {
        let shape = || format!("`{text}` is no site; expected METHOD@ACCOUNT/FUNCTION#NUMBER");
        let (place, rest) = text.split_once('@').ok_or_else(shape)?;
        let (name, nth) = rest.rsplit_once('#').ok_or_else(shape)?;
        let place = match place {
            TIMER => Place::Timer,
            name => Method::ALL
                .into_iter()
                .find(|method| method.name() == name)
                .map(Place::Call)
                .ok_or_else(|| format!("`{name}` is no call of the coordinator"))?,
        };
        let indexer = match name {
            NOBODY => None,
            name => Some(IndexerKey::parse(&unescaped(name)?).ok_or_else(shape)?),
        };
        let nth = nth.parse().ok().filter(|nth| *nth > 0).ok_or_else(shape)?;
        Ok(Site {
            place,
            indexer,
            nth,
        })
    }
}

impl TryFrom<String> for Site {
    type Error = String;

    fn try_from(text: String) -> Result<Site, String> {
        text.parse()
    }
}

impl From<Site> for String {
    fn from(site: Site) -> String {
        site.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site(place: Place, indexer: Option<&str>, nth: u64) -> Site {
        Site {
            place,
            indexer: indexer.and_then(IndexerKey::parse),
            nth,
        }
    }

    #[test]
    fn a_site_survives_being_written_down() {
        let start = Place::Call(Method::StartStream);
        for (site, text) in [
            (
                site(start, Some("alice.near/feed"), 1),
                "StartStream@alice.near/feed#1",
            ),
            (
                site(Place::Timer, Some("a.near/x/y"), 12),
                "timer@a.near/x/y#12",
            ),
            (
                site(Place::Call(Method::GetTaskStatus), None, 3),
                "GetTaskStatus@*#3",
            ),
            (
                site(start, Some("a.near/odd,name#1:50%@x"), 2),
                "StartStream@a.near/odd%2cname%231%3a50%25%40x#2",
            ),
        ] {
            assert_eq!(site.to_string(), text);
            assert_eq!(text.parse(), Ok(site));
        }
    }

    #[test]
    fn every_call_can_be_named() {
        for method in Method::ALL {
            let site = site(Place::Call(method), Some("a.near/x"), 1);
            assert_eq!(site.to_string().parse(), Ok(site));
        }
    }

    #[test]
    fn what_is_no_site_is_refused_with_a_reason() {
        for (text, reason) in [
            ("", "is no site"),
            ("StartStream", "is no site"),
            ("StartStream@a.near/x", "is no site"),
            ("StartStream@nobody#1", "is no site"),
            ("StartStream@a.near/x#0", "is no site"),
            ("StartStream@a.near/x#-1", "is no site"),
            ("Startstream@a.near/x#1", "`Startstream` is no call"),
            ("StopStream@a.near/%zz#1", "stands for no letter"),
            ("StopStream@a.near/%4#1", "stands for no letter"),
        ] {
            let error = Site::from_str(text).expect_err(text);
            assert!(error.contains(reason), "{text}: {error}");
        }
    }
}
