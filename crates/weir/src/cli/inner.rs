//! What only main starts.
//!
//! It is parsed by itself: to set up all that people can type takes longer than to become a worker,
//! and clients wait for a core meanwhile.

use std::process::ExitCode;

use clap::Parser;

use crate::commands::{main, worker};
use crate::failure::Failure;

/// One of its processes.
#[derive(Parser)]
#[command(name = "weir")]
pub(crate) enum Inner {
    /// Run main in the place of another version.
    Main(main::Args),
    /// Run a worker.
    Worker(worker::Args),
}

impl Inner {
    /// The command line of this process, if it begins as one of these does.
    pub(crate) fn of_process() -> Option<Self> {
        let first = std::env::args_os().nth(1)?;
        ["main", "worker"].iter().any(|name| first == **name).then(Self::parse)
    }

    /// Does what main wants; the exit code of the process.
    pub(crate) fn run(&self) -> Result<ExitCode, Failure> {
        match self {
            Self::Main(args) => main::run(args),
            Self::Worker(args) => worker::run(args),
        }
    }
}
