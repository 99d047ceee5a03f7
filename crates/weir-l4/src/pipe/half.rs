//! One direction of a pipe.
//!
//! ```text
//!          End            Emptied            Shut
//!   Open ────────▶ Draining ──────▶ Closing ──────▶ Done
//!    │ Broken         │ Broken                       ▲ ▲
//!    ├────────────────┴──▶ Flushing ─────────────────┘ │
//!    │                                 Emptied         │
//!    └────────────────── Refused (of any) ─────────────┘
//! ```
//!
//! Must not know: the other direction.

use serde::{Deserialize, Serialize};

/// How far a direction is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Phase {
    /// Bytes may come.
    Open,
    /// The last byte has come, and is not yet written.
    Draining,
    /// The last byte is written: the end is to be passed on.
    Closing,
    /// The sender broke; what it had sent is not yet written.
    Flushing,
    /// Nothing more happens.
    Done,
}

/// What happens to a direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// The sender sent its last byte.
    End,
    /// All that was read is written.
    Emptied,
    /// The receiver was told the end.
    Shut,
    /// The sender's connection broke.
    Broken,
    /// The receiver takes no more bytes.
    Refused,
}

impl Phase {
    pub(super) fn after(self, event: Event) -> Self {
        match (self, event) {
            (_, Event::Refused) | (Self::Done, _) => Self::Done,
            (Self::Open, Event::End) => Self::Draining,
            (Self::Draining, Event::Emptied) => Self::Closing,
            (Self::Closing, Event::Shut) => Self::Done,
            (Self::Open | Self::Draining, Event::Broken) => Self::Flushing,
            (Self::Flushing, Event::Emptied) => Self::Done,
            (same, _) => same,
        }
    }
}

/// One direction: its phase and its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Half {
    phase: Phase,
    /// Read and not yet written.
    pending: usize,
    /// Written.
    bytes: u64,
}

impl Half {
    pub(super) fn new(pending: usize) -> Self {
        Self { phase: Phase::Open, pending, bytes: 0 }
    }

    pub(super) fn pending(&self) -> usize {
        self.pending
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) fn is_done(&self) -> bool {
        self.phase == Phase::Done
    }

    pub(super) fn wants_shut(&self) -> bool {
        self.phase == Phase::Closing
    }

    pub(super) fn room(&self, capacity: usize) -> usize {
        if self.phase == Phase::Open { capacity.saturating_sub(self.pending) } else { 0 }
    }

    pub(super) fn handle(&mut self, event: Event) {
        self.phase = self.phase.after(event);
        if self.phase == Phase::Done {
            self.pending = 0;
        } else if self.pending == 0 {
            self.phase = self.phase.after(Event::Emptied);
        }
    }

    pub(super) fn handle_read(&mut self, count: usize) {
        self.pending += count;
    }

    pub(super) fn handle_written(&mut self, count: usize) {
        let count = count.min(self.pending);
        self.pending -= count;
        self.bytes += count as u64;
        if self.pending == 0 {
            self.handle(Event::Emptied);
        }
    }
}
