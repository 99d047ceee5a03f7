//! `cluster list|add|remove|h2|health-check`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::ValueEnum;
use weir_client::proto::request::RequestType;
use weir_client::proto::response_content::ContentType;
use weir_client::proto::{
    Cluster, ClusterTls, LoadBalancingAlgorithms, ProxyProtocolConfig, QueryClusterByDomain,
    QueryClustersHashes,
};

use super::certificate::Files;
use super::files::read_optional;
use super::health_check;
use super::pairs::answers;
use super::rates::Rates;
use crate::console::Console;
use crate::failure::Failure;

/// What to do about clusters.
#[derive(clap::Subcommand)]
pub(crate) enum Verb {
    /// Print clusters, or the hashes of all.
    List(List),
    /// Remove a cluster.
    Remove {
        /// The cluster.
        #[arg(short, long)]
        id: String,
    },
    /// Add a cluster, or put another in its place.
    Add(Add),
    /// HTTP/2 to backends.
    #[command(subcommand)]
    H2(H2),
    /// Active health checks.
    #[command(subcommand)]
    HealthCheck(health_check::Verb),
}

/// Which clusters.
#[derive(clap::Args)]
pub(crate) struct List {
    /// The one of this id.
    #[arg(short, long, conflicts_with = "domain")]
    id: Option<String>,
    /// Those that serve this host, or host and path: `example.org/path`.
    #[arg(short, long)]
    domain: Option<String>,
}

/// A cluster.
#[derive(clap::Args)]
pub(crate) struct Add {
    /// Its id.
    #[arg(short, long)]
    id: String,
    /// Keep a client on one backend with a cookie.
    #[arg(short, long)]
    sticky_session: bool,
    /// Answer with a redirect to `https`.
    #[arg(short = 'r', long)]
    https_redirect: bool,
    /// Send the PROXY protocol to backends.
    #[arg(long)]
    send_proxy: bool,
    /// Expect the PROXY protocol of clients; with `--send-proxy`, pass it on.
    #[arg(long)]
    expect_proxy: bool,
    /// How a backend is chosen.
    #[arg(long, ignore_case = true, value_name = "POLICY")]
    load_balancing_policy: Policy,
    /// Speak HTTP/2 to backends.
    #[arg(long)]
    http2: bool,
    /// Port of the redirect to `https`.
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u32).range(1..=65535))]
    https_redirect_port: Option<u32>,
    /// `WWW-Authenticate` of a 401.
    #[arg(long, value_name = "TEXT")]
    www_authenticate: Option<String>,
    /// Who may pass: `user:` and the SHA-256 of the password in hex. May be given again.
    #[arg(long, value_name = "USER:HASH")]
    authorized_hash: Vec<String>,
    /// An answer: `503=text` or `503=file://path`. May be given again.
    #[arg(long, value_name = "CODE=ANSWER")]
    answer: Vec<String>,
    /// Requests that may wait for backends that are busy, in each worker; 0: none.
    #[arg(long, value_name = "COUNT")]
    max_queued: Option<u32>,
    /// How long one waits; else as long as a connection may take to be made.
    #[arg(long, value_name = "SECONDS")]
    queue_timeout: Option<u32>,
    /// Requests, or connections of TCP, that have room whatever other clusters do.
    #[arg(long, value_name = "COUNT")]
    min_sessions: Option<u32>,
    /// Requests, or connections of TCP, that may be under way.
    #[arg(long, value_name = "COUNT")]
    max_sessions: Option<u32>,
    #[command(flatten)]
    rates: Rates,
    #[command(flatten)]
    tls: BackendTls,
}

/// TLS with backends. Any of these enables it.
#[derive(clap::Args)]
struct BackendTls {
    /// Backends speak TLS.
    #[arg(long)]
    tls: bool,
    /// File with the authorities of their certificates, in PEM; else whom the system trusts.
    #[arg(long, value_name = "FILE")]
    tls_ca: Option<PathBuf>,
    /// The name that their certificates must have; else the host of the request.
    #[arg(long, value_name = "NAME")]
    tls_server_name: Option<String>,
    /// Any certificate will do.
    #[arg(long)]
    tls_no_verify: bool,
    /// File with what backends that ask are shown, in PEM.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_certificate: Option<PathBuf>,
    /// File with the private key of that, in PEM.
    #[arg(long, value_name = "FILE", requires = "tls_certificate")]
    tls_key: Option<PathBuf>,
}

impl BackendTls {
    fn message(&self) -> Result<Option<ClusterTls>, Failure> {
        let identity = match (&self.tls_certificate, &self.tls_key) {
            (Some(certificate), Some(key)) => Some(Files { certificate, chain: None, key }.read()?),
            _ => None,
        };
        let message = ClusterTls {
            authorities: read_optional(self.tls_ca.as_deref())?.into_iter().collect(),
            server_name: self.tls_server_name.clone(),
            identity,
            verify: self.tls_no_verify.then_some(false),
        };
        Ok((self.tls || message != ClusterTls::default()).then_some(message))
    }
}

#[derive(Clone, Copy, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Policy {
    RoundRobin,
    Random,
    PowerOfTwo,
    LeastLoaded,
    Hrw,
    Maglev,
}

/// Whether backends are spoken to in HTTP/2.
#[derive(clap::Subcommand)]
pub(crate) enum H2 {
    /// Speak HTTP/2 to the backends of a cluster.
    Enable {
        /// The cluster.
        #[arg(short, long)]
        id: String,
    },
    /// Speak HTTP/1.1 to the backends of a cluster.
    Disable {
        /// The cluster.
        #[arg(short, long)]
        id: String,
    },
}

impl Verb {
    pub(super) fn request(&self) -> Result<RequestType, Failure> {
        Ok(match self {
            Self::List(list) => list.request(),
            Self::Remove { id } => RequestType::RemoveCluster(id.clone()),
            Self::Add(add) => RequestType::AddCluster(add.cluster()?),
            Self::H2(h2) => RequestType::QueryClusterById(h2.parts().0.to_owned()),
            Self::HealthCheck(verb) => verb.request()?,
        })
    }
}

impl List {
    fn request(&self) -> RequestType {
        if let Some(id) = &self.id {
            return RequestType::QueryClusterById(id.clone());
        }
        let Some(domain) = &self.domain else {
            return RequestType::QueryClustersHashes(QueryClustersHashes {});
        };
        let (hostname, path) = match domain.find('/') {
            Some(at) => (&domain[..at], Some(domain[at..].to_owned())),
            None => (domain.as_str(), None),
        };
        let hostname = hostname.to_owned();
        RequestType::QueryClustersByDomain(QueryClusterByDomain { hostname, path })
    }
}

impl Add {
    fn cluster(&self) -> Result<Cluster, Failure> {
        let proxy_protocol = match (self.expect_proxy, self.send_proxy) {
            (true, true) => Some(ProxyProtocolConfig::RelayHeader),
            (true, false) => Some(ProxyProtocolConfig::ExpectHeader),
            (false, true) => Some(ProxyProtocolConfig::SendHeader),
            (false, false) => None,
        };
        Ok(Cluster {
            cluster_id: self.id.clone(),
            sticky_session: self.sticky_session,
            https_redirect: self.https_redirect,
            proxy_protocol: proxy_protocol.map(Into::into),
            load_balancing: self.load_balancing_policy.algorithm().into(),
            http2: self.http2.then_some(true),
            answers: answers(&self.answer)?,
            https_redirect_port: self.https_redirect_port,
            authorized_hashes: self.authorized_hash.clone(),
            www_authenticate: self.www_authenticate.clone(),
            max_queued: self.max_queued,
            queue_timeout: self.queue_timeout,
            min_sessions: self.min_sessions,
            max_sessions: self.max_sessions,
            rate_limits: self.rates.messages(),
            tls: self.tls.message()?,
            ..Cluster::default()
        })
    }
}

impl Policy {
    fn algorithm(self) -> LoadBalancingAlgorithms {
        match self {
            Self::RoundRobin => LoadBalancingAlgorithms::RoundRobin,
            Self::Random => LoadBalancingAlgorithms::Random,
            Self::PowerOfTwo => LoadBalancingAlgorithms::PowerOfTwo,
            Self::LeastLoaded => LoadBalancingAlgorithms::LeastLoaded,
            Self::Hrw => LoadBalancingAlgorithms::Hrw,
            Self::Maglev => LoadBalancingAlgorithms::Maglev,
        }
    }
}

impl H2 {
    /// The cluster, and what it shall be.
    fn parts(&self) -> (&str, bool) {
        match self {
            Self::Enable { id } => (id, true),
            Self::Disable { id } => (id, false),
        }
    }

    /// Asks for the cluster, and adds it again with the one thing changed.
    pub(super) fn run(&self, mut console: Console) -> Result<ExitCode, Failure> {
        let (id, http2) = self.parts();
        let found = console.ask(RequestType::QueryClusterById(id.to_owned()))?;
        let cluster = found.content.and_then(cluster_in);
        let cluster = cluster.ok_or_else(|| Failure::NoCluster(id.to_owned()))?;
        let cluster = Cluster { http2: Some(http2), ..cluster };
        let answer = console.ask(RequestType::AddCluster(cluster))?;
        console.show(&answer);
        Ok(ExitCode::SUCCESS)
    }
}

/// The first definition, which is main's if it is there.
fn cluster_in(content: ContentType) -> Option<Cluster> {
    match content {
        ContentType::Clusters(clusters) => {
            clusters.vec.into_iter().find_map(|cluster| cluster.configuration)
        }
        ContentType::WorkerResponses(mut responses) => {
            let main = responses.map.remove("main");
            let contents = main.into_iter().chain(responses.map.into_values());
            contents.filter_map(|content| content.content_type).find_map(cluster_in)
        }
        _ => None,
    }
}
