//! Any bytes as a state file.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| weir_fuzz::proto::state(data));
