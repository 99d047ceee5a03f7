//! `weir exporter`: metrics over HTTP.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::time::Duration;

use crate::console::{Connection, Globals};
use crate::exporter::{self, Endpoint, Options};
use crate::failure::Failure;
use crate::output::print;

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
    #[arg(long, value_name = "http://HOST:PORT")]
    otlp: Option<Endpoint>,
    /// Send them every so many seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 15, requires = "otlp",
          value_parser = clap::value_parser!(u32).range(1..=3600))]
    otlp_period: u32,
    /// Send traces, too, a span for each request (`/v1/traces`): this part of all, from 0 to 1.
    #[arg(long, value_name = "PART", num_args = 0..=1, default_missing_value = "1",
          requires = "otlp", value_parser = part)]
    otlp_traces: Option<f64>,
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
    let period = Duration::from_secs(args.otlp_period.into());
    let otlp = args.otlp.clone().map(|endpoint| (endpoint, period));
    let traces = args.otlp_traces;
    let options = Options { listen: args.listen, backends: args.backends, otlp, traces };
    exporter::run(connection, options, ready)?;
    Ok(ExitCode::SUCCESS)
}
