//! The configuration file: TOML, checked as a whole.
//!
//! *As written* → held against the catalogue of keys ([`catalogue`], [`walk`]) → *checked*:
//! resolved settings and the desired state ([`build`]). Every mistake is reported, with its place,
//! in one go; a file with a mistake is not used at all.
//!
//! Must not know: processes, and what a worker makes of the state.

mod build;
mod catalogue;
mod memory;
mod read;
mod report;
mod routes;
mod schema;
mod summary;
mod walk;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::time::Duration;

use toml::de::DeTable;
use weir_base::Limits;

use crate::channel::{LogSettings, Settings};
use crate::state::State;

pub use memory::{Memory, Sizes};
pub use report::{Diagnostic, Report, Severity};
pub use schema::{json_schema, reference};

/// A file without mistakes.
#[derive(Clone, Debug)]
pub struct Checked {
    /// What main needs for itself.
    pub main: MainSettings,
    /// What is to be served.
    pub state: State,
    /// What every worker is started with; slot and core are those of slot 0.
    pub settings: Settings,
    /// What is odd about the file.
    pub warnings: Report,
}

/// What main needs for itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MainSettings {
    /// Where to write the process id.
    pub pid_file: Option<PathBuf>,
    /// Number of workers.
    pub worker_count: u16,
    /// Replace workers that die.
    pub automatic_restart: bool,
    /// Longest wait for an answer of a worker.
    pub worker_timeout: Duration,
    /// Keep each worker on a core of its own.
    pub affinity: bool,
}

impl Checked {
    /// The bounds of one worker.
    pub fn limits(&self) -> &Limits {
        &self.settings.limits
    }

    /// Logging of main and workers.
    pub fn logs(&self) -> &LogSettings {
        &self.settings.logs
    }

    /// What the file serves, for people.
    pub fn summary(&self) -> String {
        summary::summary(self)
    }

    /// The most memory that a worker can come to use.
    pub fn worst_case_memory(&self, sizes: &Sizes) -> Memory {
        Memory::worst_case(&self.settings.limits, sizes, self.main.worker_count)
    }
}

/// Reads and checks a file.
///
/// # Errors
/// All mistakes, or why it cannot be read.
pub fn load(path: &Path) -> Result<Checked, Report> {
    let unreadable = |reason: String| {
        let mut report = Report { origin: path.to_owned(), ..Report::default() };
        report.push(Diagnostic {
            severity: Severity::Error,
            span: None,
            message: format!("the configuration file cannot be read: {reason}"),
            label: String::new(),
            help: None,
            other: None,
        });
        report
    };
    let bytes = std::fs::read(path).map_err(|error| unreadable(error.to_string()))?;
    let source = String::from_utf8(bytes).map_err(|error| {
        unreadable(format!("byte {} is not UTF-8", error.utf8_error().valid_up_to()))
    })?;
    check(&source, path)
}

/// Checks the text of a file; `origin` is its path in messages.
///
/// # Errors
/// All mistakes.
pub fn check(source: &str, origin: &Path) -> Result<Checked, Report> {
    let mut report =
        Report { origin: origin.to_owned(), source: source.to_owned(), ..Report::default() };
    let (document, errors) = DeTable::parse_recoverable(source);
    for error in errors {
        let span = error.span().unwrap_or(0..0);
        report.push(Diagnostic::error(span, format!("not TOML: {}", error.message())));
    }
    if report.is_fatal() {
        return Err(report);
    }
    walk::check_table(document.get_ref(), document.span(), &catalogue::FILE, &mut report);
    let file = read::Reader::new(document.get_ref(), 0..0);
    let (main, state, settings) = build::build(&file, &mut report);
    report.sort();
    if report.is_fatal() {
        return Err(report);
    }
    Ok(Checked { main, state, settings, warnings: report })
}
