//! Runs the target `rpc_answer`, guided by coverage.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    fuzz_targets::rpc_answer(bytes);
});
