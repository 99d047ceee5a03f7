//! Bodies: DATA frames, whole or in parts, and the windows that they take from.

use weir_base::Instant;

use super::super::floods::Flood;
use super::super::frame::{HEADER, Header, flag};
use super::super::{Code, stream};
use super::{Connection, Event, Fault, Pending, Step, nothing};

impl Connection {
    pub(super) fn data(
        &mut self,
        header: &Header,
        bytes: &[u8],
        now: Instant,
    ) -> Result<Step, Fault> {
        let id = header.stream;
        let padded = usize::from(header.has(flag::PADDED));
        let Some(prefix) = bytes.get(HEADER..HEADER + padded) else { return Ok(nothing(0)) };
        let padding = prefix.first().map_or(0, |byte| usize::from(*byte));
        let over = header.len.checked_sub(padded + padding);
        let data = over.ok_or(Fault::Rule(Code::ProtocolError, "more padding than payload"))?;
        let end = header.has(flag::END_STREAM);
        let overrun = |_| Fault::Rule(Code::FlowControlError, "more DATA than the window allows");
        self.receive.take(header.len).map_err(overrun)?;
        if data == 0 && !end {
            self.floods.count(Flood::EmptyData, self.streams.len(), now)?;
        }
        let accepted = self.accept_data(id, header.len, data, end, now)?;
        // What no reader will see counts as read.
        self.credit += (header.len - data) as u32;
        if !accepted {
            self.credit += data as u32;
        }
        self.give_back();
        let pending = Pending { stream: id, data, padding, end, dropped: !accepted };
        let step = self.go_on(pending, &bytes[HEADER + padded..]);
        let before = HEADER + padded;
        let event = match step.event {
            Event::Data { stream, start, len, end } => {
                Event::Data { stream, start: start + before, len, end }
            }
            Event::Nothing if !accepted && self.streams.get(id).is_none() && id <= self.last => {
                Event::Reset { stream: id, code: Code::ProtocolError }
            }
            other => other,
        };
        Ok(Step { consumed: before + step.consumed, event })
    }

    /// Whether a stream takes a DATA frame.
    pub(super) fn accept_data(
        &mut self,
        id: u32,
        len: usize,
        data: usize,
        end: bool,
        now: Instant,
    ) -> Result<bool, Fault> {
        if !self.step_stream(id, stream::Event::Data(end), now)? {
            return Ok(false);
        }
        let Some(stream) = self.streams.get_mut(id) else { return Ok(false) };
        stream.credit += (len - data) as u32;
        let windowed = stream.receive.take(len).is_ok();
        let lengthy = match &mut stream.expected {
            None => true,
            Some(left) => match left.checked_sub(data as u64) {
                Some(rest) => {
                    *left = rest;
                    rest == 0 || !end
                }
                None => false,
            },
        };
        if windowed && lengthy {
            return Ok(true);
        }
        let code = if windowed { Code::ProtocolError } else { Code::FlowControlError };
        self.provoked(id, code, now)?;
        Ok(false)
    }

    /// The next part of a DATA frame.
    pub(super) fn go_on(&mut self, pending: Pending, bytes: &[u8]) -> Step {
        let Pending { stream, data, padding, end, dropped } = pending;
        let len = data.min(bytes.len());
        let skipped = if len == data { padding.min(bytes.len() - len) } else { 0 };
        let rest = Pending { data: data - len, padding: padding - skipped, ..pending };
        let over = rest.data == 0 && rest.padding == 0;
        self.pending = (!over).then_some(rest);
        let consumed = len + skipped;
        let complete = end && rest.data == 0 && data > 0 || end && over;
        if dropped || (len == 0 && !complete) {
            return nothing(consumed);
        }
        // The end is told once, with the last bytes.
        if let Some(pending) = self.pending.as_mut().filter(|_| complete) {
            pending.end = false;
        }
        let event = Event::Data { stream, start: 0, len, end: complete };
        if complete {
            self.forget_if_closed(stream);
        }
        Step { consumed, event }
    }
}
