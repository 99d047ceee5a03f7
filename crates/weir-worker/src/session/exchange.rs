//! Moving an exchange on: both directions, until nothing moves.

use weir_http::exchange::{BackFailure, FrontFailure, Phase};

use super::direction::Stop;
use super::{Session, Stage, Step};
use crate::context::Context;
use crate::upstream::Made;

/// What a turn of an exchange met.
pub(super) enum Met {
    /// Nothing more can move now.
    Nothing,
    /// More could move; others come first.
    More,
    /// The response (or the pipe) is complete.
    End,
    /// The backend side failed.
    Back(BackFailure),
    /// The client side failed.
    Front(FrontFailure),
    /// The connection to the backend is for others.
    Elsewhere,
    /// There is no room for a stream.
    NoRoom,
}

impl Session {
    /// `Exchange`: one turn.
    pub(super) fn progress(&mut self, cx: &mut Context) -> Step {
        let met = match self.turn(cx) {
            Ok(met) | Err(met) => met,
        };
        match met {
            Met::Nothing => Step::Wait,
            Met::More => Step::Yield,
            Met::End => self.finish(cx),
            Met::Back(failure) => self.back_failed(failure, cx),
            Met::Front(failure) => self.front_failed(failure, cx),
            Met::Elsewhere => self.go_elsewhere(cx),
            Met::NoRoom => self.let_others_go_first(cx),
        }
    }

    fn turn(&mut self, cx: &mut Context) -> Result<Met, Met> {
        let Stage::Exchange(active) = &self.stage else { return Ok(Met::Nothing) };
        // When both sides of a pipe have ended, what the client sent last is still to be read.
        if self.front.end(&mut cx.multiplexes).is_broken() && !active.front_shut {
            return Err(Met::Front(FrontFailure::Gone));
        }
        if active.exchange.phase() == Phase::Connecting && !self.connected(cx)? {
            return Ok(Met::Nothing);
        }
        self.run_request(cx)?;
        let met = self.run_response(cx)?;
        let Stage::Exchange(active) = &mut self.stage else { return Ok(met) };
        let unfinished = std::mem::take(&mut active.unfinished);
        Ok(if unfinished && matches!(met, Met::Nothing) { Met::More } else { met })
    }

    /// Looks whether the connection is made.
    fn connected(&mut self, cx: &mut Context) -> Result<bool, Met> {
        let Stage::Exchange(active) = &mut self.stage else { return Ok(false) };
        // Without a connection it waits in line for one.
        let Some(bound) = active.back else { return Ok(false) };
        match cx.upstream.progress(bound.key, self.key, cx.now, &mut cx.buffers) {
            Made::Ready => {}
            Made::Waiting => return Ok(false),
            Made::Shaking => {
                active.times.reached.get_or_insert(cx.now);
                return Ok(false);
            }
            Made::Elsewhere => return Err(Met::Elsewhere),
            Made::Refused => return Err(Met::Back(BackFailure::Refused)),
            Made::Untrusted(error) => {
                if let Some(error) = error {
                    cx.backend_untrusted(active.cluster, active.back, &error);
                }
                return Err(Met::Back(BackFailure::Handshake));
            }
        }
        match active.times.reached {
            None => active.times.reached = Some(cx.now),
            Some(_) => active.times.agreed = Some(cx.now),
        }
        active.exchange.handle_connected(false);
        cx.connect_succeeded(active.cluster, bound.backend, active.times.connect);
        Ok(true)
    }

    /// Front → back.
    fn run_request(&mut self, cx: &mut Context) -> Result<(), Met> {
        let Stage::Exchange(active) = &mut self.stage else { return Ok(()) };
        if active.request_cut || (active.head_sent && active.request.is_done()) {
            let flushed = active.back_in(&mut cx.upstream).map(|mut b| b.flush(&mut cx.buffers));
            active.request_cut |= flushed.is_some_and(|flushed| flushed.is_err());
            return Ok(());
        }
        let result = if active.head_sent {
            Ok(())
        } else if active.raw {
            self.open_pipe(cx)
        } else {
            self.open_stream(cx)?;
            self.send_request(cx)
        };
        let Stage::Exchange(active) = &mut self.stage else { return Ok(()) };
        let Some(mut sink) = active.back_in(&mut cx.upstream) else {
            return Ok(());
        };
        let result = result.and_then(|()| {
            let mut source = self.front.end(&mut cx.multiplexes);
            active.request.run(&mut source, &mut sink, &mut cx.buffers, &mut cx.pipes)
        });
        if active.request.spent {
            active.exchange.handle_spent();
        }
        match result {
            Ok(turn) => {
                active.bytes_in += turn.read;
                if turn.read > 0 {
                    active.times.front = cx.now;
                }
                if turn.written > 0 {
                    active.backend_bytes_out += turn.written;
                    active.times.back = cx.now;
                }
                active.unfinished |= turn.unfinished;
                let switching = active.websocket.is_some() && !active.tunnel;
                if active.request.is_done() && !switching {
                    sink.finish(active.request.pump.trailers());
                    if active.tunnel {
                        sink.shutdown_write(&mut cx.buffers);
                    }
                }
                Ok(())
            }
            Err(Stop::Truncated) => Err(Met::Front(FrontFailure::Truncated)),
            Err(Stop::Source) => Err(Met::Front(FrontFailure::Gone)),
            Err(Stop::Malformed(error)) => {
                cx.observe.client_error(self.client, &error);
                Err(Met::Front(FrontFailure::MalformedBody))
            }
            Err(Stop::NoRoom) => Err(Met::Back(BackFailure::NoRoom)),
            // A backend that reads no more may have answered: what it said is read first.
            Err(Stop::Sink) => {
                active.request_cut = true;
                active.front_keep = false;
                active.back_keep = false;
                Ok(())
            }
        }
    }
}
