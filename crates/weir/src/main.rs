//! The command line: parses, hands over to main or to a worker, prints.
//!
//! Must not know: how main supervises, how a worker proxies. One file per command, in
//! [`commands`].

mod cli;
mod commands;
mod demo;
mod failure;
mod output;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    cli::Cli::parse().run().unwrap_or_else(|failure| failure.report())
}
