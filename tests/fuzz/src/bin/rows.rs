//! Fuzzes the validation of a file's rows: `tests/fuzz/run 60 rows`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| tenantry_fuzz::rows(input));
