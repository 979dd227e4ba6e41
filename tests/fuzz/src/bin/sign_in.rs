//! Fuzzes answers of the sign-in service, and tokens: `tests/fuzz/run 60 sign_in`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| tenantry_fuzz::sign_in(input));
