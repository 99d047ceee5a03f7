//! Any bytes as header blocks of HTTP/2.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    weir_fuzz::h2::hpack(data);
    weir_fuzz::h2_hpack::blocks(data);
});
