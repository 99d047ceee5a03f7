//! Fuzzes config: what must hold for any bytes. Must not know: anything but the public API.

#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| {
    if let Err(report) = weir_control::config::check(text, std::path::Path::new("fuzz.toml")) {
        report.render(false);
    }
});
