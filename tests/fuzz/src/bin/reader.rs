//! Fuzzes files of any bytes with any delimiter: `tests/fuzz/run 60 reader`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| tenantry_fuzz::reader(input));
