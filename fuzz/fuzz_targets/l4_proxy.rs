//! Any bytes as a PROXY protocol header.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| weir_fuzz::l4::proxy(data));
