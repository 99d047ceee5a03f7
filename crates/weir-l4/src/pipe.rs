//! A pipe of bytes between two connections, each of which may end before the other.
//!
//! Must not know: sockets, and the bytes: it counts them, wherever the caller holds them, be it a
//! buffer or a pipe of the kernel.
//!
//! The caller says what its sockets allow ([`Ready`]) and [polls](Pipe::poll) for what to do: read
//! from a side, write to it, shut it, close both. It does that and says what came of it, with one
//! of the `handle` methods; a socket that would block is not ready any more. When nothing comes it
//! waits for [`Pipe::interest`] or [`Pipe::deadline`].
//!
//! Half-close is kept: the end of one side's bytes is passed on behind them, and the other
//! direction goes on. A side that breaks takes its own direction along only when what it had sent
//! is delivered, and then without an end that would make it look whole.
//!
//! Invariants: never more is read than [`Pipe::room`] says; what was read is written before the end
//! is passed on; [`Action::Close`] comes once, and nothing after it.

mod half;

use std::ops::{Index, IndexMut};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use weir_base::Instant;

use half::{Event, Half};

/// One of the two connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Side {
    /// The client's.
    Front,
    /// The backend's.
    Back,
}

impl Side {
    /// The other one.
    pub fn other(self) -> Self {
        match self {
            Self::Front => Self::Back,
            Self::Back => Self::Front,
        }
    }
}

/// A value for each side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sides<T> {
    /// Of the client's connection.
    pub front: T,
    /// Of the backend's.
    pub back: T,
}

impl<T> Index<Side> for Sides<T> {
    type Output = T;

    fn index(&self, side: Side) -> &T {
        match side {
            Side::Front => &self.front,
            Side::Back => &self.back,
        }
    }
}

impl<T> IndexMut<Side> for Sides<T> {
    fn index_mut(&mut self, side: Side) -> &mut T {
        match side {
            Side::Front => &mut self.front,
            Side::Back => &mut self.back,
        }
    }
}

/// What a socket allows, or what is wanted of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ready {
    /// Reading.
    pub readable: bool,
    /// Writing.
    pub writable: bool,
}

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Read from the side, at most [`Pipe::room`] bytes.
    Read(Side),
    /// Write to the side what is pending for it.
    Write(Side),
    /// Shut the side for writing.
    Shut(Side),
    /// Close both connections: the pipe is over.
    Close(Ending),
}

/// Why a pipe is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Both directions came to their end.
    Finished,
    /// The connection of this side broke. The other one should be reset rather than closed.
    Broken(Side),
    /// Nothing moved for as long as this side may be silent.
    Idle(Side),
}

/// How a pipe is set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// How much of one direction may be read and not yet written.
    pub capacity: usize,
    /// How long nothing may move (`front_timeout`, `back_timeout`). Any byte and any end, of either
    /// direction, counts for both.
    pub timeouts: Sides<Duration>,
}

/// A pipe on its way to another process; the pending bytes go with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Saved {
    from: Sides<Half>,
    broken: Option<Side>,
    idle: Duration,
}

/// A pipe of bytes between two connections.
#[derive(Clone, Debug)]
pub struct Pipe {
    options: Options,
    /// The directions, by the side whose bytes they carry.
    from: Sides<Half>,
    /// The side that broke first.
    broken: Option<Side>,
    active: Instant,
    /// The side whose direction was served last: the other one goes first.
    served: Side,
    over: bool,
}

impl Pipe {
    /// Two connections that are open. Bytes may have been read already: `pending` counts them by
    /// the side that sent them.
    pub fn new(options: Options, pending: Sides<usize>, now: Instant) -> Self {
        let from = Sides { front: Half::new(pending.front), back: Half::new(pending.back) };
        Self { options, from, broken: None, active: now, served: Side::Back, over: false }
    }

    /// Goes on with a pipe of another process.
    pub fn restore(saved: Saved, options: Options, now: Instant) -> Self {
        let Saved { from, broken, idle } = saved;
        let idle = u64::try_from(idle.as_micros()).unwrap_or(u64::MAX);
        let active = Instant::from_micros(now.as_micros().saturating_sub(idle));
        Self { options, from, broken, active, served: Side::Back, over: false }
    }

    /// What another process must know.
    pub fn save(&self, now: Instant) -> Saved {
        Saved { from: self.from, broken: self.broken, idle: now - self.active }
    }

    /// What to do next, if anything can be done.
    pub fn poll(&mut self, ready: Sides<Ready>, now: Instant) -> Option<Action> {
        if self.over {
            return None;
        }
        if let Some(ending) = self.ending(now) {
            self.over = true;
            return Some(Action::Close(ending));
        }
        let first = self.served.other();
        [first, first.other()].into_iter().find_map(|side| self.next_of(side, ready))
    }

    /// What the pipe waits for, by side.
    pub fn interest(&self) -> Sides<Ready> {
        let of = |side: Side| Ready {
            readable: self.room(side) > 0,
            writable: self.from[side.other()].pending() > 0,
        };
        if self.over {
            return Sides::default();
        }
        Sides { front: of(Side::Front), back: of(Side::Back) }
    }

    /// How much may be read from a side.
    pub fn room(&self, side: Side) -> usize {
        self.from[side].room(self.options.capacity)
    }

    /// Bytes that a side sent and that are not written yet.
    pub fn pending(&self, side: Side) -> usize {
        self.from[side].pending()
    }

    /// Bytes that a side sent and that were written.
    pub fn bytes(&self, side: Side) -> u64 {
        self.from[side].bytes()
    }

    /// When to poll though nothing is ready.
    pub fn deadline(&self) -> Option<Instant> {
        (!self.over).then(|| self.active + self.options.timeouts[self.impatient()])
    }

    /// Bytes of a side were read.
    pub fn handle_read(&mut self, side: Side, count: usize, now: Instant) {
        debug_assert!(count <= self.room(side), "more was read than there was room for");
        self.from[side].handle_read(count);
        self.moved(side, now);
    }

    /// A side has sent its last byte.
    pub fn handle_end(&mut self, side: Side, now: Instant) {
        self.from[side].handle(Event::End);
        self.moved(side, now);
    }

    /// Bytes were written to a side.
    pub fn handle_written(&mut self, side: Side, count: usize, now: Instant) {
        debug_assert!(count <= self.pending(side.other()), "more was written than there was");
        self.from[side.other()].handle_written(count);
        self.moved(side.other(), now);
    }

    /// A side was shut for writing, or could not be and is gone.
    pub fn handle_shut(&mut self, side: Side, now: Instant) {
        self.from[side.other()].handle(Event::Shut);
        self.moved(side.other(), now);
    }

    /// Writing to a side failed. What it has sent is still read.
    pub fn handle_write_failure(&mut self, side: Side) {
        self.broken.get_or_insert(side);
        self.from[side.other()].handle(Event::Refused);
    }

    /// Reading from a side failed: its connection is gone.
    pub fn handle_read_failure(&mut self, side: Side) {
        self.broken.get_or_insert(side);
        self.from[side].handle(Event::Broken);
        self.from[side.other()].handle(Event::Refused);
    }

    fn moved(&mut self, direction: Side, now: Instant) {
        self.served = direction;
        self.active = now;
    }

    /// Why the pipe is over, if it is.
    fn ending(&self, now: Instant) -> Option<Ending> {
        if self.from.front.is_done() && self.from.back.is_done() {
            return Some(self.broken.map_or(Ending::Finished, Ending::Broken));
        }
        let late = self.deadline().is_some_and(|deadline| now >= deadline);
        late.then(|| Ending::Idle(self.impatient()))
    }

    /// The side whose timeout is the shorter.
    fn impatient(&self) -> Side {
        let Sides { front, back } = self.options.timeouts;
        if front <= back { Side::Front } else { Side::Back }
    }

    /// What can be done for the direction from `side`. Writing first: it makes room.
    fn next_of(&self, side: Side, ready: Sides<Ready>) -> Option<Action> {
        let half = &self.from[side];
        if half.wants_shut() {
            return Some(Action::Shut(side.other()));
        }
        if half.pending() > 0 && ready[side.other()].writable {
            return Some(Action::Write(side.other()));
        }
        (self.room(side) > 0 && ready[side].readable).then_some(Action::Read(side))
    }
}

#[cfg(test)]
mod tests;
