//! HTTPS listeners: what an HTTP listener has, and TLS.

use weir_proto::{
    CertificateAndKey, ClientAuthMode, HstsConfig, HttpListenerConfig,
    HttpsListenerConfig as Config, TlsVersion as Version, UpdateHttpListenerConfig,
    UpdateHttpsListenerConfig as Patch,
};
use weir_tls::Der;
use weir_tls::certificate::{
    certificate_pem, key_pem, read_authorities, read_revocations, revocations_pem,
};

use super::listener::{h2_bounds, listener, patched, with_h2};
use super::{Keys, Kind, Refusal, certificate};
use crate::check;
use crate::order::Order;
use crate::state::{ClientAuth, Hsts, Identity, Listener, ListenerTls, State, TlsVersion};

/// Seconds of a policy that names none: a year.
const MAX_AGE: u32 = 31_536_000;
/// More session tickets than any client keeps.
const MOST_TICKETS: u64 = 16;

/// What messages about HTTP and HTTPS listeners have in common, without knobs of HTTP/2.
macro_rules! common {
    ($type:ident of $config:expr) => {{
        let config = $config;
        $type {
            address: config.address,
            public_address: config.public_address,
            expect_proxy: config.expect_proxy,
            sticky_name: config.sticky_name.clone(),
            front_timeout: config.front_timeout,
            back_timeout: config.back_timeout,
            connect_timeout: config.connect_timeout,
            request_timeout: config.request_timeout,
            http_answers: config.http_answers.clone(),
            sozu_id_header: config.sozu_id_header.clone(),
            answers: config.answers.clone(),
            elide_x_real_ip: config.elide_x_real_ip,
            send_x_real_ip: config.send_x_real_ip,
            forwarded_headers: config.forwarded_headers,
            access: config.access.clone(),
            proxy_from: config.proxy_from.clone(),
            ..$type::default()
        }
    }};
}

pub(super) fn add(state: &State, config: &Config) -> Result<Vec<Order>, Refusal> {
    let interface = config.interface.clone();
    let mptcp = config.mptcp;
    let plain = HttpListenerConfig { interface, mptcp, ..common!(HttpListenerConfig of config) };
    let mut listener = listener(state, &plain)?;
    h2_bounds(config, &mut listener.h2)?;
    let tls = Some(Box::new(tls(config)?));
    Ok(vec![Order::Listener(Listener { tls, ..listener })])
}

fn tls(config: &Config) -> Result<ListenerTls, Refusal> {
    let tls = ListenerTls {
        versions: versions(&config.versions)?,
        cipher_list: known(&config.cipher_list, check::cipher_suite)?,
        groups_list: known(&config.groups_list, check::group)?,
        alpn: check::alpn(config.alpn_protocols.iter().map(String::as_str))?,
        strict_sni_binding: config.strict_sni_binding.unwrap_or(true),
        disable_http11: config.disable_http11.unwrap_or_default(),
        tickets: tickets(config.send_tls13_tickets)?,
        default_certificate: default_certificate(config)?,
        hsts: config.hsts.as_ref().map(hsts).transpose()?,
        client_auth: client_auth(config.client_auth)?,
        client_authorities: authorities(&config.client_ca_certificates)?,
        client_revoked: revocations(&config.client_ca_crls)?,
    };
    check::listener_tls(&tls)?;
    Ok(tls)
}

pub(super) fn update(state: &State, patch: &Patch) -> Result<Vec<Order>, Refusal> {
    let plain = common!(UpdateHttpListenerConfig of patch);
    let mut listener = patched(state, &plain, Kind::Https)?;
    h2_bounds(patch, &mut listener.h2)?;
    if let Some(tls) = listener.tls.as_deref_mut() {
        patch_tls(tls, patch)?;
        check::listener_tls(tls)?;
    }
    Ok(vec![Order::Listener(listener)])
}

fn patch_tls(tls: &mut ListenerTls, patch: &Patch) -> Result<(), Refusal> {
    if let Some(names) = &patch.alpn_protocols {
        tls.alpn = check::alpn(names.values.iter().map(String::as_str))?;
    }
    tls.strict_sni_binding = patch.strict_sni_binding.unwrap_or(tls.strict_sni_binding);
    tls.disable_http11 = patch.disable_http11.unwrap_or(tls.disable_http11);
    if let Some(policy) = &patch.hsts {
        tls.hsts = Some(hsts(policy)?);
    }
    if let Some(default) = &patch.default_certificate {
        let identity = default.certificate.as_ref().map(certificate::identity);
        tls.default_certificate = identity.transpose()?;
    }
    if let Some(policy) = &patch.client_auth_policy {
        tls.client_auth = client_auth(policy.client_auth)?;
        tls.client_authorities = authorities(&policy.client_ca_certificates)?;
        tls.client_revoked = revocations(&policy.client_ca_crls)?;
    }
    Ok(())
}

/// Those that can be served; none named: all that can.
fn versions(numbers: &[i32]) -> Result<Vec<TlsVersion>, Refusal> {
    if numbers.is_empty() {
        return Ok(ListenerTls::default().versions);
    }
    let served = numbers.iter().filter_map(|number| match Version::try_from(*number) {
        Ok(Version::TlsV12) => Some(TlsVersion::V12),
        Ok(Version::TlsV13) => Some(TlsVersion::V13),
        _ => None,
    });
    let mut versions: Vec<_> = served.collect();
    versions.sort();
    versions.dedup();
    match versions.is_empty() {
        true => Err("TLS before 1.2 is not served: add TLS_V12 or TLS_V13".into()),
        false => Ok(versions),
    }
}

fn known(
    names: &[String],
    check: impl Fn(&str) -> Result<(), check::Problem>,
) -> Result<Vec<String>, Refusal> {
    names.iter().try_for_each(|name| check(name))?;
    Ok(names.to_vec())
}

fn tickets(number: u64) -> Result<u64, Refusal> {
    match number {
        0..=MOST_TICKETS => Ok(number),
        _ => Err(format!("a client is sent at most {MOST_TICKETS} tickets, not {number}").into()),
    }
}

fn default_certificate(config: &Config) -> Result<Option<Identity>, Refusal> {
    let (certificate, key) = match (&config.certificate, &config.key) {
        (Some(certificate), Some(key)) => (certificate.clone(), key.clone()),
        (None, None) => return Ok(None),
        (Some(_), None) => return Err("the default certificate needs its `key`".into()),
        (None, Some(_)) => return Err("the `key` needs its default `certificate`".into()),
    };
    let certificate_chain = config.certificate_chain.clone();
    let shown =
        CertificateAndKey { certificate, certificate_chain, key, ..CertificateAndKey::default() };
    certificate::identity(&shown).map(Some)
}

fn client_auth(mode: Option<i32>) -> Result<ClientAuth, Refusal> {
    match mode.map(ClientAuthMode::try_from) {
        None | Some(Ok(ClientAuthMode::ClientAuthNone)) => Ok(ClientAuth::None),
        Some(Ok(ClientAuthMode::ClientAuthOptional)) => Ok(ClientAuth::Optional),
        Some(Ok(ClientAuthMode::ClientAuthRequired)) => Ok(ClientAuth::Required),
        Some(Err(_)) => Err("the mode of client certificates has no known number".into()),
    }
}

/// Those of all texts, in PEM.
pub(super) fn authorities(texts: &[String]) -> Result<Vec<Der>, Refusal> {
    let mut all = Vec::new();
    for text in texts {
        let refused = |error| Refusal(format!("the authorities are refused: {error}"));
        all.extend(read_authorities(text).map_err(refused)?);
    }
    Ok(all)
}

fn revocations(texts: &[String]) -> Result<Vec<Der>, Refusal> {
    let mut all = Vec::new();
    for text in texts {
        let refused = |error| Refusal(format!("the revocation lists are refused: {error}"));
        all.extend(read_revocations(text).map_err(refused)?);
    }
    Ok(all)
}

/// A policy that says whether it holds.
pub(super) fn hsts(config: &HstsConfig) -> Result<Hsts, Refusal> {
    Ok(Hsts {
        enabled: config.enabled.ok_or("a policy of HSTS says whether it is `enabled`")?,
        max_age: config.max_age.unwrap_or(MAX_AGE),
        include_subdomains: config.include_subdomains.unwrap_or_default(),
        preload: config.preload.unwrap_or_default(),
        force_replace_backend: config.force_replace_backend.unwrap_or_default(),
    })
}

/// A policy as the protocol shows it.
pub(super) fn hsts_config(policy: &Hsts) -> HstsConfig {
    HstsConfig {
        enabled: Some(policy.enabled),
        max_age: Some(policy.max_age),
        include_subdomains: Some(policy.include_subdomains),
        preload: Some(policy.preload),
        force_replace_backend: Some(policy.force_replace_backend),
    }
}

/// A listener as the protocol shows it; it is activated by a request of its own.
pub(super) fn config(listener: &Listener, tls: &ListenerTls, keys: Keys) -> Config {
    let versions = tls.versions.iter().map(|version| match version {
        TlsVersion::V12 => Version::TlsV12.into(),
        TlsVersion::V13 => Version::TlsV13.into(),
    });
    let client_auth = match tls.client_auth {
        ClientAuth::None => ClientAuthMode::ClientAuthNone,
        ClientAuth::Optional => ClientAuthMode::ClientAuthOptional,
        ClientAuth::Required => ClientAuthMode::ClientAuthRequired,
    };
    let default = tls.default_certificate.as_ref();
    let shown = default.map(certificate::without_key);
    let key = default.filter(|_| keys == Keys::Shown);
    let message = Config {
        versions: versions.collect(),
        cipher_list: tls.cipher_list.clone(),
        groups_list: tls.groups_list.clone(),
        certificate: shown.as_ref().map(|shown| shown.certificate.clone()),
        certificate_chain: shown.map(|shown| shown.certificate_chain).unwrap_or_default(),
        key: key.map(|identity| key_pem(&identity.key).to_string()),
        send_tls13_tickets: tls.tickets,
        alpn_protocols: tls.alpn.clone(),
        strict_sni_binding: Some(tls.strict_sni_binding),
        disable_http11: Some(tls.disable_http11),
        hsts: tls.hsts.as_ref().map(hsts_config),
        client_auth: Some(client_auth.into()),
        client_ca_certificates: tls.client_authorities.iter().map(certificate_pem).collect(),
        client_ca_crls: tls.client_revoked.iter().map(revocations_pem).collect(),
        mptcp: listener.mptcp.then_some(true),
        ..common!(Config of super::listener::config(listener))
    };
    with_h2(message, &listener.h2)
}
