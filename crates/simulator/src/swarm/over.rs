//! Values set by hand: `--set net.latency='["1ms", "20ms"]'`.

use toml::{Table, Value};

/// A value for a key of a scenario.
#[derive(Clone, Debug, PartialEq)]
pub struct Override {
    path: String,
    value: Value,
    text: String,
}

impl Override {
    /// Reads `path=value`. The value is TOML; what is none is a text, so that
    /// durations and names need no quotes.
    ///
    /// # Errors
    /// There is no `=`, or no key before it.
    pub fn parse(text: &str) -> Result<Override, String> {
        let expected = "expected a key and a value such as `net.latency=[\"1ms\",\"20ms\"]`";
        let (path, value) = text.split_once('=').ok_or(expected)?;
        let path = path.trim();
        if path.is_empty() || path.split('.').any(str::is_empty) {
            return Err(expected.to_owned());
        }
        let table = toml::from_str::<Table>(&format!("value = {value}")).ok();
        let value = table
            .filter(|table| table.len() == 1)
            .and_then(|mut table| table.remove("value"))
            .unwrap_or_else(|| Value::String(value.trim().to_owned()));
        Ok(Override {
            path: path.to_owned(),
            value,
            text: text.to_owned(),
        })
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Sets the value, making tables on the way; a number in the path counts the
    /// elements of a list.
    ///
    /// # Errors
    /// The path leads through something that has no keys, or past the end of a list.
    pub fn apply(&self, root: &mut Table) -> Result<(), String> {
        let (last, way) = match self.path.rsplit_once('.') {
            Some((way, last)) => (last, way.split('.').collect()),
            None => (self.path.as_str(), Vec::new()),
        };
        let mut whole = Value::Table(std::mem::take(root));
        let place = self.place(&mut whole, &way, last);
        let found = place.map(|place| *place = self.value.clone());
        if let Value::Table(table) = whole {
            *root = table;
        }
        found
    }

    fn place<'a>(
        &self,
        root: &'a mut Value,
        way: &[&str],
        last: &str,
    ) -> Result<&'a mut Value, String> {
        let mut here = root;
        for key in way.iter().chain([&last]) {
            here = match here {
                Value::Table(table) => table
                    .entry((*key).to_owned())
                    .or_insert_with(|| Value::Table(Table::new())),
                Value::Array(items) => {
                    let many = items.len();
                    key.parse()
                        .ok()
                        .and_then(|nth: usize| items.get_mut(nth))
                        .ok_or_else(|| {
                            format!(
                                "--set {}: `{key}` is none of the {many} elements of a list",
                                self.path
                            )
                        })?
                }
                _ => {
                    return Err(format!(
                        "--set {}: `{key}` lies below a value that has no keys",
                        self.path
                    ));
                }
            };
        }
        Ok(here)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(text: &str, words: &str) -> Result<String, String> {
        let mut table: Table = toml::from_str(text).expect("a table");
        Override::parse(words)?.apply(&mut table)?;
        Ok(toml::to_string(&table).expect("it can be written"))
    }

    #[test]
    fn values_are_toml_or_texts() {
        let value = |words: &str| Override::parse(words).expect(words).value;
        assert_eq!(value("a=0"), Value::from(0));
        assert_eq!(value("a = 0.5"), Value::from(0.5));
        assert_eq!(value("a=5s"), Value::from("5s"));
        assert_eq!(value("a=\"5s\""), Value::from("5s"));
        assert_eq!(value("a=true"), Value::from(true));
        assert!(value("a=[\"1ms\", \"20ms\"]").is_array());
        assert!(value("a={ b = 1 }").is_table());
        assert_eq!(value("a=x=y"), Value::from("x=y"));
        assert_eq!(value("a=1\nb=2"), Value::from("1\nb=2"));
        for wrong in ["a", "=1", "a..b=1", ".a=1"] {
            assert!(Override::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn paths_lead_through_tables_and_lists() {
        assert_eq!(set("", "a.b.c=1").as_deref(), Ok("[a.b]\nc = 1\n"));
        assert_eq!(set("a = 1", "a=2").as_deref(), Ok("a = 2\n"));
        let list = "[[x]]\ny = 1\n[[x]]\ny = 2\n";
        let changed = set(list, "x.1.y=3").expect("it is there");
        assert_eq!(changed, "[[x]]\ny = 1\n\n[[x]]\ny = 3\n");
        assert!(set(list, "x.2.y=3").is_err_and(|error| error.contains("2 elements")));
        assert!(set("a = 1", "a.b=2").is_err_and(|error| error.contains("has no keys")));
    }
}
