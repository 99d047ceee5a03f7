//! The end of an exchange that went well: connections are kept or closed, the record is written.

use super::back::detach;
use super::{Active, Session, Stage, Step};
use crate::buffers::Buffer;
use crate::context::Context;

impl Session {
    /// The response is complete.
    pub(super) fn finish(&mut self, cx: &mut Context) -> Step {
        let Stage::Exchange(active) = &mut self.stage else { return Step::Close };
        // Bytes behind a response belong to no request: that backend cannot be trusted again.
        let stray = active.response.buffer.as_ref().is_some_and(|b| !b.unread.is_empty());
        let kept = active.back_keep && !stray && active.request.is_done();
        let keep = kept.then_some(self.settings.config.back_timeout);
        cx.completed(active);
        detach(active, self.key, keep, cx);
        let keep = active.front_keep;
        let piped = active.tunnel;
        let Some(mut active) = self.take_active() else { return Step::Close };
        self.record(&mut active, cx);
        let buffer = cx.recycle(active);
        if keep {
            return self.next_request(buffer, cx);
        }
        self.drop_buffer(buffer, cx);
        if piped { Step::Close } else { self.start_linger(cx) }
    }

    /// Gives a buffer of the front side back, with the reservation it belongs to.
    pub(super) fn drop_buffer(&mut self, buffer: Option<Buffer>, cx: &mut Context) {
        if let Some(buffer) = buffer {
            cx.buffers.give(buffer);
        }
        self.unreserve(cx);
    }

    /// Counts an exchange and writes its access-log record.
    pub(super) fn record(&self, active: &mut Active, cx: &mut Context) {
        if cx.observe.shows_round_trips() {
            let socket = self.socket(&cx.multiplexes);
            active.round_trips[0] = socket.and_then(|socket| socket.round_trip(cx.now));
        }
        cx.observe.record(self, active, &mut cx.tables);
    }
}
