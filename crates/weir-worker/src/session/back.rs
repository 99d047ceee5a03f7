//! What a failure does to an exchange, and letting go of a backend.

use std::time::Duration;

use weir_base::Key;
use weir_http::exchange::{BackFailure, CONNECT_ATTEMPTS, Cause, FrontFailure, Verdict};
use weir_telemetry::Counter;

use super::answer::Answer;
use super::{Active, Session, Stage, Step};
use crate::context::Context;

impl Session {
    /// The backend side failed.
    pub(super) fn back_failed(&mut self, failure: BackFailure, cx: &mut Context) -> Step {
        let Stage::Exchange(active) = &mut self.stage else { return Step::Close };
        let stale = active.exchange.is_stale(failure) && cx.has_ended(active.back);
        let mut verdict = active.exchange.handle_back_failure(failure);
        let stale = stale && verdict == Verdict::Retry;
        if verdict == Verdict::Retry && !stale && !cx.may_retry(active.cluster) {
            verdict = active.exchange.give_up();
        }
        if verdict != Verdict::Retry && failure.speaks_of_backend() {
            cx.request_decided(active, false);
        }
        cx.note_overrun(active.cluster, failure);
        if let Some(back) = active.back.filter(|_| !stale) {
            cx.backend_failed(active.cluster, back.backend, failure, active.times.connect);
            active.tried.push(back.backend);
            if verdict != Verdict::Retry && active.tried.len() == usize::from(CONNECT_ATTEMPTS) {
                cx.observe.count(Counter::RetriesExhausted);
                cx.tables.count(active.cluster, Some(back.backend), |scope| {
                    scope.add(Counter::RetriesExhausted, 1);
                });
            }
        }
        detach(active, self.key, None, cx);
        self.resolve(verdict, cx)
    }

    /// The client side failed.
    pub(super) fn front_failed(&mut self, failure: FrontFailure, cx: &mut Context) -> Step {
        let Stage::Exchange(active) = &mut self.stage else { return Step::Close };
        let verdict = active.exchange.handle_front_failure(failure);
        detach(active, self.key, None, cx);
        self.resolve(verdict, cx)
    }

    fn resolve(&mut self, verdict: Verdict, cx: &mut Context) -> Step {
        match verdict {
            Verdict::Retry => {
                cx.observe.retried();
                self.retry(cx)
            }
            Verdict::Answer(_, cause) if self.is_raw() => self.cut(cause, cx),
            Verdict::Answer(status, cause) => match self.take_active() {
                Some(active) => self.answer(active, Answer::failure(status, cause), cx),
                None => Step::Close,
            },
            Verdict::Cut(cause) => self.cut(cause, cx),
        }
    }

    /// Ends the connection so that the client sees that the response is not complete.
    fn cut(&mut self, cause: Cause, cx: &mut Context) -> Step {
        if let Some(mut active) = self.take_active() {
            active.message = cause.word();
            active.failed = !active.tunnel;
            if let Some(socket) = self.front.socket() {
                socket.break_off();
                if active.delimited_by_close() {
                    socket.reset_on_close();
                }
            }
            self.abandon(active, cx);
        }
        Step::Close
    }

    /// The session goes while an exchange is under way.
    pub(super) fn abandon(&mut self, mut active: Box<Active>, cx: &mut Context) {
        detach(&mut active, self.key, None, cx);
        if active.message.is_empty() {
            active.message = "cut";
            active.failed = !active.tunnel;
        }
        self.record(&mut active, cx);
        let buffer = cx.recycle(active);
        self.drop_buffer(buffer, cx);
    }
}

/// Lets go of the backend: its connection is kept for the next exchange, for that long, or closed,
/// as it is when the backend was removed meanwhile. A shared one stays for the others.
pub(super) fn detach(active: &mut Active, session: Key, keep: Option<Duration>, cx: &mut Context) {
    if active.waits_until.take().is_some() {
        cx.leave_queue(active.cluster, session);
    }
    if let Some(back) = active.back.take() {
        if cx.observe.shows_round_trips() {
            active.round_trips[1] = cx.upstream.round_trip(back.key, back.stream, cx.now);
        }
        cx.unbind(active.cluster, back.backend);
        let keep =
            keep.filter(|_| active.served_at.as_ref().is_some_and(|at| cx.tables.is_backend(at)));
        cx.upstream.leave((back.key, back.stream), session, keep, cx.now, &mut cx.buffers);
    } else if active.in_line.is_some() {
        cx.leave_line(session);
    }
}
