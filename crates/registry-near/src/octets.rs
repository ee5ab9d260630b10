//! Parts of an answer that may be of any size, read without more memory than
//! they are worth.

use std::fmt;

use coordinator::registry::decode::ANSWER_LEN_MAX;
use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// Bytes that are written as an array of numbers.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Octets(pub(crate) Vec<u8>);

impl<'de> Deserialize<'de> for Octets {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Octets, D::Error> {
        deserializer.deserialize_seq(OctetsVisitor)
    }
}

/// What the error of too many [`Octets`] begins with, and no other one.
pub(crate) const TOO_LONG: &str = "there are more bytes than are read";

struct OctetsVisitor;

impl<'de> Visitor<'de> for OctetsVisitor {
    type Value = Octets;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an array of bytes")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Octets, A::Error> {
        let mut octets = Vec::new();
        while let Some(octet) = seq.next_element()? {
            if octets.len() == ANSWER_LEN_MAX {
                return Err(A::Error::custom(TOO_LONG));
            }
            octets.push(octet);
        }
        Ok(Octets(octets))
    }
}

/// The most characters of a text that are kept.
const TEXT_LEN_MAX: usize = 500;

/// The beginning of a text; whatever is no text counts as empty. Control
/// characters become spaces: it ends up in logs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Text(pub(crate) String);

impl Text {
    pub(crate) fn new(text: &str) -> Text {
        let printable = |c: char| if c.is_control() { ' ' } else { c };
        Text(text.chars().take(TEXT_LEN_MAX).map(printable).collect())
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Text, D::Error> {
        deserializer.deserialize_any(TextVisitor)
    }
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Text;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("anything")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Text, E> {
        Ok(Text::new(text))
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Text, E> {
        Ok(Text::default())
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Text, E> {
        Ok(Text::new(&number.to_string()))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Text, E> {
        Ok(Text::new(&number.to_string()))
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Text, E> {
        Ok(Text::default())
    }

    fn visit_unit<E: Error>(self) -> Result<Text, E> {
        Ok(Text::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Text, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Text::default())
    }

    // The newer nodes describe the virtual machine's errors as nested objects
    // whose names say what happened.
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Text, A::Error> {
        let mut found = Vec::new();
        while let Some((name, inner)) = map.next_entry::<Text, Text>()? {
            if found.len() < 8 {
                found.push(match inner.as_str() {
                    "" => name.0,
                    inner => format!("{}: {inner}", name.0),
                });
            }
        }
        Ok(Text::new(&found.join(", ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn octets_are_numbers_below_256_in_an_array() {
        let read = |text: &str| serde_json::from_str::<Octets>(text);
        assert_eq!(
            read("[123, 125,0 ,255]").unwrap(),
            Octets(vec![123, 125, 0, 255])
        );
        assert_eq!(read("[]").unwrap(), Octets(Vec::new()));
        for bad in [
            "[256]", "[-1]", "[1.5]", "[\"a\"]", "[[1]]", "[null]", "\"e30=\"", "{}", "7",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn texts_are_cut_and_flattened() {
        let read = |text: &str| serde_json::from_str::<Text>(text).unwrap().0;
        assert_eq!(read(r#""a\nb""#), "a b");
        assert_eq!(read(&format!("\"{}\"", "é".repeat(9999))), "é".repeat(500));
        assert_eq!(
            read(r#"{"vm_error":{"HostError":"GasLimitExceeded"},"n":-7}"#),
            "vm_error: HostError: GasLimitExceeded, n: -7"
        );
        for other in ["null", "true", "1.5", "[1,[2]]", "{}"] {
            assert_eq!(read(other), "", "{other}");
        }
    }
}
