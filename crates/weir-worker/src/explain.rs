//! What a worker says of its live tables: what would happen to a request.

use std::net::SocketAddr;

use weir_base::Instant;
use weir_control::change::frontend_name;
use weir_control::channel::Explained;
use weir_control::state::{Access, Affinity, RateLimit, Redirect};
use weir_route::Request;

use crate::tables::{Cluster, Listener, Route, Tables};

/// What would happen to a request, and why.
pub(crate) fn explain(
    tables: &Tables,
    now: Instant,
    address: SocketAddr,
    request: &Request<'_>,
) -> Explained {
    let mut explained = Explained::default();
    let key = tables.by_address.get(&address);
    let Some(listener) = key.and_then(|key| tables.listeners.get(*key)) else {
        explained.steps.push(format!("no listener is on {address}"));
        return explained;
    };
    explained.listener = Some(address.to_string());
    let accepts = if listener.settings.config.active { "accepts" } else { "does not accept" };
    explained.steps.push(format!("the listener on {address} {accepts} connections"));
    let config = &listener.settings.config;
    explained.steps.extend(sources(&config.proxy_from));
    explained.steps.extend(access(&config.access, "its connection is closed"));
    explained.steps.extend(certificate(listener, request));
    let reasons = listener.routes.explain(request);
    explained.steps.extend(reasons.to_string().lines().map(str::to_owned));
    let winner = listener.routes.lookup(request);
    let fitting = listener.routes.fitting(request).into_iter();
    let lost = fitting.filter(|(rule, _)| Some(*rule) != reasons.winner());
    explained.lost.extend(lost.map(|(_, route)| {
        format!("{} fits too, and is less specific or later", frontend_name(&route.frontend.id()))
    }));
    let Some(found) = winner else {
        explained.steps.push("no frontend fits: the answer is 404".to_owned());
        return explained;
    };
    let route = found.value();
    explained.frontend = Some(frontend_name(&route.frontend.id()));
    let raw = listener.settings.config.is_tcp();
    let otherwise = if raw { "its connection is closed" } else { "the answer is 403" };
    explained.steps.extend(access(&route.frontend.access, otherwise));
    explained.steps.extend(rates("the frontend", &route.frontend.rate_limits));
    let cluster = route.cluster.and_then(|key| tables.clusters.get(key));
    let of_cluster = cluster.map_or(&[][..], |cluster| &cluster.settings.config.rate_limits);
    explained.steps.extend(rates("the cluster", of_cluster));
    explained.steps.extend(cluster.and_then(sessions));
    let encrypted = listener.settings.tls.is_some();
    outcome(&Site { tables, now, encrypted }, route, &mut explained);
    explained
}

/// Who may announce clients, if not everybody.
fn sources(lists: &[String]) -> Option<String> {
    let lists = (!lists.is_empty()).then(|| lists.join(", "))?;
    Some(format!("if what connects is not in {lists}, its connection is closed"))
}

/// Who is served, if not everybody.
fn access(access: &Access, otherwise: &str) -> Option<String> {
    let client = match (&access.allow[..], &access.deny[..]) {
        ([], []) => return None,
        (allow, []) => format!("not in {}", allow.join(", ")),
        ([], deny) => format!("in {}", deny.join(", ")),
        (allow, deny) => format!("not in {}, or in {}", allow.join(", "), deny.join(", ")),
    };
    Some(format!("if the client is {client}, {otherwise}"))
}

/// How many are served in a while.
fn rates(who: &str, limits: &[RateLimit]) -> impl Iterator<Item = String> {
    limits.iter().map(move |limit| {
        let whose = match &limit.by {
            None => String::new(),
            Some(Affinity::SourceIp) => " of each client address".to_owned(),
            Some(Affinity::Field(name)) => format!(" of each value of {name}"),
            Some(Affinity::Cookie(name)) => format!(" of each value of the cookie {name}"),
        };
        let RateLimit { requests, seconds, burst, .. } = limit;
        format!("{who} serves {requests} in {seconds} s{whose}, at once {burst}; others get 429")
    })
}

/// What the cluster is guaranteed, and its ceiling.
fn sessions(cluster: &Cluster) -> Option<String> {
    let config = &cluster.settings.config;
    let min = config.min_sessions.map(|min| format!("has room for {min} sessions at any time"));
    let max = config.max_sessions.map(|max| format!("has at most {max} sessions"));
    let told: Vec<_> = min.into_iter().chain(max).collect();
    let (id, told) = (&config.id, (!told.is_empty()).then(|| told.join(" and "))?);
    Some(format!("cluster {id} {told}, in all workers together; where there is no room: 503"))
}

/// What a request meets.
struct Site<'a> {
    tables: &'a Tables,
    now: Instant,
    /// It came with TLS.
    encrypted: bool,
}

/// Which certificate a client gets that asks for the host.
fn certificate(listener: &Listener, request: &Request<'_>) -> Option<String> {
    let tls = listener.settings.tls.as_ref()?;
    let host = str::from_utf8(request.host).ok()?;
    Some(match tls.store.serves(host) {
        Some((fingerprint, false)) => {
            format!("a client that asks for {host} is shown the certificate {fingerprint}")
        }
        Some((fingerprint, true)) => format!(
            "no certificate has the name {host}: clients are shown the default one, {fingerprint}"
        ),
        None => format!(
            "no certificate has the name {host} and the listener has none of its own: the \
             handshake fails with unrecognized_name"
        ),
    })
}

fn outcome(site: &Site<'_>, route: &Route, explained: &mut Explained) {
    let redirect = match route.frontend.redirect {
        Redirect::Forward => None,
        Redirect::Permanent => Some(301),
        Redirect::Found => Some(302),
        Redirect::PermanentRedirect => Some(308),
        Redirect::Unauthorized => Some(401),
    };
    if let Some(status) = redirect {
        explained.steps.push(format!("the frontend answers {status}"));
        return;
    }
    let Some(id) = &route.frontend.cluster else {
        explained.steps.push("the frontend has no cluster: the answer is 401".to_owned());
        return;
    };
    explained.cluster = Some(id.clone());
    match route.cluster.and_then(|key| site.tables.clusters.get(key)) {
        Some(cluster) => candidates(site, cluster, route, explained),
        None => explained.steps.push(format!("cluster {id} is not known: the answer is 503")),
    }
}

fn candidates(site: &Site<'_>, cluster: &Cluster, route: &Route, explained: &mut Explained) {
    let config = &cluster.settings.config;
    if route.frontend.required_auth {
        explained.steps.push("credentials are needed, else the answer is 401".to_owned());
    }
    if config.https_redirect && !site.encrypted {
        explained.steps.push("the cluster redirects to https with 301".to_owned());
        return;
    }
    let views: Vec<_> = cluster.group.iter(site.now).filter(|view| !view.removed).collect();
    explained.backends.extend(views.iter().map(|view| {
        let spec = view.spec;
        let backup = if spec.backup { ", backup" } else { "" };
        format!("{} at {}: weight {}{backup}, {:?}", spec.id, spec.address, spec.weight, view.state)
    }));
    explained.steps.push(match views.len() {
        0 => format!("cluster {} has no backend: the answer is 503", config.id),
        count => {
            format!("cluster {} chooses one of {count} by {:?}", config.id, config.load_balancing)
        }
    });
}
