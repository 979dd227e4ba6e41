//! Fuzzes rows in the ledger's format: `tests/fuzz/run 60 stored`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| tenantry_fuzz::stored(input));
