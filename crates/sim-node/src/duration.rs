//! Durations in configuration files: `"120s"`, `"1h 30m"`, `"250ms"`.

/// Serde adapter for a [`std::time::Duration`] written as text; negative and
/// unit-less values are refused with what was expected.
pub mod human_duration {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    /// The longest duration a configuration may name: ten years.
    pub const LONGEST: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

    /// Parses `"90s"`, `"1h 30m"`, `"250ms"`.
    ///
    /// # Errors
    /// The text is not a duration, or is longer than [`LONGEST`].
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        let duration = humantime::parse_duration(&text).map_err(|error| {
            D::Error::custom(format!(
                "`{text}` is not a duration ({error}); write it like \"90s\", \"250ms\" or \
                 \"1h 30m\""
            ))
        })?;
        if duration > LONGEST {
            return Err(D::Error::custom(format!(
                "`{text}` is longer than ten years"
            )));
        }
        Ok(duration)
    }

    /// Writes the same form that [`deserialize`] reads.
    ///
    /// # Errors
    /// Only those of the serializer.
    pub fn serialize<S: Serializer>(value: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&humantime::format_duration(*value))
    }
}
