//! Requests that somebody looks at as they end, beside all logs.
//!
//! Must not know: who looks.
//!
//! Invariants: without a tap, a request costs the question whether there is one; a tap has so many
//! records a second and keeps [`MOST_BYTES`] at most until main takes them; what is left out is
//! counted and told.

use std::time::Duration;

use weir_base::{CidrSet, Instant};
use weir_control::tap::{Tap, Tapped};
use weir_telemetry::{AccessFormat, AccessRecord, LineFormat};

/// Bytes of records that wait for main, of one tap.
const MOST_BYTES: usize = 1 << 18;
/// What the rate of a tap is about.
const SECOND: Duration = Duration::from_secs(1);

/// All of them.
pub(crate) struct Taps {
    open: Vec<Open>,
    line: LineFormat,
}

/// One that is open.
struct Open {
    tap: Tap,
    clients: CidrSet,
    format: AccessFormat,
    /// When the second began in which records are counted.
    since: Instant,
    /// Records of it.
    count: u32,
    waiting: Vec<String>,
    bytes: usize,
    left_out: u64,
}

impl Taps {
    pub(super) fn new(tag: &str) -> Self {
        Self { open: Vec::new(), line: LineFormat::new(std::process::id(), tag, false) }
    }

    /// Nobody looks.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// Somebody looks from now on.
    pub(crate) fn open(&mut self, tap: Tap, now: Instant) {
        self.close(tap.number);
        self.open.push(Open {
            clients: tap.clients.iter().copied().collect(),
            format: if tap.json { AccessFormat::Json } else { AccessFormat::Ascii },
            tap,
            since: now,
            count: 0,
            waiting: Vec::new(),
            bytes: 0,
            left_out: 0,
        });
    }

    /// Somebody looks no more.
    pub(crate) fn close(&mut self, number: u64) {
        self.open.retain(|open| open.tap.number != number);
    }

    /// Nobody looks any more.
    pub(crate) fn clear(&mut self) {
        self.open.clear();
    }

    /// A request for `host`, which has no port, has ended.
    pub(super) fn look(&mut self, record: &AccessRecord<'_>, host: &[u8], now: Instant) {
        let Self { open, line } = self;
        for open in open.iter_mut().filter(|open| open.wants(record, host)) {
            if open.since + SECOND <= now {
                (open.since, open.count) = (now, 0);
            }
            if open.count >= open.tap.rate || open.bytes >= MOST_BYTES {
                open.left_out += 1;
                continue;
            }
            open.count += 1;
            let text = record.encode(&open.format, line, super::unix_nanos());
            let text = String::from_utf8_lossy(text.trim_ascii_end()).into_owned();
            open.bytes += text.len();
            open.waiting.push(text);
        }
    }

    /// What is to be told: records at once, and what was left out with them or when its second is
    /// over.
    pub(crate) fn take(&mut self, now: Instant) -> Vec<Tapped> {
        let due = self.open.iter_mut().filter(|open| open.due() <= now);
        due.map(Open::take).collect()
    }

    /// When something is to be told though nothing happens.
    pub(crate) fn deadline(&self) -> Instant {
        let late = self.open.iter().filter(|open| open.left_out > 0 && open.waiting.is_empty());
        late.map(Open::due).fold(Instant::FAR, Instant::min)
    }
}

impl Open {
    fn wants(&self, record: &AccessRecord<'_>, host: &[u8]) -> bool {
        let Self { tap, clients, .. } = self;
        let client = record.client.map(|client| client.ip());
        tap.has_status(record.status.unwrap_or(0))
            && (clients.is_empty() || client.is_some_and(|client| clients.contains(client)))
            && (tap.clusters.is_empty() || tap.clusters.iter().any(|id| id == record.cluster))
            && tap.has_host(host)
    }

    fn due(&self) -> Instant {
        match (self.waiting.is_empty(), self.left_out) {
            (false, _) => Instant::default(),
            (true, 0) => Instant::FAR,
            (true, _) => self.since + SECOND,
        }
    }

    fn take(&mut self) -> Tapped {
        self.bytes = 0;
        Tapped {
            number: self.tap.number,
            records: std::mem::take(&mut self.waiting),
            left_out: std::mem::take(&mut self.left_out),
        }
    }
}
