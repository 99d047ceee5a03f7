//! The logger of a process: behind the macros of the `log` crate, and for access-log records.

use std::cell::Cell;
use std::fmt::{self, Write as _};
use std::io::{self, IsTerminal as _};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::Duration;

use log::{LevelFilter, Log, Metadata, Record};
use weir_base::Instant;
use weir_telemetry::{
    AccessFormat, AccessRecord, Event, Filter, FilterError, LineFormat, Target, TargetError,
};

use crate::framing::Framing;
use crate::writer::{OpenError, Writer};

/// How long access-log records wait for others that are written with them. Longer than a tick of
/// the kernel, so that a wait for events rarely needs a timer of its own.
const HOLD: Duration = Duration::from_millis(20);

/// Where lines of a process go and what they look like.
#[derive(Clone, Debug)]
pub struct Settings<'a> {
    /// Filter directives; see [`Filter`].
    pub level: &'a str,
    /// Target of log lines; see [`Target`].
    pub target: &'a str,
    /// ANSI colours; `None`: where lines go to a terminal.
    pub colored: Option<bool>,
    /// Target of access-log records, when not the same.
    pub access_target: Option<&'a str>,
    /// What access-log records look like.
    pub access_format: AccessFormat,
    /// The same for access-log records.
    pub access_colored: Option<bool>,
    /// Of so many records of exchanges that went well, one is kept.
    pub access_sampling: u32,
    /// Log lines are objects of JSON.
    pub json: bool,
    /// What the process is called in its lines: `MAIN`, `WRK-00`.
    pub tag: &'a str,
    /// Bytes of lines that may wait, in all.
    pub ring_bytes: usize,
    /// The time, in nanoseconds since the Unix epoch.
    pub clock: fn() -> u64,
}

/// What is wrong with [`Settings`].
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The filter.
    #[error(transparent)]
    Filter(#[from] FilterError),
    /// A target as it is written.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// A target as it is.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// Binary records would stand between lines of text.
    #[error("records of protobuf need a target of their own: set access_logs_target")]
    Mixed,
    /// The process has a logger already.
    #[error("the process has a logger already; install one only once")]
    Installed,
}

/// The logger of a process. Its owner calls [`Logs::flush`] once per turn of its loop.
///
/// The lock is for the `log` crate's sake: the processes have one thread.
pub struct Logs(Mutex<State>);

struct State {
    filter: Filter,
    /// The most verbose level that records of exchanges are wanted at.
    access_level: LevelFilter,
    clock: fn() -> u64,
    line_format: LineFormat,
    record_format: LineFormat,
    access_format: AccessFormat,
    access_sampling: u32,
    /// Records that are not kept before the next one that is.
    to_skip: u32,
    lines: Writer,
    /// None when access-log records go where lines go.
    records: Option<Writer>,
}

impl Logs {
    /// Opens the targets.
    ///
    /// # Errors
    /// When a setting is not understood or a file cannot be opened.
    pub fn open(settings: &Settings<'_>) -> Result<Self, Error> {
        let target: Target = settings.target.parse()?;
        let access_target = settings.access_target.map(str::parse::<Target>).transpose()?;
        let access_target = access_target.filter(|access| *access != target);
        if access_target.is_none() && matches!(settings.access_format, AccessFormat::Protobuf) {
            return Err(Error::Mixed);
        }
        let ring_bytes = settings.ring_bytes / (1 + usize::from(access_target.is_some()));
        let format = |colored: Option<bool>, target: &Target| {
            let colored = colored.unwrap_or_else(|| is_terminal(target));
            LineFormat::new(std::process::id(), settings.tag, colored)
        };
        let framing = match settings.access_format {
            AccessFormat::Protobuf => Framing::Delimited,
            _ => Framing::Lines,
        };
        let records =
            |target| Writer::open(&target, ring_bytes).map(|to| to.framed(framing).holding(HOLD));
        let filter: Filter = settings.level.parse()?;
        Ok(Self(Mutex::new(State {
            access_level: filter.level_of(AccessRecord::MODULE),
            filter,
            clock: settings.clock,
            line_format: format(settings.colored, &target).in_json(settings.json),
            record_format: format(
                settings.access_colored,
                access_target.as_ref().unwrap_or(&target),
            ),
            lines: Writer::open(&target, ring_bytes)?,
            records: access_target.map(records).transpose()?,
            access_format: settings.access_format.clone(),
            access_sampling: settings.access_sampling.max(1),
            to_skip: 0,
        })))
    }

    /// Makes it the logger of the process, for its whole life.
    ///
    /// # Errors
    /// When the process has one already.
    pub fn install(self) -> Result<&'static Self, Error> {
        let max_level = self.state().filter.max_level();
        let logs: &'static Self = Box::leak(Box::new(self));
        log::set_logger(logs).map_err(|_| Error::Installed)?;
        log::set_max_level(max_level);
        Ok(logs)
    }

    /// Replaces the filter.
    pub fn set_filter(&self, filter: Filter) {
        log::set_max_level(filter.max_level());
        let state = &mut *self.state();
        state.access_level = filter.level_of(AccessRecord::MODULE);
        state.filter = filter;
    }

    /// Access-log records show round trips.
    pub fn shows_round_trips(&self) -> bool {
        self.state().access_format.shows_round_trips()
    }

    /// Keeps an access-log record of the instant `unix_ns`, in nanoseconds since the Unix epoch, if
    /// the filter wants it and it is one of the sample, in which all failures are: `true` when it
    /// does.
    pub fn access(&self, record: &AccessRecord<'_>, unix_ns: u64) -> bool {
        let state = &mut *self.state();
        if record.level() > state.access_level {
            return false;
        }
        if !record.error && !state.is_sampled() {
            return false;
        }
        let line = record.encode(&state.access_format, &mut state.record_format, unix_ns);
        state.records.as_mut().unwrap_or(&mut state.lines).push_line(line);
        true
    }

    /// Writes what can be written at once.
    pub fn flush(&self, now: Instant) {
        let state = &mut *self.state();
        state.lines.flush(now);
        let mut lost = state.lines.take_untold().map(|lines| (lines, false));
        if let Some(records) = &mut state.records {
            records.flush(now);
            let among_records = matches!(state.access_format, AccessFormat::Ascii);
            if lost.is_none() {
                lost = records.take_untold().map(|lines| (lines, among_records));
            }
        }
        let Some((lines, among_records)) = lost else { return };
        let event = Event::LogLinesDropped { lines };
        let (unix_ns, text) = ((state.clock)(), event.to_string());
        let line = state.line_format.message(unix_ns, event.level(), Event::MODULE, &text);
        let records = state.records.as_mut().filter(|_| among_records);
        records.unwrap_or(&mut state.lines).push_line(line);
    }

    /// When [`Logs::flush`] is to be called again though nothing else happens.
    pub fn deadline(&self) -> Instant {
        let state = self.state();
        let records = state.records.as_ref().map_or(Instant::FAR, Writer::deadline);
        records.min(state.lines.deadline())
    }

    /// Writes everything, waiting at most `patience` for each target. For the end of a process, a
    /// panic hook included: it does nothing if the panic began in here.
    pub fn flush_blocking(&self, patience: Duration) {
        let mut state = match self.0.try_lock() {
            Ok(state) => state,
            Err(TryLockError::Poisoned(state)) => state.into_inner(),
            Err(TryLockError::WouldBlock) => return,
        };
        state.lines.flush_blocking(patience);
        if let Some(records) = &mut state.records {
            records.flush_blocking(patience);
        }
    }

    /// Opens log files again, so that files that were moved away are let go.
    ///
    /// # Errors
    /// When one cannot be opened; the old one stays in use.
    pub fn reopen(&self) -> Result<(), OpenError> {
        let state = &mut *self.state();
        state.lines.reopen()?;
        state.records.as_mut().map_or(Ok(()), Writer::reopen)
    }

    /// Lines and records dropped so far.
    pub fn dropped(&self) -> u64 {
        let state = self.state();
        state.lines.dropped() + state.records.as_ref().map_or(0, Writer::dropped)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_terminal(target: &Target) -> bool {
    *target == Target::Stdout && io::stdout().is_terminal()
}

impl State {
    fn is_sampled(&mut self) -> bool {
        if self.to_skip > 0 {
            self.to_skip -= 1;
            return false;
        }
        self.to_skip = self.access_sampling - 1;
        true
    }
}

impl Log for Logs {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.state().filter.enabled(metadata.level(), metadata.target())
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        // Before the lock is taken: writing a value may log something itself.
        with_text(record.args(), |message| {
            let state = &mut *self.state();
            let (level, module) = (record.level(), record.target());
            let line = state.line_format.message((state.clock)(), level, module, message);
            state.lines.push_line(line);
        });
    }

    /// Does nothing: lines leave with [`Logs::flush`], so that no statement waits for a sink.
    fn flush(&self) {}
}

/// Room for a message that a thread keeps.
const KEPT: usize = 4096;

/// Writes a message into the thread's buffer and shows it.
fn with_text(message: &fmt::Arguments<'_>, show: impl FnOnce(&str)) {
    thread_local! {
        static TEXT: Cell<String> = const { Cell::new(String::new()) };
    }
    // While a thread ends it may have no buffer any more.
    let mut text = TEXT.try_with(Cell::take).unwrap_or_default();
    text.clear();
    // What a value fails to write is missing from the line.
    let _ = text.write_fmt(*message);
    show(&text);
    if text.capacity() <= KEPT {
        let _ = TEXT.try_with(|kept| kept.set(text));
    }
}

#[cfg(test)]
mod tests;
