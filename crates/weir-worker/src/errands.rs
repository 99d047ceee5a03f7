//! Looking through all sessions for somebody who asks: a part in each turn, so that traffic goes
//! on, however many there are.
//!
//! Must not know: who asks, and what is made of the answer.
//!
//! Invariants: one errand is run at a time, and looks at [`STRIDE`] places a turn; it ends
//! [`DISMISSED`] sessions a turn at most; a list keeps no more sessions than were asked for, and
//! is told in parts, of which the next is made when the last one has left. Sessions that begin
//! meanwhile may be found or not.

mod wanted;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::ops::Range;
use std::time::Duration;

use weir_base::Key;
use weir_control::sessions::{Closed, Filter, Found, Live, Query};

use crate::departures::Departed;
use crate::udp;
use crate::worker::Worker;
use wanted::Wanted;

/// Places that are looked at in one turn.
const STRIDE: usize = 512;
/// Sessions that are ended in one turn.
const DISMISSED: usize = 64;
/// Sessions that are told in one message.
const TOLD: usize = 256;

/// Something to be done about all sessions.
pub(crate) struct Errand {
    wanted: Wanted,
    what: What,
    /// Places that were not looked at.
    sessions: Range<usize>,
    flows: Range<usize>,
}

enum What {
    List {
        /// Of the question.
        number: u64,
        query: Query,
        found: BinaryHeap<Reverse<Ranked>>,
        matching: u64,
    },
    /// The list is complete and is being told.
    Tell { number: u64, left: VecDeque<Live>, matching: u64 },
    Close {
        /// Of the question, if it is one.
        number: Option<u64>,
        closed: Closed,
    },
}

/// A session that may be in the list.
struct Ranked {
    rank: u64,
    live: Live,
}

/// What a piece of an errand came to.
enum Piece {
    More,
    Done,
}

impl Ord for Ranked {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.rank, &other.live.id).cmp(&(other.rank, &self.live.id))
    }
}

impl PartialOrd for Ranked {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Ranked {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Ranked {}

impl Worker {
    /// Somebody wants to know which sessions there are.
    pub(crate) fn begin_list(&mut self, number: u64, query: Query) {
        let wanted = Wanted::new(&query.filter, &self.cx);
        let what = What::List { number, query, found: BinaryHeap::new(), matching: 0 };
        self.begin_errand(wanted, what);
    }

    /// Somebody wants sessions to end.
    pub(crate) fn begin_close(&mut self, number: u64, filter: &Filter) {
        let wanted = Wanted::new(filter, &self.cx);
        let (number, closed) = (Some(number), Closed::default());
        self.begin_errand(wanted, What::Close { number, closed });
    }

    /// Backends were removed whose sessions do not go on for as long as they want.
    pub(crate) fn note_departed(&mut self, departed: Vec<(Departed, Duration)>) {
        for (departed, patience) in departed {
            self.departures.add(departed, patience, self.cx.now);
        }
    }

    /// Ends sessions whose backends were removed, when it is time.
    fn see_off(&mut self) {
        if self.departures.deadline() > self.cx.now {
            return;
        }
        let wanted = Wanted::departed(self.departures.due(self.cx.now).collect(), &self.cx);
        self.begin_errand(wanted, What::Close { number: None, closed: Closed::default() });
    }

    fn begin_errand(&mut self, wanted: Wanted, what: What) {
        let (sessions, flows) = (0..self.sessions.end(), 0..self.cx.udp.end_position());
        self.errands.push_back(Errand { wanted, what, sessions, flows });
    }

    /// A part can be done now: what was said before has left.
    pub(crate) fn can_run_errand(&self) -> bool {
        !self.errands.is_empty() && self.control.is_told()
    }

    /// Does the next part of the errand that waits longest.
    pub(crate) fn run_errand(&mut self) {
        self.see_off();
        if !self.can_run_errand() {
            return;
        }
        let Some(mut errand) = self.errands.pop_front() else { return };
        if let Piece::More = self.do_part(&mut errand) {
            self.errands.push_front(errand);
        }
    }

    fn do_part(&mut self, errand: &mut Errand) -> Piece {
        let Errand { wanted, what, sessions, flows } = errand;
        let part = match what {
            What::Close { .. } => cut_off(sessions, DISMISSED),
            What::List { .. } | What::Tell { .. } => cut_off(sessions, STRIDE),
        };
        let of_flows = if part.is_empty() { cut_off(flows, STRIDE) } else { 0..0 };
        let over = part.is_empty() && of_flows.is_empty();
        match what {
            What::List { query, found, matching, .. } if !over => {
                self.look(wanted, query, found, matching, (part, of_flows));
                Piece::More
            }
            What::List { number, found, matching, .. } => {
                let list = std::mem::take(found).into_sorted_vec();
                let left = list.into_iter().map(|Reverse(ranked)| ranked.live).collect();
                *what = What::Tell { number: *number, left, matching: *matching };
                Piece::More
            }
            What::Tell { number, left, matching } => {
                let sessions = left.drain(..left.len().min(TOLD)).collect();
                let last = left.is_empty();
                let matching = if last { *matching } else { 0 };
                self.control.sessions_found(*number, Found { sessions, matching }, last);
                if last { Piece::Done } else { Piece::More }
            }
            What::Close { closed, .. } if !over => {
                self.dismiss_those(wanted, closed, (part, of_flows));
                Piece::More
            }
            What::Close { number, closed } => {
                self.cx.observe.dismissed(closed.closed + closed.draining);
                if let Some(number) = *number {
                    self.control.sessions_closed(number, *closed);
                }
                Piece::Done
            }
        }
    }

    fn look(
        &self,
        wanted: &Wanted,
        query: &Query,
        found: &mut BinaryHeap<Reverse<Ranked>>,
        matching: &mut u64,
        (sessions, flows): (Range<usize>, Range<usize>),
    ) {
        let cx = &self.cx;
        let mut add = |rank: u64, view: &dyn Fn() -> Live| {
            *matching += 1;
            if found.len() >= query.limit {
                match found.peek() {
                    Some(Reverse(last)) if last.rank < rank => found.pop(),
                    _ => return,
                };
            }
            found.push(Reverse(Ranked { rank, live: view() }));
        };
        for (_, session) in self.sessions.span(sessions) {
            if wanted.has_session(session, cx) {
                let (age, idle) = (session.age(cx.observe.unix_millis()), session.idle(cx.now));
                let rank = query.order.rank(age, idle, session.bytes(cx));
                add(rank, &|| session.view(&self.sessions, cx));
            }
        }
        for (id, flow) in cx.udp.span(flows) {
            if wanted.has_flow(id, flow, cx) {
                let (age, idle) = (cx.now.since(flow.begun), cx.now.since(flow.active_at()));
                let rank = query.order.rank(age, idle, flow.data.bytes());
                add(rank, &|| udp::view(id, flow, cx));
            }
        }
    }

    fn dismiss_those(
        &mut self,
        wanted: &Wanted,
        closed: &mut Closed,
        (sessions, flows): (Range<usize>, Range<usize>),
    ) {
        let those = self.sessions.span(sessions);
        let those = those.filter(|(_, session)| wanted.has_session(session, &self.cx));
        let keys: Vec<Key> = those.map(|(key, _)| key).collect();
        for key in keys {
            let Some(session) = self.sessions.get_mut(key) else { continue };
            let alive = session.dismiss(&mut self.cx);
            let count = if alive { &mut closed.draining } else { &mut closed.closed };
            *count += 1;
            self.settle(key, alive);
        }
        let those = self.cx.udp.span(flows);
        let those = those.filter(|(id, flow)| wanted.has_flow(*id, flow, &self.cx));
        let ids: Vec<Key> = those.map(|(id, _)| id).collect();
        closed.closed += ids.len() as u64;
        self.cx.close_flows(&ids);
    }
}

/// Takes so many off the front.
pub(crate) fn cut_off(range: &mut Range<usize>, count: usize) -> Range<usize> {
    let end = range.end.min(range.start + count);
    let part = range.start..end;
    range.start = end;
    part
}
