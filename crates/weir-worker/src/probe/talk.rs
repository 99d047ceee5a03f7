//! What is said on the connection of a probe, and what the answer means.
//!
//! Must not know: sockets and TLS. Bytes to be sent are in [`Talk::out`]; what comes goes to
//! [`Talk::receive`], until it says how the probe ended.

use prost::Message;
use weir_base::Instant;
use weir_control::state::{HealthCheck, Probe};
use weir_http::h1::{HeadLimits, parse_response};
use weir_http::h2::{Connection, Event};
use weir_http::message::{FieldSink, Fields, Method};

use crate::multiplex::Block;
use crate::upstream::client_options;

/// A head of a response has at most so many bytes.
const MOST_HEAD: usize = 16_384;
/// And of a body so many are looked at.
const MOST_BODY: usize = 1_024;

/// The question of the gRPC health checking protocol.
#[derive(Clone, PartialEq, Message)]
struct HealthCheckRequest {
    #[prost(string, tag = "1")]
    service: String,
}

/// And its answer.
#[derive(Clone, PartialEq, Message)]
struct HealthCheckResponse {
    #[prost(int32, tag = "1")]
    status: i32,
}

/// `SERVING`
const SERVING: i32 = 1;
/// A message of gRPC is behind a flag and its length.
const PREFIX: usize = 5;

/// One question and its answer.
pub(super) struct Talk {
    kind: Kind,
    out: Vec<u8>,
    sent: usize,
}

enum Kind {
    /// The connection is all that is wanted.
    Nothing,
    Http1 {
        received: Vec<u8>,
        statuses: Vec<(u16, u16)>,
    },
    Http2(Box<Streamed>),
}

/// A question on a stream.
struct Streamed {
    machine: Connection,
    received: Vec<u8>,
    /// The text of heads.
    text: Vec<u8>,
    body: Vec<u8>,
    status: Option<u16>,
    /// What answers are good; `None`: those of gRPC.
    statuses: Option<Vec<(u16, u16)>>,
}

impl Talk {
    /// The question of a check to a host that is called so. `secure`: it goes over TLS; `streams`:
    /// it is spoken in HTTP/2.
    pub(super) fn new(
        check: &HealthCheck,
        authority: &str,
        (secure, streams): (bool, bool),
        now: Instant,
    ) -> Self {
        let (kind, out) = match &check.probe {
            Probe::Tcp | Probe::Udp { .. } => (Kind::Nothing, Vec::new()),
            Probe::Http { uri, statuses } if !streams => {
                let text = format!(
                    "GET {uri} HTTP/1.1\r\nHost: {authority}\r\nUser-Agent: Weir\r\n\
                     Connection: close\r\n\r\n"
                );
                let statuses = statuses.clone();
                (Kind::Http1 { received: Vec::new(), statuses }, text.into_bytes())
            }
            Probe::Http { uri, statuses } => {
                let mut streamed = Streamed::new(Some(statuses.clone()), now);
                let out = streamed.ask((b"GET", uri.as_bytes()), authority, secure, None);
                (Kind::Http2(Box::new(streamed)), out)
            }
            Probe::Grpc { service } => {
                let mut streamed = Streamed::new(None, now);
                let message = HealthCheckRequest { service: service.clone() }.encode_to_vec();
                let mut body = vec![0];
                body.extend_from_slice(&(message.len() as u32).to_be_bytes());
                body.extend_from_slice(&message);
                let path = b"/grpc.health.v1.Health/Check";
                let out = streamed.ask((b"POST", path), authority, secure, Some(&body));
                (Kind::Http2(Box::new(streamed)), out)
            }
        };
        Self { kind, out, sent: 0 }
    }

    /// What is to be sent.
    pub(super) fn out(&self) -> &[u8] {
        &self.out[self.sent..]
    }

    /// That many bytes were sent.
    pub(super) fn sent(&mut self, bytes: usize) {
        self.sent += bytes;
    }

    /// The connection is made. The outcome, if that was all.
    pub(super) fn connected(&self) -> Option<bool> {
        matches!(self.kind, Kind::Nothing).then_some(true)
    }

    /// Bytes have come; none: the other side has ended. The outcome, once it is known.
    pub(super) fn receive(&mut self, bytes: &[u8], now: Instant) -> Option<bool> {
        let end = bytes.is_empty();
        let outcome = match &mut self.kind {
            Kind::Nothing => Some(true),
            Kind::Http1 { received, statuses } => {
                received.extend_from_slice(bytes);
                answered(received, statuses)
            }
            Kind::Http2(streamed) => {
                streamed.received.extend_from_slice(bytes);
                let outcome = streamed.go_on(now);
                self.out.append(streamed.machine.control());
                outcome
            }
        };
        outcome.or(end.then_some(false))
    }
}

/// Whether the head of a response is good, once it is there.
fn answered(received: &mut Vec<u8>, statuses: &[(u16, u16)]) -> Option<bool> {
    let limits = HeadLimits { head_bytes: MOST_HEAD, target_bytes: MOST_HEAD };
    loop {
        let mut fields = Fields::with_capacity(128);
        match parse_response(received, &limits, &mut fields, Method::Get) {
            Ok(Some(head)) if head.status < 200 => drop(received.drain(..head.len)),
            Ok(Some(head)) => return Some(is_good(head.status, statuses)),
            Ok(None) if received.len() >= MOST_HEAD => return Some(false),
            Ok(None) => return None,
            Err(_) => return Some(false),
        }
    }
}

fn is_good(status: u16, statuses: &[(u16, u16)]) -> bool {
    match statuses {
        [] => status / 100 == 2,
        some => some.iter().any(|(first, last)| (*first..=*last).contains(&status)),
    }
}

impl Streamed {
    fn new(statuses: Option<Vec<(u16, u16)>>, now: Instant) -> Self {
        Self {
            machine: Connection::new(client_options(MOST_HEAD), now),
            received: Vec::new(),
            text: Vec::new(),
            body: Vec::new(),
            status: None,
            statuses,
        }
    }

    /// The frames of a request.
    fn ask(
        &mut self,
        (method, path): (&[u8], &[u8]),
        authority: &str,
        secure: bool,
        body: Option<&[u8]>,
    ) -> Vec<u8> {
        let mut out = std::mem::take(self.machine.control());
        let Some(stream) = self.machine.open(false) else { return out };
        let scheme = if secure { &b"https"[..] } else { b"http" };
        let mut head = Vec::new();
        let request = (method, scheme, path);
        let mut block = Block::request(self.machine.encoder(), request, None, &mut head);
        block.field(b"host", &[authority.as_bytes()]);
        block.field(b"user-agent", &[b"Weir"]);
        if body.is_some() {
            block.field(b"content-type", &[b"application/grpc"]);
            block.field(b"te", &[b"trailers"]);
        }
        self.machine.write_head(stream, &head, body.is_none(), &mut out);
        if let Some(body) = body {
            out.extend(self.machine.data_header(stream, body.len(), true));
            out.extend_from_slice(body);
        }
        out
    }

    /// Takes the frames that have come.
    fn go_on(&mut self, now: Instant) -> Option<bool> {
        loop {
            let Ok(step) = self.machine.receive(&self.received, now, &mut self.text) else {
                return Some(false);
            };
            let ended = match step.event {
                Event::Response { end, .. } => {
                    let text = str::from_utf8(&self.text).ok();
                    let status = text.and_then(|t| t.split(' ').nth(1)?.get(..3)?.parse().ok());
                    self.status = status.filter(|status| *status >= 200);
                    end || (self.statuses.is_some() && self.status.is_some())
                }
                Event::Data { start, len, end, stream } => {
                    let part = self.received.get(start..start + len).unwrap_or_default();
                    self.body.extend_from_slice(part);
                    self.machine.consumed(stream, len);
                    end || self.body.len() > MOST_BODY
                }
                Event::End { .. } => true,
                Event::Reset { .. } | Event::GoAway { last: 0 } => return Some(false),
                _ => false,
            };
            self.received.drain(..step.consumed);
            if ended {
                return Some(self.is_good());
            }
            if step.consumed == 0 {
                return None;
            }
        }
    }

    fn is_good(&self) -> bool {
        let Some(status) = self.status else { return false };
        match &self.statuses {
            Some(statuses) => is_good(status, statuses),
            None => {
                let message = self.body.get(PREFIX..).unwrap_or_default();
                let answer = HealthCheckResponse::decode(message);
                status == 200 && answer.is_ok_and(|answer| answer.status == SERVING)
            }
        }
    }
}
