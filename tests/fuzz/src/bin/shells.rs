//! Fuzzes words that are quoted for shells: `tests/fuzz/run 60 shells`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| tenantry_fuzz::shells(input));
