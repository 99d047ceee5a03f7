//! What several holders of the same limits have of them, added up: each tells what it has, and is
//! told what all have.
//!
//! Must not know: what is limited, and how much there is of it. What follows from a sum is for the
//! holders ([`crate::limiter`]).
//!
//! Invariants: at most [`Ledger::MOST`] limits and keys are kept, and no more are taken: their
//! holders go on alone. A holder that says nothing of a key for a few rounds has nothing of it.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How often holders tell what they have, and how often they are told what all have.
pub const INTERVAL: Duration = Duration::from_millis(250);

/// Rounds that an amount counts for without being told again.
const ROUNDS: u64 = 4;

/// Amounts by limit and key, and by holder.
#[derive(Debug, Default)]
pub struct Ledger {
    accounts: BTreeMap<(u64, u64), Vec<Amount>>,
    round: u64,
}

/// What a holder has.
#[derive(Clone, Copy, Debug)]
struct Amount {
    holder: u32,
    amount: u32,
    told: u64,
}

/// What a holder of a limit tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// Which limit.
    pub limit: u64,
    /// Whose bucket or count.
    pub key: u64,
    /// What it has.
    pub amount: u32,
}

/// What is to be told to a holder of a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sum {
    /// Which limit.
    pub limit: u64,
    /// Whose bucket or count.
    pub key: u64,
    /// What this holder has.
    pub mine: u32,
    /// What all have.
    pub all: u32,
}

impl Ledger {
    /// Limits and keys that are kept, at most.
    pub const MOST: usize = 1 << 14;

    /// A holder has so much.
    pub fn note(&mut self, holder: u32, held: &Held) {
        let Held { limit, key, amount } = *held;
        let full = self.accounts.len() >= Self::MOST;
        if full && !self.accounts.contains_key(&(limit, key)) {
            return;
        }
        let amounts = self.accounts.entry((limit, key)).or_default();
        let told = self.round;
        let new = Amount { holder, amount, told };
        match amounts.iter_mut().find(|amount| amount.holder == holder) {
            Some(known) => *known = new,
            None => amounts.push(new),
        }
    }

    /// A holder is gone with what it had.
    pub fn forget(&mut self, holder: u32) {
        self.accounts.values_mut().for_each(|amounts| amounts.retain(|a| a.holder != holder));
    }

    /// Ends a round: what is told too long ago does not count any more.
    pub fn close_round(&mut self) {
        self.round += 1;
        let round = self.round;
        self.accounts.retain(|_, amounts| {
            amounts.retain(|amount| amount.told + ROUNDS > round);
            !amounts.is_empty()
        });
    }

    /// What a holder is to be told.
    pub fn sums(&self, holder: u32) -> impl Iterator<Item = Sum> {
        self.accounts.iter().map(move |(&(limit, key), amounts)| {
            let all = amounts.iter().fold(0_u32, |sum, a| sum.saturating_add(a.amount));
            let mine = amounts.iter().find(|amount| amount.holder == holder);
            Sum { limit, key, mine: mine.map_or(0, |mine| mine.amount), all }
        })
    }

    /// Nobody has anything.
    pub fn is_empty(&self) -> bool {
        self.accounts.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_told_what_it_has_and_what_all_have() {
        let mut ledger = Ledger::default();
        for (holder, amount) in [(1, 5), (2, 6), (1, 3)] {
            ledger.note(holder, &Held { limit: 7, key: 8, amount });
        }
        let sum = |ledger: &Ledger, holder| ledger.sums(holder).next();
        assert_eq!(sum(&ledger, 1), Some(Sum { limit: 7, key: 8, mine: 3, all: 9 }));
        assert_eq!(sum(&ledger, 3), Some(Sum { limit: 7, key: 8, mine: 0, all: 9 }));
        ledger.forget(2);
        assert_eq!(sum(&ledger, 1), Some(Sum { limit: 7, key: 8, mine: 3, all: 3 }));
        (0..ROUNDS - 1).for_each(|_| ledger.close_round());
        assert!(!ledger.is_empty());
        ledger.close_round();
        assert!(ledger.is_empty() && sum(&ledger, 1).is_none());
    }

    #[test]
    fn there_are_only_so_many() {
        let mut ledger = Ledger::default();
        for key in 0..=Ledger::MOST as u64 {
            ledger.note(1, &Held { limit: 0, key, amount: 1 });
        }
        ledger.note(2, &Held { limit: 0, key: 0, amount: 4 });
        assert_eq!(ledger.sums(1).count(), Ledger::MOST);
        assert_eq!(ledger.sums(2).next().map(|sum| (sum.mine, sum.all)), Some((4, 5)));
    }
}
