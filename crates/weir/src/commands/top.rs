//! `weir top`: what a running Weir does, on the terminal.

use std::process::ExitCode;
use std::time::Duration;

use crate::console::{Connection, Globals};
use crate::failure::Failure;
use crate::top;

/// Arguments of the dashboard.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Ask Weir every so many seconds.
    #[arg(short, long, value_name = "SECONDS", default_value_t = 2,
          value_parser = clap::value_parser!(u32).range(1..=3600))]
    refresh: u32,
}

/// Runs until somebody quits.
pub(crate) fn run(globals: &Globals, args: &Args) -> Result<ExitCode, Failure> {
    top::run(Connection::of(globals)?, Duration::from_secs(args.refresh.into()))?;
    Ok(ExitCode::SUCCESS)
}
