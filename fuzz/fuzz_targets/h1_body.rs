//! Fuzzes h1_body: what must hold for any bytes. Must not know: anything but the public API.

#![no_main]

#[path = "../invariants.rs"]
mod invariants;

libfuzzer_sys::fuzz_target!(|data: &[u8]| invariants::body(data));
