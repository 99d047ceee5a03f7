//! What workers have of limits that are for all of them: each tells, and is told what all have.
//!
//! Must not know: what is limited, and what a worker makes of a sum. Nothing of this is stored: it
//! is of the last second.

use weir_balance::ledger::{Held, INTERVAL, Ledger, Sum};
use weir_base::Instant;
use weir_control::channel::ToWorker;

use crate::supervise::Supervisor;

/// Sums in one message.
const PIECE: usize = 1000;

/// By worker.
pub(crate) struct Shares {
    ledger: Ledger,
    /// When workers are told.
    pub(crate) next: Instant,
}

impl Shares {
    /// Nobody has anything.
    pub(crate) fn new() -> Self {
        Self { ledger: Ledger::default(), next: Instant::FAR }
    }
}

impl Supervisor {
    /// A worker tells what it has.
    pub(crate) fn note_held(&mut self, pid: i32, held: &[Held], now: Instant) {
        held.iter().for_each(|held| self.shares.ledger.note(pid.cast_unsigned(), held));
        self.shares.next = self.shares.next.min(now + INTERVAL);
    }

    /// A worker is gone.
    pub(crate) fn forget_held(&mut self, pid: i32) {
        self.shares.ledger.forget(pid.cast_unsigned());
    }

    /// Tells workers what all have.
    pub(crate) fn attend_shares(&mut self, now: Instant) {
        if now < self.shares.next {
            return;
        }
        let mut shares = std::mem::replace(&mut self.shares, Shares::new());
        for worker in self.workers_mut() {
            let sums: Vec<Sum> = shares.ledger.sums(worker.pid().cast_unsigned()).collect();
            for piece in sums.chunks(PIECE) {
                worker.send(&ToWorker::Sums(piece.to_vec()));
            }
        }
        shares.ledger.close_round();
        shares.next = if shares.ledger.is_empty() { Instant::FAR } else { now + INTERVAL };
        self.shares = shares;
    }
}
