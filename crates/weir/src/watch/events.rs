//! What has happened lately: events, of which Weir tells, and transactions, which it is asked for.
//!
//! Invariants: at most [`KEPT`] are kept, the newest. Weir is asked only while somebody looks, at
//! most once in [`PAUSE`].

use std::cmp::Reverse;
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Serialize;
use weir_client::proto::request::RequestType;
use weir_client::proto::response_content::ContentType;
use weir_client::proto::{HistoryEntry, HistoryQuery};
use weir_client::{Client, Told};

use crate::console::Connection;
use crate::show;

/// What is shown.
const KEPT: usize = 100;
/// Transactions that are asked for.
const TRANSACTIONS: u32 = 20;
/// Until Weir is looked for again.
const PAUSE: Duration = Duration::from_secs(1);

/// An event that was seen, or a transaction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Seen {
    /// When, in seconds since 1970.
    pub(crate) time: u64,
    /// What happened, and to what.
    pub(crate) text: String,
}

/// The newest of them.
#[derive(Default)]
pub(crate) struct Recent {
    state: Mutex<State>,
    /// Somebody looks.
    looked: Condvar,
}

#[derive(Default)]
struct State {
    /// The oldest first.
    events: VecDeque<Seen>,
    /// The newest first.
    transactions: Vec<Seen>,
    /// Somebody has looked since transactions were asked for.
    is_looked_at: bool,
}

impl Recent {
    /// All that are kept, the newest first. Transactions are those of the look before.
    pub(crate) fn all(&self) -> Vec<Seen> {
        let mut state = self.state();
        state.is_looked_at = true;
        self.looked.notify_one();
        state.all()
    }

    fn note_event(&self, told: &Told) {
        let time = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
        self.state().add(Seen { time, text: show::event(told) });
    }

    fn until_looked_at(&self) {
        let not_looked = |state: &mut State| !state.is_looked_at;
        let state = self.looked.wait_while(self.state(), not_looked);
        state.unwrap_or_else(PoisonError::into_inner).is_looked_at = false;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn add(&mut self, event: Seen) {
        if self.events.len() == KEPT {
            self.events.pop_front();
        }
        self.events.push_back(event);
    }

    fn all(&self) -> Vec<Seen> {
        // Of one second, events come behind the transaction that they are of.
        let events = self.events.iter().rev();
        let mut all: Vec<Seen> = events.chain(&self.transactions).cloned().collect();
        all.sort_by_key(|seen| Reverse(seen.time));
        all.truncate(KEPT);
        all
    }
}

/// Listens from now on, in threads, and again when Weir was away.
pub(crate) fn listen(connection: Connection) -> Arc<Recent> {
    let recent = Arc::<Recent>::default();
    let (ours, theirs) = (Arc::clone(&recent), connection.clone());
    thread::spawn(move || {
        loop {
            let events = theirs.open().and_then(|client| client.events());
            for told in events.into_iter().flatten().map_while(Result::ok) {
                ours.note_event(&told);
            }
            thread::park_timeout(PAUSE);
        }
    });
    let ours = Arc::clone(&recent);
    thread::spawn(move || {
        let mut client = None;
        loop {
            ours.until_looked_at();
            match transactions(&connection, &mut client) {
                Some(newest) => ours.state().transactions = newest,
                None => client = None,
            }
            thread::park_timeout(PAUSE);
        }
    });
    recent
}

/// The newest; `None`: Weir does not answer.
fn transactions(connection: &Connection, client: &mut Option<Client>) -> Option<Vec<Seen>> {
    let client = match client {
        Some(client) => client,
        none => none.insert(connection.open().ok()?),
    };
    let query = HistoryQuery { limit: Some(TRANSACTIONS), before: None };
    match client.request(RequestType::QueryHistory(query)).ok()?.content? {
        ContentType::History(history) => Some(history.entries.iter().map(seen).collect()),
        _ => None,
    }
}

fn seen(entry: &HistoryEntry) -> Seen {
    Seen { time: entry.time_ms / 1_000, text: show::transaction(entry) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_and_transactions_are_one_list_the_newest_first() {
        let mut state = State::default();
        let seen = |time, text: &str| Seen { time, text: text.to_owned() };
        for time in 1..=3 {
            state.add(seen(time, "event"));
        }
        let entry = |epoch, time_ms| HistoryEntry { epoch, time_ms, ..HistoryEntry::default() };
        state.transactions = [entry(9, 2_999), entry(8, 500)].iter().map(super::seen).collect();
        let all: Vec<_> = state.all().into_iter().map(|seen| seen.text).collect();
        let transaction = |epoch| format!("main, epoch {epoch}: 0 added, 0 changed, 0 removed");
        let expected = ["event", "event", &transaction(9), "event", &transaction(8)];
        assert_eq!(all, expected);
        (0..200).for_each(|time| state.add(seen(time, "more")));
        assert_eq!(state.all().len(), KEPT);
    }
}
