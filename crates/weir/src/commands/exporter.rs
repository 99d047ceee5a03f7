//! `weir exporter`: metrics over HTTP.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use weir_tls::certificate::read_authorities;

use super::files::read;
use crate::console::{Connection, Globals};
use crate::exporter::{self, Endpoint, Options, Otlp, Target};
use crate::failure::Failure;
use crate::output::print;

/// Fields of all requests to a collector, in the environment.
const FIELDS: &str = "OTEL_EXPORTER_OTLP_HEADERS";

/// Arguments of the exporter.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Where to listen.
    #[arg(long, value_name = "IP:PORT", default_value_t = usual())]
    listen: SocketAddr,
    /// Have Weir count for each backend, while this runs and somebody asks.
    #[arg(long)]
    backends: bool,
    /// Send metrics to a collector of OpenTelemetry, too (OTLP over HTTP, `/v1/metrics`).
    #[arg(long, value_name = "URL", env = "OTEL_EXPORTER_OTLP_ENDPOINT", hide_env_values = true)]
    otlp: Option<Endpoint>,
    /// Send them every so many seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 15, requires = "otlp",
          value_parser = clap::value_parser!(u32).range(1..=3600))]
    otlp_period: u32,
    /// Send traces, too, a span for each request (`/v1/traces`): this part of all, from 0 to 1.
    #[arg(long, value_name = "PART", num_args = 0..=1, default_missing_value = "1",
          requires = "otlp", value_parser = part)]
    otlp_traces: Option<f64>,
    /// A field of every request to the collector; may be repeated. What others must not see belongs
    /// in the environment (`OTEL_EXPORTER_OTLP_HEADERS=NAME=VALUE,…`, values percent-encoded).
    #[arg(long, value_name = "NAME=VALUE", requires = "otlp", value_parser = exporter::field)]
    otlp_header: Vec<(HeaderName, HeaderValue)>,
    /// Who may have issued the collector's certificate (PEM), in place of whom the system trusts.
    #[arg(
        long,
        value_name = "FILE",
        env = "OTEL_EXPORTER_OTLP_CERTIFICATE",
        hide_env_values = true
    )]
    otlp_ca: Option<PathBuf>,
}

fn part(text: &str) -> Result<f64, String> {
    let part = text.parse::<f64>().ok().filter(|part| (0.0..=1.0).contains(part));
    part.ok_or_else(|| "it must be a number from 0 to 1".to_owned())
}

fn usual() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, 9101).into()
}

/// Runs until it is ended.
pub(crate) fn run(globals: &Globals, args: &Args) -> Result<ExitCode, Failure> {
    let connection = Connection::of(globals)?;
    let ready = |address| print(&format!("listening on http://{address}"));
    let otlp = args.otlp.clone().map(|endpoint| args.otlp(endpoint)).transpose()?;
    let options = Options { listen: args.listen, backends: args.backends, otlp };
    exporter::run(connection, options, ready)?;
    Ok(ExitCode::SUCCESS)
}

impl Args {
    fn otlp(&self, endpoint: Endpoint) -> Result<Otlp, Failure> {
        let mut fields = fields_of_environment()?;
        for (name, value) in &self.otlp_header {
            fields.insert(name, value.clone());
        }
        let authorities = self.otlp_ca.as_deref().map(|path| {
            let wrong = |error| Failure::Arguments(format!("{}: {error}", path.display()));
            read_authorities(&read(path)?).map_err(wrong)
        });
        let target = Target { endpoint, fields, authorities: authorities.transpose()? };
        let period = Duration::from_secs(self.otlp_period.into());
        Ok(Otlp { target, period, traces: self.otlp_traces })
    }
}

fn fields_of_environment() -> Result<HeaderMap, Failure> {
    let text = std::env::var(FIELDS).unwrap_or_default();
    exporter::fields(&text).map_err(|why| Failure::Arguments(format!("{FIELDS}: {why}")))
}
