//! Responses on kept connections, in clear and with two ciphers.

use rustls::SupportedCipherSuite;

use crate::client::{AES, CHACHA};
use crate::load::{Kind, Load};
use crate::place::SMALL;
use crate::report::Report;
use crate::rounds::{self, HEAD, row, to_better_peer};
use crate::server::{PerProxy, Port};
use crate::{Options, Result};

const NOTES: &str = "\
CPU microseconds per request. Small and 16 KiB: 50 clients; 1 MiB: 8. What is added is the time \
with TLS less the time of the same proxy in clear, of the medians: where a proxy splices in clear \
what it has to copy with TLS, that is part of it.";

const CIPHERS: [&str; 2] = ["AES-128-GCM", "ChaCha20-Poly1305"];

const fn load(
    name: &'static str,
    port: Port,
    cipher: SupportedCipherSuite,
    what: (&'static str, usize),
    clients: usize,
) -> Load {
    Load { name, port, cipher, what, clients, kind: Kind::Kept }
}

const fn small(name: &'static str, port: Port, cipher: SupportedCipherSuite) -> Load {
    load(name, port, cipher, ("/small", SMALL.len()), 50)
}

const fn middle(name: &'static str, port: Port, cipher: SupportedCipherSuite) -> Load {
    load(name, port, cipher, ("/16k", 16 << 10), 50)
}

const fn large(name: &'static str, port: Port, cipher: SupportedCipherSuite) -> Load {
    load(name, port, cipher, ("/1m", 1 << 20), 8)
}

/// Of each size, in clear and with both ciphers.
const LOADS: [Load; 9] = [
    small("small, in clear", Port::Clear, AES),
    small("small, AES-128-GCM", Port::Ecdsa, AES),
    small("small, ChaCha20-Poly1305", Port::Ecdsa, CHACHA),
    middle("16 KiB, in clear", Port::Clear, AES),
    middle("16 KiB, AES-128-GCM", Port::Ecdsa, AES),
    middle("16 KiB, ChaCha20-Poly1305", Port::Ecdsa, CHACHA),
    large("1 MiB, in clear", Port::Clear, AES),
    large("1 MiB, AES-128-GCM", Port::Ecdsa, AES),
    large("1 MiB, ChaCha20-Poly1305", Port::Ecdsa, CHACHA),
];

pub(crate) fn measure(options: &Options, report: &mut Report) -> Result<()> {
    let micros = rounds::run(&LOADS, options, report)?;
    report.section("Kept connections", NOTES, &HEAD);
    for (load, micros) in LOADS.iter().zip(&micros) {
        let ratio = to_better_peer(*micros);
        row(report, load.name, *micros, 2, ratio);
        if load.port != Port::Clear && load.what.0 != "/small" {
            report.at_most(format!("CPU ÷ better peer: {}", load.name), ratio, 1.0);
        }
    }
    for (size, of_size) in ["small", "16 KiB", "1 MiB"].iter().zip(micros.chunks_exact(3)) {
        for (cipher, micros) in CIPHERS.iter().zip(&of_size[1..]) {
            let added = difference(*micros, of_size[0]);
            let ratio = to_better_peer(added);
            row(report, &format!("added: {size}, {cipher}"), added, 2, ratio);
            if *size == "small" {
                let what = format!("CPU that TLS adds ÷ better peer: {size}, {cipher}");
                report.at_most(what, ratio, 1.0);
            }
        }
    }
    Ok(())
}

fn difference(a: PerProxy, b: PerProxy) -> PerProxy {
    std::array::from_fn(|at| a[at] - b[at])
}
