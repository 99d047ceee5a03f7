//! Responses the proxy gives by itself.

use std::fmt::Display;
use std::io::{self, IoSlice};
use std::rc::Rc;

use weir_base::Instant;
use weir_http::answers::{Rendered, Template, Variables};
use weir_http::exchange::{Cause, Phase};
use weir_http::message::{Framing, Method};
use weir_telemetry::Counters;

use super::{Active, Session, Stage, Step, encode};
use crate::context::Context;

/// What to answer.
pub(super) struct Answer {
    status: u16,
    /// Sentence for `%MESSAGE`.
    sentence: String,
    /// Word for the access log.
    word: &'static str,
    location: Vec<u8>,
    retry_after: Option<u32>,
}

impl Answer {
    /// A status that says it all.
    pub(super) fn plain(status: u16) -> Self {
        let location = Vec::new();
        Self { status, sentence: String::new(), word: "", location, retry_after: None }
    }

    /// With a sentence for the client.
    pub(super) fn message(status: u16, sentence: &str) -> Self {
        Self { sentence: sentence.to_owned(), ..Self::plain(status) }
    }

    /// To a request that breaks a rule.
    pub(super) fn refusal(status: u16, error: &dyn Display) -> Self {
        let word = "client_malformed_request";
        Self { sentence: error.to_string(), word, ..Self::plain(status) }
    }

    /// To a client that was too slow.
    pub(super) fn timeout(status: u16, word: &'static str) -> Self {
        Self { word, ..Self::plain(status) }
    }

    /// To a redirected request.
    pub(super) fn redirect(status: u16, location: Vec<u8>) -> Self {
        Self { location, ..Self::plain(status) }
    }

    /// When an exchange failed.
    pub(super) fn failure(status: u16, cause: Cause) -> Self {
        Self { sentence: cause.to_string(), word: cause.word(), ..Self::plain(status) }
    }

    /// When a cluster is not asked, with a word for the access log.
    pub(super) fn unasked(word: &'static str, refused: &dyn Display) -> Self {
        Self { sentence: refused.to_string(), word, ..Self::plain(503) }
    }

    /// To a client that lists of addresses keep out.
    pub(super) fn denied() -> Self {
        let sentence = "requests from your address are not allowed here".to_owned();
        Self { sentence, word: "address_denied", ..Self::plain(403) }
    }

    /// To a client over a limit, with a word for the access log; `retry_after` in seconds, 0 for
    /// no field.
    pub(super) fn too_many(word: &'static str, retry_after: u32) -> Self {
        Self { word, retry_after: Some(retry_after).filter(|s| *s > 0), ..Self::plain(429) }
    }
}

impl Session {
    /// Answers and ends the exchange.
    pub(super) fn answer(
        &mut self,
        mut active: Box<Active>,
        answer: Answer,
        cx: &mut Context,
    ) -> Step {
        active.message = answer.word;
        active.failed = answer.status >= 400;
        cx.observe.answered(answer.status);
        let counter = Counters::of_answer(answer.status);
        cx.tables.count(active.cluster, None, |scope| scope.add(counter, 1));
        // A body that was not read stands between this answer and the next request.
        let read = matches!(active.head.framing, Framing::None | Framing::Length(0));
        let wanted = active.head.keep_alive && read && !cx.closes_idle(&self.front);
        let rendered = self.render(&active, &answer, wanted, cx);
        active.status = rendered.status;
        let sent = self.send_answer(active.head.method, cx);
        active.bytes_out += cx.scratch.len() as u64;
        self.active_at = cx.now;
        self.record(&mut active, cx);
        let buffer = cx.recycle(active);
        let rest = match sent {
            Ok(n) => &cx.scratch[n..],
            Err(_) => {
                self.drop_buffer(buffer, cx);
                return Step::Close;
            }
        };
        if !rest.is_empty() {
            let spilled = cx.buffers.spill(rest);
            self.drop_buffer(buffer, cx);
            let Some(rest) = spilled else { return Step::Close };
            self.stage = Stage::Answering(rest);
            return Step::Again;
        }
        if rendered.keep_alive {
            return self.next_request(buffer, cx);
        }
        self.drop_buffer(buffer, cx);
        self.start_linger(cx)
    }

    /// Writes what was rendered; how many bytes of it were taken.
    fn send_answer(&mut self, method: Method, cx: &mut Context) -> io::Result<usize> {
        let fields = &mut cx.response_fields;
        let head = match self.front.stream() {
            Some(stream) => cx.multiplexes.answer_head(stream.id, &cx.scratch, fields, method)?,
            None => 0,
        };
        let body = [IoSlice::new(&cx.scratch[head..])];
        let mut end = self.front.end(&mut cx.multiplexes);
        Ok(head + end.write(&body, true, &mut cx.buffers)?)
    }

    /// When the wait began that `%DURATION` tells the length of.
    fn waited_since(&self, active: &Active) -> Instant {
        match active.exchange.phase() {
            _ if !active.head.is_readable() => self.since,
            Phase::Connecting => active.times.connect,
            Phase::Waiting | Phase::Responding => active.times.sent,
        }
    }

    /// Writes the answer into the scratch.
    fn render(
        &self,
        active: &Active,
        answer: &Answer,
        keep_alive: bool,
        cx: &mut Context,
    ) -> Rendered {
        let cluster = active.cluster.and_then(|key| cx.tables.clusters.get(key));
        let cluster = cluster.map(|cluster| Rc::clone(&cluster.settings));
        let template = active
            .route
            .as_ref()
            .and_then(|route| route.special.as_ref()?.redirect_template.as_ref())
            .filter(|_| !answer.location.is_empty())
            .or_else(|| cluster.as_ref().and_then(|c| c.answers.template(answer.status)))
            .or_else(|| self.settings.answers.template(answer.status))
            .unwrap_or_else(|| Template::builtin(answer.status));
        let backend = active
            .served_by
            .and_then(|by| cx.tables.clusters.get(active.cluster?)?.group.spec(by.backend));
        let retry_after = answer.retry_after.map(|s| s.to_string()).unwrap_or_default();
        let bytes = active.head_bytes();
        let target = &active.head.target;
        let variables = Variables {
            method: active.head.method_text.of(bytes),
            authority: target.authority.of(bytes),
            path: target.path_and_query.of(bytes),
            request_id: active.id.as_str(),
            correlation: &self.settings.config.sozu_id_header,
            redirect_location: &answer.location,
            cluster_id: cluster.as_ref().map_or("", |c| &c.config.id),
            message: &answer.sentence,
            www_authenticate: cluster
                .as_ref()
                .and_then(|c| c.config.www_authenticate.as_deref())
                .unwrap_or_default(),
            retry_after: &retry_after,
            backend_id: backend.map_or("", |spec| &*spec.id),
            phase: phase_text(active),
            duration: &format!("{:.1?}", cx.now.since(self.waited_since(active))),
            capacity: &cx.settings.limits.buffer_bytes.to_string(),
            date: cx.date.text(),
            hsts: self
                .tls
                .as_ref()
                .and_then(|_| encode::hsts(active.route.as_deref(), &self.settings))
                .map_or(&[][..], |hsts| &hsts.value),
            ..Variables::default()
        };
        cx.scratch.clear();
        let head_only = active.head.method == Method::Head;
        template.render(&variables, head_only, keep_alive, &mut cx.scratch)
    }

    /// `Answering`: writes what is left.
    pub(super) fn flush_answer(&mut self, cx: &mut Context) -> Step {
        let Stage::Answering(rest) = &mut self.stage else { return Step::Wait };
        let unread = [IoSlice::new(rest.unread())];
        let mut end = self.front.end(&mut cx.multiplexes);
        let Ok(n) = end.write(&unread, true, &mut cx.buffers) else { return Step::Close };
        rest.unread.start += n;
        if n > 0 {
            self.active_at = cx.now;
        }
        if !rest.unread.is_empty() || !self.front.end(&mut cx.multiplexes).is_flushed() {
            return Step::Wait;
        }
        if let Stage::Answering(rest) = std::mem::replace(&mut self.stage, Stage::Idle) {
            cx.buffers.unspill(rest);
        }
        self.start_linger(cx)
    }
}

/// How far the exchange had come, for `%PHASE`.
fn phase_text(active: &Active) -> &'static str {
    match active.exchange.phase() {
        _ if !active.head.is_readable() => "request head",
        Phase::Connecting => "connecting",
        Phase::Waiting if !active.request.is_done() => "request body",
        Phase::Waiting => "response head",
        Phase::Responding => "response body",
    }
}
