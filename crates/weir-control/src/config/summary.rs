//! What a file serves, for people.

use std::fmt::Write;

use super::Checked;
use crate::state::{Frontend, LoadBalancing, PathRule, Position, Redirect, State};

pub(super) fn summary(checked: &Checked) -> String {
    let state = &checked.state;
    let mut text = String::new();
    for listener in state.listeners.values() {
        let active = if listener.active { "" } else { "  (not accepting)" };
        let _ = writeln!(text, "http://{}{active}", listener.address);
        let mut routes: Vec<_> =
            state.frontends.iter().filter(|f| f.address == listener.address).collect();
        routes.sort_by_key(|frontend| precedence(frontend));
        let width = routes.iter().map(|frontend| pattern(frontend).len()).max().unwrap_or(0);
        for frontend in routes {
            let pattern = pattern(frontend);
            let _ = writeln!(text, "  {pattern:<width$}  → {}", target(frontend));
        }
    }
    for cluster in state.clusters.values() {
        let policy = policy(cluster.load_balancing);
        let _ = writeln!(text, "cluster {} ({policy})", cluster.id);
        for backend in state.backends.iter().filter(|backend| backend.cluster == cluster.id) {
            let backup = if backend.backup { "  backup" } else { "" };
            let (address, weight) = (backend.address, backend.weight);
            let _ = writeln!(text, "  {address}  weight {weight}  {}{backup}", backend.id);
        }
    }
    text + &count(state, checked.main.worker_count)
}

fn count(state: &State, workers: u16) -> String {
    format!(
        "{}, {}, {}, {}, {}\n",
        plural(state.listeners.len(), "listener"),
        plural(state.clusters.len(), "cluster"),
        plural(state.frontends.len(), "route"),
        plural(state.backends.len(), "backend"),
        plural(workers.into(), "worker"),
    )
}

fn plural(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// The order in which routes are tried.
fn precedence(frontend: &Frontend) -> impl Ord + use<> {
    let section = frontend.position;
    if section != Position::Tree {
        return (section, 0, String::new(), 0, 0, String::new(), false);
    }
    let host = match frontend.hostname.as_str() {
        "*" => 3,
        host if host.contains('/') => 2,
        host if host.starts_with('*') => 1,
        _ => 0,
    };
    let (path, text) = match &frontend.path {
        PathRule::Equals(text) => (0, text),
        PathRule::Prefix(text) => (1, text),
        PathRule::Regex(text) => (2, text),
    };
    let longest = usize::MAX - text.len();
    let any = frontend.method.is_none();
    (section, host, frontend.hostname.clone(), path, longest, text.clone(), any)
}

fn pattern(frontend: &Frontend) -> String {
    let section = match frontend.position {
        Position::Pre => "PRE ",
        Position::Tree => "",
        Position::Post => "POST ",
    };
    let method = frontend.method.as_ref().map(|method| format!("{method} ")).unwrap_or_default();
    let path = match &frontend.path {
        PathRule::Prefix(path) => format!("{path}*"),
        PathRule::Equals(path) => path.clone(),
        PathRule::Regex(path) => format!(" ~ {path}"),
    };
    format!("{section}{method}{}{path}", frontend.hostname)
}

fn target(frontend: &Frontend) -> String {
    let status = match frontend.redirect {
        Redirect::Forward => return frontend.cluster.clone().unwrap_or_else(|| "401".into()),
        Redirect::Permanent => 301,
        Redirect::Found => 302,
        Redirect::PermanentRedirect => 308,
        Redirect::Unauthorized => 401,
    };
    format!("{status}")
}

fn policy(policy: LoadBalancing) -> &'static str {
    match policy {
        LoadBalancing::RoundRobin => "round robin",
        LoadBalancing::Random => "random",
        LoadBalancing::LeastLoaded => "least loaded",
        LoadBalancing::PowerOfTwo => "power of two",
    }
}
