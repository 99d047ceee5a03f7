//! `cluster health-check set|remove|list`.

use weir_client::proto::request::RequestType;
use weir_client::proto::{HealthCheckConfig, HealthCheckMode, QueryHealthChecks, SetHealthCheck};

use crate::failure::Failure;
use crate::output::print_error;

/// What to do about health checks.
#[derive(clap::Subcommand)]
pub(crate) enum Verb {
    /// Check the backends of a cluster.
    Set(Set),
    /// Check them no more.
    Remove {
        /// The cluster.
        #[arg(short, long)]
        id: String,
    },
    /// Print the checks.
    List {
        /// Only that of this cluster.
        #[arg(short, long)]
        id: Option<String>,
    },
}

/// A check.
#[derive(clap::Args)]
pub(crate) struct Set {
    /// The cluster.
    #[arg(short, long)]
    id: String,
    /// What to ask the backends for; begins with `/`.
    #[arg(short, long, required_unless_present_any = ["tcp", "grpc", "udp"], default_value = "")]
    uri: String,
    /// A connection is enough.
    #[arg(long, conflicts_with_all = ["uri", "grpc", "expected_status"])]
    tcp: bool,
    /// Send this datagram, which any other must answer; with `--tcp`, after a connection.
    #[arg(long, value_name = "PAYLOAD", conflicts_with_all = ["uri", "grpc", "expected_status"])]
    udp: Option<String>,
    /// Ask by the gRPC health checking protocol, for a service or for the server as a whole.
    #[arg(
        long,
        value_name = "SERVICE",
        num_args = 0..=1,
        default_missing_value = "",
        conflicts_with_all = ["uri", "expected_status"]
    )]
    grpc: Option<String>,
    /// Where to ask them, when that is not where they serve.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    port: Option<u16>,
    /// Seconds from check to check.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    interval: u32,
    /// Seconds that a backend may take to answer.
    #[arg(
        id = "check-timeout",
        long = "timeout",
        value_name = "SECONDS",
        default_value_t = 5,
        value_parser = clap::value_parser!(u32).range(1..)
    )]
    timeout: u32,
    /// Successes that make a backend healthy.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    healthy_threshold: u32,
    /// Failures that make a backend unhealthy.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    unhealthy_threshold: u32,
    /// The status of a healthy backend; 0: any 2xx.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=599))]
    expected_status: u32,
}

impl Verb {
    pub(super) fn request(&self) -> Result<RequestType, Failure> {
        Ok(match self {
            Self::Set(set) => RequestType::SetHealthCheck(set.message()?),
            Self::Remove { id } => RequestType::RemoveHealthCheck(id.clone()),
            Self::List { id } => RequestType::QueryHealthChecks(QueryHealthChecks {
                cluster_id: id.clone(),
                page: None,
            }),
        })
    }
}

impl Set {
    fn message(&self) -> Result<SetHealthCheck, Failure> {
        let printable = |byte: u8| byte.is_ascii_graphic();
        let http = !self.tcp && self.grpc.is_none() && self.udp.is_none();
        if http && (!self.uri.starts_with('/') || !self.uri.bytes().all(printable)) {
            let message = format!("the URI of a health check begins with `/`: {:?}", self.uri);
            return Err(Failure::Arguments(message));
        }
        if self.timeout >= self.interval {
            print_error("weir: warning: the timeout of a check is not less than its interval");
        }
        let config = HealthCheckConfig {
            uri: self.uri.clone(),
            interval: self.interval,
            timeout: self.timeout,
            healthy_threshold: self.healthy_threshold,
            unhealthy_threshold: self.unhealthy_threshold,
            expected_status: self.expected_status,
            mode: match (self.tcp, &self.udp) {
                (true, _) => HealthCheckMode::Tcp.into(),
                (false, Some(_)) => HealthCheckMode::Udp.into(),
                (false, None) => HealthCheckMode::Http.into(),
            },
            payload: self.udp.clone().map(String::into_bytes),
            grpc_service: self.grpc.clone(),
            port: self.port.map(Into::into),
            ..HealthCheckConfig::default()
        };
        Ok(SetHealthCheck { cluster_id: self.id.clone(), config })
    }
}
