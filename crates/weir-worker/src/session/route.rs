//! What is to be done with a request: the order of checks of a route.

use std::rc::Rc;

use weir_http::message::{FieldName, Fields, Method};
use weir_http::policy;
use weir_route::Request;
use weir_telemetry::Counter;

use super::active::Rewritten;
use super::answer::Answer;
use super::{Active, Session, Step};
use crate::context::Context;
use crate::tables::{Route, Special};
use weir_control::state::{Redirect, RedirectScheme};

impl Session {
    /// Finds the route of a request and follows it.
    pub(super) fn route(&mut self, mut active: Box<Active>, cx: &mut Context) -> Step {
        if active.head.method == Method::Connect {
            return self.answer(active, Answer::message(400, "CONNECT is not supported"), cx);
        }
        if self.is_misdirected(&active) {
            cx.observe.count(Counter::Misdirected);
            let sentence = "this connection's certificate is not for the host of the request";
            return self.answer(active, Answer::message(421, sentence), cx);
        }
        let route = match self.lookup(&mut active, cx) {
            Ok(route) => route,
            Err(answer) => return self.answer(active, answer, cx),
        };
        active.cluster = route.cluster;
        active.route = Some(Rc::clone(&route));
        cx.desk.set_route(route.hash);
        if cx.refuses_request(self.client.ip(), route.hash) {
            cx.observe.refused();
            let sentence = "requests like this one have ended workers and are refused for a while";
            return self.answer(active, Answer::message(503, sentence), cx);
        }
        match self.checks(&mut active, &route, cx) {
            Some(answer) => self.answer(active, answer, cx),
            None => self.forward(active, cx),
        }
    }

    /// Whether the host is not one that the connection was made for (RFC 9110 §15.5.20).
    fn is_misdirected(&self, active: &Active) -> bool {
        let strict = self.settings.config.tls.as_ref().is_some_and(|tls| tls.strict_sni_binding);
        let Some(tls) = self.tls.as_ref().filter(|_| strict) else { return false };
        !tls.covers(active.head.target.host.of(active.head_bytes()))
    }

    fn lookup(&self, active: &mut Active, cx: &mut Context) -> Result<Rc<Route>, Answer> {
        let bytes = active.head_bytes();
        let target = &active.head.target;
        let path = match target.path.of(bytes) {
            [] => b"/",
            path => path,
        };
        let method = active.head.method_text.of(bytes);
        let request = Request { host: target.host.of(bytes), path, method };
        let listener = cx.tables.listeners.get(self.listener);
        let Some(found) = listener.and_then(|listener| listener.routes.lookup(&request)) else {
            cx.observe.no_route();
            return Err(Answer::plain(404));
        };
        let route = Rc::clone(found.value());
        let special = route.special.as_deref();
        let rewriting = special.filter(|s| s.rewrite_host.is_some() || s.rewrite_path.is_some());
        if let Some(special) = rewriting {
            let captures = found.captures(&request);
            let captures = policy::Captures { host: &captures.host, path: &captures.path };
            let query = &target.path_and_query.of(bytes)[target.path.len as usize..];
            let rewritten = rewrite(special, captures, query);
            let rewritten = rewritten.map_err(|error| Answer::refusal(400, &error))?;
            active.rewritten = Some(Box::new(rewritten));
        }
        Ok(route)
    }

    /// Everything that may answer instead of forwarding, in order.
    fn checks(&self, active: &mut Active, route: &Route, cx: &mut Context) -> Option<Answer> {
        let frontend = &route.frontend;
        if !cx.tables.lists.admit(&frontend.access, self.client.ip()) {
            cx.observe.denied_request();
            cx.tables.count(route.cluster, None, |scope| scope.add(Counter::RequestsDenied, 1));
            return Some(Answer::denied());
        }
        if let Some(limited) = self.check_rates(active, route, cx) {
            return Some(limited);
        }
        let redirect = match frontend.redirect {
            Redirect::Forward => None,
            Redirect::Permanent => Some(301),
            Redirect::Found => Some(302),
            Redirect::PermanentRedirect => Some(308),
            Redirect::Unauthorized => return Some(Answer::plain(401)),
        };
        let Some(cluster) = route.cluster.and_then(|key| cx.tables.clusters.get(key)) else {
            return Some(match redirect {
                Some(status) => Answer::redirect(status, self.location(active, route, None)),
                None => Answer::plain(401),
            });
        };
        let settings = Rc::clone(&cluster.settings);
        let config = &settings.config;
        if let Some(status) = redirect {
            let port = config.https_redirect_port;
            return Some(Answer::redirect(status, self.location(active, route, port)));
        }
        if frontend.required_auth {
            if has_two(&cx.request_fields, FieldName::Authorization) {
                let sentence = "there is more than one Authorization field";
                return Some(Answer::refusal(400, &sentence));
            }
            if !authorized(active, cx, &config.authorized_hashes) {
                return Some(Answer::plain(401));
            }
        }
        if config.https_redirect && self.tls.is_none() {
            return Some(Answer::redirect(301, https_location(active, config.https_redirect_port)));
        }
        None
    }

    /// Where a redirecting route leads.
    fn location(&self, active: &Active, route: &Route, cluster_port: Option<u16>) -> Vec<u8> {
        let https = match route.frontend.redirect_scheme {
            RedirectScheme::UseHttps => true,
            RedirectScheme::UseHttp => false,
            RedirectScheme::UseSame => self.tls.is_some(),
        };
        let port = route.frontend.rewrite_port.or(cluster_port);
        written_location(https, port, active.destination(active.head_bytes()))
    }
}

/// The same target over https.
fn https_location(active: &Active, port: Option<u16>) -> Vec<u8> {
    let bytes = active.head_bytes();
    let target = &active.head.target;
    written_location(true, port, (target.host.of(bytes), target.path_and_query.of(bytes)))
}

fn written_location(https: bool, port: Option<u16>, (host, path): (&[u8], &[u8])) -> Vec<u8> {
    let mut out = Vec::with_capacity(host.len() + path.len() + 16);
    policy::location(https, host, port, path, &mut out);
    out
}

impl Active {
    /// Host and path the request leads to, after rewriting.
    pub(super) fn destination<'a>(&'a self, bytes: &'a [u8]) -> (&'a [u8], &'a [u8]) {
        let target = &self.head.target;
        let mut host = target.host.of(bytes);
        let mut path = target.path_and_query.of(bytes);
        if let Some(rewritten) = &self.rewritten {
            if !rewritten.host.is_empty() {
                host = &rewritten.host;
            }
            if !rewritten.path.is_empty() {
                path = &rewritten.path;
            }
        }
        (host, path)
    }
}

fn rewrite(
    special: &Special,
    captures: policy::Captures<'_>,
    query: &[u8],
) -> Result<Rewritten, policy::RenderError> {
    let mut rewritten = Rewritten::default();
    if let Some(template) = &special.rewrite_host {
        template.render_host(captures, &mut rewritten.host)?;
    }
    if let Some(template) = &special.rewrite_path {
        template.render_path(captures, query, &mut rewritten.path)?;
    }
    Ok(rewritten)
}

/// Whether a field that may stand once stands twice: the backend could look at the other one.
fn has_two(fields: &Fields, name: FieldName) -> bool {
    fields.as_slice().iter().filter(|field| field.kind == name).nth(1).is_some()
}

/// Basic credentials of the request against the cluster's list.
fn authorized(active: &Active, cx: &mut Context, hashes: &[String]) -> bool {
    let bytes = active.head_bytes();
    let limit = cx.settings.basic_auth_max_credential_bytes;
    let field = cx.request_fields.first(FieldName::Authorization);
    field.is_some_and(|field| {
        policy::basic_auth(field.value.of(bytes), hashes, limit, &mut cx.scratch)
    })
}
