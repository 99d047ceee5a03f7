//! A record as columns of text.
//!
//! Behind the prefix of every line comes
//!
//! `[session request cluster backend] client backend T1/T2/T3/T4/T5 bytes_in bytes_out [tags] otel
//! protocol authority method path status | message`
//!
//! where what is unknown is `-`. The tags are those of the frontend, then `epoch=N` (which
//! configuration served the request; Weir's addition, an ordinary tag to every parser),
//! `client-cert=…` (the fingerprint of the certificate that the client showed) and `user-agent=…`.
//! `otel` is `None` or `Some(trace span -)`. ` | message` is there only when there is a message.

use std::net::SocketAddr;
use std::time::Duration;

use weir_base::Address;

use super::{AccessRecord, Ulid, max};
use crate::escape::{Style, Tag, Tags, Text, Word, escape};
use crate::line::{Label, LineFormat};
use crate::pen::Pen;

impl AccessRecord<'_> {
    /// The record as one line of text, its newline included. `unix_ns` is the instant in
    /// nanoseconds since the Unix epoch.
    pub(super) fn encode_ascii<'f>(&self, format: &'f mut LineFormat, unix_ns: u64) -> &'f [u8] {
        let label = if self.error { Label::AccessError } else { Label::Access };
        let pen = format.begin(unix_ns, label);
        self.put_identity(pen);
        self.put_measures(pen);
        self.put_tags(pen);
        self.put_endpoint(pen);
        if !self.message.is_empty() {
            pen.block(b" | ", 3);
            escape::<Text>(self.message.as_bytes(), max::MESSAGE, pen);
        }
        pen.end_line()
    }

    fn put_identity(&self, pen: &mut Pen) {
        pen.byte(b'[');
        put_ulid(self.session, pen);
        pen.byte(b' ');
        put_ulid(self.request, pen);
        pen.byte(b' ');
        put_or_dash::<Tag>(self.cluster.as_bytes(), max::ID, pen);
        pen.byte(b' ');
        put_or_dash::<Tag>(self.backend.as_bytes(), max::ID, pen);
        pen.block(b"] ", 2);
        put_address(self.client, pen);
        pen.byte(b' ');
        match self.backend_address {
            Some(Address::Unix(path)) => escape::<Word>(path.text().as_bytes(), max::ADDRESS, pen),
            other => put_address(other.and_then(Address::ip), pen),
        }
        pen.byte(b' ');
    }

    fn put_measures(&self, pen: &mut Pen) {
        put_time(self.request_time, pen);
        let others = [self.service_time, self.response_time, self.client_rtt, self.server_rtt];
        for time in others {
            pen.byte(b'/');
            put_time(time, pen);
        }
        pen.byte(b' ');
        pen.number(self.bytes_in);
        pen.byte(b' ');
        pen.number(self.bytes_out);
    }

    fn put_tags(&self, pen: &mut Pen) {
        pen.block(b" [", 2);
        if let Some(tags) = self.tags {
            escape::<Tags>(tags.text().as_bytes(), max::TAGS, pen);
            pen.block(b", ", 2);
        }
        pen.block(b"epoch=", 6);
        pen.number(self.epoch);
        if !self.client_certificate.is_empty() {
            pen.block(b", client-cert=", 14);
            escape::<Tag>(self.client_certificate.as_bytes(), max::ID, pen);
        }
        if !self.user_agent.is_empty() {
            pen.block(b", user-agent=", 13);
            escape::<Tag>(self.user_agent, max::USER_AGENT, pen);
        }
        match &self.trace {
            None => pen.block(b"] None ", 7),
            Some(trace) => {
                pen.block(b"] Some(", 7);
                pen.block(trace.trace_id, 32);
                pen.byte(b' ');
                pen.block(trace.span_id, 16);
                pen.block(b" -) ", 4);
            }
        }
    }

    fn put_endpoint(&self, pen: &mut Pen) {
        pen.text(self.protocol.text());
        pen.byte(b' ');
        put_or_dash::<Word>(self.authority, max::AUTHORITY, pen);
        pen.byte(b' ');
        put_or_dash::<Word>(self.method, max::METHOD, pen);
        pen.byte(b' ');
        put_or_dash::<Word>(self.path, max::PATH, pen);
        pen.byte(b' ');
        match self.status {
            Some(status) => pen.number(status.into()),
            None => pen.byte(b'-'),
        }
    }
}

fn put_or_dash<S: Style>(text: &[u8], max: usize, pen: &mut Pen) {
    if text.is_empty() {
        pen.byte(b'-');
    } else {
        escape::<S>(text, max, pen);
    }
}

fn put_ulid(id: Option<&Ulid>, pen: &mut Pen) {
    match id {
        Some(id) => pen.block(id, id.len()),
        None => pen.byte(b'-'),
    }
}

pub(super) fn put_address(address: Option<SocketAddr>, pen: &mut Pen) {
    match address {
        None => pen.byte(b'-'),
        Some(SocketAddr::V4(address)) => {
            let [a, b, c, d] = address.ip().octets();
            for octet in [a, b, c] {
                pen.octet(octet, b'.');
            }
            pen.octet(d, b':');
            pen.number(address.port().into());
        }
        Some(SocketAddr::V6(address)) => pen.display(address),
    }
}

/// A whole number of the largest unit that keeps at least two digits.
pub(super) fn put_time(time: Option<Duration>, pen: &mut Pen) {
    let Some(time) = time else { return pen.byte(b'-') };
    let (secs, nanos) = (time.as_secs(), u64::from(time.subsec_nanos()));
    let (number, unit) = match (secs, nanos) {
        (0, ..10_000) => (nanos, b"ns  "),
        (0, ..10_000_000) => (nanos / 1_000, b"\xce\xbcs "),
        (..10, _) => (secs * 1_000 + nanos / 1_000_000, b"ms  "),
        _ => (secs, b"s   "),
    };
    pen.number(number);
    pen.block(unit, unit.trim_ascii_end().len());
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn times_keep_whole_numbers_of_a_fitting_unit() {
        let shown = |time| {
            let mut pen = Pen::new();
            put_time(Some(time), &mut pen);
            String::from_utf8(pen.end_line().to_vec()).expect("UTF-8").trim_end().to_owned()
        };
        assert_eq!(shown(Duration::ZERO), "0ns");
        assert_eq!(shown(Duration::from_nanos(9_999)), "9999ns");
        assert_eq!(shown(Duration::from_nanos(10_000)), "10μs");
        assert_eq!(shown(Duration::from_nanos(9_999_999)), "9999μs");
        assert_eq!(shown(Duration::from_nanos(10_000_000)), "10ms");
        assert_eq!(shown(Duration::from_nanos(999_999_999)), "999ms");
        assert_eq!(shown(Duration::from_millis(9_999)), "9999ms");
        assert_eq!(shown(Duration::from_secs(10)), "10s");
        assert_eq!(shown(Duration::from_secs(86_400)), "86400s");
    }

    proptest! {
        #[test]
        fn an_address_is_written_like_everywhere(address in any::<SocketAddr>()) {
            let mut pen = Pen::new();
            put_address(Some(address), &mut pen);
            let expected = format!("{address}\n");
            prop_assert_eq!(pen.end_line(), expected.as_bytes());
        }
    }
}
