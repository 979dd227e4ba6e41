//! Fuzzes Partner Center's answers to every call: `tests/fuzz/run 60 answers`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| tenantry_fuzz::answers(input));
