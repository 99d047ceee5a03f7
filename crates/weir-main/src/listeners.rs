//! What a transaction does to listening sockets.
//!
//! ```text
//!              prepared                 committed                 applied everywhere
//! activated    listens, lent
//! deactivated                  nobody new comes; each worker      rests
//!                              empties its queues and puts
//!                              the sockets to rest
//! removed                      closed here; workers do so too
//! ```
//!
//! Those who can see a queue put its socket to rest: nobody comes between the look and the rest.

use weir_base::{Endpoint, Transport};
use weir_control::change::Undo;
use weir_control::state::State;

use crate::Error;
use crate::sockets::is_for_mptcp;
use crate::supervise::Supervisor;

/// Listeners by what becomes of their sockets.
#[derive(Debug, Default)]
pub(crate) struct Listeners {
    /// Bound for it.
    bound: Vec<Endpoint>,
    /// They rested.
    woken: Vec<Endpoint>,
    /// They will rest.
    resting: Vec<Endpoint>,
    /// They are not needed any more.
    closed: Vec<Endpoint>,
}

impl Supervisor {
    /// Has the listeners listen that became active, and finds those that are not any more.
    pub(crate) fn open_listeners(&mut self, undo: &[Undo]) -> Result<Listeners, String> {
        let mut listeners = Listeners::default();
        for step in undo {
            let (state, slots) = (&self.plan.state, self.plan.worker_count);
            let Some((at, fate)) = fate(step, state) else { continue };
            let (kind, opened) = match (self.sockets.rests(at), fate) {
                (None, Fate::Active) => (&mut listeners.bound, self.sockets.add(state, at, slots)),
                (Some(_), Fate::Active)
                    if self.sockets.are_mptcp(at) != is_for_mptcp(state, at) =>
                {
                    (&mut listeners.bound, Err(Error::OtherKind { at }))
                }
                (Some(true), Fate::Active) => (&mut listeners.woken, self.sockets.wake(at, slots)),
                (Some(false), Fate::Resting) => (&mut listeners.resting, Ok(())),
                (Some(_), Fate::Gone) => (&mut listeners.closed, Ok(())),
                _ => continue,
            };
            match opened {
                Ok(()) => kind.push(at),
                Err(error) => {
                    self.undo_listeners(&listeners);
                    return Err(error.to_string());
                }
            }
        }
        let opened = [&*listeners.bound, &*listeners.woken].concat();
        self.lend_new_sockets(&opened);
        Ok(listeners)
    }

    /// The change is not made.
    pub(crate) fn undo_listeners(&mut self, listeners: &Listeners) {
        self.sockets.remove(&listeners.bound);
        self.sockets.rest(&listeners.woken);
    }

    /// The change is made: workers are about to be told.
    pub(crate) fn commit_listeners(&mut self, listeners: &Listeners) {
        // Workers empty their queues; ours must not take what they cannot see.
        self.sockets.remove(&listeners.closed);
        self.sockets.turn_away(&listeners.resting);
    }

    /// Every worker has applied the change.
    pub(crate) fn settle_listeners(&mut self, listeners: &Listeners) {
        // Some sockets may have had no worker.
        self.sockets.rest(&listeners.resting);
    }
}

/// What a listener is after a change.
#[derive(Clone, Copy)]
enum Fate {
    Active,
    /// To be activated again without being bound.
    Resting,
    Gone,
}

/// The listener that a step is about.
fn fate(step: &Undo, state: &State) -> Option<(Endpoint, Fate)> {
    let (at, active) = match step {
        Undo::Listener(address, _) => {
            (Endpoint::tcp(*address), state.listeners.get(address).map(|l| l.active))
        }
        Undo::UdpListener(address, _) => {
            (Endpoint::udp(*address), state.udp.get(address).map(|l| l.active))
        }
        _ => return None,
    };
    let fate = match active {
        Some(true) => Fate::Active,
        // A socket of UDP that is bound receives.
        Some(false) if at.transport == Transport::Tcp => Fate::Resting,
        _ => Fate::Gone,
    };
    Some((at, fate))
}
