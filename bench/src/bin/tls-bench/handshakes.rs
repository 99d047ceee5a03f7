//! Handshakes, each with one small request.

use crate::client::AES;
use crate::load::{Kind, Load};
use crate::place::SMALL;
use crate::report::Report;
use crate::rounds::{self, HEAD, row, to_better_peer};
use crate::server::Port;
use crate::{Options, Result};

const NOTES: &str = "\
Connections per CPU second, by 16 clients: handshake, one small request, close. TLS 1.3, X25519, \
AES-128-GCM; resumed with a ticket (RFC 8446 §2.2, with a key exchange) that the connection before \
was given. The last line is what there is without TLS.";

const fn load(name: &'static str, port: Port, kind: Kind) -> Load {
    Load { name, port, cipher: AES, what: ("/small", SMALL.len()), clients: 16, kind }
}

const LOADS: [Load; 4] = [
    load("full, ECDSA P-256", Port::Ecdsa, Kind::Full),
    load("full, RSA-2048", Port::Rsa, Kind::Full),
    load("resumed, ECDSA P-256", Port::Ecdsa, Kind::Resumed),
    load("in clear", Port::Clear, Kind::Full),
];

pub(crate) fn measure(options: &Options, report: &mut Report) -> Result<()> {
    let micros = rounds::run(&LOADS, options, report)?;
    report.section("Handshakes", NOTES, &HEAD);
    for (load, micros) in LOADS.iter().zip(micros) {
        let ratio = 1.0 / to_better_peer(micros);
        row(report, load.name, micros.map(|micros| 1e6 / micros), 0, ratio);
        if load.port != Port::Clear {
            report.at_least(format!("handshakes ÷ better peer: {}", load.name), ratio, 1.0);
        }
    }
    Ok(())
}
