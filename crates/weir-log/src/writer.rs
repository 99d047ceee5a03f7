//! A target with the lines that wait for it.

use std::io;
use std::os::fd::AsFd;
use std::time::{Duration, Instant as Clock};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use weir_base::Instant;
use weir_telemetry::{Ring, Target};

use crate::framing::Framing;
use crate::sink::Sink;

/// Writes per flush, at most: a long queue is written over several turns of the loop.
const WRITES: usize = 64;
/// A sink that takes nothing is tried again after that, then after twice that, and so on: the
/// queue of a datagram socket is short, and soon empty when somebody reads.
const FIRST_FULL_PAUSE: Duration = Duration::from_millis(1);
/// The longest of these pauses.
const LONGEST_FULL_PAUSE: Duration = Duration::from_millis(16);
/// So many bytes, or half of the ring, are written though more may come. Whoever reads them is
/// woken by the first write, which costs as much as some tens of records.
const ENOUGH: usize = 60_000;
/// A sink that fails is tried again after that, then after twice that, and so on.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// The longest of these pauses.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// Writes lines to one target without waiting for it.
pub struct Writer {
    target: Target,
    ring: Ring,
    /// None while a network target cannot be reached.
    sink: Option<Sink>,
    /// Nothing is tried before.
    retry_at: Instant,
    /// Pause after the next failure.
    pause: Duration,
    /// Pause when the sink takes nothing the next time.
    full_pause: Duration,
    /// How long lines wait for others that are written with them.
    hold: Duration,
    /// So many bytes do not wait.
    enough: usize,
    /// Until when those wait that there are.
    held_until: Option<Instant>,
    framing: Framing,
    /// Pending bytes of a line whose first ones are written.
    left: usize,
}

/// A target cannot be opened.
#[derive(Debug, thiserror::Error)]
#[error(
    "the log target {target} cannot be opened ({source}); check that the directory exists and \
         that this user may write there"
)]
pub struct OpenError {
    target: Target,
    source: io::Error,
}

/// How far writing came.
enum Progress {
    /// Everything is written.
    Done,
    /// There is more, and it may be written later.
    More,
    /// The sink takes nothing now.
    Full,
    /// The sink is broken.
    Broken,
}

impl Writer {
    /// Opens a target, with room for `ring_bytes` of lines.
    ///
    /// # Errors
    /// When a file cannot be opened. A collector that cannot be reached is no error: it is tried
    /// again and again, and lines wait.
    pub fn open(target: &Target, ring_bytes: usize) -> Result<Self, OpenError> {
        let sink = match Sink::open(target) {
            Ok(sink) => Some(sink),
            Err(source) if is_local(target) => {
                return Err(OpenError { target: target.clone(), source });
            }
            Err(_) => None,
        };
        Ok(Self {
            target: target.clone(),
            ring: Ring::new(ring_bytes),
            sink,
            retry_at: Instant::default(),
            pause: FIRST_PAUSE,
            full_pause: FIRST_FULL_PAUSE,
            hold: Duration::ZERO,
            enough: ENOUGH.min(ring_bytes / 2),
            held_until: None,
            framing: Framing::Lines,
            left: 0,
        })
    }

    /// For lines that are told apart otherwise.
    #[must_use]
    pub fn framed(mut self, framing: Framing) -> Self {
        self.framing = framing;
        self
    }

    /// For lines that may wait so long for others, where many can be written at once: what a write
    /// costs is then shared by all that come in that time.
    #[must_use]
    pub fn holding(mut self, hold: Duration) -> Self {
        self.hold = if self.target.is_stream() { hold } else { Duration::ZERO };
        self
    }

    /// Keeps a line, with its newline, until it can be written; drops and counts it when the ring
    /// is full.
    pub fn push_line(&mut self, line: &[u8]) {
        self.ring.push(line);
    }

    /// Writes what can be written at once, unless it waits for more.
    pub fn flush(&mut self, now: Instant) {
        if self.ring.is_empty() || now < self.retry_at || self.is_held(now) {
            return;
        }
        let progress = self.write_some();
        // What is late already waits for nothing else.
        self.held_until = (!matches!(progress, Progress::Done)).then_some(now);
        match progress {
            Progress::Done | Progress::More => {}
            Progress::Full => {
                self.retry_at = now + self.full_pause;
                self.full_pause = (self.full_pause * 2).min(LONGEST_FULL_PAUSE);
            }
            Progress::Broken => {
                self.retry_at = now + self.pause;
                self.pause = (self.pause * 2).min(LONGEST_PAUSE);
            }
        }
    }

    fn is_held(&mut self, now: Instant) -> bool {
        let (hold, len) = (self.hold, self.ring.len());
        !hold.is_zero() && len < self.enough && now < *self.held_until.get_or_insert(now + hold)
    }

    /// When [`Writer::flush`] can do something: far away when nothing waits, in the past when it
    /// can now.
    pub fn deadline(&self) -> Instant {
        match self.held_until {
            _ if self.ring.is_empty() => Instant::FAR,
            Some(held) => self.retry_at.max(held),
            None => self.retry_at,
        }
    }

    /// Opens the file again, so that one that was moved away is let go. Other targets stay as they
    /// are.
    ///
    /// # Errors
    /// When it cannot be opened; the old one stays in use.
    pub fn reopen(&mut self) -> Result<(), OpenError> {
        if matches!(self.target, Target::File(_)) {
            let sink = Sink::open(&self.target)
                .map_err(|source| OpenError { target: self.target.clone(), source })?;
            self.sink = Some(sink);
            self.retry_at = Instant::default();
        }
        Ok(())
    }

    /// Writes everything, waiting at most `patience`. For the end of a process.
    pub fn flush_blocking(&mut self, patience: Duration) {
        let end = Clock::now() + patience;
        loop {
            match self.write_some() {
                Progress::Done | Progress::Broken => return,
                Progress::More => {}
                Progress::Full => {
                    let left = end.saturating_duration_since(Clock::now());
                    if left.is_zero() || !self.wait_until_writable(left) {
                        return;
                    }
                }
            }
        }
    }

    /// Lines dropped so far.
    pub fn dropped(&self) -> u64 {
        self.ring.dropped()
    }

    /// See [`Ring::take_untold`].
    pub(crate) fn take_untold(&mut self) -> Option<u64> {
        self.ring.take_untold()
    }

    fn write_some(&mut self) -> Progress {
        for _ in 0..WRITES {
            if self.ring.is_empty() {
                return Progress::Done;
            }
            let sink = match &mut self.sink {
                Some(sink) => sink,
                none => match Sink::open(&self.target) {
                    Ok(sink) => none.insert(sink),
                    Err(_) => return Progress::Broken,
                },
            };
            match sink.write(self.ring.pending(), self.framing) {
                Ok(n) => self.consume(n),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Progress::Full,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if is_too_long(&error) => self.drop_line(),
                Err(_) => {
                    self.disconnect();
                    return Progress::Broken;
                }
            }
        }
        Progress::More
    }

    fn consume(&mut self, n: usize) {
        self.left = self.framing.left_behind(self.ring.pending(), self.left, n);
        self.ring.consume(n);
        self.pause = FIRST_PAUSE;
        self.full_pause = FIRST_FULL_PAUSE;
    }

    fn drop_line(&mut self) {
        let line = match std::mem::take(&mut self.left) {
            0 => self.framing.first(self.ring.pending()).len(),
            left => left,
        };
        self.ring.consume(line);
        self.ring.count_dropped(1);
    }

    /// Gives a broken connection up. Its successor must not begin inside a line.
    fn disconnect(&mut self) {
        if is_local(&self.target) {
            return;
        }
        self.sink = None;
        if self.left > 0 {
            self.drop_line();
        }
    }

    /// `false` when that cannot be known or does not come true.
    fn wait_until_writable(&self, patience: Duration) -> bool {
        let Some(sink) = &self.sink else { return false };
        let mut fds = [PollFd::from_borrowed_fd(sink.as_fd(), PollFlags::OUT)];
        match (patience.try_into().ok()).map(|timeout| poll(&mut fds, Some(&timeout))) {
            Some(Ok(ready)) => ready > 0,
            Some(Err(Errno::INTR)) => true,
            Some(Err(_)) | None => false,
        }
    }
}

/// Files and standard output: they are there or not, and nobody makes them come back.
fn is_local(target: &Target) -> bool {
    matches!(target, Target::Stdout | Target::File(_))
}

/// A datagram that the network does not carry would stand in the way for ever.
fn is_too_long(error: &io::Error) -> bool {
    Errno::from_io_error(error) == Some(Errno::MSGSIZE)
}

#[cfg(test)]
mod tests;
