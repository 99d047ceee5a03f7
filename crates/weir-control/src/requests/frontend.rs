//! Frontends of HTTP and HTTPS listeners.

use weir_proto::{
    Header, HeaderPosition, PathRule as Path, PathRuleKind, RedirectPolicy,
    RedirectScheme as Scheme, RequestHttpFrontend, RulePosition,
};
use weir_route::Rule;

use super::{Kind, Refusal, access, address, https, port, rates};
use crate::change::frontend_name;
use crate::check;
use crate::order::Order;
use crate::state::{
    Access, EditPosition, Frontend, FrontendId, HeaderEdit, PathRule, Position, Redirect,
    RedirectScheme, State,
};

pub(super) fn add(
    state: &State,
    config: &RequestHttpFrontend,
    kind: Kind,
) -> Result<Vec<Order>, Refusal> {
    let access = access::access(state, config.access.as_ref())?;
    let frontend = Frontend { access, ..frontend(config)? };
    let id = frontend.id();
    if state.frontends.get(&id).is_some() {
        let name = frontend_name(&id);
        return Err(format!("there is a frontend {name} already: remove it first").into());
    }
    let Some(listener) = state.listeners.get(&id.address) else {
        return Err(format!("there is no listener on {}: add it first", id.address).into());
    };
    if Kind::of(listener) != kind {
        let (is, asked) = (Kind::of(listener).name(), kind.name());
        return Err(format!("{} speaks {is}: add no frontend of {asked}", id.address).into());
    }
    if frontend.hsts.is_some() && kind == Kind::Http {
        return Err(check::HTTPS_FOR_HSTS.into());
    }
    if let Some((_, problem)) = check::frontend(&frontend).into_iter().next() {
        return Err(problem.into());
    }
    Ok(vec![Order::Frontend(Box::new(frontend))])
}

pub(super) fn remove(
    state: &State,
    config: &RequestHttpFrontend,
    kind: Kind,
) -> Result<Vec<Order>, Refusal> {
    let id = name(config)?;
    if Kind::at(state, id.address) != kind {
        let name = frontend_name(&id);
        return Err(format!("there is no {} frontend {name}", kind.name()).into());
    }
    if state.frontends.get(&id).is_some() {
        return Ok(vec![Order::RemoveFrontend(id)]);
    }
    // Clients that cannot name a position name the tree: the position is no part of the name then.
    let others = [Position::Pre, Position::Tree, Position::Post];
    let others = others.map(|position| FrontendId { position, ..id.clone() });
    match others.into_iter().find(|other| state.frontends.get(other).is_some()) {
        Some(other) => Ok(vec![Order::RemoveFrontend(other)]),
        None => Err(format!("there is no frontend {}", frontend_name(&id)).into()),
    }
}

fn name(config: &RequestHttpFrontend) -> Result<FrontendId, Refusal> {
    let value = config.path.value.clone();
    let rule = Rule {
        host: config.hostname.clone(),
        path: match PathRuleKind::try_from(config.path.kind) {
            Ok(PathRuleKind::Prefix) => PathRule::Prefix(value),
            Ok(PathRuleKind::Equals) => PathRule::Equals(value),
            Ok(PathRuleKind::Regex) => PathRule::Regex(value),
            Err(_) => return Err("the kind of the path has no known number".into()),
        },
        method: config.method.clone(),
        position: match RulePosition::try_from(config.position) {
            Ok(RulePosition::Pre) => Position::Pre,
            Ok(RulePosition::Tree) => Position::Tree,
            Ok(RulePosition::Post) => Position::Post,
            Err(_) => return Err("the position of the rule has no known number".into()),
        },
    };
    let Rule { host: hostname, path, method, position } = rule.canonical();
    Ok(FrontendId { address: address(&config.address)?, hostname, path, method, position })
}

fn frontend(config: &RequestHttpFrontend) -> Result<Frontend, Refusal> {
    if !config.header_predicates.is_empty() {
        return Err("frontends cannot match on header fields in this version".into());
    }
    let FrontendId { address, hostname, path, method, position } = name(config)?;
    if let Some(cluster) = &config.cluster_id {
        check::id("a cluster", cluster)?;
    }
    Ok(Frontend {
        address,
        hostname,
        path,
        method,
        position,
        cluster: config.cluster_id.clone(),
        tags: config.tags.clone(),
        redirect: redirect(config.redirect())?,
        redirect_scheme: match config.redirect_scheme() {
            Scheme::UseSame => RedirectScheme::UseSame,
            Scheme::UseHttp => RedirectScheme::UseHttp,
            Scheme::UseHttps => RedirectScheme::UseHttps,
        },
        redirect_template: config.redirect_template.clone(),
        rewrite_host: config.rewrite_host.clone(),
        rewrite_path: config.rewrite_path.clone(),
        rewrite_port: port("rewrite_port", config.rewrite_port)?,
        required_auth: config.required_auth.unwrap_or_default(),
        headers: config.headers.iter().map(edit).collect::<Result<_, _>>()?,
        hsts: config.hsts.as_ref().map(https::hsts).transpose()?,
        access: Access::default(),
        rate_limits: rates::rate_limits(&config.rate_limits)?,
    })
}

fn redirect(policy: RedirectPolicy) -> Result<Redirect, Refusal> {
    Ok(match policy {
        RedirectPolicy::Forward => Redirect::Forward,
        RedirectPolicy::Permanent => Redirect::Permanent,
        RedirectPolicy::Found => Redirect::Found,
        RedirectPolicy::PermanentRedirect => Redirect::PermanentRedirect,
        RedirectPolicy::Unauthorized => Redirect::Unauthorized,
        RedirectPolicy::SilentClose => {
            return Err("a frontend cannot close silently in this version".into());
        }
    })
}

fn edit(header: &Header) -> Result<HeaderEdit, Refusal> {
    let position = match HeaderPosition::try_from(header.position) {
        Ok(HeaderPosition::Request) => EditPosition::Request,
        Ok(HeaderPosition::Response) => EditPosition::Response,
        Ok(HeaderPosition::Both) => EditPosition::Both,
        Ok(HeaderPosition::Unspecified) | Err(_) => {
            return Err(format!("the edit of `{}` names no position", header.key).into());
        }
    };
    check::edit(&header.key, &header.val)?;
    Ok(HeaderEdit { position, key: header.key.clone(), value: header.val.clone() })
}

/// A frontend as the protocol shows it.
pub(super) fn config(frontend: &Frontend) -> RequestHttpFrontend {
    let (kind, value) = match &frontend.path {
        PathRule::Prefix(value) => (PathRuleKind::Prefix, value),
        PathRule::Equals(value) => (PathRuleKind::Equals, value),
        PathRule::Regex(value) => (PathRuleKind::Regex, value),
    };
    let position = match frontend.position {
        Position::Pre => RulePosition::Pre,
        Position::Tree => RulePosition::Tree,
        Position::Post => RulePosition::Post,
    };
    let redirect = match frontend.redirect {
        Redirect::Forward => RedirectPolicy::Forward,
        Redirect::Permanent => RedirectPolicy::Permanent,
        Redirect::Found => RedirectPolicy::Found,
        Redirect::PermanentRedirect => RedirectPolicy::PermanentRedirect,
        Redirect::Unauthorized => RedirectPolicy::Unauthorized,
    };
    let scheme = match frontend.redirect_scheme {
        RedirectScheme::UseSame => Scheme::UseSame,
        RedirectScheme::UseHttp => Scheme::UseHttp,
        RedirectScheme::UseHttps => Scheme::UseHttps,
    };
    RequestHttpFrontend {
        cluster_id: frontend.cluster.clone(),
        address: frontend.address.into(),
        hostname: frontend.hostname.clone(),
        path: Path { kind: kind.into(), value: value.clone() },
        method: frontend.method.clone(),
        position: position.into(),
        tags: frontend.tags.clone(),
        redirect: Some(redirect.into()),
        required_auth: Some(frontend.required_auth),
        redirect_scheme: Some(scheme.into()),
        redirect_template: frontend.redirect_template.clone(),
        rewrite_host: frontend.rewrite_host.clone(),
        rewrite_path: frontend.rewrite_path.clone(),
        rewrite_port: frontend.rewrite_port.map(Into::into),
        headers: frontend.headers.iter().map(header).collect(),
        hsts: frontend.hsts.as_ref().map(https::hsts_config),
        header_predicates: Vec::new(),
        access: access::shown(&frontend.access),
        rate_limits: rates::shown(&frontend.rate_limits),
    }
}

fn header(edit: &HeaderEdit) -> Header {
    let position = match edit.position {
        EditPosition::Request => HeaderPosition::Request,
        EditPosition::Response => HeaderPosition::Response,
        EditPosition::Both => HeaderPosition::Both,
    };
    Header { position: position.into(), key: edit.key.clone(), val: edit.value.clone() }
}
