//! A record as the message `ProtobufAccessLog` of the control protocol: its length, the message,
//! two zero bytes.
//!
//! Numbers of fields are those of `command.proto`. Texts are escaped as in a line, so they are
//! ASCII; what has no field in the message (epoch, bytes of backends) is not told. Every text is
//! bounded, so that all of it fits in a pen.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use weir_base::Address;

use super::field::whole_micros;
use super::{AccessRecord, Protocol, Ulid, max};
use crate::escape::{Text, escape};
use crate::line::LineFormat;
use crate::pen::Pen;

/// Wire types.
const VARINT: u64 = 0;
const BYTES: u64 = 2;
const FIXED32: u64 = 5;

impl AccessRecord<'_> {
    pub(super) fn encode_protobuf<'f>(&self, line: &'f mut LineFormat, unix_ns: u64) -> &'f [u8] {
        let (pen, moment) = line.begin_bare(unix_ns);
        pen.delimited(|pen| {
            put_text(pen, 1, self.message.as_bytes(), max::MESSAGE);
            put_ulid(pen, 2, Some(self.request.unwrap_or(&[b'0'; 26])));
            put_text(pen, 3, self.cluster.as_bytes(), max::ID);
            put_text(pen, 4, self.backend.as_bytes(), max::ID);
            put_address(pen, 5, self.client);
            put_address(pen, 6, self.backend_address.and_then(Address::ip));
            let path = self.backend_address.and_then(Address::path).unwrap_or_default();
            put_text(pen, 1060, path.as_bytes(), max::ADDRESS);
            put_text(pen, 7, self.protocol.text(), max::ID);
            nested(pen, 8, |pen| self.put_endpoint_message(pen));
            put_micros(pen, 9, self.client_rtt);
            put_micros(pen, 10, self.server_rtt);
            put_micros(pen, 13, Some(self.service_time.unwrap_or_default()));
            put_number(pen, 14, self.bytes_in);
            put_number(pen, 15, self.bytes_out);
            put_text(pen, 16, self.user_agent, max::USER_AGENT);
            self.put_tag_entries(pen);
            put_text(pen, 18, moment.process, max::ID);
            put_u128(pen, 19, unix_ns.into());
            put_micros(pen, 20, self.request_time);
            put_micros(pen, 21, self.response_time);
            self.put_details(pen, unix_ns);
        });
        pen.block(&[0, 0], 2);
        pen.written()
    }

    fn put_endpoint_message(&self, pen: &mut Pen) {
        if self.protocol == Protocol::Tcp {
            return nested(pen, 2, |_| {});
        }
        nested(pen, 1, |pen| {
            put_text(pen, 1, self.method, max::METHOD);
            put_text(pen, 2, self.authority, max::AUTHORITY);
            put_text(pen, 3, self.path, max::PATH);
            if let Some(status) = self.status {
                put_number(pen, 4, status.into());
            }
        });
    }

    fn put_tag_entries(&self, pen: &mut Pen) {
        for (key, value) in self.tags.into_iter().flat_map(|tags| tags.pairs(max::TAGS)) {
            nested(pen, 17, |pen| {
                put_text(pen, 1, key, max::TAGS);
                put_text(pen, 2, value, max::TAGS);
            });
        }
    }

    fn put_details(&self, pen: &mut Pen, unix_ns: u64) {
        if let Some(trace) = &self.trace {
            nested(pen, 22, |pen| {
                put_text(pen, 1, trace.trace_id, max::ID);
                put_text(pen, 2, trace.span_id, max::ID);
            });
        }
        put_ulid(pen, 23, self.session);
        put_text(pen, 24, self.x_request_id, max::ID);
        if let Some(tls) = &self.tls {
            put_text(pen, 25, tls.version.as_bytes(), max::ID);
            put_text(pen, 26, tls.cipher.as_bytes(), max::ID);
            put_text(pen, 27, tls.server_name.as_bytes(), max::SERVER_NAME);
            put_text(pen, 28, tls.alpn, max::SERVER_NAME);
        }
        put_text(pen, 29, self.forwarded_for, max::FORWARDED_FOR);
        if let Some(time) = self.request_time {
            let nanos = whole_micros(time).saturating_mul(1_000);
            put_u128(pen, 30, unix_ns.saturating_sub(nanos).into());
        }
    }
}

fn key(pen: &mut Pen, field: u64, wire_type: u64) {
    pen.varint(field << 3 | wire_type);
}

/// Nothing when it is empty.
fn put_text(pen: &mut Pen, field: u64, text: &[u8], max: usize) {
    if !text.is_empty() {
        nested(pen, field, |pen| escape::<Text>(text, max, pen));
    }
}

fn nested(pen: &mut Pen, field: u64, write: impl FnOnce(&mut Pen)) {
    key(pen, field, BYTES);
    pen.delimited(write);
}

fn put_number(pen: &mut Pen, field: u64, number: u64) {
    key(pen, field, VARINT);
    pen.varint(number);
}

fn put_micros(pen: &mut Pen, field: u64, time: Option<Duration>) {
    if let Some(time) = time {
        put_number(pen, field, whole_micros(time));
    }
}

fn put_u128(pen: &mut Pen, field: u64, number: u128) {
    nested(pen, field, |pen| {
        put_number(pen, 1, number as u64);
        put_number(pen, 2, (number >> 64) as u64);
    });
}

/// The halves of a ULID are exchanged.
fn put_ulid(pen: &mut Pen, field: u64, id: Option<&Ulid>) {
    if let Some(id) = id {
        put_u128(pen, field, ulid_bits(id).rotate_left(64));
    }
}

/// The number that an identity is.
fn ulid_bits(id: &Ulid) -> u128 {
    id.iter().fold(0, |bits, &digit| bits << 5 | u128::from(VALUES[usize::from(digit)]))
}

/// What a digit of Crockford's base 32 is worth.
static VALUES: [u8; 256] = {
    let digits = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    let mut values = [0; 256];
    let mut value = 0;
    while value < digits.len() {
        values[digits[value] as usize] = value as u8;
        value += 1;
    }
    values
};

fn put_address(pen: &mut Pen, field: u64, address: Option<SocketAddr>) {
    let Some(address) = address else { return };
    nested(pen, field, |pen| {
        nested(pen, 1, |pen| match address.ip() {
            IpAddr::V4(ip) => {
                key(pen, 1, FIXED32);
                pen.block(&ip.to_bits().to_le_bytes(), 4);
            }
            IpAddr::V6(ip) => put_u128(pen, 2, ip.to_bits()),
        });
        put_number(pen, 2, address.port().into());
    });
}
