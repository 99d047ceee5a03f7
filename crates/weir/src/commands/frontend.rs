//! `frontend http|https|tcp|udp add|remove` and `frontend list`.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use clap::ValueEnum;
use weir_client::proto::request::RequestType;
use weir_client::proto::{
    FrontendFilters, Header, PathRule, PathRuleKind, RedirectPolicy, RedirectScheme,
    RequestHttpFrontend, RulePosition,
};

use super::access::Access;
use super::frontend_stream::{AddTcp, AddUdp, Stream, StreamName, TcpName};
use super::hsts::Hsts;
use super::pairs::{header, tags};
use super::rates::Rates;

/// What to do about frontends.
#[derive(clap::Subcommand)]
pub(crate) enum Verb {
    /// Routes of HTTP listeners.
    #[command(subcommand)]
    Http(Http),
    /// Routes of HTTPS listeners.
    #[command(subcommand)]
    Https(Http),
    /// Clusters of TCP listeners.
    #[command(subcommand)]
    Tcp(Stream<AddTcp, TcpName>),
    /// Clusters of UDP listeners.
    #[command(subcommand)]
    Udp(Stream<AddUdp, StreamName>),
    /// Print frontends.
    List(List),
}

/// What to do about a route.
#[derive(clap::Subcommand)]
pub(crate) enum Http {
    /// Add a route; end with `id CLUSTER`, or with `deny` for an answer 401.
    Add(Box<AddHttp>),
    /// Remove a route; end as when it was added.
    Remove(Rule),
}

/// What a route matches, and where it leads.
#[derive(clap::Args)]
pub(crate) struct Rule {
    /// The listener.
    #[arg(short, long, value_name = "IP:PORT")]
    address: SocketAddr,
    /// The host.
    #[arg(long, alias = "host")]
    hostname: String,
    #[command(flatten)]
    path: Path,
    /// The method; any if it is not given.
    #[arg(short, long)]
    method: Option<String>,
    #[command(subcommand)]
    route: Route,
}

/// At most one of these; none is every path.
#[derive(clap::Args)]
#[group(multiple = false)]
struct Path {
    /// Paths that begin so.
    #[arg(short, long, value_name = "PATH")]
    path_prefix: Option<String>,
    /// Paths that match.
    #[arg(long, value_name = "REGEX")]
    path_regex: Option<String>,
    /// This path.
    #[arg(long, value_name = "PATH")]
    path_equals: Option<String>,
}

/// Where a route leads.
#[derive(clap::Subcommand)]
enum Route {
    /// To a cluster.
    Id {
        /// The cluster.
        cluster: String,
    },
    /// To an answer 401.
    Deny,
}

/// A route and what it does.
#[derive(clap::Args)]
pub(crate) struct AddHttp {
    #[command(flatten)]
    rule: Rule,
    /// Copied to access logs: `key=value, key=value`.
    #[arg(long, value_parser = tags)]
    tags: Option<BTreeMap<String, String>>,
    /// Answer with a redirect.
    #[arg(long, value_enum)]
    redirect: Option<Redirect>,
    /// Scheme of the redirect.
    #[arg(long, value_enum)]
    redirect_scheme: Option<Scheme>,
    /// Template of the redirect.
    #[arg(long, value_name = "TEMPLATE")]
    redirect_template: Option<String>,
    /// The host that backends are sent.
    #[arg(long, value_name = "TEMPLATE")]
    rewrite_host: Option<String>,
    /// The path that backends are sent.
    #[arg(long, value_name = "TEMPLATE")]
    rewrite_path: Option<String>,
    /// The port in a redirect.
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u32).range(1..=65535))]
    rewrite_port: Option<u32>,
    /// Ask for credentials of the cluster's list.
    #[arg(long)]
    required_auth: bool,
    /// An edit of a field; an empty value deletes it. May be given again.
    #[arg(long, value_name = "POSITION=NAME=VALUE", value_parser = header)]
    header: Vec<Header>,
    #[command(flatten)]
    hsts: Hsts,
    #[command(flatten)]
    access: Access,
    #[command(flatten)]
    rates: Rates,
}

#[derive(Clone, Copy, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Redirect {
    Forward,
    Permanent,
    Unauthorized,
    Found,
    #[value(name = "permanent_redirect")]
    PermanentWithMethod,
}

#[derive(Clone, Copy, ValueEnum)]
enum Scheme {
    #[value(name = "use-same", alias = "use_same")]
    Same,
    #[value(name = "use-http", alias = "use_http")]
    Http,
    #[value(name = "use-https", alias = "use_https")]
    Https,
}

/// Which frontends; without any of the protocols, those of all.
#[derive(clap::Args)]
pub(crate) struct List {
    /// Those of HTTP.
    #[arg(long)]
    http: bool,
    /// Those of HTTPS.
    #[arg(long)]
    https: bool,
    /// Those of TCP and UDP.
    #[arg(long)]
    tcp: bool,
    /// Those with this in their host.
    #[arg(short, long)]
    domain: Option<String>,
}

impl Verb {
    pub(super) fn request(&self) -> RequestType {
        match self {
            Self::Http(Http::Add(add)) => RequestType::AddHttpFrontend(add.message()),
            Self::Http(Http::Remove(rule)) => RequestType::RemoveHttpFrontend(rule.message()),
            Self::Https(Http::Add(add)) => RequestType::AddHttpsFrontend(add.message()),
            Self::Https(Http::Remove(rule)) => RequestType::RemoveHttpsFrontend(rule.message()),
            Self::Tcp(Stream::Add(add)) => RequestType::AddTcpFrontend(add.message()),
            Self::Tcp(Stream::Remove(name)) => RequestType::RemoveTcpFrontend(name.message()),
            Self::Udp(Stream::Add(add)) => RequestType::AddUdpFrontend(add.message()),
            Self::Udp(Stream::Remove(name)) => RequestType::RemoveUdpFrontend(name.message()),
            Self::List(list) => RequestType::ListFrontends(FrontendFilters {
                http: list.http,
                https: list.https,
                tcp: list.tcp,
                domain: list.domain.clone(),
                cluster_id: None,
                page: None,
            }),
        }
    }
}

impl Rule {
    fn message(&self) -> RequestHttpFrontend {
        let cluster_id = match &self.route {
            Route::Id { cluster } => Some(cluster.clone()),
            Route::Deny => None,
        };
        RequestHttpFrontend {
            cluster_id,
            address: self.address.into(),
            hostname: self.hostname.clone(),
            path: self.path.message(),
            method: self.method.clone(),
            position: RulePosition::Tree.into(),
            ..RequestHttpFrontend::default()
        }
    }
}

impl Path {
    fn message(&self) -> PathRule {
        let rule =
            |kind: PathRuleKind, value: &str| PathRule { kind: kind.into(), value: value.into() };
        match (&self.path_regex, &self.path_equals) {
            (Some(regex), _) => rule(PathRuleKind::Regex, regex),
            (None, Some(path)) => rule(PathRuleKind::Equals, path),
            (None, None) => {
                rule(PathRuleKind::Prefix, self.path_prefix.as_deref().unwrap_or_default())
            }
        }
    }
}

impl AddHttp {
    fn message(&self) -> RequestHttpFrontend {
        RequestHttpFrontend {
            tags: self.tags.clone().unwrap_or_default(),
            redirect: self.redirect.map(|redirect| redirect.policy().into()),
            required_auth: self.required_auth.then_some(true),
            redirect_scheme: self.redirect_scheme.map(|scheme| scheme.message().into()),
            redirect_template: self.redirect_template.clone(),
            rewrite_host: self.rewrite_host.clone(),
            rewrite_path: self.rewrite_path.clone(),
            rewrite_port: self.rewrite_port,
            headers: self.header.clone(),
            hsts: self.hsts.message(),
            access: self.access.message(),
            rate_limits: self.rates.messages(),
            ..self.rule.message()
        }
    }
}

impl Redirect {
    fn policy(self) -> RedirectPolicy {
        match self {
            Self::Forward => RedirectPolicy::Forward,
            Self::Permanent => RedirectPolicy::Permanent,
            Self::Unauthorized => RedirectPolicy::Unauthorized,
            Self::Found => RedirectPolicy::Found,
            Self::PermanentWithMethod => RedirectPolicy::PermanentRedirect,
        }
    }
}

impl Scheme {
    fn message(self) -> RedirectScheme {
        match self {
            Self::Same => RedirectScheme::UseSame,
            Self::Http => RedirectScheme::UseHttp,
            Self::Https => RedirectScheme::UseHttps,
        }
    }
}
