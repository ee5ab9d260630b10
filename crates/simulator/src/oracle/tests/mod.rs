//! Every judge with a course of events that it must object to, and one that it
//! must let pass.

mod attention;
mod broken;
mod change;
mod claims;
mod data;
mod effects;
mod ending;
mod lives;
mod operating;
mod play;
mod prompt;
mod recovery;
mod trouble;
