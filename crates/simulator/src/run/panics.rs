//! Panics of product code: caught by the product's own isolation, and therefore
//! to be noticed here.

use std::panic;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The panics since [`Panics::watch`], in this process.
#[derive(Clone, Debug, Default)]
pub struct Panics(Arc<Mutex<Vec<String>>>);

impl Panics {
    /// Notes every panic from now on instead of printing it.
    pub fn watch() -> Panics {
        let panics = Panics::default();
        let noted = panics.clone();
        panic::set_hook(Box::new(move |info| noted.lock().push(info.to_string())));
        panics
    }

    /// The panics since the last call.
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, Vec<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
