//! What a session may take out of the pool of buffers.

use super::Session;
use crate::buffers::{PER_EXCHANGE, PER_TLS, Reservation};
use crate::context::Context;
use crate::front::Front;

impl Session {
    /// Reserves the buffers of an exchange; false when there are not as many.
    #[must_use]
    pub(super) fn reserve(&mut self, cx: &mut Context) -> bool {
        if matches!(self.reservation, Reservation::Exchange(_)) {
            return true;
        }
        let count = self.own_buffers();
        let admitted = cx.buffers.admit(count);
        if admitted {
            cx.buffers.dismiss(self.reservation);
            self.reservation = Reservation::Exchange(count);
        }
        admitted
    }

    /// Reserves those of a TLS connection to a backend too.
    #[must_use]
    pub(super) fn reserve_for_backend(&mut self, cx: &mut Context) -> bool {
        let Reservation::Exchange(count) = self.reservation else { return false };
        if count > self.own_buffers() {
            return true;
        }
        let more = cx.buffers.admit(PER_TLS);
        if more {
            self.reservation = Reservation::Exchange(count + PER_TLS);
        }
        more
    }

    /// Buffers that an exchange may need, apart from those of TLS with the backend.
    pub(super) fn own_buffers(&self) -> usize {
        match &self.front {
            Front::Stream(id) => id.buffers,
            _ if self.tls.is_some() => PER_EXCHANGE + PER_TLS,
            Front::Socket(socket) if !socket.is_clear() => PER_EXCHANGE + PER_TLS,
            Front::Socket(_) | Front::Connection(_) => PER_EXCHANGE,
        }
    }

    /// Ends the reservation, unless the socket still holds buffers of it.
    pub(super) fn unreserve(&mut self, cx: &mut Context) {
        if self.reservation != Reservation::None && !self.front.holds(&cx.multiplexes) {
            cx.buffers.dismiss(std::mem::replace(&mut self.reservation, Reservation::None));
        }
    }
}
