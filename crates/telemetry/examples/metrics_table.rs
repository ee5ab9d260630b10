//! Prints the table of all metrics, as the operators' book has it.

use std::io::{self, Write};

fn main() -> io::Result<()> {
    write!(io::stdout(), "{}", telemetry::metrics::markdown())
}
