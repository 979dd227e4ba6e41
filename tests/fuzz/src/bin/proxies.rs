//! Fuzzes proxy settings of the environment: `tests/fuzz/run 60 proxies`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| tenantry_fuzz::proxies(input));
