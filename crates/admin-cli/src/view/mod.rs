//! What is shown, as text. No colors are left out here: the console does that.

pub(crate) mod card;
pub(crate) mod explain;
pub(crate) mod json;
pub(crate) mod recalled;
pub(crate) mod table;

use crate::args::Name;
use crate::text;

/// The full name in one line, as the lists that commands read want it.
pub(crate) fn name_line(name: &Name) -> String {
    format!(
        "{}\n",
        text::escape(&format!("{}/{}", name.account, name.function))
    )
}
