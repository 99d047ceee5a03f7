//! `weir worker`: one worker, on the channel that main left open.

use std::os::fd::RawFd;
use std::process::ExitCode;

use weir_sys::Channel;

use crate::failure::Failure;

/// What main passes.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The slot; main tells it over the channel too, here it is for the eyes of `ps`.
    #[arg(long)]
    id: u16,
    /// The descriptor of the channel.
    #[arg(long)]
    fd: RawFd,
}

/// Runs until main says so, or is gone.
pub(crate) fn run(args: &Args) -> Result<ExitCode, Failure> {
    // Ctrl-C and service managers signal the whole group; main decides when a worker stops.
    let signals = weir_main::block_signals()?;
    // Nothing depends on the name.
    let _ = weir_sys::name_process(&format!("weir-worker-{}", args.id));
    let channel = weir_sys::inherited(args.fd).map_err(Failure::Worker)?;
    weir_worker::run(Channel::from_fd(channel), Some(signals)).map_err(Failure::Worker)
}
