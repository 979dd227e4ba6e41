//! Fuzzes `tenantry.toml`: `tests/fuzz/run 60 settings`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| tenantry_fuzz::settings(input));
