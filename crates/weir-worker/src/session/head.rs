//! Receiving a request head.

use std::mem;

use weir_control::channel::Kind;
use weir_http::h1::{RequestError, parse_request};
use weir_http::message::{Framing, RequestHead, Version};

use super::connection::begins_with_preface;
use super::{Active, Session, Stage, Step};
use crate::buffers::Buffer;
use crate::context::Context;
use crate::observe::Noted;
use crate::socket::Read;

impl Session {
    /// `Idle`: takes buffers as soon as there is something to read.
    pub(super) fn wait_for_request(&mut self, cx: &mut Context) -> Step {
        if self.front.end(&mut cx.multiplexes).flush(&mut cx.buffers).is_err() {
            return Step::Close;
        }
        self.unreserve(cx);
        if !self.front.end(&mut cx.multiplexes).is_readable() {
            let over = cx.closes_idle(&self.front) && self.requests > 0;
            return if over { Step::Close } else { Step::Wait };
        }
        if self.front.end(&mut cx.multiplexes).is_broken() {
            return Step::Close;
        }
        if self.starved {
            return Step::Wait;
        }
        if !self.reserve(cx) {
            let count = self.own_buffers();
            cx.starve(self, count);
            return Step::Wait;
        }
        self.stage = Stage::Head(cx.buffers.take());
        Step::Again
    }

    /// `Head`: reads until the head is complete.
    pub(super) fn receive_head(&mut self, cx: &mut Context) -> Step {
        let Stage::Head(buffer) = &mut self.stage else { return Step::Wait };
        if !buffer.unread.is_empty() {
            let request = &buffer.bytes[buffer.unread.clone()];
            let first = self.requests == 0 && self.front.stream().is_none();
            let preface = if first { begins_with_preface(request) } else { Some(false) };
            if preface == Some(true) {
                let begun = self.take_head_buffer();
                return self.become_connection(Some(begun), cx);
            }
            match parse_request(request, &cx.head_limits, &mut cx.request_fields) {
                _ if preface.is_none() => {}
                Ok(Some(head)) => return self.begin(head, cx),
                Ok(None) if self.front.stream().is_some() => {
                    return self.refuse(&RequestError::Truncated, cx);
                }
                Ok(None) => {}
                Err(error) => return self.refuse(&error, cx),
            }
        }
        let first = buffer.unread.is_empty();
        match self.front.end(&mut cx.multiplexes).fill(buffer, usize::MAX, &mut cx.buffers) {
            Read::Data(_) => {
                self.active_at = cx.now;
                if first && self.requests > 0 {
                    self.since = cx.now;
                }
                Step::Again
            }
            Read::Blocked if first && !self.front.holds(&cx.multiplexes) => self.go_idle(cx),
            Read::Blocked => Step::Wait,
            Read::Closed if !first => self.refuse(&RequestError::Truncated, cx),
            Read::Closed | Read::Failed(_) => Step::Close,
        }
    }

    /// A complete head: makes the exchange and routes it.
    fn begin(&mut self, mut head: RequestHead, cx: &mut Context) -> Step {
        if let Some(stream) = self.front.stream() {
            head.version = Version::Http2;
            head.keep_alive = false;
            if head.framing == Framing::None && !stream.bodiless {
                head.framing = Framing::Chunked;
            }
        }
        let buffer = self.take_head_buffer();
        self.requests += 1;
        cx.parsed_for(self.key, self.requests);
        let mut active = cx.new_active(head, Some(buffer), self.since);
        active.times.received = cx.now;
        active.noted = Noted::of(&cx.request_fields);
        self.route(active, cx)
    }

    /// Answers a request that breaks a rule.
    fn refuse(&mut self, error: &RequestError, cx: &mut Context) -> Step {
        let buffer = self.take_head_buffer();
        cx.observe.client_error(self.client, error);
        let active = cx.new_active(RequestHead::UNREADABLE, Some(buffer), self.since);
        self.answer(active, super::answer::Answer::refusal(error.status(), error), cx)
    }

    /// The first request did not come in time.
    pub(super) fn head_timed_out(&mut self, cx: &mut Context) -> Step {
        if matches!(self.stage, Stage::Idle) && (self.requests > 0 || !self.reserve(cx)) {
            return Step::Close;
        }
        let buffer = match mem::replace(&mut self.stage, Stage::Idle) {
            Stage::Head(buffer) => buffer,
            _ => cx.buffers.take(),
        };
        let active = cx.new_active(RequestHead::UNREADABLE, Some(buffer), self.since);
        self.answer(active, super::answer::Answer::timeout(408, "client_timeout"), cx)
    }

    /// Gives the buffer and its reservation back.
    pub(super) fn go_idle(&mut self, cx: &mut Context) -> Step {
        let buffer = self.take_head_buffer();
        self.drop_buffer(Some(buffer), cx);
        self.stage = Stage::Idle;
        Step::Wait
    }

    fn take_head_buffer(&mut self) -> Buffer {
        match mem::replace(&mut self.stage, Stage::Idle) {
            Stage::Head(buffer) => buffer,
            _ => Buffer { bytes: Box::default(), unread: 0..0 },
        }
    }

    /// After an exchange: the next request may be in the buffer already.
    pub(super) fn next_request(&mut self, buffer: Option<Buffer>, cx: &mut Context) -> Step {
        self.since = cx.now;
        self.active_at = cx.now;
        self.was = Kind::Idle;
        match buffer {
            Some(mut buffer) if !buffer.unread.is_empty() => {
                buffer.compact(0);
                self.stage = Stage::Head(buffer);
            }
            buffer => {
                self.drop_buffer(buffer, cx);
                self.stage = Stage::Idle;
            }
        }
        Step::Again
    }

    /// Unlinks what a boxed exchange holds and leaves the stage to be set by the caller.
    pub(super) fn take_active(&mut self) -> Option<Box<Active>> {
        match mem::replace(&mut self.stage, Stage::Idle) {
            Stage::Exchange(active) => {
                self.was = active.kind();
                Some(active)
            }
            other => {
                self.stage = other;
                None
            }
        }
    }
}
