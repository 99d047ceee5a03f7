//! What can be typed.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::commands::{check, demo, schema, start, worker};
use crate::failure::Failure;

/// A reverse proxy that is always up.
#[derive(Parser)]
#[command(name = "weir", version, arg_required_else_help = true)]
pub(crate) struct Cli {
    /// Configuration file (TOML).
    #[arg(short, long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the proxy in the foreground.
    ///
    /// SIGTERM and SIGINT finish the requests in flight and stop; a second one stops at once.
    /// SIGUSR1 opens the log files again. SIGHUP does nothing.
    Start(start::Args),
    /// Read the configuration file, report every mistake, print what it asks for.
    Check,
    /// Print the JSON schema of the configuration file.
    Schema,
    /// Run the proxy with two built-in backends, to look at.
    Demo(demo::Args),
    /// Run a worker; only main starts one.
    #[command(hide = true)]
    Worker(worker::Args),
}

impl Cli {
    /// Does what was asked; the exit code of the process.
    pub(crate) fn run(self) -> Result<ExitCode, Failure> {
        let config = || self.config.as_deref().ok_or(Failure::NoConfiguration);
        match &self.command {
            Command::Start(args) => start::run(config()?, args),
            Command::Check => check::run(config()?),
            Command::Schema => schema::run(),
            Command::Demo(args) => demo::run(args),
            Command::Worker(args) => worker::run(args),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
