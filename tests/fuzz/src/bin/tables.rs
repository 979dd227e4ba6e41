//! Fuzzes tables of texts, as workbooks: `tests/fuzz/run 60 tables`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| tenantry_fuzz::tables(input));
