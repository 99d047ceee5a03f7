//! Why a command did not do what was asked, and the exit code that says so.

use std::io;
use std::process::ExitCode;

use thiserror::Error;

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
    /// Somebody typed the command of a worker.
    #[error("the worker cannot go on (workers are started by `weir start` only): {0}")]
    Worker(io::Error),
}

impl Failure {
    /// Says it on standard error; the exit code.
    pub(crate) fn report(&self) -> ExitCode {
        match self {
            // Already a full report.
            Self::Configuration(text) => eprintln!("{text}"),
            _ => eprintln!("weir: {self}"),
        }
        match self {
            Self::NoConfiguration | Self::Configuration(_) => ExitCode::from(UNUSABLE),
            _ => ExitCode::FAILURE,
        }
    }
}
