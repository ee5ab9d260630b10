//! Suites as lists of functions, each of which is put to a subject by itself.

use std::fmt;
use std::pin::Pin;

/// Whether a case holds; the error says what was expected and what came.
pub type Outcome = Result<(), String>;

/// A case at work.
pub type Running<'a> = Pin<Box<dyn Future<Output = Outcome> + Send + 'a>>;

/// One thing that must hold for an `S`.
///
/// A case keeps to the place that it is given, a prefix of keys or an account for
/// instance, and expects that nothing is there. It leaves behind what it made.
pub struct Case<S: ?Sized> {
    /// What must hold, as an identifier. Unique.
    pub name: &'static str,
    /// Performs the case on a subject, at a place.
    pub run: for<'a> fn(&'a S, &'a str) -> Running<'a>,
}

impl<S: ?Sized> fmt::Debug for Case<S> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name)
    }
}

/// A case that does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The name of the case.
    pub case: &'static str,
    /// What was expected and what came.
    pub what: String,
}

/// Cases by the names of the functions that perform them.
macro_rules! list {
    ($($name:ident),+ $(,)?) => {
        &[$($crate::suite::Case {
            name: stringify!($name),
            run: |subject, place| Box::pin($name(subject, place)),
        }),+]
    };
}
pub(crate) use list;

/// Performs `cases` one after the other, each at its place.
pub(crate) async fn perform<S: ?Sized + 'static>(
    subject: &S,
    cases: impl Iterator<Item = (&'static Case<S>, String)>,
) -> Vec<Failure> {
    let mut failures = Vec::new();
    for (case, place) in cases {
        if let Err(what) = (case.run)(subject, &place).await {
            let case = case.name;
            failures.push(Failure { case, what });
        }
    }
    failures
}
