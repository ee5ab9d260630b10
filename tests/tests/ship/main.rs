//! What is shipped beside the program says the truth about it: images, manifests,
//! units, settings, and the commands that documents show.

#![expect(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]

mod commands;
mod compose;
mod files;
mod image;
mod kubernetes;
mod links;
mod unit;
mod variables;
mod yaml;
