//! How many frames of each kind were received and sent, for what reasons streams and connections
//! were given up, and what was too much: by the names that metrics have.
//!
//! Must not know: who asks. A connection has a [`Tally`], whose counts go to the [`Tallies`] of
//! all connections from time to time.

use super::Code;
use super::floods::Flood;
use super::frame::{HEADER, Header, Kind};

/// By kind, in the order of [`Kind`].
const RECEIVED: [&str; 12] = [
    "h2.frames.rx.data",
    "h2.frames.rx.headers",
    "h2.frames.rx.priority",
    "h2.frames.rx.rst_stream",
    "h2.frames.rx.settings",
    "h2.frames.rx.push_promise",
    "h2.frames.rx.ping",
    "h2.frames.rx.goaway",
    "h2.frames.rx.window_update",
    "h2.frames.rx.continuation",
    "h2.frames.rx.priority_update",
    "h2.frames.rx.unknown",
];

/// What is sent, in the order of [`sent`].
const SENT: [&str; 8] = [
    "h2.frames.tx.data",
    "h2.frames.tx.headers",
    "h2.frames.tx.continuation",
    "h2.frames.tx.settings",
    "h2.frames.tx.window_update",
    "h2.frames.tx.rst_stream",
    "h2.frames.tx.goaway",
    "h2.frames.tx.ping_ack",
];

/// In the order of [`Flood`].
const FLOODS: [&str; 11] = [
    "h2.flood.violation.rst_stream_window",
    "h2.flood.violation.rst_stream_lifetime",
    "h2.flood.violation.rst_stream_pre_response_lifetime",
    "h2.flood.violation.rst_stream_emitted_lifetime",
    "h2.flood.violation.ping_window",
    "h2.flood.violation.settings_window",
    "h2.flood.violation.empty_data_window",
    "h2.flood.violation.window_update_window",
    "h2.flood.violation.continuation_per_block",
    "h2.flood.violation.header_size_per_block",
    "h2.flood.violation.glitch_window",
];

/// Whatever else happens.
const OTHERS: [&str; 3] = [
    "h2.rst_stream.received.pre_response_start",
    "h2.close_with_active_streams",
    "h2.headers.rejected.total",
];

/// Names that begin so, by code.
macro_rules! by_code {
    ($start:literal) => {
        [
            concat!($start, "no_error"),
            concat!($start, "protocol_error"),
            concat!($start, "internal_error"),
            concat!($start, "flow_control_error"),
            concat!($start, "settings_timeout"),
            concat!($start, "stream_closed"),
            concat!($start, "frame_size_error"),
            concat!($start, "refused_stream"),
            concat!($start, "cancel"),
            concat!($start, "compression_error"),
            concat!($start, "connect_error"),
            concat!($start, "enhance_your_calm"),
            concat!($start, "inadequate_security"),
            concat!($start, "http_1_1_required"),
            concat!($start, "unknown_error"),
        ]
    };
}

const CODES: usize = 15;
const GOAWAYS_SENT: [&str; CODES] = by_code!("h2.goaway.sent.");
const GOAWAYS_RECEIVED: [&str; CODES] = by_code!("h2.goaway.received.");
const RESETS_SENT: [&str; CODES] = by_code!("h2.rst_stream.sent.");
const RESETS_RECEIVED: [&str; CODES] = by_code!("h2.rst_stream.received.");

/// Where each group begins.
const SENT_AT: usize = RECEIVED.len();
const FLOODS_AT: usize = SENT_AT + SENT.len();
const OTHERS_AT: usize = FLOODS_AT + FLOODS.len();
const GOAWAYS_SENT_AT: usize = OTHERS_AT + OTHERS.len();
const GOAWAYS_RECEIVED_AT: usize = GOAWAYS_SENT_AT + CODES;
const RESETS_SENT_AT: usize = GOAWAYS_RECEIVED_AT + CODES;
const RESETS_RECEIVED_AT: usize = RESETS_SENT_AT + CODES;
const COUNT: usize = RESETS_RECEIVED_AT + CODES;

/// The names of all.
pub const NAMES: [&str; COUNT] = {
    let groups: [(usize, &[&str]); 8] = [
        (0, &RECEIVED),
        (SENT_AT, &SENT),
        (FLOODS_AT, &FLOODS),
        (OTHERS_AT, &OTHERS),
        (GOAWAYS_SENT_AT, &GOAWAYS_SENT),
        (GOAWAYS_RECEIVED_AT, &GOAWAYS_RECEIVED),
        (RESETS_SENT_AT, &RESETS_SENT),
        (RESETS_RECEIVED_AT, &RESETS_RECEIVED),
    ];
    let mut names = [""; COUNT];
    let mut group = 0;
    while group < groups.len() {
        let (start, part) = groups[group];
        let mut at = 0;
        while at < part.len() {
            names[start + at] = part[at];
            at += 1;
        }
        group += 1;
    }
    names
};

/// What one connection has counted and not given to [`Tallies`]; a count that is as high as it can
/// be stays there.
#[derive(Clone, Debug)]
pub struct Tally([u16; COUNT]);

impl Default for Tally {
    fn default() -> Self {
        Self([0; COUNT])
    }
}

impl Tally {
    fn add(&mut self, at: usize) {
        if let Some(count) = self.0.get_mut(at) {
            *count = count.saturating_add(1);
        }
    }

    /// A frame was received, or the first part of one.
    pub(super) fn received(&mut self, kind: Kind) {
        self.add(kind as usize);
    }

    /// The peer gave a stream up; `early`: before its response began.
    pub(super) fn was_reset(&mut self, code: u32, early: bool) {
        self.add(RESETS_RECEIVED_AT + place(code));
        if early {
            self.add(OTHERS_AT);
        }
    }

    /// The peer ends the connection.
    pub(super) fn goes_away(&mut self, code: u32) {
        self.add(GOAWAYS_RECEIVED_AT + place(code));
    }

    /// A frame of a stream is sent.
    pub(super) fn sent(&mut self, kind: Kind) {
        if let Some(at) = sent(kind) {
            self.add(SENT_AT + at);
        }
    }

    /// Frames of the connection itself are sent, whole ones.
    pub(super) fn sent_control(&mut self, mut frames: &[u8]) {
        while let Some(header) = Header::parse(frames) {
            self.sent(header.kind);
            let payload = frames.get(HEADER..HEADER + header.len).unwrap_or_default();
            match header.kind {
                Kind::RstStream => self.add(RESETS_SENT_AT + place(code_at(payload, 0))),
                Kind::GoAway => self.add(GOAWAYS_SENT_AT + place(code_at(payload, 4))),
                _ => {}
            }
            frames = frames.get(HEADER + header.len..).unwrap_or_default();
        }
    }

    /// The peer did something too often.
    pub fn flooded(&mut self, what: Flood) {
        self.add(FLOODS_AT + what as usize);
    }

    /// The connection ended while streams were open.
    pub fn ended_busy(&mut self) {
        self.add(OTHERS_AT + 1);
    }

    /// A head, or trailers, broke a rule: the stream was given up.
    pub(super) fn rejected(&mut self) {
        self.add(OTHERS_AT + 2);
    }
}

/// The place of a kind that is sent, among [`SENT`]; a PING of ours is an answer, but for the one
/// behind a warning.
fn sent(kind: Kind) -> Option<usize> {
    Some(match kind {
        Kind::Data => 0,
        Kind::Headers => 1,
        Kind::Continuation => 2,
        Kind::Settings => 3,
        Kind::WindowUpdate => 4,
        Kind::RstStream => 5,
        Kind::GoAway => 6,
        Kind::Ping => 7,
        Kind::Priority | Kind::PushPromise | Kind::PriorityUpdate | Kind::Unknown => return None,
    })
}

/// The place of a code among [`by_code`].
fn place(code: u32) -> usize {
    (code as usize).min(CODES - 1)
}

pub(super) fn code_at(payload: &[u8], at: usize) -> u32 {
    let code = payload.get(at..).and_then(|rest| rest.first_chunk());
    code.map_or(Code::InternalError.number(), |code| u32::from_be_bytes(*code))
}

/// What all connections have counted.
#[derive(Clone, Debug)]
pub struct Tallies([u64; COUNT]);

impl Default for Tallies {
    fn default() -> Self {
        Self([0; COUNT])
    }
}

impl Tallies {
    /// Takes what a connection has counted.
    pub fn take(&mut self, tally: &mut Tally) {
        for (sum, count) in self.0.iter_mut().zip(&mut tally.0) {
            *sum += u64::from(std::mem::take(count));
        }
    }

    /// These, and those of others.
    #[must_use]
    pub fn with(mut self, others: &Self) -> Self {
        self.0.iter_mut().zip(others.0).for_each(|(sum, count)| *sum += count);
        self
    }

    /// By name, what is not zero.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> {
        NAMES.into_iter().zip(self.0).filter(|(_, count)| *count > 0)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::super::frame::{write, write_goaway, write_reset};
    use super::*;

    fn counted(mut tally: Tally) -> Vec<(&'static str, u64)> {
        let mut all = Tallies::default();
        all.take(&mut tally);
        all.take(&mut tally);
        all.iter().collect()
    }

    #[test]
    fn every_name_has_a_place_of_its_own() {
        let names: HashSet<_> = NAMES.iter().collect();
        assert!(names.len() == COUNT && !names.contains(&""));
    }

    #[test]
    fn frames_count_by_what_they_are_and_why() {
        let mut out = Vec::new();
        write(Kind::Settings, 0, 0, &[0; 6], &mut out);
        write_reset(3, Code::Cancel, &mut out);
        write_goaway(5, Code::EnhanceYourCalm, &mut out);
        let mut tally = Tally::default();
        tally.sent_control(&out);
        tally.received(Kind::Unknown);
        tally.was_reset(99, true);
        tally.flooded(Flood::Glitches);
        tally.flooded(Flood::ResetsInAll);
        tally.flooded(Flood::BlockBytes);
        tally.ended_busy();
        tally.rejected();
        let found = counted(tally);
        let names = [
            "h2.frames.rx.unknown",
            "h2.frames.tx.settings",
            "h2.frames.tx.rst_stream",
            "h2.frames.tx.goaway",
            "h2.flood.violation.rst_stream_lifetime",
            "h2.flood.violation.header_size_per_block",
            "h2.flood.violation.glitch_window",
            "h2.rst_stream.received.pre_response_start",
            "h2.close_with_active_streams",
            "h2.headers.rejected.total",
            "h2.goaway.sent.enhance_your_calm",
            "h2.rst_stream.sent.cancel",
            "h2.rst_stream.received.unknown_error",
        ];
        assert_eq!(found, names.map(|name| (name, 1)));
    }
}
