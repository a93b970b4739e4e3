//! See `attacks::target`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| attacks::target::signature(data));
