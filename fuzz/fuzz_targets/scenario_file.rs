//! Runs the target `scenario_file`, guided by coverage.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    fuzz_targets::scenario_file(bytes);
});
