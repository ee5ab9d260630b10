//! Runs the target `client_roles`, guided by coverage.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    fuzz_targets::client_roles(bytes);
});
