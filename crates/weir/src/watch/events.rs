//! What has happened lately.
//!
//! Invariant: at most [`KEPT`] events are kept, the newest.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Serialize;
use weir_client::Told;

use crate::console::Connection;
use crate::show;

/// Events that are shown.
const KEPT: usize = 100;
/// Until Weir is looked for again.
const PAUSE: Duration = Duration::from_secs(1);

/// An event that was seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Seen {
    /// When, in seconds since 1970.
    pub(crate) time: u64,
    /// What happened, and to what.
    pub(crate) text: String,
}

/// The newest events.
#[derive(Default)]
pub(crate) struct Recent {
    events: Mutex<VecDeque<Seen>>,
    /// Never notified: a wait with a deadline.
    pause: Condvar,
}

impl Recent {
    /// All that are kept, the newest first.
    pub(crate) fn all(&self) -> Vec<Seen> {
        let events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        events.iter().rev().cloned().collect()
    }

    fn add(&self, told: &Told) {
        let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        if events.len() == KEPT {
            events.pop_front();
        }
        let time = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
        events.push_back(Seen { time, text: show::event(told) });
    }

    fn pause(&self) {
        let events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.pause.wait_timeout(events, PAUSE));
    }
}

/// Listens from now on, in a thread, and again when Weir was away.
pub(crate) fn listen(connection: Connection) -> Arc<Recent> {
    let recent = Arc::<Recent>::default();
    let ours = Arc::clone(&recent);
    std::thread::spawn(move || {
        loop {
            let events = connection.open().and_then(|client| client.events());
            for told in events.into_iter().flatten().map_while(Result::ok) {
                ours.add(&told);
            }
            ours.pause();
        }
    });
    recent
}
