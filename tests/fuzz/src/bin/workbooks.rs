//! Fuzzes workbooks of any parts: `tests/fuzz/run 60 workbooks`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| tenantry_fuzz::workbooks(input));
