//! Any bytes as the header blocks of a connection.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| weir_fuzz::h2_hpack::blocks(data));
