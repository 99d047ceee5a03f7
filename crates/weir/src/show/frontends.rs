//! Frontends.

use std::collections::BTreeMap;

use weir_client::proto::{
    ListedFrontends, PathRule, PathRuleKind, RequestHttpFrontend, RequestTcpFrontend,
    RequestUdpFrontend,
};

use super::page::{Page, address, optional, row};

pub(super) fn list(page: &mut Page, list: &ListedFrontends) {
    http(page, "HTTP", &list.http_frontends);
    http(page, "HTTPS", &list.https_frontends);
    tcp(page, &list.tcp_frontends);
    udp(page, &list.udp_frontends);
}

pub(super) fn http(page: &mut Page, title: &str, frontends: &[RequestHttpFrontend]) {
    let header = ["cluster id", "address", "hostname", "path", "method", "position", "tags"];
    let rows = frontends.iter().map(|frontend| {
        row![
            frontend.cluster_id.as_deref().unwrap_or("Deny"),
            address(&frontend.address),
            frontend.hostname,
            path(&frontend.path),
            optional(frontend.method.as_deref()),
            frontend.position().as_str_name(),
            tags(&frontend.tags),
        ]
    });
    page.table(title, header, rows);
}

pub(super) fn tcp(page: &mut Page, frontends: &[RequestTcpFrontend]) {
    let header = ["cluster id", "address", "sni", "alpn", "tags"];
    let rows = frontends.iter().map(|frontend| {
        row![
            frontend.cluster_id,
            address(&frontend.address),
            optional(frontend.sni.as_deref()),
            frontend.alpn.join(", "),
            tags(&frontend.tags),
        ]
    });
    page.table("TCP", header, rows);
}

pub(super) fn udp(page: &mut Page, frontends: &[RequestUdpFrontend]) {
    let rows = frontends.iter().map(|f| row![f.cluster_id, address(&f.address), tags(&f.tags)]);
    page.table("UDP", ["cluster id", "address", "tags"], rows);
}

fn path(rule: &PathRule) -> String {
    match rule.kind() {
        PathRuleKind::Prefix => format!("{}*", rule.value),
        PathRuleKind::Regex => format!("~ {}", rule.value),
        PathRuleKind::Equals => rule.value.clone(),
    }
}

fn tags(tags: &BTreeMap<String, String>) -> String {
    tags.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(", ")
}
