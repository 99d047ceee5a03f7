//! Any bytes as a ClientHello.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| weir_fuzz::l4::hello(data));
