//! Any bytes as a message.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| weir_fuzz::proto::message(data));
