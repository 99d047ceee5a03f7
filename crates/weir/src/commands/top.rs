//! `weir top`: what a running Weir does, on the terminal.

use std::process::ExitCode;
use std::time::Duration;

use crate::console::{Connection, Globals};
use crate::failure::Failure;
use crate::top;

/// Arguments of the dashboard.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Ask Weir every so many milliseconds.
    #[arg(short, long, value_name = "MILLISECONDS", default_value_t = 1000,
          value_parser = clap::value_parser!(u32).range(100..=3_600_000))]
    refresh_ms: u32,
    /// Without effect: the mouse is the terminal's.
    #[arg(long)]
    no_mouse: bool,
}

/// Runs until somebody quits.
pub(crate) fn run(globals: &Globals, args: &Args) -> Result<ExitCode, Failure> {
    top::run(Connection::of(globals)?, Duration::from_millis(args.refresh_ms.into()))?;
    Ok(ExitCode::SUCCESS)
}
