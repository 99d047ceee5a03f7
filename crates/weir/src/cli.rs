//! What can be typed.

mod inner;

use std::process::ExitCode;

use clap::{Arg, ArgMatches, Command as Definition, CommandFactory, FromArgMatches};
use clap::{Parser, Subcommand, value_parser};

use crate::commands::{check, definitions, demo, exporter, schema, start, top, verbs};
use crate::console::{Globals, HEADING};
use crate::failure::Failure;
pub(crate) use inner::Inner;

/// A reverse proxy that is always up.
#[derive(Parser)]
#[command(name = "weir", version, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    globals: Globals,
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
    /// The configuration file.
    #[command(subcommand)]
    Config(Config),
    /// Print the JSON schema of the configuration file.
    Schema,
    /// Run the proxy with two built-in backends, to look at.
    Demo(demo::Args),
    /// Serve metrics to Prometheus, and a dashboard, over HTTP.
    ///
    /// Paths: `/metrics`, `/health` (this process), `/ready` (Weir answers), `/` (the dashboard).
    /// It can be ended at any time; traffic does not depend on it.
    Exporter(exporter::Args),
    #[command(flatten)]
    Verb(verbs::Verb),
    /// Show what a running Weir does, on the terminal.
    ///
    /// Overview, clusters, backends, listeners, certificates, HTTP/2, events; `?` shows the keys.
    /// Weir counts for each backend while this runs.
    Top(top::Args),
    /// Print a script that completes commands in a shell.
    Completions(definitions::Completions),
    /// Write manual pages.
    Man(definitions::Man),
}

#[derive(Subcommand)]
enum Config {
    /// The same as `weir check`.
    Check,
}

/// Id of the timeout, apart from those that commands have of their own.
const TIMEOUT: &str = "client-timeout";

/// Every command with its options.
pub(crate) fn definition() -> Definition {
    with_timeout(Cli::command())
}

/// Adds `-t, --timeout` to a command and to those under it; a command that has a `--timeout` of
/// its own gets `-t` only. An option that is global could not make this difference.
fn with_timeout(command: Definition) -> Definition {
    let own = command.get_arguments().any(|argument| argument.get_long() == Some("timeout"));
    let timeout = Arg::new(TIMEOUT)
        .short('t')
        .help_heading(HEADING)
        .value_name("MILLISECONDS")
        .value_parser(value_parser!(u64))
        .help("Wait so long for each answer of Weir; 0: for ever [default: `ctl_command_timeout`]");
    let timeout = if own { timeout } else { timeout.long("timeout") };
    command.arg(timeout).mut_subcommands(with_timeout)
}

/// The timeout that stands nearest to the end of the line.
fn timeout_of(matches: &ArgMatches) -> Option<u64> {
    let inner = matches.subcommand().and_then(|(_, inner)| timeout_of(inner));
    inner.or_else(|| matches.try_get_one(TIMEOUT).ok().flatten().copied())
}

impl Cli {
    /// The command line of this process; one that is none is reported, and the process ends.
    pub(crate) fn of_process() -> Self {
        Self::of_matches(&definition().get_matches()).unwrap_or_else(|error| error.exit())
    }

    fn of_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut cli = Self::from_arg_matches(matches)?;
        cli.globals.timeout = timeout_of(matches);
        Ok(cli)
    }

    /// Whether failures are told in JSON.
    pub(crate) fn is_json(&self) -> bool {
        self.globals.json
    }

    /// Does what was asked; the exit code of the process.
    pub(crate) fn run(&self) -> Result<ExitCode, Failure> {
        let config = || self.globals.config.as_deref().ok_or(Failure::NoConfiguration);
        match &self.command {
            Command::Start(args) => start::run(config()?, args),
            Command::Check | Command::Config(Config::Check) => check::run(config()?),
            Command::Schema => schema::run(),
            Command::Demo(args) => demo::run(args),
            Command::Exporter(args) => exporter::run(&self.globals, args),
            Command::Verb(verb) => verb.run(&self.globals),
            Command::Top(args) => top::run(&self.globals, args),
            Command::Completions(args) => definitions::completions(args),
            Command::Man(args) => definitions::man(args),
        }
    }
}

#[cfg(test)]
mod tests;
