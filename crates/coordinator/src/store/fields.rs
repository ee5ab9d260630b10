//! JSON objects whose values keep their exact bytes, so that what is not
//! understood is passed on unchanged.

use std::fmt;

use serde::de::{DeserializeOwned, Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer, ser::SerializeMap};
use serde_json::value::RawValue;

/// The most fields that an object of a record may have.
const FIELDS_MAX: usize = 1024;

/// The fields of an object in their order.
#[derive(Default)]
pub(super) struct Fields(Vec<(String, Box<RawValue>)>);

impl Fields {
    /// Takes a field out. `Ok(None)` if it is absent or null; of a repeated
    /// field the last counts.
    pub(super) fn take<T: DeserializeOwned>(&mut self, name: &str) -> Result<Option<T>, String> {
        let mut found = None;
        self.0.retain_mut(|(field, value)| {
            let hit = field == name;
            if hit {
                found = Some(std::mem::take(value));
            }
            !hit
        });
        let Some(value) = found else {
            return Ok(None);
        };
        serde_json::from_str(value.get())
            .map_err(|error| format!("its field `{name}` cannot be read: {error}"))
    }

    /// Appends a field.
    pub(super) fn put<T: Serialize>(
        &mut self,
        name: &str,
        value: &T,
    ) -> Result<(), serde_json::Error> {
        let value = serde_json::value::to_raw_value(value)?;
        self.0.push((name.to_owned(), value));
        Ok(())
    }

    /// Appends a field unless it would be null.
    pub(super) fn put_some<T: Serialize>(
        &mut self,
        name: &str,
        value: Option<&T>,
    ) -> Result<(), serde_json::Error> {
        value.map_or(Ok(()), |value| self.put(name, value))
    }

    /// Appends all fields of another object.
    pub(super) fn append(&mut self, mut other: Fields) {
        self.0.append(&mut other.0);
    }

    /// Drops the named fields.
    pub(super) fn without(mut self, names: &[&str]) -> Fields {
        self.0.retain(|(field, _)| !names.contains(&field.as_str()));
        self
    }

    /// Whether one of the named fields is there.
    pub(super) fn has_any(&self, names: &[&str]) -> bool {
        self.0
            .iter()
            .any(|(field, _)| names.contains(&field.as_str()))
    }
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Fields, D::Error> {
        struct FieldsVisitor;

        impl<'de> Visitor<'de> for FieldsVisitor {
            type Value = Fields;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(formatter, "an object of at most {FIELDS_MAX} fields")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut fields = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    if fields.len() == FIELDS_MAX {
                        return Err(serde::de::Error::invalid_length(FIELDS_MAX + 1, &self));
                    }
                    fields.push(entry);
                }
                Ok(Fields(fields))
            }
        }

        deserializer.deserialize_map(FieldsVisitor)
    }
}

impl Serialize for Fields {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Fields {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn fields_keep_their_order_and_bytes() {
        let text = r#"{"b":1.10,"a":{"z": 1,"y":[null]},"c":123456789012345678901234567890}"#;
        assert_eq!(serde_json::to_string(&parse(text)).unwrap(), text);
    }

    #[test]
    fn the_last_of_repeated_fields_counts() {
        let mut fields = parse(r#"{"a":1,"b":2,"a":3}"#);
        assert_eq!(fields.take("a"), Ok(Some(3)));
        assert_eq!(fields.take::<u64>("a"), Ok(None));
        assert_eq!(serde_json::to_string(&fields).unwrap(), r#"{"b":2}"#);
    }

    #[test]
    fn null_counts_as_absent_and_other_types_are_errors() {
        assert_eq!(parse(r#"{"a":null}"#).take::<u64>("a"), Ok(None));
        let error = parse(r#"{"a":"x"}"#).take::<u64>("a").unwrap_err();
        assert!(error.contains("`a`"), "{error}");
    }

    #[test]
    fn an_object_of_too_many_fields_is_refused() {
        let many: Vec<String> = (0..=FIELDS_MAX).map(|n| format!("\"{n}\":0")).collect();
        let text = format!("{{{}}}", many.join(","));
        assert!(serde_json::from_str::<Fields>(&text).is_err());
    }
}
