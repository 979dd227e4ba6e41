//! Fuzzes the wait that a 429 requests: `tests/fuzz/run 60 retry_after`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| tenantry_fuzz::retry_after(input));
