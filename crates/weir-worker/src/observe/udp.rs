//! Datagrams and their flows.

use std::fmt::Display;

use weir_telemetry::{Counter, Event, Time};

use super::Observe;
use crate::udp::Tally;

/// Why datagrams were dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dropped {
    /// Lists of addresses keep their client out.
    Denied,
    /// They have no byte.
    Invalid,
    /// They are longer than they may be.
    Truncated,
    /// There is no cluster, or no backend in it.
    NoBackend,
    /// There is no flow any more.
    UnknownFlow,
}

impl Observe {
    pub(crate) fn datagrams_dropped(&mut self, why: Dropped, count: u64) {
        self.drop_datagrams(
            match why {
                Dropped::Denied => Counter::UdpDroppedDenied,
                Dropped::Invalid => Counter::UdpDroppedInvalid,
                Dropped::Truncated => Counter::UdpDroppedTruncated,
                Dropped::NoBackend => Counter::UdpDroppedNoBackend,
                Dropped::UnknownFlow => Counter::UdpDroppedUnknownFlow,
            },
            count,
        );
    }

    /// What became of datagrams to a backend.
    pub(crate) fn datagrams_in(&mut self, tally: &Tally) {
        self.counters.add(Counter::UdpDatagramsIn, tally.datagrams);
        self.counters.add(Counter::UdpBytesIn, tally.bytes);
        self.tally(tally);
    }

    /// What became of datagrams to clients.
    pub(crate) fn datagrams_out(&mut self, tally: &Tally) {
        self.counters.add(Counter::UdpDatagramsOut, tally.datagrams);
        self.counters.add(Counter::UdpBytesOut, tally.bytes);
        self.tally(tally);
    }

    pub(crate) fn flow_begun(&mut self) {
        self.counters.add(Counter::UdpFlowsCreated, 1);
    }

    pub(crate) fn flow_ended(&mut self, event: Event<'_>) {
        if let Event::UdpFlowEnded { after, .. } = event {
            self.timed(Time::Flow, after);
        }
        self.tell(event);
    }

    /// A flow could not be begun: its datagram is dropped.
    pub(crate) fn flow_refused(&mut self, cause: &dyn Display) {
        self.counters.add(Counter::UdpFlowsShed, 1);
        self.drop_datagrams(Counter::UdpDroppedShed, 1);
        if self.flows_full.begins(self.now) {
            self.tell(Event::UdpFlowsFull { cause });
        }
    }

    /// There is room for flows.
    pub(crate) fn flows_fit(&mut self) {
        self.flows_full.pauses(self.now);
    }

    fn tally(&mut self, tally: &Tally) {
        self.drop_datagrams(Counter::UdpDroppedQueueFull, tally.full);
        self.drop_datagrams(Counter::UdpDroppedSendError, tally.failed);
    }

    fn drop_datagrams(&mut self, why: Counter, count: u64) {
        self.counters.add(why, count);
        self.counters.add(Counter::UdpDropped, count);
    }
}
