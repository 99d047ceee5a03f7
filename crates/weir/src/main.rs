//! The command line: parses, hands over to main or to a worker, asks a running Weir, prints.
//!
//! Must not know: how main supervises, how a worker proxies. What can be asked for is in
//! [`commands`], what is printed of an answer in [`show`].

mod cli;
mod commands;
mod console;
mod demo;
mod exporter;
mod failure;
mod output;
mod show;
mod top;
mod watch;

use std::process::ExitCode;

fn main() -> ExitCode {
    if let Some(inner) = cli::Inner::of_process() {
        return inner.run().unwrap_or_else(|failure| failure.report(false));
    }
    let cli = cli::Cli::of_process();
    cli.run().unwrap_or_else(|failure| failure.report(cli.is_json()))
}
