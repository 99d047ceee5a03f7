//! Frames about the connection, or about a stream without its content.

use weir_base::Instant;

use super::super::floods::Flood;
use super::super::frame::{self, Header, Kind, flag};
use super::super::stream::{self, State};
use super::super::{Code, Priority, tally};
use super::{Connection, Event, FAREWELL, Fault, Role};

/// Smaller increments of a window are counted.
const SMALL_INCREMENT: u32 = 4_096;

/// Bytes of a priority in PRIORITY_UPDATE.
const MOST_PRIORITY: usize = 1_024;

impl Connection {
    pub(super) fn control_frame(
        &mut self,
        header: &Header,
        payload: &[u8],
        now: Instant,
    ) -> Result<Event, Fault> {
        let own = matches!(header.kind, Kind::Settings | Kind::Ping | Kind::GoAway);
        let of_stream = matches!(header.kind, Kind::RstStream | Kind::Priority);
        if (own && header.stream != 0) || (of_stream && header.stream == 0) {
            return Err(Fault::Rule(Code::ProtocolError, "a frame of the wrong stream"));
        }
        match header.kind {
            Kind::Settings => self.settings(header, payload, now),
            Kind::Ping => self.ping(header, payload, now),
            Kind::RstStream => self.was_reset(header.stream, payload, now),
            Kind::WindowUpdate => self.window_update(header.stream, payload, now),
            Kind::PriorityUpdate => self.priority_update(header.stream, payload, now),
            Kind::GoAway => self.goes_away(payload, now),
            Kind::Priority if payload.len() != 5 => {
                self.provoked(header.stream, Code::FrameSizeError, now)?;
                Ok(Event::Reset { stream: header.stream, code: Code::FrameSizeError })
            }
            Kind::PushPromise => Err(Fault::Rule(Code::ProtocolError, "nobody may push")),
            _ => self.useless(now),
        }
    }

    /// RFC 9113 §5.5, §6.3: skipped, and counted.
    fn useless(&mut self, now: Instant) -> Result<Event, Fault> {
        self.floods.count(Flood::Glitches, self.streams.len(), now)?;
        Ok(Event::Nothing)
    }

    fn settings(&mut self, header: &Header, payload: &[u8], now: Instant) -> Result<Event, Fault> {
        self.floods.count(Flood::Settings, self.streams.len(), now)?;
        if header.has(flag::ACK) {
            return if payload.is_empty() { Ok(Event::Nothing) } else { Err(wrong_size()) };
        }
        self.introduced = true;
        let before = self.theirs.window;
        let bad = |code| Fault::Rule(code, "a setting has a value that it must not have");
        self.theirs.apply(payload, self.options.role).map_err(bad)?;
        self.encoder.set_peer_limit(self.theirs.header_table.min(self.options.encoder_table));
        let shift = i64::from(self.theirs.window) - i64::from(before);
        for (_, stream) in self.streams.iter_mut() {
            stream.send.shift(shift).map_err(bad)?;
        }
        frame::write(Kind::Settings, flag::ACK, 0, &[], &mut self.control);
        Ok(if shift > 0 { Event::Window { stream: 0 } } else { Event::Nothing })
    }

    fn ping(&mut self, header: &Header, payload: &[u8], now: Instant) -> Result<Event, Fault> {
        if payload.len() != 8 {
            return Err(wrong_size());
        }
        self.floods.count(Flood::Pings, self.streams.len(), now)?;
        if !header.has(flag::ACK) {
            frame::write(Kind::Ping, flag::ACK, 0, payload, &mut self.control);
        } else if self.warned && payload == FAREWELL && !self.has_gone_away() {
            // What the peer sent before it knew has come.
            self.go_away(Code::NoError);
        }
        Ok(Event::Nothing)
    }

    fn was_reset(&mut self, id: u32, payload: &[u8], now: Instant) -> Result<Event, Fault> {
        if payload.len() != 4 {
            return Err(wrong_size());
        }
        let open = self.streams.len();
        let responded = self.streams.get(id).is_none_or(|stream| stream.responded);
        let code = tally::code_at(payload, 0);
        self.tally.was_reset(code, !responded);
        self.floods.count(Flood::Resets, open, now)?;
        if !responded {
            self.floods.count(Flood::AbusiveResets, open, now)?;
        }
        if !self.step_stream(id, stream::Event::Reset, now)? {
            return Ok(Event::Nothing);
        }
        self.streams.remove(id);
        Ok(Event::Reset { stream: id, code: Code::of(code) })
    }

    /// The peer serves no streams beyond the one that it names: those are forgotten.
    fn goes_away(&mut self, payload: &[u8], now: Instant) -> Result<Event, Fault> {
        self.floods.count(Flood::Glitches, self.streams.len(), now)?;
        let last = payload.first_chunk::<4>().filter(|_| payload.len() >= 8);
        let last = u32::from_be_bytes(*last.ok_or_else(wrong_size)?) & 0x7fff_ffff;
        self.tally.goes_away(tally::code_at(payload, 4));
        if self.options.role == Role::Client {
            self.closed_by_peer = true;
            self.streams.truncate(last);
        }
        Ok(Event::GoAway { last })
    }

    fn window_update(&mut self, id: u32, payload: &[u8], now: Instant) -> Result<Event, Fault> {
        let increment = payload.first_chunk::<4>().filter(|_| payload.len() == 4);
        let increment = u32::from_be_bytes(*increment.ok_or_else(wrong_size)?) & 0x7fff_ffff;
        // Large ones come as often as a fast reader needs them, and cannot come for ever.
        if increment < SMALL_INCREMENT {
            self.floods.count(Flood::WindowUpdates, self.streams.len(), now)?;
        }
        if id == 0 {
            let bad = |code| Fault::Rule(code, "the window of the connection is too large");
            if increment == 0 {
                return Err(bad(Code::ProtocolError));
            }
            self.send.give(increment).map_err(bad)?;
            return Ok(Event::Window { stream: 0 });
        }
        if !self.step_stream(id, stream::Event::WindowUpdate, now)? {
            return Ok(Event::Nothing);
        }
        let Some(stream) = self.streams.get_mut(id) else { return Ok(Event::Nothing) };
        let code = match increment {
            0 => Code::ProtocolError,
            _ => match stream.send.give(increment) {
                Ok(()) => return Ok(Event::Window { stream: id }),
                Err(code) => code,
            },
        };
        self.provoked(id, code, now)?;
        Ok(Event::Reset { stream: id, code })
    }

    fn priority_update(&mut self, id: u32, payload: &[u8], now: Instant) -> Result<Event, Fault> {
        if self.options.role == Role::Client {
            return Err(Fault::Rule(Code::ProtocolError, "a server has no priorities to tell"));
        }
        let (stream, value) = payload.split_first_chunk::<4>().ok_or_else(wrong_size)?;
        let stream = u32::from_be_bytes(*stream) & 0x7fff_ffff;
        if id != 0 || stream == 0 || value.len() > MOST_PRIORITY {
            return Err(Fault::Rule(Code::ProtocolError, "PRIORITY_UPDATE is malformed"));
        }
        self.floods.count(Flood::Glitches, self.streams.len(), now)?;
        let open = self.streams.get(stream).is_some_and(|s| s.state != State::Closed);
        let priority = Priority::parse(value);
        Ok(if open { Event::Priority { stream, priority } } else { Event::Nothing })
    }
}

fn wrong_size() -> Fault {
    Fault::Rule(Code::FrameSizeError, "a frame has the wrong size")
}
