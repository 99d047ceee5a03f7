//! Frontends and backends of a cluster.

use std::collections::HashMap;
use std::ops::Range;

use weir_http::answers::Template;
use weir_http::policy::RewriteTemplate;
use weir_route::{CaptureCounts, Rule, RuleError};

use super::build::{Places, field_value, token};
use super::read::Reader;
use super::report::{Diagnostic, Report};
use crate::state::{
    Backend, EditPosition, Frontend, HeaderEdit, PathRule, Position, Redirect, RedirectScheme,
};

pub(super) fn read_frontend(
    cluster: &str,
    table: &Reader<'_>,
    places: &mut Places,
    report: &mut Report,
) -> Option<Frontend> {
    let path = table.owned("path").unwrap_or_default();
    let frontend = Frontend {
        address: table.address("address")?,
        hostname: host(table.text("hostname")?),
        path: match table.text("path_type") {
            Some("REGEX") => PathRule::Regex(path),
            Some("EQUALS") => PathRule::Equals(path),
            _ => PathRule::Prefix(path),
        },
        method: table.owned("method"),
        position: match table.text("position") {
            Some("PRE") => Position::Pre,
            Some("POST") => Position::Post,
            _ => Position::Tree,
        },
        cluster: Some(cluster.to_owned()),
        tags: table.strings("tags"),
        redirect: match table.text("redirect") {
            Some("permanent") => Redirect::Permanent,
            Some("found") => Redirect::Found,
            Some("permanent_redirect") => Redirect::PermanentRedirect,
            Some("unauthorized") => Redirect::Unauthorized,
            _ => Redirect::Forward,
        },
        redirect_scheme: match table.text("redirect_scheme") {
            Some("use-http" | "use_http") => RedirectScheme::UseHttp,
            Some("use-https" | "use_https") => RedirectScheme::UseHttps,
            _ => RedirectScheme::UseSame,
        },
        redirect_template: table.owned("redirect_template"),
        rewrite_host: table.owned("rewrite_host"),
        rewrite_path: table.owned("rewrite_path"),
        rewrite_port: table.port("rewrite_port"),
        required_auth: table.flag("required_auth", false),
        headers: table.tables("headers").iter().filter_map(|t| read_edit(t, report)).collect(),
    };
    check_frontend(&frontend, table, report);
    if let Some(first) = places.frontends.insert(frontend.id(), table.span_of("hostname")) {
        let message = "there are two frontends for the same host, path, method and position";
        let diagnostic = Diagnostic::error(table.span_of("hostname"), message).label("again");
        report.push(diagnostic.other(first, "first"));
    }
    Some(frontend)
}

/// Hosts compare without case; expressions are left as they are.
fn host(text: &str) -> String {
    if text.contains('/') { text.to_owned() } else { text.to_lowercase() }
}

fn check_frontend(frontend: &Frontend, table: &Reader<'_>, report: &mut Report) {
    let id = frontend.id();
    let rule = Rule { host: id.hostname, path: id.path, method: id.method, position: id.position };
    let captures = match weir_route::check(&rule) {
        Ok(captures) => captures,
        Err(error) => {
            let key = match error {
                RuleError::BadPath(_) => "path",
                RuleError::BadMethod(_) => "method",
                RuleError::BadRegex { .. } if table.text("path_type") == Some("REGEX") => "path",
                _ => "hostname",
            };
            report.push(Diagnostic::error(table.span_of(key), error.to_string()));
            return;
        }
    };
    for key in ["rewrite_host", "rewrite_path"] {
        check_rewrite(table, key, captures, report);
    }
    if let Some(text) = table.text("redirect_template")
        && let Err(error) = Template::compile(None, text)
    {
        let message = "the redirect template is not a template";
        let span = table.span_of("redirect_template");
        report.push(Diagnostic::error(span, message).label(error.to_string()));
    }
}

fn check_rewrite(table: &Reader<'_>, key: &str, counts: CaptureCounts, report: &mut Report) {
    let Some(text) = table.text(key) else { return };
    if let Err(error) = RewriteTemplate::compile(text, counts.host, counts.path) {
        report.push(Diagnostic::error(table.span_of(key), error.to_string()));
    }
}

fn read_edit(table: &Reader<'_>, report: &mut Report) -> Option<HeaderEdit> {
    Some(HeaderEdit {
        position: match table.text("position")? {
            "request" => EditPosition::Request,
            "response" => EditPosition::Response,
            _ => EditPosition::Both,
        },
        key: token(table, "key", report)?,
        value: field_value(table, "value", report)?,
    })
}

pub(super) fn read_backend(
    cluster: &str,
    index: usize,
    table: &Reader<'_>,
    ids: &mut HashMap<String, Range<usize>>,
    report: &mut Report,
) -> Option<Backend> {
    let address = table.address("address")?;
    let id = table.owned("backend_id").unwrap_or_else(|| format!("{cluster}-{index}-{address}"));
    let place = if table.has("backend_id") { "backend_id" } else { "address" };
    let span = table.span_of(place);
    if let Some(first) = ids.insert(id.clone(), span.clone()) {
        let message = format!("cluster `{cluster}` has two backends `{id}`");
        report.push(Diagnostic::error(span, message).label("again").other(first, "first"));
    }
    Some(Backend {
        cluster: cluster.to_owned(),
        id,
        address,
        weight: table.number("weight").and_then(|n| u8::try_from(n).ok()).unwrap_or(100),
        sticky_id: table.owned("sticky_id"),
        backup: table.flag("backup", false),
    })
}
