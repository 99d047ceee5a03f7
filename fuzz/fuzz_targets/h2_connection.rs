//! Any bytes as a connection of HTTP/2.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| weir_fuzz::h2::connection(data));
