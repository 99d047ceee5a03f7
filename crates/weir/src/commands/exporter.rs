//! `weir exporter`: metrics over HTTP.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;

use crate::console::{Connection, Globals};
use crate::exporter;
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
}

fn usual() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, 9101).into()
}

/// Runs until it is ended.
pub(crate) fn run(globals: &Globals, args: &Args) -> Result<ExitCode, Failure> {
    let connection = Connection::of(globals)?;
    let ready = |address| print(&format!("listening on http://{address}"));
    exporter::run(connection, args.listen, args.backends, ready)?;
    Ok(ExitCode::SUCCESS)
}
