//! What the state may say of TLS.

use weir_tls::certificate;
use weir_tls::{
    ClientCheck, ClientOptions, ServerOptions, Store, Tickets, client_config, known_cipher_suites,
    known_groups, server_config,
};

use super::Problem;
use crate::config::nearest;
use crate::state::{BackendTls, ClientAuth, ListenerTls, TlsVersion};

/// Spoken with clients.
const HTTP1: &str = "http/1.1";
const HTTP2: &str = "h2";

/// Of a frontend or a request with a certificate for a listener without TLS.
pub(crate) const HTTPS_FOR_CERTIFICATES: &str = "a certificate needs an `https` listener";
/// Of a policy for a listener without TLS.
pub(crate) const HTTPS_FOR_HSTS: &str =
    "HSTS needs an `https` listener: clients ignore it over plain HTTP (RFC 6797 §8.1)";

/// A name of a cipher suite.
pub(crate) fn cipher_suite(name: &str) -> Result<(), Problem> {
    known("cipher suite", name, &known_cipher_suites())
}

/// A name of a group of the key exchange.
pub(crate) fn group(name: &str) -> Result<(), Problem> {
    known("key-exchange group", name, &known_groups())
}

fn known(what: &str, name: &str, all: &[String]) -> Result<(), Problem> {
    if all.iter().any(|known| known == name) {
        return Ok(());
    }
    let help = match nearest(name, all.iter().map(String::as_str)) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("known are {}", all.join(", ")),
    };
    Err(Problem::new(format!("there is no {what} `{name}`")).label("unknown name").help(help))
}

/// Protocols of the application, each once; an empty list is the usual one.
pub(crate) fn alpn<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Vec<String>, Problem> {
    let mut list: Vec<String> = Vec::new();
    for name in names {
        if ![HTTP1, HTTP2].contains(&name) {
            let message = format!("`{name}` is no protocol that can be agreed on");
            return Err(Problem::new(message).help("known are `h2` and `http/1.1`"));
        }
        if !list.iter().any(|known| known == name) {
            list.push(name.to_owned());
        }
    }
    if list.is_empty() {
        return Ok(ListenerTls::default().alpn);
    }
    Ok(list)
}

/// Whether a listener can be served so.
pub(crate) fn listener_tls(tls: &ListenerTls) -> Result<(), Problem> {
    if tls.disable_http11 && tls.alpn.iter().any(|name| name == HTTP1) {
        let message = "`disable_http11` refuses the clients that agree on `http/1.1`";
        return Err(Problem::new(message).help("set `alpn_protocols` to `[\"h2\"]` beside it"));
    }
    let asks = tls.client_auth != ClientAuth::None;
    if asks && tls.client_authorities.is_empty() {
        let message = "certificates of clients are asked for, and nobody is trusted to issue them";
        return Err(Problem::new(message).help("give the authorities, in PEM"));
    }
    let options = ServerOptions {
        tls12: tls.versions.contains(&TlsVersion::V12),
        tls13: tls.versions.contains(&TlsVersion::V13),
        cipher_suites: &tls.cipher_list,
        groups: &tls.groups_list,
        alpn: &[],
        tickets: 0,
        clients: asks.then_some(ClientCheck {
            optional: tls.client_auth == ClientAuth::Optional,
            authorities: &tls.client_authorities,
            revoked: &tls.client_revoked,
        }),
    };
    let made = server_config(&options, Store::default(), Tickets::new(0));
    made.map(drop).map_err(Problem::new)
}

/// Whether backends can be spoken with so.
pub(crate) fn backend_tls(tls: &BackendTls) -> Result<(), Problem> {
    let made = client_config(&ClientOptions {
        authorities: &tls.authorities,
        // Whom the system trusts is known where connections are made.
        verify: tls.verify && !tls.authorities.is_empty(),
        identity: tls.identity.as_ref().map(|identity| (&identity.chain[..], &identity.key)),
        alpn: &[],
    });
    made.map(drop).map_err(Problem::new)
}

/// The name of a backend.
pub(crate) fn server_name(name: &str) -> Result<(), Problem> {
    if certificate::is_server_name(name) {
        return Ok(());
    }
    let message = format!("`{name}` is no name that a certificate can have");
    Err(Problem::new(message).help("write the name of a host, or an address, without a port"))
}

/// A name that a certificate is chosen for, as the state has it.
pub(crate) fn host_pattern(name: &str) -> Result<String, Problem> {
    certificate::host_pattern(name).ok_or_else(|| {
        let message = format!("`{name}` is no name that a certificate can be chosen for");
        Problem::new(message).help("write the name of a host, or `*.` and a name")
    })
}
