//! What a file serves, for people: listeners with their routes in the order in which these are
//! tried, clusters with their backends.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt::{self, Write};
use std::net::SocketAddr;

use weir_tls::certificate::{day, describe};

use super::Checked;
use crate::state::{
    Backend, Carries, ClientAuth, Cluster, Frontend, Listener, ListenerTls, LoadBalancing,
    PathRule, Position, ProxyMode, Redirect, State, TlsVersion,
};

pub(super) fn summary(checked: &Checked) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = write(&mut text, &checked.state, checked.main.worker_count);
    text
}

fn write(text: &mut String, state: &State, workers: u16) -> fmt::Result {
    let routes = group(state.frontends.iter(), |frontend| frontend.address);
    for listener in state.listeners.values() {
        write_listener(text, listener)?;
        if let Some(tls) = &listener.tls {
            writeln!(text, "  {}", tls_of(state, listener.address, tls))?;
        }
        let pattern = if listener.is_tcp() { tcp_pattern } else { pattern };
        write_routes(text, routes.get(&listener.address).map_or(&[], Vec::as_slice), pattern)?;
    }
    for listener in state.udp.values() {
        let inactive = if listener.active { "" } else { "  (not accepting)" };
        writeln!(text, "udp://{}{inactive}", listener.address)?;
        let target = listener.cluster.as_deref().unwrap_or("nowhere");
        writeln!(text, "  every datagram  → {target}\n")?;
    }
    let backends = group(state.backends.iter(), |backend| backend.cluster.as_str());
    for cluster in state.clusters.values() {
        let backends = backends.get(cluster.id.as_str()).map_or(&[][..], Vec::as_slice);
        write_cluster(text, cluster, backends)?;
    }
    writeln!(
        text,
        "{}, {}, {}, {}, {}",
        plural(state.listeners.len() + state.udp.len(), "listener"),
        plural(state.frontends.len(), "route"),
        plural(state.clusters.len(), "cluster"),
        plural(state.backends.len(), "backend"),
        plural(workers.into(), "worker"),
    )
}

fn group<'a, T, K: Ord>(
    items: impl Iterator<Item = &'a T>,
    key: impl Fn(&'a T) -> K,
) -> BTreeMap<K, Vec<&'a T>> {
    let mut groups = BTreeMap::<K, Vec<&T>>::new();
    for item in items {
        groups.entry(key(item)).or_default().push(item);
    }
    groups
}

fn plural(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

fn write_listener(text: &mut String, listener: &Listener) -> fmt::Result {
    let inactive = if listener.active { "" } else { "  (not accepting)" };
    let scheme = match listener.carries {
        Carries::Tcp => "tcp",
        Carries::Http if listener.tls.is_some() => "https",
        Carries::Http => "http",
    };
    let proxied = match &listener.proxy_from[..] {
        _ if !listener.expect_proxy => String::new(),
        [] => "  (behind the PROXY protocol)".to_owned(),
        lists => format!("  (behind the PROXY protocol of {})", lists.join(", ")),
    };
    let mptcp = if listener.mptcp { "  (MPTCP)" } else { "" };
    writeln!(text, "{scheme}://{}{mptcp}{proxied}{inactive}", listener.address)
}

/// What TLS of a listener comes to: `TLS 1.2 and 1.3, 2 certificates (until 2027-01-31)`.
fn tls_of(state: &State, address: SocketAddr, tls: &ListenerTls) -> String {
    let versions = tls.versions.iter().map(|version| match version {
        TlsVersion::V12 => "1.2",
        TlsVersion::V13 => "1.3",
    });
    let mut parts = vec![format!("TLS {}", versions.collect::<Vec<_>>().join(" and "))];
    let ids = state.certificates_of(address);
    let ends = ids.iter().filter_map(|id| Some(state.certificates.get(id)?.expires));
    parts.push(match ends.min() {
        None => "no certificate of its own".to_owned(),
        Some(end) => format!("{} (until {})", plural(ids.len(), "certificate"), day(end)),
    });
    let default = tls.default_certificate.as_ref().and_then(|identity| identity.chain.first());
    if let Some(default) = default.and_then(|leaf| describe(leaf.bytes())) {
        parts.push(format!("a default one (until {})", day(default.not_after)));
    }
    match tls.client_auth {
        ClientAuth::None => {}
        ClientAuth::Optional => parts.push("clients may have certificates".to_owned()),
        ClientAuth::Required => parts.push("clients must have certificates".to_owned()),
    }
    parts.join(", ")
}

fn write_routes(
    text: &mut String,
    routes: &[&Frontend],
    pattern: fn(&Frontend) -> String,
) -> fmt::Result {
    let mut routes = routes.to_vec();
    routes.sort_by_cached_key(|frontend| precedence(frontend));
    let lines = routes.iter().map(|frontend| (pattern(frontend), target(frontend)));
    write_aligned(text, &lines.map(|(a, b)| [a, format!("→ {b}")]).collect::<Vec<_>>())?;
    writeln!(text)
}

fn write_cluster(text: &mut String, cluster: &Cluster, backends: &[&Backend]) -> fmt::Result {
    let sticky = if cluster.sticky_session { ", sticky" } else { "" };
    let tls = match &cluster.tls {
        None => "",
        Some(tls) if tls.verify => ", TLS",
        Some(_) => ", TLS without verification",
    };
    let proxy = match cluster.proxy {
        None => "",
        Some(ProxyMode::Expect) => ", PROXY protocol of clients read",
        Some(ProxyMode::Send) => ", PROXY protocol sent",
        Some(ProxyMode::Relay) => ", PROXY protocol of clients sent on",
    };
    let policy = policy(cluster.load_balancing);
    writeln!(text, "cluster {}: {policy}{sticky}{tls}{proxy}", cluster.id)?;
    let lines = backends.iter().map(|backend| {
        let backup = if backend.backup { ", backup" } else { "" };
        [
            backend.address.to_string(),
            backend.id.clone(),
            format!("weight {}{backup}", backend.weight),
        ]
    });
    write_aligned(text, &lines.collect::<Vec<_>>())?;
    writeln!(text)
}

/// Lines of columns, each as wide as its widest entry.
fn write_aligned<const N: usize>(text: &mut String, lines: &[[String; N]]) -> fmt::Result {
    let width = |column: &String| column.chars().count();
    let widths: [usize; N] =
        std::array::from_fn(|at| lines.iter().map(|line| width(&line[at])).max().unwrap_or(0));
    for line in lines {
        let columns = line.iter().zip(widths).map(|(column, width)| format!("  {column:<width$}"));
        writeln!(text, "{}", columns.collect::<String>().trim_end())?;
    }
    Ok(())
}

/// Sorts routes in the order in which a table tries them: see `weir_route`. `PRE` and `POST` stay
/// in the order of the file.
pub(super) fn precedence(frontend: &Frontend) -> impl Ord + use<> {
    let in_tree = (frontend.position == Position::Tree).then(|| {
        let host = frontend.hostname.as_str();
        let kind = match host {
            "*" => 3,
            _ if host.contains('/') => 2,
            _ if host.starts_with("*.") => 1,
            _ => 0,
        };
        let (rule, text) = match &frontend.path {
            PathRule::Equals(text) => (0, text),
            PathRule::Prefix(text) => (1, text),
            PathRule::Regex(text) => (2, text),
        };
        // Among expressions the longest is tried first; other hosts exclude each other.
        let length = if kind == 2 { host.len() } else { 0 };
        let host = (kind, Reverse(length), host.to_owned());
        (host, rule, Reverse(text.len()), text.clone(), frontend.method.is_none())
    });
    (frontend.position, in_tree)
}

fn pattern(frontend: &Frontend) -> String {
    let section = match frontend.position {
        Position::Pre => "PRE ",
        Position::Tree => "",
        Position::Post => "POST ",
    };
    let method = frontend.method.as_ref().map(|method| format!("{method} ")).unwrap_or_default();
    let host = &frontend.hostname;
    match &frontend.path {
        PathRule::Prefix(path) if path.is_empty() => format!("{section}{method}{host}"),
        PathRule::Prefix(path) => format!("{section}{method}{host}{path}*"),
        PathRule::Equals(path) => format!("{section}{method}{host}{path}"),
        PathRule::Regex(path) => format!("{section}{method}{host} ~ {path}"),
    }
}

/// The server that clients ask for, and the protocol that they offer.
fn tcp_pattern(frontend: &Frontend) -> String {
    let protocol = frontend.method.as_ref().map(|name| format!(" ({name})")).unwrap_or_default();
    format!("{}{protocol}", frontend.hostname)
}

/// What becomes of a request.
fn target(frontend: &Frontend) -> String {
    let redirect = match frontend.redirect {
        Redirect::Forward => frontend.cluster.as_deref().unwrap_or("401"),
        Redirect::Permanent => "redirect 301",
        Redirect::Found => "redirect 302",
        Redirect::PermanentRedirect => "redirect 308",
        Redirect::Unauthorized => "401",
    };
    let auth = if frontend.required_auth { ", Basic authentication" } else { "" };
    format!("{redirect}{auth}")
}

fn policy(policy: LoadBalancing) -> &'static str {
    match policy {
        LoadBalancing::RoundRobin => "round robin",
        LoadBalancing::Random => "random",
        LoadBalancing::LeastLoaded => "least loaded",
        LoadBalancing::PowerOfTwo => "power of two",
        LoadBalancing::Rendezvous => "rendezvous hashing",
        LoadBalancing::Maglev => "Maglev hashing",
    }
}
