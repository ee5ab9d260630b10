//! Runs the target `registry_listing`, guided by coverage.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    fuzz_targets::registry_listing(bytes);
});
