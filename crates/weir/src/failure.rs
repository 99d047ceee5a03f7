//! Why a command did not do what was asked, and the exit code that says so.

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use serde_json::json;
use thiserror::Error;

use crate::output::print_error;

/// Exit code of a command line or a configuration that cannot be used.
const UNUSABLE: u8 = 2;

/// One variant per reason.
#[derive(Debug, Error)]
pub(crate) enum Failure {
    /// The command needs a file.
    #[error("no configuration file: name it with -c FILE (`weir demo` needs none)")]
    NoConfiguration,
    /// The file has mistakes; the text shows each of them.
    #[error("{0}")]
    Configuration(String),
    /// The proxy did not start, or could not go on.
    #[error(transparent)]
    Main(#[from] weir_main::Error),
    /// Logs cannot be written.
    #[error("the log target cannot be used: {0}")]
    Logs(weir_log::Error),
    /// The demonstration's own port is taken.
    #[error("port {port} is in use: try `weir demo --port {}`", .port.wrapping_add(1))]
    DemoPort {
        /// The port.
        port: u16,
    },
    /// The demonstration's backends cannot be started.
    #[error("the built-in backends cannot be started: {0}")]
    DemoBackends(io::Error),
    /// Nothing says where Weir is.
    #[error("where is Weir? name its configuration file with -c FILE, or its socket with --socket")]
    NoConnection,
    /// The file does not either.
    #[error(
        "{} has no `command_socket`: add one and start Weir again, or name it with --socket PATH",
        .0.display()
    )]
    NoControlSocket(PathBuf),
    /// An argument that the parser takes and nothing else.
    #[error("{0}")]
    Arguments(String),
    /// A file that an argument names.
    #[error("{} cannot be read: {cause}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        cause: io::Error,
    },
    /// What an argument names.
    #[error("{} cannot be written: {cause}", path.display())]
    Write {
        /// A file or directory.
        path: PathBuf,
        /// Why not.
        cause: io::Error,
    },
    /// A running Weir was asked, and said no.
    #[error("Request failed: {0}")]
    Refused(String),
    /// Weir was not reached, or did not answer.
    #[error(transparent)]
    Client(weir_client::Error),
    /// A cluster to change is not there.
    #[error("there is no cluster {0:?}")]
    NoCluster(String),
    /// A session to look at is not there.
    #[error("there is no such session (any more): {0}")]
    NoSession(String),
    /// A comparison that was not made.
    #[error(transparent)]
    Diff(Box<Failure>),
    /// The exporter's address is taken, or not ours; or the process may open nothing more.
    #[error("{address} cannot be listened on: {cause}")]
    Exporter {
        /// Where.
        address: std::net::SocketAddr,
        /// Why not.
        cause: io::Error,
    },
    /// A dashboard without a terminal.
    #[error("this needs a terminal: in scripts, use `weir metrics get --json`")]
    NoTerminal,
    /// The terminal does not do what it should.
    #[error("the terminal cannot be used: {0}")]
    Terminal(io::Error),
    /// Somebody typed the command of another image.
    #[error("main cannot be taken over (`weir upgrade` does that only): {0}")]
    MainImage(io::Error),
    /// Somebody typed the command of a worker.
    #[error("the worker cannot go on (workers are started by `weir start` only): {0}")]
    Worker(io::Error),
}

impl Failure {
    /// Says it on standard error; the exit code.
    pub(crate) fn report(&self, json: bool) -> ExitCode {
        match self {
            _ if json => print_error(&json!({ "error": self.to_string() }).to_string()),
            // Already a full report.
            Self::Configuration(text) => print_error(text),
            _ => print_error(&format!("weir: {self}")),
        }
        if self.is_unusable() { ExitCode::from(UNUSABLE) } else { ExitCode::FAILURE }
    }

    /// What was typed, or a file it names, is wrong; or `diff` cannot tell.
    fn is_unusable(&self) -> bool {
        matches!(
            self,
            Self::NoConfiguration
                | Self::NoConnection
                | Self::NoControlSocket(_)
                | Self::Configuration(_)
                | Self::Arguments(_)
                | Self::File { .. }
                | Self::Diff(_)
        )
    }
}

impl From<weir_client::Error> for Failure {
    fn from(error: weir_client::Error) -> Self {
        match error {
            weir_client::Error::Refused(message) => Self::Refused(message),
            other => Self::Client(other),
        }
    }
}
