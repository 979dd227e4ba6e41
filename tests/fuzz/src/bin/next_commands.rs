//! Fuzzes options that a next command repeats: `tests/fuzz/run 60 next_commands`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| tenantry_fuzz::next_commands(input));
