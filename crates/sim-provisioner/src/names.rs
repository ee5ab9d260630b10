//! What things are called in the database.

use sim_node::IndexerKey;

/// Postgres cuts longer identifiers.
const LONGEST_IDENTIFIER: usize = 63;

/// The database's names for an indexer. Different indexers can have the same.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Names {
    /// Of the account's database, user, role and source alike.
    pub(crate) database: String,
    /// Of the indexer's schema.
    pub(crate) schema: String,
}

impl Names {
    pub(crate) fn of(key: &IndexerKey) -> Names {
        let account = sanitised(key.account());
        let function = sanitised(key.function());
        let schema = cut(format!("{account}_{function}"));
        Names {
            database: cut(account),
            schema,
        }
    }
}

/// Everything but ASCII letters and digits becomes an underscore, and a leading
/// digit gets one in front.
fn sanitised(name: &str) -> String {
    let digit_first = name.starts_with(|first: char| first.is_ascii_digit());
    let prefix = if digit_first { "_" } else { "" };
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    prefix.chars().chain(name.chars().map(plain)).collect()
}

/// Sanitised names are ASCII, so bytes are characters.
fn cut(mut name: String) -> String {
    name.truncate(LONGEST_IDENTIFIER);
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(account: &str, function: &str) -> (String, String) {
        let Names { database, schema } = Names::of(&IndexerKey::new(account, function));
        (database, schema)
    }

    #[test]
    fn different_names_collide_as_in_the_real_service() {
        assert_eq!(
            names("a-b.near", "x-y"),
            ("a_b_near".into(), "a_b_near_x_y".into())
        );
        assert_eq!(names("a.b.near", "x_y"), names("a-b.near", "x-y"));
        assert_eq!(
            names("1a.near", "2f"),
            ("_1a_near".into(), "_1a_near__2f".into())
        );
        assert_eq!(
            names("a.near", "Ünï/X"),
            ("a_near".into(), "a_near__n__X".into())
        );
    }

    #[test]
    fn long_names_are_cut() {
        let long = "f".repeat(80);
        assert_eq!(names("a.near", &long).1.len(), 63);
        assert_eq!(names("a.near", &long), names("a.near", &format!("{long}g")));
    }
}
