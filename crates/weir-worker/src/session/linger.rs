//! Closing so that the client can read the last answer.

use super::{Session, Stage, Step};
use crate::context::Context;
use crate::socket::Read;

/// Reads of one turn while lingering; the deadline bounds the rest.
const READS: usize = 8;

impl Session {
    /// Says that nothing more comes, and drops what the client still sends until it closes or the
    /// linger deadline passes (RFC 9112 §9.6).
    pub(super) fn start_linger(&mut self, cx: &mut Context) -> Step {
        if self.front.stream().is_some() {
            self.front.end(&mut cx.multiplexes).finish(&[]);
            return Step::Close;
        }
        self.front.end(&mut cx.multiplexes).shutdown_write(&mut cx.buffers);
        self.stage = Stage::Lingering;
        self.since = cx.now;
        Step::Again
    }

    pub(super) fn linger(&mut self, cx: &mut Context) -> Step {
        if self.front.end(&mut cx.multiplexes).flush(&mut cx.buffers).is_err() {
            return Step::Close;
        }
        self.unreserve(cx);
        let mut dropped = [0; 4096];
        for _ in 0..READS {
            match self.front.end(&mut cx.multiplexes).read(&mut dropped, &mut cx.buffers) {
                Read::Data(_) => {}
                Read::Blocked => return Step::Wait,
                Read::Closed | Read::Failed(_) => return Step::Close,
            }
        }
        Step::Yield
    }
}
