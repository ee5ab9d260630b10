//! Runs the target `registry_entry`, guided by coverage.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    fuzz_targets::registry_entry(bytes);
});
