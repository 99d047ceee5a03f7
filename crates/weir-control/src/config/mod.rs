//! The configuration file: TOML, checked as a whole.
//!
//! *As written* → held against the catalogue of keys ([`catalogue`], [`walk`]) → *checked*:
//! resolved settings and the desired state ([`build`]). Every mistake is reported, with its place,
//! in one go; a file with a mistake is not used at all.
//!
//! Must not know: processes, and what a worker makes of the state.

mod build;
mod catalogue;
mod files;
mod memory;
mod read;
mod reference;
mod report;
mod schema;
mod suggest;
mod summary;
mod walk;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use toml::Spanned;
use toml::de::DeTable;
use weir_base::Limits;

use crate::channel::{LogSettings, Settings};
use crate::clients::ClientLimits;
use crate::metrics::MetricsPlan;
use crate::state::State;

pub(crate) use catalogue::LONGEST_SECONDS;
pub use memory::{ACCOUNT, MOST_WINDOWED, Memory, SNAPSHOTS, Sizes};
pub use reference::reference;
pub use report::{Diagnostic, Report, Severity};
pub use schema::json_schema;
pub(crate) use suggest::nearest;

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
    /// The control socket, if there is to be one.
    pub control: Option<ControlSettings>,
    /// Keys of session tickets.
    pub tls: TlsPlan,
    /// What is counted, and where it is sent.
    pub metrics: MetricsPlan,
    /// How many connections clients may have.
    pub clients: ClientLimits,
}

/// Where keys of session tickets come from, and how long one is used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TlsPlan {
    /// File with the keys, shared by several hosts; `None`: main makes them.
    pub ticket_key_file: Option<PathBuf>,
    /// How long a key seals tickets.
    pub ticket_rotation: Duration,
}

impl Default for TlsPlan {
    fn default() -> Self {
        Self { ticket_key_file: None, ticket_rotation: TICKET_ROTATION }
    }
}

/// How long a key of session tickets is used where nothing is said.
const TICKET_ROTATION: Duration = Duration::from_secs(6 * 60 * 60);

/// The control socket, for main and for clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ControlSettings {
    /// Where it is.
    pub path: PathBuf,
    /// Bytes of the longest frame, its prefix included.
    pub max_frame_bytes: usize,
    /// Bytes of a buffer at first; at most the longest frame.
    pub first_buffer_bytes: usize,
    /// Users that may ask for something; empty: all that can open the socket.
    pub allowed_uids: Vec<u32>,
    /// Longest wait of the command line for a frame; zero: for ever.
    pub client_timeout: Duration,
    /// File whose requests are made after those of the configuration, at the start.
    pub saved_state: Option<PathBuf>,
    /// Save to that file after each change.
    pub automatic_state_save: bool,
    /// Where every change is stored.
    pub store: PathBuf,
    /// Serve the state of the file at the start, whatever is stored.
    pub from_file: bool,
    /// Where requests are audited, in lines of text.
    pub audit_target: Option<String>,
    /// Where they are, in objects of JSON.
    pub audit_json_target: Option<String>,
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
        Memory::worst_case(self, sizes)
    }
}

/// Bytes of a file: more than a hundred thousand routes take.
const LONGEST_FILE: u64 = 64 << 20;

/// Reads and checks a file.
///
/// # Errors
/// All mistakes, or why it cannot be read.
pub fn load(path: &Path) -> Result<Checked, Report> {
    let bytes = files::read_bytes(path, LONGEST_FILE).map_err(|error| {
        let message = format!("the configuration file cannot be read: {error}");
        Report::of_one(path, "", Diagnostic::of_file(message))
    })?;
    let source = String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let text = String::from_utf8_lossy(error.as_bytes());
        let mistake = Diagnostic::error(at..at + '\u{fffd}'.len_utf8(), "the file is not UTF-8");
        Report::of_one(path, &text, mistake)
    })?;
    check(&source, path)
}

/// Checks the text of a file; `origin` is its path in messages.
///
/// # Errors
/// All mistakes.
pub fn check(source: &str, origin: &Path) -> Result<Checked, Report> {
    let source = source.strip_prefix('\u{feff}').unwrap_or(source);
    let mut report = Report::new(origin, source);
    let document = parse(source, &mut report);
    if report.is_fatal() {
        report.sort();
        return Err(report);
    }
    walk::check_table(document.get_ref(), document.span(), &catalogue::FILE, &mut report);
    let file = read::Reader::new(document.get_ref(), &catalogue::FILE, 0..0);
    let (main, state, settings) = build::build(&file, &mut report);
    report.sort();
    if report.is_fatal() {
        return Err(report);
    }
    Ok(Checked { main, state, settings, warnings: report })
}

/// Reports the first mistake of each line: those that follow it come of it.
fn parse<'a>(source: &'a str, report: &mut Report) -> Spanned<DeTable<'a>> {
    let (document, errors) = DeTable::parse_recoverable(source);
    let mut last = None;
    for error in errors {
        let span = error.span().unwrap_or(0..0);
        let between = last.map(|last| source.get(last..span.start).unwrap_or_default());
        if between.is_none_or(|text| text.contains('\n')) {
            report.push(Diagnostic::error(span.clone(), format!("not TOML: {}", error.message())));
        }
        last = Some(span.start);
    }
    document
}
