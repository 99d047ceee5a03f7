//! Back → front: response heads, interim responses, the switch to a byte pipe, bodies.

use std::io;

use weir_http::exchange::{BackFailure, FrontFailure, Phase};
use weir_http::h1::{Pump, parse_response};
use weir_http::message::{Framing, ResponseHead, Version};

use super::direction::Stop;
use super::exchange::Met;
use super::{Active, Session, Stage, encode};
use crate::context::Context;
use crate::socket::Read;

impl Session {
    /// Moves the response on.
    pub(super) fn run_response(&mut self, cx: &mut Context) -> Result<Met, Met> {
        while let Stage::Exchange(active) = &self.stage
            && active.exchange.phase() == Phase::Waiting
        {
            if !self.flush_interim(cx)? {
                return Ok(Met::Nothing);
            }
            match self.receive_response(cx)? {
                Some(head) => {
                    let head = self.delimited(head, cx);
                    self.take_response(head, cx)?;
                }
                None => return Ok(Met::Nothing),
            }
        }
        let Stage::Exchange(active) = &mut self.stage else { return Ok(Met::Nothing) };
        let Some(mut source) = active.back_in(&mut cx.upstream) else {
            return Ok(Met::Nothing);
        };
        let mut sink = self.front.end(&mut cx.multiplexes);
        let turn = active
            .response
            .run(&mut source, &mut sink, &mut cx.buffers, &mut cx.pipes)
            .map_err(|stop| response_stopped(&stop))?;
        active.bytes_out += turn.written;
        if turn.written > 0 {
            active.times.front = cx.now;
        }
        if turn.read > 0 {
            active.backend_bytes_in += turn.read;
            active.times.back = cx.now;
        }
        active.unfinished |= turn.unfinished;
        Ok(if self.is_over(cx) { Met::End } else { Met::Nothing })
    }

    /// An interim response that the client did not take at once goes before what follows.
    fn flush_interim(&mut self, cx: &mut Context) -> Result<bool, Met> {
        let Stage::Exchange(active) = &mut self.stage else { return Ok(false) };
        if active.response.is_blocked() {
            let mut sink = self.front.end(&mut cx.multiplexes);
            let flushed = active.response.flush(&mut sink, &mut cx.buffers);
            active.bytes_out += flushed.map_err(|stop| response_stopped(&stop))?;
        }
        let stream = self.front.stream();
        let congested = stream.is_some_and(|stream| cx.multiplexes.is_congested(stream.id));
        Ok(!active.response.is_blocked() && !congested)
    }

    /// A stream has an end of its own, which its text does not tell.
    fn delimited(&self, head: ResponseHead, cx: &mut Context) -> ResponseHead {
        let Stage::Exchange(active) = &self.stage else { return head };
        let Some(id) = active.back_stream().filter(|_| head.framing == Framing::UntilClose) else {
            return head;
        };
        if active.websocket.is_some() && head.status / 100 == 2 {
            cx.upstream.read_raw(id);
            return ResponseHead { status: 101, framing: Framing::None, ..head };
        }
        let framing = match self.front.stream() {
            _ if !cx.upstream.is_bodiless(id) => Framing::Chunked,
            Some(_) => Framing::None,
            None => Framing::Length(0),
        };
        ResponseHead { framing, keep_alive: true, ..head }
    }

    /// Reads until a response head is complete. `None`: not yet.
    fn receive_response(&mut self, cx: &mut Context) -> Result<Option<ResponseHead>, Met> {
        let Stage::Exchange(active) = &mut self.stage else { return Ok(None) };
        let Some(mut source) = active.back_in(&mut cx.upstream) else {
            return Ok(None);
        };
        if !active.head_sent || !source.is_readable() && active.response.buffer.is_none() {
            return Ok(None);
        }
        loop {
            let buffer = active.response.buffer.get_or_insert_with(|| cx.buffers.take());
            if !buffer.unread.is_empty() {
                let method = active.head.method;
                let fields = &mut cx.response_fields;
                match parse_response(buffer.unread(), &cx.head_limits, fields, method) {
                    Ok(Some(head)) => return Ok(Some(head)),
                    Ok(None) => {}
                    Err(error) => {
                        cx.backend_error(active.cluster, active.back, &error);
                        return Err(Met::Back(BackFailure::Malformed));
                    }
                }
            }
            match source.fill(buffer, usize::MAX, &mut cx.buffers) {
                Read::Data(n) => {
                    active.backend_bytes_in += n as u64;
                    active.times.back = cx.now;
                }
                Read::Blocked => return Ok(None),
                Read::Closed => return Err(self.closed_early(None, cx)),
                Read::Failed(error) => return Err(self.closed_early(Some(&error), cx)),
            }
        }
    }

    /// The backend ended the connection before a final response.
    fn closed_early(&mut self, error: Option<&io::Error>, cx: &mut Context) -> Met {
        let Stage::Exchange(active) = &self.stage else { return Met::Nothing };
        let begun = active.response.buffer.as_ref().is_some_and(|b| !b.unread.is_empty());
        Met::Back(BackFailure::Closed { taken: begun || was_taken(active, error, cx) })
    }

    /// Passes a response head on.
    fn take_response(&mut self, head: ResponseHead, cx: &mut Context) -> Result<(), Met> {
        let Stage::Exchange(active) = &mut self.stage else { return Ok(()) };
        let Some(buffer) = active.response.buffer.take() else { return Ok(()) };
        active.exchange.handle_response(head.status);
        let bytes = &buffer.bytes[buffer.unread.start..buffer.unread.start + head.len];
        let interim = active.exchange.phase() == Phase::Waiting;
        let silent = interim && active.head.version < Version::Http11;
        if interim {
            encode::interim(active, &self.front, &head, bytes, cx);
        } else {
            active.times.responded = cx.now;
            cx.responded(active, head.status < 500);
            let switched = head.status == 101 && self.front.stream().is_some();
            active.status = if switched { 200 } else { head.status };
            let settings = &self.settings;
            encode::response(active, (&self.front, settings), &head, bytes, cx);
            self.begin_body(&head);
        }
        let Stage::Exchange(active) = &mut self.stage else { return Ok(()) };
        let buffer = active.response.buffer.insert(buffer);
        buffer.unread.start += head.len;
        if silent {
            return Ok(());
        }
        if interim {
            active.response.pump = Pump::new(Framing::None, Framing::None);
        }
        let mut sink = self.front.end(&mut cx.multiplexes);
        let (head, more) = (&cx.scratch, interim);
        let sent = active.response.send_head(head, more, &mut sink, &mut cx.buffers);
        active.bytes_out += sent.map_err(|stop| response_stopped(&stop))?;
        active.times.front = cx.now;
        Ok(())
    }

    /// Sets up both directions for what follows a final head.
    fn begin_body(&mut self, head: &ResponseHead) {
        let Stage::Exchange(active) = &mut self.stage else { return };
        if head.status == 101 {
            active.tunnel = true;
            // What the client sent behind its head has its turn now.
            active.unfinished = true;
            active.front_keep = false;
            active.back_keep = false;
            active.request.pump = Pump::verbatim();
            active.response.pump = Pump::verbatim();
            return;
        }
        active.back_keep = head.keep_alive && head.framing != Framing::UntilClose;
        let to = head.framing.towards(active.head.version);
        active.response.pump = Pump::new(head.framing, to);
    }

    /// Whether nothing more is to come of the exchange; closes one side of a pipe when the other
    /// side has ended.
    fn is_over(&mut self, cx: &mut Context) -> bool {
        let Stage::Exchange(active) = &mut self.stage else { return true };
        if !active.response.is_done() || !self.front.end(&mut cx.multiplexes).is_flushed() {
            return false;
        }
        self.front.end(&mut cx.multiplexes).finish(active.response.pump.trailers());
        let uploaded = active.request_cut || active.request.is_done();
        if active.tunnel {
            if !std::mem::replace(&mut active.front_shut, true) {
                self.front.end(&mut cx.multiplexes).shutdown_write(&mut cx.buffers);
            }
            return uploaded;
        }
        // A backend that keeps its connection still reads the request; one that closes does not.
        let reading = active.back_keep && !uploaded;
        active.front_keep &= uploaded || reading;
        !reading
    }
}

fn response_stopped(stop: &Stop) -> Met {
    match stop {
        Stop::NoRoom | Stop::Sink => Met::Front(FrontFailure::Gone),
        Stop::Malformed(_) => Met::Back(BackFailure::Malformed),
        Stop::Truncated | Stop::Source => Met::Back(BackFailure::Closed { taken: true }),
    }
}

/// Whether the backend may have acted on the request.
///
/// It has not if no byte was written, or if it closed before any was acknowledged: an application
/// that read something and then closed has acknowledged it with its FIN. After a bare reset nothing
/// is known (a reset is not looked at for its acknowledgement), except `EPIPE`: that reset came
/// after a FIN.
fn was_taken(active: &Active, error: Option<&io::Error>, cx: &mut Context) -> bool {
    let Some(bound) = active.back else { return false };
    if let Some(id) = bound.stream {
        return !cx.upstream.was_refused(id);
    }
    let Some(socket) = cx.upstream.socket(bound.key) else { return true };
    if socket.sent() == bound.sent_before {
        return false;
    }
    if error.is_some_and(|error| error.kind() != io::ErrorKind::BrokenPipe) {
        return true;
    }
    // The kernel counts our SYN as one byte.
    let before = bound.sent_before + 1;
    socket.stream().bytes_acked().is_none_or(|acked| acked > before)
}
