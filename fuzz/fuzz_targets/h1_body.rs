//! Any bytes as a message body.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| weir_fuzz::h1::body(data));
